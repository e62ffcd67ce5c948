"""An independent GitHub emulator (PyPI `myworld`) with the same repository, to hold our own server against."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tests.conftest import REMEDIES, absent
from tests.counterparts.forge import REPOSITORY, Reply
from tests.counterparts.git_http import _free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MyWorld:
    """The running emulator; `token` is the one person's who uses it."""

    port: int
    token: str

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/gw/api.github.com"

    def call(self, method: str, path: str, body: object = None) -> Reply:
        """Ask the API below the repository."""
        target = f"/gw/api.github.com/repos/{REPOSITORY}{path}"
        return _ask(self.port, method, target, body, {"Authorization": f"Bearer {self.token}"})


def _ask(port: int, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    sent = None if body is None else json.dumps(body).encode()
    kind = {} if sent is None else {"Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, target, sent, {**kind, **(headers or {})})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@contextmanager
def emulating(
    folder: Path, files: Mapping[str, bytes], branches: Mapping[str, Mapping[str, bytes]], *, user: str
) -> Iterator[MyWorld]:
    """Run the emulator with the repository `acme/deploy`; `user` is who has the token."""
    if find_spec("myworld") is None:
        absent("myworld", REMEDIES["myworld"])
    repository: dict[str, Any] = {
        "name": REPOSITORY,
        "private": False,
        "files": {path: content.decode() for path, content in files.items()},
        "branches": {
            name: {
                "files": {path: content.decode() for path, content in changed.items()},
                "author": user,
                "message": name,
            }
            for name, changed in branches.items()
        },
    }
    people = [{"login": user, "name": user}, {"login": "acme", "name": "Acme", "type": "Organization"}]
    seed = {"viewer": user, "users": people, "repos": [repository]}
    environment = folder / "env.yaml"
    environment.write_text(json.dumps({"name": "forge", "servers": {"github": {"seed": seed}}}), encoding="utf-8")
    port = _free_port()
    program = "import sys; from myworld.cli import main; sys.exit(main())"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--env", str(environment), "--log-level", "error"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    )
    try:
        known = _ready(port, process)
        yield MyWorld(port, known["envs"][0]["credentials"]["agent"]["github_token"])
    finally:
        process.terminate()
        process.communicate()


def _ready(port: int, process: subprocess.Popen[bytes]) -> Any:
    """Wait until it answers, and give back what it knows."""
    while True:
        try:
            return _ask(port, "GET", "/envs").json
        except ConnectionRefusedError:
            try:
                said, _ = process.communicate(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(said.decode(errors="replace")) from None
