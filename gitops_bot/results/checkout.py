"""What the commands for files on disk give back: `init`, `check` and `edit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import Hold
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.migration.rules import Gap
    from gitops_bot.releases.decisions import Change, Managed
    from gitops_bot.releases.layout.coverage import Coverage, Outside
    from gitops_bot.results.diagnosis import Finding


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """An environment that the directories suggest.

    `overlays` are globs for `files` kustomizations. `followed` are entries by the policy that their present tags
    suggest. `source` is the environment before it that has `corresponding` of its entries; `promote` says whether its
    pins should come from there.
    """

    name: str
    overlays: tuple[str, ...]
    files: int
    coverage: Coverage
    followed: Mapping[str, tuple[Managed, ...]]
    deployed_by: tuple[str, ...] = ()
    source: str | None = None
    corresponding: int = 0
    promote: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """The environments, and what belongs to none of them.

    `elsewhere` are directories with pins that Argo CD or Flux deploys, by the environment that their names suggest.
    `images` has one image of each registry, with its pin; `registries` what `doctor` says of them, where it was asked.
    """

    environments: tuple[FoundEnvironment, ...]
    outside: Outside
    elsewhere: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...] = ()
    images: Mapping[str, tuple[ImageName, Pin]] = field(default_factory=dict)
    registries: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Initialised:
    """The outcome of `init`: the text of the file, whether it was written, and what could not be said in it."""

    inventory: Inventory
    file: str
    text: str
    written: bool
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at, and the holds that hold nothing any more."""

    files: int
    coverage: Coverage
    ended: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class Edited:
    """The edit of one file. `unchanged` counts the entries meant that had their pin already."""

    file: str
    changes: tuple[Change, ...]
    unchanged: int
    before: bytes
    after: bytes
