"""Names in the configuration that match nothing in the repository: misspelt or obsolete.

A hold that matches nothing stops its environments, because nobody can tell what it was meant for, until it is
corrected. Every other name, and one of a hold that has not begun, is reported, and stops nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.errors import Problem
from gitops_bot.images.reason import shortlist
from gitops_bot.images.reference import fits, normalised
from gitops_bot.releases.choice import hold
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Mention, MentionKind
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.overlays import OverlayFile

#: The least similarity, from 0 to 1, of names that may be confused: `wbe` and `web` have 0.67.
_ALIKE: Final = 0.65
#: Longer names are compared by their start. With more pairs, the configuration is for another repository.
_LONGEST, _MOST_COMPARED = 100, 20_000
_SHOWN: Final = 3
#: Where a name is written, for people.
_WHERE: Final[Mapping[MentionKind, str]] = {
    "exclude": "`exclude`",
    "rule": "`images`",
    "source of checks": "`source_checks`",
    "release info": "`release_info`",
    "hold": "a hold",
    "group images": "a group",
    "group overlays": "a group",
}
#: Where they name an entry.
_OF_ENTRIES: Final = ("rule", "source of checks", "release info", "hold")
#: Where they are globs of overlays.
_OF_OVERLAYS: Final = ("exclude", "group overlays")
#: Where `*` matches any text.
_BY_GLOBS: Final = ("rule", "source of checks")
_WORD: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The names of environments that match nothing; `groups` are those in groups, which only `check` reports.

    `stops` says why nothing may be written there, and `freezes` why nothing but a rollback, which passes freezes.
    """

    problems: tuple[Problem, ...] = ()
    groups: tuple[Problem, ...] = ()
    stops: Problem | None = None
    freezes: Problem | None = None

    def __add__(self, other: Unmatched) -> Unmatched:
        problems, groups = (*self.problems, *other.problems), (*self.groups, *other.groups)
        return Unmatched(problems, groups, self.stops or other.stops, self.freezes or other.freezes)


def find_unmatched(
    environments: tuple[str, ...],
    mentions: Iterable[Mention],
    entries: Sequence[Managed],
    overlays: Sequence[OverlayFile],
    now: datetime,
    *,
    unread: bool = False,
) -> Unmatched:
    """Find the names of just these environments that match none of their entries; expired holds do not count.

    `overlays` are those that the environment has, and those that it excludes.
    `unread`: not all of its files could be read.
    """
    mine = [
        mention
        for mention in mentions
        if mention.environments == environments and (mention.hold is None or mention.hold.until > now)
    ]
    known = {text for entry in entries for text in (entry.name, entry.image)}
    lost = [mention for mention in mine if not _meets(mention, known, overlays)]
    if not lost:
        return Unmatched()
    ruled = {text for mention in mine if mention.kind == "rule" for text in _spellings(mention.text)}
    names = _by_last_part(entries)
    too_many = len(names) * len(lost) > _MOST_COMPARED
    problems: list[Problem] = []
    groups: list[Problem] = []
    stops: Problem | None = None
    freezes: Problem | None = None
    for mention in lost:
        near = [] if too_many or mention.kind in _OF_OVERLAYS else _near(mention.text, names)
        if mention.kind == "rule":
            # This rule was not meant for an entry that has a rule of its own.
            near = [entry for entry in near if ruled.isdisjoint((entry.name, entry.image))]
        is_stopped = mention.hold is not None and hold.has_begun(mention.hold, now)
        problem = _problem(mention, near, entries, unread=unread, is_stopped=is_stopped)
        (groups if mention.kind in ("group images", "group overlays") else problems).append(problem)
        if is_stopped and mention.hold is not None and mention.hold.image is None:
            freezes = freezes or problem
        elif is_stopped:
            stops = stops or problem
    return Unmatched(tuple(problems), tuple(groups), stops, freezes)


def suggestion(text: str, entries: Sequence[Managed]) -> str | None:
    """A question for somebody who named none of these entries: did they mean one that is spelt alike?"""
    names = _by_last_part(entries)
    near = _near(text, names) if len(names) <= _MOST_COMPARED else []
    return f"did you mean {_some(near, 'or')}?" if near else None


def _by_last_part(entries: Iterable[Managed]) -> Mapping[str, Sequence[Managed]]:
    """Entries by the last part of their names: the same registry or owner does not make names similar."""
    names: dict[str, list[Managed]] = {}
    for entry in entries:
        for last in dict.fromkeys((_last(entry.name), _last(entry.image))):
            names.setdefault(last, []).append(entry)
    return names


def _meets(mention: Mention, known: Collection[str], overlays: Sequence[OverlayFile]) -> bool:
    match mention.kind:
        case "rule" | "source of checks" if "*" in mention.text:
            return any(fits(mention.text, text) for text in known)
        case "rule" | "source of checks" | "release info" | "hold":
            return any(text in known for text in _spellings(mention.text))
        case "group images":
            return any(fits(mention.text, text) for text in known)
        case "exclude" | "group overlays":
            glob = Glob.parse(mention.text)
            return any(glob.means(overlay.directory, overlay.file) for overlay in overlays)
    assert_never(mention.kind)


def _spellings(text: str) -> tuple[str, ...]:
    repository = normalised(text)
    return (text, repository) if repository is not None else (text,)


def _near(text: str, names: Mapping[str, Sequence[Managed]]) -> list[Managed]:
    """The entries that somebody may have meant by `text`, the closest first."""
    from difflib import get_close_matches

    last = _last(text.replace("*", ""))
    words = set(_WORD.findall(last))
    # `web` and `acme-web`: one consists of words of the other.
    related = [
        name
        for name in sorted(names, reverse=True)
        if words and (others := set(_WORD.findall(name))) and (words <= others or others <= words)
    ]
    close = get_close_matches(last, names, n=max(len(names), 1), cutoff=_ALIKE)
    return [entry for name in dict.fromkeys((last, *related, *close)) for entry in names.get(name, ())]


def _last(text: str) -> str:
    return text.rpartition("/")[2].casefold()[:_LONGEST]


def _problem(
    mention: Mention, near: Sequence[Managed], entries: Sequence[Managed], *, unread: bool, is_stopped: bool
) -> Problem:
    environment, of_entries = shortlist(mention.environments, _SHOWN), mention.kind in _OF_ENTRIES
    what = "overlay" if mention.kind in _OF_OVERLAYS else "entry"
    if unread:
        advice = "fix the unreadable files first: one of them may contain it"
    elif "*" in mention.text and of_entries and mention.kind not in _BY_GLOBS:
        advice = "write one exact name: `*` is not a wildcard here"
    elif near:
        advice = f"did you mean {_some(near, 'or')}?"
    else:
        has = f" ({environment} has {_some(entries, 'and')})" if entries and of_entries else ""
        advice = f"remove it if it is obsolete, or correct it{has}"
    if is_stopped:
        end = "" if advice.endswith("?") else "."
        advice = f"{advice}{end} Until this is corrected, nothing is written for {environment}"
    message = f"{_WHERE[mention.kind]} of {environment} names `{mention.text[:300]}`, but there is no such {what}"
    return Problem("failed.config", message, advice, *mention.place)


def _some(entries: Sequence[Managed], last: str) -> str:
    names = list(dict.fromkeys(entry.name[:200] for entry in entries))
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    shown = [*(f"`{name}`" for name in names[:_SHOWN]), *more]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
