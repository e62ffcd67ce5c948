"""The history of an environment: its releases, and the pull requests that brought them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.proposals.pull_request import Merge

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Releases of an environment, the newest first; `bounded` where older ones are cut away.

    `merges` are the pull requests that brought them, by commit, as far as the forge tells.
    """

    environment: str
    bounded: bool
    records: tuple[Record, ...]
    merges: Mapping[str, Merge]
    #: Where one release is asked for: each file that it changed, before and after.
    files: Mapping[str, tuple[bytes, bytes]] | None = None
    between: Between | None = None
    #: By commit, where it was asked for.
    contents: Mapping[str, Content] = field(default_factory=dict)
    #: Where the content of the one release was written to.
    exported: str | None = None

    @property
    def releases(self) -> tuple[ReleaseMerge, ...]:
        """Each release with its pull request."""
        return tuple(
            ReleaseMerge(record, self.merges.get(record.id, Merge(None)), self.contents.get(record.id))
            for record in self.records
        )

    @property
    def content(self) -> Content | None:
        """The content of the one release that is shown."""
        return self.contents.get(self.records[0].id) if self.files is not None else None
