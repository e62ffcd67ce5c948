"""The history of an environment as people are told of it: what each release changed, of what kind it was, and why."""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitops_bot.releases.history.changes import changes
from gitops_bot.targets import same_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.changes import Changes
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.releases.plan import PinChange, Source

Kind = Literal["update", "promotion", "rollback", "set", "manual", "config"]
_KINDS: Mapping[Source, Kind] = {"policy": "update", "promotion": "promotion", "set": "set", "rollback": "rollback"}


class Announced(NamedTuple):
    """What the bot's trailers say of a commit: where the pins came from, and each of them."""

    source: Source
    changes: tuple[PinChange, ...]


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that came (`before` is None), went (`after` is None), or got another pin."""

    overlay: str
    name: str
    before: Pin | None
    after: Pin | None


@dataclass(frozen=True, slots=True)
class Record:
    """One release. `config` are the paths that it changed in anything beside pins.

    `from_release` is the commit of the release that a promotion took its pins from, `rollback_of` that of the release
    that brought the pins which a rollback took away; None where that is not known.
    """

    release: Release
    kind: Kind
    changes: tuple[EntryChange, ...]
    config: tuple[str, ...]
    from_release: str | None = None
    rollback_of: str | None = None

    @property
    def id(self) -> str:
        """What identifies it for ever: its commit."""
        return self.release.commit

    @property
    def at(self) -> datetime:
        """The committer's time, in UTC."""
        return self.release.at


@dataclass(frozen=True, slots=True)
class Between:
    """What changed from one release to another, all releases in between together."""

    older: Release
    newer: Release
    changes: tuple[EntryChange, ...]
    config: tuple[str, ...]


def net(older: Release, newer: Release, after: Sequence[Record]) -> Between:
    """What the releases behind `older`, up to `newer` (the newest first), come to together."""
    total: dict[tuple[str, str], EntryChange] = {}
    for record in reversed(after):
        for change in record.changes:
            first = total.get((change.overlay, change.name), change)
            total[change.overlay, change.name] = replace(change, before=first.before)
    changed = tuple(change for _, change in sorted(total.items()) if change.before != change.after)
    return Between(older, newer, changed, tuple(sorted({path for record in after for path in record.config})))


def records(
    known: Sequence[Release],
    line: Line,
    announced: Callable[[Step], Announced | None],
    sources: Sequence[Sequence[Release]] = (),
) -> Iterator[Record]:
    """The releases of an environment, the newest first, one after the other.

    `announced` reads the bot's trailers of a commit. `sources` are the releases of the environments that pins may be
    promoted from, the likeliest first.
    """
    positions = {step.commit: at for at, step in enumerate(line.steps)}
    own, *others = (_Arrivals(releases, positions) for releases in (known, *sources))
    for change in changes(known):
        position = positions[change.release.commit]
        kind = _kind(change, announced(change.release.step))
        origin = undone = None
        if kind == "promotion":
            digests = {_identity(pin.after) for pin in change.pins if pin.after is not None}
            origin = next((found for other in others if (found := other.newest(digests, position - 1))), None)
        elif kind == "rollback":
            undone = own.newest({(pin.key, pin.before) for pin in change.pins}, position)
        yield Record(
            release=change.release,
            kind=kind,
            changes=tuple(
                EntryChange(posixpath.dirname(pin.file) or ".", pin.name, pin.before, pin.after) for pin in change.pins
            ),
            config=change.config,
            from_release=origin,
            rollback_of=undone,
        )


def _kind(change: Changes, words: Announced | None) -> Kind:
    """What kind of release it is. Trailers count as far as they say every pin that the commit changed."""
    if not change.pins:
        return "config"
    if words is None:
        return "manual"
    said = {(same_file(pin.file)[0], pin.name): pin for pin in words.changes}
    if any((pin := said.get(repinned.key)) is None or pin.after != repinned.after for repinned in change.pins):
        return "manual"
    own = {said[repinned.key].source for repinned in change.pins}
    return _KINDS[own.pop() if len(own) == 1 else words.source]


class _Arrivals:
    """Which releases brought which pins into an environment; worked out when it is first asked for."""

    def __init__(self, releases: Sequence[Release], positions: Mapping[str, int]) -> None:
        self._releases, self._positions = releases, positions

    def newest(self, wanted: Collection[object], behind: int) -> str | None:
        """The newest release that is older than a position of the line and brought one of these pins."""
        found = []
        for key in wanted:
            positions = self._by_pin.get(key, ())
            if (at := bisect_right(positions, behind)) < len(positions):
                found.append(positions[at])
        return self._commits[min(found)] if found else None

    @cached_property
    def _commits(self) -> Mapping[int, str]:
        return {self._positions[release.commit]: release.commit for release in self._releases}

    @cached_property
    def _by_pin(self) -> Mapping[object, list[int]]:
        """The positions, newest first, at which a digest (or tag) arrived, and at which an entry got a pin."""
        arrived: dict[object, list[int]] = defaultdict(list)
        for change in changes(self._releases):
            for pin in change.pins:
                position = self._positions[change.release.commit]
                if pin.after is not None:
                    arrived[_identity(pin.after)].append(position)
                    arrived[pin.key, pin.after].append(position)
        return arrived


def _identity(pin: Pin) -> str | None:
    return pin.digest or pin.tag
