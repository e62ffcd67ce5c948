"""A branch, with what its commits have changed since the base branch, and who owns it.

People win, so the bot only rewrites what is provably its own. A commit is ours if the changes in its trailers account
for exactly what differs from its parent: each pin as listed, every other byte the same. The author's name is no
evidence: `github-actions[bot]` is every workflow.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gitops_bot.proposals import naming, trailers
from gitops_bot.releases.history.changes import explains, informs
from gitops_bot.targets import BY_NAME, FileTargets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.images.reference import Assignment, Pin
    from gitops_bot.proposals.trailers import Trailers
    from gitops_bot.releases.decisions import PinChange


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that a commit changed against its first parent; `None` where the file is absent on that side."""

    path: str
    before: bytes | None
    after: bytes | None
    mode_changed: bool = False


@dataclass(frozen=True, slots=True)
class UnmergedCommit:
    """One commit of a branch that is not on its base."""

    id: str
    parents: tuple[str, ...]
    author: str
    message: str
    changes: tuple[FileChange, ...]
    #: A merge from the base branch whose tree is exactly what git makes of both sides ("Update branch").
    clean_merge: bool = False
    #: It has a signature, whoever made it.
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, its head and its commits since the base, oldest first.

    `complete` is false when there were more commits than the edge was ready to read, or no common history.
    `former_base` is the commit of the base that the bot made its own commit on, where the base lacks it now: that and
    what is below it are not among `commits`. `fork` is None where nothing older was found on the base either.
    """

    name: str
    head: str
    fork: str | None
    commits: tuple[UnmergedCommit, ...]
    complete: bool = True
    former_base: str | None = None
    #: How the files with pins are read.
    targets: FileTargets = BY_NAME

    def has_exactly(self, files: Mapping[str, bytes]) -> bool:
        """Whether the branch changes exactly these files, and to these bytes.

        Bytes that the base changed meanwhile in one of these files make it untrue; a base that moved elsewhere does
        not, so nobody's review is disturbed for nothing.
        """
        changed: dict[str, bytes | None] = {}
        for commit in self.commits:
            for change in commit.changes:
                if not commit.clean_merge or change.path in changed:
                    changed[change.path] = change.after
        return self.former_base is None and changed == dict(files)

    @property
    def rewritten(self) -> str | None:
        """What became of the base where it lacks commits that the branch was made on, as half a sentence."""
        if self.former_base is None:
            return None
        cause = "was rewritten" if self.fork is not None else "was rewritten, or has moved on by over 1,000 commits,"
        return f"the base branch {cause} and no longer has commit {self.former_base[:10]}"


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
def owner_of(branch: Branch) -> Ours | Theirs:
    """The owner of a branch, by its commits."""
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


def _accounts_for(commit: UnmergedCommit, plan: Trailers, targets: FileTargets) -> bool:
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
            if not informs(info, change.before, change.after):
                return False
        elif not explains(change.path, change.before, change.after, by_file[change.path], targets):
            return False
    return True
