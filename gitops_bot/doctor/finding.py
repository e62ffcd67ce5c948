"""Notes down the findings of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitops_bot.errors import BotError
from gitops_bot.results.diagnosis import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gitops_bot.errors import Problem
    from gitops_bot.results.diagnosis import Check


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
