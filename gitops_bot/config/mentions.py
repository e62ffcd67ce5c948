"""The names of entries and overlays in a configuration, to look up in the repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gitops_bot.config.document import Document, Path
    from gitops_bot.config.form import ConfigForm, EnvironmentForm

#: A key of `images`, the `image` of `release_info` and of a hold, and the globs of a group.
Kind = Literal["rule", "release info", "hold", "group images", "group overlays"]


@dataclass(frozen=True, slots=True)
class Mention:
    """One name or glob of an environment, with file, line and column. `until` is when a hold ends."""

    environment: str
    kind: Kind
    text: str
    place: tuple[str, int, int]
    until: datetime | None = None


def mentions(document: Document, form: ConfigForm) -> Iterator[Mention]:
    """All mentions, in the order of the file."""

    def mention(environment: str, kind: Kind, text: str, path: Path, until: datetime | None = None) -> Mention:
        place = document.key(path)  # of an item of a list, the item
        return Mention(environment, kind, text, (document.file, place.line, place.column), until)

    for name, environment in form.environments.items():
        path: Path = ("environments", name)
        for image in environment.images:
            yield mention(name, "rule", image, (*path, "images", image))
        for image, where in _described(environment):
            yield mention(name, "release info", image, (*path, *where))
        groups = environment.propose.group
        for at, group in enumerate(groups if not isinstance(groups, str) else ()):
            group_path = (*path, "propose", "group", at)
            for number, glob in enumerate(group.images):
                yield mention(name, "group images", glob, (*group_path, "images", number))
            for number, glob in enumerate(group.overlays):
                yield mention(name, "group overlays", glob, (*group_path, "overlays", number))
    for at, hold in enumerate(form.holds):
        if hold.image is not None:
            yield mention(hold.environment, "hold", hold.image, ("holds", at, "image"), hold.until)


def _described(environment: EnvironmentForm) -> Iterator[tuple[str, Path]]:
    """The images that release info names, each with its path."""
    for at, info in enumerate(environment.infos):
        item = (at,) if isinstance(environment.release_info, tuple) else ()
        if info.image is not None:
            yield info.image, ("release_info", *item, "image")
