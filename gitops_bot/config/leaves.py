"""The kinds of values in `gitops-bot.yaml`: how each is read, the error for an invalid one, and its JSON Schema.

Each kind reads the raw text itself, so that `1.10` stays the tag `1.10` and errors use the terms of the setting. The
regular expressions serve both the reader and the schema, in the dialect that Python and JSON Schema (ECMA 262) share.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from gitops_bot.config.document import Scalar
from gitops_bot.images import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: In a next step, this becomes the setting with its example.
EXAMPLE = "`EXAMPLE`"
#: Keys that hold secrets elsewhere; no setting is called so.
SECRETS = ("auth", "passphrase", "password", "secret", "token")
_AS_IN = f"as in {EXAMPLE}"

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


class Leaf(NamedTuple):
    """How a value is read, and its JSON Schema: what `Annotated` takes after the type."""

    read: Callable[[Any], object]
    schema: Callable[[], Mapping[str, Any]]


class About(NamedTuple):
    """What a setting is for, with examples, for editors, messages and the reference; `more` adds to its schema."""

    description: str
    examples: tuple[Any, ...]
    more: Mapping[str, Any]

    @property
    def shown(self) -> list[Any]:
        """The examples, with the keys of mappings in order."""
        return list(map(_ordered, self.examples))


def _ordered(value: Any) -> Any:
    match value:
        case dict():
            return {key: _ordered(item) for key, item in sorted(value.items())}
        case list():
            return list(map(_ordered, value))
        case _:
            return value


def about(description: str, *examples: Any, **more: Any) -> About:
    """What `Annotated` takes for a setting."""
    return About(description, examples, more)


class WrongError(ValueError):
    """A value is wrong: the message after the name of its key, and the next step."""

    def __init__(self, message: str, advice: str = _AS_IN) -> None:
        super().__init__(message)
        self.message, self.advice = message, advice


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
    advice: str = _AS_IN,
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
            raise WrongError(f"must be text, but YAML reads {scalar} as true or false", f'put it in quotes: "{scalar}"')
        written = _match(pattern, scalar, requirement, secret=secret, advice=advice)
        try:
            check(written)
            return parse(written)
        except WrongError:
            raise  # it has its own message
        except ValueError as error:
            raise WrongError(f"is not valid: {error}") from None

    def json_schema() -> Mapping[str, Any]:
        numbers = ["number"] if re.match(pattern, "1.5") else ["integer"] if re.match(pattern, "1") else []
        return {"type": ["string", *numbers] if numbers else "string", "pattern": pattern, **(schema or {})}

    return Leaf(read, json_schema)


def key(requirement: str, pattern: str = NAME) -> Leaf:
    """A key that the user chooses."""
    return Leaf(lambda value: _match(pattern, value, requirement), lambda: {"type": "string", "pattern": pattern})


@cache
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


@cache
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
            raise WrongError(f"must be {known}; {scalar} is text in YAML 1.2", f"write {EXAMPLE}")
        if scalar.kind == "text" and scalar.lower() in ("true", "false"):
            raise WrongError(f"must be {known}; in quotes it is text", "remove the quotes")
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
            raise WrongError(f"{requirement}, not {quote(scalar)}")
        return number if per_second else int(number)

    return Leaf(read, lambda: schema)


def _version(value: object) -> int:
    scalar = _scalar(value)
    if scalar.kind == "text" and scalar == "1":
        raise WrongError("must be the number 1, and in quotes it is text", "write `version: 1`")
    if scalar.kind != "number" or _number(scalar, "must be 1") != 1:
        advice = "write `version: 1`; a newer format needs a newer gitops-bot"
        raise WrongError(f"must be 1, not {quote(scalar)}", advice)
    return 1


#: The version of the format; so far there is only one.
VERSION = Leaf(_version, lambda: {"const": 1})


def no_value() -> WrongError:
    """An error: the key stands alone."""
    return WrongError("has no value", f"{_AS_IN}, or remove the line")


def _scalar(value: object) -> Scalar:
    if not isinstance(value, Scalar):
        shape = "a list" if isinstance(value, list) else "a mapping"
        raise WrongError(f"must be a single value, not {shape}")
    if value.kind == "nothing":
        raise no_value()
    return value


def _not_among(scalar: Scalar, known: str, values: Sequence[str]) -> WrongError:
    close = nearest(scalar, values)
    return WrongError(f"must be {known}, not {quote(scalar)}", f"did you mean `{close}`?" if close else _AS_IN)


def _match(pattern: str, value: str, requirement: str, *, secret: bool = False, advice: str = _AS_IN) -> str:
    # Unlike in ECMA 262, `$` in Python also matches before a final line break.
    if re.match(pattern.replace("$", r"\Z"), value) is None:
        raise WrongError(requirement if secret else f"{requirement}, not {quote(value)}", advice)
    return str(value)


def _number(scalar: Scalar, requirement: str) -> float:
    """The number that YAML 1.2 reads; infinity and NaN are in no range."""
    if scalar.kind != "number" or len(scalar) > 40:
        advice = "remove the quotes" if scalar.isdecimal() and scalar.kind == "text" else _AS_IN
        raise WrongError(f"{requirement}, not {quote(scalar)}", advice)
    if scalar[:2] in ("0x", "0o"):
        return float(int(scalar, 0))
    return float(scalar.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _check_names(glob: str) -> None:
    names = re.findall(r"\{[^{}]*\}", glob)
    if (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
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


class Listed(NamedTuple):
    """A list of as many items; with `once`, repetitions are dropped, and where items are `distinct`, they are refused.

    With `or_one`, a single value may stand instead of a list of it. The schema states a `most` only where it is given.
    """

    least: int = 0
    most: int | None = None
    once: bool = False
    distinct: bool = False
    or_one: bool = False

    def items(self, value: Any) -> Sequence[Any]:
        """The items of a value.

        Raises:
            WrongError: it is no such list.
        """
        most = 1000 if self.most is None else self.most
        if self.or_one and not isinstance(value, list):
            return (value,)
        if isinstance(value, Scalar) and value.kind == "nothing":
            raise no_value()
        if not isinstance(value, list):
            raise WrongError("must be a list")
        items = [item for item in value if isinstance(item, str)] if self.distinct else []
        if (twice := next((item for at, item in enumerate(items) if item in items[:at]), None)) is not None:
            raise WrongError(f"has {quote(twice)} twice", "remove one of the two")
        if len(value) < self.least:
            raise WrongError("must not be an empty list")
        if len(value) > most:
            raise WrongError(f"has {len(value)} items, and the limit is {most}", "keep only the ones you need")
        return value


class Either(NamedTuple):
    """Of the types of a union, the one that a value is of, by its number; None if it is of none."""

    choose: Callable[[object], int | None]
