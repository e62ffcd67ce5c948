"""Reads values of Helm charts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.targets import document, nodes
from gitops_bot.targets.helm import sources
from gitops_bot.targets.image_values import named
from gitops_bot.targets.yaml_pins import YamlPins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.targets.image_paths import ImagePaths

#: A tag, a digest, and the repository of which they may be a part.
_TAG, _DIGEST, _REPOSITORY = (
    re.compile(rb"(?:^|[{, \t])[\"']?(?:%b)[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9/]" % key, re.MULTILINE)
    for key in (b"tag", b"digest|sha", b"repository")
)
#: A text with all of an image.
_IMAGE: Final = re.compile(
    rb"^[ \t-]*[\"']?image[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9][\w./:-]*[:@][\w]", re.MULTILINE | re.ASCII
)
_PARAMETER: Final = re.compile(rb"name[\"']?:[ \t]*[\"']?[\w.-]*(?:tag|image)[\"']?[ \t\r]*[,\n]", re.ASCII)
#: What resources have at the top, and what starts a list or stands in braces.
_RESOURCE: Final = re.compile(
    rb"\A(?:[ \t]*+(?:#[^\n]*+)?+\n)*+[ \t]*+[{\[-](?!--)|^[\"']?apiVersion[\"']?[ \t]*:", re.MULTILINE
)
#: The keys at the top of other files with images in one text: of compose, and of pipelines.
_OTHER: Final = re.compile(rb"^[\"']?(?:services|jobs|stages|steps|pipeline|runs|on)[\"']?[ \t]*:", re.MULTILINE)


def read(data: bytes, file: str, images: Sequence[tuple[str, ImagePaths]]) -> YamlPins:
    """Read the images in the values of a file.

    Raises:
        EditError: the file as a whole cannot be edited; see `document.read`.
    """
    parsed = document.read(data, file, several=True)
    shared = nodes.shared(parsed.roots)
    trees = ((tree, tree.places(images, shared)) for tree in sources.trees(parsed, shared))
    return YamlPins(parsed, tuple(named(file, trees)))


def count(data: bytes) -> int:
    """How many lines look like pins in values."""
    pinned = len(_TAG.findall(data)) or len(_DIGEST.findall(data))
    if sources.KIND.search(data):
        return pinned + len(_IMAGE.findall(data)) + len(_PARAMETER.findall(data))
    if _RESOURCE.search(data):
        return 0
    if not _REPOSITORY.search(data):
        pinned = 0
    return pinned if pinned or _OTHER.search(data) else len(_IMAGE.findall(data))
