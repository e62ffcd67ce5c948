"""What an environment left by going backwards is not proposed to it again.

A rollback, a `git revert` and a person's edit look alike here: the history of the file is the only witness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    """The last time that an environment left a pin: for which one, by which commit, and which way that was.

    `way` is `unknown` where only history that was cut could tell it.
    """

    pin: Pin
    successor: Pin
    step: Step
    way: Literal["forward", "backward", "unknown"]


def left(line: Line, entry: Managed, candidate: Pin) -> Left | None:
    """When the environment last left a candidate, among the last 200 commits that touch its overlay; None: not there.

    The bytes tell, where both digests are known. A tag that should never move stands for whatever it named.
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
    return Left(stay.pin, successor.pin, stay.left, way) if stay.left is not None else None


def check(item: Change | Held, line: Line) -> Change | Held:
    """A change that may be proposed, else the reason why it is held.

    What is held already (the promotion of a pin that has to run longer first) is held for this reason too.
    """
    entry, after = item.entry, item.candidate
    if after is None or (agree(entry.pin, after) and not follows_moves(entry.rules, after.tag or "")):
        return item  # it only says more of what is there
    source = item.source if isinstance(item, Change) else "promotion"
    reason = stepped_back(line, entry, after)
    if reason is not None and reason.code == "held.reverted" and source == "rollback":
        # Asked for again, the release before the last is the one that was left.
        reason = replace(reason, text=f"{reason.text}; to go further back, choose a release with `--to`")
    if reason is None and source == "promotion":
        reason = went_past(line, entry, entry.pin, after)
    return item if reason is None else item.hold(reason)


def stepped_back(line: Line, entry: Managed, candidate: Pin) -> Reason | None:
    """Why a candidate is held: the environment left it by going backwards, or too little history tells. None: free.

    Only what was left is held, so that a fix for an older line of versions passes while a newer one is held.
    """
    last = left(line, entry, candidate)
    if last is None and enough(line, entry.overlay):
        return None
    if last is None or last.way == "unknown":
        return _bound(line, entry, candidate)
    if last.way == "forward":
        return None
    step = last.step
    text = (
        f"rolled back to {last.successor.short} in {step.commit[:10]} on {step.at:%Y-%m-%d} by {step.who} "
        "(`--release-hold` allows it again)"
    )
    return Reason("held.reverted", text, step.data)


def in_source(source: Managed, pin: Pin, step: Step) -> Reason:
    """Why a pin is not promoted: an environment that it came through went back from it by this commit."""
    text = (
        f"{source.environment} went back from {pin.short} in {step.commit[:10]} on {step.at:%Y-%m-%d} by {step.who} "
        "(`--release-hold` allows it again)"
    )
    return Reason("held.reverted", text, {**step.data, "source": source.environment})


def went_past(line: Line, entry: Managed, present: Pin, candidate: Pin) -> Reason | None:
    """Why a candidate would be a step back where the tags tell no order: the environment has been there.

    For promotions: a policy that follows a moving tag goes wherever the tag goes.
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
    """In what a pin that was left is the candidate."""
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
    """Which way a pin was left: by the order of the tags, else back to what was there before it or not."""
    if way := order(rules, successor, left):
        return "backward" if way < 0 else "forward"
    if any(agree(earlier.pin, successor) for earlier in before):
        return "backward"
    return "forward" if complete else "unknown"


def order(rules: Rules, pin: Pin, other: Pin) -> int | None:
    """The order of two pins by their tags; 0 or None where these tell none."""
    if pin.tag is None or other.tag is None:
        return None
    return compare(rules.policy.policy if rules.policy is not None else None, pin.tag, other.tag)


def _bound(line: Line, entry: Managed, candidate: Pin) -> Reason:
    count = len(line.touching(entry.overlay))
    text = (
        f"too little history ({count} of the last {DEPTH} commits that touch {entry.overlay}) to tell whether "
        f"{candidate.short} was rolled back before; fetch the full history (`fetch-depth: 0`)"
    )
    return Reason("held.history_bound", text, {"known": count, "needed": DEPTH})
