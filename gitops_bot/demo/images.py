"""Builds a small multi-platform OCI image and pushes it: blobs, manifests, then the index."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
PLATFORMS = ("linux/amd64", "linux/arm64")
#: The size in bytes of the base layer, which all images of a platform share.
_BASE = 1024 * 1024


class PushError(Exception):
    """The registry refused the image."""


def push(
    host: str,
    repository: str,
    tag: str,
    *,
    created: datetime,
    revision: str,
    source: str,
    content: bytes = b"",
    platforms: Sequence[str] = PLATFORMS,
) -> str:
    """Push an image to the plain-HTTP registry at `host` (`127.0.0.1:PORT`) and return the digest of its index.

    `created` (with a time zone), `revision` and `source` become the build time and the labels that
    docker/metadata-action writes: `org.opencontainers.image.{created,revision,source,version}`. `content` is the layer
    above the base layer. The same arguments give the same digest.

    Raises:
        PushError: the registry refused a blob or a manifest; the message quotes its answer.
        OSError: the registry cannot be reached.
    """
    built = created.astimezone(UTC).isoformat().replace("+00:00", "Z")
    labels = {"created": built, "revision": revision, "source": source, "version": tag}
    program = _layer("app", content, int(created.timestamp()))
    with closing(HTTPConnection(host, timeout=15)) as registry:
        entries = []
        for platform in platforms:
            os, _, architecture = platform.partition("/")
            layers = (_system(platform), program)
            config = {
                "created": built,
                "architecture": architecture,
                "os": os,
                "config": {"Labels": {f"org.opencontainers.image.{name}": text for name, text in labels.items()}},
                "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer)) for layer in layers]},
                "history": [{"created": built, "created_by": "gitops-bot demo"}],
            }
            settings = _json(config)
            for blob in (*layers, settings):
                _push_blob(registry, repository, blob)
            manifest = _json(
                {
                    "schemaVersion": 2,
                    "mediaType": _MANIFEST,
                    "config": _descriptor(_CONFIG, settings),
                    "layers": [_descriptor(_LAYER, layer) for layer in layers],
                }
            )
            _push_manifest(registry, repository, _digest(manifest), _MANIFEST, manifest)
            entries.append({**_descriptor(_MANIFEST, manifest), "platform": {"os": os, "architecture": architecture}})
        index = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
        _push_manifest(registry, repository, tag, _INDEX, index)
    return _digest(index)


@lru_cache
def _system(platform: str) -> bytes:
    """The incompressible base layer of a platform; its size differs per platform."""
    seed = platform.encode()
    return _layer("lib", hashlib.shake_256(seed).digest(_BASE + seed[-1] * 1000), 0)


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def _layer(name: str, content: bytes, changed: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = len(content), changed, 0o755
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0)


def _push_blob(registry: HTTPConnection, repository: str, blob: bytes) -> None:
    """Push a blob, unless the repository has it."""
    registry.request("HEAD", f"/v2/{repository}/blobs/{_digest(blob)}")
    with registry.getresponse() as answer:
        answer.read()
        if answer.status == 200:
            return
    location = _send(registry, "POST", f"/v2/{repository}/blobs/uploads/", b"")
    if not location.startswith("/"):
        raise PushError(f"the registry gave an upload location on another server: {location[:200]!r}")
    query = urlencode({"digest": _digest(blob)})
    separator = "&" if "?" in location else "?"
    _send(registry, "PUT", f"{location}{separator}{query}", blob, {"Content-Type": "application/octet-stream"})


def _push_manifest(registry: HTTPConnection, repository: str, reference: str, kind: str, body: bytes) -> None:
    _send(registry, "PUT", f"/v2/{repository}/manifests/{reference}", body, {"Content-Type": kind})


def _send(
    registry: HTTPConnection, method: str, target: str, body: bytes, headers: Mapping[str, str] | None = None
) -> str:
    """Send a request and return the Location of the answer."""
    registry.request(method, target, body, dict(headers or {}))
    with registry.getresponse() as answer:
        text = answer.read(65_536)
        if answer.status not in (201, 202):
            raise PushError(f"{method} {target}: {answer.status} {text.decode(errors='replace')[:300]}")
        return answer.getheader("Location") or ""


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
