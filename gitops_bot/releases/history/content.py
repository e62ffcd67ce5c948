"""The whole content of a release: every file that its overlays consist of, and the digest of them all."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.releases.layout.overlays import OverlayFile
    from gitops_bot.targets import Unfollowed


class File(NamedTuple):
    """A file: its path, its name in the digest, and its blob in Git."""

    path: str
    name: str
    blob: str


@dataclass(frozen=True, slots=True)
class Content:
    """What an environment consisted of at a commit. `unfollowed` is what its files refer to and the commit has not."""

    commit: str
    overlays: tuple[str, ...]
    files: tuple[File, ...]
    unfollowed: tuple[Unfollowed, ...]

    @classmethod
    def of(
        cls,
        commit: str,
        environment: str,
        overlays: Sequence[OverlayFile],
        blobs: Mapping[str, str],
        unfollowed: Iterable[Unfollowed],
    ) -> Content:
        """From the overlays of the environment, and the blobs of all its files by their paths."""
        names = _names(environment, overlays)
        files = tuple(File(path, _name(path, names), blob) for path, blob in sorted(blobs.items()))
        places = tuple(sorted({overlay_file.directory for overlay_file in overlays}))
        return cls(commit, places, files, tuple(unfollowed))

    @property
    def digest(self) -> str:
        """The sha256 of the lines `NAME`, NUL, `BLOB`, line feed, sorted by the bytes of the names.

        An overlay's files are named by what its glob captured (`/web/kustomization.yaml`), all others by their paths.
        So two environments that are made of the same have the same digest.
        """
        lines = sorted(b"%s\0%s\n" % (file.name.encode(), file.blob.encode()) for file in self.files)
        return f"sha256:{hashlib.sha256(b''.join(lines)).hexdigest()}"


def _name(path: str, names: Mapping[str, str]) -> str:
    """The name by the nearest overlay above; no path begins with a slash, so that none is taken for another."""
    above, below = path, ""
    while above not in names:
        if above in ("", "."):
            return path
        above, tail = posixpath.dirname(above) or ".", posixpath.basename(above)
        below = f"/{tail}{below}"
    return names[above] + below


def _names(environment: str, overlays: Sequence[OverlayFile]) -> Mapping[str, str]:
    """What each overlay (a directory or a file) is called: alike in all environments, as far as that names only one."""
    by_place = {
        overlay_file.place: overlay_file
        for overlay_file in sorted(overlays, key=lambda overlay_file: (overlay_file.place, overlay_file.glob))
    }
    captured = {place: _captured(overlay_file) for place, overlay_file in by_place.items()}
    starred = {place: _starred(place, environment) for place in by_place}
    for names in (captured, starred):
        if len(set(names.values())) == len(names):
            return names
    return {place: f"/{place}" for place in by_place}


def _captured(overlay_file: OverlayFile) -> str:
    names = Glob.parse(overlay_file.glob).names
    return "".join(f"/{overlay_file.captures[name]}" for name in names)


def _starred(place: str, environment: str) -> str:
    return "".join(f"/{'*' if part == environment else part}" for part in place.split("/"))
