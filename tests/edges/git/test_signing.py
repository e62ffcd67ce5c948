"""Commits signed with keys of every kind that git takes, and verified by git itself."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config.commits import SigningKey
from gitops_bot.errors import GitError
from tests.conftest import program
from tests.counterparts.git_http import Remote
from tests.edges.git.remotes import BARE, BRANCH, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "a b/run.sh"
WHO = "Grüße <bot@example.test>"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote.create(tmp_path / "remote.git", {"first": b"1"})
    made.commit("main", {FILE: b"old\r\n"}, modes={FILE: "100755"})
    return made


@contextmanager
def gpg(folder: Path) -> Iterator[tuple[dict[str, str], str]]:
    """A keyring of GnuPG in this folder, and the ID of its only key; its agent ends with the block."""
    folder.mkdir(mode=0o700)
    environ = BARE | {"GNUPGHOME": str(folder)}
    command = [program("gpg"), "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", WHO, "ed25519", "sign"]
    subprocess.run(command, env=environ, check=True, capture_output=True)
    try:
        listed = subprocess.run(["gpg", "-K", "--with-colons"], env=environ, check=True, capture_output=True, text=True)
        yield environ, next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr"))
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=True)


def signed(remote: Remote, key: SigningKey, environ: dict[str, str]) -> str:
    """Publish a change that is signed with the key, and check all but its signature."""
    environ = BARE | {"GIT_COMMITTER_NAME": "Grüße", "GIT_AUTHOR_EMAIL": "a@b.test"} | environ
    message = "pins\n\nwith é and a trailer\n\nGitops-Bot-Plan: 1 production all policy\n"
    with opened(remote, environ=environ) as repository:
        base = repository.head("main")
        repository.rehearse_signing(base, key)
        made = repository.publish(
            BRANCH, parent=base, files={FILE: b"new\r\n"}, message=message, expected=None, signed_by=key
        )
    assert remote.branches()[BRANCH] == made
    assert remote.log(BRANCH, "%P|%an|%ae|%cn|%ce")[0] == (
        f"{base}|gitops-bot|a@b.test|Grüße|gitops-bot@noreply.invalid"
    )
    assert remote.git("cat-file", "commit", BRANCH).partition(b"\n\n")[2] == message.encode()
    assert remote.modes(BRANCH) == {"first": "100644", FILE: "100755"}
    assert remote.show(BRANCH, FILE) == b"new\r\n"
    return made


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "key"), ("ecdsa", "-o key with $(words)")])
def test_a_commit_is_signed_with_an_ssh_key(remote: Remote, tmp_path: Path, kind: str, name: str) -> None:
    file, allowed = tmp_path / name, tmp_path / "allowed"
    subprocess.run([program("ssh-keygen"), "-q", "-t", kind, "-N", "", "-C", "", "-f", str(file)], check=True)
    allowed.write_text(f"bot {(tmp_path / f'{name}.pub').read_text()}")
    made = signed(remote, SigningKey(ssh_key_file=str(file)), {})
    remote.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", made)


def test_a_commit_is_signed_with_a_key_of_gpg(remote: Remote, tmp_path_factory: pytest.TempPathFactory) -> None:
    # The path of its socket has at most 107 bytes.
    with gpg(tmp_path_factory.mktemp("g") / "k") as (environ, key):
        made = signed(remote, SigningKey(gpg_key=key), environ)
        subprocess.run(["git", "verify-commit", made], cwd=remote.path, env=environ, check=True, capture_output=True)
        with pytest.raises(GitError, match="git cannot sign commits with `gpg_key: 0123456789ABCDEF`"):
            signed(remote, SigningKey(gpg_key="0123456789ABCDEF"), environ)


def test_a_file_that_is_no_key_is_refused_before_it_is_read(remote: Remote) -> None:
    with opened(remote) as repository:
        base = repository.head("main")
        for file in ("/nowhere/key", "/dev/zero", "/"):
            with pytest.raises(GitError, match="there is no such file that can be read"):
                repository.rehearse_signing(base, SigningKey(ssh_key_file=file))


def test_a_merge_on_the_base_branch_serves_to_try_a_key(remote: Remote, tmp_path: Path) -> None:
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    main = remote.branches()["main"]
    other = remote.commit("other", {"other": b""}, parents=[main])
    merge = remote.commit("main", {"last": b""}, parents=[main, other])
    with opened(remote) as repository:
        repository.head("main")
        repository.rehearse_signing(merge, SigningKey(ssh_key_file=str(tmp_path / "key")))
    assert remote.branches() == {"main": merge, "other": other}


def test_what_git_was_signing_when_it_was_killed_is_not_left_behind(remote: Remote, tmp_path: Path) -> None:
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    programs, temporary = tmp_path / "bin", tmp_path / "tmp"
    programs.mkdir()
    temporary.mkdir()
    (programs / "ssh-keygen").write_text(f'#!/bin/sh\nls -a "$TMPDIR" > {tmp_path}/seen\nkill -9 $PPID\n')
    (programs / "ssh-keygen").chmod(0o755)
    environ = BARE | {"PATH": f"{programs}:{BARE['PATH']}", "TMPDIR": str(temporary)}
    with opened(remote, environ=environ) as repository, pytest.raises(GitError, match="cannot sign"):
        repository.rehearse_signing(repository.head("main"), SigningKey(ssh_key_file=str(tmp_path / "key")))
    assert ".git_signing_buffer_tmp" in (tmp_path / "seen").read_text()
    assert list(temporary.iterdir()) == []
