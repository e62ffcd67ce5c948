"""How many commits environments are behind, for `status`: of a few images, and never an error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.describe import ImageStep, commits_ahead

if TYPE_CHECKING:
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.status import EntryStatus, Status


def with_commits(world: World, facts: Facts, status: Status) -> Status:
    """With the commits between what an entry and its source pin, where both images name them and the forge knows them.

    Only entries that differ are asked about, and each pair of images once.
    """
    if world.forge is None:
        return status
    entries = [entry for environment in status.environments for entry in environment.entries]
    steps = dict.fromkeys(step for entry in entries if (step := _step(entry)) is not None)
    counts = commits_ahead(world, facts, list(steps))

    def counted(entry: EntryStatus) -> EntryStatus:
        step = _step(entry)
        return replace(entry, behind_commits=counts.get(step)) if step is not None else entry

    environments = (
        replace(environment, entries=tuple(map(counted, environment.entries))) for environment in status.environments
    )
    return replace(status, environments=tuple(environments))


def _step(entry: EntryStatus) -> ImageStep | None:
    """From what an entry pins to what its source pins; None where that is the same, or not known."""
    if entry.behind_commits is not None or entry.source_pin is None or entry.source_image is None:
        return None
    older, newer = entry.pin.digest, entry.source_pin.digest
    if older is None or newer is None:
        return None
    return ImageStep(entry.entry.image, older, entry.source_image, newer)
