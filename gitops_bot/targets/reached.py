"""What an overlay consists of: its files, and for a kustomization all that this builds upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.targets.kustomization import FILE_NAMES
from gitops_bot.targets.kustomization.reach import REGULAR, Reached, Unfollowed, Why, below, bounded, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["Reached", "Unfollowed", "Why", "reached"]


def reached(
    directories: Collection[str],
    tree: Mapping[str, str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
    is_foreign: Callable[[str], bool],
) -> Reached:
    """The files of overlays in these directories (`.` is the top).

    A kustomization reaches what it refers to. Of any other directory these are all files below it that are not
    foreign. `tree` are the paths that there are, with git's modes; `read` gives the bytes of files.

    Raises:
        EditError: they are too many.
    """
    kustomized = {directory for directory in directories if _is_kustomized(directory, tree)}
    files, unfollowed = reach(sorted(kustomized), tree, read)
    whole: set[str] = set()
    links: set[Unfollowed] = set()
    if others := set(directories) - kustomized:
        paths = sorted(tree)
        for path in (path for directory in others for path in below(directory, paths) if not is_foreign(path)):
            if tree[path] in REGULAR:
                whole.add(path)
            else:
                links.add(Unfollowed(path, 1, path, "link"))
    return bounded(Reached(files | whole, (*unfollowed, *sorted(links))))


def _is_kustomized(directory: str, tree: Mapping[str, str]) -> bool:
    beginning = "" if directory == "." else f"{directory}/"
    return any(tree.get(beginning + name) in REGULAR for name in FILE_NAMES)
