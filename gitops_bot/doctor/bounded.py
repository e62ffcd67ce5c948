"""Several questions at once, none of which may hold up the rest: what has not been answered in time is given up."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.errors import BotError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.engine.world import Clock
    from gitops_bot.errors import FailureCode

T = TypeVar("T")


class Bounded:
    """Questions that together may take `seconds`, from now on.

    Each is asked in a thread of its own that nobody waits for in the end: what a question opens must need no closing.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._until = clock.now() + timedelta(seconds=seconds)

    def put(self, question: Callable[[], T]) -> Future[T]:
        """Begin to ask."""
        answer: Future[T] = Future()

        def ask() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answer.set_exception(error)

        try:
            threading.Thread(target=ask, daemon=True).start()
        except RuntimeError:  # the machine starts no more threads: then one question after the other
            ask()
        return answer

    def wait(self, answer: Future[T], code: FailureCode, who: str) -> T:
        """The answer, or whatever the question raised; `code` and `who` are for the words where it comes too late.

        Raises:
            BotError: it did not come in time.
        """
        try:
            return answer.result(max((self._until - self._clock.now()).total_seconds(), 0))
        except TimeoutError:
            if answer.done():
                raise  # the question's own
            message = f"{who} did not answer within {self._seconds:g} s"
            advice = "check the network, or allow more time with --timeout"
            raise BotError(Problem(code, message, advice)) from None
