"""The scalar values of `gitops-bot.yaml`: how each is read, the error for an invalid one, and its JSON Schema.

Every leaf has its own function that reads the raw text, so that `1.10` stays the tag `1.10` and errors use the terms of
the field. The regular expressions serve both the reader and the schema, in the dialect that Python and JSON Schema
(ECMA 262) share.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from gitops_bot.config.places import Scalar
from gitops_bot.images import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

#: How a value is read, and its JSON Schema: what `Annotated` takes after the type.
Leaf = tuple[PlainValidator, WithJsonSchema]
#: The type of every error raised here; its context has the message and the advice.
TOLD = "told"

_SEGMENT = (
    r"(?:\*\*|\{[A-Za-z_][A-Za-z0-9_]{0,59}\}"
    r"|(?!\.\.?(?:/|$))(?:[^*?{}\[\]\\/\x00-\x1f\x7f]|\?|\*(?!\*))+)"
)
#: The globs of `releases.overlays`, as one expression.
GLOB = rf"^(?=.{{1,500}}$)(?:\./)*(?:\.|{_SEGMENT}(?:/{_SEGMENT})*)/?$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$"
TAG = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
#: A host as in an image reference: with a dot or a port, so that it cannot be part of a path.
HOST = (
    r"^(?:localhost|[A-Za-z0-9](?:[A-Za-z0-9-]*\.[A-Za-z0-9.-]*)[A-Za-z0-9]"
    r"|(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?=:))(?::[0-9]{1,5})?$"
)
#: No control characters, and nothing that counts as a line break anywhere.
_VISIBLE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
LINE = rf"^{_VISIBLE}{{1,500}}$"
#: A line that is not blank.
WORDS = rf"^(?=.*\S){_VISIBLE}{{1,500}}$"
#: These two labels are reserved for people (GitHub ignores case).
LABEL = rf"^(?![Hh][Oo][Ll][Dd]$|[Hh][Aa][Nn][Dd]-[Bb][Aa][Cc][Kk]$){_VISIBLE}{{1,50}}$"
#: `all` is the default group, and `rollback-` the prefix of rollback groups: their branches are reserved.
GROUP = r"^(?![Aa][Ll][Ll]$|[Rr][Oo][Ll][Ll][Bb][Aa][Cc][Kk][._-])[A-Za-z0-9][A-Za-z0-9._-]{0,59}$"
_LOGIN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
LOGIN = rf"^{_LOGIN}$"
REVIEWER = rf"^(?:{_LOGIN}|team:(?:{_LOGIN}/)?[a-z0-9_-]{{1,100}})$"
#: https://git-scm.com/docs/git-check-ref-format
BRANCH = r"^(?!@$)(?!-)(?!refs/)(?![./])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)|[./]$))[^\x00-\x20\x7f~^:?*\[\\]{1,200}$"
#: No user or password in an https URL: secrets belong neither in the file nor in what git prints.
REPOSITORY = (
    r"^(?:[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.\.?$)[A-Za-z0-9._-]{1,100}"
    r"|https?://[A-Za-z0-9\[][^\s@\x00-\x1f\x7f]{0,1000}"
    r"|ssh://(?:[A-Za-z0-9_.]+@)?[A-Za-z0-9\[][^\s@\x00-\x1f\x7f]{0,1000}"
    r"|file:///[^\s\x00-\x1f\x7f]{1,1000}"
    r"|[A-Za-z0-9_.]+@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s@:\x00-\x1f\x7f-][^\s@\x00-\x1f\x7f]{0,1000})$"
)
#: What `duration.parse` accepts, except for its maximum.
SPAN = r"^(?:0|(?=[0-9])(?:[0-9]{1,5}d)?(?:[0-9]{1,6}h)?(?:[0-9]{1,7}m)?(?:[0-9]{1,8}s)?)$"
#: The name of an environment variable; rejects a token pasted by mistake.
VARIABLE = r"^(?!gh[a-z]_|github_pat_)[A-Za-z_][A-Za-z0-9_]{0,200}$"


def told(message: str, advice: str) -> PydanticCustomError:
    """An error: the message after the name of the key, and what to do."""
    return PydanticCustomError(TOLD, "told", {"message": message, "next": advice})


def quoted(value: str) -> str:
    """A user's value for a message: shortened, with control characters escaped."""
    return repr(str(value[:60])) + ("..." if len(value) > 60 else "")


def slug(name: str) -> str:
    """Equal for names that are easily confused and whose branches would have nearly the same name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def text(
    what: str,
    example: str,
    pattern: str = LINE,
    *,
    secret: bool = False,
    check: Callable[[str], object] | None = None,
    schema: str | None = None,
) -> Leaf:
    """Text that matches a pattern, which `check` may refuse with a ValueError. A `secret` is not shown in errors.

    A plain number is taken by its raw text where the form allows one. `schema` is the form that the JSON Schema says
    where it can say more than `pattern`: what `check` has better words for.
    """
    form = _form(pattern)

    def read(value: object) -> str:
        scalar = _scalar(value, example)
        if scalar.kind == "truth":
            raise told(f"must be text, but YAML reads {scalar} as true or false", f'put it in quotes: "{scalar}"')
        found = _checked(form, scalar, what, example, secret=secret)
        try:
            if check is not None:
                check(found)
        except PydanticCustomError:
            raise  # told in words of its own
        except ValueError as error:
            raise told(f"is wrong: {error}", f"as in `{example}`") from None
        return found

    numbers = ["number"] if form.match("1.5") else ["integer"] if form.match("1") else []
    return PlainValidator(read), WithJsonSchema(
        {"type": ["string", *numbers] if numbers else "string", "pattern": schema or pattern}
    )


def key(what: str, example: str, pattern: str = NAME) -> Leaf:
    """A key that the user chooses."""
    form = _form(pattern)
    read = PlainValidator(lambda value: _checked(form, value, what, example))
    return read, WithJsonSchema({"type": "string", "pattern": pattern})


def choice(example: str, *values: str) -> Leaf:
    """One of these words."""
    known = f"{', '.join(values[:-1])} or {values[-1]}"

    def read(value: object) -> str:
        scalar = _scalar(value, example)
        if scalar in values:
            return str(scalar)
        raise _not_among(scalar, known, values, example)

    return PlainValidator(read), WithJsonSchema({"enum": list(values)})


def truth(example: str, *others: str) -> Leaf:
    """True or false, or one of the `others`."""
    known = " or ".join(", ".join(("true", "false", *others)).rsplit(", ", 1))

    def read(value: object) -> bool | str:
        scalar = _scalar(value, example)
        if scalar.kind == "truth":
            return scalar.lower() == "true"
        if scalar in others:
            return str(scalar)
        if scalar.lower() in ("yes", "no", "on", "off", "y", "n"):
            raise told(f"must be {known}; {scalar} is text in YAML 1.2", f"write `{example}`")
        if scalar.kind == "text" and scalar.lower() in ("true", "false"):
            raise told(f"must be {known}; in quotes it is text", "remove the quotes")
        raise _not_among(scalar, known, others, example)

    return PlainValidator(read), WithJsonSchema({"enum": [False, True, *others]} if others else {"type": "boolean"})


def integer(example: str, least: int, most: int) -> Leaf:
    """A whole number."""

    def read(value: object) -> int:
        scalar = _scalar(value, example)
        number = _number(scalar, f"must be a whole number from {least} to {most}", example)
        if not least <= number <= most or number != int(number):
            raise told(f"must be a whole number from {least} to {most}, not {quoted(scalar)}", f"as in `{example}`")
        return int(number)

    return PlainValidator(read), WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def rate(example: str, most: int) -> Leaf:
    """A number per second, over 0."""

    def read(value: object) -> float:
        scalar = _scalar(value, example)
        what = f"must be a number of requests a second, over 0 and at most {most}"
        number = _number(scalar, what, example)
        if not 0 < number <= most:
            raise told(f"{what}, not {quoted(scalar)}", f"as in `{example}`")
        return number

    return PlainValidator(read), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": most})


def span(example: str) -> Leaf:
    """A duration: `90s`, `2h`, `1d12h`, and `0`, which YAML reads as a number."""

    def read(value: object) -> timedelta:
        scalar = _scalar(value, example)
        try:
            return duration.parse(scalar)
        except ValueError as error:
            raise told(f"is wrong: {error}", f"as in `{example}`") from None

    return PlainValidator(read), WithJsonSchema(
        {"type": ["string", "integer"], "pattern": SPAN, "minimum": 0, "maximum": 0}
    )


def _version(value: object) -> int:
    scalar = _scalar(value, "version: 1")
    if scalar.kind == "text" and scalar == "1":
        raise told("must be the number 1, and in quotes it is text", "write `version: 1`")
    if scalar.kind != "number" or _number(scalar, "must be 1", "version: 1") != 1:
        raise told(f"must be 1, not {quoted(scalar)}", "write `version: 1`; a newer format needs a newer gitops-bot")
    return 1


#: The version of the format; so far there is only one.
VERSION = (PlainValidator(_version), WithJsonSchema({"const": 1}))


def listed(example: str, *, least: int = 0, most: int = 1000) -> BeforeValidator:
    """A list, never a single value instead."""

    def read(value: object) -> object:
        if isinstance(value, Scalar) and value.kind == "nothing":
            raise told("has no value", f"as in `{example}`, or remove the line")
        if not isinstance(value, list):
            raise told("must be a list", f"as in `{example}`")
        if len(value) < least:
            raise told("must not be an empty list", f"as in `{example}`")
        if len(value) > most:
            raise told(f"has {len(value)} items, and the limit is {most}", "keep only the ones you need")
        return value

    return BeforeValidator(read)


def _form(pattern: str) -> re.Pattern[str]:
    # Unlike in ECMA 262, `$` in Python also matches before a final line break.
    return re.compile(pattern.replace("$", r"\Z"))


def _scalar(value: object, example: str) -> Scalar:
    if not isinstance(value, Scalar):
        shape = "a list" if isinstance(value, list) else "a mapping"
        raise told(f"must be a single value, not {shape}", f"as in `{example}`")
    if value.kind == "nothing":
        raise told("has no value", f"as in `{example}`, or remove the line")
    return value


def _not_among(scalar: Scalar, known: str, values: Sequence[str], example: str) -> PydanticCustomError:
    close = get_close_matches(scalar[:60], values, n=1)
    return told(
        f"must be {known}, not {quoted(scalar)}", f"did you mean `{close[0]}`?" if close else f"as in `{example}`"
    )


def _checked(form: re.Pattern[str], value: str, what: str, example: str, *, secret: bool = False) -> str:
    if form.match(value) is None:
        raise told(what if secret else f"{what}, not {quoted(value)}", f"as in `{example}`")
    return str(value)


def _number(scalar: Scalar, what: str, example: str) -> float:
    """The number that YAML 1.2 reads; infinity and NaN are in no range."""
    if scalar.kind != "number" or len(scalar) > 40:
        hint = "remove the quotes" if scalar.isdecimal() and scalar.kind == "text" else f"as in `{example}`"
        raise told(f"{what}, not {quoted(scalar)}", hint)
    if scalar[:2] in ("0x", "0o"):
        return float(int(scalar, 0))
    return float(scalar.lower().replace(".inf", "inf").replace(".nan", "nan"))
