"""Manifests and indexes: which a document is, and the digest of the one that a tag names now."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.registry.failure import Refused, Untrusted, unexpected
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.edges.http import Answer

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
IMAGES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
#: All in one header: a registry that misses one answers with another manifest (of one platform) or with 404.
_TYPES = (*INDEXES, *IMAGES)
ACCEPT = ", ".join(_TYPES)
#: Bytes; the limit that registries themselves have.
LIMIT = 4 * 1024 * 1024
#: Statuses with which registries refuse HEAD only, or say nothing about why: GET decides, and has a message.
_ASK_AGAIN = (400, 404, 405, 406, 501)


class Kind(enum.Enum):
    """What a manifest is of."""

    IMAGE = enum.auto()
    INDEX = enum.auto()


def kind_of(document: Mapping[str, Any]) -> Kind | None:
    """What a document is by its own words, which its digest covers, as it does no header; None: nothing of these.

    OCI documents need not say their type. One that could be read as either is neither (CVE-2021-41190).
    """
    is_index, is_image = "manifests" in document, "config" in document or "layers" in document
    if document.get("schemaVersion") != 2 or is_index == is_image:
        return None
    kind, types = (Kind.INDEX, INDEXES) if is_index else (Kind.IMAGE, IMAGES)
    return kind if document.get("mediaType", types[0]) in types else None


@dataclass(frozen=True, slots=True)
class Named:
    """What a tag or a digest names: the digest, and whether that is of one image, which has no others behind it."""

    digest: str
    is_image: bool


def named(ask: Callable[[str], Answer], algorithm: str | None = None) -> Named:
    """What is named, by what `ask` gets for a method: by HEAD, which is no pull at Docker Hub, else by GET.

    `algorithm` is the one that is wanted (`sha256`, `sha512`); None leaves it to the registry.

    Raises:
        Refused: the registry refused; 404 where there is no such tag.
        Untrusted: what it answered is no manifest, or not the one whose digest it names.
    """
    try:
        head = ask("HEAD")
    except Refused as refused:
        if not refused.is_one_of(*_ASK_AGAIN):
            raise
    else:
        digest = head.headers.get("docker-content-digest", "")
        if is_digest(digest) and _type(head) in _TYPES and algorithm in (None, digest.partition(":")[0]):
            return Named(digest, _type(head) in IMAGES)
    return _hashed(ask("GET"), algorithm)


def _hashed(answer: Answer, algorithm: str | None) -> Named:
    """The digest of a manifest by its bytes, which has to be the one that the registry names, if it names one."""
    try:
        document = json.loads(answer.body)
        version = document.get("schemaVersion")
    except (ValueError, RecursionError, AttributeError):
        raise unexpected(answer, "a manifest") from None
    if version == 1:
        raise Untrusted("has it only as a schema 1 manifest, which has no stable digest", "Push the image again.")
    if version != 2:
        raise unexpected(answer, "a manifest")
    header = answer.headers.get("docker-content-digest")
    usual = "sha512" if header is not None and header.startswith("sha512:") else "sha256"
    digest = _by(usual, answer.body)
    if header is not None and header != digest:
        raise Untrusted(
            f"reports the digest {header[:150]!r} for a manifest that has the digest {digest}",
            "Something in between changes what the registry sends; nothing was pinned.",
        )
    asked = digest if algorithm in (None, usual) else _by(algorithm, answer.body)
    return Named(asked, kind_of(document) is Kind.IMAGE)


def _by(algorithm: str, body: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def _type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()
