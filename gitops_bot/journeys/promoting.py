"""What one environment gets from another: the pins that the source runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.journeys import release_tag
from gitops_bot.journeys.workers import together
from gitops_bot.releases import history, hold, promotion, stepped_back, trail
from gitops_bot.releases.plan import Failed, Held, Kept
from gitops_bot.releases.promotion import Artifact, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.journeys.book import Environment
    from gitops_bot.journeys.survey import Spot, Survey
    from gitops_bot.journeys.world import Registry, World
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.line import Line
    from gitops_bot.releases.plan import Decision

_NOT_FOUND = 404


def promotions(
    world: World,
    survey: Survey,
    environment: Environment,
    pairs: Sequence[tuple[Spot, Sequence[Spot]]],
    *,
    wait: timedelta,
    release_hold: bool,
) -> list[Decision]:
    """A decision for each entry of the target that the source has too, in their order.

    The source's own pin is the truth; a registry is asked whether the target's repository has it. `wait` is the soak
    time; `release_hold` lifts what somebody wrote down to be held in the source. History is read only where a pin would
    change.
    """
    journey = _Promoting(world, survey, environment, release_hold=release_hold)
    decided: dict[int, Decision] = {}
    asked: list[tuple[int, Spot, list[Running]]] = []
    for at, (spot, partners) in enumerate(pairs):
        running = [_running(one) for one in partners]
        decision = _refused(spot, partners) or journey.settled(spot, running, wait=timedelta(0))
        if decision is not None:
            decided[at] = decision
        else:
            asked.append((at, spot, running))
    if asked:
        since = _since(survey, [one for _, _, running in asked for one in running])
        with (
            world.progress("asking the registries", len(asked)) as done,
            together(
                lambda one: journey.decided(one[1], [since(each) for each in one[2]], wait=wait),
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
    to wait, it stays.

    Raises:
        GitError: history is needed, and the remote cannot be read.
    """
    pins = {pin.key: pin for pin in carried if pin.source == "promotion"}

    def judged(decision: Decision) -> Decision:
        match decision:
            case Held(entry=entry, candidate=candidate, reason=reason) if (pin := pins.get(entry.key)) is not None:
                same = candidate is not None and _is_same(candidate, pin.after)
                gone = (
                    reason.code != "held.soak" if same else _went_back(survey, partners.get(entry.key, ()), pin.after)
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

    def settled(self, spot: Spot, running: Sequence[Running], *, wait: timedelta) -> Kept | Held | None:
        """What needs no registry; None where one has to be asked."""
        one = promotion.one_of(spot.place, spot.entry.pin, running)
        if isinstance(one, Held):
            if not spot.rules.ignore:
                return one
            one = running[0]
        written = self.survey.hold(one.entry) if not self.release_hold else None
        held = hold.hold(Kept(one.entry, one.pin, _RUNS), written) if written is not None else None
        return promotion.settled(
            spot.place,
            spot.entry.pin,
            spot.rules,
            one,
            now=self.world.clock.now(),
            wait=wait,
            release_tag=self.environment.release_tag,
            hold=held.reason if isinstance(held, Held) else None,
        )

    def decided(self, spot: Spot, running: Sequence[Running], *, wait: timedelta) -> Decision:
        """The decision, with what the registry has."""
        if (settled := self.settled(spot, running, wait=wait)) is not None:
            return settled
        one = promotion.one_of(spot.place, spot.entry.pin, running)
        if isinstance(one, Held):
            return one
        try:
            artifact = self._artifact(spot, one)
        except RegistryError as error:
            return Failed(spot.place, error.problem)
        if isinstance(artifact, Held):
            return artifact
        return promotion.promoted(spot.place, spot.entry.pin, spot.rules, one, artifact, now=self.world.clock.now())

    def _artifact(self, spot: Spot, running: Running) -> Artifact | Held:
        """What the target would get: the very digest, or, where the configuration says so, what stands for it."""
        registry, target = self.world.registry, spot.entry.image
        source = ImageName.parse(running.entry.image)
        if target is None:
            raise RegistryError(_no_image(spot))
        digest = running.pin.digest
        way: Literal["copied", "resolved"] = "copied"
        if digest is None and (spot.rules.pin != "tag" or self.environment.release_tag):
            # Said in the proposal: nobody wrote down what the source's tag meant when it was tested.
            digest, way = registry.digest(source, running.pin.tag or ""), "resolved"
        if self.environment.match_by == "revision" and digest is not None:
            return self._rebuilt(spot, running, source, target, digest)
        exists = registry.exists(target, digest) if digest is not None else _has_tag(registry, target, running.pin.tag)
        alone = spot.rules.pin == "tag" and not self.environment.release_tag
        if exists and alone and digest is not None and running.pin.tag:
            # The tag alone is what is written: it has to be there, and to name what was tested.
            exists = release_tag.names(registry, target, running.pin.tag, digest)
        pin = Pin(running.pin.tag, digest)
        if self.environment.release_tag and digest is not None and exists:
            tag = release_tag.of_digest(registry, target, digest, running.pin.tag)
            if tag is None:
                return promotion.no_release_tag(spot.place, spot.entry.pin, running)
            return Artifact(Pin(tag, digest), exists, way, renamed=tag != running.pin.tag)
        return Artifact(pin, exists, way)

    def _rebuilt(
        self, spot: Spot, running: Running, source: ImageName, target: ImageName, digest: str
    ) -> Artifact | Held:
        registry = self.world.registry
        build = registry.describe(source, digest)
        if build.revision is None:
            text = f"{source} at {digest[:19]} does not say of which revision it was built, and `match: revision` asks"
            problem = Problem("failed.registry", text, "label it with org.opencontainers.image.revision")
            raise RegistryError(problem)
        found = release_tag.of_revision(registry, target, build)
        if found is None:
            return promotion.no_release_tag(spot.place, spot.entry.pin, running, build.revision)
        tag, theirs = found
        if theirs == digest:
            return Artifact(Pin(tag, theirs), exists=True, renamed=tag != running.pin.tag)
        return Artifact(Pin(tag, theirs), exists=True, way="rebuilt", revision=build.revision)


_RUNS = Reason("current", "it runs")


def _has_tag(registry: Registry, image: ImageName, tag: str | None) -> bool:
    try:
        return tag is not None and bool(registry.digest(image, tag))
    except RegistryError as error:
        if error.status == _NOT_FOUND:
            return False
        raise


def _no_image(spot: Spot) -> Problem:
    message = f"{spot.place.image[:300]!r} is not the name of an image repository"
    where = (spot.place.file, spot.entry.line, spot.entry.column)
    return Problem("failed.edit", message, "correct `name` or `newName`", *where)
