"""The demo's folder and servers: a registry with images, and a GitHub server with a copy of `manifests-example/`."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, shake_256
from http.client import HTTPConnection
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from gitops_bot.demo.forge import Forge
from gitops_bot.demo.images import push
from gitops_bot.demo.person import NAME, Person
from gitops_bot.demo.registry import Registry
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import read, target_of
from gitops_bot.targets.pin_file import edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = "acme/deploy"
_STATE = "demo.json"
_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_PUBLIC = b"ghcr.io/acme/"
_CANDIDATE = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-rc\.(\d+))?")
#: Build times: a minor release every ten days, its release candidates on the days before, a patch on the day after.
#: Tags that are not versions were built last.
_FIRST_BUILD = datetime(2026, 1, 5, 9, tzinfo=UTC)
#: The size of a program in bytes, and how much larger a version can be.
_PROGRAM, _GROWTH = 300_000, 60_000


@dataclass(frozen=True, slots=True)
class Site:
    """A running demo. The tokens are valid while its servers run."""

    folder: Path
    registry: Registry
    forge: Forge
    bot_token: str
    person_token: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point gitops-bot at these servers instead of github.com."""
        return {
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_TOKEN": self.bot_token,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @property
    def process_environment(self) -> dict[str, str]:
        """The variables of a gitops-bot that runs here: nothing in them means another GitHub."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
        return clean | self.environment

    @property
    def person(self) -> Person:
        """The person in the demo."""
        return Person(self.forge.host, self.person_token, REPOSITORY)

    @contextmanager
    def credentials(self) -> Iterator[Path]:
        """A file for `git credential-store` with the person's token; deleted at the end.

        It keeps the token out of URLs and command lines.
        """
        file = self.folder / "git-credentials"
        try:
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_text(f"http://{NAME}:{self.person_token}@{self.forge.host}\n", encoding="utf-8")
            yield file
        finally:
            file.unlink(missing_ok=True)

    def push(self, image: str, tag: str) -> str:
        """Build and push `acme/<image>:<tag>` as a pipeline would; returns its digest."""
        name = f"{image}:{tag}".encode()
        revision = sha256(name).hexdigest()[:40]
        return push(
            self.registry.host,
            f"acme/{image}",
            tag,
            created=_built(tag) + timedelta(seconds=int(revision[:4], 16) % 3600),
            revision=revision,
            source=f"https://github.com/acme/{image}",
            content=shake_256(name).digest(_PROGRAM + int(revision[:8], 16) % _GROWTH),
        )

    def push_next(self, image: str) -> str:
        """Push the next patch release of `acme/<image>`; returns its tag."""
        with closing(HTTPConnection(self.registry.host, timeout=30)) as connection:
            connection.request("GET", f"/v2/acme/{image}/tags/list")
            tags = json.loads(connection.getresponse().read())["tags"]
        released = max(tuple(map(int, match.groups())) for tag in tags if (match := _RELEASE.fullmatch(tag)))
        tag = f"v{released[0]}.{released[1]}.{released[2] + 1}"
        self.push(image, tag)
        return tag


@contextmanager
def begun(folder: Path) -> Iterator[Site]:
    """Start the servers in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with _served(folder, {}) as site:
        ports = {"registry": site.registry.port, "forge": site.forge.port}
        (folder / _STATE).write_text(json.dumps(ports))
        yield site


@contextmanager
def resumed(folder: Path) -> Iterator[Site]:
    """Restart the servers of a kept demo at their old addresses, because the manifests name the registry's.

    Raises:
        UsageError: the folder has no kept demo, or another program uses a port.
    """
    try:
        ports = json.loads((folder / _STATE).read_text())
        ports = {name: int(ports[name]) for name in ("registry", "forge")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder} has no kept demo"
        raise UsageError(Problem("failed.usage", message, "create one with `gitops-bot demo --keep`")) from error
    with ExitStack() as stack:
        try:
            site = stack.enter_context(_served(folder, ports))
        except OSError as error:
            message = f"the ports {ports['registry']} and {ports['forge']} are not free: {error.strerror}"
            raise UsageError(
                Problem("failed.usage", message, "stop the program that uses them, then resume")
            ) from error
        yield site


def populate(site: Site) -> None:
    """Push the images that `manifests-example/` pins, and create the repository from it."""
    files = {path: data.replace(_PUBLIC, f"{site.registry.host}/acme/".encode()) for path, data in example().items()}
    for path, data in sorted(files.items()):
        if target_of(path):
            files[path] = _pinned(site, path, data)
    site.forge.create(REPOSITORY, files)


def example() -> dict[str, bytes]:
    """The files of `manifests-example/`: next to this module if installed, else at the top of the project."""
    here = Path(__file__).parent
    folders = (here / "manifests-example", here.parents[1] / "manifests-example")
    folder = next(path for path in folders if path.is_dir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _built(tag: str) -> datetime:
    """The build time of a tag."""
    if (match := _CANDIDATE.fullmatch(tag)) is None:
        return _FIRST_BUILD + timedelta(days=100)
    _, minor, patch, candidate = (int(number or 0) for number in match.groups())
    return _FIRST_BUILD + timedelta(days=10 * minor + patch - (max(10 - candidate, 1) if candidate else 0))


def _pinned(site: Site, path: str, data: bytes) -> bytes:
    """Push the images that this file pins, and write their digests into it."""
    pins = read(data, path)
    assignments = []
    for entry in pins.entries:
        if entry.image is not None and entry.image.registry == site.registry.host and entry.pin.tag is not None:
            digest = site.push(entry.image.path.rpartition("/")[2], entry.pin.tag)
            assignments.append(Assignment(entry.name, Pin(entry.pin.tag, digest)))
    return edit(pins, assignments)


@contextmanager
def _served(folder: Path, ports: Mapping[str, int]) -> Iterator[Site]:
    bot, person = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    tokens = {bot: "gitops-bot", person: NAME}
    with ExitStack() as stack:
        registry = stack.enter_context(Registry(folder / "registry", port=ports.get("registry", 0)))
        (folder / "forge").mkdir(exist_ok=True)
        turn = Lock()

        def status(repository: str) -> bytes | None:
            command = [sys.executable, "-m", "gitops_bot", "status", "--output", "html", "--repository", repository]
            quiet, env = subprocess.DEVNULL, site.process_environment
            with turn:
                done = subprocess.run(command, cwd=folder, env=env, stdin=quiet, capture_output=True, check=False)
            return done.stdout or None

        forge = Forge(folder / "forge", tokens=tokens, port=ports.get("forge", 0), visitor=NAME, status=status)
        site = Site(folder, registry, stack.enter_context(forge), bot, person)
        # The servers stop once the last status page is finished, and none is begun after that.
        stack.callback(turn.acquire)
        yield site
