"""A token server for a real registry: RS256 tokens with the signer's certificate beside them, on a loopback port."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Repositories below this are read by anybody; every other one by the user only.
PUBLIC = "public/"
USER, PASSWORD = "ada", "correct horse"


@dataclass(slots=True)
class TokenServer:
    """The running server. `asked` are the requests so far: method, scope, and how the asker showed who it is."""

    address: str
    certificate: bytes
    key: rsa.RSAPrivateKey = field(repr=False)
    service: str = "registry.test"
    issuer: str = "the test's token server"
    asked: list[str] = field(default_factory=list)

    @property
    def realm(self) -> str:
        return f"http://{self.address}/token"

    def token(self, repository: str, *actions: str) -> str:
        """A token that allows these actions in one repository."""
        now = int(time.time())
        access = [{"type": "repository", "name": repository, "actions": list(actions)}] if actions else []
        claims = {
            "iss": self.issuer, "sub": "", "aud": self.service, "jti": f"{now}-{len(self.asked)}",
            "iat": now, "nbf": now - 60, "exp": now + 3600, "access": access,
        }  # fmt: skip
        der = x509.load_pem_x509_certificate(self.certificate).public_bytes(serialization.Encoding.DER)
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"x5c": [base64.b64encode(der).decode()]})

    def answer(self, query: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and document for one request."""
        scope = query.get("scope", [""])[0]
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        who = {"": "anonymous", expected: USER}.get(authorization, "stranger")
        self.asked.append(f"GET {scope} {who}")
        if who == "stranger":
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
        if query.get("service") != [self.service]:
            return 400, {"details": "unknown service"}
        kind, repository, actions = scope.split(":")
        allowed = kind == "repository" and (who != "anonymous" or repository.startswith(PUBLIC))
        token = self.token(repository, *(actions.split(",") if allowed else ()))
        return 200, {"token": token, "expires_in": 300}


@contextlib.contextmanager
def token_server() -> Iterator[TokenServer]:
    """Serve tokens until the block ends."""
    key = _key()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, document = server.answer(query, self.headers.get("Authorization", ""))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    http = Server(("127.0.0.1", 0), Handler)
    server = TokenServer(f"127.0.0.1:{http.server_address[1]}", certificate(key), key)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@cache
def _key() -> rsa.RSAPrivateKey:
    """The key of every server that speaks TLS: making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: rsa.RSAPrivateKey, *names: str) -> bytes:
    """A certificate that the key made for itself and for these names, else for localhost, as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "token server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in names or ("localhost",)]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def encrypted(folder: Path, *names: str) -> ssl.SSLContext:
    """What a server needs to speak TLS; its certificate, for these names or localhost, stands in `server.pem`."""
    key = _key()
    pem, file = serialization.Encoding.PEM, folder / "server.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate(key, *names))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
