"""A registry with images of known times, and with the APIs that tell them.

It speaks the OCI distribution protocol and, for requests that name the host, the APIs of GitHub Packages, Docker Hub,
Harbor, Google, Quay and Azure as they are documented. On a real socket, every answer can be late.

    python -m tests.counterparts.image_server --tags 864 --platforms 1 --delay 0.02

prints its address; `POST /requests` gives the number of requests so far, `POST /push` adds a newer tag.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.counterparts.registry import INDEX, MANIFEST
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

CONFIG = "application/vnd.oci.image.config.v1+json"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
#: Where a Harbor says that it gives tokens, and as what.
HARBOR = 'Bearer realm="http://{host}/service/token",service="harbor-registry",scope="repository:{name}:pull"'


@dataclass(slots=True)
class Image:
    """What a tag names. `pushed` is what registries say, and is not what the image says."""

    tag: str
    digest: str
    pushed: datetime


@dataclass(slots=True)
class Images:
    """One repository of a registry that has many names."""

    repository: str = "acme/web"
    images: list[Image] = field(default_factory=list)
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    #: Method and address of each request.
    seen: list[str] = field(default_factory=list)
    #: Answers to be given instead, by path.
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    token: str | None = None
    delay: float = 0.0

    def put(self, document: Any, kind: str = MANIFEST) -> str:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.documents[digest] = (kind, body)
        return digest

    def descriptor(self, document: Any, kind: str, **more: Any) -> dict[str, Any]:
        digest = self.put(document, kind)
        return {"mediaType": kind, "digest": digest, "size": len(self.documents[digest][1]), **more}

    def manifest(self, created: str | None, *, salt: str = "", **more: Any) -> dict[str, Any]:
        """The manifest of an image whose configuration says `created`."""
        config: dict[str, Any] = {"architecture": "amd64", "os": "linux", "salt": salt}
        if created is not None:
            config["created"] = created
        config |= more.pop("config", {})
        described = self.descriptor(config, CONFIG)
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [], **more}

    def push(self, tag: str, document: Any = None, kind: str = MANIFEST, *, at: datetime | None = None) -> str:
        """Push an image; without a document one that was built an hour before it is pushed."""
        at = at or FIRST + timedelta(minutes=len(self.images))
        if document is None:
            document = self.manifest(rfc(at - timedelta(hours=1)), salt=tag)
        digest = self.put(document, kind)
        self.images = [each for each in self.images if each.tag != tag] + [Image(tag, digest, at)]
        return digest

    def push_index(self, tag: str, times: Sequence[str | None], *, attested: bool = False, **more: Any) -> str:
        """Push an index of an image for each of these times."""
        entries = [
            self.descriptor(
                self.manifest(time, salt=f"{tag} {number}"),
                MANIFEST,
                platform={"os": "linux", "architecture": ("amd64", "arm64", "s390x")[number]},
            )
            for number, time in enumerate(times)
        ]
        if attested:
            entries.append(
                self.descriptor(
                    self.manifest("2031-01-01T00:00:00Z", salt=f"{tag} attestation"),
                    MANIFEST,
                    platform={"os": "unknown", "architecture": "unknown"},
                    annotations={"vnd.docker.reference.type": "attestation-manifest"},
                )
            )
        return self.push(tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, **more}, INDEX)

    @property
    def newest_first(self) -> list[Image]:
        return sorted(self.images, key=lambda image: image.pushed, reverse=True)

    # --- the protocols ---

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(target)
        host, path = parts.netloc or headers.get("host", ""), parts.path
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.seen.append(f"{method} {target}")
        if path in self.instead:
            status, body = self.instead[path]
            return status, {"Content-Type": "application/json"}, body
        if "/packages/container/" in path:
            return self._github(path, query, headers)
        if host == "hub.docker.com":
            return self._hub(path, query)
        if path.startswith("/api/v2.0/"):
            return self._harbor(path, query, headers)
        if path.startswith("/api/v1/repository/"):
            return self._quay(query)
        if path.startswith("/acr/v1/"):
            return self._azure(path, query)
        if path == "/service/token":
            return _json({"token": "t0ken"})
        return self._oci(host, path, headers)

    def _oci(self, host: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if host.startswith("harbor.") and "authorization" not in headers:
            return 401, {"WWW-Authenticate": HARBOR.format(host=host, name=self.repository)}, b"{}"
        prefix = f"/v2/{self.repository}/"
        if not path.startswith(prefix):
            return _error("NAME_UNKNOWN")
        kind, _, reference = path.removeprefix(prefix).partition("/")
        if kind == "tags":
            document: dict[str, Any] = {"name": self.repository, "tags": sorted(each.tag for each in self.images)}
            if host.endswith(("gcr.io", "pkg.dev")):
                document |= {"child": [], "manifest": self._google()}
            return _json(document)
        digest = next((each.digest for each in self.images if each.tag == reference), reference)
        if digest not in self.documents:
            return _error("MANIFEST_UNKNOWN")
        media, body = self.documents[digest]
        media = media if kind == "manifests" else "application/octet-stream"
        return 200, {"Content-Type": media, "Docker-Content-Digest": digest}, body

    def _google(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in self.images:
            entry = found.setdefault(
                each.digest,
                {"imageSizeBytes": "0", "layerId": "", "mediaType": MANIFEST, "tag": [], "timeCreatedMs": "0"},
            )
            entry["tag"].append(each.tag)
            entry["timeUploadedMs"] = str(round(each.pushed.timestamp() * 1000))
        return found

    def _github(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            return _json({"message": "Bad credentials"}, 401)
        owner, _, name = self.repository.partition("/")
        kind = "orgs" if owner == "acme" else "users"
        if not path.startswith(f"/{kind}/{owner}/packages/container/{name.replace('/', '%2F')}/versions"):
            return _json({"message": "Package not found."}, 404)
        return _json(
            [
                {
                    "id": number,
                    "name": each.digest,
                    "created_at": rfc(each.pushed),
                    "updated_at": rfc(each.pushed),
                    "metadata": {"package_type": "container", "container": {"tags": [each.tag]}},
                }
                for number, each in enumerate(_page(self.newest_first, query, "per_page", 30))
            ]
        )

    def _hub(self, path: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        namespace, _, name = self.repository.partition("/")
        if path != f"/v2/namespaces/{namespace}/repositories/{name}/tags":
            return _json({"message": "object not found", "errinfo": {}}, 404)
        size, number = min(int(query.get("page_size", "10")), 100), int(query.get("page", "1"))
        listed = self.newest_first if query.get("ordering") == "last_updated" else self.images
        return _json(
            {
                "count": len(listed),
                "next": "https://elsewhere.example/next" if size * number < len(listed) else None,
                "results": [
                    {
                        "name": each.tag,
                        "digest": each.digest,
                        "last_updated": rfc(each.pushed),
                        "tag_last_pushed": rfc(each.pushed),
                        "images": [],
                    }
                    for each in _page(listed, query, "page_size", 10)
                ],
            }
        )

    def _harbor(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        project, _, name = self.repository.partition("/")
        wanted = f"/api/v2.0/projects/{project}/repositories/{name.replace('/', '%252F')}/artifacts"
        if path != wanted:
            return _json({"errors": [{"code": "NOT_FOUND", "message": "not found"}]}, 404)
        if self.token is not None and headers.get("authorization") != self.token:
            return _json({"errors": [{"code": "UNAUTHORIZED", "message": "unauthorized"}]}, 401)
        return _json(
            [
                {
                    "digest": each.digest,
                    "push_time": rfc(each.pushed),
                    "tags": [{"name": each.tag, "push_time": rfc(each.pushed)}],
                    "type": "IMAGE",
                }
                for each in _page(self.newest_first, query, "page_size", 10)
            ]
        )

    def _quay(self, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        size, number = min(int(query.get("limit", "50")), 100), int(query.get("page", "1"))
        return _json(
            {
                "tags": [
                    {
                        "name": each.tag,
                        "reversion": False,
                        "start_ts": round(each.pushed.timestamp()),
                        "last_modified": "Thu, 01 Jan 2026 00:00:00 -0000",
                        "manifest_digest": each.digest,
                        "is_manifest_list": False,
                    }
                    for each in _page(self.newest_first, query, "limit", 50)
                ],
                "page": number,
                "has_additional": size * number < len(self.images),
            }
        )

    def _azure(self, path: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path != f"/acr/v1/{self.repository}/_tags" or query.get("orderby") != "timedesc":
            return _error("NAME_UNKNOWN")
        listed = self.newest_first
        names = [each.tag for each in listed]
        start = names.index(query["last"]) + 1 if "last" in query else 0
        page = listed[start : start + int(query["n"])]
        more = {"Link": '</acr/v1/_tags?last=x>; rel="next"'} if start + len(page) < len(listed) else {}
        return _json(
            {
                "registry": "acme.azurecr.io",
                "imageName": self.repository,
                "tags": [
                    {
                        "name": each.tag,
                        "digest": each.digest,
                        "createdTime": f"{each.pushed:%Y-%m-%dT%H:%M:%S}.0000000Z",
                        "lastUpdateTime": f"{each.pushed:%Y-%m-%dT%H:%M:%S}.0000000Z",
                        "signed": False,
                    }
                    for each in page
                ],
            },
            200,
            **more,
        )


def rfc(time: datetime) -> str:
    """A time as registries write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def filled(tags: int, platforms: int) -> Images:
    """So many tags of commits, each an image of its own."""
    images = Images()
    for number in range(tags):
        push(images, number, platforms)
    return images


def tag_of(number: int) -> str:
    """The tag of a commit."""
    return f"sha-{hashlib.sha256(str(number).encode()).hexdigest()[:12]}"


def push(images: Images, number: int, platforms: int) -> None:
    """Push the image of a commit."""
    tag = tag_of(number)
    built = rfc(FIRST + timedelta(minutes=number))
    if platforms == 1:
        images.push(tag, images.manifest(built, salt=tag), at=FIRST + timedelta(minutes=number))
    else:
        images.push_index(tag, [built] * platforms)


def _page(listed: Sequence[Image], query: Mapping[str, str], name: str, size: int) -> Sequence[Image]:
    size, number = min(int(query.get(name, size)), 100), int(query.get("page", "1"))
    return listed[size * (number - 1) : size * number]


def _json(document: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode()


def _error(code: str) -> tuple[int, dict[str, str], bytes]:
    return _json({"errors": [{"code": code, "message": "unknown"}]}, 404)


async def _serve(images: Images, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            if target == "/requests":
                status, extra, body = _json(len(images.seen))
            elif target == "/push":
                push(images, len(images.images), 1)
                status, extra, body = _json(None)
            else:
                status, extra, body = images.answer(method, target, headers)
                if images.delay:
                    await asyncio.sleep(images.delay)
            lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in extra.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body))


def transport(images: Images) -> Script:
    """All hosts of the internet, instead of a network."""

    def serve(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, more, body = images.answer(request.method, str(request.url), headers)
        return reply(status, body, more)

    return Script(serve)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=864)
    parser.add_argument("--platforms", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0)
    asked = parser.parse_args()
    images = filled(asked.tags, asked.platforms)
    images.delay = asked.delay

    async def serve() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _serve(images, reader, writer)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        sys.stdout.write("{}:{}\n".format(*server.sockets[0].getsockname()))
        sys.stdout.flush()
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
