"""What the tests of promotion and rollback share: two environments, what people do to them, short words for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.commands.scene import approve, label
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.counterparts.world import Deploy, Done, World

BRANCH, ROLLBACK = "gitops-bot/production/all", "gitops-bot/production/rollback-all"


def config(production: str = "", *, staging: str = "", more: str = "") -> bytes:
    """Staging and production of every application; each `production` and `staging` are further lines of theirs."""
    lines = [
        "version: 1",
        'policies: {releases: {semver: ">=1.0.0"}}',
        "environments:",
        "  staging:",
        '    overlays: ["apps/*/staging"]',
        *(f"    {line}" for line in staging.splitlines()),
        "  production:",
        '    overlays: ["apps/*/production"]',
        *(f"    {line}" for line in production.splitlines()),
        more,
    ]
    return "\n".join(lines).encode()


def path(app: str, environment: str) -> str:
    """The kustomization of an application in an environment."""
    return f"apps/{app}/{environment}/kustomization.yaml"


def kustomization(deploy: Deploy, app: str, tag: str | None, digest: str | None) -> bytes:
    """One entry, of the application's own image."""
    pins = [f"newTag: {tag}"] if tag else []
    return overlay([(deploy.image(app), "; ".join([*pins, *([f"digest: {digest}"] if digest else [])]))])


@dataclass(frozen=True, slots=True)
class Stages:
    """A repository with staging and production, and the digests of the images that were pushed for it."""

    deploy: Deploy
    digests: dict[tuple[str, str], str]

    @classmethod
    def start(
        cls, world: World, production: str = "", *, staging: str = "", more: str = "", apps: Sequence[str] = ("web",)
    ) -> Stages:
        """Both environments run 1.0.0 of every application."""
        digests: dict[tuple[str, str], str] = {}

        def files(deploy: Deploy) -> dict[str, bytes]:
            found = {"gitops-bot.yaml": config(production, staging=staging, more=more)}
            for app in apps:
                digests[app, "1.0.0"] = deploy.push(app, "1.0.0")
                for environment in ("staging", "production"):
                    found[path(app, environment)] = kustomization(deploy, app, "1.0.0", digests[app, "1.0.0"])
            return found

        return cls(world.deploy(files), digests)

    def configure(self, production: str = "", *, staging: str = "", more: str = "") -> None:
        """Commit another configuration."""
        self.deploy.remote.commit(
            "main", {"gitops-bot.yaml": config(production, staging=staging, more=more)}, message="configuration"
        )

    def push(self, app: str, tag: str, content: str | None = None) -> str:
        """Push an image."""
        self.digests[app, tag] = digest = self.deploy.push(app, tag, content)
        return digest

    def run(self, environment: str, app: str, tag: str, **how: Any) -> str:
        """A person lets an environment run this tag, which is pushed unless it was; gives the commit.

        `at`, `author` and `message` of the commit; `digest=None` pins none.
        """
        digest = how.pop("digest", self.digests.get((app, tag)) or self.push(app, tag))
        files = {path(app, environment): kustomization(self.deploy, app, tag, digest)}
        return self.deploy.remote.commit("main", files, **{"message": f"{app} {tag} in {environment}"} | how)

    def pin(self, app: str, tag: str) -> tuple[str, str]:
        """What an entry says that pins this tag as it was pushed."""
        return tag, self.digests[app, tag]

    def promote(self, *more: str) -> Done:
        """Promote staging to production."""
        return self.deploy.ask("promote", "staging", "production", *more)

    def rollback(self, *more: str) -> Done:
        """Roll production back."""
        return self.deploy.ask("rollback", "production", *more)

    def pins(self, ref: str = "main", environment: str = "production") -> dict[str, tuple[str | None, str | None]]:
        """What each application of an environment pins at a branch or commit."""
        return {
            file.split("/")[1]: (entry.get("newTag"), entry.get("digest"))
            for file, data in self.deploy.files(ref).items()
            if file.endswith(f"/{environment}/kustomization.yaml")
            for entry in yaml.safe_load(data)["images"]
        }

    def news(self, ref: str = BRANCH) -> dict[str, tuple[str | None, str | None]]:
        """What production gets by a branch."""
        return dict(self.pins(ref).items() - self.pins().items())

    def merge(self, method: str = "squash") -> str:
        """Merge the only open pull request; gives the commit on the base branch."""
        self.deploy.call("PUT", f"/pulls/{self.deploy.pull()['number']}/merge", {"merge_method": method})
        return self.deploy.branches["main"]

    def close(self) -> None:
        """Close the only open pull request, and delete its branch as the page offers."""
        self.deploy.call("PATCH", f"/pulls/{self.deploy.pull()['number']}", {"state": "closed"})


def environment(document: Any, name: str = "production") -> Any:
    """One environment of a document."""
    (found,) = (each for each in document["environments"] if each["name"] == name)
    return found


def actions(document: Any, name: str = "production") -> dict[str, str]:
    """What became of each group of an environment."""
    return {each["group"]: each["action"] for each in environment(document, name)["proposals"]}


def change(document: Any, name: str = "production") -> Any:
    """The only change of an environment."""
    (found,) = (each for proposal in environment(document, name)["proposals"] for each in proposal["changes"])
    return found


def held(document: Any, name: str = "production") -> dict[str, str]:
    """The code of every held entry of an environment, by `application/environment`."""
    return {
        item["entry"]["overlay"].removeprefix("apps/"): item["reason"]["code"]
        for item in environment(document, name)["held"]
    }


def reason(document: Any, name: str = "production") -> Any:
    """Why the only held entry of an environment is held."""
    (found,) = environment(document, name)["held"]
    return found["reason"]


def visible(body: str) -> list[str]:
    """The lines of a pull request that people see, the first of them first."""
    return [line for line in body.splitlines() if line and not line.startswith("<!--")]


def cut(deploy: Deploy) -> None:
    """Make the remote a shallow one: its history ends at the tip of the base branch."""
    deploy.remote.commit("main", {"note.txt": b"x"})
    (deploy.remote.path / "shallow").write_text(f"{deploy.branches['main']}\n")


def speak(stages: Stages, by: str) -> None:
    """Somebody does to the open pull request what keeps the bot from touching it."""
    match by:
        case "approval":
            approve(stages.deploy)
        case "hold":
            label(stages.deploy)
        case _:
            stages.deploy.remote.commit(BRANCH, {"apps/web/production/patch.yaml": b"x: 1\n"})
