"""The result of one check of the installation, with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from gitops_bot.errors import BotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gitops_bot.errors import Problem


#: What is checked. Scripts rely on these names: a later version may add to them.
Check = Literal[
    "git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit", "pull-requests",
    "rules", "propose", "branches", "registry", "release-tags", "deployments", "artifact-metadata",
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
    exit_code: int

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the failed checks."""
        return tuple(finding.problem for finding in self.findings if finding.problem is not None)


def good(name: Check, subject: str, text: str) -> Finding:
    """A check that passed."""
    return Finding(name, subject, "good", text)


def warning(name: Check, subject: str, text: str, advice: str) -> Finding:
    """A check that passed, with a change to recommend."""
    return Finding(name, subject, "warning", text, advice)


def unknown(name: Check, subject: str, text: str, advice: str) -> Finding:
    """A check whose result could not be determined."""
    return Finding(name, subject, "unknown", text, advice)


def wrong(name: Check, subject: str, problem: Problem) -> Finding:
    """A check that failed."""
    where = f"{problem.where}: " if problem.where else ""
    return Finding(name, subject, "wrong", f"{where}{problem.message}", problem.next, problem)


T = TypeVar("T")


class Notes:
    """The findings in the order of the checks. `code` is the exit code: 0, 1, or 2 where the configuration is wrong."""

    def __init__(self, findings: Iterable[Finding] = (), code: int = 0) -> None:
        self.findings = [*findings]
        self.code = code

    def add(self, finding: Finding) -> None:
        """Add a finding."""
        self.findings.append(finding)
        if finding.verdict == "wrong":
            self.code = max(self.code, 1)

    def fail(self, name: Check, subject: str, error: BotError) -> None:
        """Add the problems of a failed check; one that several checks share is reported once."""
        known = {finding.problem for finding in self.findings}
        for problem in error.problems:
            if problem not in known:
                self.add(wrong(name, subject, problem))
        self.code = max(self.code, error.exit_code)

    def of(self, name: Check, subject: str, check: Callable[[], T]) -> T | None:
        """Run a check: its result, or None if it failed with a BotError, which is recorded."""
        try:
            return check()
        except BotError as error:
            self.fail(name, subject, error)
        return None
