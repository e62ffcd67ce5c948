"""The result of one check of the installation, with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gitops_bot.errors import Problem

#: What is checked. Scripts rely on these names: a later version may add to them.
Check = Literal[
    "git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit", "pull-requests",
    "rules", "propose", "branches", "registry",
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


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in the order of the checks, and the exit code. What could not be read is None."""

    repository: str | None
    branch: str | None
    commit: str | None
    findings: tuple[Finding, ...]
    code: int

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the failed checks."""
        return tuple(finding.problem for finding in self.findings if finding.problem is not None)


def good(name: Check, subject: str, text: str) -> Finding:
    """It is fine."""
    return Finding(name, subject, "good", text)


def warning(name: Check, subject: str, text: str, advice: str) -> Finding:
    """It works, but should be changed."""
    return Finding(name, subject, "warning", text, advice)


def unknown(name: Check, subject: str, text: str, advice: str) -> Finding:
    """It could not be found out."""
    return Finding(name, subject, "unknown", text, advice)


def wrong(name: Check, subject: str, problem: Problem) -> Finding:
    """It does not work."""
    where = f"{problem.where}: " if problem.where else ""
    return Finding(name, subject, "wrong", f"{where}{problem.message}", problem.next, problem)
