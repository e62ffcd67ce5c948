"""The servers of clouds under their own names, on one loopback port: a proxy that ends TLS and answers for all.

A client finds it by HTTPS_PROXY and trusts it by SSL_CERT_FILE, so both are tried on the way. Requests without a
CONNECT before them are for a metadata server.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tests.counterparts.token_server import encrypted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

METADATA = "metadata"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path}"


@dataclass(frozen=True, slots=True)
class Said:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: How often the body is sent, as one.
    times: int = 1


def document(value: object, status: int = 200, **headers: str) -> Said:
    """A JSON answer; the `_` of a header's name is a `-`."""
    return Said(status, json.dumps(value).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


def image(call: Call, *tags: str) -> Said:
    """What a registry says of a repository where each tag is the same small image."""
    config = b'{"architecture": "amd64", "os": "linux"}'
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config)}
    described["digest"] = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST, "config": described, "layers": list[str]()})
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    kind, asked = call.path.split("/")[-2:]
    if kind == "tags":
        return document({"name": "any", "tags": tags})
    if kind == "blobs":
        return Said(200, config)
    if asked not in (*tags, digest):
        return Said(404)
    return Said(200, manifest.encode(), {"Content-Type": _MANIFEST, "Docker-Content-Digest": digest})


@dataclass(slots=True)
class Internet:
    """The running servers. `answers` is by host, and may be changed while they run."""

    address: str
    certificate: Path
    answers: dict[str, Callable[[Call], Said]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """What a client needs to find them."""
        return {
            "HTTPS_PROXY": f"http://{self.address}",
            "HTTP_PROXY": "http://127.0.0.1:9",  # nobody there: metadata servers are asked without a proxy
            "SSL_CERT_FILE": str(self.certificate),
        }

    @property
    def seen(self) -> list[str]:
        return [str(call) for call in self.calls]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = context
        self.internet = Internet(f"127.0.0.1:{self.server_address[1]}", folder / "server.pem")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    host = METADATA

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.host = self.path.rpartition(":")[0]
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.host, self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        self.server.internet.calls.append(call)
        said = self.server.internet.answers.get(self.host, lambda _: Said(404))(call)
        self.send_response(said.status)
        for name, value in {"Content-Length": str(len(said.body) * said.times), **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for _ in range(0 if self.command == "HEAD" else said.times):
            self.wfile.write(said.body)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the other side left
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.connection.close()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def internet(folder: Path, *hosts: str) -> Iterator[Internet]:
    """Serve these hosts, with a certificate for each."""
    with _Server(folder, encrypted(folder, *hosts, "localhost")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.internet
        finally:
            server.shutdown()
            thread.join()
