"""Which environment owns a path: the one whose overlays have it, or had it according to the globs.

A glob of files matches these alone: what is beside them may belong to several environments, and has no owner.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from gitops_bot.releases.layout.glob import Glob
from gitops_bot.releases.layout.overlays import target_by_rules
from gitops_bot.targets import FileClaim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import Environment
    from gitops_bot.releases.layout.overlays import Selection
    from gitops_bot.targets import FileRule


class Owners:
    """The overlays of all environments. A path belongs to the deepest one above it."""

    def __init__(self, environments: Mapping[str, Environment], selection: Selection) -> None:
        """From the globs, for overlays that are gone, and what was selected by them in the present tree.

        Raises:
            ValueError: a glob cannot be read; where a selection was made of them, all can.
        """
        self._reached = {name: (name, *(its.name for its in each.reaches)) for name, each in environments.items()}
        #: By prefix: number, environment and glob.
        self._globs: defaultdict[str, list[tuple[int, str, Glob]]] = defaultdict(list)
        written = ((name, each, text) for name, each in environments.items() for text in each.overlays)
        for number, (name, each, text) in enumerate(written):
            glob = Glob.parse(text, each.exclude)
            self._globs[glob.prefix].append((number, name, glob))
        selected = [(overlay, name) for name, overlays in selection.overlays.items() for overlay in overlays]
        self._now = {overlay.directory: name for overlay, name in selected if not overlay.named}
        self._files = {overlay.file: name for overlay, name in selected if overlay.named}
        self._of_directory = cache(self._first)
        #: The environment and the overlay that a path belongs to, or None. Every environment, and every commit that
        #: changed a path, asks for it.
        self.owner = cache(self._owner)

    def environments(self, path: str) -> tuple[str, ...]:
        """The environments that a path is a part of: that of its owner, and those that this one reaches."""
        owner = self.owner(path)
        return self._reached[owner[0]] if owner is not None else ()

    def _owner(self, path: str) -> tuple[str, str] | None:
        """Within one environment, a present overlay beats the globs: `**` matches all below it, too."""
        directories = above(path)
        if (name := self._files.get(path) or self._first(path)) is not None:
            return (name, directories[0])
        now = next((directory for directory in directories if directory in self._now), None)
        for directory in directories:
            name = self._now.get(directory) or self._of_directory("" if directory == "." else f"{directory}/")
            if name is not None:
                return (name, now) if now is not None and self._now[now] == name else (name, directory)
        return None

    def _first(self, path: str) -> str | None:
        """The environment of the first glob that matches the path of a file, or of a directory (`apps/web/`)."""
        near = (self._globs.get("" if name == "." else f"{name}/", ()) for name in above(path))
        matching = ((number, name) for globs in near for number, name, glob in globs if glob.match(path) is not None)
        return min(matching, default=(0, None))[1]


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The settings of an environment for files."""

    environment: str
    globs: tuple[Glob, ...]
    rules: tuple[FileRule, ...]
    reads: int = 1
    #: The names of files whose values follow pins, and their keys.
    following: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimedFiles:
    """Which files environments claim by their globs and settings, including files that are gone; `owners` follow."""

    settings: tuple[FileSettings, ...]
    owners: Owners = field(compare=False, repr=False)

    def __call__(self, path: str) -> FileClaim | None:
        """How a file is claimed; a file deeper below an overlay is not."""
        if (owner := self.owners.owner(path)) is None:
            return None
        settings = next(settings for settings in self.settings if settings.environment == owner[0])
        directory, name = posixpath.split(path)
        keys = next((keys for file, keys in settings.following if file == name), ())
        if keys and any(glob.match(f"{directory}/" if directory else "") is not None for glob in settings.globs):
            return FileClaim(following=keys, reads=settings.reads)
        meaning = [glob for glob in settings.globs if glob.means(directory or ".", path)]
        if not meaning:
            return None
        named = any(glob.of_files for glob in meaning)
        return FileClaim(target_by_rules(settings.rules, path), named, reads=settings.reads)


@lru_cache(maxsize=1024)  # thousands of commits change the same few files
def above(path: str) -> tuple[str, ...]:
    """The directories that hold a path, the deepest first; the last one is the top, `.`."""
    directories = []
    directory = posixpath.dirname(path)
    while directory:
        directories.append(directory)
        directory = posixpath.dirname(directory)
    return (*directories, ".")
