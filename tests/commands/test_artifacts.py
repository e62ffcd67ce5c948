"""What is no image is never proposed as one: charts, artifacts and attestations are pushed to the same repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import WEB
from tests.commands.scene import config
from tests.commands.stages import Stages, actions, change, held
from tests.counterparts.registry import HELM, MANIFEST, docker_registry
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.counterparts.registry import DockerRegistry
    from tests.counterparts.world import World

IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"


def chart(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag)


def signature(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag, IMAGE_CONFIG, layer="application/vnd.dev.cosign.simplesigning.v1+json")


def attestations(registry: DockerRegistry, name: str, tag: str) -> str:
    digest = registry.push_artifact(name, None, IMAGE_CONFIG, layer="application/vnd.in-toto+json")
    platform = {"os": "unknown", "architecture": "unknown"}
    return registry.push_index(name, tag, {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform})


def charts(registry: DockerRegistry, name: str, tag: str) -> str:
    digest = registry.push_artifact(name, None)
    return registry.push_index(name, tag, {"mediaType": MANIFEST, "digest": digest, "size": 1})


OTHERS: dict[str, tuple[Callable[[DockerRegistry, str, str], str], str]] = {
    "2.0.0": (chart, f"a Helm chart ({HELM})"),
    "2.0.1": (signature, "an artifact of the type application/vnd.dev.cosign.simplesigning.v1+json"),
    "2.0.2": (charts, f"a Helm chart ({HELM})"),
    "2.0.3": (attestations, "an index without an image"),
}


def test_the_next_best_tag_is_taken_where_the_best_ones_are_no_images(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases")
    image = stages.deploy.image("web")
    for tag, (push, _) in OTHERS.items():
        push(stages.deploy.world.registry, f"{stages.deploy.name}/web", tag)

    # Nothing else is new: nothing is held, and `explain` says what each of them is.
    done = stages.deploy.ask("plan")
    assert (actions(done.json), held(done.json)) == ({}, {})
    for tag, (_, what) in OTHERS.items():
        (explained,) = stages.deploy.ask("explain", "production", image, "--tag", tag).json["entries"]
        assert explained["asked"] == {"tag": tag, "rule": "an image", "text": f"it is no image, but {what}"}
    left_out = "left out: 2.0.3 is no image, but an index without an image"
    assert (explained["outcome"], explained["reason"]["code"]) == ("current", "current")
    assert left_out in explained["reason"]["text"]
    step = explained["steps"][-1]
    assert (step["rule"], step["kept"], step["removed"]) == ("an image", 1, len(OTHERS))
    assert [candidate["tag"] for candidate in explained["candidates"]] == ["1.0.0"]

    stages.push("web", "1.1.0")
    proposed = change(stages.deploy.ask("update").json)
    assert proposed["to"] == {"tag": "1.1.0", "digest": stages.digests["web", "1.1.0"]}
    assert left_out in proposed["reason"]["text"]
    assert "`an image` leaves 2, and leaves out 4: " in stages.deploy.bot("explain", "production", image).out


def test_a_listed_tag_without_a_manifest_costs_itself_alone(worldwide: World, tmp_path: Path) -> None:
    with docker_registry(tmp_path, lasting=True) as registry:
        image, digests = f"{registry.host}/web", registry.push_all("web", ("1.0.0", "1.1.0", "1.2.0"))
        revisions = tmp_path / "images/docker/registry/v2/repositories/web/_manifests/revisions/sha256"
        (revisions / digests["1.2.0"].removeprefix("sha256:") / "link").unlink()
        files = {"gitops-bot.yaml": config("{as: commit}"), WEB: overlay([(image, "newTag: 1.0.0")])}
        deploy = worldwide.deploy(lambda _: files)
        proposed = change(deploy.ask("plan").json)
        explained = deploy.bot("explain", "production", image, "--tag", "1.2.0")
    assert proposed["to"] == {"tag": "1.1.0", "digest": digests["1.1.0"]}
    assert (explained.code, explained.err) == (0, "")
    left_out = "is listed, but the registry has no manifest of it"
    assert f"left out: 1.2.0 {left_out}" in explained.out
    assert f"why not  1.2.0: it {left_out}" in explained.out


def test_audit_finds_what_is_pinned_and_no_image(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=("api", "web"))
    digest = charts(stages.deploy.world.registry, f"{stages.deploy.name}/web", "2.0.0")
    stages.run("production", "web", "2.0.0", digest=digest)
    done = stages.deploy.ask("audit", "production")
    (problem,) = done.json["problems"]
    verdicts = {item["entry"]["overlay"]: item["verdict"] for item in done.json["environments"][0]["entries"]}
    assert (done.code, verdicts) == (1, {"apps/api/production": "present", "apps/web/production": "no_image"})
    assert problem["file"] == "apps/web/production/kustomization.yaml"
    assert problem["message"].startswith(f"{stages.deploy.image('web')}:2.0.0@{digest}: no image, but a")
