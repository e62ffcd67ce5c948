"""The kinds of values in `gitops-bot.yaml`: how each is read, the error for an invalid one, and its JSON Schema.

Each kind reads the raw text itself, so that `1.10` stays the tag `1.10` and errors use the terms of the setting. The
regular expressions serve both the reader and the schema, in the dialect that Python and JSON Schema (ECMA 262) share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ConfigDict, Field
from pydantic_core import PydanticCustomError, core_schema

from gitops_bot.config.document import Scalar
from gitops_bot.images import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.fields import FieldInfo
    from pydantic_core import CoreSchema

#: The type of every error raised here; its context has the message and the next step.
INVALID = "invalid"
#: In a next step, this becomes the setting with its example.
EXAMPLE = "`EXAMPLE`"
_AS_IN = f"as in {EXAMPLE}"
#: What all mappings share: no other key, and no copy of the file in an error.
STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)

_SEGMENT = (
    r"(?:\*\*|(?!\.\.?(?:/|$)|[^/]*\{[^/]*\{)"
    r"(?:[^*?{}\[\]\\/\x00-\x1f\x7f]|\?|\*(?!\*)|\{[A-Za-z_][A-Za-z0-9_]{0,59}\})+)"
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
IMAGE_WORDS = "must be the name of an entry or an image repository"
#: A line that is not blank.
WORDS = rf"^(?=.*\S){_VISIBLE}{{1,500}}$"
#: These two labels are reserved for people (GitHub ignores case).
LABEL = rf"^(?![Hh][Oo][Ll][Dd]$|[Hh][Aa][Nn][Dd]-[Bb][Aa][Cc][Kk]$){_VISIBLE}{{1,50}}$"
#: `all` is the default group; `rollback-` and `rollback-failed-` begin those of rollbacks. Their branches are reserved.
_RESERVED = r"[Rr][Oo][Ll][Ll][Bb][Aa][Cc][Kk]|[Ff][Aa][Ii][Ll][Ee][Dd]"
GROUP = rf"^(?![Aa][Ll][Ll]$|(?:{_RESERVED})[._-])[A-Za-z0-9][A-Za-z0-9._-]{{0,59}}$"
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
VARIABLE = r"^(?!gh[a-z]_|[a-z]{4,12}_pat_[A-Za-z0-9]{16})[A-Za-z_][A-Za-z0-9_]{0,200}$"


@dataclass(frozen=True, slots=True)
class Leaf:
    """How a value is read, and its JSON Schema: what `Annotated` takes after the type."""

    read: Callable[[Any], object]
    schema: Callable[[], Mapping[str, Any]]

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema())


def about(description: str, *examples: Any, **schema: Any) -> FieldInfo:
    """What a setting is for, with examples, for editors and the reference; `schema` adds to its JSON Schema."""
    setting: FieldInfo = Field(description=description, examples=list(examples), json_schema_extra=schema or None)
    return setting


def invalid(message: str, advice: str = _AS_IN) -> PydanticCustomError:
    """An error: the message after the name of the key, and the next step."""
    return PydanticCustomError(INVALID, "invalid", {"message": message, "next": advice})


def quote(value: str) -> str:
    """A user's value for a message: shortened, with control characters escaped."""
    return repr(str(value[:60])) + ("..." if len(value) > 60 else "")


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word that was probably meant."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:60], list(known), n=1, cutoff=likeness)), None)


def text(
    requirement: str,
    pattern: str = LINE,
    *,
    secret: bool = False,
    parse: Callable[[str], object] = str,
    check: Callable[[str], object] = str,
    schema: Mapping[str, Any] | None = None,
) -> Leaf:
    """Text that matches a pattern, and that `parse` reads; that or `check` refuses it with a ValueError.

    A `secret` is not quoted.

    A plain number is taken by its raw text where the pattern allows one. `schema` says in the JSON Schema what `parse`
    explains better to people.
    """

    def read(value: object) -> object:
        scalar = _scalar(value)
        if scalar.kind == "truth":
            raise invalid(f"must be text, but YAML reads {scalar} as true or false", f'put it in quotes: "{scalar}"')
        written = _match(pattern, scalar, requirement, secret=secret)
        try:
            check(written)
            return parse(written)
        except PydanticCustomError:
            raise  # it has its own message
        except ValueError as error:
            raise invalid(f"is not valid: {error}") from None

    def json_schema() -> Mapping[str, Any]:
        numbers = ["number"] if re.match(pattern, "1.5") else ["integer"] if re.match(pattern, "1") else []
        return {"type": ["string", *numbers] if numbers else "string", "pattern": pattern, **(schema or {})}

    return Leaf(read, json_schema)


def key(requirement: str, pattern: str = NAME) -> Leaf:
    """A key that the user chooses."""
    return Leaf(lambda value: _match(pattern, value, requirement), lambda: {"type": "string", "pattern": pattern})


def choice(literal: object) -> Leaf:
    """One of the words of a `Literal`."""
    values = get_args(literal)
    known = " or ".join(", ".join(values).rsplit(", ", 1))

    def read(value: object) -> str:
        scalar = _scalar(value)
        if scalar in values:
            return str(scalar)
        raise _not_among(scalar, known, values)

    return Leaf(read, lambda: {"enum": list(values)})


def truth(*others: str) -> Leaf:
    """True or false, or one of the `others`."""
    known = " or ".join(", ".join(("true", "false", *others)).rsplit(", ", 1))

    def read(value: object) -> bool | str:
        scalar = _scalar(value)
        if scalar.kind == "truth":
            return scalar.lower() == "true"
        if scalar in others:
            return str(scalar)
        if scalar.lower() in ("yes", "no", "on", "off", "y", "n"):
            raise invalid(f"must be {known}; {scalar} is text in YAML 1.2", f"write {EXAMPLE}")
        if scalar.kind == "text" and scalar.lower() in ("true", "false"):
            raise invalid(f"must be {known}; in quotes it is text", "remove the quotes")
        raise _not_among(scalar, known, others)

    return Leaf(read, lambda: {"enum": [False, True, *others]} if others else {"type": "boolean"})


def number(least: int, most: int, *, per_second: bool = False) -> Leaf:
    """A whole number from `least` to `most`, or any number of requests `per_second` that is over `least`."""
    requirement = f"must be a whole number from {least} to {most}"
    schema = {"type": "integer", "minimum": least, "maximum": most}
    if per_second:
        requirement = f"must be a number of requests a second, over {least} and at most {most}"
        schema = {"type": "number", "exclusiveMinimum": least, "maximum": most}

    def read(value: object) -> float:
        scalar = _scalar(value)
        number = _number(scalar, requirement)
        if not least <= number <= most or (number == least if per_second else number != int(number)):
            raise invalid(f"{requirement}, not {quote(scalar)}")
        return number if per_second else int(number)

    return Leaf(read, lambda: schema)


def _version(value: object) -> int:
    scalar = _scalar(value)
    if scalar.kind == "text" and scalar == "1":
        raise invalid("must be the number 1, and in quotes it is text", "write `version: 1`")
    if scalar.kind != "number" or _number(scalar, "must be 1") != 1:
        raise invalid(f"must be 1, not {quote(scalar)}", "write `version: 1`; a newer format needs a newer gitops-bot")
    return 1


#: The version of the format; so far there is only one.
VERSION = Leaf(_version, lambda: {"const": 1})


def no_value() -> PydanticCustomError:
    """An error: the key stands alone."""
    return invalid("has no value", f"{_AS_IN}, or remove the line")


def _scalar(value: object) -> Scalar:
    if not isinstance(value, Scalar):
        shape = "a list" if isinstance(value, list) else "a mapping"
        raise invalid(f"must be a single value, not {shape}")
    if value.kind == "nothing":
        raise no_value()
    return value


def _not_among(scalar: Scalar, known: str, values: Sequence[str]) -> PydanticCustomError:
    close = nearest(scalar, values)
    return invalid(f"must be {known}, not {quote(scalar)}", f"did you mean `{close}`?" if close else _AS_IN)


def _match(pattern: str, value: str, requirement: str, *, secret: bool = False) -> str:
    # Unlike in ECMA 262, `$` in Python also matches before a final line break.
    if re.match(pattern.replace("$", r"\Z"), value) is None:
        raise invalid(requirement if secret else f"{requirement}, not {quote(value)}")
    return str(value)


def _number(scalar: Scalar, requirement: str) -> float:
    """The number that YAML 1.2 reads; infinity and NaN are in no range."""
    if scalar.kind != "number" or len(scalar) > 40:
        advice = "remove the quotes" if scalar.isdecimal() and scalar.kind == "text" else _AS_IN
        raise invalid(f"{requirement}, not {quote(scalar)}", advice)
    if scalar[:2] in ("0x", "0o"):
        return float(int(scalar, 0))
    return float(scalar.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _check_names(glob: str) -> None:
    names = re.findall(r"\{[^{}]*\}", glob)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` is in it twice")


#: A path with wildcards to directories with pins.
OVERLAY = text(
    "must be a path from the repository root, with `*`, `?`, `**` or `{name}` (once in a part; no `..`, no `[...]`, no "
    "leading `/`)",
    GLOB,
    check=_check_names,
)
#: A duration: `90s`, `2h`, `1d12h`, and `0`, which YAML reads as a number.
DURATION = text(
    "",
    r"^[\s\S]*$",
    parse=duration.parse,
    schema={"type": ["string", "integer"], "pattern": SPAN, "minimum": 0, "maximum": 0},
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of as many items; with `once`, repetitions are dropped, and where items are `distinct`, they are refused.

    With `or_one`, a single value may stand instead of a list of it. The schema states a `most` only where it is given.
    """

    least: int = 0
    most: int | None = None
    once: bool = False
    distinct: bool = False
    or_one: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        read = core_schema.no_info_before_validator_function(self._check, handler(source))
        return core_schema.no_info_after_validator_function(_once, read) if self.once else read

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds = {"minItems": self.least or None, "maxItems": self.most, "uniqueItems": self.distinct or None}
        several = {**handler(core), **{name: bound for name, bound in bounds.items() if bound is not None}}
        return {"oneOf": [several["items"], several]} if self.or_one else several

    def _check(self, value: object) -> object:
        most = 1000 if self.most is None else self.most
        if self.or_one and not isinstance(value, list):
            return [value]
        if isinstance(value, Scalar) and value.kind == "nothing":
            raise no_value()
        if not isinstance(value, list):
            raise invalid("must be a list")
        items = [item for item in value if isinstance(item, str)] if self.distinct else []
        twice = next((item for at, item in enumerate(items) if item in items[:at]), None)
        if twice is not None:
            raise invalid(f"has {quote(twice)} twice", "remove one of the two")
        if len(value) < self.least:
            raise invalid("must not be an empty list")
        if len(value) > most:
            raise invalid(f"has {len(value)} items, and the limit is {most}", "keep only the ones you need")
        return value


def _once(items: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(items))
