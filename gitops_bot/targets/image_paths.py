"""Where the image of a configuration stands in values of Helm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImagePaths:
    """Where an image of a configuration stands; each path is a tuple of keys. A `name` is no path, but the repository.

    All of it may stand in one text, at `image`.
    """

    image: tuple[str, ...] | None = None
    registry: tuple[str, ...] | None = None
    repository: tuple[str, ...] | None = None
    tag: tuple[str, ...] | None = None
    digest: tuple[str, ...] | None = None
    name: str | None = None


def path(text: str) -> tuple[str, ...]:
    """The keys of a path: dotted (`.web.image.tag`), or as RFC 6901 has it (`/web/image/tag`)."""
    if text.startswith("/"):
        return tuple(key.replace("~1", "/").replace("~0", "~") for key in text[1:].split("/"))
    return tuple(text.removeprefix(".").split("."))
