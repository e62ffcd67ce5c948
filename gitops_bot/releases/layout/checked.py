from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.errors import Problem
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.layout.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at, everything that is wrong, and the holds that hold nothing any more."""

    files: int
    coverage: Coverage
    problems: tuple[Problem, ...]
    ended: tuple[WrittenHold, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all good, 1 something is wrong, 2 nothing was checked: green would mean nothing."""
        if not self.files:
            return 2
        return 1 if self.problems else 0
