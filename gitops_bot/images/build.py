"""What is known about an image besides its digest: whether it is one, its platforms, and what it says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


#: When an image was built, as its labels say: Build has it as a time.
CREATED: Final = "org.opencontainers.image.created"
#: What files say of an image, by the keys that people use, and its labels. There is none for a build number in OCI.
LABELS: Final[Mapping[str, str | None]] = {
    "version": "org.opencontainers.image.version",
    "git-sha": "org.opencontainers.image.revision",
    "build-date": CREATED,
    "build-number": None,
}

_PLATFORM_PART = "[a-z0-9][a-z0-9._-]{0,31}"
#: What a platform looks like, as in `linux/amd64` or `linux/arm/v7` (OCI image specification 1.1).
PLATFORM: Final = rf"{_PLATFORM_PART}/{_PLATFORM_PART}(?:/{_PLATFORM_PART})?"
#: Spellings of one architecture, as in containerd.
_SAME_PROCESSOR = {"amd64/v1": "amd64", "arm64/v8": "arm64", "x86_64": "amd64", "aarch64": "arm64"}
#: The variant that is meant where none is said, by the architecture (containerd).
_USUAL_VARIANT = {"amd64": "v1", "arm": "v7", "arm64": "v8"}
_VARIANT = re.compile("v([0-9]{1,3})")
_USUAL = "linux/amd64"
#: Platforms of an index; Go knows some forty.
MOST_PLATFORMS: Final = 100

#: What a manifest is; `artifact` is neither an image nor an index of any: a chart, a signature, an attestation.
Kind = Literal["image", "index", "artifact"]


class Child(NamedTuple):
    """A manifest that an index names. `platform` is None where the index does not say; `nested`: it is an index."""

    digest: str
    kind: Kind
    platform: str | None = None
    nested: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.platform or self.digest[:19]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a digest names. `artifact` says in words what it is if it is no image; `children` are those of an index."""

    kind: Kind
    artifact: str | None = None
    children: tuple[Child, ...] = ()

    @property
    def images(self) -> tuple[Child, ...]:
        """The images of an index."""
        return tuple(child for child in self.children if child.kind == "image")

    @property
    def representative(self) -> Child | None:
        """The image of an index for linux/amd64, else its first."""
        images = self.images
        return next((child for child in images if child.platform == _USUAL), images[0] if images else None)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that an index names, sorted; empty if there are too many to read."""
        platforms = {child.platform for child in self.children if child.kind != "artifact" and child.platform}
        return tuple(sorted(platforms)) if len(platforms) <= MOST_PLATFORMS else ()


@dataclass(frozen=True, slots=True)
class Build:
    """The description of a manifest or index. None, or no platforms, if the image does not say.

    `source` (an http or https address), `revision` and `version` are the annotations or labels
    `org.opencontainers.image.*` (OCI image specification, "Pre-Defined Annotation Keys"). `platforms` are as in
    `linux/amd64`, sorted. `size` is what has to be pulled, in bytes, compressed, for `sized`, one of the platforms, and
    `layers` is how many layers that are.
    """

    created: datetime | None = None
    source: str | None = None
    revision: str | None = None
    version: str | None = None
    platforms: tuple[str, ...] = ()
    size: int | None = None
    sized: str | None = None
    layers: int | None = None
    #: Of all labels and annotations those that are one short line, by their names.
    labels: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class BuildTimes:
    """When the images of tags were built, and when what is pinned was; None where that is unknown.

    All times are of one kind, as two kinds do not compare: when the registry got the images (`pushed`), or what the
    images say (`created`). Tags that are not in `times` are older than those that are.
    """

    times: Mapping[str, datetime | None]
    pinned: datetime | None
    source: Literal["pushed", "created"]


def normal_platform(platform: str) -> str:
    """The platform in the shorter of its two spellings."""
    os, _, processor = platform.partition("/")
    return f"{os}/{_SAME_PROCESSOR.get(processor, processor)}"


def runs_on(built: str, wanted: str) -> bool:
    """Whether what is `built` for one platform runs on another: a processor runs what is for its older variants.

    As containerd matches them: linux/arm/v7 runs linux/arm/v6, and linux/amd64/v3 runs linux/amd64. What names no
    variant runs on all.
    """
    os, processor, variant = (*built.split("/"), "", "")[:3]
    wanted_os, wanted_processor, wanted_variant = (*wanted.split("/"), "", "")[:3]
    if (os, processor) != (wanted_os, wanted_processor):
        return False
    if variant in ("", wanted_variant):
        return True
    older = _VARIANT.fullmatch(variant)
    newer = _VARIANT.fullmatch(wanted_variant or _USUAL_VARIANT.get(processor, ""))
    return older is not None and newer is not None and int(older[1]) <= int(newer[1])
