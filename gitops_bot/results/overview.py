"""All that the page shows: the status, the last releases, and how they were delivered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from gitops_bot.proposals.pull_request import Merge
    from gitops_bot.releases.history.delivery import Delivery, Journey
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.status import Status


@dataclass(frozen=True, slots=True)
class Overview:
    """The status with as much history as was read.

    `releases` are the newest of all environments, the newest first, `per_day` how many each of the last days had.
    `merges` are the pull requests that brought them, by commit. `home` is the address of the repository on its forge.
    `history` is false where no history was read.
    """

    status: Status
    history: bool = False
    releases: tuple[Record, ...] = ()
    per_day: Mapping[date, int] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    journeys: tuple[Journey, ...] = ()
    merges: Mapping[str, Merge] = field(default_factory=dict)
    home: str | None = None
