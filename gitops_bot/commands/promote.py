"""`gitops-bot promote SOURCE TARGET`: copy what one environment runs to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine import pipe
from gitops_bot.engine.request import Exemptions, Promote, Request
from gitops_bot.errors import Problem, UsageError
from gitops_bot.releases.choice.by_hand import ByHand
from gitops_bot.releases.layout import correspondence
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import Outcome


def promote(
    world: World,
    snapshot: Snapshot,
    source: str,
    *,
    images: Sequence[str],
    overlays: Sequence[str],
    beyond_policy: bool = False,
    now: bool = False,
    release_hold: bool = False,
    dry_run: bool,
) -> Outcome:
    """Propose to the snapshot's one environment what `source` runs on the base branch now.

    A pin that the target's policy would not choose is held without `beyond_policy`, one that has not soaked without
    `now`. `images` (by name, else by repository) and `overlays` (globs of the target's directories) narrow it down.
    Entries that only one side has are listed.

    Raises:
        UsageError: the source is the target, or a glob cannot be read or means no overlay of the target.
    """
    (environment,) = snapshot.environments
    target = environment.name
    if source == target:
        raise UsageError(
            Problem("failed.usage", f"{target} cannot be promoted to itself", "give two different environments")
        )
    globs = snapshot.config.environments[source].overlays
    if (why := correspondence.impossible(globs, environment.overlays)) is not None:
        message = f"{source} and {target} cannot correspond: {why}"
        raise UsageError(Problem("failed.usage", message, "correct `overlays`"))
    by_hand = ByHand(beyond_policy=beyond_policy, now=now)
    asked = Promote(source, by_hand, images, [_glob(text) for text in overlays])
    return pipe.run(world, snapshot, Request(asked, Exemptions(holds=release_hold), dry_run))


def _glob(text: str) -> Glob:
    try:
        return Glob.parse(text)
    except ValueError as error:
        raise UsageError(Problem("failed.usage", str(error), "correct --overlay")) from error
