"""Candidates of a promotion: the pins that the source environment runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.ask import Work
from gitops_bot.engine.candidates.artifact import artifact
from gitops_bot.engine.candidates.source import Pair, source_pins
from gitops_bot.errors import Problem, RegistryError, UsageError
from gitops_bot.releases.choice import hold, promotion, reasons
from gitops_bot.releases.choice.by_hand import withheld
from gitops_bot.releases.choice.soaked import left_behind
from gitops_bot.releases.history import trail
from gitops_bot.releases.layout import correspondence
from gitops_bot.releases.plan import Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.candidates.source import SourcePins
    from gitops_bot.engine.gates import Known
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reason import Code, Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.images.rules import NamedPolicy
    from gitops_bot.releases.choice.by_hand import ByHand
    from gitops_bot.releases.choice.running import Running
    from gitops_bot.releases.plan import Decision, Entry

#: Reasons that a person may have promoted in spite of: they hold what is promoted next, not what is proposed already.
_ASKED_BEFORE: tuple[Code, ...] = ("held.soak", "held.policy", "held.no_digest")


@dataclass(frozen=True, slots=True)
class Promotion:
    """One environment that gets pins from another.

    `by_hand` is what a person goes beyond, None where the bot promotes by itself. While the source's present pin soaks,
    the newest earlier one that has soaked is promoted in its place, but none older than what a proposal has already;
    a person means what the source runs now.
    """

    known: Known
    by_hand: ByHand | None = None

    def candidates(self, entries: Sequence[tuple[Entry, Sequence[Entry]]]) -> list[tuple[Entry, Work[Decision]]]:
        """The entries of the target that the source has too, each with what decides it.

        The source's own pin is the truth; a registry is asked whether the target's repository has it. History is read
        only where a pin would change.
        """
        proposed = {pin.key: pin.after for pin in self.known.state.pins if pin.source == "promotion"}
        pairs = [Pair(entry, sources, proposed.get(entry.key)) for entry, sources in entries]
        settled = [_refused(pair) or self._settled(pair) for pair in pairs]
        asked = [pair for pair, decision in zip(pairs, settled, strict=True) if decision is None]
        wait = timedelta(0) if self.by_hand is not None else self._soak
        sources = source_pins(self.known, asked, wait=wait) if asked else []
        known = dict(zip((pair.entry.key for pair in asked), sources, strict=True))

        def work(entry: Entry, decision: Decision | None) -> Work[Decision]:
            if decision is not None:
                return Work.of(decision)
            return Work(partial(self._decided, entry, known[entry.key]), entry.repository)

        return [(pair.entry, work(pair.entry, decision)) for pair, decision in zip(pairs, settled, strict=True)]

    def withdrawn(self, decision: Decision, sources: Sequence[Entry]) -> Decision:
        """The decision. Where it is held, what an open proposal has goes too once its source is behind it no more.

        That is so when the very pin is held now, and when the source left it by going back. While only something newer
        has to wait, it stays; so does what a person promoted although it had not soaked or is outside the policy.
        """
        pins = {pin.key: pin for pin in self.known.state.pins if pin.source == "promotion"}
        if not isinstance(decision, Held) or (pin := pins.get(decision.entry.key)) is None:
            return decision
        if decision.candidate is not None and promotion.is_same(decision.candidate, pin.after):
            gone = any(reason.code not in _ASKED_BEFORE for reason in reasons.of(decision))
        else:
            gone = self._went_back(sources, pin.after)
        return replace(decision, withdraws=gone)

    def _went_back(self, sources: Sequence[Entry], pin: Pin) -> bool:
        """Whether the source went back from a pin, or behind it, in any of the overlays that it stands for."""
        if not sources:
            return False
        line = self.known.facts.line(
            self.known.snapshot, lambda line: all(trail.enough(line, source.overlay) for source in sources)
        )
        return any(left_behind(line, source, lambda its: promotion.is_same(its, pin)) for source in sources)

    def _settled(self, pair: Pair) -> Kept | Held | None:
        """What needs neither history nor a registry; None where these are asked."""
        entry = pair.entry
        running = promotion.one_of(entry, pair.running)
        if isinstance(running, Held):
            if not entry.rules.ignore:
                return running
            running = pair.running[0]
        release_tag = self.known.environment.release_tag
        return promotion.settled(entry, running, release_tag=release_tag, resolves=self.by_hand is not None)

    def _decided(self, entry: Entry, source: SourcePins) -> Decision:
        """The decision about what the source runs, or about the earlier pin that has soaked."""
        if source.soaked is not None and not self._blocked(entry, source.soaked, timedelta(0)):
            decision = self._promoted(entry, source.soaked, ())
            # Where the target has it or something newer, the newest pin is the one to tell of.
            if not isinstance(decision, Kept) and not _is_backward(decision):
                return decision
        running = promotion.one_of(entry, source.present)
        return (
            running
            if isinstance(running, Held)
            else self._promoted(entry, running, self._blocked(entry, running, self._soak))
        )

    @property
    def _soak(self) -> timedelta:
        configured = self.known.environment.promotion
        return configured.soak if configured is not None else timedelta(0)

    def _blocked(self, entry: Entry, running: Running, wait: timedelta) -> tuple[Reason, ...]:
        written = self.known.snapshot.hold(running.entry) if not self.known.request.exempt.holds else None
        return promotion.blocked(
            entry,
            running,
            now=self.known.snapshot.at,
            wait=wait,
            release_tag=self.known.environment.release_tag,
            hold=hold.reason(written) if written is not None else None,
            resolves=self.by_hand is not None,
        )

    def _promoted(self, entry: Entry, running: Running, against: Sequence[Reason]) -> Decision:
        """The decision about one pin, with what the registry has."""
        held = withheld(against, self.by_hand)
        if any(reason.code == "held.no_digest" for reason in held):
            return reasons.held(entry, running.pin, held)
        try:
            offered = artifact(self.known.facts, self.known.environment, entry, running)
        except RegistryError as error:
            # What is held is asked for again as long as it is, and fails only once nothing else is in the way.
            return reasons.held(entry, running.pin, held) if held else Failed(entry, error.problem)
        if isinstance(offered, Held):
            return reasons.add(offered, *held)
        return promotion.promoted(
            entry,
            running,
            offered,
            now=self.known.snapshot.at,
            against=against,
            by_hand=self.by_hand,
            policy=self._policy(entry, running),
        )

    def _policy(self, entry: Entry, running: Running) -> NamedPolicy | None:
        """The policy that a person goes by who promotes: that of the image, else that of the environment.

        Where the configuration promotes from this very source, that takes the place of the environment's policy.
        """
        if self.by_hand is None:
            return None
        configured = self.known.environment.promotion
        if configured is not None and configured.source == running.environment and not entry.rules.own_policy:
            return None
        return entry.rules.policy


def refuse_impossible(snapshot: Snapshot, source: str) -> None:
    """Refuse a promotion from one environment to another where no overlay of one can correspond to one of the other.

    Raises:
        UsageError: that is so, or both are the same.
    """
    for environment in snapshot.environments:
        target = environment.name
        if source == target:
            message = f"{target} cannot be promoted to itself"
            raise UsageError(Problem("failed.usage", message, "give two different environments"))
        globs = snapshot.config.environments[source].overlays
        if (why := correspondence.impossible(globs, environment.overlays)) is not None:
            message = f"{source} and {target} cannot correspond: {why}"
            raise UsageError(Problem("failed.usage", message, "correct `overlays`"))


def _refused(pair: Pair) -> Failed | None:
    """An entry that cannot be read on either side; one that is ignored is not looked at."""
    if pair.entry.rules.ignore:
        return None
    refusal = next((side.refusal for side in (pair.entry, *pair.sources) if side.refusal), None)
    return Failed(pair.entry, refusal) if refusal is not None else None


def _is_backward(decision: Decision) -> bool:
    return isinstance(decision, Held) and any(reason.code == "held.downgrade" for reason in reasons.of(decision))
