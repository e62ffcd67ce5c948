"""The demo's folder and its two servers: a registry with images, and a forge with a repository made of the example."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, shake_256
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot.demo.forge import Forge
from gitops_bot.demo.images import push
from gitops_bot.demo.person import NAME, Person
from gitops_bot.demo.registry import Registry
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reference import Pin
from gitops_bot.targets import read, target_of
from gitops_bot.targets.pin_file import Edit, edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = "acme/deploy"
_STATE = "demo.json"
_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_PUBLIC = b"ghcr.io/acme/"
_CANDIDATE = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-rc\.(\d+))?")
#: The beginning of the story: a minor release comes every ten days, its candidates on the days before it, a patch the
#: day after, and what has no number was built last.
_FIRST_BUILD = datetime(2026, 1, 5, 9, tzinfo=UTC)
#: Bytes of a program, and by how many at most another version is larger.
_PROGRAM, _GROWN = 300_000, 60_000


@dataclass(frozen=True, slots=True)
class Site:
    """A running demo. The tokens live as long as its servers."""

    folder: Path
    registry: Registry
    forge: Forge
    bot_token: str
    person_token: str

    @property
    def environment(self) -> dict[str, str]:
        """What the bot's commands need to work here instead of on github.com."""
        return {
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_TOKEN": self.bot_token,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @property
    def person(self) -> Person:
        """The person of the story."""
        return Person(self.forge.host, self.person_token, REPOSITORY)

    @contextmanager
    def credentials(self) -> Iterator[Path]:
        """A file with which `git credential-store` logs in as the person; it is gone afterwards.

        So no token is in an address or in a command line.
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
        """Build and push `acme/<image>:<tag>`, as a pipeline would, and give back its digest."""
        name = f"{image}:{tag}".encode()
        revision = sha256(name).hexdigest()[:40]
        return push(
            self.registry.host,
            f"acme/{image}",
            tag,
            created=_built(tag) + timedelta(seconds=int(revision[:4], 16) % 3600),
            revision=revision,
            source=f"https://github.com/acme/{image}",
            content=shake_256(name).digest(_PROGRAM + int(revision[:8], 16) % _GROWN),
        )

    def push_next(self, image: str) -> str:
        """Push the next patch release of `acme/<image>`, and give back its tag."""
        with closing(HTTPConnection(self.registry.host, timeout=30)) as connection:
            connection.request("GET", f"/v2/acme/{image}/tags/list")
            tags = json.loads(connection.getresponse().read())["tags"]
        released = max(tuple(map(int, found.groups())) for tag in tags if (found := _RELEASE.fullmatch(tag)))
        tag = f"v{released[0]}.{released[1]}.{released[2] + 1}"
        self.push(image, tag)
        return tag


@contextmanager
def begun(folder: Path) -> Iterator[Site]:
    """Start the servers on an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with _served(folder, {}) as site:
        ports = {"registry": site.registry.port, "forge": site.forge.port}
        (folder / _STATE).write_text(json.dumps(ports))
        yield site


@contextmanager
def resumed(folder: Path) -> Iterator[Site]:
    """Start the same servers again, at their old addresses: the manifests name the registry's.

    Raises:
        UsageError: the folder is no demo that was kept, or another program has one of the ports now.
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


def found(site: Site) -> None:
    """Push the images that the example pins, and make the repository of it."""
    files = {path: data.replace(_PUBLIC, f"{site.registry.host}/acme/".encode()) for path, data in example().items()}
    for path, data in sorted(files.items()):
        if target_of(path):
            files[path] = _pinned(site, path, data)
    site.forge.create(REPOSITORY, files)


def example() -> dict[str, bytes]:
    """The files of `manifests-example/`: beside this module in an installed package, else at the project's top."""
    here = Path(__file__).parent
    folder = next(
        place for place in (here / "manifests-example", here.parents[1] / "manifests-example") if place.is_dir()
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _built(tag: str) -> datetime:
    """When a version was built: later ones later."""
    if (found := _CANDIDATE.fullmatch(tag)) is None:
        return _FIRST_BUILD + timedelta(days=100)
    _, minor, patch, candidate = (int(number or 0) for number in found.groups())
    return _FIRST_BUILD + timedelta(days=10 * minor + patch - (max(10 - candidate, 1) if candidate else 0))


def _pinned(site: Site, path: str, data: bytes) -> bytes:
    """Push what this kustomization pins, and pin the digests that the registry gave, by the bot's own editor."""
    present = read(data, path)
    edits = []
    for entry in present.entries:
        if entry.image is not None and entry.image.registry == site.registry.host and entry.pin.tag is not None:
            digest = site.push(entry.image.path.rpartition("/")[2], entry.pin.tag)
            edits.append(Edit(entry.name, Pin(entry.pin.tag, digest)))
    return edit(present, edits)


@contextmanager
def _served(folder: Path, ports: Mapping[str, int]) -> Iterator[Site]:
    bot, person = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    tokens = {bot: "gitops-bot", person: NAME}
    with ExitStack() as stack:
        registry = stack.enter_context(Registry(folder / "registry", port=ports.get("registry", 0)))
        (folder / "forge").mkdir(exist_ok=True)
        forge = stack.enter_context(Forge(folder / "forge", tokens=tokens, port=ports.get("forge", 0), visitor=NAME))
        yield Site(folder, registry, forge, bot, person)
