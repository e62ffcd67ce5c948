"""Who owns a branch? People win, so the bot only rewrites what is provably its own.

A commit is ours if the changes in its trailers account for exactly what differs from its parent: each pin as listed,
every other byte the same. The author's name is no evidence: `github-actions[bot]` is every workflow.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gitops_bot.proposals import naming, trailers
from gitops_bot.releases.history import replay

if TYPE_CHECKING:
    from gitops_bot.images.reference import Assignment, Pin
    from gitops_bot.proposals.branch import Branch, Commit
    from gitops_bot.proposals.trailers import Trailers
    from gitops_bot.releases.decisions import PinChange
    from gitops_bot.targets.file_targets import FileTargets


@dataclass(frozen=True, slots=True)
class Ours:
    """Every commit is ours or a clean merge from the base; `carried` is their combined changes."""

    carried: tuple[PinChange, ...]


@dataclass(frozen=True, slots=True)
class Theirs:
    """Somebody else committed to the branch: `commit` is the first one that is not ours.

    `carried` is the combined changes of our commits before it, which a handed-back branch keeps.
    """

    commit: str
    author: str
    why: str
    carried: tuple[PinChange, ...] = ()


# Called for the carried pins and again for the action, and a thousand files take seconds; a run keeps all its branches
# in memory anyway.
@lru_cache(maxsize=128)
def of(branch: Branch) -> Ours | Theirs:
    """Determine the owner of a branch from its commits."""
    if not branch.complete:
        return Theirs(branch.head, "", "its history could not be traced back to the base branch")
    plans: list[Trailers] = []
    for commit in branch.commits:
        if commit.clean_merge:
            continue
        plan = trailers.parse(commit.message)
        if plan is None:
            why = "it has no valid gitops-bot trailers"
        elif naming.branch(plan.environment, plan.group) != branch.name:
            why = "its trailers are for another branch"
        elif not _accounts_for(commit, plan, branch.targets):
            why = "its changes do not match its trailers"
        else:
            plans.append(plan)
            continue
        return Theirs(commit.id, commit.author, why, trailers.fold(plans))
    return Ours(trailers.fold(plans))


def _accounts_for(commit: Commit, plan: Trailers, targets: FileTargets) -> bool:
    if len(commit.parents) != 1:
        return False
    by_file: dict[str, list[tuple[Pin, Assignment]]] = defaultdict(list)
    for pin in plan.changes:
        by_file[pin.file].append((pin.before, pin.assignment))
    infos = {pin.info.file: pin.info for pin in plan.changes if pin.info is not None}
    if by_file.keys() | infos.keys() != {change.path for change in commit.changes} or by_file.keys() & infos.keys():
        return False
    for change in commit.changes:
        if change.before is None or change.after is None or change.mode_changed:
            return False
        if (info := infos.get(change.path)) is not None:
            if not replay.informs(info, change.before, change.after):
                return False
        elif not replay.explains(change.path, change.before, change.after, by_file[change.path], targets):
            return False
    return True
