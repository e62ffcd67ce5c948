"""Which changes share a proposal: all of the environment, of each overlay or image, or of a named group."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.naming import DEFAULT_GROUP
from gitops_bot.releases.decisions import Change, Failed, Held
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config.propose import NamedGroup
    from gitops_bot.releases.decisions import Decision, Managed


Grouping: TypeAlias = 'Literal["environment", "overlay", "image"] | Sequence[NamedGroup]'


def name_of(entry: Managed, grouping: Grouping) -> str:
    """The group of an entry; what matches no named group goes into `all`."""
    match grouping:
        case "environment":
            return DEFAULT_GROUP
        case "overlay":
            return entry.overlay
        case "image":
            return entry.image
        case named:
            return next((group.name for group in named if _belongs(entry, group)), DEFAULT_GROUP)


def is_together(name: str, grouping: Grouping, *, default: bool) -> bool:
    """Whether one held entry of this group holds the rest."""
    named = () if isinstance(grouping, str) else grouping
    together = next((group.together for group in named if group.name == name), None)
    return default if together is None else together


def hold_together(decisions: Sequence[Decision], name: str) -> tuple[Decision, ...]:
    """The decisions of a group that changes as a whole or not at all, each in its place."""
    first = next((decision for decision in decisions if _holds_others(decision)), None)
    if first is None:
        return tuple(decisions)
    reason = _waits_for(first, name)
    return tuple(decision.held(reason) if isinstance(decision, Change) else decision for decision in decisions)


def _holds_others(decision: Decision) -> TypeGuard[Held | Failed]:
    """Whether a group that goes together waits for it. A live slot never changes: nothing waits for that."""
    return isinstance(decision, Failed) or (isinstance(decision, Held) and decision.reason.code != "held.slot")


def _waits_for(first: Held | Failed, name: str) -> Reason:
    match first:
        case Held(reason=reason):
            code, why = reason.code, reason.text
        case Failed(problem=problem):
            code, why = problem.code, problem.message
    if (entry := first.entry) is None:
        return Reason(
            code, f"the group {name} is proposed as a whole, and part of it cannot be read: {why}", {"group": name}
        )
    verb = "is held" if isinstance(first, Held) else "failed"
    text = f"the group {name} is proposed as a whole, and {entry.name} in {entry.file} {verb}: {why}"
    return Reason(code, text, {"group": name, "file": entry.file, "name": entry.name})


def _belongs(entry: Managed, group: NamedGroup) -> bool:
    images = not group.images or any(fits(glob, text) for glob in group.images for text in (entry.name, entry.image))
    overlays = (_glob(text).means(entry.overlay, entry.file) for text in group.overlays)
    return images and (not group.overlays or any(overlays))


def fits(glob: str, text: str) -> bool:
    """Whether a glob, in which `*` is any text, matches a text.

    Each part between two stars is taken where it comes first: a later place leaves less for what follows. So nothing
    is tried twice, whatever the glob.
    """
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, last = rest
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        start = text.find(part, at, end)
        if start < 0:
            return False
        at = start + len(part)
    return True


@lru_cache(maxsize=256)
def _glob(text: str) -> Glob:
    return Glob.parse(text)
