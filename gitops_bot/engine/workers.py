"""Threads that ask registries. No slow image or registry takes all of them, and nobody waits after an interrupt.

A thread stays with its registry until nothing is left to ask there: those of a registry that hangs hang with it alone.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitops_bot.images.reference import ImageName

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Items under way at once: in all, of one registry (for which the edge may have a lower bound), and of one image (whose
#: questions wait for one another).
MOST, OF_REGISTRY, OF_IMAGE = 64, 16, 4


@contextmanager
def together(
    ask: Callable[[Item], Answer], items: Sequence[Item], subject: Callable[[Item], ImageName]
) -> Iterator[Iterator[Answer]]:
    """What `ask` gives for each item, in their order; `subject` is the image that an item is about.

    Without enough threads, the few do the work, or the caller's own. At the end of the block nobody waits for answers.
    """
    queue = _Queue([subject(item) for item in items])
    answers: list[Future[Answer]] = [Future() for _ in items]

    def work() -> None:
        at: int | None = None
        try:
            while (at := queue.take(at)) is not None:
                try:
                    answers[at].set_result(ask(items[at]))
                except BaseException as error:
                    answers[at].set_exception(error)
                    if not isinstance(error, Exception):
                        raise
        except Exception as error:  # noqa: BLE001 - no memory for the queue or an answer: who waits is told that
            queue.end()
            _fail(answers, error)

    try:
        for number in range(queue.threads if len(items) > 1 else 0):
            try:
                threading.Thread(target=work, name=f"ask-{number}", daemon=True).start()
            except RuntimeError:
                if number == 0:
                    work()
                break
        if len(items) == 1:
            work()
        yield (answer.result() for answer in answers)
    finally:
        queue.end()


def _fail(answers: Sequence[Future[Answer]], error: Exception) -> None:
    """Give the error to all that are still waited for."""
    for answer in answers:
        with suppress(InvalidStateError):
            answer.set_exception(error)


class _Queue:
    """Which item is next. Registries take turns, and at each the images."""

    def __init__(self, subjects: Sequence[ImageName]) -> None:
        self._lock = threading.Lock()
        self._subjects = subjects
        self._items: defaultdict[ImageName, deque[int]] = defaultdict(deque)
        #: By registry, its images of which something waits.
        self._waiting: defaultdict[str, deque[ImageName]] = defaultdict(deque)
        for at, image in enumerate(subjects):
            if image not in self._items:
                self._waiting[image.registry].append(image)
            self._items[image].append(at)
        self._turns = list(self._waiting)
        self._busy: Counter[str | ImageName] = Counter()

    @property
    def threads(self) -> int:
        """As many as could have something to do."""
        useful = (
            min(OF_REGISTRY, sum(min(OF_IMAGE, len(self._items[image])) for image in images))
            for images in self._waiting.values()
        )
        return min(MOST, sum(useful))

    def take(self, done: int | None) -> int | None:
        """An item of the registry that `done` was of, else of another; None where nothing is left for this thread."""
        with self._lock:
            turns = list(self._turns)
            if done is not None:
                image = self._subjects[done]
                self._busy.subtract((image, image.registry))
                turns.insert(0, image.registry)
            for registry in turns:
                images = self._waiting[registry]
                for _ in range(len(images) if self._busy[registry] < OF_REGISTRY else 0):
                    image = images.popleft()
                    if self._busy[image] == OF_IMAGE:
                        images.append(image)
                        continue
                    item = self._items[image].popleft()
                    if self._items[image]:
                        images.append(image)
                    self._busy.update((image, registry))
                    self._turns.remove(registry)
                    self._turns.append(registry)
                    return item
            return None

    def end(self) -> None:
        """Nothing more is to be begun."""
        with self._lock:
            for images in self._waiting.values():
                images.clear()
