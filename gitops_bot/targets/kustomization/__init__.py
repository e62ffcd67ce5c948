"""kustomize's own file: the pins are in its list `images:`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from gitops_bot.targets.kustomization import file

if TYPE_CHECKING:
    from gitops_bot.targets.kustomization.file import Kustomization


@dataclass(frozen=True, slots=True)
class KustomizationTarget:
    """A `kustomization.yaml`; see `Target`."""

    NOUN: ClassVar = "kustomization"
    FILE_NAMES: ClassVar = file.FILE_NAMES
    ALONE: ClassVar = True

    def known_by(self, name: str) -> Literal["name"] | None:
        """Its name: kustomize knows these and no others."""
        return "name" if name in file.FILE_NAMES else None

    def read(self, data: bytes, file_name: str) -> Kustomization:
        """See `file.read`."""
        return file.read(data, file_name)

    def count(self, data: bytes) -> int:
        """See `file.count`."""
        return file.count(data)
