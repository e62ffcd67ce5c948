"""`gitops-bot set ENV IMAGE=PIN...`: pin what was just pushed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import pipe
from gitops_bot.engine.request import Exemptions, Pins, Request
from gitops_bot.proposals.outcome import WRITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.images.reference import Assignment
    from gitops_bot.proposals.outcome import EnvironmentOutcome, Outcome


def set_pins(
    world: World,
    snapshot: Snapshot,
    assignments: Sequence[Assignment],
    *,
    allow_downgrade: bool,
    release_hold: bool = False,
    dry_run: bool,
) -> Outcome:
    """Propose these pins for every entry of the snapshot's one environment that they mean.

    A given digest is the truth; a missing one is asked of the registry, once. A pin that cannot be done stops no other.

    Raises:
        UsageError: two assignments ask for different pins of one entry.
    """
    request = Request(Pins(assignments, allow_downgrade), Exemptions(holds=release_hold), dry_run)
    outcome = pipe.run(world, snapshot, request)
    return replace(outcome, environments=tuple(map(_own, outcome.environments)))


def _own(outcome: EnvironmentOutcome) -> EnvironmentOutcome:
    """The outcome with the proposals that carry a pin of this command, and with those that it wrote to."""
    own = tuple(
        proposed
        for proposed in outcome.proposals
        if proposed.action in WRITING or not all(change.carried for change in proposed.changes)
    )
    return replace(outcome, proposals=own)
