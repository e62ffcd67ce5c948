"""Whose a path is: which environment's overlays hold it, now or, by the globs, at some time before.

A glob of files means these alone: what lies beside them may belong to several environments, and is nobody's.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.releases.layout.claims import Claimant
    from gitops_bot.releases.layout.overlays import Selection


class Owners:
    """The directories of all environments. A path belongs to the deepest overlay above it."""

    def __init__(self, environments: Mapping[str, Claimant], selection: Selection) -> None:
        """From the globs, for overlays that are gone, and what was selected by them in the present tree.

        Raises:
            ValueError: a glob cannot be read; where a selection was made of them, all can.
        """
        self._globs = [
            (name, Glob.parse(text)) for name, environment in environments.items() for text in environment.overlays
        ]
        self._now: dict[str, str] = {}
        self._files: dict[str, str] = {}
        for name, overlays in selection.overlays.items():
            for found in overlays:
                (self._now if found.place == found.directory else self._files)[found.place] = name
        self._by_glob: dict[str, str | None] = {}

    def owner(self, path: str) -> tuple[str, str] | None:
        """The environment and the overlay that a path belongs to; None where it is nobody's.

        Within one environment an overlay that is there now beats the globs: `**` means all directories below it too.
        """
        above = _above(path)
        if (name := self._files.get(path) or self._meant_file(path)) is not None:
            return (name, above[0])
        now = next((directory for directory in above if directory in self._now), None)
        for directory in above:
            name = self._now.get(directory) or self._meant(directory)
            if name is not None:
                return (name, now) if now is not None and self._now[now] == name else (name, directory)
        return None

    def _meant_file(self, path: str) -> str | None:
        return next((name for name, glob in self._globs if glob.match_file(path) is not None), None)

    def _meant(self, directory: str) -> str | None:
        if directory not in self._by_glob:
            path = "" if directory == "." else f"{directory}/"
            self._by_glob[directory] = next((name for name, glob in self._globs if glob.match(path) is not None), None)
        return self._by_glob[directory]


def _above(path: str) -> list[str]:
    """The directories that hold a path, the deepest first."""
    found = []
    directory = posixpath.dirname(path)
    while directory:
        found.append(directory)
        directory = posixpath.dirname(directory)
    return [*found, "."]
