"""From what a source environment runs to a decision about one entry of the target: what was tested is what ships.

`newName` is never copied: the target keeps its own repository.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.images import duration, version
from gitops_bot.images.reason import Reason, counted, enumerated, rfc3339, shortlist
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import soak
from gitops_bot.releases.choice.stepped_back import order
from gitops_bot.releases.decisions import IGNORED, Change, Failed, Held, Kept
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.trail import release_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from gitops_bot.images.kinds import Rules
    from gitops_bot.images.reason import Code
    from gitops_bot.releases.decisions import Decision, Managed
    from gitops_bot.releases.history.trail import Run

#: Pins of a source that a text names.
_NAMED: Final = 5
_POLICY, _NOW, _CHECKS = "--beyond-policy", "--now", "--beyond-checks"
#: The option that lifts a hold, by the code of its reason.
_OPTIONS: Final[dict[Code, str]] = {
    "held.policy": _POLICY,
    "held.soak": _NOW,
    "held.history_bound": _NOW,
    "held.check": _CHECKS,
    "held.source_check": _CHECKS,
    "held.deployment": _CHECKS,
}


@dataclass(frozen=True, slots=True)
class Artifact:
    """What the target would get.

    `way` is how it follows from the source's pin: `copied`; `resolved`, as the source has no digest; or `rebuilt`,
    another build of the same `revision`. `renamed`: its tag is the version tag of the same bytes. `exists`: the
    target's repository has the digest, or the tag if only that is pinned; only then may the digest be missing.
    """

    pin: Pin
    exists: bool
    way: Literal["copied", "resolved", "rebuilt"] = "copied"
    renamed: bool = False
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the source runs for an entry, and what the target would get.

    `artifact` is None if the registry does not have it, or does not answer. `wait` is the soak time of the pin.
    `upcoming` is the number of an open proposal for the source, and its pin in words. `passed` are the
    environments a person goes past, with what they run.
    """

    running: Run
    artifact: Artifact | None
    wait: timedelta
    upcoming: tuple[int, str] | None = None
    passed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person who promotes may override: the policy of the target, its soak time, and what it requires."""

    beyond_policy: bool = False
    now: bool = False
    beyond_checks: bool = False

    def lifts(self, reason: Reason) -> bool:
        """Whether they chose to promote in spite of this reason."""
        lifted = {_POLICY: self.beyond_policy, _NOW: self.now, _CHECKS: self.beyond_checks}
        return lifted.get(_OPTIONS.get(reason.code, ""), False)


def common_run(entry: Managed, running: Sequence[Run]) -> Run | Held:
    """What the source runs, if all of its overlays that correspond to the target's run the same.

    The last one to get the pin counts, so that all have soaked.
    """
    if len({run.pin for run in running}) == 1:
        return trail.last(running)
    source = running[0].environment
    if run_apart(running):
        overlays = [f"{run.pin.short} in {run.entry.overlay}" for run in running]
        text = f"{source} runs several different pins, and all of them ran no other: {shortlist(overlays, _NAMED)}"
    else:
        places = [f"{run.pin.short} of {run.entry.name} ({run.entry.file}:{run.entry.line})" for run in running]
        text = (
            f"{source} pins {entry.image} differently: {shortlist(places, _NAMED)}; pin the same, or give this entry "
            "the name of the one that it stands for, or a `policy` of its own"
        )
    return Held(entry, None, Reason("held.unordered", text, {"source": source}))


def run_apart(running: Sequence[Run]) -> bool:
    """Whether overlays of the source run different pins, so that the newest which all of them ran is promoted."""
    return len({run.pin for run in running}) > 1 and len({run.entry.overlay for run in running}) == len(running)


def newest_in_common(entry: Managed, running: Sequence[Run]) -> Kept:
    """An entry that has the newest pin which all overlays of the source ran: it stays."""
    ahead = shortlist([f"{run.pin.short} in {run.entry.overlay}" for run in running if run.pin != entry.pin], _NAMED)
    source = running[0].environment
    text = f"every overlay of {source} ran this pin, and none that is newer; {source} runs {ahead}"
    return Kept(entry, Reason("current", text), "promotion")


def settle(entry: Managed, running: Sequence[Run], *, release_tag: bool = False) -> Kept | Held | Failed | None:
    """What can be decided without history or a registry, given what the source runs now; else None.

    `release_tag`: the target pins version tags.
    """
    if entry.rules.ignore:
        return Kept(entry, IGNORED, "promotion")
    if mistake := next((side.mistake for side in (entry, *(run.entry for run in running)) if side.mistake), None):
        return Failed(entry, mistake)
    source = common_run(entry, running)
    if isinstance(source, Held):
        return None if run_apart(running) else source
    if is_current(entry, source.pin, release_tag=release_tag):
        return Kept(entry, Reason("current", f"{source.environment} runs the same pin"), "promotion")
    if source.pin == Pin():
        reason = Reason("nothing_new", f"{source.environment} pins nothing for {source.entry.name}")
        return Kept(entry, reason, "promotion")
    return None


def promote(entry: Managed, offer: Offer, artifact: Artifact, now: datetime) -> Change | Kept:
    """Pin the artifact, unless it is pinned already."""
    present, running = entry.pin, offer.running
    after = _shape(entry, artifact.pin)
    # Where only tags are pinned, a digest that stands beside the right one does no harm.
    if after == present or (entry.rules.pin == "tag" and artifact.pin == present):
        return Kept(entry, Reason("current", f"{running.environment} runs the same pin"), "promotion")
    way = choice.direction(present, after, entry.policy or running.entry.policy)
    reason = _reason(entry.rules, offer, artifact, now)
    return Change(entry, after, "promotion", way, reason, rebuilt=artifact.way == "rebuilt")


def hold_for(
    decision: Decision, offer: Offer, reason: Reason | None, by_hand: ByHand | None, now: datetime
) -> Decision:
    """The decision about an offer, with one more reason against it, which a person who promotes may lift.

    An offer that failed for want of an answer from the registry is held, and fails only if nothing else holds it.
    """
    if reason is None or isinstance(decision, Kept):
        return decision
    if by_hand is not None and by_hand.lifts(reason):
        if not isinstance(decision, Change) or offer.artifact is None:
            return decision
        lifted = (*decision.lifted, reason)
        promoted_reason = _reason(decision.entry.rules, offer, offer.artifact, now, lifted)
        return replace(decision, lifted=lifted, reason=promoted_reason)
    if isinstance(decision, Change) and offer.running.ahead:
        reason = reason.with_more(_ahead(offer.running))
    if by_hand is not None and (option := _OPTIONS.get(reason.code)) is not None:
        reason = reason.with_more(f"`{option}` promotes it anyway")
    match decision:
        case Held() | Change():
            return decision.hold(reason)
        case Failed(entry=entry):
            return decision if entry is None else Held(entry, offer.running.pin, reason)


def no_release_tag(entry: Managed, running: Run, revision: str | None = None) -> Held:
    """The hold if the target wants a version tag and the registry has none: of that `revision`, else of the digest."""
    what = f"an image of revision {revision[:12]}" if revision else f"the digest that {running.environment} runs"
    text = f"no version tag in {entry.image} points to {what} ({running.pin}); publish one"
    data = {"source": running.environment, "tag": running.pin.tag, "digest": running.pin.digest}
    return Held(entry, running.pin, Reason("held.no_release_tag", text, data))


def is_current(entry: Managed, pin: Pin, *, release_tag: bool) -> bool:
    """Whether the target has the source's pin already, as far as that shows without a registry."""
    present = entry.pin
    same_bytes = pin.digest is not None and present.digest == pin.digest
    if release_tag:
        present_version = version.parse(present.tag or "")
        return same_bytes and present_version is not None and present_version.parts == 3
    return pin == present or _shape(entry, pin) == present or (same_bytes and pin.tag is None)


def is_same(pin: Pin, other: Pin) -> bool:
    """Whether two pins are the same image, whatever the target calls it."""
    if pin.digest and other.digest:
        return pin.digest == other.digest
    return pin.tag == other.tag if pin.tag is not None else pin == other


def _shape(entry: Managed, pin: Pin) -> Pin:
    """The pin to write; half a pin is written as it is."""
    if pin.tag is None or pin.digest is None:
        return pin
    return choice.shaped(entry.rules.pin, entry.pin, pin.tag, pin.digest)


def downgrade(entry: Managed, offer: Offer) -> Reason | None:
    """It would be a step back by the target's order, or by the source's if the target's says nothing."""
    if offer.artifact is None:
        return None
    present, running, after = entry.pin, offer.running, _shape(entry, offer.artifact.pin)
    if running.entry.policy is None or order(entry.rules, after, present) is not None:
        return choice.downgrade(entry.policy, present, after)
    return choice.downgrade(running.entry.policy, present, after, by=f" by the policy of {running.environment}")


def held_in_source(offer: Offer, hold: Reason) -> Reason:
    """The source holds its pin itself."""
    running = offer.running
    text = f"{running.pin.short} is held in {running.environment} itself: {hold.text}"
    return replace(hold, text=text, data={**hold.data, "source": running.environment})


def unsoaked(offer: Offer, now: datetime, more: str) -> Reason | None:
    """The source has not run it long enough, or to know that needs `more` of the history."""
    running, arrived = offer.running, offer.running.arrived
    return soak.reason_to_wait(running.environment, arrived.at if arrived else None, now, offer.wait, more)


def untagged(entry: Managed, running: Run) -> Reason | None:
    """An edit keeps the tag, which would then sit beside a digest that it never pointed to."""
    if running.pin.tag is not None or entry.pin.tag is None:
        return None
    text = (
        f"{running.environment} pins a digest without a tag, so the tag {entry.pin.tag} would be wrong for it; pin the "
        f"tag in {running.environment} too, or set `tag: release` for {entry.environment}"
    )
    return Reason("held.no_release_tag", text, {"source": running.environment})


def no_room(entry: Managed, running: Run) -> Reason | None:
    """A tag alone may point to something else by the time it is deployed."""
    if not entry.rules.no_room or running.pin.digest is None:
        return None
    text = (
        f"{running.environment} runs {running.pin.short} by its digest, and {entry.file}:{entry.line} has no "
        f"place for one; add one, or set `pin: tag` for {entry.environment} to copy the tag alone"
    )
    return Reason("held.no_digest", text, {"source": running.environment, "digest": running.pin.digest})


def moved(entry: Managed, offer: Offer) -> Reason | None:
    """The tag that the source pins without a digest was moved."""
    if offer.artifact is None or offer.artifact.way != "resolved":
        return None
    after = _shape(entry, offer.artifact.pin)
    return choice.moved(entry, after) if choice.moves(entry.pin, after) else None


def absent(entry: Managed, offer: Offer) -> Reason | None:
    """The target's repository lacks it."""
    running, artifact = offer.running, offer.artifact
    if artifact is None or artifact.exists:
        return None
    pin = artifact.pin
    what = pin.digest or pin.tag or ""
    if entry.rules.pin == "tag" and pin.tag is not None and pin.digest is not None:
        what = f"{pin.tag} for {pin.digest}"
    where = f" from {running.entry.image}" if entry.image != running.entry.image else ""
    text = f"{entry.image} does not have {what}, which {running.environment} runs{where}"
    advice = "copy the image there" if entry.image != running.entry.image else "it was deleted: push it again"
    return Reason("held.absent_in_target", f"{text}; {advice}", {"digest": pin.digest, "tag": pin.tag})


def _reason(rules: Rules, offer: Offer, artifact: Artifact, now: datetime, lifted: Sequence[Reason] = ()) -> Reason:
    """Where the pin comes from, which reviewers read first. `lifted` are the reasons that a person lifted."""
    running = offer.running
    source, step = running.environment, running.arrived
    data: dict[str, str | int | None] = {"source": source, "release": None, "since": None}
    parts = [f"{source} runs {running.pin.short}"]
    if step is not None:
        data |= {"release": step.commit, "since": rfc3339(step.at)}
        verb, end, word = ("has run", now, "since") if running.left is None else ("ran", running.left.at, "from")
        how_long = f"for {duration.roughly(end - step.at)}, {word} {step.at:%Y-%m-%d %H:%M} UTC"
        parts = [f"{source} {verb} {running.pin.short} {how_long}, as {release_name(running.number, step.commit)}"]
        if running.left is not None:
            data["ahead"] = running.ahead
            parts.append(_ahead(running))
    if artifact.way == "rebuilt":
        data |= {"rebuilt": 1, "revision": artifact.revision}
        revision = f" from revision {artifact.revision[:12]}" if artifact.revision else ""
        parts.insert(0, f"rebuilt, not the bytes that were tested: {artifact.pin.short} was built again{revision}")
    elif artifact.way == "resolved":
        parts.append(f"{source} pins no digest, so this is what the tag points to now")
    elif artifact.renamed:
        parts.append(f"the same bytes are tagged {artifact.pin.tag}")
    if rules.pin == "tag" and artifact.pin.tag is not None and artifact.pin.digest is not None:
        parts.append(f"`pin: tag` leaves out {artifact.pin.digest[:19]}, so if the tag moves, other bytes are deployed")
    if lifted:
        data["beyond"] = ", ".join(reason.code for reason in lifted)
        parts = [*(f"{reason.text}, promoted anyway (`{_OPTIONS[reason.code]}`)" for reason in lifted), *parts]
    if offer.passed:
        data["passed"] = ", ".join(offer.passed)
        parts.insert(0, f"past {enumerated([f'{name}, which runs {pin}' for name, pin in offer.passed.items()])}")
    if offer.upcoming is not None:
        number, pin = offer.upcoming
        data["open_in_source"] = number
        parts.append(f"a proposal for the source is still open: #{number} pins {pin}")
    return Reason("promoted", "; ".join(parts), data)


def _ahead(running: Run) -> str:
    count = counted(running.ahead, "release")
    return f"{running.environment} is {count} ahead of {running.pin.short}, which soaked long enough"
