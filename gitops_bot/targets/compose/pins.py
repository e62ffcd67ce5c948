"""Reads compose files: the images of services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import EditError
from gitops_bot.targets import document
from gitops_bot.targets.compose import places
from gitops_bot.targets.compose.services import services
from gitops_bot.targets.yaml_pins import YamlPins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SERVICES: Final = re.compile(rb"^[\"']?services[\"']?[ \t]*:", re.MULTILINE)
_KEY: Final = re.compile(rb"^(?!x-)([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t\r\n]|\Z)", re.MULTILINE)
_TOP: Final = frozenset(
    {b"configs", b"include", b"models", b"name", b"networks", b"secrets", b"services", b"version", b"volumes"}
)


def read(data: bytes, file: str, known: Mapping[str, str]) -> YamlPins:
    """Read the images of all services; `known` are the variables that `.env` sets.

    Raises:
        EditError: the file as a whole cannot be edited; see `document.read`.
    """
    parsed = document.read(data, file)
    return YamlPins(parsed, tuple(places.places(parsed, known)))


def count(data: bytes, known: Mapping[str, str]) -> int:
    """How many services have an image; none where the file has keys that docker compose refuses."""
    if not _SERVICES.search(data) or b"image" not in data or any(key not in _TOP for key in _KEY.findall(data)):
        return 0
    try:
        return len(read(data, "", known).entries)
    except EditError:
        return 0


def images(data: bytes, file: str) -> Iterator[str]:
    """The images as they are written; none where the file cannot be read."""
    try:
        parsed = document.read(data, file)
    except EditError:
        return
    yield from (service.image.text or "" for service in services(parsed))
