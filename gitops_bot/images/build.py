"""What is known about an image besides its digest, for reviewers to read before they merge."""

from __future__ import annotations

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
#: Two spellings of one architecture, as in containerd.
_SAME_PROCESSOR = {"amd64/v1": "amd64", "arm64/v8": "arm64"}


@dataclass(frozen=True, slots=True)
class Build:
    """The description of a manifest or index. None, or no platforms, if the image does not say.

    `source` (an http or https address), `revision` and `version` are the annotations or labels
    `org.opencontainers.image.*` (OCI image specification, "Pre-Defined Annotation Keys"). `platforms` are as in
    `linux/amd64`, sorted. `size` is what has to be pulled, in bytes, compressed, for `sized`, one of the platforms.
    """

    created: datetime | None = None
    source: str | None = None
    revision: str | None = None
    version: str | None = None
    platforms: tuple[str, ...] = ()
    size: int | None = None
    sized: str | None = None
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


class Child(NamedTuple):
    """A manifest that an index names. `platform` is None for what is no image, such as an attestation."""

    digest: str
    platform: str | None


def normal_platform(platform: str) -> str:
    """The platform in the shorter of its two spellings."""
    os, _, processor = platform.partition("/")
    return f"{os}/{_SAME_PROCESSOR.get(processor, processor)}"
