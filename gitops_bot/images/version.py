"""Versions, ranges of them, and dates in the texts of tags.

A version is read as loosely as by Masterminds/semver v3, and ordered by SemVer 2.0.0, section 11: one to three numbers
joined by dots, with an optional `v` before and an optional pre-release after a hyphen: `1`, `v1.2.3`, `1.2-rc.1`.
Missing numbers are zero and leading zeros of these three count for nothing (`1.02` is `1.2.0`); in a numeric
pre-release identifier they are an error. Numbers of any length compare exactly (Masterminds gives up above 64 bits).

One thing is ordered as people mean it, and not as SemVer says, which compares `rc10` and `rc9` as text: where
pre-release identifiers begin with the same word and digits directly behind it, the number counts, as in `rc9` < `rc10`.

Calendar versions and dates: `2025.01.31-13.45`, `20250131.3`, `2025-01-31T134500Z`, `24.04`.

    calver  = [ "v" ] date *( separator number ) [ "T" time ] [ "Z" ]
    date    = year 1*( separator number )              2025.1, 2025-01-31, 25.04.2
            / YYYYMM [ DD [ hhmm [ ss ] ] ]            202501, 20250131, 202501311345
    year    = 1900 to 2199, or two digits: 25 is 2025
    time    = hh [ mm [ ss ] ] *( separator number )   134500, 13-45-00
    separator = "." / "-" / "_"                        T and Z may be small

They are ordered by their numbers from left to right, a missing one below every number: `2025.01` comes before
`2025.01.1`, and `20250131.3` is `2025.01.31-3`. Any other letter makes it none, such as those of a commit or of `rc`.

Ranges of versions, in the grammar and meaning of Masterminds/semver v3 (Helm, Flux, Argo CD Image Updater):

    range   = group *( "||" group )
    group   = term *( ( spaces / "," ) term )            all terms of a group hold
    term    = [ operator ] version / version " - " version
    version = [ "v" ] part [ "." part [ "." part ] ] [ "-" pre-release ] [ "+" metadata ]     part: digits, x, X or *

Operators: none and `=` (`1.2` is `~1.2`, `1.2.3` is itself), `!=`, `>`, `>=` `=>`, `<`, `<=` `=<`, `~` `~>`, `^`. A
part that is missing or a wildcard leaves the rest open: `>1.2` starts at 1.3.0, `<=1.2` ends below 1.3.0. Metadata
is ignored. A group admits pre-releases where one of its terms names one (`>=1.0-0`).

Another difference is ours: `<2.0.0` does not admit `2.0.0-rc.1`, unless the group itself starts at a pre-release of
2.0.0.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Identifiers in precedence: a number is (0, n), a text (1, text), a word with digits behind it (1, the word and a
#: zero, n, the digits and the rest); the zero puts the word where SemVer has it among all others. RELEASE stands above
#: all of them, the empty tuple below: `(2, 0, 0, ())` is the floor under every pre-release of 2.0.0.
Pre = tuple[tuple[Any, ...], ...]
#: Major, minor, patch, pre-release; two versions are in the order of their keys.
Key = tuple[int, int, int, Pre]
#: A place between keys: a key, a floor, or the place just above a key (the key and one more item).
Bound = tuple[Any, ...]

RELEASE: Pre = ((2,),)
_COUNTED = re.compile(r"([A-Za-z-]++)([0-9]++)(.*)", re.ASCII)

# Possessive repeats: what one part has taken is never tried again, so the time is linear in the text. The groups are
# not possessive: before 3.11.5 Python reads on behind a part of such a group, and `0.` would be a version.
_VERSION = r"(v?+)([0-9]++)(?:\.([0-9]++)(?:\.([0-9]++))?)?(?:-([0-9A-Za-z.-]++))?"
_ONE = re.compile(rf"{_VERSION}\Z", re.ASCII)
# Every line matches, if only by the second branch, so that the answers stay aligned with the lines.
_LINES = re.compile(rf"^(?:{_VERSION}$|.*)", re.ASCII | re.MULTILINE)

#: Texts of one scan.
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its `key` in the order, and its spelling (`prefix` is `v` or empty, `parts` is 1 to 3)."""

    key: Key
    prefix: str
    parts: int


def parse(text: str) -> Version | None:
    """Read one version; None if the text is not one."""
    match = _ONE.match(text)
    if match is None:
        return None
    prefix, major, minor, patch, tail = match.groups("")
    pre = precedence(tail) if tail else RELEASE
    if pre is None:
        return None
    return Version((int(major), int(minor or 0), int(patch or 0), pre), prefix, 1 + bool(minor) + bool(patch))


def precedence(tail: str) -> Pre | None:
    """The precedence of a pre-release such as `rc.1`; None if SemVer does not allow it (`rc..1`, `rc.01`)."""
    words = tail.split(".")
    if any(not word or (word.isdecimal() and word[0] == "0" and len(word) > 1) for word in words):
        return None
    return tuple((0, int(word)) if word.isdecimal() else _identifier(word) for word in words)


def _identifier(text: str) -> tuple[Any, ...]:
    match = _COUNTED.match(text)
    return (1, text) if match is None else (1, f"{match[1]}0", int(match[2]), match[2] + match[3])


def counted(higher: str, lower: str) -> tuple[str, str] | None:
    """The identifiers, such as `rc10` and `rc9`, by which SemVer itself has these two versions the other way round."""
    if (first := parse(higher)) is None or (second := parse(lower)) is None or first.key[:3] != second.key[:3]:
        return None
    pairs = zip(higher.partition("-")[2].split("."), lower.partition("-")[2].split("."), strict=False)
    own, other = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    matches = [_COUNTED.match(own), _COUNTED.match(other)]
    swapped = all(matches) and len({match[1] for match in matches if match}) == 1 and own < other
    return (own, other) if swapped and first.key > second.key else None


def keys(texts: Sequence[str]) -> list[Key | None]:
    """The key of each text, None for those that are no version; the texts hold no line break. One scan over many, as a
    call for each costs three times as much; not over all: the parts of a million versions take 300 MiB.
    """
    number = cache(int)  # the same few numbers fill most lists of versions
    tails: dict[str, Pre | None] = {"": RELEASE}
    parsed: list[Key | None] = []
    for start in range(0, len(texts), _AT_ONCE):
        for _, major, minor, patch, tail in _LINES.findall("\n".join(texts[start : start + _AT_ONCE])):
            if tail not in tails:
                tails[tail] = precedence(tail)
            pre = tails[tail]
            if not major or pre is None:
                parsed.append(None)
            else:
                parsed.append((number(major), number(minor or "0"), number(patch or "0"), pre))
    return parsed


_LATER: Final = r"((?:[._-][0-9]+)*)"
_DATE = re.compile(
    rf"""v?(?:
      ((?:19|20|21)[0-9]{{2}}|[0-9]{{2}})((?:[._-][0-9]+)+)
    | ((?:19|20|21)[0-9]{{2}}(?:0[1-9]|1[0-2])
        (?:(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)?)?){_LATER}
    )(?:[Tt]((?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9])?)?){_LATER})?[Zz]?\Z""",
    re.ASCII | re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def parse_date(text: str) -> tuple[int, ...] | None:
    """The numbers of a calendar version from left to right, by which it is ordered; None if the text is not one."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, rest, compact, later, time, after = match.groups("")
    numbers = [int(compact[:4]), *_pairs(compact[4:])] if compact else [int(year) + 2000 * (len(year) == 2)]
    if rest or later:
        numbers += map(int, _NUMBER.findall(rest or later))
    if time:
        numbers += [*_pairs(time), *map(int, _NUMBER.findall(after))]
    return tuple(numbers)


def _pairs(digits: str) -> list[int]:
    return [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]


_LIMIT: Final = 512
_SPACE: Final = r"[ \t\n\f\r]"
_PART: Final = r"([0-9]+|[xX*])"
_WORDS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_STATED = re.compile(rf"v?{_PART}(?:\.{_PART}(?:\.{_PART})?)?(?:-({_WORDS}))?(?:\+{_WORDS})?")
_OPERATOR = re.compile(rf"(?:=>|=<|>=|<=|!=|~>|[=><~^]|){_SPACE}*")
_HYPHEN = re.compile(rf"{_SPACE}+-{_SPACE}+")
_BETWEEN = re.compile(rf"{_SPACE}*,{_SPACE}*|{_SPACE}+")
_SPACES = re.compile(rf"{_SPACE}*")
_TOP: Bound = (math.inf,)


@dataclass(frozen=True, slots=True)
class _Stated:
    """A version as a range states it: the numbers before the first open part, and the pre-release if it names one.

    In its `key` the others are zero.
    """

    numbers: tuple[int, ...]
    pre: Pre | None
    key: Key


@dataclass(frozen=True, slots=True)
class _Term:
    """What one term admits: keys from `low` up to, not including, `high`, without the one it excludes. `below` marks
    the operator `<` with a release, whose pre-releases are in question.
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
        groups = []
        for group in self.groups:
            low, high = group.low, group.high
            bounds = [at for at, key in enumerate(keys) if low <= key < high]
            for numbers, pre in group.excluded:
                bounds = [
                    at
                    for at in bounds
                    if keys[at][: len(numbers)] != numbers or (pre is not None and keys[at][3] != pre)
                ]
            is_any = prereleases or group.prereleases
            groups.append((bounds, bounds if is_any else [at for at in bounds if keys[at][3] == RELEASE]))
        if len(groups) == 1:
            return groups[0]
        bounds, inside = (list(set().union(*part)) for part in zip(*groups, strict=True))
        return bounds, inside


@lru_cache(maxsize=1024)
def parse_range(expression: str) -> Range:
    """Read a range. Raises ValueError, which shows the place, for what is not of the grammar above."""
    if len(expression) > _LIMIT:
        raise ValueError(f"a range of versions has at most {_LIMIT} characters, not {len(expression)}")
    groups, at = [], -len("||")
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
            low = max(term.low for term in terms)
            high = min(
                # Without its pre-releases (the floor), unless the group starts among them.
                (*term.high[:3], ()) if term.below and low[:3] != term.high[:3] else term.high
                for term in terms
            )
            return _Group(low, high, tuple(term.excluded for term in terms if term.excluded), named), at
        at = _after(_BETWEEN, text, end)
        if at == end:
            raise _wrong(text, end, "expected a space, a comma or || after the version")


def _version(text: str, at: int, operator: str) -> tuple[_Stated, int]:
    match = _STATED.match(text, at)
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
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    key = (major, minor, patch, RELEASE if pre is None else pre)
    return _Stated(tuple(numbers), pre, key), match.end()


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
            # It keeps all up to the first number that is not zero, else what is stated (`^*` is read as `^0.0.0`).
            kept = next((count for count, number in enumerate(numbers, start=1) if number > 0), len(numbers))
            return _Term(key, _next(numbers[:kept] or (0, 0, 0)))
        case _ if full and operator in ("", "="):
            return _Term(key, (*key, 0))
        case _ if key[:3] == (0, 0, 0) and not partial:
            return _Term(low=key)  # *, ~* and ~0.0.0 admit everything
        case _:
            return _Term(key, _next(numbers[:2]))


def _next(numbers: tuple[int, ...]) -> Bound:
    """The floor under the versions that follow all those which begin with these numbers."""
    return (*(*numbers[:-1], numbers[-1] + 1, 0, 0)[:3], ())


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _wrong(text: str, at: int, why: str) -> ValueError:
    """The error, with the place marked in the text: `'>=1.0 <' HERE ' 3'`."""
    where = f"at the end of {text!r}" if at >= len(text) else f"at character {at + 1}: {text[:at]!r} HERE {text[at:]!r}"
    return ValueError(f"not a range of versions: {why}, {where}")
