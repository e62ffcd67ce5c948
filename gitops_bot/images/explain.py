"""What each rule of a policy removed, and how the rest is ordered: `choose` and `choose_newest`, told step by step."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from gitops_bot.images.age import newest_order, undated, usable
from gitops_bot.images.kinds import Newest
from gitops_bot.images.order import LONE_NUMBER, admit, ranked_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.order import Stage
    from gitops_bot.images.reference import Pin

#: Tags that a step shows, and candidates that are ranked.
_SAMPLE: Final = 5
_CANDIDATES: Final = 10
#: The rules of an order by build time, and that of every policy.
NOT_OLDER: Final = "not older than the pinned build"
KNOWN: Final = "a known build time"
IMAGE: Final = "an image"
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule of a policy: how many tags it kept and removed, and some of those that it removed."""

    rule: str
    kept: int
    removed: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankedTag:
    """A tag that no rule removed, the parts of its key as they stand in it, and its build time if that is known;
    `claimed` is what its image says of that, be it true or not.
    """

    tag: str
    key: tuple[str, ...]
    built: datetime | None
    claimed: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicySelection:
    """How a policy selects: the number of tags, its rules in their order, and the candidates, best first. `left_out`
    are the tags left out by more than their text, each with the rule that does, and why.
    """

    seen: int = 0
    steps: tuple[RuleResult, ...] = ()
    candidates: tuple[RankedTag, ...] = ()
    left_out: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def explain(
    policy: Policy,
    tags: Sequence[str],
    current: Pin,
    times: Mapping[str, datetime | None],
    now: datetime,
    no_images: Mapping[str, str] = _NONE,
) -> PolicySelection:
    """The steps by which a policy chooses among every tag of a repository, and the best ten of what is left.

    `times` are the known build times; for an order by these, tags not in it are older. `no_images` are tags that name
    no image, each with what it names, as far as somebody looked.
    """
    listed = tuple(dict.fromkeys(tags))
    passing = admit(policy, listed, current.tag)
    if no_images:
        passing = passing.only(IMAGE, [at for at, tag in enumerate(passing.tags) if tag not in no_images])
    left_out = {tag: (IMAGE, f"it {why}") for tag, why in no_images.items()}
    steps = [_step(after.rule, _kept(before), _kept(after)) for before, after in pairwise(passing.stages)]
    built = {tag: time for tag in passing.tags if (time := usable(times.get(tag), now)) is not None}
    if not isinstance(policy, Newest):
        present = ranked_tag(policy, current.tag) if current.tag is not None else None
        best = passing.highest(_CANDIDATES, present)
        ranked = [RankedTag(candidate.tag, candidate.texts, built.get(candidate.tag)) for candidate in best]
    elif set(passing.tags) == {current.tag}:  # nobody asked for its time
        ranked = [RankedTag(tag, (), None) for tag in passing.tags]
    else:
        timed = [tag for tag in passing.tags if tag in times]
        steps += (_step(NOT_OLDER, passing.tags, timed), _step(KNOWN, timed, list(built)))
        for tag in passing.tags:
            if tag not in times:
                left_out[tag] = (NOT_OLDER, "it was built before what is pinned")
            elif tag not in built:
                left_out[tag] = (KNOWN, undated(times[tag]))
        newest = heapq.nlargest(_CANDIDATES, built, key=lambda tag: newest_order(tag, built[tag], current))
        ranked = [RankedTag(tag, (), built[tag], built[tag]) for tag in newest]
    return PolicySelection(len(listed), tuple(steps), tuple(ranked), left_out)


def removed_by(policy: Policy, tags: Sequence[str], tag: str, pinned: str | None = None) -> str | None:
    """The rule that leaves a tag out, `listed` where it is not in the list; None if only the order decides on it."""
    if tag not in tags:
        return "listed"
    by_itself = next((stage.rule for stage in admit(policy, [tag]).stages if not _kept(stage)), None)
    return by_itself or (None if tag in admit(policy, tags, pinned).tags else LONE_NUMBER)


def _step(rule: str, before: Sequence[str], after: Sequence[str]) -> RuleResult:
    removed = len(before) - len(after)
    kept = set(after) if removed else set()
    sample = islice((tag for tag in before if tag not in kept), _SAMPLE if removed else 0)
    return RuleResult(rule, len(after), removed, tuple(sample))


def _kept(stage: Stage) -> Sequence[str]:
    return stage.tags if stage.at is None else [stage.tags[at] for at in stage.at]
