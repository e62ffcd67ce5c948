"""Files beside those of overlays, or further away, that tell how these are read."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from gitops_bot.targets import overriding_files, reads_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets import ReadsBeside, Target

_REGULAR: Final = ("100644", "100755")


def beside(files: Mapping[str, Target], tree: Mapping[str, str]) -> list[str]:
    """What to read along: `.env` has variables, compose files use them, and kustomizations decide for manifests."""
    readers: defaultdict[str, set[ReadsBeside]] = defaultdict(set)
    for file, target in files.items():
        if reads_beside(target):
            readers[posixpath.dirname(file)].add(target)
    paths = set(overriding_files(files, tree))
    for path in tree if readers else ():
        directory, name = posixpath.split(path)
        if any(reader.reads(name) for reader in readers.get(directory, ())):
            paths.add(path)
    return sorted(path for path in paths if path not in files and tree[path] in _REGULAR)


def by_directory(files: Mapping[str, bytes]) -> Mapping[str, Mapping[str, bytes]]:
    """Files by their names, those of each directory (`.` is the top)."""
    directories: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for path, data in files.items():
        directories[posixpath.dirname(path) or "."][posixpath.basename(path)] = data
    return directories
