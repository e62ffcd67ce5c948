"""Makes a tiny OCI image and pushes it over HTTP, as `docker push` would: blobs first, then the manifest."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class PushError(Exception):
    """The registry did not take the image."""


def push(
    host: str, repository: str, tag: str, *, created: datetime, revision: str, source: str, content: bytes = b""
) -> str:
    """Push one linux/amd64 image to the plain-HTTP registry at `host` (`127.0.0.1:PORT`) and give back its digest.

    `created` (aware), `revision` and `source` become what docker/metadata-action writes: the build time and the labels
    `org.opencontainers.image.{created,revision,source,version}`. Equal arguments give equal bytes and one digest.

    Raises:
        PushError: the registry refused a blob or the manifest; the message quotes its answer.
        OSError: it cannot be reached.
    """
    layer = _layer(content, created)
    built = created.astimezone(UTC).isoformat().replace("+00:00", "Z")
    config = {
        "created": built,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Labels": {
                "org.opencontainers.image.created": built,
                "org.opencontainers.image.revision": revision,
                "org.opencontainers.image.source": source,
                "org.opencontainers.image.version": tag,
            }
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer))]},
        "history": [{"created": built, "created_by": "gitops-bot demo"}],
    }
    settings = json.dumps(config, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": _digest(settings), "size": len(settings)},
        "layers": [{"mediaType": _LAYER, "digest": _digest(layer), "size": len(layer)}],
    }
    body = json.dumps(manifest, sort_keys=True).encode()
    with closing(HTTPConnection(host, timeout=15)) as registry:
        for blob in (layer, settings):
            _push_blob(registry, repository, blob)
        _send(registry, "PUT", f"/v2/{repository}/manifests/{tag}", body, {"Content-Type": _MANIFEST})
    return _digest(body)


def _layer(content: bytes, created: datetime) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("app")
        entry.size, entry.mtime, entry.mode = len(content), int(created.timestamp()), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _push_blob(registry: HTTPConnection, repository: str, blob: bytes) -> None:
    place = _send(registry, "POST", f"/v2/{repository}/blobs/uploads/", b"")
    if not place.startswith("/"):
        raise PushError(f"the registry wants the blob elsewhere: {place[:200]!r}")
    query = urlencode({"digest": _digest(blob)})
    joined = f"{place}{'&' if '?' in place else '?'}{query}"
    _send(registry, "PUT", joined, blob, {"Content-Type": "application/octet-stream"})


def _send(
    registry: HTTPConnection, method: str, target: str, body: bytes, headers: Mapping[str, str] | None = None
) -> str:
    """Send one request and give back the Location of the answer."""
    registry.request(method, target, body, dict(headers or {}))
    with registry.getresponse() as answer:
        text = answer.read(65_536)
        if answer.status not in (201, 202):
            raise PushError(f"{method} {target}: {answer.status} {text.decode(errors='replace')[:300]}")
        return answer.getheader("Location") or ""


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
