"""Collects the findings of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitops_bot.doctor.finding import wrong
from gitops_bot.errors import BotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gitops_bot.doctor.finding import Check, Finding

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
