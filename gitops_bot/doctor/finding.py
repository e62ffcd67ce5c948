"""What came of a check of the installation: good or not, in words, and what to do next."""

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
#: `warning`: it works, and is not as safe as it could be; `unknown`: nobody tells, or it could not be asked.
Verdict = Literal["good", "warning", "unknown", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `name` says of what kind it is, `subject` what was looked at. `next` is empty for what is good.

    `problem` is there for what is wrong, and only there.
    """

    name: Check
    subject: str
    verdict: Verdict
    text: str
    next: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in the order of the checks; `code` is the exit code. What could not be read is None."""

    repository: str | None
    branch: str | None
    commit: str | None
    findings: tuple[Finding, ...]
    code: int

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong."""
        return tuple(finding.problem for finding in self.findings if finding.problem is not None)


def good(name: Check, subject: str, text: str) -> Finding:
    """What needs nothing."""
    return Finding(name, subject, "good", text)


def warning(name: Check, subject: str, text: str, way_out: str) -> Finding:
    """What works, and had better be changed."""
    return Finding(name, subject, "warning", text, way_out)


def unknown(name: Check, subject: str, text: str, way_out: str) -> Finding:
    """What nobody tells, or what could not be asked."""
    return Finding(name, subject, "unknown", text, way_out)


def wrong(name: Check, subject: str, problem: Problem) -> Finding:
    """What does not work."""
    where = f"{problem.where}: " if problem.where else ""
    return Finding(name, subject, "wrong", f"{where}{problem.message}", problem.next, problem)
