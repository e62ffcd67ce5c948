"""Git's smart HTTP protocol over a bare repository: `git clone`, `fetch` and `push` against the embedded forge.

The work is git's own: `upload-pack` and `receive-pack` as stateless processes, the way `git http-backend` runs them.
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
from typing import TYPE_CHECKING

from gitops_bot.demo.bare import environment
from gitops_bot.demo.http import BODY_LIMIT, Answer, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.http import Request

SERVICES = ("git-upload-pack", "git-receive-pack")

_PATIENCE = 120
_PROTOCOL = re.compile(r"version=[0-9]\Z")
#: As on GitHub: partial clones, any commit that is reachable, objects checked as they come in.
_SETTINGS = (
    "uploadpack.allowFilter=true",
    "uploadpack.allowAnySHA1InWant=true",
    f"receive.maxInputSize={BODY_LIMIT}",
    "receive.fsckObjects=true",
    "receive.autogc=false",
    "core.hooksPath=/dev/null",
)


def password(request: Request) -> str | None:
    """The password of basic authentication, which is where git sends a token; the user name does not matter."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def unauthorized() -> Refused:
    """Ask for basic authentication, as git expects it."""
    return Refused(Answer(401, b"Authentication required\n", {"WWW-Authenticate": 'Basic realm="GitHub"'}))


def advertise(request: Request, repository: Path, service: str) -> Answer:
    """Answer `GET info/refs?service=...`."""
    refs = _run(request, repository, service, "--advertise-refs")
    first = f"# service={service}\n"
    # Protocol 2 has the same first line here: http-backend leaves it out, GitHub sends it, git takes both.
    body = f"{len(first) + 4:04x}{first}0000".encode() + refs
    return Answer(200, body, {"Content-Type": f"application/x-{service}-advertisement", "Cache-Control": "no-cache"})


def serve(request: Request, repository: Path, service: str) -> Answer:
    """Answer `POST git-upload-pack` or `POST git-receive-pack`."""
    if request.headers.get("content-type") != f"application/x-{service}-request":
        raise Refused(Answer(415))
    body = _run(request, repository, service)
    return Answer(200, body, {"Content-Type": f"application/x-{service}-result", "Cache-Control": "no-cache"})


def _run(request: Request, repository: Path, service: str, *options: str) -> bytes:
    protocol = request.headers.get("git-protocol", "")
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    ended = subprocess.run(
        ["git", *settings, service.removeprefix("git-"), "--stateless-rpc", *options, str(repository)],
        env={**environment(), **({"GIT_PROTOCOL": protocol} if _PROTOCOL.match(protocol) else {})},
        input=request.body,
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
    )
    # A client that has what it wanted may hang up early, and a refused push ends with an error: what git wrote counts.
    if not ended.stdout and ended.returncode:
        raise Refused(Answer(500, b"git could not serve that\n"))
    return ended.stdout
