"""What `audit` finds: whether the registries still have what is pinned, and what a clean-up of them must spare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitops_bot.images.reason import counted

if TYPE_CHECKING:
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.results.history import History

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
    """A manifest that must be kept, by whom, under which tags, and as part of which indexes.

    `subjects` are the manifests that it is about, such as the image that it is a signature of.
    """

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
