"""Files of `KEY=value` lines, as docker compose reads them: images, or tags and digests, in values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from gitops_bot.errors import EditError
from gitops_bot.targets import compose
from gitops_bot.targets.env import file
from gitops_bot.targets.env.images import EnvImage, in_compose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.env.file import EnvPins

__all__ = ["EnvImage", "EnvTarget"]

#: `.env`, `.env.production` and `production.env`, but no examples of one.
_NAME: Final = re.compile(r"(?:\.env(?:\.[^/]+)?|[^/]+\.env)(?<!\.example)(?<!\.sample)(?<!\.template)(?<!\.dist)")
#: What a line with an image looks like; a file without one need not be read.
_IMAGE: Final = re.compile(rb"IMAGE[ \t]*=")


@dataclass(frozen=True, slots=True)
class EnvTarget:
    """A `.env` file; see `Target`. `images` are those whose keys a configuration or compose files name."""

    NOUN: ClassVar = ".env file"
    FILE_NAMES: ClassVar = (".env",)
    ALONE: ClassVar = False

    images: tuple[EnvImage, ...] = ()

    def known_by(self, name: str) -> Literal["content"] | None:
        """Its content: many programs have such files, and most hold no image."""
        return "content" if _NAME.fullmatch(name) else None

    def read(self, data: bytes, file_name: str) -> EnvPins:
        """See `file.read`."""
        return file.read(data, file_name, self.images)

    def count(self, data: bytes) -> int:
        """How many images it has."""
        if not _IMAGE.search(data) and not any(key.encode() in data for image in self.images for key in image.keys):
            return 0
        try:
            return len(self.read(data, "").entries)
        except EditError:
            return 0

    def reads(self, name: str) -> bool:
        """Whether it is a compose file, also one that is laid over another: it tells what its variables are for."""
        return compose.ComposeTarget().known_by(name) is not None

    def beside(self, files: Mapping[str, bytes]) -> EnvTarget:
        """With what the compose files of the directory make of its variables."""
        taken = {key for image in self.images for key in image.keys}
        further = (image for image in in_compose(compose.images(files)) if taken.isdisjoint(image.keys))
        return replace(self, images=(*self.images, *further))
