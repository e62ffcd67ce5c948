"""What an environment was rolled back from is not proposed to it again.

A rollback, a `git revert` and a person's edit are alike here: only the history of the file counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.order import compare
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice.choose import follows_moves
from gitops_bot.releases.decisions import Change, Held
from gitops_bot.releases.history.line import agree
from gitops_bot.releases.history.trail import DEPTH, enough, stays

if TYPE_CHECKING:
    from gitops_bot.images.kinds import Rules
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.trail import Run


@dataclass(frozen=True, slots=True)
class Left:
    """When an environment last left a pin: for which other one, in which commit, and in which direction.

    `way` is `unknown` if only missing history could tell.
    """

    successor: Pin
    step: Step
    way: Literal["forward", "backward", "unknown"]


def left(line: Line, entry: Managed, candidate: Pin) -> Left | None:
    """When the environment last left a candidate in the last 200 commits of its overlay; None if it did not.

    If both digests are known, they decide. A tag that should never move stands for any digest that it had.
    """
    texts = [text for text in (candidate.tag, candidate.digest) if text is not None]
    if not any(step.may_hold(entry.file, texts) for step in line.touching(entry.overlay)[:DEPTH]):
        return None
    known, rules = stays(line, entry), entry.rules
    matches = [
        (likeness, at)
        for at, (stay, successor) in enumerate(pairwise(known))
        if (likeness := _likeness(stay.pin, successor.pin, candidate, rules)) is not None
    ]
    if not matches:
        return None
    # The last time counts; one with the very bytes before one with the tag alone.
    _, at = max(matches, key=lambda stay: (stay[0] == "bytes", stay[1]))
    stay, successor = known[at], known[at + 1]
    way = _direction(known[:at], stay.pin, successor.pin, rules, complete=enough(line, entry.overlay))
    return Left(successor.pin, stay.left, way) if stay.left is not None else None


def check(item: Change | Held, line: Line) -> Change | Held:
    """The change if it may be proposed, else held; what is held already, as it has to soak, gets a second reason."""
    entry, after = item.entry, item.candidate
    if after is None or (agree(entry.pin, after) and not follows_moves(entry.rules, after.tag or "")):
        return item  # it only says more of what is there
    source = item.source if isinstance(item, Change) else "promotion"
    reason = stepped_back(line, entry, after)
    if reason is not None and reason.code == "held.reverted" and source == "rollback":
        # Asked for again, the release before the last is the one that was left.
        reason = reason.with_more("to go further back, choose a release with `--to`")
    if reason is None and source == "promotion":
        reason = went_past(line, entry, entry.pin, after)
    return item if reason is None else item.hold(reason)


def stepped_back(line: Line, entry: Managed, candidate: Pin) -> Reason | None:
    """Why to hold a candidate: the environment was rolled back from it, or there is too little history to tell.

    Only that very pin is held, so that a fix for an older line of versions passes while a newer one is held.
    """
    last = left(line, entry, candidate)
    if last is None and enough(line, entry.overlay):
        return None
    if last is None or last.way == "unknown":
        count = len(line.touching(entry.overlay))
        text = (
            f"too little history ({count} of the last {DEPTH} commits that touch {entry.overlay}) to tell whether "
            f"{candidate.short} was rolled back before; {line.more}"
        )
        return Reason("held.history_bound", text, {"known": count, "needed": DEPTH})
    if last.way == "forward":
        return None
    text = f"rolled back to {last.successor.short} {last.step.occasion} (`--release-hold` allows it again)"
    return Reason("held.reverted", text, last.step.data)


def in_source(source: Managed, pin: Pin, step: Step) -> Reason:
    """Why not to promote a pin: an environment on its way was rolled back from it in this commit."""
    text = f"{source.environment} went back from {pin.short} {step.occasion} (`--release-hold` allows it again)"
    return Reason("held.reverted", text, {**step.data, "source": source.environment})


def went_past(line: Line, entry: Managed, present: Pin, candidate: Pin) -> Reason | None:
    """Why a candidate whose tag has no order would be a step back: the environment has run it before.

    Only for promotions: a policy that follows a moving tag goes wherever the tag goes.
    """
    if order(entry.rules, candidate, present):
        return None
    last = left(line, entry, candidate)
    if last is None or last.way == "backward":
        return None
    step = last.step
    text = (
        f"{entry.environment} already ran {candidate.short} and moved on to {last.successor.short} in "
        f"{step.commit[:10]} on {step.at:%Y-%m-%d}, and downgrades are never automatic"
    )
    return Reason("held.downgrade", text, step.data)


def _likeness(left: Pin, successor: Pin, candidate: Pin, rules: Rules) -> Literal["bytes", "tag"] | None:
    """What makes a pin that was left the candidate, if anything does."""
    same_tag = left.tag is not None and left.tag == candidate.tag
    if left.digest is None or candidate.digest is None:
        return "tag" if same_tag else None
    if left.digest == candidate.digest:
        # The same bytes by another tag: what was left then is the tag, and the bytes went on.
        return "bytes" if same_tag or successor.digest != left.digest else None
    return "tag" if same_tag and not follows_moves(rules, left.tag or "") else None


def _direction(
    before: tuple[Run, ...], left: Pin, successor: Pin, rules: Rules, *, complete: bool
) -> Literal["forward", "backward", "unknown"]:
    """In which direction a pin was left: by the order of the tags, else by whether the successor was there before."""
    if way := order(rules, successor, left):
        return "backward" if way < 0 else "forward"
    if any(agree(earlier.pin, successor) for earlier in before):
        return "backward"
    return "forward" if complete else "unknown"


def order(rules: Rules, pin: Pin, other: Pin) -> int | None:
    """The order of two pins by their tags; 0 or None if these have none."""
    if pin.tag is None or other.tag is None:
        return None
    return compare(rules.policy.policy if rules.policy is not None else None, pin.tag, other.tag)
