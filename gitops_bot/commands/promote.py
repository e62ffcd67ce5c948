"""`gitops-bot promote SOURCE TARGET`: copy what one environment runs to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.meeting import meet
from gitops_bot.engine.promoting import promotions, withdrawn
from gitops_bot.engine.propose import Task, propose
from gitops_bot.engine.there import proposed_on
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice.by_hand import ByHand
from gitops_bot.releases.layout import correspondence
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.releases.plan import Change, Failed, Held, asked_by_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import Outcome
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision


def promote(
    world: World,
    survey: Survey,
    source: str,
    *,
    images: Sequence[str],
    overlays: Sequence[str],
    beyond_policy: bool = False,
    now: bool = False,
    release_hold: bool = False,
    dry_run: bool,
) -> Outcome:
    """Propose to the survey's one environment what `source` runs on the base branch now.

    A pin that the target's policy would not choose is held without `beyond_policy`, one that has not soaked without
    `now`. `images` (by name, else by repository) and `overlays` (globs of the target's directories) narrow it down.
    Entries that only one side has are listed.

    Raises:
        UsageError: the source is the target, or a glob cannot be read or means no overlay of the target.
    """
    (environment,) = survey.environments
    target = environment.name
    if source == target:
        raise UsageError(
            Problem("failed.usage", f"{target} cannot be promoted to itself", "give two different environments")
        )
    if (why := correspondence.impossible(survey.globs(source), environment.overlays)) is not None:
        raise UsageError(
            Problem("failed.usage", f"{source} and {target} cannot correspond: {why}", "correct `overlays`")
        )
    globs = [_glob(text) for text in overlays]
    by_hand = ByHand(beyond_policy=beyond_policy, now=now)
    named: set[tuple[str, str]] = set()

    known: dict[str, Sequence[Decision]] = {}
    only_there: list[Held] = []

    def decide(survey: Survey, carried: Sequence[PinChange]) -> Sequence[Decision]:
        # Asked more than once, and one commit of the base branch has one answer.
        if survey.commit not in known:
            known[survey.commit] = decided_at(survey)
        return withdrawn(survey, known[survey.commit], carried, meet(survey, source, target).partners)

    def decided_at(survey: Survey) -> Sequence[Decision]:
        chosen, unknown = _chosen(survey, target, images, globs, overlays)
        named.update(spot.place.key for spot in chosen) if images else None
        meeting = meet(survey, source, target)
        only_there[:] = [_only_there(spot, target) for spot in meeting.only_source]
        pairs = [(spot, meeting.partners[spot.place.key]) for spot in chosen if spot.place.key in meeting.partners]
        ahead = _ahead(world, survey, source, {one.place.key for _, partners in pairs for one in partners})
        decided = promotions(world, survey, environment, pairs, release_hold=release_hold, by_hand=by_hand)
        told = [
            _told(decision, [ahead[one.place.key] for one in partners if one.place.key in ahead])
            for decision, (_, partners) in zip(decided, pairs, strict=True)
        ]
        told = [*map(survey.astray(target).judged, told)]
        alone = [_alone(spot, source) for spot in chosen if spot.place.key not in meeting.partners]
        return [*unknown, *(map(asked_by_name, told) if images else told), *alone]

    task = Task(environment, decide, "promotion", dry_run, promoted_from=source, release_hold=release_hold)
    outcomes = propose(world, survey, [task])
    if not images and not globs:
        outcomes = [replace(one, held=(*one.held, *only_there)) for one in outcomes]
    return survey.outcome(outcomes, named=frozenset(named) if images else None)


def _glob(text: str) -> Glob:
    try:
        return Glob.parse(text)
    except ValueError as error:
        raise UsageError(Problem("failed.usage", str(error), "correct --overlay")) from error


def _chosen(
    survey: Survey, target: str, images: Sequence[str], globs: Sequence[Glob], overlays: Sequence[str]
) -> tuple[list[Spot], list[Failed]]:
    """The entries of the target that are meant, in their order, and what matches none."""
    spots = [spot for spot in survey.spots(target) if not globs or any(_is_in(spot, glob) for glob in globs)]
    if globs and not spots:
        problem = Problem("failed.usage", f"no overlay of {target} is in {', '.join(overlays)}", "correct --overlay")
        raise UsageError(problem)
    if not images:
        return spots, []
    keys: set[tuple[str, str]] = set()
    unknown = []
    for image in images:
        matching = {spot.place.key for spot in survey.matching(target, image)}
        if found := matching & {spot.place.key for spot in spots}:
            keys |= found
        else:
            unknown.append(Failed(None, _matches_nothing(image, spots, target)))
    return [spot for spot in spots if spot.place.key in keys], unknown


def _is_in(spot: Spot, glob: Glob) -> bool:
    return glob.match("" if spot.place.overlay == "." else f"{spot.place.overlay}/") is not None


def _matches_nothing(image: str, spots: Iterable[Spot], target: str) -> Problem:
    names = sorted({spot.entry.name for spot in spots})
    known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
    message = f"{image[:300]} matches no entry of {target}, neither by name nor by repository"
    return Problem("failed.usage", message, f"the entries of {target} are: {known}" if names else "correct --image")


def _ahead(
    world: World, survey: Survey, source: str, keys: set[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[int, PinChange]]:
    """What open proposals of the source will pin there: people may have meant that, and are told."""
    names = survey.branches(source)
    pulls = survey.pull_requests(names)
    found = {}
    for name in names:
        opened = next((pull for pull in pulls[name] if pull.state == "open"), None)
        if opened is None:
            continue
        for pin in proposed_on(world.repository.branch(name, survey.commit), pulls[name]):
            if pin.key in keys:
                found[pin.key] = (opened.number, pin)
    return found


def _told(decision: Decision, ahead: Sequence[tuple[int, PinChange]]) -> Decision:
    """The decision, with a word about what the source gets next."""
    if not isinstance(decision, Change) or not ahead:
        return decision
    number, pin = ahead[0]
    text = f"{decision.reason.text}; a proposal for the source is still open: #{number} pins {plain(str(pin.after))}"
    data = {**decision.reason.data, "open_in_source": number}
    return replace(decision, reason=Reason(decision.reason.code, text, data))


def _alone(spot: Spot, source: str) -> Held:
    return Held(spot.place, spot.entry.pin, None, Reason("unmanaged", f"{source} has no such entry to promote"))


def _only_there(spot: Spot, target: str) -> Held:
    return Held(spot.place, spot.entry.pin, None, Reason("unmanaged", f"{target} has no such entry"))
