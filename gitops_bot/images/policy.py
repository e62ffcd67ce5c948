"""Chooses the tag that an entry should pin; never backwards, and always with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.images.kinds import ByText, Follow, Newest, Order, Pattern, Policy, Semver, called, describe
from gitops_bot.images.order import KEY_OF, Admitted, RankedTag, admit, ranked_tag
from gitops_bot.images.reason import Reason, counted, shortlist

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.images.reference import Pin

#: Tags that a text names.
NAMED: Final = 3
#: What the first in an order is, for people.
BEST: Final[dict[Order, str]] = {
    "semver": "highest version",
    "numerical": "highest number",
    "calver": "latest date",
    "alphabetical": "alphabetically last tag",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A tag to propose. The reason's code is `chosen`, or `adopted` if the present tag has no order."""

    tag: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Current:
    """Nothing is better than the present pin: `current`, or `nothing_new` if the policy admits no tag at all."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class HeldChoice:
    """People have to decide: `held.downgrade`, `held.vanished` or `held.unordered`; `candidate` is the best tag."""

    reason: Reason
    candidate: str | None


Choice = Chosen | Current | HeldChoice


def choose(policy: ByText, tags: Sequence[str], current: Pin, name: str | None = None) -> Choice:
    """Decide what an entry should pin, given every tag of its repository, in any order.

    A digest alone cannot be placed among tags and comes back as `held.unordered`, best tag included: who can ask the
    registry finds it among the best tags (`order.rank`). Under `Follow` the tag is adopted.
    """
    candidates = admit(policy, tags, current.tag)
    present = ranked_tag(policy, current.tag) if current.tag is not None else None
    equals = candidates.best(present)
    listed = current.tag is not None and current.tag in tags
    facts = counts(policy, tags, candidates)
    if not equals:
        return no_candidate(policy, name, candidates, current, facts)
    best, *others = equals
    if others:
        facts["equal"] = shortlist([other.tag for other in others], NAMED)
    if isinstance(policy, Follow):
        if current.tag == best.tag:
            return Current(Reason("current", f"{best.tag} is the tag to follow", facts))
        return Chosen(best.tag, Reason("adopted", f"{best.tag} is the tag to follow, instead of {current}", facts))
    highest = best_of(BEST[policy.order], len(candidates.tags), called(policy, name))
    if others:
        highest += f" (equal: {facts['equal']})"
    if present is not None:
        return _compare(best, present, listed, highest, facts)
    if current.tag is not None and not listed:
        text = f"{current.tag} is no longer listed and has no order under this policy: {best.tag} may be older"
        return HeldChoice(Reason("held.vanished", text, facts), best.tag)
    if current.tag is None and current.digest is not None:
        text = f"{highest}, but a digest alone cannot be ordered among tags"
        return HeldChoice(Reason("held.unordered", text, facts), best.tag)
    unordered = f"{current.tag} has no order under this policy, so it is replaced this once"
    before = unordered if current.tag else "nothing was pinned"
    return Chosen(best.tag, Reason("adopted", f"{highest}; {before}", facts))


def counts(policy: Policy, tags: Sequence[str], candidates: Admitted) -> dict[str, str | int | None]:
    """The facts of every reason: the policy, and how many tags its rules left."""
    matched, admitted = candidates.matched, len(candidates.tags)
    return {"policy": describe(policy), "seen": len(tags), "matched": matched, "admitted": admitted}


def no_candidate(
    policy: Policy, name: str | None, candidates: Admitted, current: Pin, facts: Mapping[str, str | int | None]
) -> Current | HeldChoice:
    """The decision where the policy admits no tag at all."""
    listed = candidates.stages[0].tags
    text = _why_no_candidate(policy, candidates, f"{called(policy, name)} ({counted(len(listed), 'tag')} listed)")
    if current.tag is None or current.tag in listed:
        return Current(Reason("nothing_new", text, facts))
    return HeldChoice(Reason("held.vanished", f"{current.tag} is no longer listed, and {text}", facts), None)


def _compare(
    best: RankedTag, present: RankedTag, listed: bool, highest: str, facts: Mapping[str, str | int | None]
) -> Choice:
    gone = "" if listed else f"; {present.tag} is no longer listed"
    if best.key > present.key:
        return Chosen(best.tag, Reason("chosen", f"{highest}{gone}", facts))
    if best.key < present.key:
        text = f"{best.tag} is lower than {present.tag}, but the {highest}{gone}"
        return HeldChoice(Reason("held.downgrade", text, facts), best.tag)
    if not listed:
        text = f"{present.tag} is no longer listed; {best.tag} sorts equal to it, but may hold other bytes"
        return HeldChoice(Reason("held.vanished", text, facts), best.tag)
    same = "" if best.tag == present.tag else f", equal to {present.tag}"
    return Current(Reason("current", f"{highest}{same}", facts))


def best_of(best: str, count: int, policy: str) -> str:
    """What comes first among the tags that a policy admits."""
    return f"{best} of {count:,} that match {policy}" if count > 1 else f"only tag that matches {policy}"


def _why_no_candidate(policy: Policy, candidates: Admitted, of: str) -> str:
    """Why there is no candidate. A pattern that matches and still yields nothing is the most confusing case."""
    matched = f"the pattern matches {counted(candidates.matched, 'tag')}, but what it marks is never"
    match policy:
        case Pattern(order="semver" | "numerical" | "calver" as order) if candidates.matched:
            return f"{matched} a {KEY_OF[order]} (name a group, as in (?P<key>...), to mark which part is the key)"
        case Semver(pattern=str()) if candidates.matched:
            return f"{matched} a version in the range"
        case Pattern() | Semver() | Newest() | Follow():
            return f"no tag matches {of}"
    assert_never(policy)
