"""Values of Helm charts: in files of their own, and in resources of Argo CD and Flux."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal

if TYPE_CHECKING:
    from gitops_bot.targets.image_paths import ImagePaths
    from gitops_bot.targets.yaml_pins import YamlPins

_ENDINGS: Final = (".yaml", ".yml")
_SEPARATORS: Final = re.compile("[-_.]")
#: What a chart has beside its values.
CHART: Final = "Chart.yaml"


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
        from gitops_bot.targets.helm import pins

        return pins.read(data, file, self.images)

    def count(self, data: bytes) -> int:
        """How many lines look like pins in values."""
        from gitops_bot.targets.helm import pins

        return pins.count(data)
