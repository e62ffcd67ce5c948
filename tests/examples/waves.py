"""The example with 300 clusters, on the servers of this machine: what its waves run, and what Argo CD says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

EXAMPLE: Final = PROJECT / "examples" / "waves"
#: The waves, in their order: the directories of their clusters, by the first part of their names.
WAVES: Final = {
    "dev": "dev",
    "canary": "eu-canary",
    "apac": "apac",
    "eu": "eu",
    "us-west": "us-west",
    "us-east": "us-east",
}
FIRST: Final = "v1.4.2"
_FILE: Final = re.compile(r"clusters/(\S+)-(\d+)/web/kustomization\.yaml")
_PIN: Final = re.compile(rb"newTag: \S+\n    digest: \S+")


@dataclass(slots=True)
class Waves:
    """The example as a repository, in which every cluster runs v1.4.2."""

    deploy: Deploy
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, world: World) -> Waves:
        """The example, with its image in the registry of this machine."""

        def files(deploy: Deploy) -> dict[str, bytes]:
            found = {str(path.relative_to(EXAMPLE)): path.read_bytes() for path in EXAMPLE.rglob("*") if path.is_file()}
            pin = f"newTag: {FIRST}\n    digest: {deploy.push('web', FIRST)}".encode()
            image = deploy.image("web").encode()
            return {name: _PIN.sub(pin, data).replace(b"ghcr.io/acme/web", image) for name, data in found.items()}

        return cls(world.deploy(files))

    @classmethod
    def staggered(cls, world: World, *, checks: bool = True) -> Waves:
        """Each wave is one release behind the one before it, has run its own for days, and is healthy."""
        waves, names = cls.start(world), [*WAVES]
        for number in range(1, len(names)):
            waves.run(f"v1.5.{number}", *names[:-number], hours_ago=100 - number)
        for name in names:
            waves.report(name)
        if not checks:
            config = waves.deploy.files("main")["gitops-bot.yaml"].decode().splitlines(keepends=True)
            kept = "".join(line for line in config if "require:" not in line)
            waves.deploy.remote.commit("main", {"gitops-bot.yaml": kept.encode()})
        return waves

    def clusters(self, wave: str) -> dict[str, str]:
        """The clusters of a wave, each with its file."""
        names = {path: _FILE.fullmatch(path) for path in self.deploy.remote.modes("main")}
        return {f"{found[1]}-{found[2]}": path for path, found in names.items() if found and found[1] == WAVES[wave]}

    def push(self, tag: str) -> None:
        """Push a release."""
        self.digests[tag] = self.deploy.push("web", tag)

    def run(self, tag: str, *waves: str, hours_ago: float = 0) -> str:
        """People let these waves run a tag."""
        if tag not in self.digests:
            self.push(tag)
        pin = f"newTag: {tag}\n    digest: {self.digests[tag]}".encode()
        files = {path for wave in waves for path in self.clusters(wave).values()}
        now = {path: data for path, data in self.deploy.files("main").items() if path in files}
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        changed = {path: _PIN.sub(pin, data) for path, data in now.items()}
        return self.deploy.remote.commit("main", changed, message=f"web {tag}", at=at)

    def report(self, wave: str, **other: str) -> None:
        """Argo CD says on the newest commit that each cluster of a wave is healthy; or what is told of it (`dev_2`)."""
        deploy, commit = self.deploy, self.deploy.branches["main"]
        for cluster in self.clusters(wave):
            state = other.get(cluster.replace("-", "_"), "success")
            deploy.world.forge.status(deploy.name, commit, f"continuous-delivery/web-{cluster}", state)

    def wait(self, hours: int) -> None:
        """Let time pass: the newest commit becomes so much older."""
        remote, tip = self.deploy.remote, self.deploy.branches["main"]
        first, *rest = remote.git("cat-file", "commit", tip).split(b"\ncommitter ", 1)
        author, _, more = rest[0].partition(b"\n")
        who, at, zone = author.rsplit(b" ", 2)
        text = b"%s\ncommitter %s %d %s\n%s" % (first, who, int(at) - hours * 3600, zone, more)
        older = remote.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text).decode().strip()
        remote.git("update-ref", "refs/heads/main", older)
