"""The build time that an image states.

An annotation of the index or manifest comes first, then a label, then the configuration. An index without an annotation
is as new as the newest of its images; attestations do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.registry.describe import configuration, first_label, labels, parse_time
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.manifest import (
    ACCEPT,
    INDEXES,
    MANIFEST_BYTES,
    document,
    images,
    kind_of,
    resolve_by_content,
)
from gitops_bot.images.age import EARLIEST
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from gitops_bot.edges.registry.describe import Fetch
    from gitops_bot.edges.registry.manifest import ManifestDigest

#: Manifests that are read for one tag, and indexes inside of one another. Real images need a dozen, and one.
MOST_MANIFESTS: Final = 32
DEPTH: Final = 3
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Created:
    """When an image was built, None if it does not say; `lasting` if that cannot change."""

    time: datetime | None
    lasting: bool = True


UNKNOWN: Final = Created(None)


def fetch_manifest(fetch: Fetch, reference: str) -> tuple[ManifestDigest, Mapping[str, Any]]:
    """Get the manifest of a tag or digest.

    Raises:
        Refused: the registry refused; 404 if there is no such image.
        Untrusted: the answer is no manifest, or does not match its digest.
    """
    answer = fetch(f"manifests/{reference}", ACCEPT, MANIFEST_BYTES)
    by_digest = is_digest(reference)
    resolved = resolve_by_content(answer, reference.partition(":")[0] if by_digest else None)
    return resolved, document(answer, reference if by_digest else resolved.digest, "a manifest")


def created(fetch: Fetch, digest: str, manifest: Mapping[str, Any]) -> Created:
    """When the image or index of that digest was built.

    Raises:
        Refused, Untrusted: as `fetch_manifest`, but for what an index names and the registry does not have.
    """
    return _Reader(fetch).read(manifest, (digest,))


class _Reader:
    """Reads the manifests behind one tag, as far as the limits allow."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._left = MOST_MANIFESTS

    def read(self, manifest: Mapping[str, Any], ancestors: tuple[str, ...]) -> Created:
        """`ancestors` are the digests of the manifest and of the indexes that it is in."""
        claimed = first_label("created", built, manifest.get("annotations"))
        if claimed is not None:
            return Created(claimed)
        match kind_of(manifest):
            case "image":
                return self._configured(manifest)
            case "index":
                return newest(self._children(manifest, ancestors))
            case _:
                return UNKNOWN

    def _configured(self, manifest: Mapping[str, Any]) -> Created:
        config = configuration(self._fetch, manifest)
        if config is None:
            return UNKNOWN
        claimed, created = first_label("created", built, labels(config)), config.get("created")
        if claimed is None and isinstance(created, str):
            claimed = built(created)
        return Created(claimed, lasting=bool(config))

    def _children(self, index: Mapping[str, Any], ancestors: tuple[str, ...]) -> Iterator[Created]:
        for digest in _child_digests(index):
            if digest in ancestors or len(ancestors) >= DEPTH or self._left <= 0:
                yield UNKNOWN  # circular, or nested as no builder does
                continue
            self._left -= 1
            try:
                _, manifest = fetch_manifest(self._fetch, digest)
            except Refused as refused:
                if not refused.is_one_of(_NOT_FOUND):
                    raise
                yield Created(None, lasting=False)
            else:
                yield self.read(manifest, (*ancestors, digest))


def newest(children: Iterable[Created]) -> Created:
    """The time of an index by those of its images."""
    times, lasting = [], True
    for child in children:
        lasting = lasting and child.lasting
        if child.time is not None:
            times.append(child.time)
    return Created(max(times, default=None), lasting)


def built(text: str) -> datetime | None:
    """Parse a build time; None for the placeholders of build tools."""
    time = parse_time(text)
    return time if time is not None and time >= EARLIEST else None


def _child_digests(index: Mapping[str, Any]) -> dict[str, None]:
    """The digests of the images and indexes in an index."""
    manifests = index.get("manifests")
    indexes = (
        entry["digest"]
        for entry in (manifests if isinstance(manifests, list) else [])
        if isinstance(entry, dict) and entry.get("mediaType") in INDEXES and isinstance(entry.get("digest"), str)
    )
    digests = [image.digest for image in images(index) if image.digest]
    return dict.fromkeys([*digests, *filter(is_digest, indexes)])
