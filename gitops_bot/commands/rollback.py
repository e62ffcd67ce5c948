"""`gitops-bot rollback ENV`: propose what an environment ran before, from Git alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.absent import explained
from gitops_bot.engine.propose import Task, propose
from gitops_bot.engine.workers import together
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import rollback
from gitops_bot.releases.history import changes as past
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.plan import Change, Failed, Kept, asked_by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.engine.world import Registry, World
    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.outcome import Outcome
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.releases.plan import Decision

_NOT_FOUND = 404


def roll_back(
    world: World,
    survey: Survey,
    to: str | None,
    *,
    images: Sequence[str],
    because: str | None = None,
    offline: bool,
    release_hold: bool,
    dry_run: bool,
) -> Outcome:
    """Propose to the survey's one environment the pins of an earlier release: the one before the last, or `to`.

    Configuration that changed since is named and stays. `because` is why, for those who read the proposal. `offline`
    does not ask the registries whether the images are still there.
    """
    (environment,) = survey.environments
    name = environment.name
    named: set[tuple[str, str]] = set()

    known: dict[str, Sequence[Decision]] = {}

    def decide(survey: Survey, _carried: Sequence[PinChange]) -> Sequence[Decision]:
        # Asked more than once, and one commit of the base branch has one answer.
        if survey.commit not in known:
            known[survey.commit] = decided_at(survey)
        return known[survey.commit]

    def decided_at(survey: Survey) -> Sequence[Decision]:
        spots, decisions = _meant(survey, name, images)
        goal = _goal(world, survey, name, to, spots if images else None)
        if isinstance(goal, Problem):
            return [*decisions, Failed(None, goal)]
        found = []
        with (
            world.progress("querying the registries", len(spots)) as done,
            together(
                lambda spot: _back(world.registry, spot, goal, because=because, offline=offline),
                spots,
                lambda spot: spot.entry.image,
            ) as answers,
        ):
            for decision in answers:
                found.append(asked_by_name(decision) if images else decision)
                done()
        named.update(spot.place.key for spot, one in zip(spots, found, strict=True) if not isinstance(one, Kept))
        return [*decisions, *found]

    outcomes = propose(world, survey, [Task(environment, decide, "rollback", dry_run, release_hold=release_hold)])
    return survey.outcome(outcomes, named=frozenset(named))


def _meant(survey: Survey, name: str, images: Sequence[str]) -> tuple[list[Spot], list[Decision]]:
    if not images:
        return list(survey.spots(name)), []
    spots: dict[tuple[str, str], Spot] = {}
    unknown: list[Decision] = []
    for image in images:
        matching = survey.matching(name, image)
        spots |= {spot.place.key: spot for spot in matching}
        if not matching:
            names = ", ".join(sorted({spot.entry.name for spot in survey.spots(name)})[:10])
            message = f"{image[:300]} matches no entry of {name}, neither by name nor by repository"
            unknown.append(Failed(None, Problem("failed.usage", message, f"the entries of {name} are: {names}")))
    return list(spots.values()), unknown


def _goal(world: World, survey: Survey, name: str, to: str | None, wanted: Sequence[Spot] | None) -> Goal | Problem:
    """The release to go back to, worked out from as little history as tells it."""
    tags = world.repository.tags()
    keys = {(spot.place.overlay, spot.place.name) for spot in wanted} if wanted is not None else None

    def told(line: Line) -> Release | Problem:
        known = history.releases(name, line, survey.ground, tags)
        if to is not None:
            return history.find(known, to, tags)
        return past.previous(known, keys)

    line = survey.line(lambda line: not isinstance(told(line), Problem))
    release = told(line)
    if isinstance(release, Problem):
        return release
    present = {(spot.place.overlay, spot.place.name): spot.entry.pin for spot in survey.spots(name)}
    return rollback.goal(history.releases(name, line, survey.ground, tags), release, present)


def _back(registry: Registry, spot: Spot, goal: Goal, *, because: str | None, offline: bool) -> Decision:
    if spot.rules.ignore:
        return Kept(spot.place, spot.entry.pin, Reason("ignored", "the configuration has `ignore: true`"), "rollback")
    if spot.entry.refusal is not None:
        return Failed(spot.place, spot.entry.refusal)
    change = rollback.rolled_back(spot.place, spot.entry.pin, spot.rules, goal)
    if not isinstance(change, Change):
        return change
    if because:
        reason = replace(change.reason, data={**change.reason.data, "because": because})
        change = replace(change, reason=reason, because=because)
    if offline:
        text = f"{change.reason.text}; not looked up in the registry (--offline)"
        return replace(change, reason=replace(change.reason, text=text))
    if spot.entry.image is None:
        return change
    try:
        return _present(registry, spot.entry.image, change)
    except RegistryError as error:
        return Failed(spot.place, explained(error, spot))


def _present(registry: Registry, image: ImageName, change: Change) -> Decision:
    """The change, if what it pins can still be pulled on every platform."""
    try:
        if change.after.digest is None:
            registry.digest(image, change.after.tag or "")
            return change
        return rollback.found(change, exists=True, missing=registry.missing(image, change.after.digest))
    except RegistryError as error:
        if error.status != _NOT_FOUND:
            raise
        return rollback.found(change, exists=False)
