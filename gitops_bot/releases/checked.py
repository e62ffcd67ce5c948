from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.errors import Problem
    from gitops_bot.releases.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at, and everything that is wrong."""

    files: int
    coverage: Coverage
    problems: tuple[Problem, ...]
