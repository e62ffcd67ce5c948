from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


@dataclass(slots=True)
class Once(Generic[T]):
    """Answers that are asked for once, however many threads want them, even if asking fails."""

    _answers: dict[Hashable, Future[T]] = field(default_factory=dict)

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer for `key`: the first caller asks; the others wait for its answer or exception."""
        mine: Future[T] = Future()
        answer = self._answers.setdefault(key, mine)
        if answer is mine:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - the others must not wait for ever; raised below
                answer.set_exception(error)
        return answer.result()
