"""The text of a first configuration: drafted, and tried with `check` until that accepts it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot import config
from gitops_bot.commands.check import check
from gitops_bot.commands.draft import draft
from gitops_bot.errors import ConfigError
from gitops_bot.results.checkout import Ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files
    from gitops_bot.errors import Problem
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.results.checkout import Draft, Inventory

#: How often what `check` rejects is taken out of a file.
_TRIES: Final = 4


def compose(
    files: Files, tree: Mapping[str, str], inventory: Inventory, now: datetime, write: Callable[[Draft], str]
) -> tuple[Inventory, str, Coverage]:
    """The environments as the file has them, its text, which `check` accepts, and what it keeps current.

    An entry that `check` rejects is ignored, with the reason; promotions that cannot correspond are left out.

    Raises:
        ConfigError: no configuration can describe these environments.
    """
    environments, ignored = inventory.environments, dict(inventory.ignored)
    for left in reversed(range(_TRIES)):
        text = write(draft(environments, ignored))
        try:
            checked = check(files, tree, config.read(text, config.FILE), now)
        except ConfigError:
            if not any(environment.promote for environment in environments):
                raise
            environments = tuple(replace(environment, promote=False) for environment in environments)
            continue
        rejected = {
            entry.key: Ignored(problem.message)
            for problem in checked.head.problems
            for environment in environments
            if (entry := _entry_at(environment.entries, problem)) is not None
        }
        if not left or rejected.keys() <= ignored.keys():
            break
        ignored |= rejected
    coverage = checked.body.coverage
    lost = Counter(entry.environment for group in coverage.groups for entry in group.entries)
    lost.update(entry.environment for entry in coverage.ignored)
    environments = tuple(replace(found, followed=len(found.entries) - lost[found.name]) for found in environments)
    return replace(inventory, environments=environments), text, coverage


def _entry_at(entries: Sequence[Managed], problem: Problem) -> Managed | None:
    """The entry that a problem of a file is about: the last one that begins before its line."""
    before = [entry for entry in entries if entry.file == problem.file and entry.entry.line <= (problem.line or 0)]
    return max(before, key=lambda entry: entry.entry.line, default=None)
