"""Environments as waves, one promoted from the other: what comes through them. Real registry, git and GitHub's API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.commands.stages import environment, held, path, reason
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

WAVES = ("dev", "canary", "eu", "us")
CHAIN = """\
version: 1
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments:
  dev: {{overlays: ["apps/*/dev"], policy: releases}}
  canary: {{overlays: ["apps/*/canary"], promote_from: dev{canary}}}
  eu: {{overlays: ["apps/*/eu"], promote_from: canary}}
  us: {{overlays: ["apps/*/us"], promote_from: eu}}
"""


@dataclass(slots=True)
class Chain:
    """Four waves of one application, which all run 1.0.0."""

    deploy: Deploy
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, world: World, canary: str = "") -> Chain:
        chain = cls(world.deploy(lambda _: {"gitops-bot.yaml": CHAIN.format(canary=canary).encode()}))
        chain.run("1.0.0", *WAVES)
        return chain

    def run(self, tag: str, *waves: str) -> str:
        """People let these waves run a tag."""
        for wave in waves:
            if tag not in self.digests:
                self.digests[tag] = self.deploy.push("web", tag)
            entry = overlay([(self.deploy.image("web"), f"newTag: {tag}; digest: {self.digests[tag]}")])
            self.deploy.remote.commit("main", {path("web", wave): entry}, author="Ann <ann@acme.test>")
        return self.deploy.branches["main"]

    def reaches(self, wave: str, ref: str | None = None) -> str:
        """The tag that the proposal for a wave has."""
        text = self.deploy.files(ref or f"gitops-bot/{wave}/all")[path("web", wave)].decode()
        return next(tag for tag, digest in self.digests.items() if digest in text)


def test_what_any_earlier_wave_went_back_from_never_reaches_a_later_one(worldwide: World) -> None:
    chain = Chain.start(worldwide)
    chain.run("1.1.0", "dev", "canary", "eu")
    commit = chain.run("1.0.0", "dev")
    done = chain.deploy.ask("update", "us")
    assert done.code == 0
    assert "gitops-bot/us/all" not in chain.deploy.branches
    assert held(done.json, "us") == {"web/us": "held.reverted"}
    why = reason(done.json, "us")
    when = chain.deploy.remote.git("log", "-1", "--format=%cs", commit).decode().strip()
    assert why["text"].startswith("dev went back from 1.1.0")
    assert why["text"].endswith(f" in {commit[:10]} on {when} by Ann (`--release-hold` allows it again)")
    assert (why["data"]["source"], why["data"]["commit"]) == ("dev", commit)

    assert chain.deploy.ask("update", "us", "--release-hold").code == 0
    assert chain.reaches("us") == "1.1.0"


def test_an_entry_without_a_partner_in_the_wave_before_is_held_and_not_polled(worldwide: World) -> None:
    chain = Chain.start(worldwide)
    deploy = chain.deploy
    pin = f"newTag: 1.0.0; digest: {deploy.push('tool', '1.0.0')}"
    newest = deploy.push("tool", "1.1.0")
    config = deploy.files("main")["gitops-bot.yaml"]
    config = config.replace(b"promote_from: eu", b"promote_from: eu, policy: releases")
    tool = overlay([(deploy.image("tool"), pin)])
    deploy.remote.commit("main", {"gitops-bot.yaml": config, path("tool", "us"): tool})
    # No wave before it has this image: the policy of the environment is for it.
    assert deploy.ask("update", "us").code == 0
    assert newest in deploy.files("gitops-bot/us/all")[path("tool", "us")].decode()

    deploy.remote.commit("main", {path("jobs", "dev"): tool})
    done = deploy.ask("update", "us")
    assert (done.code, held(done.json, "us")) == (0, {"tool/us": "held.no_partner"})
    assert reason(done.json, "us")["text"].startswith("dev has this image, and no entry of eu")
    assert {
        entry["hold"]["code"] for entry in environment(deploy.ask("status").json, "us")["entries"] if entry["hold"]
    } == {"held.no_partner"}
    (shown,) = deploy.ask("explain", "us", "tool").json["entries"]
    assert (shown["outcome"], shown["reason"]["code"]) == ("held", "held.no_partner")


def test_status_says_the_wave_of_each_entry_and_how_far_an_image_has_come(worldwide: World) -> None:
    chain = Chain.start(worldwide)
    chain.run("1.1.0", "dev", "canary")
    document = chain.deploy.ask("status").json
    waves = {each["name"]: [entry["wave"] for entry in each["entries"]] for each in document["environments"]}
    assert waves == {"dev": [1], "canary": [2], "eu": [3], "us": [4]}
    assert "2 of 4 waves" in chain.deploy.bot("status", "--output", "markdown").out
    # An image with a policy of its own begins there.
    own = CHAIN.format(canary=', images: {"*/web": {policy: releases}}').encode()
    chain.deploy.remote.commit("main", {"gitops-bot.yaml": own})
    document = chain.deploy.ask("status").json
    assert [each["entries"][0]["wave"] for each in document["environments"]] == [1, 1, 2, 3]
