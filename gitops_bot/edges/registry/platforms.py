"""Which platforms an index has, and which of its images stands for them all.

Rules: OCI image specification 1.1, "Image Index"; BuildKit, "Attestation Storage"; containerd for variants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.registry.manifest import IMAGES
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: An index that names more is no list that anybody could read; Go knows some forty platforms.
MOST = 100
_USUAL = "linux/amd64"
_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}\Z")
#: Two ways to write one architecture.
_SAME = {"amd64/v1": "amd64", "arm64/v8": "arm64"}
_ATTESTED = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Image:
    """One image of an index. `digest` is empty where it names no manifest of a single image that can be asked for."""

    platform: str | None
    digest: str


def images(index: Mapping[str, Any]) -> tuple[Image, ...]:
    """The images of an index in its order, without the attestations that builders keep beside them."""
    listed = index.get("manifests")
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return tuple(Image(platform(each.get("platform")), _digest(each)) for each in entries if not _is_attestation(each))


def names(found: Sequence[Image]) -> tuple[str, ...]:
    """The platforms, sorted, each once; none where there are more than anybody would read."""
    distinct = {each.platform for each in found if each.platform is not None}
    return tuple(sorted(distinct)) if len(distinct) <= MOST else ()


def representative(found: Sequence[Image]) -> Image | None:
    """The image for linux/amd64, else the first."""
    askable = [each for each in found if each.digest]
    return next((each for each in askable if each.platform == _USUAL), askable[0] if askable else None)


def platform(described: object) -> str | None:
    """`os/architecture[/variant]` of a descriptor's platform, or of a configuration; None where it is not said."""
    if not isinstance(described, dict):
        return None
    said = [described.get(name) for name in ("os", "architecture", "variant")]
    parts = [part for part in said if isinstance(part, str) and _PART.match(part)]
    if len(parts) != (3 if said[2] else 2) or "unknown" in parts:
        return None
    processor = "/".join(parts[1:])
    return f"{parts[0]}/{_SAME.get(processor, processor)}"


def _digest(entry: Mapping[str, Any]) -> str:
    digest = entry.get("digest")
    return digest if entry.get("mediaType") in IMAGES and isinstance(digest, str) and is_digest(digest) else ""


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    annotations, place = entry.get("annotations"), entry.get("platform")
    return (isinstance(annotations, dict) and _ATTESTED in annotations) or (
        isinstance(place, dict) and place.get("os") == place.get("architecture") == "unknown"
    )
