"""The history of an environment: its releases, and the pull requests that brought them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.pull_request import Merge
    from gitops_bot.releases.history.record import Between, Record
    from gitops_bot.releases.history.releases import Content


class ReleaseMerge(NamedTuple):
    """A release, how it came to the base branch, and its content where that was asked for."""

    record: Record
    merge: Merge
    content: Content | None = None

    @property
    def content_digest(self) -> str | None:
        """The digest of its content."""
        return self.content.digest if self.content is not None else None


@dataclass(frozen=True, slots=True)
class History:
    """Releases of an environment, the newest first; `bounded` where older ones are cut away."""

    environment: str
    bounded: bool
    releases: tuple[ReleaseMerge, ...]
    #: Where one release is asked for: each file that it changed, before and after.
    files: Mapping[str, tuple[bytes, bytes]] | None = None
    between: Between | None = None
    #: Where the content of the one release was written to.
    exported: str | None = None

    @property
    def content(self) -> Content | None:
        """The content of the one release that is shown."""
        return self.releases[0].content if self.files is not None else None
