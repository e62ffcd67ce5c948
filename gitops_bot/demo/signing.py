"""The signatures of the embedded GitHub server: it signs commits made by its API, and requires signed pushes.

Its own key, and those that users add, are SSH keys in a folder beside the repositories. `git verify-commit` checks all
of them, in the hook `pre-receive` of a repository too, which runs whichever server git pushes to.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from gitops_bot.demo.bare import GitFailed, environment

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.bare import Bare
    from gitops_bot.demo.rules import Protection

_MARK = "Written by the embedded GitHub server."
#: GitHub's own words, for a ruleset and for a protection rule.
_BY_RULESET = """\
error: GH013: Repository rule violations found for $ref.
Review all repository rules at https://github.com/rules

- Commits must have verified signatures.
  Found 1 violation:

  $commit
"""
_BY_RULE = """\
error: GH006: Protected branch update failed for $ref.
error: Commits must have verified signatures.
"""
_HOOK = f"""\
#!/bin/sh
# {_MARK}
while read -r old new ref; do
  rule=$(git config --get "github.$ref.signed" || true)
  case $rule,$new in ,*|*,0000000000000000000000000000000000000000) continue ;; esac
  for commit in $(git rev-list "$new" --not --all); do
    git verify-commit "$commit" 2>/dev/null && continue
    if [ "$rule" = ruleset ]; then cat >&2 <<END
{_BY_RULESET}END
    else cat >&2 <<END
{_BY_RULE}END
    fi
    exit 1
  done
done
"""


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


def enforce(bare: Bare, protected: dict[str, Protection]) -> None:
    """Have the hook refuse unsigned pushes to the branches that require signatures, and to no others."""
    settings = bare.git("config", "--name-only", "--get-regexp", "^github[.].*[.]signed$", allowed=(0, 1)).decode()
    for name in settings.splitlines():
        bare.git("config", "--unset-all", name)
    bare.git("config", "gpg.ssh.allowedSignersFile", str(Keys.of(bare).allowed))
    required = {name: rule for name, rule in protected.items() if rule.signatures and rule.bypass != "always"}
    for name, rule in required.items():
        bare.git("config", f"github.refs/heads/{name}.signed", "ruleset" if rule.by_ruleset else "rule")
    hook = bare.path / "hooks" / "pre-receive"
    if required:
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_HOOK, encoding="utf-8")
        hook.chmod(0o755)
    elif hook.exists() and _MARK in hook.read_text(encoding="utf-8"):
        hook.unlink()


def _keygen(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["ssh-keygen", *arguments], env=environment(), input=stdin, capture_output=True, timeout=30, check=False
    )
    if done.returncode:
        raise GitFailed(f"ssh-keygen: {done.stderr.decode(errors='replace').strip()[:2000]}")
    return done.stdout
