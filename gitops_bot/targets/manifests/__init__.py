"""Plain manifests of Kubernetes: the images of containers and volumes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from gitops_bot.dataclass import dataclass
from gitops_bot.targets import document
from gitops_bot.targets.manifests import images
from gitops_bot.targets.yaml_pins import YamlPins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.places import Place
    from gitops_bot.targets.yaml_pins import Slot

#: A manifest has these two at the beginning of a line, and something with an image.
_KIND, _VERSION = (
    re.compile(rb"^(?:- )?[{]?[\"']?%b[\"']?[ \t]*:" % key, re.MULTILINE) for key in (b"kind", b"apiVersion")
)
_IMAGE: Final = re.compile(
    rb"(?:^[ \t-]*|[{,][ \t]*)[\"']?(?:image|reference)[\"']?[ \t]*:[ \t]*[^ \t\r\n#]", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class ManifestsTarget:
    """A file with manifests; see `Target`. `kinds` are paths to images in custom resources, by their kinds."""

    NOUN: ClassVar = "manifest"
    FILE_NAMES: ClassVar = ()
    ALONE: ClassVar = False

    kinds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: The images that kustomizations pin, each with the path of the kustomization.
    above: tuple[tuple[str, str], ...] = ()

    def known_by(self, name: str) -> Literal["content"] | None:
        """Its content: any YAML file may be a manifest, and most are something else."""
        return "content" if name.endswith((".yaml", ".yml")) else None

    def read(self, data: bytes, file: str) -> YamlPins:
        """Read the images of all its resources.

        Raises:
            EditError: the file as a whole cannot be edited; see `document.read`.
        """
        parsed = document.read(data, file, several=True)
        above = dict(self.above)

        def decided(place: Place[Slot]) -> Place[Slot]:
            by = above.get(place.entry.repository or "")
            return place.with_entry(decided_by=by) if by is not None else place

        return YamlPins(parsed, tuple(map(decided, images.places(parsed, dict(self.kinds)))))

    def count(self, data: bytes) -> int:
        """How many lines look like images of a resource."""
        return len(_IMAGE.findall(data)) if _KIND.search(data) and _VERSION.search(data) else 0

    def decided(self, by: Mapping[str, str]) -> ManifestsTarget:
        """With the images that kustomizations pin for the file; see `targets.decided`."""
        return replace(self, above=tuple(by.items()))
