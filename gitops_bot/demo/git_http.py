"""Git over HTTP (the smart protocol), for `git clone`, `fetch` and `push`.

It runs `git upload-pack` and `git receive-pack` as `git http-backend` does.
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

_TIMEOUT = 120
_PROTOCOL = re.compile(r"version=[0-9]\Z")
#: As on GitHub: partial clones, fetching any commit by its ID, and checks of pushed objects.
_SETTINGS = (
    "uploadpack.allowFilter=true",
    "uploadpack.allowAnySHA1InWant=true",
    f"receive.maxInputSize={BODY_LIMIT}",
    "receive.fsckObjects=true",
    "receive.autogc=false",
)


def password(request: Request) -> str | None:
    """The password of basic authentication, in which git sends a token; the user name does not matter."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def unauthorized() -> Refused:
    """Request basic authentication."""
    return Refused(Answer(401, b"Authentication required\n", {"WWW-Authenticate": 'Basic realm="GitHub"'}))


def advertise(request: Request, repository: Path, service: str) -> Answer:
    """Answer `GET info/refs?service=...`."""
    refs = _run(request, repository, service, "--advertise-refs")
    first = f"# service={service}\n"
    # Like GitHub, this sends the first line with protocol 2 too; `git http-backend` omits it, and git accepts both.
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
    # Of hooks, only those of the repository: tests write one.
    own = (*_SETTINGS, f"core.hooksPath={repository}/hooks")
    settings = [part for setting in own for part in ("-c", setting)]
    result = subprocess.run(
        ["git", *settings, service.removeprefix("git-"), "--stateless-rpc", *options, str(repository)],
        env={**environment(), **({"GIT_PROTOCOL": protocol} if _PROTOCOL.match(protocol) else {})},
        input=request.body,
        capture_output=True,
        timeout=_TIMEOUT,
        check=False,
    )
    # git also exits with an error when it refuses a push; its output then has the reason.
    if not result.stdout and result.returncode:
        raise Refused(Answer(500, b"git could not serve that\n"))
    return result.stdout
