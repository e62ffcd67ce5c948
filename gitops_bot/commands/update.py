"""`gitops-bot update` and `gitops-bot plan`: poll once, and propose what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine import pipe
from gitops_bot.engine.request import Exemptions, Poll, Request

if TYPE_CHECKING:
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import Outcome


def update(world: World, snapshot: Snapshot, *, release_hold: bool = False, dry_run: bool) -> Outcome:
    """Look at every entry of the snapshot's environments and propose what is newer. What fails costs no other."""
    return pipe.run(world, snapshot, Request(Poll(), Exemptions(holds=release_hold), dry_run))
