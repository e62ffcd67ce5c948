"""Two environments side by side: which entry of the one stands for which of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gitops_bot.releases.layout import correspondence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.survey import Spot
    from gitops_bot.releases.layout.overlays import Found


class Sides(Protocol):
    """The environments of one reading, wherever it was read."""

    def spots(self, name: str) -> Sequence[Spot]:
        """Every entry of an environment."""
        ...

    def found(self, name: str) -> Sequence[Found]:
        """The overlays of an environment as its globs found them."""
        ...


@dataclass(frozen=True, slots=True)
class Meeting:
    """The entries of a target, each with those of the source that it stands for, and what only the source has."""

    partners: Mapping[tuple[str, str], tuple[Spot, ...]]
    only_source: tuple[Spot, ...]


def meet(read: Sides, source: str, target: str) -> Meeting:
    """Lay two environments side by side, overlay by overlay and entry by entry."""
    by_directory: dict[str, list[Spot]] = {}
    for spot in (*read.spots(source), *read.spots(target)):
        by_directory.setdefault(spot.place.overlay, []).append(spot)
    partners: dict[tuple[str, str], tuple[Spot, ...]] = {}
    for pair in correspondence.pairs(read.found(source), read.found(target)):
        own = by_directory.get(pair.target.directory, [])
        there = [by_directory.get(found.directory, []) for found in pair.sources]
        for spot in own:
            entries = [spot.entry for spot in own]
            found = []
            for spots in there:
                partner = correspondence.partner(spot.entry, entries, [one.entry for one in spots])
                found += [one for one in spots if one.entry is partner]
            if found:
                partners[spot.place.key] = tuple(found)
    met = {spot.place.key for spots in partners.values() for spot in spots}
    return Meeting(partners, tuple(spot for spot in read.spots(source) if spot.place.key not in met))


def pairs(read: Sides, environment: Environment) -> dict[tuple[str, str], tuple[Spot, Sequence[Spot]]]:
    """The entries that are promoted, each with those that it stands for, by their keys."""
    if environment.promotion is None:
        return {}
    partners = meet(read, environment.promotion.source, environment.name).partners
    return {
        spot.place.key: (spot, partners[spot.place.key])
        for spot in read.spots(environment.name)
        if spot.place.key in partners and not spot.rules.own_policy
    }
