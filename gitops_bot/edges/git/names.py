"""Which branch names and commit ids may reach git: what it would refuse is refused here first, by the rules of
git-check-ref-format(1).
"""

from __future__ import annotations

import re

from gitops_bot.edges.git.process import error

#: All branches of the bot; they are fetched together with the base, so reading one costs nothing.
PREFIX = "gitops-bot/"
_BRANCH_LIMIT = 240

_NOT_IN_BRANCH = re.compile(r"[\x00-\x20\x7f\ud800-\udfff~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


def is_branch(name: str) -> bool:
    """Whether git accepts this as a branch name; options and `HEAD` are none."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= _BRANCH_LIMIT
        and not name.startswith(("-", "/", "."))
        and not name.endswith(("/", "."))
        and name not in ("@", "HEAD")
        and _NOT_IN_BRANCH.search(name) is None
    )


def check_branch(name: str) -> None:
    """Raise a GitError unless git accepts the name."""
    if not is_branch(name):
        raise error(f"{name!r} is not a valid branch name", "See `git help check-ref-format`.")


def check_own(branch: str) -> None:
    """Raise as `check_branch`, and a ValueError unless it is a branch of the bot: others must not lose commits."""
    check_branch(branch)
    if not branch.startswith(PREFIX):
        raise ValueError(f"{branch!r} is not a gitops-bot branch: it must not lose commits")


def check_commit(*ids: str) -> None:
    """Raise a ValueError unless each is a full object id (SHA-1 or SHA-256)."""
    for commit in ids:
        if not _COMMIT.match(commit):
            raise ValueError(f"{commit[:100]!r} is not a commit ID")
