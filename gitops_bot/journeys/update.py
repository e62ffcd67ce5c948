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
    seen: dict[str, dict[str, list[Decision]]] = {}

    def decided(survey: Survey) -> dict[str, list[Decision]]:
        """What is decided at the survey's commit: all registries are asked for everything at once, once."""
        if survey.commit not in seen:
            found: dict[str, list[Decision]] = {environment.name: [] for environment in survey.environments}
            asked = [(name, spot) for name in found for spot in survey.spots(name)]
            for (name, _), decision in zip(asked, look(world.registry, [spot for _, spot in asked]), strict=True):
                found[name].append(decision)
            seen[survey.commit] = found
        return seen[survey.commit]

    tasks = []
    for environment in survey.environments:

        def decide(survey: Survey, _carried: Sequence[PinChange], name: str = environment.name) -> Sequence[Decision]:
            return decided(survey)[name]

        tasks.append(Task(environment, decide, "policy", dry_run))
    return survey.outcome(propose(world, survey, tasks))
