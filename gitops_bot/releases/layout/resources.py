"""Manifests and Helm releases that no environment claims, and the environments in which they take effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.errors import EditError, bugs_as
from gitops_bot.images.reference import Pin
from gitops_bot.releases.layout.causes import OutsideFile
from gitops_bot.releases.layout.inventory import DEFINITION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitops_bot.releases.layout.causes import Cause, Judge


def find(judge: Judge, data: Iterable[tuple[str, bytes]], reads: int) -> Iterator[OutsideFile]:
    """The files with resources among these that pin what is to be kept current; others are left out.

    Their environments are those in which one of their pins takes effect: no kustomization on the way pins it again.
    """
    roots = judge.roots.overlays if judge.roots is not None else {}
    for path, content in data if judge.is_small else ():
        target = targets.of_resources(path, content, reads)
        if target is None or DEFINITION.search(content) or judge.cause(path) is not None:
            continue
        try:
            with bugs_as(EditError, path):
                if below := targets.files_below({path: target}, judge.tree, {path: content}):
                    values = {path: content, **judge.read(sorted(below))}
                    target = targets.with_values_below({path: target}, values)[path]
                entries = (pin_file := target.read(content, path)).entries
        except EditError:
            continue  # `check` tells of it where a configuration names it
        built, names = judge.environments(path), set[str]()
        causes: list[Cause | None] = []
        for entry in entries:
            image = entry.repository or ""
            own = {name for name in built if judge.overrides.lets_through(path, image, roots[name])}
            is_again = not own if built else judge.overrides_image(path, image)
            causes.append("overridden" if is_again and target.PINNED_AGAIN_BY else None)
            if causes[-1] is None and entry.pin != Pin() and entry.refusal is None:
                names |= own if target.PINNED_AGAIN_BY else set(built)
        usable = (entry for entry, cause in zip(entries, causes, strict=True) if cause is None)
        if any(entry.pin != Pin() and entry.refusal is None for entry in usable):
            effective = tuple(name for name in built if name in names)
            yield OutsideFile(pin_file, effective, tuple(causes), built, target.PINNED_AGAIN_BY)
