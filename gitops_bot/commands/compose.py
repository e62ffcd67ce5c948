"""The text of a first configuration: drafted, and tried with `check` until that accepts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot import config
from gitops_bot.commands.check import check
from gitops_bot.commands.draft import draft
from gitops_bot.errors import ConfigError
from gitops_bot.releases.layout.inventory import scan
from gitops_bot.results.checkout import Ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files
    from gitops_bot.errors import Problem
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.results.checkout import Draft, Inventory


def compose(
    files: Files, tree: Mapping[str, str], inventory: Inventory, now: datetime, write: Callable[[Draft], str]
) -> tuple[Inventory, str, Coverage]:
    """The environments as the file has them, its text, which `check` accepts, and what it keeps current.

    An entry that `check` rejects is ignored, with the reason; a promotion that cannot correspond is left out. A
    ConfigError says that no configuration can describe these environments.
    """
    environments, ignored, scanned = inventory.environments, dict(inventory.ignored), scan(tree, files.read)
    while True:
        drafted = draft(environments, ignored, inventory.owner)
        text = write(drafted)
        settings = config.read(text, config.FILE)
        try:
            checked = check(files, tree, settings, now, scanned)
        except ConfigError as error:
            places = {(problem.file, problem.line, problem.column) for problem in error.problems}
            refused = {
                name for name, own in settings.environments.items() if own.promotion and own.promotion.place in places
            }
            if not refused:
                raise
            environments = tuple(
                replace(found, promote=False) if found.name in refused else found for found in environments
            )
            continue
        rejected = {
            entry.key: Ignored(problem.message)
            for problem in checked.head.problems
            for environment in environments
            if (entry := _entry_at(environment.entries, problem)) is not None
        }
        if rejected.keys() <= ignored.keys():
            break
        ignored |= rejected
    environments = tuple(replace(own.found, followed=own.followed) for own in drafted.environments)
    return replace(inventory, environments=environments), text, checked.body.coverage


def _entry_at(entries: Sequence[Managed], problem: Problem) -> Managed | None:
    """The entry that a problem of a file is about: the last one that begins before its line."""
    before = [entry for entry in entries if entry.file == problem.file and entry.entry.line <= (problem.line or 0)]
    return max(before, key=lambda entry: entry.entry.line, default=None)
