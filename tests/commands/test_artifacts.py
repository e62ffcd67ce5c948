"""What is no image is never proposed as one: charts, artifacts and attestations are pushed to the same repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import Stages, actions, change, held, reason
from tests.counterparts.registry import HELM, INDEX, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.counterparts.registry import DockerRegistry
    from tests.counterparts.world import World

POLICY, PROMOTION = "policy: releases", "promote_from: staging"
IMAGE_CONFIG, EMPTY = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json"
DOCKER, DOCKER_LIST = (f"application/vnd.docker.distribution.manifest.{kind}v2+json" for kind in ("", "list."))
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def described(digest: str, where: str | None = None, **more: Any) -> dict[str, Any]:
    """What an index says of a manifest."""
    platform = dict(zip(("os", "architecture"), where.split("/"), strict=False)) if where else None
    return {"mediaType": MANIFEST, "digest": digest, "size": 1} | ({"platform": platform} if platform else {}) | more


def chart(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag)


def oras(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag, EMPTY, artifactType="application/vnd.acme.sbom+json")


def typed(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag, IMAGE_CONFIG, artifactType="application/vnd.acme.rules")


def module(registry: DockerRegistry, name: str, tag: str) -> str:
    settings = b'{"os": "wasip1", "architecture": "wasm"}'
    return registry.push_artifact(
        name, tag, "application/vnd.wasm.config.v0+json", settings=settings, layer="application/wasm"
    )


def attestations(registry: DockerRegistry, name: str, tag: str) -> str:
    digest = registry.push_artifact(name, None, IMAGE_CONFIG, layer="application/vnd.in-toto+json")
    return registry.push_index(name, tag, described(digest, "unknown/unknown"))


def signature(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag, IMAGE_CONFIG, layer="application/vnd.dev.cosign.simplesigning.v1+json")


def attestation(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_artifact(name, tag, DOCKER_CONFIG, layer="application/vnd.in-toto+json")


def charts(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_index(name, tag, described(registry.push_artifact(name, None)))


def charts_for_platforms(registry: DockerRegistry, name: str, tag: str) -> str:
    digest = registry.push_artifact(name, None, EMPTY, artifactType="application/vnd.acme.tool")
    return registry.push_index(name, tag, described(digest, "linux/amd64"))


def nothing(registry: DockerRegistry, name: str, tag: str) -> str:
    return registry.push_index(name, tag)


OTHERS: dict[str, tuple[Callable[[DockerRegistry, str, str], str], str]] = {
    "a chart": (chart, f"a Helm chart ({HELM})"),
    "an artifact": (oras, "an artifact of the type application/vnd.acme.sbom+json"),
    "an artifact with an image's configuration": (typed, "an artifact of the type application/vnd.acme.rules"),
    "a module": (module, "an artifact of the type application/vnd.wasm.config.v0+json"),
    "a signature": (signature, "an artifact of the type application/vnd.dev.cosign.simplesigning.v1+json"),
    "an attestation": (attestation, "an artifact of the type application/vnd.in-toto+json"),
    "an index of attestations": (attestations, "an index without an image"),
    "an index of charts": (charts, f"a Helm chart ({HELM})"),
    "an index of artifacts for platforms": (charts_for_platforms, "an artifact of the type application/vnd.acme.tool"),
    "an empty index": (nothing, "an index without an image"),
}


def test_the_next_best_tag_is_taken_where_the_best_ones_are_no_images(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    image = stages.deploy.image("web")
    others = {f"2.0.{number}": other for number, other in enumerate(OTHERS)}
    for tag, other in others.items():
        OTHERS[other][0](stages.deploy.world.registry, f"{stages.deploy.name}/web", tag)

    # Nothing else is new: nothing is held, and `explain` says what each of them is.
    done = stages.deploy.ask("plan")
    assert (actions(done.json), held(done.json)) == ({}, {})
    wrong = {}
    for tag, other in others.items():
        (explained,) = stages.deploy.ask("explain", "production", image, "--tag", tag).json["entries"]
        if explained["asked"] != {"tag": tag, "rule": "an image", "text": f"it is no image, but {OTHERS[other][1]}"}:
            wrong[other] = explained["asked"]
    assert wrong == {}
    best = f"2.0.{len(others) - 1}"
    left_out = f"left out: {best} is no image, but {OTHERS[others[best]][1]}"
    assert (explained["outcome"], explained["reason"]["code"]) == ("current", "current")
    assert left_out in explained["reason"]["text"]
    step = explained["steps"][-1]
    assert (step["rule"], step["kept"], step["removed"]) == ("an image", 1, len(others))
    assert [candidate["tag"] for candidate in explained["candidates"]] == ["1.0.0"]

    stages.push("web", "1.1.0")
    proposed = change(stages.deploy.ask("update").json)
    assert proposed["to"] == {"tag": "1.1.0", "digest": stages.digests["web", "1.1.0"]}
    assert left_out in proposed["reason"]["text"]
    assert "`an image` leaves 2, and leaves out 10: " in stages.deploy.bot("explain", "production", image).out


@pytest.mark.parametrize("rules", ['policy: {pattern: "^[0-9]", order: newest}', "policy: {digest: 1.0.0}"])
def test_every_policy_leaves_out_what_is_no_image(worldwide: World, rules: str) -> None:
    stages = Stages.start(worldwide, rules)
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    new = {"org.opencontainers.image.created": "2026-02-02T00:00:00Z"}
    if "newest" in rules:
        stages.digests["web", "1.0.0"] = registry.push_image(name, "1.0.0", created="2026-01-01T00:00:00Z")
        stages.run("production", "web", "1.0.0")
    registry.push_artifact(name, "1.0.0" if "digest" in rules else "2.0.0", annotations=new)
    done = stages.deploy.ask("update")
    assert actions(done.json) == {}
    assert held(done.json) == ({"web/production": "held.no_image"} if "digest" in rules else {})
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("web")).json["entries"]
    assert f"is no image, but a Helm chart ({HELM})" in explained["reason"]["text"]
    assert explained["outcome"] == ("held" if "digest" in rules else "current")
    gates = {gate["gate"]: gate["passed"] for gate in explained["gates"]}
    assert gates["platforms"] is ("digest" not in rules)


def test_a_young_chart_does_not_make_an_image_wait(worldwide: World) -> None:
    stages = Stages.start(worldwide, 'policy: {semver: ">=1", minimum_age: 30d}')
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    new = {"org.opencontainers.image.created": stages.deploy.ask("plan").json["at"]}
    registry.push_artifact(name, "2.0.0", annotations=new)
    done = stages.deploy.ask("plan")
    assert (actions(done.json), held(done.json)) == ({}, {})
    stages.digests["web", "1.1.0"] = registry.push_image(name, "1.1.0", created="2026-01-01T00:00:00Z")
    assert change(stages.deploy.ask("plan").json)["to"]["tag"] == "1.1.0"


def test_a_proposal_of_what_is_no_image_any_more_is_withdrawn(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    stages.push("web", "2.0.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    chart(stages.deploy.world.registry, f"{stages.deploy.name}/web", "2.0.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "close"}
    assert stages.deploy.branches.keys() == {"main"}


def test_very_many_charts_are_not_looked_at_one_after_the_other(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    for number in range(31):
        chart(registry, name, f"2.0.{number}")
    stages.push("web", "1.1.0")
    with registry.counting() as seen:
        done = stages.deploy.ask("plan")
    assert held(done.json) == {"web/production": "held.no_image"}
    assert reason(done.json)["text"].startswith("the best 30 tags that the policy admits name no images")
    assert sum("/manifests/2.0." in line for line in seen) == 30


def test_where_other_things_are_pinned_the_same_kind_is_wanted(worldwide: World) -> None:
    """Some clusters run modules, and files that are read by a pattern may hold the version of a chart."""
    stages = Stages.start(worldwide, POLICY)
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    for tag, push in (("2.0.0", module), ("2.1.0", module), ("3.0.0", chart)):
        stages.digests["web", tag] = push(registry, name, tag)
    stages.run("production", "web", "2.0.0")
    assert change(stages.deploy.ask("plan").json)["to"]["tag"] == "2.1.0"
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("web")).json["entries"]
    assert [candidate["tag"] for candidate in explained["candidates"]] == ["2.1.0", "2.0.0", "1.0.0"]


def test_set_holds_a_tag_that_names_no_image_and_takes_a_digest_at_its_word(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    registry, name, image = stages.deploy.world.registry, f"{stages.deploy.name}/web", stages.deploy.image("web")
    digest = chart(registry, name, "2.0.0")
    done = stages.deploy.ask("set", "production", f"{image}=2.0.0")
    assert (done.code, held(done.json)) == (1, {"web/production": "held.no_image"})
    assert reason(done.json)["text"].startswith(f"2.0.0 of {image} is no image, but a Helm chart ({HELM})")
    assert reason(done.json)["data"] == {"artifact": f"a Helm chart ({HELM})"}
    other = f"{registry.host}/{stages.deploy.name}/charts"
    chart(registry, f"{stages.deploy.name}/charts", "1.1.0")
    done = stages.deploy.ask("set", "production", f"{image}={other}:1.1.0")
    assert reason(done.json)["text"].startswith(f"1.1.0 of {other} is no image")
    with registry.counting() as seen:
        assert stages.deploy.ask("set", "production", f"{image}=2.0.0@{digest}", "--dry-run").code == 0
    assert seen == []


@pytest.mark.parametrize("command", ["update", "promote"])
def test_a_promotion_of_what_is_no_image_is_held(worldwide: World, command: str) -> None:
    stages = Stages.start(worldwide, PROMOTION)
    digest = chart(stages.deploy.world.registry, f"{stages.deploy.name}/web", "2.0.0")
    stages.run("staging", "web", "2.0.0", digest=digest)
    done = stages.deploy.ask("update", "production") if command == "update" else stages.promote()
    assert held(done.json) == {"web/production": "held.no_image"}
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("web")).json["entries"]
    assert (explained["outcome"], explained["reason"]["code"]) == ("held", "held.no_image")


def test_a_chart_with_the_revision_of_its_image_is_not_taken_for_a_rebuild(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{PROMOTION}\nmatch: revision\ntag: release")
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    labels = {"org.opencontainers.image.revision": "c0ffee" * 6 + "c0ff"}
    tested = registry.push_image(name, "main-1", labels=labels, created="2026-01-01T00:00:00Z")
    stages.digests["web", "1.1.0"] = registry.push_image(name, "1.1.0", labels=labels, created="2026-01-02T00:00:00Z")
    registry.push_artifact(name, "2.0.0", annotations=labels)
    stages.run("staging", "web", "main-1", digest=tested)
    assert change(stages.promote().json)["to"] == {"tag": "1.1.0", "digest": stages.digests["web", "1.1.0"]}


def test_audit_finds_what_is_pinned_and_no_image(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=("api", "web"))
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    for push in (chart, attestations, charts):
        digest = push(registry, name, "2.0.0")
        stages.run("production", "web", "2.0.0", digest=digest)
        done = stages.deploy.ask("audit", "production")
        (problem,) = done.json["problems"]
        verdicts = {item["entry"]["overlay"]: item["verdict"] for item in done.json["environments"][0]["entries"]}
        assert (done.code, verdicts) == (1, {"apps/api/production": "present", "apps/web/production": "no_image"})
        assert problem["file"] == "apps/web/production/kustomization.yaml"
        assert problem["message"].startswith(f"{stages.deploy.image('web')}:2.0.0@{digest}: no image, but a")


#: Media types of a manifest and of its configuration, and of the index that lists it.
KINDS = {
    "OCI": (MANIFEST, IMAGE_CONFIG, None),
    "OCI with Docker's configuration, in an index": (MANIFEST, DOCKER_CONFIG, INDEX),
    "Docker": (DOCKER, DOCKER_CONFIG, None),
    "an old Docker": (DOCKER, "application/octet-stream", None),
    "Docker's list": (DOCKER, IMAGE_CONFIG, DOCKER_LIST),
}


def test_every_kind_of_image_is_one(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    found, pushed = {}, {}
    for number, (label, (kind, config, listed)) in enumerate(KINDS.items(), 2):
        blob = registry.put_blob(name, b'{"os": "linux", "architecture": "amd64"}', config)
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": blob, "layers": []}).encode()
        digest = registry.put(name, f"{number}.0.0", body, kind)
        if listed is not None:
            entry = described(digest, "linux/amd64", mediaType=kind)
            index = json.dumps({"schemaVersion": 2, "mediaType": listed, "manifests": [entry]}).encode()
            digest = registry.put(name, f"{number}.0.0", index, listed)
        pushed[label] = {"tag": f"{number}.0.0", "digest": digest}
        found[label] = change(stages.deploy.ask("plan").json)["to"]
        by_set = stages.deploy.ask("set", "production", f"{stages.deploy.image('web')}={number}.0.0", "--dry-run")
        assert by_set.code == 0, label
    assert found == pushed
