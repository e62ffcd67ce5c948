"""How much of a repository is kept current, as `plan` and `check` end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.releases.layout import coverage

if TYPE_CHECKING:
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.releases.layout.coverage import Coverage


def cover(snapshot: Snapshot) -> Coverage:
    """Add up what becomes of the entries of these environments; no registry is asked."""
    kinds = [
        (entry, entry.pin, coverage.kind(entry.rules, promoted=entry.key in promoted))
        for environment in snapshot.environments
        for promoted in (snapshot.promoted(environment),)
        for entry in snapshot.entries(environment.name)
    ]
    return coverage.cover(kinds, snapshot.outside, inferred=snapshot.config.file is None)
