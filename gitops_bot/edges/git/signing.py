"""Signs a commit that is in the store unsigned: by a key of the user, or by having the forge make it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot.config.commits import SigningKey
from gitops_bot.edges.git.process import error
from gitops_bot.edges.git.refusals import quote
from gitops_bot.edges.git.store import damage, parse_commit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.git.store import CommitHeaders, Store

#: `engine.world.Forge.commit`.
ForgeCommit = Callable[..., bytes]
_PERSON = re.compile(rb"^(author|committer) (.*) <(.*)> ([0-9]+ [+-][0-9]{4})$", re.MULTILINE)
#: What the object of a commit that a forge made has before its message, and nothing else.
_PLAIN = re.compile(
    rb"tree [^\n]+\n(?:parent [^\n]+\n)*author [^\n]+\ncommitter [^\n]+\ngpgsig(?:-sha256)? [^\n]*(?:\n [^\n]*)*\n\n"
)


def sign(store: Store, unsigned: str, files: Mapping[str, bytes], by: SigningKey | ForgeCommit) -> str:
    """The signed commit instead of `unsigned`, which changes these files; returns its id.

    Raises:
        GitError: the key cannot be used, or the forge made another commit.
        BaseException: what the forge raises.
    """
    (stored,) = store.look_up([unsigned])
    data = (stored and stored.data) or b""
    if (ours := parse_commit(data)) is None:
        raise damage(f"object {unsigned} is no commit")
    if isinstance(by, SigningKey):
        return _by_key(store, data, ours, by)
    tree, (parent,) = store.tree(unsigned), ours.parents
    (base,) = store.trees([parent])
    changed = {path: (tree[path].mode, content) for path, content in files.items()}
    signed = by(parent=parent, tree=base, files=changed, message=ours.message)
    # Only who made it, and when, may differ.
    theirs = parse_commit(signed)
    if theirs is None or _content(theirs) != _content(ours) or _PLAIN.match(signed) is None:
        message = "the forge made another commit than it was asked for, which is not pushed"
        raise error(message, "Run again; if it stays so, set another `commits` in gitops-bot.yaml.")
    return store.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).decode().strip()


def _content(commit: CommitHeaders) -> tuple[str, tuple[str, ...], str]:
    return commit.tree, commit.parents, commit.message.rstrip("\n")


def _by_key(store: Store, data: bytes, commit: CommitHeaders, key: SigningKey) -> str:
    file = key.ssh_key_file
    if file is not None and not (os.access(file, os.R_OK) and Path(file).is_file()):
        raise error(f"`{key}`: there is no such file that can be read", "Put the key there, or correct `commits`.")
    settings = (("gpg.format", "ssh" if file else "openpgp"), ("user.signingKey", file or key.gpg_key or ""))
    people = [
        (f"GIT_{role.decode().upper()}_{part}", value.decode())
        for role, *values in _PERSON.findall(data.partition(b"\n\n")[0])
        for part, value in zip(("NAME", "EMAIL", "DATE"), values, strict=True)
    ]
    variables = dict(store.git.variables)
    # Git writes what it signs into temporary files, and leaves them where it is killed: in the copy they are deleted.
    own = [("TMPDIR", variables["GIT_DIR"])] if file and "GIT_DIR" in variables else []
    git = replace(store.git, variables=(*variables.items(), *people, *own))
    arguments = ("commit-tree", "-S", commit.tree, "-p", commit.parents[0], "-F", "-")
    answer = git.run(*arguments, stdin=commit.message.encode(), settings=settings)
    if answer.status != 0:
        advice = "Check that the key exists and has no passphrase, and that only its owner may read its file."
        raise error(f"git cannot sign commits with `{key}`{quote(answer.err)}", advice)
    return answer.out.decode("ascii").strip()
