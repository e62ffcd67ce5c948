"""An application with a blue and a green slot, and what people do to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.world import Deploy, World

FOLDER = "apps/web/production"
SERVICE, BLUE, GREEN = (
    f"{FOLDER}/{name}" for name in ("service.yaml", "deployment-blue.yaml", "deployment-green.yaml")
)
CONFIG = """\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["apps/*/staging"]
  production:
    overlays: ["apps/*/production"]
    %s
    blue_green:
      service: service.yaml
      selector: version
      slots: {blue: deployment-blue.yaml, green: deployment-green.yaml}
      soak: %s
"""


def service(live: str) -> bytes:
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: web   # the one that people reach
spec:
  selector:
    app: web
    version: {live}   # live
  ports: [{{port: 80}}]
""".encode()


def deployment(slot: str, image: str) -> bytes:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web-{slot}}}
spec:
  template:
    spec:
      containers:
        - name: web
          image: {image}
""".encode()


@dataclass(frozen=True, slots=True)
class Shop:
    """`web` in production: blue is live, and both slots have 1.0.0."""

    deploy: Deploy

    @classmethod
    def start(cls, world: World, *, rules: str = "policy: releases") -> Shop:
        def files(deploy: Deploy) -> dict[str, bytes]:
            image = f"{deploy.image('web')}:1.0.0@{deploy.push('web', '1.0.0')}"
            return {
                "gitops-bot.yaml": (CONFIG % (rules, "0")).encode(),
                "apps/web/staging/deployment.yaml": deployment("staging", image),
                f"{FOLDER}/kustomization.yaml": b"resources: [service.yaml, deployment-blue.yaml]\n",
                SERVICE: service("blue"),
                BLUE: deployment("blue", image),
                GREEN: deployment("green", image),
            }

        return cls(world.deploy(files))

    def image(self, tag: str) -> str:
        return f"{self.deploy.image('web')}:{tag}@{self.deploy.push('web', tag)}"

    def commit(self, files: Mapping[str, bytes | None], *, minutes: float = 0) -> None:
        """A person's commit, so many minutes ago."""
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        self.deploy.remote.commit("main", files, at=at)

    def give(self, slot: str, tag: str, *, minutes: float = 0) -> None:
        self.commit({f"{FOLDER}/deployment-{slot}.yaml": deployment(slot, self.image(tag))}, minutes=minutes)

    def switch(self, slot: str) -> None:
        self.commit({SERVICE: service(slot)})

    def update(self) -> Any:
        done = self.deploy.ask("update", "production")
        assert done.code == 0, done.err
        return done.json

    def merge(self) -> None:
        self.deploy.call("PUT", f"/pulls/{self.deploy.pull()['number']}/merge", {"merge_method": "squash"})

    @property
    def changed(self) -> dict[str, bytes]:
        """What the only open pull request changes."""
        return self.changed_by(self.deploy.pull())

    def changed_by(self, pull: Any) -> dict[str, bytes]:
        """What a pull request changes."""
        head = pull["head"]["ref"]
        base = self.deploy.remote.git("merge-base", "main", head).decode().strip()
        before, after = self.deploy.files(base), self.deploy.files(head)
        return {path: after[path] for path in after if before[path] != after[path]}
