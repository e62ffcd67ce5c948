"""`plan`, `update`, `set`, `promote` and `rollback`: the way of every request, for the environments of the scope."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine import update as engine
from gitops_bot.engine.read import read
from gitops_bot.engine.request import Promote, Request
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reason import shortlist

if TYPE_CHECKING:
    from gitops_bot.config import Config
    from gitops_bot.engine.read import Scope
    from gitops_bot.engine.world import World
    from gitops_bot.results.outcome import Outcome
    from gitops_bot.results.result import Result


def update(world: World, scope: Scope, request: Request) -> Result[Outcome]:
    """Do what is asked for."""
    also = (request.what.source,) if isinstance(request.what, Promote) else ()
    if also and not scope.names and also[0] in scope.config.environments:
        raise _no_target(scope.config, *also)
    return engine.update(world, read(world, scope, also=also), request)


def plan(world: World, scope: Scope, *, release_hold: bool = False) -> Result[Outcome]:
    """What `update` would do, and how much of the repository is kept current."""
    from gitops_bot.commands.outside import cover  # `update` does not ask for it
    from gitops_bot.releases.layout.causes import Judge
    from gitops_bot.releases.layout.inventory import scan

    snapshot = read(world, scope, whole=True)
    planned, layout = engine.update(world, snapshot, Request(release_hold=release_hold, dry_run=True)), snapshot.layout
    judge = Judge(layout.files, layout.tree, layout.read)
    everything = partial(world.repository.read, scope.commit)
    coverage = cover(snapshot, judge, scan(layout.tree, everything), everything)
    whole = snapshot.states.keys() >= snapshot.config.environments.keys()
    if whole and not coverage.tracked and not coverage.promoted:
        from gitops_bot.commands.init import with_suggestion  # `update` suggests nothing

        coverage = with_suggestion(coverage, layout, layout.tree, snapshot.at)
    return replace(planned, body=replace(planned.body, coverage=coverage))


def _no_target(config: Config, source: str) -> UsageError:
    targets = [name for name, its in config.environments.items() if its.promotion and its.promotion.source == source]
    others = [name for name in config.environments if name != source]
    advice = " or ".join(f"`gitops-bot promote {source} {name}`" for name in targets[:3])
    message = "TARGET is missing: where to promote to"
    if not targets:
        message = f"{message}; no environment has `promote_from: {source}`"
        advice = f"name one of {shortlist(others, 10)}" if others else "add an environment with `promote_from`"
    return UsageError(Problem("failed.usage", message, advice))
