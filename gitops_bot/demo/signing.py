"""The signatures of the embedded GitHub server: it signs commits made by its API, and tells which are valid.

Its own key, and those that users add, are SSH keys in a folder beside the repositories. `git verify-commit` checks all
of them.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from gitops_bot.demo.bare import GitFailed, environment

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.bare import Bare


class Keys:
    """The keys in a folder, which is created on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._own = folder, folder / "key"
        #: The public keys whose signatures are valid, as `git verify-commit` reads them.
        self.allowed = folder / "allowed"

    @classmethod
    def of(cls, bare: Bare) -> Keys:
        """The keys of the server of a repository."""
        return cls(bare.path.parent.parent / ".keys")

    def sign(self, payload: bytes) -> str:
        """The server's signature of a commit."""
        self._prepare()
        return _keygen("-Y", "sign", "-n", "git", "-f", str(self._own), stdin=payload).decode()

    def add(self, user: str, public_key: str) -> None:
        """Add the signing key of a user."""
        self._prepare()
        with self.allowed.open("a", encoding="utf-8") as file:
            file.write(f"{user} {public_key.strip()}\n")

    def _prepare(self) -> None:
        if not self._own.exists():
            self._folder.mkdir(exist_ok=True)
            _keygen("-q", "-t", "ed25519", "-N", "", "-C", "web-flow", "-f", str(self._own))
            self.allowed.write_text(f"web-flow {self._own.with_suffix('.pub').read_text('utf-8')}", encoding="utf-8")


def is_verified(bare: Bare, commit: str) -> bool:
    """Whether a commit has a valid signature."""
    try:
        bare.git("-c", f"gpg.ssh.allowedSignersFile={Keys.of(bare).allowed}", "verify-commit", commit)
    except GitFailed:
        return False
    return True


def _keygen(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["ssh-keygen", *arguments], env=environment(), input=stdin, capture_output=True, timeout=30, check=False
    )
    if done.returncode:
        raise GitFailed(f"ssh-keygen: {done.stderr.decode(errors='replace').strip()[:2000]}")
    return done.stdout
