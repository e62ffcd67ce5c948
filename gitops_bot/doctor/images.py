"""Which registries a run will query, and one image of each to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.releases.layout import correspondence, overlays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import Config
    from gitops_bot.engine.world import Repository
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import ImageName, Pin


@dataclass(frozen=True, slots=True)
class Tracked:
    """The overlays of a commit. `images` has the first tracked image of each registry, with its pin."""

    files: int
    entries: int
    images: Mapping[str, tuple[ImageName, Pin]]
    problems: tuple[Problem, ...]


def tracked(config: Config, repository: Repository, commit: str) -> Tracked:
    """Read every overlay of every environment. A refused file or entry is a problem; the others are still read.

    Raises:
        ConfigError: a file is claimed by two environments, or the globs of a promotion cannot correspond.
        GitError: the remote cannot be read.
    """
    selection = overlays.select(config.environments, repository.tree(commit))
    correspondence.check(config.environments)
    claimed = {found.file: name for name, there in selection.overlays.items() for found in there}
    files, refused = targets.read_all(claimed, repository.read(commit, claimed))
    problems = [*selection.problems, *refused]
    images: dict[str, tuple[ImageName, Pin]] = {}
    for file in files:
        name = claimed[file.file]
        for entry in file.entries:
            rules = config.rules(name, entry)
            if rules.ignore or (rules.policy is None and config.environments[name].promotion is None):
                continue
            if entry.refusal is not None:
                problems.append(entry.refusal)
            elif entry.image is not None:
                images.setdefault(entry.image.registry, (entry.image, entry.pin))
    return Tracked(len(claimed), sum(len(file.entries) for file in files), images, tuple(problems))
