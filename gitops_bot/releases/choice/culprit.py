"""Which pins turned an overlay red: those that came since it was green last, up to where it was seen red first."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.images.reason import enumerated, shortlist
from gitops_bot.releases.choice.promotion import is_same

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.checks import CheckState
    from gitops_bot.releases.decisions import EntryKey

#: Images that a text names.
_NAMED: Final = 10
_NOTHING: Final = "with no pin that goes back by itself; release a fix, or revert what did it"


class Span(NamedTuple):
    """An overlay from a commit that changed it to the next one.

    `commits` are those to look at, the oldest first; `moves` the pins that the first one moved, with what they were
    before and after, unless that is too long ago. `goes_back`: it is a rollback.
    """

    commit: str
    commits: tuple[str, ...]
    moves: Mapping[EntryKey, tuple[Pin, Pin]]
    goes_back: bool = False


class Red(NamedTuple):
    """Where an overlay was seen red first, and the entries that go back, each with the commit that moved it first.

    `told` is what the newest release does not show of it, or why none go back: no pin turned it red, or a rollback did.
    What has moved since does not go back either.
    """

    commit: str
    entries: Mapping[EntryKey, str]
    told: str


def find(
    spans: Sequence[Span], states: Sequence[CheckState], present: Mapping[EntryKey, Pin], unseen: str
) -> Red | None:
    """Where an overlay turned red, by what a check said of each span, the oldest first; None if it is not red.

    What came while it was red is not to blame, unless all that came before has gone back. `unseen` is why nobody can
    tell how it was before, if so.
    """
    start = max((at + 1 for at, state in enumerate(states) if state == "success"), default=0)
    since, green = spans[start:], spans[start - 1].commit if start else ""
    reds = [at for at, state in enumerate(states[start:]) if state == "failure"]
    base: dict[EntryKey, Pin] = {}
    first: dict[EntryKey, str] = {}
    settled: set[EntryKey] = set()
    for span in reversed(since):
        for key in span.moves.keys() - settled:
            before, after = span.moves[key]
            if span.goes_back:  # what came before that is over
                base.setdefault(key, after)
                settled.add(key)
            else:
                base[key], first[key] = before, span.commit

    def moved(end: int) -> dict[EntryKey, Pin]:
        pins = {key: after for span in since[: end + 1] for key, (_, after) in span.moves.items()}
        return {key: pin for key, pin in pins.items() if not is_same(pin, base[key])}

    for end in reds:
        came, last, red = moved(end), moved(reds[-1]), since[end].commit
        if not came:
            return Red(red, {}, _NOTHING)
        if (standing := came.keys() & last) and unseen and not green:
            return Red(red, {}, f"and nobody can tell how it was before: {unseen}")
        if standing:
            back = {key: first[key] for key in standing & first.keys() if is_same(present[key], last[key])}
            whose = [span.commit for span in since[: end + 1] if span.moves]
            told = _told(standing, whose, red, green) if whose != [since[-1].commit] else ""
            return Red(red, back, told if back else "and what it moved has moved again since")
    return None


def _told(keys: Collection[EntryKey], whose: Sequence[str], red: str, green: str) -> str:
    names = sorted({posixpath.basename(key.name) for key in keys})
    which = shortlist(names, _NAMED) if len(names) > _NAMED else enumerated(names)
    if whose == [red]:
        return f"seen red at {red[:10]}, which changed {which}"
    since = f"since the last green release {green[:10]}" if green else "and no release in between was seen green"
    return f"{'which of them cannot be told' if len(names) > 1 else f'seen red at {red[:10]}'}: {which} changed {since}"
