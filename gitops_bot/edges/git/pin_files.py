"""What tells how earlier versions of files were read: their bytes, and the files beside them."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from gitops_bot.edges.git.difference import NO_FILES, top_level
from gitops_bot.edges.git.store import FILE_LIMIT
from gitops_bot.releases.history.tree_change import REGULAR
from gitops_bot.targets import tells_of_others

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.edges.git.store import Store
    from gitops_bot.releases.history.pin_files import Version

#: Versions that are looked into, the newest first, and their bytes. Files that would need more are read by their names.
VERSION_LIMIT, BYTE_LIMIT = 10_000, 16 * 1024 * 1024
_FOUND = re.compile(r"([0-9a-f]{40,64}) tree [0-9]+\Z")
#: What spans two lines cannot be asked of git.
_LINE_END = re.compile(r"[\r\n]")


class VersionReader:
    """Reads versions for `PinFiles`, all of them together within the limits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions = self._bytes = 0

    def read(self, versions: Sequence[Version]) -> dict[Version, dict[str, bytes]]:
        """The bytes that tell how each version was read, by the names of the files.

        Raises:
            DamagedError: the copy lacks something.
            GitError: what is missing cannot be fetched.
        """
        wanted = versions[: max(VERSION_LIMIT - self._versions, 0)]
        self._versions += len(versions)
        beside = self._beside([version for version in wanted if version.file.reads_beside])
        files = {
            version: {**beside.get(version.directory, {}), posixpath.basename(version.file.path): version.blob}
            for version in wanted
            if version.file.by_content or version.directory in beside
        }
        blobs = self._contents(blob for names in files.values() for blob in names.values())
        return {
            version: {name: blobs[blob] for name, blob in files.get(version, {}).items() if blob in blobs}
            for version in wanted
        }

    def _beside(self, versions: Sequence[Version]) -> dict[str, dict[str, str]]:
        """The files beside these that may tell how to read them: names and blobs, by the directory."""
        wanted = dict.fromkeys(version.directory for version in versions if not _LINE_END.search(version.directory))
        if not wanted:
            return {}
        stdin = "".join(f"{directory}\n" for directory in wanted).encode()
        lines = self._store.run("cat-file", "--batch-check", "--buffer", stdin=stdin).decode("utf-8", "replace")
        answers = zip(wanted, map(_FOUND.match, lines.split("\n")), strict=False)
        trees = {directory: answer[1] for directory, answer in answers if answer is not None}
        listed = top_level(self._store, [(NO_FILES[len(tree)], tree) for tree in dict.fromkeys(trees.values())])
        return {
            directory: {
                change.name: change.ids[1]
                for change in listed.get((NO_FILES[len(tree)], tree), ())
                if change.modes[1] in REGULAR and change.is_utf8 and tells_of_others(change.name)
            }
            for directory, tree in trees.items()
        }

    def _contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        wanted = []
        for blob, size in self._store.sizes(dict.fromkeys(blobs)).items():
            if size <= FILE_LIMIT and self._bytes + size <= BYTE_LIMIT:
                self._bytes += size
                wanted.append(blob)
        return self._store.contents(wanted)
