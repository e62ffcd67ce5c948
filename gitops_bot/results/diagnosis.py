"""What `doctor` finds: the result of each check of the installation, with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gitops_bot.errors import Problem

#: What is checked. Scripts rely on these names: a later version may add to them.
Check = Literal[
    "git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit", "pull-requests",
    "rules", "propose", "commits", "branches", "registry", "release-tags", "deployments", "artifact-metadata",
    "checks",
]  # fmt: skip
#: `warning`: it works, but could be safer; `unknown`: it could not be found out.
Verdict = Literal["good", "warning", "unknown", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of the check `name` on `subject`. `next` is empty when the verdict is good.

    Only a wrong one has a `problem`.
    """

    name: Check
    subject: str
    verdict: Verdict
    text: str
    next: str = ""
    problem: Problem | None = None


#: The body of `doctor`: all findings, in the order of the checks.
Diagnosis = tuple[Finding, ...]
