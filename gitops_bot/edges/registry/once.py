from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Once(Generic[T]):
    """Answers that are asked for once, however many threads want them and whether or not the asking succeeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[T]] = {}

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer for `key`: the first caller asks, everybody else waits for what it got, be it an exception."""
        with self._lock:
            answer = self._answers.get(key)
            first = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if first:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - whoever waits must not wait for ever; raised below
                answer.set_exception(error)
        return answer.result()

    def learn(self, key: Hashable, known: T) -> None:
        """Take an answer that came by the way, unless there is one."""
        with self._lock:
            if key not in self._answers:
                self._answers[key] = Future()
                self._answers[key].set_result(known)
