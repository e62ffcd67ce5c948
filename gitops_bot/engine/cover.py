"""How much of a repository is kept current, as `plan` and `check` end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config import Config
from gitops_bot.engine.meeting import pairs
from gitops_bot.releases.layout import coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.config import Config, Environment
    from gitops_bot.engine.meeting import Sides
    from gitops_bot.images.reference import Pin
    from gitops_bot.images.unmanaged import Unmanaged
    from gitops_bot.releases.layout.coverage import Coverage, Kind, Outside
    from gitops_bot.releases.plan import Entry


def cover(read: Sides, environments: Iterable[Environment], config: Config, outside: Outside) -> Coverage:
    """Add up what becomes of the entries of these environments; no registry is asked."""
    kinds: list[tuple[Entry, Pin, Kind | Unmanaged]] = []
    for environment in environments:
        promoted = pairs(read, environment)
        kinds += [
            (spot.place, spot.entry.pin, coverage.kind(spot.rules, promoted=spot.place.key in promoted))
            for spot in read.spots(environment.name)
        ]
    return coverage.cover(kinds, outside, inferred=config.file is None)
