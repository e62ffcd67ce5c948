"""Where an example runs: the names that it is written with, led to servers of this machine, and programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tests.conftest import PROJECT
from tests.counterparts.world import TOKEN, Deploy, Done, program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.counterparts.world import World

#: The names in the examples, the longer ones first: what is pushed, and where it is pinned. The bot's own image and
#: action are not among them.
_NAMES = re.compile(r"ghcr\.io/acme/(?=web\b|api\b)|acme/deploy\b|\bowner: acme\b|\brepositories: deploy\b")
#: 40 digits, as the platforms give a commit.
COMMIT = "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of manifests with a folder of programs: the bot as it is here, and a stand-in for docker."""

    deploy: Deploy
    programs: Path

    @classmethod
    def make(cls, world: World, config: str, *, database: bool = False) -> Place:
        """`web` and `api` run v1.0.0 in staging and production, and production has a `database` of its own.

        `config` is the bot's configuration, by its path.
        """

        def files(deploy: Deploy) -> dict[str, bytes]:
            found = {"gitops-bot.yaml": (PROJECT / config).read_bytes()}
            for app in ("web", "api"):
                pin = f"newTag: v1.0.0\n  digest: {deploy.push(app, 'v1.0.0')}"
                for name in ("staging", "production"):
                    text = f"# {app} in {name}\nimages:\n- name: {deploy.image(app)}\n  {pin}   # stays\n"
                    found[path(app, name)] = text.encode()
            if database:
                pin = f"newTag: 17.6.0\n  digest: {deploy.push('postgres', '17.6.0')}"
                text = f"images:\n- name: postgres\n  newName: {deploy.image('postgres')}\n  {pin}\n"
                found[path("db", "production")] = text.encode()
            return found

        deploy = world.deploy(files)
        made = cls(deploy, deploy.folder / "programs")
        made.programs.mkdir()
        made.program("gitops-bot", program())
        made.program("docker", f'PYTHONPATH={PROJECT} exec {sys.executable} -P -m tests.examples.docker "$@"')
        return made

    def program(self, name: str, script: str) -> None:
        """Put a program on PATH: a script of the shell without its first line."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def text(self, name: str) -> str:
        """An example with its names led here."""
        return self.led((PROJECT / "examples" / name).read_text(encoding="utf-8"))

    def led(self, text: str) -> str:
        """A text with the names of the examples led here."""
        owner, _, repository = self.deploy.name.partition("/")
        here = {
            "ghcr.io/acme/": self.deploy.image(""),
            "acme/deploy": self.deploy.name,
            "owner: acme": f"owner: {owner}",
            "repositories: deploy": f"repositories: {repository}",
        }
        return _NAMES.sub(lambda found: here[found[0]], text)

    def shell(self, command: Sequence[str], script: str, env: Mapping[str, str], cwd: Path, stdin: str = "") -> Done:
        """Run a script as a platform does: by its shell, with nothing in the environment but what the platform sets."""
        done = subprocess.run(
            [*command, script],
            check=False,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=cwd,
            env={"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(cwd), "LANG": "C.UTF-8", **env},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def push(self, app: str, tag: str) -> str:
        """What an engine would have built and pushed; gives the digest."""
        return self.deploy.push(app, tag)

    def pin(self, app: str, environment: str, ref: str = "main") -> tuple[str | None, str | None]:
        """The tag and the digest that an application has in an environment."""
        (entry,) = yaml.safe_load(self.deploy.remote.show(ref, path(app, environment)))["images"]
        return entry.get("newTag"), entry.get("digest")

    @property
    def forge(self) -> dict[str, str]:
        """How a platform that is not GitHub is told of this GitHub server; the token stands in a credential."""
        return {name: value for name, value in self.deploy.env.items() if value != TOKEN}


def path(app: str, environment: str) -> str:
    """The kustomization of an application in an environment."""
    return f"apps/{app}/overlays/{environment}/kustomization.yaml"
