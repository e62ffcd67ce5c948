"""`gitops-bot check`: validate the configuration and the overlays as they lie on disk, offline."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gitops_bot import targets
from gitops_bot.engine.cover import cover
from gitops_bot.engine.survey import Spot
from gitops_bot.errors import Problem
from gitops_bot.proposals.astray import astray
from gitops_bot.releases.choice import hold
from gitops_bot.releases.layout import correspondence, coverage, overlays
from gitops_bot.releases.layout.checked import Checked
from gitops_bot.releases.layout.overlay import Overlay
from gitops_bot.targets.pin_file import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Config
    from gitops_bot.releases.layout.overlays import Found, Selection
    from gitops_bot.targets.pin_file import PinFile


class Files(Protocol):
    """The files below the top of a checkout, by paths as git has them."""

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Their bytes; paths where no file is are left out."""
        ...


def check(files: Files, tree: Mapping[str, str], config: Config, now: datetime) -> Checked:
    """Look at every overlay of every environment, and at the bases that they build upon.

    What holds no more at this moment is told, and is no mistake.

    Raises:
        ConfigError: a file is claimed by two environments, or the globs of a promotion cannot correspond.
    """
    selection = overlays.select(config.environments, tree)
    correspondence.check(config.environments)
    claimed = {found.file: name for name, found_here in selection.overlays.items() for found in found_here}
    read, refused = targets.read_all(claimed, files.read(claimed))
    problems = [*selection.problems, *_alone(config, selection), *refused]
    for item in read:
        problems += _entries(item, config, claimed[item.file])
    for target in targets.TARGETS:
        # A base that is refused is nobody's overlay, and no problem here.
        problems += target.dead(read, tree, lambda paths: targets.read_all(paths, files.read(paths))[0])
    outside = coverage.outside(files.read(overlays.unclaimed(selection, tree)))
    sides = _Read.of(selection, read, claimed, config)
    covered = cover(sides, config.environments.values(), config, outside)
    unread = bool(selection.problems or refused)
    for name in config.environments:
        entries = [spot.place for spot in sides.spots(name)]
        lost = astray(name, config.mentions, entries, sides.found(name), now, unread=unread)
        problems += (*lost.problems, *lost.groups)
    if not claimed and not problems:
        problems.append(_NO_OVERLAY)
    return Checked(len(claimed), covered, tuple(problems), hold.ended(config.holds, now))


#: Without a configuration: one that finds nothing has said so for each of its globs.
_NO_OVERLAY = Problem(
    "failed.config",
    f"nothing to check: there is no gitops-bot.yaml, and no {targets.nouns()} in a directory named like an "
    "environment (dev, staging, production, ...)",
    "list environments and their overlays in gitops-bot.yaml, or change to the checkout of your manifests",
)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of each environment."""

    selection: Selection
    entries: Mapping[str, Sequence[Spot]]

    @classmethod
    def of(cls, selection: Selection, read: Iterable[PinFile], claimed: Mapping[str, str], config: Config) -> _Read:
        """The entries of these files, by the environments that claim them."""
        entries: dict[str, list[Spot]] = {name: [] for name in selection.overlays}
        for item in read:
            overlay = Overlay(claimed[item.file], posixpath.dirname(item.file) or ".", item)
            entries[claimed[item.file]] += [
                Spot(overlay.place(entry), entry, config.rules(claimed[item.file], entry)) for entry in item.entries
            ]
        return cls(selection, entries)

    def spots(self, name: str) -> Sequence[Spot]:
        return self.entries[name]

    def found(self, name: str) -> Sequence[Found]:
        return self.selection.overlays[name]


def _alone(config: Config, selection: Selection) -> Iterator[Problem]:
    """Promotions that find nothing to promote to: some overlays may well be the target's alone, but hardly all.

    Where one of the two has no overlays at all, that is told already.
    """
    for name, environment in config.environments.items():
        if environment.promotion is None:
            continue
        source = environment.promotion.source
        here, there = selection.overlays[name], selection.overlays[source]
        if here and there and not any(pair.sources for pair in correspondence.pairs(there, here)):
            message = (
                f"no overlay of {name} corresponds to one of {source}: "
                f"{here[0].directory} by `{here[0].glob}`, {there[0].directory} by `{there[0].glob}`"
            )
            advice = "the wildcards of both must match the same text, as in `apps/*/staging` and `apps/*/production`"
            yield Problem("failed.config", message, advice, *environment.promotion.place)


def _entries(file: PinFile, config: Config, environment: str) -> Iterator[Problem]:
    for index, entry in enumerate(file.entries):
        rules = config.rules(environment, entry)
        if rules.ignore:
            continue
        if entry.refusal is not None:
            yield entry.refusal
            continue
        yield from file.mistyped(index)
        if entry.image is None and (rules.policy is not None or config.environments[environment].promotion is not None):
            message = f"{(entry.new_name or entry.name)[:300]!r} is not an image repository name"
            yield problem(file, entry, message, "correct it, or set `ignore: true` for it in gitops-bot.yaml")
