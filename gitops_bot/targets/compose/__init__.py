"""Compose files: the images of services."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.targets.yaml_pins import YamlPins

_NAME: Final = re.compile(r"(?:docker-compose[^/]*|compose(?:[._-][^/]*)?)\.ya?ml")
#: Where docker compose reads variables from, in the directory of its file.
VARIABLES: Final = ".env"


@dataclass(frozen=True, slots=True)
class ComposeTarget:
    """A compose file; see `Target`. `known` are the variables in its images that `.env` beside it sets."""

    NOUN: ClassVar = "compose file"
    FILE_NAMES: ClassVar = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
    ALONE: ClassVar = False

    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def known_by(self, name: str) -> Literal["name"] | None:
        """Its name: docker compose's own, or what people call a file that is laid over another."""
        return "name" if _NAME.fullmatch(name) else None

    def read(self, data: bytes, file: str) -> YamlPins:
        """Read the images of all its services.

        Raises:
            EditError: the file as a whole cannot be edited; see `document.read`.
        """
        from gitops_bot.targets.compose import pins

        return pins.read(data, file, dict(self.known))

    def count(self, data: bytes) -> int:
        """How many services have an image; none where the file has keys that docker compose refuses."""
        from gitops_bot.targets.compose import pins

        return pins.count(data, dict(self.known))

    def reads(self, name: str) -> bool:
        """Whether it is where docker compose has variables from."""
        return name == VARIABLES

    def beside(self, files: Mapping[str, bytes]) -> ComposeTarget:
        """With the variables that `.env` sets, as far as images use them: it may hold secrets."""
        from gitops_bot.targets import dotenv
        from gitops_bot.targets.compose import interpolation

        try:
            known = dotenv.values(files.get(VARIABLES, b"").decode("utf-8"))
        except ValueError:
            return self  # what is wrong with the file is said where it is read
        used = {variable.name for image in images(files) for variable in interpolation.variables(image)}
        return ComposeTarget(tuple(sorted((name, known[name]) for name in used & known.keys())))


def images(files: Mapping[str, bytes]) -> Iterator[str]:
    """The images in those of the files that are compose files, as they are written."""
    from gitops_bot.targets.compose import pins

    for name, data in sorted(files.items()):
        if ComposeTarget().known_by(name):
            yield from pins.images(data, name)
