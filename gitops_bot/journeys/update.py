"""`gitops-bot update` and `gitops-bot plan`: poll once, and propose what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.journeys.look import look
from gitops_bot.journeys.propose import Task, propose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.journeys.survey import Survey
    from gitops_bot.journeys.world import World
    from gitops_bot.proposals.outcome import Outcome
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision


def update(world: World, survey: Survey, *, dry_run: bool) -> Outcome:
    """Look at every entry of the survey's environments and propose what is newer. What fails costs no other."""
    # All registries are asked at once for everything; the environments then find the answers there.
    look(world.registry, [spot for environment in survey.environments for spot in survey.spots(environment.name)])
    outcomes = []
    for environment in survey.environments:

        def decide(survey: Survey, _carried: Sequence[PinChange], name: str = environment.name) -> Sequence[Decision]:
            return look(world.registry, survey.spots(name))

        outcomes.append(propose(world, survey, Task(environment, decide, "policy", dry_run)))
    return survey.outcome(outcomes)
