from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge shows it. `head` is the commit that its branch had when it was last seen."""

    number: int
    url: str
    state: Literal["open", "closed", "merged"]
    branch: str
    base: str
    head: str
    title: str
    body: str
    labels: tuple[str, ...] = ()
