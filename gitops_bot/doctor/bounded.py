"""Concurrent requests with a common deadline: what has not answered by then is given up."""

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
    """Runs functions in threads, all of which have to end within `seconds` from now.

    Nobody joins the threads: whatever a function opens must need no closing.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._until = clock.now() + timedelta(seconds=seconds)

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
            return answer.result(max((self._until - self._clock.now()).total_seconds(), 0))
        except TimeoutError:
            if answer.done():
                raise  # raised by the function itself
            message = f"{who} did not answer within {self._seconds:g} s"
            advice = "check the network, or allow more time with --timeout"
            raise BotError(Problem(code, message, advice)) from None
