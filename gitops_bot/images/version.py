"""Versions and dates in the texts of tags.

Versions are read as loosely as Masterminds/semver v3 does, and ordered by SemVer 2.0.0, section 11.

A tag is a version when it is one to three numbers joined by dots, with an optional `v` before and an optional
pre-release after a hyphen: `1`, `1.2`, `v1.2.3`, `1.2-rc.1`. Missing numbers are zero and leading zeros of these
three count for nothing (`1.02` is `1.2.0`), as there; in a numeric pre-release identifier they are an error, as
there. Numbers of any length compare exactly (Masterminds gives up above 64 bits). Build metadata cannot occur: `+`
is no character of a tag.

Calendar versions and dates: `2025.01.31-13.45`, `20250131.3`, `2025-01-31T134500Z`, `24.04`.

    calver  = [ "v" ] date *( separator number ) [ "T" time ] [ "Z" ]
    date    = year 1*( separator number )              2025.1, 2025-01-31, 25.04.2
            / YYYYMM [ DD [ hhmm [ ss ] ] ]            202501, 20250131, 202501311345
    year    = 1900 to 2199, or two digits: 25 is 2025
    time    = hh [ mm [ ss ] ] *( separator number )   134500, 13-45-00
    separator = "." / "-" / "_"                        T and Z may be small

A calendar version is read as its numbers from left to right, a missing one below every number: `2025.01` comes before
`2025.01.1`, and `20250131.3` is `2025.01.31-3`. Whatever has any other letter is none, so that the hash of a commit
or the word `rc` is never part of the order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Identifiers in precedence: a number is (0, n, ""), a word (1, 0, text). RELEASE stands above all of them, the
#: empty tuple below: `(2, 0, 0, ())` is the floor under every pre-release of 2.0.0.
Pre = tuple[tuple[int, int, str], ...]
#: Major, minor, patch, pre-release; two versions are in the order of their keys.
Key = tuple[int, int, int, Pre]
#: A place between keys: a key, a floor, or the place just above a key (the key and one more item).
Bound = tuple[Any, ...]

RELEASE: Pre = ((2, 0, ""),)

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
    identifiers = []
    for word in tail.split("."):
        if not word.isdecimal():
            if not word:
                return None
            identifiers.append((1, 0, word))
        elif word[0] == "0" and len(word) > 1:
            return None
        else:
            identifiers.append((0, int(word), ""))
    return tuple(identifiers)


class _Numbers(dict[str, int]):
    """Each number is read once: the same few fill most version lists."""

    def __missing__(self, text: str) -> int:
        self[text] = number = int(text or 0)
        return number


def keys(texts: Sequence[str]) -> list[Key | None]:
    """The key of each text, None for those that are no version; the texts hold no line break.

    One scan over many of them, since a call for each costs three times as much; not over all, since the parts of a
    million versions take 300 MiB.
    """
    number = _Numbers()
    tails: dict[str, Pre | None] = {"": RELEASE}
    parsed: list[Key | None] = []
    for start in range(0, len(texts), _AT_ONCE):
        for _, major, minor, patch, tail in _LINES.findall("\n".join(texts[start : start + _AT_ONCE])):
            if tail not in tails:
                tails[tail] = precedence(tail)
            pre = tails[tail]
            parsed.append((number[major], number[minor], number[patch], pre) if major and pre is not None else None)
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
