"""Notes down the findings of the checks, and asks side by side with a common deadline."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.errors import BotError, Problem, bugs_as
from gitops_bot.results.checkout import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.engine.world import Clock
    from gitops_bot.errors import FailureCode
    from gitops_bot.results.checkout import Check

T = TypeVar("T")


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


class Notes:
    """The findings in the order of the checks. `code` is the exit code: 0, 1, or 2 where the configuration is wrong."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.code = 0

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
            with bugs_as(BotError, name):
                return check()
        except BotError as error:
            self.fail(name, subject, error)
        return None


class Bounded:
    """Runs functions in threads, all of which have to end within `seconds` from now: what is late is given up.

    Nobody joins the threads: whatever a function opens must need no closing.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._until = clock.monotonic() + seconds

    def put(self, question: Callable[[], T]) -> Future[T]:
        """Start a function in a thread of its own."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answer.set_exception(error)

        try:
            threading.Thread(target=run, daemon=True).start()
        except RuntimeError:  # the machine cannot start more threads: run one function after the other
            run()
        return answer

    def wait(self, answer: Future[T], code: FailureCode, who: str) -> T:
        """Its result, or whatever it raised. `code` and `who` go into the error if it is late.

        Raises:
            BotError: there was no result in time.
        """
        try:
            return answer.result(max(self._until - self._clock.monotonic(), 0))
        except TimeoutError:
            if answer.done():
                raise  # raised by the function itself
            message = f"{who} did not answer within {self._seconds:g} s"
            advice = "check the network, or allow more time with --timeout"
            raise BotError(Problem(code, message, advice)) from None
