"""A real registry: Debian's `docker-registry` (distribution 2.8) on a free loopback port: open, by password, by token.

It ignores `n` and `last`, says every tag at once, and deletes manifests by digest.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import re
import socket
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.conftest import free_port, program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.counterparts.token_server import TokenServer

#: The user of a registry with `auth="password"`.
USER, PASSWORD = "ada", "correct horse"
_HTPASSWD = f"{USER}:$2b$04$HdwrGayKeoxZ.XisJFRkxurMo5kJ8nyF12NS2HHZQ2Qyi02MJ.BV.\n"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HELM = "application/vnd.cncf.helm.config.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LINE = re.compile(r'^\S+ - \S+ \[[^]]*\] "([A-Z]+) (\S+) HTTP/1\.1" (\d+) ', re.MULTILINE)


@dataclass(slots=True)
class DockerRegistry:
    """The running registry; `host` is what stands before the first slash of an image name."""

    host: str
    folder: Path
    #: What shows that we may push.
    headers: dict[str, str] = field(default_factory=dict)
    token_server: TokenServer | None = None
    _configs: dict[str, tuple[str, int]] = field(default_factory=dict)
    _marks: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Start to serve, at the address that it has; again after `kill`."""
        command = [program("docker-registry"), "serve", str(self.folder / "registry.yml")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        _ready(self.host, self._process)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def push(self, repository: str, tag: str, content: str | None = None, *, platforms: Iterable[str] = ()) -> str:
        """Push an image (an index of one for each `os/architecture`, if any) and give its digest.

        Images of one repository with the same `content` are the same; without it each tag gets its own.
        """
        content = tag if content is None else content
        body, kind = self._manifest(repository, content, "linux/amd64"), MANIFEST
        if children := tuple(platforms):
            body, kind = self._index(repository, content, children), INDEX
        return self.put(repository, tag, body, kind)

    def push_image(
        self,
        repository: str,
        tag: str,
        *,
        platforms: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        index_annotations: Mapping[str, str] | None = None,
        created: str | None = None,
        layers: Sequence[int] = (100,),
        attested: bool = False,
        single: str = "linux/amd64",
    ) -> str:
        """Push an image with all that it can say of itself, and give its digest.

        For each of `platforms` (`os/architecture[/variant]`) it is one image of an index, else a `single` one alone.
        `layers` are their sizes in bytes; `attested` adds what BuildKit keeps beside an image.
        """
        entries: list[dict[str, object]] = []
        for platform in platforms or (single,):
            about = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
            config = {**about, "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": list[str]()}}
            document: dict[str, object] = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.put_blob(
                    repository, json.dumps({**config, "created": created} if created else config).encode(), _CONFIG
                ),
                "layers": [
                    self.put_blob(repository, bytes([number % 256]) * size, _LAYER)
                    for number, size in enumerate(layers)
                ],
            }
            body = json.dumps({**document, "annotations": annotations} if annotations else document).encode()
            if not platforms:
                return self.put(repository, tag, body, MANIFEST)
            entries.append({**self._child(repository, body), "platform": about})
        if attested:
            config = self.put_blob(repository, b'{"architecture": "unknown", "os": "unknown"}', _CONFIG)
            document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list[object]()}
            entries.append(
                {
                    **self._child(repository, json.dumps(document).encode()),
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                    "platform": {"os": "unknown", "architecture": "unknown"},
                }
            )
        index: dict[str, object] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        if index_annotations:
            index["annotations"] = index_annotations
        return self.put(repository, tag, json.dumps(index).encode(), INDEX)

    def push_artifact(
        self,
        repository: str,
        reference: str | None,
        config: str = HELM,
        *,
        settings: bytes = b"{}",
        layer: str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        **more: object,
    ) -> str:
        """Push a manifest with a configuration of this media type, and `more` of its fields; gives its digest.

        Without a `reference` it is there by its digest alone.
        """
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put_blob(repository, settings, config),
            "layers": [self.put_blob(repository, b"content", layer)],
            **more,
        }
        body = json.dumps(document).encode()
        return self.put(repository, reference or f"sha256:{hashlib.sha256(body).hexdigest()}", body, MANIFEST)

    def push_index(self, repository: str, reference: str, *manifests: Mapping[str, object], **more: object) -> str:
        """Push an index of these descriptors, and give its digest."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **more}
        return self.put(repository, reference, json.dumps(document).encode(), INDEX)

    def push_all(self, repository: str, tags: Iterable[str], content: str | None = None) -> dict[str, str]:
        """Push many tags, in their order; gives their digests."""
        return {tag: self.push(repository, tag, content) for tag in tags}

    def put(self, repository: str, reference: str, body: bytes, kind: str) -> str:
        """Store these bytes as a manifest of that media type."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._call("PUT", f"/v2/{repository}/manifests/{reference}", body, {"Content-Type": kind}, repository)
        return digest

    def put_blob(self, repository: str, body: bytes, kind: str) -> dict[str, object]:
        """Upload a blob; gives its descriptor."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        place = self._call("POST", f"/v2/{repository}/blobs/uploads/", b"", {}, repository)["location"]
        parts = urlsplit(place)
        octets = {"Content-Type": "application/octet-stream"}
        self._call("PUT", f"{parts.path}?{parts.query}&digest={digest}", body, octets, repository)
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest, and with it every tag that names it."""
        self._call("DELETE", f"/v2/{repository}/manifests/{digest}", b"", {}, repository)

    def manifest(self, repository: str, digest: str) -> Any:
        """The manifest or index of that digest."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("GET", f"/v2/{repository}/manifests/{digest}", headers={"Accept": f"{MANIFEST}, {INDEX}"})
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def requests(self) -> list[str]:
        """Method, path with query, and status of every request so far, in the order of their answers."""
        # The log is written behind the answers, each line by itself: of requests of our own, known by their numbers,
        # each is begun when the line of the one before it is there.
        for _ in range(3):
            lines = self._marked()
        return [line for line in lines if " /mark/" not in line]

    def _marked(self) -> list[str]:
        """The lines of the log when a request of our own has its line there."""
        self._marks += 1
        mark = f"/mark/{self._marks}"
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("GET", mark)
        connection.getresponse().read()
        connection.close()
        while True:
            lines = [" ".join(found) for found in _LINE.findall((self.folder / "log").read_text())]
            if any(f"{mark} " in line for line in lines):
                return lines

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[str]]:
        """Gives a list that holds the requests of the block when it has ended."""
        before = len(self.requests())
        seen: list[str] = []
        yield seen
        seen += self.requests()[before:]

    def _manifest(self, repository: str, content: str, platform: str) -> bytes:
        os, _, architecture = platform.partition("/")
        digest, size = self._config(repository, os, architecture)
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": digest, "size": size},
                "layers": [],
                "annotations": {"org.opencontainers.image.version": content},
            }
        ).encode()

    def _index(self, repository: str, content: str, platforms: Iterable[str]) -> bytes:
        entries: list[dict[str, object]] = []
        for platform in platforms:
            os, _, architecture = platform.partition("/")
            child = self._child(repository, self._manifest(repository, content, platform))
            entries.append({**child, "platform": {"os": os, "architecture": architecture}})
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()

    def _child(self, repository: str, body: bytes) -> dict[str, object]:
        """Store a manifest that an index names; gives its descriptor."""
        digest = self.put(repository, f"sha256:{hashlib.sha256(body).hexdigest()}", body, MANIFEST)
        return {"mediaType": MANIFEST, "digest": digest, "size": len(body)}

    def _config(self, repository: str, os: str, architecture: str) -> tuple[str, int]:
        """Upload the configuration of an image, once for each repository."""
        layers = {"type": "layers", "diff_ids": list[str]()}
        body = json.dumps({"architecture": architecture, "os": os, "config": {}, "rootfs": layers}).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if f"{repository}@{digest}" not in self._configs:
            self.put_blob(repository, body, _CONFIG)
            self._configs[f"{repository}@{digest}"] = (digest, len(body))
        return self._configs[f"{repository}@{digest}"]

    def _call(self, method: str, path: str, body: bytes, headers: Mapping[str, str], repository: str) -> dict[str, str]:
        shown = dict(self.headers)
        if self.token_server is not None:
            shown["Authorization"] = f"Bearer {self.token_server.token(repository, 'pull', 'push', 'delete')}"
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, {**shown, **headers})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status not in (201, 202):
            raise RuntimeError(f"{method} {path}: {answer.status} {said!r}")
        return {name.lower(): value for name, value in answer.getheaders()}


@contextlib.contextmanager
def docker_registry(
    folder: Path,
    *,
    password: bool = False,
    token_server: TokenServer | None = None,
    lasting: bool = False,
    pem: Path | None = None,
) -> Iterator[DockerRegistry]:
    """Serve a registry out of an empty folder until the block ends; it keeps its images in memory, unless `lasting`.

    It speaks TLS with the key and the certificate in `pem`, if there is one.
    """
    program("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    server = DockerRegistry(host, folder, token_server=token_server)
    settings: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {
            **({"filesystem": {"rootdirectory": str(folder / "images")}} if lasting else {"inmemory": {}}),
            "delete": {"enabled": True},
        },
        "http": {"addr": host} | ({} if pem is None else {"tls": {"certificate": str(pem), "key": str(pem)}}),
    }
    if password:
        (folder / "htpasswd").write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}}
        server.headers = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    if token_server is not None:
        (folder / "authority.pem").write_bytes(token_server.certificate)
        settings["auth"] = {
            "token": {
                "realm": token_server.realm,
                "service": token_server.service,
                "issuer": token_server.issuer,
                "rootcertbundle": str(folder / "authority.pem"),
            }
        }
    # Its configuration is YAML, of which JSON is a part.
    (folder / "registry.yml").write_text(json.dumps(settings))
    try:
        server.serve()
        yield server
    finally:
        server.kill()


def _ready(host: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the registry accepts connections."""
    address, _, port = host.partition(":")
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((address, int(port))) == 0:
                return
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
