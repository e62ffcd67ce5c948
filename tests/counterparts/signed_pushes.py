"""Requires signed pushes: by the hook `pre-receive` of a repository, which runs whichever server git pushes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo.signing import Keys

if TYPE_CHECKING:
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
