"""`gitops-bot update` and `gitops-bot plan`: poll once, and propose what is new.

An entry has one source: its image's own policy, else the environment that its pins are promoted from where that has the
entry, else the environment's policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.look import look
from gitops_bot.engine.meeting import pairs
from gitops_bot.engine.promoting import promotions, withdrawn
from gitops_bot.engine.propose import Task, propose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import Outcome
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision


def update(world: World, survey: Survey, *, release_hold: bool = False, dry_run: bool) -> Outcome:
    """Look at every entry of the survey's environments and propose what is newer. What fails costs no other."""
    polled = _Polled(world, release_hold=release_hold)
    tasks = []
    for environment in survey.environments:

        def decide(
            survey: Survey, carried: Sequence[PinChange], environment: Environment = environment
        ) -> Sequence[Decision]:
            promoted = polled.promoted(survey, environment, carried)
            found = polled.at(survey)[environment.name] + withdrawn(
                survey, promoted, carried, _partners(survey, environment)
            )
            return [*map(survey.astray(environment.name).judged, found)]

        source = environment.promotion.source if environment.promotion is not None else None
        tasks.append(
            Task(
                environment,
                decide,
                "policy" if source is None else "promotion",
                dry_run,
                promoted_from=source,
                asked=False,
                release_hold=release_hold,
            )
        )
    return survey.outcome(propose(world, survey, tasks))


class _Polled:
    """What was decided at each commit: all registries are asked for everything at once, once."""

    def __init__(self, world: World, *, release_hold: bool) -> None:
        self._world, self._release_hold = world, release_hold
        self._polled: dict[str, dict[str, list[Decision]]] = {}
        self._promoted: dict[tuple[str, str, Sequence[PinChange]], list[Decision]] = {}

    def at(self, survey: Survey) -> dict[str, list[Decision]]:
        """What polling found, by environment."""
        if survey.commit not in self._polled:
            found: dict[str, list[Decision]] = {environment.name: [] for environment in survey.environments}
            asked = []
            for environment in survey.environments:
                promoted = pairs(survey, environment)
                spots = survey.spots(environment.name)
                asked += [(environment.name, spot) for spot in spots if spot.place.key not in promoted]
            answers = look(self._world.registry, [spot for _, spot in asked], self._world.progress)
            for (name, _), decision in zip(asked, answers, strict=True):
                found[name].append(decision)
            self._polled[survey.commit] = found
        return self._polled[survey.commit]

    def promoted(self, survey: Survey, environment: Environment, carried: Sequence[PinChange]) -> list[Decision]:
        """What its source runs, for the entries that it has from there."""
        if environment.promotion is None:
            return []
        # What is proposed counts only where an earlier pin may be promoted in the place of one that has to wait.
        carried = tuple(carried) if environment.promotion.soak else ()
        key = (survey.commit, environment.name, carried)
        if key not in self._promoted:
            entries = list(pairs(survey, environment).values())
            self._promoted[key] = promotions(
                self._world, survey, environment, entries, release_hold=self._release_hold, carried=carried
            )
        return self._promoted[key]


def _partners(survey: Survey, environment: Environment) -> dict[tuple[str, str], Sequence[Spot]]:
    return {key: partners for key, (_, partners) in pairs(survey, environment).items()}
