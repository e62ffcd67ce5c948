"""The embedded OCI registry: the distribution protocol on loopback, with its state in a folder.

It implements what docker, skopeo and gitops-bot need of the specification (1.1): list tags in pages, read manifests by
tag and digest, list referrers, push blobs at once or in chunks, push manifests. Like the reference implementation, it
accepts a manifest only if everything it names exists, and returns it only in a media type that the client accepts.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gitops_bot.demo.http import Answer, Refused, Request, Route, Server, find

if TYPE_CHECKING:
    from pathlib import Path

_NAME = r"(?P<name>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_UPLOAD = re.compile(r"[0-9a-f]{32}\Z")
_NAME_LIMIT = 200
_MANIFEST_LIMIT = 4 * 1024 * 1024
_PAGE_LIMIT = 1000
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_IMAGES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


class Registry(Server):
    """Serves the images below `folder`, which is created if needed; `port` as in `Server`."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._blobs = folder / "blobs"
        self._repositories = folder / "repositories"
        self._uploads = folder / "uploads"
        for directory in (self._blobs, self._repositories, self._uploads):
            directory.mkdir(parents=True, exist_ok=True)
        self._routes = (
            Route("GET", r"/v2/?", self._version),
            Route("GET", rf"/v2/{_NAME}/tags/list", self._tags),
            Route("GET", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", self._manifest),
            Route("HEAD", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", self._manifest),
            Route("PUT", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", self._put_manifest),
            Route("DELETE", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", self._delete),
            Route("GET", rf"/v2/{_NAME}/referrers/(?P<digest>[^/]+)", self._referrers),
            Route("GET", rf"/v2/{_NAME}/blobs/(?P<digest>[^/]+)", self._blob),
            Route("HEAD", rf"/v2/{_NAME}/blobs/(?P<digest>[^/]+)", self._blob),
            Route("POST", rf"/v2/{_NAME}/blobs/uploads/?", self._start_upload),
            Route("PATCH", rf"/v2/{_NAME}/blobs/uploads/(?P<upload>[^/]+)", self._append),
            Route("PUT", rf"/v2/{_NAME}/blobs/uploads/(?P<upload>[^/]+)", self._finish_upload),
        )
        super().__init__(self._answer, port=port)

    def _answer(self, request: Request) -> Answer:
        answer = find(self._routes, request.method, request.path)
        if answer is None:
            raise _error(404, "UNSUPPORTED", "this registry does not support that")
        return answer(request)

    def _version(self, _: Request) -> Answer:
        return Answer.json(200, {}, {"Docker-Distribution-API-Version": "registry/2.0"})

    # Tags and manifests

    def _tags(self, request: Request, name: str) -> Answer:
        folder = self._repository(name) / "_tags"
        if not folder.is_dir():
            raise _error(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})
        last = request.query.get("last", "")
        tags = sorted(entry.name for entry in folder.iterdir() if _TAG.match(entry.name) and entry.name > last)
        limit = request.query.get("n")
        if limit is None:
            return Answer.json(200, {"name": name, "tags": tags})
        if not limit.isascii() or not limit.isdigit() or len(limit) > len(str(_PAGE_LIMIT)) + 1:
            raise _error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": limit[:20]})
        page = tags[: min(int(limit), _PAGE_LIMIT)]
        more = page and len(page) < len(tags)
        link = {"Link": f'</v2/{name}/tags/list?n={limit}&last={page[-1]}>; rel="next"'} if more else {}
        return Answer.json(200, {"name": name, "tags": page}, link)

    def _manifest(self, request: Request, name: str, reference: str) -> Answer:
        digest = self._resolve(name, reference)
        media_type = _read(self._repository(name) / "_manifests" / digest.removeprefix("sha256:"))
        body = self._blob_file(digest)
        if media_type is None or not body.is_file():
            raise _unknown_manifest(name, reference)
        kind = media_type.decode()
        accepted = request.headers.get("accept", "*/*")
        if "*/*" not in accepted and kind not in accepted:
            raise _error(404, "MANIFEST_UNKNOWN", f"{kind} manifest found, but the Accept header does not support it")
        headers = {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
        if request.headers.get("if-none-match", "").strip('"') == digest:
            return Answer(304, headers=headers)
        return Answer(200, body.read_bytes(), {"Content-Type": kind, **headers})

    def _resolve(self, name: str, reference: str) -> str:
        if _DIGEST.match(reference):
            return reference
        digest = _read(self._repository(name) / "_tags" / reference) if _TAG.match(reference) else None
        if digest is None:
            raise _unknown_manifest(name, reference)
        return digest.decode()

    def _put_manifest(self, request: Request, name: str, reference: str) -> Answer:
        body = request.body
        digest = _digest(body)
        if len(body) > _MANIFEST_LIMIT:
            raise _error(413, "SIZE_INVALID", "the manifest is too large")
        if _DIGEST.match(reference):
            if reference != digest:
                raise _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        elif not _TAG.match(reference):
            raise _error(400, "TAG_INVALID", "manifest tag did not match URI")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        folder = self._repository(name)
        for needed, inside in _named(body, media_type):
            if not (folder / ("_manifests" if inside else "_blobs") / needed.removeprefix("sha256:")).is_file():
                raise _error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", {"digest": needed})
        _write(self._blob_file(digest), body)
        _write(folder / "_manifests" / digest.removeprefix("sha256:"), media_type.encode())
        if _TAG.match(reference):
            _write(folder / "_tags" / reference, digest.encode())
        subject = _subject(body)
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        return Answer(201, headers=headers | ({"OCI-Subject": subject} if subject is not None else {}))

    def _referrers(self, request: Request, name: str, digest: str) -> Answer:
        """The manifests whose `subject` is this digest, if asked for only those of one type."""
        if not _DIGEST.match(digest):
            raise _error(400, "DIGEST_INVALID", "invalid digest")
        wanted, found = request.query.get("artifactType"), []
        for entry in sorted((self._repository(name) / "_manifests").glob("[0-9a-f]*")):
            body = _read(self._blob_file(f"sha256:{entry.name}")) or b""
            if _subject(body) == digest:
                manifest = json.loads(body)
                kind = manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType")
                about = {"mediaType": (_read(entry) or b"").decode(), "digest": _digest(body), "size": len(body)}
                found.append({**about, "artifactType": kind, "annotations": manifest.get("annotations") or {}})
        manifests = [entry for entry in found if wanted in (None, entry["artifactType"])]
        applied = {"OCI-Filters-Applied": "artifactType"} if wanted is not None else {}
        index = {"schemaVersion": 2, "mediaType": _INDEXES[0], "manifests": manifests}
        return Answer(200, json.dumps(index).encode(), {"Content-Type": _INDEXES[0], **applied})

    def _delete(self, _: Request, name: str, reference: str) -> Answer:
        """Delete a tag, or a manifest with all its tags.

        As in other registries, an index stays if a manifest that it names is deleted.
        """
        folder, digest = self._repository(name), self._resolve(name, reference)
        tags = [reference]
        if reference == digest:
            if _read(folder / "_manifests" / digest.removeprefix("sha256:")) is None:
                raise _unknown_manifest(name, reference)
            (folder / "_manifests" / digest.removeprefix("sha256:")).unlink(missing_ok=True)
            tags = [tag.name for tag in (folder / "_tags").glob("*") if _read(tag) == digest.encode()]
        for tag in tags:
            (folder / "_tags" / tag).unlink(missing_ok=True)
        return Answer(202)

    # Blobs

    def _blob(self, _: Request, name: str, digest: str) -> Answer:
        file = self._blob_file(digest) if _DIGEST.match(digest) else None
        if file is None or not self._holds(name, digest) or not file.is_file():
            raise _error(404, "BLOB_UNKNOWN", "blob unknown to registry", {"name": name, "digest": digest[:100]})
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        return Answer(200, file.read_bytes(), headers)

    def _start_upload(self, request: Request, name: str) -> Answer:
        self._repository(name)
        if "digest" in request.query:
            return self._keep(name, request.query["digest"], request.body)
        upload = secrets.token_hex(16)
        _write(self._uploads / upload, b"")
        return _uploading(name, upload, 0)

    def _append(self, request: Request, name: str, upload: str) -> Answer:
        so_far = self._upload(upload)
        _write(self._uploads / upload, so_far + request.body)
        return _uploading(name, upload, len(so_far) + len(request.body))

    def _finish_upload(self, request: Request, name: str, upload: str) -> Answer:
        answer = self._keep(name, request.query.get("digest", ""), self._upload(upload) + request.body)
        (self._uploads / upload).unlink(missing_ok=True)
        return answer

    def _upload(self, upload: str) -> bytes:
        so_far = _read(self._uploads / upload) if _UPLOAD.match(upload) else None
        if so_far is None:
            raise _error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return so_far

    def _keep(self, name: str, digest: str, body: bytes) -> Answer:
        if not _DIGEST.match(digest) or _digest(body) != digest:
            raise _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        _write(self._blob_file(digest), body)
        _write(self._repository(name) / "_blobs" / digest.removeprefix("sha256:"), b"")
        return Answer(201, headers={"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    # Files: no component of a repository name starts with an underscore, so `_tags` is unambiguous

    def _repository(self, name: str) -> Path:
        if len(name) > _NAME_LIMIT:
            raise _error(400, "NAME_INVALID", "invalid repository name")
        return self._repositories / name

    def _holds(self, name: str, digest: str) -> bool:
        """Whether a blob was pushed to this repository; blobs of other repositories do not count."""
        return (self._repository(name) / "_blobs" / digest.removeprefix("sha256:")).is_file()

    def _blob_file(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _read(file: Path) -> bytes | None:
    with suppress(OSError):
        return file.read_bytes()
    return None


def _write(file: Path, content: bytes) -> None:
    """Write a file atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{secrets.token_hex(8)}")
    draft.write_bytes(content)
    draft.replace(file)


def _named(body: bytes, media_type: str) -> list[tuple[str, bool]]:
    """The digests that a manifest names, and whether each is a manifest."""
    try:
        manifest: Any = json.loads(body)
        if media_type in _INDEXES:
            return [(_checked(image["digest"]), True) for image in manifest["manifests"]]
        if media_type in _IMAGES:
            return [(_checked(blob["digest"]), False) for blob in (manifest["config"], *manifest["layers"])]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _error(400, "MANIFEST_INVALID", "manifest invalid") from None
    raise _error(400, "MANIFEST_INVALID", "the Content-Type is not a manifest media type")


def _subject(body: bytes) -> str | None:
    """The digest of what a manifest is about, if it is about another one."""
    try:
        subject = json.loads(body)["subject"]["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return subject if isinstance(subject, str) and _DIGEST.match(subject) else None


def _checked(digest: str) -> str:
    if not _DIGEST.match(digest):
        raise ValueError(digest)
    return digest


def _uploading(name: str, upload: str, size: int) -> Answer:
    headers = {
        "Location": f"/v2/{name}/blobs/uploads/{upload}",
        "Docker-Upload-UUID": upload,
        "Range": f"0-{max(size - 1, 0)}",
    }
    return Answer(202, headers=headers)


def _unknown_manifest(name: str, reference: str) -> Refused:
    return _error(404, "MANIFEST_UNKNOWN", "manifest unknown", {"name": name, "reference": reference[:200]})


def _error(status: int, code: str, message: str, detail: object = None) -> Refused:
    return Refused(Answer.json(status, {"errors": [{"code": code, "message": message, "detail": detail}]}))
