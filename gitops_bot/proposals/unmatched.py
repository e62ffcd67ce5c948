"""Names in the configuration that match nothing in the repository: misspelt or obsolete.

A hold that matches nothing stops its environment, because nobody can tell what it was meant for. A rule for an unknown
image, or release info of one, holds back the entries that it may have been meant for. All last until the configuration
is corrected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.errors import Problem
from gitops_bot.images.reference import ImageName
from gitops_bot.proposals.group import fits
from gitops_bot.releases.decisions import Change, Failed
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config.mentions import Mention
    from gitops_bot.releases.decisions import Decision, Entry
    from gitops_bot.releases.layout.overlays import OverlayFile

#: The least similarity, from 0 to 1, of names that may be confused: `wbe` and `web` have 0.67.
_ALIKE: Final = 0.65
#: Longer names are compared by their start. With more pairs, the configuration is for another repository.
_LONGEST, _MOST_COMPARED = 100, 20_000
_SHOWN: Final = 3
#: Where they name an entry, which may not change before it is clear which one is meant.
_OF_ENTRIES: Final = ("rule", "release info", "hold")
_TOKEN: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The names of one environment that match nothing.

    `groups` are those in groups, which do no harm. `stops` says why nothing may be written there; `unclear` says why an
    entry (by its key) may not be changed.
    """

    problems: tuple[Problem, ...] = ()
    groups: tuple[Problem, ...] = ()
    stops: Problem | None = None
    unclear: Mapping[tuple[str, str], Problem] = field(default_factory=dict)

    def judged(self, decision: Decision) -> Decision:
        """The decision, unless it would change an entry that a rule may have been meant for."""
        if isinstance(decision, Change) and (problem := self.unclear.get(decision.entry.key)) is not None:
            return Failed(decision.entry, problem)
        return decision


def unmatched(
    environment: str,
    mentions: Iterable[Mention],
    entries: Sequence[Entry],
    overlays: Sequence[OverlayFile],
    now: datetime,
    *,
    unread: bool = False,
) -> Unmatched:
    """Find the names of an environment that match none of its entries; expired holds do not count.

    `unread`: not all of its files could be read.
    """
    mine = [
        mention
        for mention in mentions
        if mention.environment == environment and (mention.until is None or mention.until > now)
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
    unclear: dict[tuple[str, str], Problem] = {}
    for mention in lost:
        near = [] if too_many or mention.kind == "group overlays" else _near(mention.text, names)
        if mention.kind == "rule":
            # This rule was not meant for an entry that has a rule of its own.
            near = [entry for entry in near if ruled.isdisjoint((entry.name, entry.image))]
        all_of_it = mention.kind == "hold" or (mention.kind in _OF_ENTRIES and too_many)
        problem = _problem(mention, near, entries, unread=unread, stops=all_of_it)
        (problems if mention.kind in _OF_ENTRIES else groups).append(problem)
        if all_of_it:
            stops = stops or problem
        elif mention.kind in _OF_ENTRIES:
            unclear |= {entry.key: problem for entry in near}
    return Unmatched(tuple(problems), tuple(groups), stops, unclear)


def _meets(mention: Mention, known: Collection[str], overlays: Sequence[OverlayFile]) -> bool:
    match mention.kind:
        case "rule" | "release info" | "hold":
            return any(text in known for text in _spellings(mention.text))
        case "group images":
            return any(fits(mention.text, text) for text in known)
        case "group overlays":
            glob = Glob.parse(mention.text)
            return any(glob.means(overlay.directory, overlay.file) for overlay in overlays)
    assert_never(mention.kind)


def _spellings(text: str) -> tuple[str, ...]:
    """A name as written, and as a normalised repository."""
    repository = ImageName.of(text)
    return (text, str(repository)) if repository is not None else (text,)


def _by_last_part(entries: Sequence[Entry]) -> Mapping[str, Sequence[Entry]]:
    """The entries by the last part of their names: the same registry or owner does not make names similar."""
    by_name: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in entries:
        for text in (entry.name, entry.image):
            by_name.setdefault(_last(text), {})[entry.key] = entry
    return {last: tuple(alike.values()) for last, alike in by_name.items()}


def _near(text: str, names: Mapping[str, Sequence[Entry]]) -> list[Entry]:
    """The entries that somebody may have meant by `text`, the closest first."""
    last = _last(text.replace("*", ""))
    close = sorted(((_alike(last, other), other) for other in names), reverse=True)
    return list({entry.key: entry for alike, other in close if alike >= _ALIKE for entry in names[other]}.values())


def _last(text: str) -> str:
    return text.rpartition("/")[2].casefold()[:_LONGEST]


def _alike(name: str, other: str) -> float:
    """1 if they are equal, and nearly 1 if one consists of words of the other: `web` and `acme-web`."""
    if name == other:
        return 1.0
    from difflib import SequenceMatcher

    tokens, other_tokens = set(_TOKEN.findall(name)), set(_TOKEN.findall(other))
    if tokens and other_tokens and (tokens <= other_tokens or other_tokens <= tokens):
        return 0.99
    matcher = SequenceMatcher(None, name, other, autojunk=False)
    # Cheap upper bounds first.
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < _ALIKE:
        return 0.0
    return matcher.ratio()


def _problem(
    mention: Mention, near: Sequence[Entry], entries: Sequence[Entry], *, unread: bool, stops: bool
) -> Problem:
    environment, what, effect = mention.environment, "entry", ""
    match mention.kind:
        case "rule":
            where = f"`images` of {environment}"
        case "release info":
            where = f"`release_info` of {environment}"
        case "hold":
            where = f"a hold of {environment}"
        case "group images":
            where = f"a group of {environment}"
        case "group overlays":
            where, what = f"a group of {environment}", "overlay"
        case _:
            assert_never(mention.kind)
    if near and mention.kind in ("rule", "release info"):
        effect = ". Nothing new is proposed for it until this is corrected"
    if stops:
        effect = f". Until this is corrected, nothing is written for {environment}"
    message = f"{where} names `{mention.text[:300]}`, but there is no such {what}"
    advice = "fix the unreadable files first: one of them may contain it"
    if not unread:
        advice = _advice(mention, near, entries)
    return Problem("failed.config", message, f"{advice}{effect}".replace("?.", "?"), *mention.place)


def _advice(mention: Mention, near: Sequence[Entry], entries: Sequence[Entry]) -> str:
    if "*" in mention.text and mention.kind in _OF_ENTRIES:
        return "write one exact name: `*` is not a wildcard here"
    if near:
        return f"did you mean {_some(near, 'or')}?"
    known = entries if mention.kind in _OF_ENTRIES else ()
    has = f" ({mention.environment} has {_some(known, 'and')})" if known else ""
    return f"remove it if it is obsolete, or correct it{has}"


def _some(entries: Sequence[Entry], last: str) -> str:
    """The names of the first few."""
    names = list(dict.fromkeys(entry.name[:200] for entry in entries))
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    shown = [*(f"`{name}`" for name in names[:_SHOWN]), *more]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
