"""Reads plain manifests of Kubernetes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.targets import document
from gitops_bot.targets.manifests import images
from gitops_bot.targets.yaml_pins import YamlPins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.pin_location import Place
    from gitops_bot.targets.yaml_pins import Slot

#: A manifest has these two at the beginning of a line, and something with an image.
_KIND, _VERSION = (
    re.compile(rb"^(?:- )?[{]?[\"']?%b[\"']?[ \t]*:" % key, re.MULTILINE) for key in (b"kind", b"apiVersion")
)
_IMAGE: Final = re.compile(
    rb"(?:^[ \t-]*|[{,][ \t]*)[\"']?(?:image|reference)[\"']?[ \t]*:[ \t]*[^ \t\r\n#]", re.MULTILINE
)


def read(data: bytes, file: str, kinds: Mapping[str, tuple[str, ...]], above: Mapping[str, str]) -> YamlPins:
    """Read the images of all resources; `kinds` and `above` are those of the target.

    Raises:
        EditError: the file as a whole cannot be edited; see `document.read`.
    """
    parsed = document.read(data, file, several=True)

    def decided(place: Place[Slot]) -> Place[Slot]:
        by = above.get(place.entry.repository or "")
        return place.with_entry(decided_by=by) if by is not None else place

    return YamlPins(parsed, tuple(map(decided, images.places(parsed, kinds))))


def count(data: bytes) -> int:
    """How many lines look like images of a resource."""
    return len(_IMAGE.findall(data)) if _KIND.search(data) and _VERSION.search(data) else 0
