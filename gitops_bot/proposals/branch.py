"""A branch, with what its commits have changed since the base branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.targets.file_targets import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.file_targets import FileTargets


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that a commit changed against its first parent; `None` where the file is absent on that side."""

    path: str
    before: bytes | None
    after: bytes | None
    mode_changed: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a branch that is not on its base."""

    id: str
    parents: tuple[str, ...]
    author: str
    message: str
    changes: tuple[FileChange, ...]
    #: A merge from the base branch whose tree is exactly what git makes of both sides ("Update branch").
    clean_merge: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, its head and its commits since the base, oldest first.

    `complete` is false when there were more commits than the edge was ready to read, or no common history.
    """

    name: str
    head: str
    fork: str | None
    commits: tuple[Commit, ...]
    complete: bool = True
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
        return changed == dict(files)
