"""What an environment consisted of at a commit: its overlays, and every file that these are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.read import read
from gitops_bot.releases.history.content import Content
from gitops_bot.targets.reached import reached

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gitops_bot.config import Environment
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World


def content(world: World, snapshot: Snapshot, environment: Environment, commit: str) -> Content:
    """The content of an environment at a commit, by the overlays that the configuration means there.

    Raises:
        GitError: the commit cannot be read.
        ConfigError: two environments claimed a file then.
        EditError: these are too many files.
    """
    then = read(world, snapshot.config, snapshot.branch, snapshot.repository, [environment.name], commit=commit)
    overlays = then.overlay_files(environment.name)

    def is_foreign(path: str) -> bool:
        owner = then.owners.owner(path)
        return owner is not None and owner[0] != environment.name

    def contents(paths: Collection[str]) -> Mapping[str, bytes]:
        return world.repository.read(commit, paths)

    directories = {overlay_file.directory for overlay_file in overlays}
    references = reached(directories, world.repository.tree(commit), contents, is_foreign)
    blobs = world.repository.blobs(commit)
    paths = references.files | {overlay.file for overlay in overlays}
    return Content.of(commit, environment.name, overlays, {path: blobs[path] for path in paths}, references.unfollowed)
