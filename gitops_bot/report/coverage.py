"""How much of a repository is kept current: what ends `plan` and `check`, and what `init` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.layout.coverage import fold_folders
from gitops_bot.report.configuration import ADD, addition, environment_for, gap_text
from gitops_bot.report.screen import align, list_images, list_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.report.screen import Screen
    from gitops_bot.results.checkout import Initialised, Inventory

_BASES: Final = ("base", "bases", "components")
_HEADS: Final = ("ENVIRONMENT", "FILES", "ENTRIES", "TRACKED", "OVERLAYS", "DEPLOYED BY")


def print_coverage(coverage: Coverage, screen: Screen) -> None:
    """One line of numbers; then for each reason a line with samples and a line to add to the configuration."""
    screen.say()
    for indent, text in _lines(coverage):
        if text.startswith(ADD):
            screen.say_as_is(" " * indent + text)  # what is to be copied stays one line
        else:
            screen.say(text, indent=indent, hang=2)


def _lines(coverage: Coverage) -> Iterator[tuple[int, str]]:
    """Each line with its indentation."""
    outside = coverage.outside
    if not coverage.entries and not outside.entries:
        yield 0, "entries: none; no file here pins an image"
        return
    counts = {
        "promoted": coverage.promoted,
        "ignored": len(coverage.ignored),
        "unmanaged": coverage.unmanaged,
        "in no environment": outside.entries,
    }
    numbers = [f"{coverage.tracked} tracked", *(f"{number} {label}" for label, number in counts.items() if number)]
    how = ", inferred without a gitops-bot.yaml" if coverage.inferred else ""
    yield 0, f"entries{how}: {', '.join(numbers)}"
    if coverage.ignored:
        yield 2, f"{len(coverage.ignored)} ignored: {list_images(coverage.ignored)}"
    for group in coverage.groups:
        yield 2, f"{len(group.entries)} unmanaged: {plain(group.alike)}: {list_images(group.entries)}"
        yield 4, addition(group, inferred=coverage.inferred)
    if outside.entries:
        folders = [folder for folder, _ in fold_folders(outside.folders)]
        yield 2, f"{outside.entries} in no environment: {list_names(folders)}"
        # An overlay usually pins the images of a base again.
        sample = next((folder for folder in folders if folder.rpartition("/")[2] not in _BASES), folders[0])
        yield 4, environment_for(sample)
    if outside.unread:
        yield 2, f"{outside.unread} other kustomizations were not counted: there are too many"


def print_inventory(inventory: Inventory, screen: Screen) -> None:
    """The table of environments, and then what no environment covers."""
    rows = [
        (
            plain(environment.name),
            str(environment.files),
            str(environment.coverage.entries),
            str(environment.coverage.tracked),
            list_names(environment.overlays, most=2),
            list_names(environment.deployed_by, most=1) if environment.deployed_by else "-",
        )
        for environment in inventory.environments
    ]
    lines, width = align((_HEADS, *rows))
    if screen.width is None or width <= screen.width:
        for number, line in enumerate(lines):
            screen.say(line, style=None if number else "bold")
    else:
        for name, *cells in rows:
            screen.say(name, style="bold")
            for head, cell in zip(_HEADS[1:], cells, strict=True):
                screen.say(f"{head.lower()}: {cell}", indent=2, hang=2)
    for name, directories in inventory.elsewhere.items():
        screen.say(f"deployed, but in no environment: {list_names(directories)} ({plain(name)}?)", hang=2)
    if others := inventory.outside.entries:
        folders = (folder for folder, _ in fold_folders(inventory.outside.folders))
        screen.say(f"entries in no environment: {others}, in {list_names(folders)}", hang=2)
    for finding in inventory.registries:
        screen.say(f"registry {plain(finding.subject)}: {plain(finding.text, 300)}", hang=2)
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
