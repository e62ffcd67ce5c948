"""Manifests and indexes: their type, their digest, and what an index names.

Rules: OCI image specification 1.1, "Image Manifest" (with "Guidelines for Artifact Usage") and "Image Index"; BuildKit,
"Attestation Storage"; containerd for variants.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.http import parse_json
from gitops_bot.edges.registry.failure import Refused, Untrusted, unexpected
from gitops_bot.images.build import Child, Kind, Manifest, normal_platform
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
#: Bytes of a configuration; a real one has some thousands.
CONFIG_BYTES = 1024 * 1024
#: Registries may answer HEAD like this but not GET, which also has an error message.
_ASK_AGAIN = (400, 404, 405, 406, 501)


#: The configurations of images, and those that Docker takes for one in its own manifests (moby, `ImageTypes`).
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_OLD_CONFIGS = ("application/octet-stream", "application/json", "text/html", "", None)
#: What people call a type.
_CALLED = {"application/vnd.cncf.helm.config.v1+json": "a Helm chart"}
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+/-]{0,150}\Z")


def resolve(ask: Ask, reference: str) -> str:
    """The digest of a tag or digest: by HEAD, which Docker Hub does not count as a pull, else by GET. That of a tag has
    the algorithm of the registry's choice, that of a digest its own.
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
            return digest
    return resolve_by_content(ask("GET", reference), reference)


def resolve_by_content(answer: Answer, reference: str) -> str:
    """The digest of a manifest by its bytes, which must match the one in the header, if any."""
    document = parse_json(answer.body)
    version = document.get("schemaVersion") if isinstance(document, dict) else None
    if version == 1:
        raise Untrusted("has it only as a schema 1 manifest, which has no stable digest", "Push the image again.")
    if version != 2:
        raise unexpected(answer, "a manifest")
    header = answer.headers.get("docker-content-digest")
    usual = "sha512" if header is not None and header.startswith("sha512:") else "sha256"
    digest = digest_of(answer.body, usual)
    if header is not None and header != digest:
        raise Untrusted(
            f"reports the digest {header[:150]!r} for a manifest that has the digest {digest}",
            "Something in between changes what the registry sends; nothing was pinned.",
        )
    return digest_of(answer.body, reference) if is_digest(reference) else digest


def digest_of(body: bytes, like: str) -> str:
    """The digest of these bytes, by the algorithm of a digest like this one."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


#: Commas in one document, counted before parsing because objects take many times the memory of their text. An index of
#: 1,000 manifests has about 10,000.
_MOST_COMMAS = 100_000


def document(answer: Answer, digest: str, wanted: str) -> Document:
    """The JSON object in an answer (`wanted`, in errors), verified by its digest. Empty for another digest algorithm's
    content and for schema 1, whose digest does not cover the signature in its bytes.
    """
    if answer.body.count(b",") > _MOST_COMMAS:
        raise Untrusted(f"has {wanted} of more than {_MOST_COMMAS} values", "Check what was pushed there.")
    parsed = parse_json(answer.body)
    content: Document = parsed if isinstance(parsed, dict) else {}
    if (actual := digest_of(answer.body, digest)) == digest:
        return content
    if content.get("schemaVersion") == 1:
        return {}
    if not content:
        raise unexpected(answer, wanted)
    raise Untrusted(
        f"answered the request for {digest} with content that has the digest {actual}",
        "Something in between changes what the registry sends.",
    )


#: Manifests of one index, attestations and artifacts included.
_MOST_CHILDREN = 1000
_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}\Z")


def read(document: Document) -> Manifest:
    """What a document is by its own content, which the digest covers (headers are not covered). OCI documents need not
    state a type. One that could be read as either is neither (CVE-2021-41190).
    """
    is_index, is_manifest = "manifests" in document, "config" in document or "layers" in document
    types = INDEXES if is_index else IMAGES
    kind, artifact_type = document.get("mediaType", types[0]), document.get("artifactType")
    if document.get("schemaVersion") != 2 or is_index == is_manifest or kind not in types:
        return Manifest("artifact", "a document of another kind" if kind in types else _called(kind))
    children = children_of(document) if is_index else ()
    if len(children) > _MOST_CHILDREN:
        raise Untrusted(f"has an index of more than {_MOST_CHILDREN:,} manifests", "Check what was pushed there.")
    if artifact_type not in (None, "", *CONFIGS):
        return Manifest("artifact", _called(artifact_type), children)
    if any(child.kind != "artifact" for child in children):
        return Manifest("index", None, children)
    if is_index:
        return Manifest("artifact", "an index without an image", children)
    config = document.get("config")
    config_type = config.get("mediaType") if isinstance(config, dict) else None
    if config_type in CONFIGS or (kind == IMAGES[1] and config_type in _OLD_CONFIGS):
        # cosign and attestations put documents where an image has its layers.
        listed = document.get("layers")
        entries = listed if isinstance(listed, list) else ()
        layers = [layer.get("mediaType") for layer in entries if isinstance(layer, dict)]
        is_image = not layers or not all(str(layer).endswith(("json", "xml")) for layer in layers)
        return Manifest("image") if is_image else Manifest("artifact", _called(layers[0]))
    return Manifest("artifact", _called(config_type))


def _called(artifact_type: object) -> str:
    """What an artifact is, in words; its type comes from whoever pushed it."""
    known = artifact_type if isinstance(artifact_type, str) and _TYPE.match(artifact_type) else None
    if known in _CALLED:
        return f"{_CALLED[known]} ({known})"
    return f"an artifact of the type {known}" if known is not None else "an artifact of an unknown type"


def children_of(index: Document) -> tuple[Child, ...]:
    """What an index names by usable digests, each once."""
    manifests = index["manifests"] if isinstance(index["manifests"], list) else []
    children: dict[str, Child] = {}
    for entry in manifests:
        digest = entry.get("digest") if isinstance(entry, dict) else None
        if isinstance(digest, str) and is_digest(digest):
            nested, about = entry.get("mediaType") in INDEXES, platform(entry.get("platform"))
            children.setdefault(digest, Child(digest, _child_kind(entry), about, nested))
    return tuple(children.values())


def _child_kind(entry: Document) -> Kind:
    annotations, described = entry.get("annotations"), entry.get("platform")
    if (isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations) or (
        isinstance(described, dict) and described.get("os") == described.get("architecture") == "unknown"
    ):
        return "artifact"
    if entry.get("artifactType") not in (None, "", *CONFIGS):
        return "artifact"
    kind = entry.get("mediaType")
    return "image" if kind in IMAGES else "index" if kind in INDEXES else "artifact"


def platform(described: object) -> str | None:
    """`os/architecture[/variant]` of a descriptor's platform or a configuration; None if it is missing."""
    if not isinstance(described, dict):
        return None
    values = [described.get(name) for name in ("os", "architecture", "variant")]
    parts = [part for part in values if isinstance(part, str) and _PART.match(part)]
    if len(parts) != (3 if values[2] else 2) or "unknown" in parts:
        return None
    return normal_platform("/".join(parts))
