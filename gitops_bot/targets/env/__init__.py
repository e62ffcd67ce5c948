"""Files of `KEY=value` lines, as docker compose reads them: images, or tags and digests, in values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from gitops_bot.targets import compose
from gitops_bot.targets.env import images
from gitops_bot.targets.env.images import EnvImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.env.pins import EnvPins

__all__ = ["EnvImage", "EnvTarget"]

#: `.env`, `.env.production` and `production.env`, but no examples of one.
_NAME: Final = re.compile(r"(?:\.env(?:\.[^/]+)?|[^/]+\.env)(?<!\.example)(?<!\.sample)(?<!\.template)(?<!\.dist)")


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

    def read(self, data: bytes, file: str) -> EnvPins:
        """Read the pins of a file: those of its images, of which the first that names a key has it, and of its keys.

        Raises:
            EditError: the file as a whole cannot be edited; see `statements.read`.
        """
        from gitops_bot.targets.env import pins

        return pins.read(data, file, self.images)

    def count(self, data: bytes) -> int:
        """How many images it has."""
        from gitops_bot.targets.env import pins

        return pins.count(data, self.images)

    def reads(self, name: str) -> bool:
        """Whether it is a compose file, also one that is laid over another: it tells what its variables are for."""
        return compose.ComposeTarget().known_by(name) is not None

    def beside(self, files: Mapping[str, bytes]) -> EnvTarget:
        """With what the compose files of the directory make of its variables."""
        taken = {key for image in self.images for key in image.keys}
        further = (image for image in images.in_compose(compose.images(files)) if taken.isdisjoint(image.keys))
        return replace(self, images=(*self.images, *further))
