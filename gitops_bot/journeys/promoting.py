"""What one environment gets from another: the pins that the source runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.errors import RegistryError
from gitops_bot.journeys.artifact import artifact
from gitops_bot.journeys.workers import together
from gitops_bot.releases import history, hold, promotion, reasons, stepped_back, trail
from gitops_bot.releases.plan import Failed, Held, Kept
from gitops_bot.releases.promotion import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.images.rules import NamedPolicy
    from gitops_bot.journeys.book import Environment
    from gitops_bot.journeys.survey import Spot, Survey
    from gitops_bot.journeys.world import World
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.line import Line
    from gitops_bot.releases.plan import Decision
    from gitops_bot.releases.promotion import ByHand

#: Reasons that a person may have promoted in spite of: they hold what is promoted next, not what is proposed already.
_ASKED_BEFORE = ("held.soak", "held.policy")


def promotions(
    world: World,
    survey: Survey,
    environment: Environment,
    pairs: Sequence[tuple[Spot, Sequence[Spot]]],
    *,
    release_hold: bool,
    by_hand: ByHand | None = None,
) -> list[Decision]:
    """A decision for each entry of the target that the source has too, in their order.

    The source's own pin is the truth; a registry is asked whether the target's repository has it. `release_hold` lifts
    what somebody wrote down to be held in the source. History is read only where a pin would change.
    """
    journey = _Promoting(world, survey, environment, release_hold, by_hand)
    decided: dict[int, Decision] = {}
    asked: list[tuple[int, Spot, list[Running]]] = []
    for at, (spot, partners) in enumerate(pairs):
        running = [_running(one) for one in partners]
        decision = _refused(spot, partners) or journey.settled(spot, running)
        if decision is not None:
            decided[at] = decision
        else:
            asked.append((at, spot, running))
    if asked:
        since = _since(survey, [one for _, _, running in asked for one in running])
        with (
            world.progress("asking the registries", len(asked)) as done,
            together(
                lambda one: journey.decided(one[1], [since(each) for each in one[2]]),
                asked,
                lambda one: one[1].entry.image,
            ) as found,
        ):
            for (at, _, _), promoted in zip(asked, found, strict=True):
                decided[at] = promoted
                done()
    return [decided[at] for at in range(len(pairs))]


def withdrawn(
    survey: Survey,
    decisions: Sequence[Decision],
    carried: Sequence[PinChange],
    partners: Mapping[tuple[str, str], Sequence[Spot]],
) -> list[Decision]:
    """The decisions. Where one is held, what an open proposal has goes too once its source is behind it no more.

    That is so when the very pin is held now, and when the source left it by going back. While only something newer has
    to wait, it stays; so does what a person promoted although it had not soaked or is outside the policy.

    Raises:
        GitError: history is needed, and the remote cannot be read.
    """
    pins = {pin.key: pin for pin in carried if pin.source == "promotion"}

    def judged(decision: Decision) -> Decision:
        match decision:
            case Held(entry=entry, candidate=candidate) if (pin := pins.get(entry.key)) is not None:
                same = candidate is not None and _is_same(candidate, pin.after)
                gone = (
                    any(reason.code not in _ASKED_BEFORE for reason in reasons.of(decision))
                    if same
                    else _went_back(survey, partners.get(entry.key, ()), pin.after)
                )
                return replace(decision, withdraws=gone)
            case _:
                return decision

    return [judged(decision) for decision in decisions]


def _is_same(one: Pin, other: Pin) -> bool:
    """Whether two pins mean one image, whatever the target calls it."""
    return one.digest == other.digest if one.digest and other.digest else one.tag == other.tag


def _went_back(survey: Survey, source: Sequence[Spot], pin: Pin) -> bool:
    """Whether the source left a pin by going backwards, in any of the overlays that it stands for."""
    if not source:
        return False
    line = survey.line(lambda line: all(trail.enough(line, spot.place.overlay) for spot in source))
    found = (stepped_back.left(line, spot.place, spot.rules, pin) for spot in source if spot.entry.pin != pin)
    return any(last is not None and last.way == "backward" for last in found)


def _refused(spot: Spot, partners: Sequence[Spot]) -> Failed | None:
    """An entry that cannot be read on either side; one that is ignored is not looked at."""
    if spot.rules.ignore:
        return None
    refusal = spot.entry.refusal or next((one.entry.refusal for one in partners if one.entry.refusal), None)
    return Failed(spot.place, refusal) if refusal is not None else None


def _running(spot: Spot) -> Running:
    policy = spot.rules.policy.policy if spot.rules.policy is not None else None
    return Running(spot.place, spot.entry.pin, policy, None)


def _since(survey: Survey, running: Sequence[Running]) -> Callable[[Running], Running]:
    """Tells of each since when, and by which release, its environment runs the pin."""
    pins = {(one.entry.key, one.pin): one for one in running}

    def all_told(line: Line) -> bool:
        return all(trail.arrival(line, one.entry, one.pin) is not None for one in pins.values())

    line = survey.line(all_told)
    numbers = {
        release.commit: release.number
        for name in {one.environment for one in running}
        for release in history.releases(name, line, survey.ground, {})
    }

    def told(one: Running) -> Running:
        step = trail.arrival(line, one.entry, one.pin)
        return replace(one, arrived=step, number=numbers.get(step.commit) if step is not None else None)

    return told


@dataclass(frozen=True, slots=True)
class _Promoting:
    """One promotion: what it needs to decide an entry."""

    world: World
    survey: Survey
    environment: Environment
    release_hold: bool
    by_hand: ByHand | None

    def settled(self, spot: Spot, running: Sequence[Running]) -> Kept | Held | None:
        """What needs neither history nor a registry; None where these are asked."""
        one = promotion.one_of(spot.place, spot.entry.pin, running)
        if isinstance(one, Held):
            if not spot.rules.ignore:
                return one
            one = running[0]
        return promotion.settled(spot.place, spot.entry.pin, spot.rules, one, release_tag=self.environment.release_tag)

    def decided(self, spot: Spot, running: Sequence[Running]) -> Decision:
        """The decision, with what the registry has; `running` says since when."""
        one = promotion.one_of(spot.place, spot.entry.pin, running)
        if isinstance(one, Held):
            return one
        now = self.world.clock.now()
        written = self.survey.hold(one.entry) if not self.release_hold else None
        against = promotion.blocked(
            spot.place,
            spot.entry.pin,
            one,
            now=now,
            wait=self.environment.promotion.soak if self.environment.promotion is not None else timedelta(0),
            release_tag=self.environment.release_tag,
            hold=hold.reason(written) if written is not None else None,
        )
        try:
            found = artifact(self.world.registry, self.environment, spot, one)
        except RegistryError as error:
            # What is held is asked for again as long as it is, and fails only once nothing else is in the way.
            held = promotion.withheld(against, self.by_hand)
            return (
                reasons.held(spot.place, spot.entry.pin, one.pin, held) if held else Failed(spot.place, error.problem)
            )
        if isinstance(found, Held):
            return reasons.add(found, *promotion.withheld(against, self.by_hand))
        return promotion.promoted(
            spot.place,
            spot.entry.pin,
            spot.rules,
            one,
            found,
            now=now,
            against=against,
            by_hand=self.by_hand,
            policy=self._policy(spot, one),
        )

    def _policy(self, spot: Spot, running: Running) -> NamedPolicy | None:
        """The policy that a person goes by who promotes: that of the image, else that of the environment.

        Where the configuration promotes from this very source, that takes the place of the environment's policy.
        """
        if self.by_hand is None:
            return None
        configured = self.environment.promotion
        if configured is not None and configured.source == running.environment and not spot.rules.own_policy:
            return None
        return spot.rules.policy
