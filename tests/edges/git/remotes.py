"""What the tests of git share: how a remote is opened, and remotes that grow fast or hold too much."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.git import Credentials, Repository
from tests.counterparts.git_http import WRITER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.counterparts.git_http import Remote

#: No HOME, no user: what a container without a passwd entry has.
BARE = {"PATH": os.environ["PATH"]}
BRANCH = "gitops-bot/production/all"


def opened(remote: Remote, **options: Any) -> Repository:
    """The bot's view of a remote, over HTTP by the writer's login if a server has it."""
    credentials = Credentials(*WRITER) if remote.url else None
    return Repository(remote.url or remote.file_url, **{"credentials": credentials, "environ": BARE} | options)


def protocol(version: str) -> dict[str, str]:
    """The variables that have git speak this version of its protocol."""
    setting = {"GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": version}
    return BARE | {"GIT_CONFIG_COUNT": "1"} | setting


def grow(
    remote: Remote, commits: int, files: Callable[[int], Mapping[str, bytes]], branch: str = "main", parent: str = ""
) -> list[str]:
    """Let a branch grow by many commits in one process; answers with their ids, oldest first."""
    before = parent or remote.branches().get(branch)
    stream = [b"feature done\n", b"" if before else b"reset refs/heads/%s\n\n" % branch.encode()]
    for number in range(commits):
        stream.append(b"commit refs/heads/%s\nmark :%d\n" % (branch.encode(), number + 1))
        stream.append(b"committer Ada <a@b> now\ndata 1\n.\n")
        if before and not number:
            stream.append(b"from %s\n" % before.encode())
        for path, data in files(number).items():
            stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    stream += [b"get-mark :%d\n" % (number + 1) for number in range(commits)]
    out = remote.git(
        "fast-import", "--quiet", "--date-format=now", "--cat-blob-fd=1", stdin=b"".join([*stream, b"done\n"])
    )
    return out.decode().split()


def stray(
    remote: Remote, branch: str, parent: str, tree: str = "", *, committer: bytes = b"ada <a@b> 1 +0000", more: str = ""
) -> str:
    """Put a commit on a branch whose bytes nobody checked; `more` are headers."""
    tree = tree or remote.git("rev-parse", f"{parent}^{{tree}}").decode().strip()
    data = b"tree %s\nparent %s\nauthor \xff\xfe <\xff@b> 1 +0000\ncommitter %s\n%b\n\xff\n" % (
        tree.encode(), parent.encode(), committer, more.encode("utf-8", "surrogateescape")
    )  # fmt: skip
    made = remote.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=data).decode().strip()
    remote.git("update-ref", f"refs/heads/{branch}", made)
    return made


def bomb(remote: Remote, *folders: str) -> str:
    """A tree that names a billion paths by a few trees, below these folders."""
    entry = "100644 blob {}\ta".format(remote.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip())
    for _ in range(3):
        entries = "".join(f"{entry}{number:04d}\n" for number in range(1000))
        tree = remote.git("mktree", stdin=entries.encode()).decode().strip()
        entry = f"040000 tree {tree}\ta"
    for folder in reversed(folders):
        tree = remote.git("mktree", stdin=f"040000 tree {tree}\t{folder}\n".encode()).decode().strip()
    return tree
