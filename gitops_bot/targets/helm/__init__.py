"""Values of Helm charts: in files of their own, and in resources of Argo CD and Flux."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Literal

from gitops_bot.dataclass import dataclass
from gitops_bot.targets import document, nodes
from gitops_bot.targets.helm import sources
from gitops_bot.targets.image_values import ImagePaths, named
from gitops_bot.targets.yaml_pins import YamlPins

_ENDINGS: Final = (".yaml", ".yml")
_SEPARATORS: Final = re.compile("[-_.]")
#: What a chart has beside its values.
CHART: Final = "Chart.yaml"
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


@dataclass(frozen=True, slots=True)
class HelmTarget:
    """A file with values of Helm; see `Target`. `images` are the ones to look for, by their names."""

    NOUN: ClassVar = "values file"
    FILE_NAMES: ClassVar = ("values.yaml",)
    ALONE: ClassVar = False

    images: tuple[tuple[str, ImagePaths], ...] = ()

    def known_by(self, name: str) -> Literal["name", "content"] | None:
        """Its name, as in `values.yaml`, `values-production.yaml` and `web.values.yml`, else its content."""
        stem, dot, ending = name.lower().rpartition(".")
        if dot + ending in _ENDINGS and (stem.endswith("values") or "values" in _SEPARATORS.split(stem)):
            return "name"
        return "content" if name.endswith(_ENDINGS) else None

    def read(self, data: bytes, file: str) -> YamlPins:
        """Read the images in its values.

        Raises:
            EditError: the file as a whole cannot be edited; see `document.read`.
        """
        parsed = document.read(data, file, several=True)
        shared = nodes.shared(parsed.roots)
        trees = ((tree, tree.places(self.images, shared)) for tree in sources.trees(parsed, shared))
        return YamlPins(parsed, tuple(named(file, trees)))

    def count(self, data: bytes) -> int:
        """How many lines look like pins in values."""
        pinned = len(_TAG.findall(data)) or len(_DIGEST.findall(data))
        if sources.KIND.search(data):
            return pinned + len(_IMAGE.findall(data)) + len(_PARAMETER.findall(data))
        if _RESOURCE.search(data):
            return 0
        if not _REPOSITORY.search(data):
            pinned = 0
        return pinned if pinned or _OTHER.search(data) else len(_IMAGE.findall(data))
