"""What the source of a promotion runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.line import Step
    from gitops_bot.releases.plan import Entry


@dataclass(frozen=True, slots=True)
class Running:
    """What the source environment runs for an entry.

    `arrived` is the commit that brought the pin (None where that is older than what is known), `number` that of its
    release. For an earlier pin `left` is the commit that took it away, and `ahead` how many releases came since.
    """

    entry: Entry
    pin: Pin
    arrived: Step | None = None
    number: int | None = None
    left: Step | None = None
    ahead: int = 0

    @property
    def environment(self) -> str:
        """The source's name."""
        return self.entry.environment or "the source"
