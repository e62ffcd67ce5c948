"""Prints what `init` found: a table of environments, then what is in no environment, and the registries' answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.layout.coverage import folded
from gitops_bot.report.coverage import list_names
from gitops_bot.report.migrated import gap_text
from gitops_bot.report.screen import padded, widths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.report.screen import Screen
    from gitops_bot.results.checkout import FoundEnvironment, Initialised, Inventory

_HEADS: Final = ("ENVIRONMENT", "FILES", "ENTRIES", "TRACKED", "OVERLAYS", "DEPLOYED BY")


def print_inventory(inventory: Inventory, screen: Screen) -> None:
    """The table of environments, and then what no environment covers."""
    rows = [_row(environment) for environment in inventory.environments]
    columns = widths((_HEADS, *rows))
    if screen.width is None or sum(columns) <= screen.width:
        for row in (_HEADS, *rows):
            screen.say(padded(row, columns), style="bold" if row is _HEADS else None)
    else:
        for name, *cells in rows:
            screen.say(name, style="bold")
            for head, cell in zip(_HEADS[1:], cells, strict=True):
                screen.say(f"{head.lower()}: {cell}", indent=2, hang=2)
    for line in _beside(inventory):
        screen.say(line, hang=2)
    screen.say()


def print_initialised(done: Initialised, screen: Screen) -> None:
    """The file that was written and the next command; the text itself where nothing was written."""
    if done.written:
        screen.say(f"wrote {done.file}", style="green")
        if done.gaps:
            screen.say("without an equivalent (also listed in the file):")
        for gap in done.gaps:
            screen.say_as_is(f"  {gap_text(gap)}")
        screen.say("next: `gitops-bot check`, then commit and push it; `gitops-bot plan` shows what an update would do")
        return
    for line in done.text.splitlines():
        screen.say_as_is(line)


def _row(environment: FoundEnvironment) -> tuple[str, ...]:
    coverage = environment.coverage
    return (
        plain(environment.name),
        str(environment.files),
        str(coverage.entries),
        str(coverage.tracked),
        list_names(environment.overlays, most=2),
        list_names(environment.deployed_by, most=1) if environment.deployed_by else "-",
    )


def _beside(inventory: Inventory) -> Iterator[str]:
    for name, directories in inventory.elsewhere.items():
        yield f"deployed, but in no environment: {list_names(directories)} ({plain(name)}?)"
    if others := inventory.outside.entries:
        folders = (folder for folder, _ in folded(inventory.outside.folders))
        yield f"entries in no environment: {others}, in {list_names(folders)}"
    for answer in inventory.registries:
        yield f"registry {plain(answer.host)}: {plain(answer.text, 300)}"
