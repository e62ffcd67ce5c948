"""Plain manifests of Kubernetes: the images of containers and volumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets.yaml_pins import YamlPins


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
        from gitops_bot.targets.manifests import pins

        return pins.read(data, file, dict(self.kinds), dict(self.above))

    def count(self, data: bytes) -> int:
        """How many lines look like images of a resource."""
        from gitops_bot.targets.manifests import pins

        return pins.count(data)

    def decided(self, by: Mapping[str, str]) -> ManifestsTarget:
        """With the images that kustomizations pin for the file; see `targets.decided`."""
        return replace(self, above=tuple(by.items()))
