"""Ranges of versions, in the grammar and meaning of Masterminds/semver v3 (Helm, Flux, Argo CD Image Updater).

    range   = group *( "||" group )
    group   = term *( ( spaces / "," ) term )            all terms of a group hold
    term    = [ operator ] version / version " - " version
    version = [ "v" ] part [ "." part [ "." part ] ] [ "-" pre-release ] [ "+" metadata ]     part: digits, x, X or *

Operators: none and `=` (`1.2` is `~1.2`, `1.2.3` is itself), `!=`, `>`, `>=` `=>`, `<`, `<=` `=<`, `~` `~>`, `^`. A
part that is missing or a wildcard leaves the rest open: `>1.2` starts at 1.3.0, `<=1.2` ends below 1.3.0. Metadata
is ignored. A group admits pre-releases where one of its terms names one (`>=1.0-0`).

One difference is ours: `<2.0.0` does not admit `2.0.0-rc.1`, which nobody means by it, unless the group itself
starts at a pre-release of 2.0.0.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from gitops_bot.images.version import RELEASE, Bound, Key, Pre, precedence

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMIT: Final = 512
_SPACE: Final = r"[ \t\n\f\r]"
_PART: Final = r"([0-9]+|[xX*])"
_WORDS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"v?{_PART}(?:\.{_PART}(?:\.{_PART})?)?(?:-({_WORDS}))?(?:\+{_WORDS})?")
_OPERATOR = re.compile(rf"(?:=>|=<|>=|<=|!=|~>|[=><~^]|){_SPACE}*")
_HYPHEN = re.compile(rf"{_SPACE}+-{_SPACE}+")
_BETWEEN = re.compile(rf"{_SPACE}*,{_SPACE}*|{_SPACE}+")
_SPACES = re.compile(rf"{_SPACE}*")
_TOP: Bound = (math.inf,)


@dataclass(frozen=True, slots=True)
class _Stated:
    """A version as a range states it: the numbers before the first open part, and the pre-release if it names one."""

    numbers: tuple[int, ...]
    pre: Pre | None

    @property
    def key(self) -> Key:
        major, minor, patch = (*self.numbers, 0, 0, 0)[:3]
        return (major, minor, patch, RELEASE if self.pre is None else self.pre)


@dataclass(frozen=True, slots=True)
class _Term:
    """What one term admits: keys from `low` up to, not including, `high`, without the one it excludes.

    `below` marks the operator `<` with a release, whose pre-releases are in question.
    """

    low: Bound = ()
    high: Bound = _TOP
    excluded: tuple[Bound, Pre | None] | None = None
    below: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    low: Bound
    high: Bound
    excluded: tuple[tuple[Bound, Pre | None], ...]
    prereleases: bool

    def inside(self, keys: Sequence[Key], prereleases: bool) -> tuple[list[int], list[int]]:
        low, high = self.low, self.high
        admitted = [at for at, key in enumerate(keys) if low <= key < high]
        for numbers, pre in self.excluded:
            admitted = [
                at for at in admitted if keys[at][: len(numbers)] != numbers or (pre is not None and keys[at][3] != pre)
            ]
        if prereleases or self.prereleases:
            return admitted, admitted
        return admitted, [at for at in admitted if keys[at][3] == RELEASE]


@dataclass(frozen=True, slots=True)
class Range:
    """A set of versions, as written in `expression`."""

    expression: str
    groups: tuple[_Group, ...]

    def within(self, keys: Sequence[Key], *, prereleases: bool = False) -> tuple[list[int], list[int]]:
        """Where in `keys` the versions stand that are within the bounds, and of these the ones that are admitted.

        In no order. `prereleases` lets every group admit pre-releases. All keys at once, because a call for each costs
        as much as all the rest of choosing.
        """
        groups = [group.inside(keys, prereleases) for group in self.groups]
        if len(groups) == 1:
            return groups[0]
        bounds, inside = (list(set().union(*part)) for part in zip(*groups, strict=True))
        return bounds, inside


@lru_cache(maxsize=1024)
def parse(expression: str) -> Range:
    """Read a range.

    Raises:
        ValueError: not of the grammar above; the message shows the place.
    """
    if len(expression) > _LIMIT:
        raise ValueError(f"a range of versions has at most {_LIMIT} characters, not {len(expression)}")
    group, at = _group(expression, 0)
    groups = [group]
    while at < len(expression):
        group, at = _group(expression, at + len("||"))
        groups.append(group)
    return Range(" ".join(expression.split()), tuple(groups))


def _group(text: str, at: int) -> tuple[_Group, int]:
    """The group that starts at `at`, and where it ends: at `||` or at the end of the text."""
    terms: list[_Term] = []
    named = False
    at = _after(_SPACES, text, at)
    while True:
        start = _after(_OPERATOR, text, at)
        operator = text[at:start].rstrip()
        first, end = _version(text, start, operator)
        versions = [first]
        hyphen = _HYPHEN.match(text, end)
        if hyphen and operator:
            raise _wrong(text, end, f"a range such as 1.0 - 2.0 takes no operator, so {operator} cannot precede it")
        if hyphen:
            last, end = _version(text, hyphen.end(), "-")
            versions.append(last)
            terms += _term(">=", first), _term("<=", last)
        else:
            terms.append(_term(operator, first))
        named = named or any(version.pre is not None for version in versions)
        at = _after(_SPACES, text, end)
        if at == len(text) or text.startswith("||", at):
            return _merged(terms, named), at
        at = _after(_BETWEEN, text, end)
        if at == end:
            raise _wrong(text, end, "expected a space, a comma or || after the version")


def _version(text: str, at: int, operator: str) -> tuple[_Stated, int]:
    match = _VERSION.match(text, at)
    if match is None:
        where = f"after {operator}" if operator else "here"
        raise _wrong(text, at, f"expected a version such as 1.2.3 or 1.x {where}")
    numbers: list[int] = []
    for part in match.groups()[:3]:
        if part is None or not part.isdecimal():
            break  # what follows an open part (1.x.3) counts for nothing
        numbers.append(int(part))
    pre = precedence(match[4]) if match[4] else None
    if match[4] and pre is None:
        raise _wrong(text, match.start(4), "a number in a pre-release has no leading zero")
    return _Stated(tuple(numbers), pre), match.end()


def _term(operator: str, version: _Stated) -> _Term:
    """The bounds of one term; the cases are those of Masterminds' constraint functions, quirks of `*` included."""
    key, numbers = version.key, version.numbers
    full, partial = len(numbers) == 3, len(numbers) in (1, 2)
    match operator:
        case ">=" | "=>":
            return _Term(low=key)
        case ">":
            return _Term(low=_next(numbers) if partial else (*key, 0))
        case "<":
            return _Term(high=key, below=version.pre is None)
        case "<=" | "=<":
            return _Term(high=(*key, 0) if full else _next(numbers or (0, 0)))
        case "!=" if partial:
            # `!=1` excludes all of 1, `!=1.2` the releases of 1.2 alone, `!=1.2-rc` those pre-releases alone.
            return _Term(excluded=(numbers, key[3] if len(numbers) == 2 else None))
        case "!=":
            return _Term(excluded=(key, None))
        case "^":
            return _Term(key, _next(_fixed_by_caret(numbers)))
        case _ if full and operator in ("", "="):
            return _Term(key, (*key, 0))
        case _ if key[:3] == (0, 0, 0) and not partial:
            return _Term(low=key)  # *, ~* and ~0.0.0 admit everything
        case _:
            return _Term(key, _next(numbers[:2]))


def _fixed_by_caret(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """What `^` keeps: up to the first number that is not zero, else all that is stated (`^*` is read as `^0.0.0`)."""
    for count, number in enumerate(numbers, start=1):
        if number > 0:
            return numbers[:count]
    return numbers or (0, 0, 0)


def _next(numbers: tuple[int, ...]) -> Bound:
    """The floor under the versions that follow all those which begin with these numbers."""
    return (*(*numbers[:-1], numbers[-1] + 1, 0, 0)[:3], ())


def _merged(terms: list[_Term], prereleases: bool) -> _Group:
    low = max(term.low for term in terms)
    high = min(
        # Without its pre-releases (the floor), unless the group starts among them.
        (*term.high[:3], ()) if term.below and low[:3] != term.high[:3] else term.high
        for term in terms
    )
    return _Group(low, high, tuple(term.excluded for term in terms if term.excluded), prereleases)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _wrong(text: str, at: int, why: str) -> ValueError:
    """The error, with the place marked in the text: `'>=1.0 <' HERE ' 3'`."""
    where = f"at the end of {text!r}" if at >= len(text) else f"at character {at + 1}: {text[:at]!r} HERE {text[at:]!r}"
    return ValueError(f"not a range of versions: {why}, {where}")
