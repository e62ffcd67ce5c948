"""What `check` and `plan` say where nothing is kept current: how much `init` would keep current."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gitops_bot.engine.read import Files
    from gitops_bot.releases.layout.coverage import Coverage


def with_suggestion(coverage: Coverage, files: Files, tree: Mapping[str, str], now: datetime) -> Coverage:
    """The coverage of these files; where they keep nothing current, with the number of entries that `init` would."""
    if coverage.tracked or coverage.promoted:
        return coverage
    from gitops_bot.commands.draft import draft
    from gitops_bot.commands.init import take_inventory

    try:
        inventory = take_inventory(files, tree, now)
    except ConfigError:
        return coverage
    drafted = draft(inventory.environments, inventory.ignored).environments
    return replace(coverage, suggested=sum(environment.followed for environment in drafted))
