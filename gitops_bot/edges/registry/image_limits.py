"""Time limits for the images of one registry: each has its own, and a short one once the registry stops answering."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.edges.http import Allowance, Limit, NoResponse
from gitops_bot.edges.registry.failure import Refused, Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.edges.http import Clock
    from gitops_bot.images.reference import ImageName

#: Seconds for an image while the registry is slow.
SLOW_REGISTRY_SECONDS = 5.0
_ADVICE = "Run again later, or ask the registry's operator why it is slow; other images were not affected."


@dataclass(slots=True)
class ImageLimits:
    """The time limit of each image of one registry. A hundred images must not take a hundred times as long.

    Once an image ran out of time and nothing was answered during the last quarter of it, the others get only seconds,
    until one is answered: then it is not the registry that is slow. `seconds` are for everything that a run asks about
    one image.
    """

    clock: Clock
    seconds: float
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _spent: dict[ImageName, float] = field(default_factory=dict)
    _last_answer: float = float("-inf")
    _slow: bool = False

    @contextmanager
    def question(self, image: ImageName) -> Iterator[Allowance]:
        """The time for one question, which counts against its image. `NoResponse` in the block means no answer."""
        allowance = Allowance(self.clock, lambda: self._limit(image))
        try:
            yield allowance
        except NoResponse:
            with self._lock:
                silent = self.clock.now().timestamp() - self._last_answer
                self._slow = self._slow or (allowance.left.seconds <= 0 and silent > self.seconds / 4)
            raise
        except (Refused, Untrusted):
            self._answered()
            raise
        else:
            self._answered()
        finally:
            with self._lock:
                self._spent[image] = self._spent.get(image, 0.0) + allowance.spent

    def _answered(self) -> None:
        with self._lock:
            self._last_answer, self._slow = self.clock.now().timestamp(), False

    def _limit(self, image: ImageName) -> Limit:
        limit = min(SLOW_REGISTRY_SECONDS, self.seconds) if self._slow else self.seconds
        left = min(limit, self.seconds - self._spent.get(image, 0.0))
        return Limit(left, NoResponse(f"took more than {limit:g} s for this image", _ADVICE))
