"""Each command in the world that its options describe: opened before it, closed after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.wiring.process import imported
from gitops_bot.wiring.world import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.proposals.outcome import Outcome
    from gitops_bot.releases.layout.checked import Checked
    from gitops_bot.wiring.options import Options
    from gitops_bot.wiring.place import Notice


def plan(options: Options, environments: Sequence[str], *, release_hold: bool, notice: Notice) -> Outcome:
    """What `update` would do, also without a configuration, and how much of the repository is kept current."""
    from gitops_bot.commands.update import update
    from gitops_bot.engine.cover import cover

    with opened(options, environments, infer=True, writes=False, notice=notice, whole=True) as (world, snapshot):
        outcome = update(world, snapshot, release_hold=release_hold, dry_run=True)
        return replace(outcome, coverage=cover(snapshot))


def update(options: Options, environments: Sequence[str], *, release_hold: bool, dry_run: bool) -> Outcome:
    """Poll once; open or refresh pull requests."""
    from gitops_bot.commands import update as command

    with opened(options, environments, infer=False, writes=True) as (world, snapshot):
        return command.update(world, snapshot, release_hold=release_hold, dry_run=dry_run)


def set_pins(
    options: Options,
    environment: str,
    assignments: Sequence[Assignment],
    *,
    allow_downgrade: bool,
    release_hold: bool,
    dry_run: bool,
) -> Outcome:
    """Pin what was just pushed."""
    from gitops_bot.commands import set as command

    with opened(options, (environment,), infer=False, writes=True) as (world, snapshot):
        return command.set_pins(
            world, snapshot, assignments, allow_downgrade=allow_downgrade, release_hold=release_hold, dry_run=dry_run
        )


def promote(
    options: Options,
    source: str,
    target: str,
    *,
    images: Sequence[str],
    overlays: Sequence[str] = (),
    beyond_policy: bool,
    now: bool,
    release_hold: bool,
    dry_run: bool,
) -> Outcome:
    """Copy what `source` runs to `target`."""
    from gitops_bot.commands import promote as command

    with opened(options, (target,), also=(source,), infer=False, writes=True, history=True) as (world, snapshot):
        return command.promote(
            world,
            snapshot,
            source,
            images=images,
            overlays=overlays,
            beyond_policy=beyond_policy,
            now=now,
            release_hold=release_hold,
            dry_run=dry_run,
        )


def roll_back(
    options: Options,
    environment: str,
    to: str | None,
    *,
    images: Sequence[str],
    because: str | None,
    offline: bool = False,
    release_hold: bool,
    dry_run: bool,
) -> Outcome:
    """Propose the pins that an environment ran before."""
    from gitops_bot.commands import rollback as command

    with opened(options, (environment,), infer=False, writes=True, history=True) as (world, snapshot):
        return command.roll_back(
            world,
            snapshot,
            to,
            images=images,
            because=because,
            offline=offline,
            release_hold=release_hold,
            dry_run=dry_run,
        )


def check(config: str | None) -> Checked:
    """Validate the configuration and the overlays of this checkout, offline."""
    from gitops_bot.commands import check as command
    from gitops_bot.edges.clock import SystemClock
    from gitops_bot.wiring.place import on_disk

    files, tree, chosen = on_disk(config)
    imported()
    return command.check(files, tree, chosen, SystemClock().now())
