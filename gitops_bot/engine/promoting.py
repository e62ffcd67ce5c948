"""What one environment gets from another: the pins that the source runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.engine.artifact import artifact
from gitops_bot.engine.source_pins import Pair, source_pins
from gitops_bot.engine.workers import together
from gitops_bot.errors import RegistryError
from gitops_bot.releases.choice import hold, promotion, reasons
from gitops_bot.releases.choice.by_hand import withheld
from gitops_bot.releases.choice.served import left_behind
from gitops_bot.releases.history import trail
from gitops_bot.releases.plan import Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.source_pins import SourcePins
    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.engine.world import World
    from gitops_bot.images.reason import Code, Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.images.rules import NamedPolicy
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.choice.by_hand import ByHand
    from gitops_bot.releases.choice.promotion import Running
    from gitops_bot.releases.plan import Decision

#: Reasons that a person may have promoted in spite of: they hold what is promoted next, not what is already proposed.
_ASKED_BEFORE: tuple[Code, ...] = ("held.soak", "held.policy")


def promotions(
    world: World,
    survey: Survey,
    environment: Environment,
    pairs: Sequence[tuple[Spot, Sequence[Spot]]],
    *,
    release_hold: bool,
    by_hand: ByHand | None = None,
    carried: Sequence[PinChange] = (),
) -> list[Decision]:
    """A decision for each entry of the target that the source has too, in their order.

    The source's own pin is the truth; a registry is asked whether the target's repository has it. While that pin soaks,
    the newest earlier one that has soaked is promoted in its place, but none older than what a proposal has `carried`;
    a person means what the source runs now. `release_hold` lifts what somebody wrote down to be held in the source.
    History is read only where a pin would change.
    """
    journey = _Promoting(world, survey, environment, release_hold, by_hand)
    proposed = {pin.key: pin.after for pin in carried if pin.source == "promotion"}
    known = [Pair(spot, sources, proposed.get(spot.place.key)) for spot, sources in pairs]
    settled = [_refused(pair) or journey.settled(pair) for pair in known]
    asked = [pair for pair, decision in zip(known, settled, strict=True) if decision is None]
    found = iter(journey.ask(asked) if asked else ())
    return [decision if decision is not None else next(found) for decision in settled]


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
                same = candidate is not None and promotion.is_same(candidate, pin.after)
                gone = (
                    any(reason.code not in _ASKED_BEFORE for reason in reasons.of(decision))
                    if same
                    else _went_back(survey, partners.get(entry.key, ()), pin.after)
                )
                return replace(decision, withdraws=gone)
            case _:
                return decision

    return [judged(decision) for decision in decisions]


def _went_back(survey: Survey, source: Sequence[Spot], pin: Pin) -> bool:
    """Whether the source went back from a pin, or behind it, in any of the overlays that it stands for."""
    if not source:
        return False
    line = survey.line(lambda line: all(trail.enough(line, spot.place.overlay) for spot in source))
    return any(left_behind(line, spot.place, spot.rules, lambda one: promotion.is_same(one, pin)) for spot in source)


def _refused(pair: Pair) -> Failed | None:
    """An entry that cannot be read on either side; one that is ignored is not looked at."""
    if pair.spot.rules.ignore:
        return None
    refusal = next((one.entry.refusal for one in (pair.spot, *pair.sources) if one.entry.refusal), None)
    return Failed(pair.spot.place, refusal) if refusal is not None else None


@dataclass(frozen=True, slots=True)
class _Promoting:
    """One promotion: what it needs to decide an entry."""

    world: World
    survey: Survey
    environment: Environment
    release_hold: bool
    by_hand: ByHand | None

    def settled(self, pair: Pair) -> Kept | Held | None:
        """What needs neither history nor a registry; None where these are asked."""
        spot, one = pair.spot, promotion.one_of(pair.spot.place, pair.spot.entry.pin, pair.running)
        if isinstance(one, Held):
            if not spot.rules.ignore:
                return one
            one = pair.running[0]
        return promotion.settled(spot.place, spot.entry.pin, spot.rules, one, release_tag=self.environment.release_tag)

    def ask(self, pairs: Sequence[Pair]) -> list[Decision]:
        """The decisions that take history and registries."""
        search = timedelta(0) if self.by_hand is not None else self._soak
        release_tag, now = self.environment.release_tag, self.world.clock.now()
        sources = source_pins(self.survey, pairs, now=now, wait=search, release_tag=release_tag)
        decided = []
        with (
            self.world.progress("querying the registries", len(pairs)) as done,
            together(
                lambda one: self._decided(*one),
                list(zip(pairs, sources, strict=True)),
                lambda one: one[0].spot.entry.image,
            ) as found,
        ):
            for decision in found:
                decided.append(decision)
                done()
        return decided

    def _decided(self, pair: Pair, source: SourcePins) -> Decision:
        """The decision about what the source runs, or about the earlier pin that has soaked."""
        spot = pair.spot
        if source.before is not None and not self._blocked(spot, source.before, timedelta(0)):
            decision = self._promoted(spot, source.before, ())
            # Where the target has it or something newer, the newest pin is the one to tell of.
            if not isinstance(decision, Kept) and not _is_backward(decision):
                return decision
        one = promotion.one_of(spot.place, spot.entry.pin, source.present)
        return one if isinstance(one, Held) else self._promoted(spot, one, self._blocked(spot, one, self._soak))

    @property
    def _soak(self) -> timedelta:
        configured = self.environment.promotion
        return configured.soak if configured is not None else timedelta(0)

    def _blocked(self, spot: Spot, running: Running, wait: timedelta) -> tuple[Reason, ...]:
        written = self.survey.hold(running.entry) if not self.release_hold else None
        return promotion.blocked(
            spot.place,
            spot.entry.pin,
            running,
            now=self.world.clock.now(),
            wait=wait,
            release_tag=self.environment.release_tag,
            hold=hold.reason(written) if written is not None else None,
        )

    def _promoted(self, spot: Spot, running: Running, against: Sequence[Reason]) -> Decision:
        """The decision about one pin, with what the registry has."""
        held = withheld(against, self.by_hand)
        try:
            found = artifact(self.world.registry, self.environment, spot, running)
        except RegistryError as error:
            # What is held is asked for again as long as it is, and fails only once nothing else is in the way.
            return (
                reasons.held(spot.place, spot.entry.pin, running.pin, held)
                if held
                else Failed(spot.place, error.problem)
            )
        if isinstance(found, Held):
            return reasons.add(found, *held)
        return promotion.promoted(
            spot.place,
            spot.entry.pin,
            spot.rules,
            running,
            found,
            now=self.world.clock.now(),
            against=against,
            by_hand=self.by_hand,
            policy=self._policy(spot, running),
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


def _is_backward(decision: Decision) -> bool:
    return isinstance(decision, Held) and any(one.code == "held.downgrade" for one in reasons.of(decision))
