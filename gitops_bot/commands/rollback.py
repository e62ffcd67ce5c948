"""`gitops-bot rollback ENV`: propose what an environment ran before, from Git alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine import pipe
from gitops_bot.engine.request import Exemptions, Request, RollBack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import Outcome


def roll_back(
    world: World,
    snapshot: Snapshot,
    to: str | None,
    *,
    images: Sequence[str],
    because: str | None = None,
    offline: bool,
    release_hold: bool,
    dry_run: bool,
) -> Outcome:
    """Propose to the snapshot's one environment the pins of an earlier release: the one before the last, or `to`.

    Configuration that changed since is named and stays. `because` is why, for those who read the proposal. `offline`
    does not ask the registries whether the images are still there. At two in the morning no schedule, no limit and no
    earlier decline is in the way.
    """
    exempt = Exemptions(holds=release_hold, declines=True, limits=True)
    return pipe.run(world, snapshot, Request(RollBack(to, images, because, offline), exempt, dry_run))
