"""Calendar versions and dates in the texts of tags: `2025.01.31-13.45`, `20250131.3`, `2025-01-31T134500Z`, `24.04`.

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
from typing import Final

#: Its numbers from left to right; two are in the order of their keys.
Key = tuple[int, ...]

_LATER: Final = r"((?:[._-][0-9]+)*)"
_FORM = re.compile(
    rf"""v?(?:
      ((?:19|20|21)[0-9]{{2}}|[0-9]{{2}})((?:[._-][0-9]+)+)
    | ((?:19|20|21)[0-9]{{2}}(?:0[1-9]|1[0-2])
        (?:(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)?)?){_LATER}
    )(?:[Tt]((?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9])?)?){_LATER})?[Zz]?\Z""",
    re.ASCII | re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def parse(text: str) -> Key | None:
    """Read one calendar version; None if the text is not one."""
    match = _FORM.match(text)
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
