"""The history of an environment for people: what each release changed, and of what kind it was."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitops_bot.errors import GitError, bugs_as
from gitops_bot.releases.history.changes import EntryChange, change_at
from gitops_bot.targets import same_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.releases.decisions import EntryKey, PinChange, Source
    from gitops_bot.releases.history.changes import Changes
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.releases import Release

Kind = Literal["update", "promotion", "rollback", "set", "manual", "config"]
_KINDS: Mapping[Source, Kind] = {"policy": "update", "promotion": "promotion", "set": "set", "rollback": "rollback"}


class Announced(NamedTuple):
    """What the bot's trailers say of a commit: where the pins came from, and each of them."""

    source: Source
    changes: tuple[PinChange, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One release. `config` are the paths in which it changed more than pins.

    `from_release` is the commit of the release that a promotion took its pins from, `rollback_of` that of the release
    which a rollback or a person undid; None if that is not known.
    """

    release: Release
    kind: Kind
    changes: tuple[EntryChange, ...]
    config: tuple[str, ...]
    from_release: str | None = None
    rollback_of: str | None = None

    @property
    def id(self) -> str:
        """Its identity: the commit."""
        return self.release.commit

    @property
    def at(self) -> datetime:
        """The committer's time, in UTC."""
        return self.release.at


@dataclass(frozen=True, slots=True)
class ImageCommits:
    """The source revisions of a changed image, as its labels say, and the commits in between.

    `compare_url` is their page, if the forge has one. `commits` are the subjects of the newest of them, oldest first,
    if the forge knows both revisions.
    """

    change: EntryChange
    source: str
    from_revision: str
    to_revision: str
    compare_url: str | None
    commits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """What changed from one release to another, in total."""

    older: Release
    newer: Release
    changes: tuple[EntryChange, ...]
    config: tuple[str, ...]
    images: tuple[ImageCommits, ...] = ()


def net(older: Release, newer: Release, after: Sequence[Record]) -> Between:
    """The total of the releases `after` the older one, up to the newer one (the newest first)."""
    total: dict[EntryKey, EntryChange] = {}
    for record in reversed(after):
        for change in record.changes:
            total[change.key] = replace(change, before=total.get(change.key, change).before)
    changed = tuple(change for _, change in sorted(total.items()) if change.before != change.after)
    return Between(older, newer, changed, tuple(sorted({path for record in after for path in record.config})))


class Records:
    """The releases of an environment, the newest first, each worked out on demand.

    `announced` reads the bot's trailers of a commit. `sources` are the releases of the environments that pins may come
    from, the likeliest first.
    """

    def __init__(
        self,
        known: Sequence[Release],
        line: Line,
        announced: Callable[[Step], Announced | None],
        sources: Sequence[Sequence[Release]] = (),
    ) -> None:
        self._announced = announced
        self._positions = {step.commit: at for at, step in enumerate(line.steps)}
        self._changed = cache(partial(change_at, known))
        # A rollback takes away the pin of an entry; `_identity` is what a promotion copies.
        own = _readable(self._changed, len(known))
        self._own = _Arrivals(own, self._positions, lambda pin: (pin.key, pin.after))
        others = (_readable(partial(change_at, releases), len(releases)) for releases in sources)
        self._others = [_Arrivals(changes, self._positions, _identity) for changes in others]

    def __getitem__(self, at: int) -> Record:
        change = self._changed(at)
        kind = _kind(change, self._announced(change.release.step))
        return Record(
            release=change.release,
            kind=kind,
            changes=change.pins,
            config=change.config,
            from_release=self._origin(change) if kind == "promotion" else None,
            rollback_of=self._undone(change, kind),
        )

    def _origin(self, change: Changes) -> str | None:
        wanted = {_identity(pin) for pin in change.pins if pin.after is not None}
        position = self._positions[change.release.commit]
        # One commit may release both.
        newest = (other.newest(wanted, position - 1) for other in self._others)
        return next((origin.release.commit for origin in newest if origin is not None), None)

    def _undone(self, change: Changes, kind: Kind) -> str | None:
        """The release that this one undid; a person's commit has to undo all of it."""
        moved = {pin.key: pin for pin in change.pins if pin.before is not None}
        if kind not in ("rollback", "manual") or not moved:
            return None
        brought = {(pin.key, pin.before) for pin in moved.values()}
        undone = self._own.newest(brought, self._positions[change.release.commit])
        if undone is None:
            return None
        was = {pin.key: (pin.before, pin.after) for pin in undone.pins}
        is_restored = all(was.get(pin.key) == (pin.after, pin.before) for pin in change.pins)
        return undone.release.commit if kind == "rollback" or is_restored else None


def _kind(change: Changes, announced: Announced | None) -> Kind:
    """What kind of release it is. Trailers count if they name every pin that the commit changed."""
    if not change.pins:
        return "config"
    if announced is None:
        return "manual"
    announced_pins = {(same_file(pin.file)[0], pin.name): pin for pin in announced.changes}
    if any(
        (pin := announced_pins.get(repinned.key)) is None or pin.after != repinned.after for repinned in change.pins
    ):
        return "manual"
    own = {announced_pins[repinned.key].source for repinned in change.pins}
    return _KINDS[own.pop() if len(own) == 1 else announced.source]


def _readable(changed: Callable[[int], Changes], count: int) -> Iterator[Changes]:
    """What these releases changed, without any that meets a bug: its own record reports that."""
    for at in range(count):
        with suppress(GitError), bugs_as(GitError):
            yield changed(at)


class _Arrivals:
    """Which releases brought which pins, by `key`, into an environment; read only as far back as needed."""

    def __init__(
        self, newest_first: Iterator[Changes], positions: Mapping[str, int], key: Callable[[EntryChange], object]
    ) -> None:
        self._unread, self._positions, self._key = newest_first, positions, key
        self._read: dict[int, Changes] = {}
        #: Where on the line each arrived, the newest first.
        self._arrived: defaultdict[object, list[int]] = defaultdict(list)

    def newest(self, wanted: Collection[object], behind: int) -> Changes | None:
        """The newest release before a position of the line that brought one of these pins."""
        arrivals = []
        for key in wanted:
            positions = self._arrived.get(key, ())
            if (at := bisect_right(positions, behind)) < len(positions):
                arrivals.append(positions[at])
        if arrivals:
            return self._read[min(arrivals)]
        for change in self._unread:
            position = self._positions[change.release.commit]
            self._read[position] = change
            brought = {self._key(pin) for pin in change.pins if pin.after is not None}
            for key in brought:
                self._arrived[key].append(position)
            if position > behind and not brought.isdisjoint(wanted):
                return change
        return None


def _identity(pin: EntryChange) -> object:
    """What a promotion copies: the digest, or the tag of an entry."""
    return pin.after.digest or (pin.name, pin.after.tag) if pin.after is not None else None
