"""`gitops-bot set ENV IMAGE=PIN...`: pin what was just pushed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.absent import digest_of, explained, no_image
from gitops_bot.engine.propose import Task, propose
from gitops_bot.errors import Problem, RegistryError, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Assignment, ImageName, Pin
from gitops_bot.proposals.outcome import WRITING
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.plan import Change, Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.engine.world import Registry, World
    from gitops_bot.proposals.outcome import EnvironmentOutcome, Outcome
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision


def set_pins(
    world: World,
    survey: Survey,
    assignments: Sequence[Assignment],
    *,
    allow_downgrade: bool,
    release_hold: bool = False,
    dry_run: bool,
) -> Outcome:
    """Propose these pins for every entry of the survey's one environment that they mean.

    A given digest is the truth; a missing one is asked of the registry, once. A pin that cannot be done stops no other.

    Raises:
        UsageError: two assignments ask for different pins of one entry.
    """
    (environment,) = survey.environments
    named: set[tuple[str, str]] = set()

    def decide(survey: Survey, carried: Sequence[PinChange]) -> Sequence[Decision]:
        decisions: list[Decision] = []
        meant: dict[tuple[str, str], Assignment] = {}
        open_pins = {pin.key: pin.after for pin in carried}
        for assignment in assignments:
            spots = survey.matching(environment.name, assignment.image)
            if not spots:
                decisions.append(Failed(None, _matches_nothing(assignment, survey, environment.name)))
            for spot in spots:
                other = meant.setdefault(spot.place.key, assignment)
                if (other.pin, other.new_name) != (assignment.pin, assignment.new_name):
                    raise UsageError(_contradiction(spot, other, assignment))
                if other is not assignment:
                    continue
                named.add(spot.place.key)
                proposed = open_pins.get(spot.place.key)
                decisions.append(_decide(world.registry, spot, assignment, proposed, allow_downgrade))
        return decisions

    task = Task(environment, decide, "set", dry_run, release_hold=release_hold, own_groups=True)
    outcomes = [_own(outcome) for outcome in propose(world, survey, [task])]
    return survey.outcome(outcomes, named=frozenset(named))


def _own(outcome: EnvironmentOutcome) -> EnvironmentOutcome:
    """The outcome with the proposals that carry a pin of this command, and with those that it wrote to."""
    own = tuple(
        proposed
        for proposed in outcome.proposals
        if proposed.action in WRITING or not all(change.carried for change in proposed.changes)
    )
    return replace(outcome, proposals=own)


def _decide(
    registry: Registry, spot: Spot, assignment: Assignment, proposed: Pin | None, allow_downgrade: bool
) -> Decision:
    place, present, rules = spot.place, spot.entry.pin, spot.rules
    if rules.ignore and spot.entry.name != assignment.image:
        # Its repository alone is not a clear enough word against `ignore: true`; its name is.
        return Kept(place, present, Reason("ignored", "the configuration has `ignore: true`"))
    if spot.entry.refusal is not None:
        return Failed(place, spot.entry.refusal)
    try:
        after = _resolved(registry, spot, assignment, proposed)
    except RegistryError as error:
        return Failed(place, explained(error, spot) if assignment.new_name is None else error.problem)
    renamed = assignment.new_name is not None and assignment.new_name != spot.entry.new_name
    if after == present and not renamed and proposed is None:
        return Kept(place, present, Reason("nothing_new", f"{after} is already pinned"))
    if not allow_downgrade and not renamed:
        for standing, where in ((present, "is pinned"), (proposed, "is already proposed")):
            if standing is not None and choice.downgrade(rules, standing, after) is not None:
                return Held(place, present, after, _step_back(standing, where, after))
        moved = choice.moved_by_accident(place, present, rules, after)
        if moved is not None and assignment.pin.digest is None:
            return moved
    policy = rules.policy.policy if rules.policy is not None else None
    reason = Reason("set", f"set to {assignment.pin} by hand or by a pipeline")
    new_name = assignment.new_name if renamed else None
    return Change(place, present, after, "set", choice.direction(present, after, policy), reason, new_name)


def _step_back(standing: Pin, where: str, after: Pin) -> Reason:
    text = f"{after.tag} is older than {standing.tag}, which {where}; `--allow-downgrade` sets it anyway"
    return Reason("held.downgrade", text, {"present": standing.tag, "asked": after.tag})


def _resolved(registry: Registry, spot: Spot, assignment: Assignment, proposed: Pin | None) -> Pin:
    tag, digest = assignment.pin.tag, assignment.pin.digest
    if tag is None:
        # A digest alone keeps the tag: the one that is proposed, where there is a proposal.
        return Pin((proposed or spot.entry.pin).tag, digest)
    if digest is not None:
        # `pin: tag` does not apply: a digest that is given is the truth.
        return choice.shaped("digest", spot.entry.pin, tag, digest) if spot.rules.pin == "digest" else Pin(tag, digest)
    image = ImageName.parse(assignment.new_name) if assignment.new_name else spot.entry.image
    if image is None:
        raise RegistryError(no_image(spot))
    return choice.shaped(spot.rules.pin, spot.entry.pin, tag, digest_of(registry, spot, image, tag, None))


def _contradiction(spot: Spot, one: Assignment, other: Assignment) -> Problem:
    message = f"{one.image} and {other.image} both match the entry {spot.entry.name!r}"
    return Problem("failed.usage", message, "keep one of them", spot.place.file, spot.entry.line, spot.entry.column)


def _matches_nothing(assignment: Assignment, survey: Survey, name: str) -> Problem:
    names = sorted({spot.entry.name for spot in survey.spots(name)})
    known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
    return Problem(
        "failed.usage",
        f"{assignment.image[:300]} matches no entry of {name}, neither by name nor by repository",
        f"the entries of {name} are: {known}" if names else f"no overlay of {name} has an entry",
    )
