"""The history of an environment: its releases, and the pull requests that brought them; and what `audit` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitops_bot.images.reason import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.pull_request import Merge
    from gitops_bot.releases.decisions import Managed
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


#: Whether what an entry pins can be pulled: with all platforms, without some of them, not at all; it is there but no
#: image; the registry did not tell; or the entry pins nothing.
Verdict = Literal["present", "incomplete", "missing", "no_image", "unknown", "unpinned"]


@dataclass(frozen=True, slots=True)
class AuditedEntry:
    """An entry. `digest` is the pinned one, else what its tag names now; `absent` are the platforms that are gone."""

    entry: Managed
    verdict: Verdict
    digest: str | None = None
    absent: tuple[str, ...] = ()
    problem: Problem | None = None


class AuditedEnvironment(NamedTuple):
    """The entries of an environment."""

    name: str
    entries: tuple[AuditedEntry, ...]

    @property
    def headline(self) -> str:
        """How many of its images can be pulled."""
        verdicts = [item.verdict for item in self.entries if item.verdict != "unpinned"]
        return f"{verdicts.count('present')} of {counted(len(verdicts), 'pinned image')} can be pulled"


@dataclass(frozen=True, slots=True)
class KeptImage:
    """A manifest that must be kept: by whom, under which tags, in which indexes, and what it is about (a signature)."""

    image: ImageName
    digest: str
    tags: tuple[str, ...]
    environments: tuple[str, ...]
    indexes: tuple[str, ...]
    subjects: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.image}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Audit:
    """What `audit` says. `keep` and `histories` are None unless they are asked for."""

    environments: tuple[AuditedEnvironment, ...] = ()
    keep: tuple[KeptImage, ...] | None = None
    histories: tuple[History, ...] | None = None
