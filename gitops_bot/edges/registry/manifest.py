"""Manifests and indexes: their type, their digest, and the images of an index.

Rules: OCI image specification 1.1, "Image Index"; BuildKit, "Attestation Storage"; containerd for variants.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.edges.http import parse_json
from gitops_bot.edges.registry.failure import Refused, Untrusted, unexpected
from gitops_bot.images.build import Child, normal_platform
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.edges.http import Answer

    Ask = Callable[[str, str], Answer]
    Document = Mapping[str, Any]


INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
IMAGES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
#: All in one header: without one of them a registry answers with another manifest (of one platform) or 404.
_TYPES = (*INDEXES, *IMAGES)
ACCEPT = ", ".join(_TYPES)
#: Bytes; the limit that registries themselves have.
MANIFEST_BYTES = 4 * 1024 * 1024
#: Registries may answer HEAD like this but not GET, which also has an error message.
_ASK_AGAIN = (400, 404, 405, 406, 501)


Kind = Literal["image", "index"]


def kind_of(document: Document) -> Kind | None:
    """The type of a document by its own content, which the digest covers (headers are not covered); None for others.

    OCI documents need not state a type. One that could be read as either is neither (CVE-2021-41190).
    """
    is_index, is_image = "manifests" in document, "config" in document or "layers" in document
    if document.get("schemaVersion") != 2 or is_index == is_image:
        return None
    kind: Kind = "index" if is_index else "image"
    types = INDEXES if is_index else IMAGES
    return kind if document.get("mediaType", types[0]) in types else None


@dataclass(frozen=True, slots=True)
class ManifestDigest:
    """The digest that a tag or digest refers to, and whether it is a single image."""

    digest: str
    is_image: bool


def resolve(ask: Ask, reference: str) -> ManifestDigest:
    """Resolve a tag or digest: by HEAD, which Docker Hub does not count as a pull, else by GET.

    The digest of a tag has the algorithm of the registry's choice, that of a digest its own.

    Raises:
        Refused: the registry refused; 404 if there is no such tag.
        Untrusted: the answer is no manifest, or does not match the digest in its header.
    """
    try:
        head = ask("HEAD", reference)
    except Refused as refused:
        if not refused.is_one_of(*_ASK_AGAIN):
            raise
    else:
        digest = head.headers.get("docker-content-digest", "")
        same = not is_digest(reference) or reference.partition(":")[0] == digest.partition(":")[0]
        if is_digest(digest) and head.media_type in _TYPES and same:
            return ManifestDigest(digest, head.media_type in IMAGES)
    return resolve_by_content(ask("GET", reference), reference)


def resolve_by_content(answer: Answer, reference: str) -> ManifestDigest:
    """The digest of a manifest by its bytes, which must match the one in the header, if any."""
    document = parse_json(answer.body)
    version = document.get("schemaVersion") if isinstance(document, dict) else None
    if version == 1:
        raise Untrusted("has it only as a schema 1 manifest, which has no stable digest", "Push the image again.")
    if version != 2:
        raise unexpected(answer, "a manifest")
    header = answer.headers.get("docker-content-digest")
    usual = "sha512" if header is not None and header.startswith("sha512:") else "sha256"
    digest = _digest_of(answer.body, usual)
    if header is not None and header != digest:
        raise Untrusted(
            f"reports the digest {header[:150]!r} for a manifest that has the digest {digest}",
            "Something in between changes what the registry sends; nothing was pinned.",
        )
    if is_digest(reference):
        digest = _digest_of(answer.body, reference.partition(":")[0])
    return ManifestDigest(digest, kind_of(document) == "image")


def _digest_of(body: bytes, algorithm: str) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


#: Commas in one document, counted before parsing because objects take many times the memory of their text. An index of
#: 1,000 manifests has about 10,000.
_MOST_COMMAS = 100_000


def document(answer: Answer, digest: str, wanted: str) -> Document:
    """The JSON object in an answer, verified by its digest; empty for another digest algorithm's content and schema 1.

    A schema 1 digest does not cover the signature in its bytes. `wanted` is for the error, as in "a manifest".

    Raises:
        Untrusted: the bytes do not match the digest, or there are too many values.
    """
    if answer.body.count(b",") > _MOST_COMMAS:
        raise Untrusted(f"has {wanted} of more than {_MOST_COMMAS} values", "Check what was pushed there.")
    parsed = parse_json(answer.body)
    content: Document = parsed if isinstance(parsed, dict) else {}
    actual = _digest_of(answer.body, digest.partition(":")[0])
    if actual == digest:
        return content
    if content.get("schemaVersion") == 1:
        return {}
    if not content:
        raise unexpected(answer, wanted)
    raise Untrusted(
        f"answered the request for {digest} with content that has the digest {actual}",
        "Something in between changes what the registry sends.",
    )


#: Images of an index; Go knows some forty platforms.
MOST_IMAGES = 100
_USUAL = "linux/amd64"
_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}\Z")
_ATTESTED = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Image:
    """One image of an index. `digest` is empty unless it names the manifest of a single image."""

    platform: str | None
    digest: str


def images(index: Document) -> tuple[Image, ...]:
    """The images of an index in order, without the attestations that builders add."""
    manifests = index.get("manifests")
    entries = [entry for entry in manifests if isinstance(entry, dict)] if isinstance(manifests, list) else []
    return tuple(
        Image(platform(entry.get("platform")), _digest(entry)) for entry in entries if not _is_attestation(entry)
    )


def names(members: Sequence[Image]) -> tuple[str, ...]:
    """The platforms, sorted and distinct; empty if there are too many to read."""
    distinct = {image.platform for image in members if image.platform is not None}
    return tuple(sorted(distinct)) if len(distinct) <= MOST_IMAGES else ()


def representative(members: Sequence[Image]) -> Image | None:
    """The image for linux/amd64, else the first."""
    askable = [image for image in members if image.digest]
    return next((image for image in askable if image.platform == _USUAL), askable[0] if askable else None)


def platform(described: object) -> str | None:
    """`os/architecture[/variant]` of a descriptor's platform or a configuration; None if it is missing."""
    if not isinstance(described, dict):
        return None
    values = [described.get(name) for name in ("os", "architecture", "variant")]
    parts = [part for part in values if isinstance(part, str) and _PART.match(part)]
    if len(parts) != (3 if values[2] else 2) or "unknown" in parts:
        return None
    return normal_platform("/".join(parts))


def _digest(entry: Document) -> str:
    digest = entry.get("digest")
    return digest if entry.get("mediaType") in IMAGES and isinstance(digest, str) and is_digest(digest) else ""


def _is_attestation(entry: Document) -> bool:
    annotations, described = entry.get("annotations"), entry.get("platform")
    return (isinstance(annotations, dict) and _ATTESTED in annotations) or (
        isinstance(described, dict) and described.get("os") == described.get("architecture") == "unknown"
    )


# Whether a pinned image still exists, with all platforms of an index.


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
