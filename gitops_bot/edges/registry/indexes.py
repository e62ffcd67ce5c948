"""Whether a pinned image still exists, with all platforms of an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.manifest import INDEXES, MOST_IMAGES, document, images, kind_of, resolve
from gitops_bot.images.build import Child
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from gitops_bot.edges.registry.manifest import Ask, ManifestDigest


#: The manifests of indexes and their platforms, by the digest of the index. Digests never change, so `run` keeps them.
Indexes = dict[str, Mapping[str, str]]
_NOT_FOUND = 404
#: Manifests of one index, attestations and artifacts included.
_MOST_CHILDREN = 1000
#: Indexes that are kept, each with at most a hundred manifests.
_REMEMBERED = 500


def find_manifest(ask: Ask, digest: str) -> ManifestDigest | None:
    """The manifest of that digest, or None: one HEAD, and a GET if the registry does not answer HEAD.

    A registry may report another digest algorithm than the requested one, or none: then the bytes decide.
    """
    try:
        manifest = resolve(ask, digest)
    except Refused as refused:
        if refused.is_one_of(_NOT_FOUND):
            return None
        raise
    return manifest if manifest.digest == digest else None


def missing(ask: Ask, digest: str, indexes: Indexes) -> tuple[str, ...]:
    """The platforms of an index whose manifests are gone, in order; empty for a single image.

    Raises:
        Refused: the registry refused; 404 if the digest itself is gone.
        Untrusted: an answer does not match its digest.
    """
    if digest in indexes:
        resolve(ask, digest)  # the index itself may be gone
    platforms = _platforms(ask, digest, indexes)
    return tuple(dict.fromkeys(name for child, name in platforms.items() if find_manifest(ask, child) is None))


def index_platforms(ask: Ask, digest: str, indexes: Indexes) -> tuple[str, ...]:
    """The platforms that an index names, sorted; none for a single image, which costs one HEAD.

    Raises:
        Refused: the registry refused; 404 if there is no such digest, or if it does not answer HEAD.
        Untrusted: an answer does not match its digest.
    """
    if digest not in indexes and ask("HEAD", digest).media_type not in INDEXES:
        return ()
    return tuple(sorted({name for name in _platforms(ask, digest, indexes).values() if "/" in name}))


def _platforms(ask: Ask, digest: str, indexes: Indexes) -> Mapping[str, str]:
    """The platforms of an index by the digests of their manifests; empty for a single image."""
    if digest in indexes:
        return indexes[digest]
    top = document(ask("GET", digest), digest, "a manifest")
    if kind_of(top) != "index":
        return {}
    platforms: dict[str, str] = {}
    for image in images(top):
        if image.digest and len(platforms) < MOST_IMAGES:
            platforms.setdefault(image.digest, image.platform or image.digest[:19])
    if len(indexes) >= _REMEMBERED:
        indexes.clear()
    indexes[digest] = platforms  # verified by the digest, so true for every repository
    return platforms


def children(ask: Ask, digest: str) -> tuple[Child, ...]:
    """Every manifest that an index names, what builders keep beside the images included; none for a single image.

    Raises:
        Refused: the registry refused; 404 if there is no such digest.
        Untrusted: an answer does not match its digest, or names more than 1,000.
    """
    top = document(ask("GET", digest), digest, "a manifest")
    if kind_of(top) != "index":
        return ()
    listed = top["manifests"] if isinstance(top["manifests"], list) else []
    digests = (entry.get("digest") for entry in listed if isinstance(entry, dict))
    children = dict.fromkeys(child for child in digests if isinstance(child, str) and is_digest(child))
    if len(children) > _MOST_CHILDREN:
        raise Untrusted(f"has an index of more than {_MOST_CHILDREN:,} manifests", "Check what was pushed there.")
    platforms = {image.digest: image.platform or image.digest[:19] for image in images(top) if image.digest}
    return tuple(Child(child, platforms.get(child)) for child in children)
