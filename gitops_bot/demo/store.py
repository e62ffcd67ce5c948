"""The repositories of the embedded GitHub server: `OWNER/NAME.git` and `OWNER/NAME.json` for each, in one folder."""

from __future__ import annotations

import re
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from gitops_bot.demo import landing
from gitops_bot.demo.bare import Bare, Person
from gitops_bot.demo.hub import Hub
from gitops_bot.demo.merging import write
from gitops_bot.demo.pulls import PullRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")


class Store:
    """The repositories below `folder`; `people` may access all of them."""

    def __init__(self, folder: Path, people: Collection[str], now: Callable[[], datetime]) -> None:
        self.folder = folder
        self._people, self._now = frozenset(people), now
        self._lock = RLock()
        self._hubs = {hub.full_name.lower(): hub for hub in map(Hub.load, sorted(folder.glob("*/*.json")))}
        # Kept for their caches.
        self._bares: dict[int, Bare] = {}

    def create(self, full_name: str, files: Mapping[str, bytes], *, private: bool, branch: str) -> Bare:
        """Create a repository with one commit that has these files.

        Raises:
            ValueError: the name is taken, or GitHub does not allow it.
        """
        if not _FULL_NAME.match(full_name) or full_name.endswith(".git") or full_name.lower() in self._hubs:
            raise ValueError(f"{full_name[:150]!r} cannot be the name of a new repository")
        owner, name = full_name.split("/")
        at = self._now()
        hub = Hub(owner, name, len(self._hubs) + 1, at.strftime("%Y-%m-%dT%H:%M:%SZ"), private=private)
        bare = Bare.create(self.bare(hub).path, branch=branch)
        author = Person(owner, f"{owner}@users.noreply.github.com")
        bare.move(branch, write(bare, files, message="Initial commit\n", author=author, at=at), expected=None)
        hub.save(self._file(hub))
        self._hubs[full_name.lower()] = hub
        return self.bare(hub)

    def named(self, full_name: str) -> Hub | None:
        """The repository with this name; case does not matter."""
        return self._hubs.get(full_name.lower())

    def visible(self, full_name: str, user: str | None) -> Hub | None:
        """The repository with this name, if this user may see it."""
        hub = self.named(full_name)
        return None if hub is None or (hub.private and user is None) else hub

    def numbered(self, number: int) -> Hub | None:
        """The repository with this ID."""
        return next((hub for hub in self._hubs.values() if hub.id == number), None)

    def bare(self, hub: Hub) -> Bare:
        """Its Git repository."""
        if hub.id not in self._bares:
            self._bares[hub.id] = Bare((self.folder / hub.owner / f"{hub.name}.git").absolute())
        return self._bares[hub.id]

    @contextmanager
    def opened(self, hub: Hub, *, writes: bool) -> Iterator[PullRequests]:
        """Lock a repository; pull requests are brought up to date before and after, and the file is written."""
        with self._lock:
            pulls = PullRequests(hub, self.bare(hub), people=self._people, now=self._now)
            before = hub.last_moment
            changed = landing.settle(pulls) or hub.last_moment != before
            try:
                yield pulls
            finally:
                # Without a write, only a push can have changed anything; the next call sees that.
                if writes:
                    landing.settle(pulls)
                if changed or writes:
                    hub.save(self._file(hub))

    def _file(self, hub: Hub) -> Path:
        return self.folder / hub.owner / f"{hub.name}.json"
