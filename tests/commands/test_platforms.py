"""What no cluster can pull is not proposed: a clean-up may delete the images of an index and leave its tag."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import Stages, actions, change, held, reason
from tests.counterparts.registry import INDEX

if TYPE_CHECKING:
    from tests.counterparts.world import World

POLICY, PROMOTION = "policy: releases", "promote_from: staging"
PLATFORMS = ("linux/amd64", "linux/arm64")


def push(stages: Stages, tag: str) -> dict[str, str]:
    """Push `web` for two platforms; gives the digests of the manifests that its index names, by architecture."""
    host, name = stages.deploy.world.registry.host, f"{stages.deploy.name}/web"
    digest = stages.digests["web", tag] = stages.deploy.world.registry.push(name, tag, platforms=PLATFORMS)
    request = urllib.request.Request(f"http://{host}/v2/{name}/manifests/{digest}", headers={"Accept": INDEX})
    with urllib.request.urlopen(request) as opened:  # noqa: S310 - the registry of the test
        return {each["platform"]["architecture"]: each["digest"] for each in json.load(opened)["manifests"]}


def clean_up(stages: Stages, digest: str) -> None:
    """Delete one manifest that has no tag."""
    stages.deploy.world.registry.delete(f"{stages.deploy.name}/web", digest)


@pytest.mark.parametrize("rules", [POLICY, PROMOTION, f"{PROMOTION}\nsoak: 2h"])
def test_an_image_that_lost_a_platform_is_held_whatever_its_tag_says(worldwide: World, rules: str) -> None:
    stages = Stages.start(worldwide, rules)
    clean_up(stages, push(stages, "1.1.0")["arm64"])
    if rules != POLICY:
        stages.run("staging", "web", "1.1.0")
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.platforms"})
    found = reason(done.json)
    assert found["text"].startswith(f"{stages.deploy.image('web')} has lost linux/arm64 of 1.1.0@sha256:")
    assert found["data"]["platforms"] == "linux/arm64"
    assert found["data"].get("also") == ("held.soak" if "soak" in rules else None)
    assert stages.deploy.branches.keys() == {"main"}

    # Pushed again, it is whole.
    push(stages, "1.1.0")
    expected = {"web/production": "held.soak"} if "soak" in rules else {}
    assert held(stages.deploy.ask("update", "--dry-run").json) == expected


@pytest.mark.parametrize("rules", [POLICY, PROMOTION])
def test_an_open_proposal_loses_an_image_that_lost_a_platform(worldwide: World, rules: str) -> None:
    stages = Stages.start(worldwide, rules)
    children = push(stages, "1.1.0")
    stages.run("staging", "web", "1.1.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    clean_up(stages, children["amd64"])
    done = stages.deploy.ask("update")
    assert (held(done.json), actions(done.json)) == ({"web/production": "held.platforms"}, {"all": "close"})
    assert stages.deploy.branches.keys() == {"main"}


def test_an_older_image_stays_proposed_where_a_newer_one_lost_a_platform(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    push(stages, "1.1.0")
    stages.deploy.ask("update")
    clean_up(stages, push(stages, "1.2.0")["arm64"])
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web/production": "held.platforms"}
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}


def test_a_promotion_by_hand_is_held_too_and_set_takes_a_person_at_their_word(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    clean_up(stages, push(stages, "1.1.0")["arm64"])
    stages.run("staging", "web", "1.1.0", at=datetime.now(UTC) - timedelta(hours=9))
    image = stages.deploy.image("web")
    done = stages.promote("--image", image)
    assert (done.code, held(done.json)) == (1, {"web/production": "held.platforms"})
    done = stages.deploy.ask("set", "production", f"{image}=" + "@".join(stages.pin("web", "1.1.0")))
    assert (done.code, actions(done.json)) == (0, {"all": "open"})


@pytest.mark.parametrize("pin", ["tag+digest", "tag"])
def test_only_an_index_that_would_be_proposed_costs_requests(worldwide: World, pin: str) -> None:
    """What is proposed and what is pinned are read once; of an index, one image is, and a HEAD asks for the others."""
    stages = Stages.start(worldwide, f"{POLICY}\npin: {pin}", apps=("web", "api", "job"))
    registry, name = stages.deploy.world.registry, stages.deploy.name
    for tag in ("1.0.0", "1.1.0"):  # no other image is of these bytes
        stages.digests["api", tag] = registry.push_image(f"{name}/api", tag, labels={"of": tag})
    stages.run("production", "api", "1.0.0")
    children = push(stages, "1.1.0")
    with stages.deploy.world.registry.counting() as seen:
        assert actions(stages.deploy.ask("plan").json) == {"all": "open"}
    base = f"/v2/{stages.deploy.name}"
    lists = [f"GET {base}/{app}/tags/list?n=1000 200" for app in ("web", "api", "job")]
    heads = [f"HEAD {base}/{tag} 200" for tag in ("web/manifests/1.1.0", "api/manifests/1.1.0", "job/manifests/1.0.0")]
    read = [f"GET {base}/{app}/manifests/{stages.digests[app, tag]} 200" for app, tag in stages.digests if app != "job"]
    images = [
        f"GET {base}/web/manifests/{children['amd64']} 200",
        f"HEAD {base}/web/manifests/{children['arm64']} 200",
    ]
    # What images of one platform are built for stands in their configurations.
    single = (("web", "1.0.0"), ("api", "1.0.0"), ("api", "1.1.0"))
    configs = [(app, registry.manifest(f"{name}/{app}", stages.digests[app, tag])["config"]) for app, tag in single]
    blobs = [f"GET {base}/{app}/blobs/{config['digest']} 200" for app, config in configs]
    assert sorted(seen) == sorted([*lists, *heads, *read, *images, *blobs])


def build(stages: Stages, tag: str, *platforms: str) -> str:
    """Push `web` for these platforms as an index, or for linux/amd64 alone as an image; gives its digest."""
    name = f"{stages.deploy.name}/web"
    digest = stages.digests["web", tag] = stages.deploy.world.registry.push_image(name, tag, platforms=platforms)
    return digest


def running(world: World, rules: str, *platforms: str) -> Stages:
    """Both environments run 1.1.0, built for these platforms."""
    stages = Stages.start(world, rules)
    build(stages, "1.1.0", *platforms)
    for name in ("staging", "production"):
        stages.run(name, "web", "1.1.0")
    return stages


@pytest.mark.parametrize(
    ("rules", "platforms", "lost"),
    [
        pytest.param(POLICY, ("linux/amd64",), "linux/arm64", id="an index with one less"),
        pytest.param(PROMOTION, ("linux/amd64",), "linux/arm64", id="an index with one less, promoted"),
        pytest.param(POLICY, (), "linux/arm64", id="a single image"),
        pytest.param(PROMOTION, (), "linux/arm64", id="a single image, promoted"),
        pytest.param(POLICY, ("linux/arm64", "linux/s390x"), "linux/amd64", id="others"),
        pytest.param(PROMOTION, ("linux/arm64", "linux/amd64", "linux/s390x"), None, id="one more"),
    ],
)
def test_an_image_that_is_not_built_for_a_platform_of_the_pinned_one_is_held(
    worldwide: World, rules: str, platforms: tuple[str, ...], lost: str | None
) -> None:
    stages = running(worldwide, rules, *PLATFORMS)
    build(stages, "1.2.0", *platforms)
    stages.run("staging", "web", "1.2.0")
    done = stages.deploy.ask("update")
    assert held(done.json) == ({} if lost is None else {"web/production": "held.platforms"})
    if lost is not None:
        found = reason(done.json)
        assert found["text"].startswith(f"1.2.0 of {stages.deploy.image('web')} is not built for {lost}, and what is")
        assert found["data"]["platforms"] == lost


@pytest.mark.parametrize(
    ("built", "codes"), [("linux/amd64", {}), ("linux/arm64", {"web/production": "held.platforms"})]
)
def test_the_platforms_of_an_index_in_an_index_are_those_of_the_outer_one(
    worldwide: World, built: str, codes: dict[str, str]
) -> None:
    stages = running(worldwide, POLICY, "linux/amd64")
    name = f"{stages.deploy.name}/web"
    inner = build(stages, "inner", built)
    stages.deploy.world.registry.push_index(name, "1.2.0", {"mediaType": INDEX, "digest": inner, "size": 1})
    assert held(stages.deploy.ask("update").json) == codes


@pytest.mark.parametrize(
    ("rules", "wanted", "platforms", "lacking"),
    [
        pytest.param(POLICY, "[linux/amd64]", ("linux/amd64",), None, id="what is needed is there"),
        pytest.param(PROMOTION, "[linux/amd64]", (), None, id="as a single image"),
        pytest.param(POLICY, "[linux/arm64/v8]", ("linux/arm64",), None, id="in another spelling"),
        pytest.param(POLICY, "[linux/amd64, linux/arm64]", ("linux/amd64",), "linux/arm64", id="lacks one"),
        pytest.param(
            PROMOTION, "[linux/amd64, linux/arm64]", ("linux/amd64",), "linux/arm64", id="lacks one, promoted"
        ),
        pytest.param(POLICY, "[linux/arm64]", (), "linux/arm64", id="a single image is for another"),
        pytest.param(
            PROMOTION, "[linux/arm/v7, linux/arm64]", ("linux/amd64",), "linux/arm/v7, linux/arm64", id="lacks both"
        ),
    ],
)
def test_the_configuration_says_which_platforms_are_needed(
    worldwide: World, rules: str, wanted: str, platforms: tuple[str, ...], lacking: str | None
) -> None:
    stages = running(worldwide, f"{rules}\nplatforms: {wanted}", *PLATFORMS)
    build(stages, "1.2.0", *platforms)
    stages.run("staging", "web", "1.2.0")
    done = stages.deploy.ask("update")
    assert held(done.json) == ({} if lacking is None else {"web/production": "held.platforms"})
    if lacking is not None:
        assert f"is not built for {lacking}, which `platforms` asks for" in reason(done.json)["text"]


def test_an_image_may_need_other_platforms_than_its_environment(worldwide: World) -> None:
    stages = running(worldwide, f"{POLICY}\nplatforms: [linux/s390x]")
    build(stages, "1.2.0")
    assert held(stages.deploy.ask("plan").json) == {"web/production": "held.platforms"}
    own = f"images: {{{stages.deploy.image('web')}: {{platforms: [linux/amd64]}}}}"
    stages.configure(f"{POLICY}\nplatforms: [linux/s390x]\n{own}")
    assert actions(stages.deploy.ask("plan").json) == {"all": "open"}


def test_a_lost_manifest_of_a_platform_that_nobody_needs_holds_nothing(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{POLICY}\nplatforms: [linux/amd64]")
    children = push(stages, "1.1.0")
    clean_up(stages, children["arm64"])
    assert actions(stages.deploy.ask("plan").json) == {"all": "open"}
    clean_up(stages, children["amd64"])
    assert held(stages.deploy.ask("plan").json) == {"web/production": "held.platforms"}


def single(stages: Stages, tag: str, platform: str) -> str:
    """Push `web` for one platform, as an image that is in no index; gives its digest."""
    name = f"{stages.deploy.name}/web"
    stages.digests["web", tag] = stages.deploy.world.registry.push_image(name, tag, single=platform)
    return stages.digests["web", tag]


@pytest.mark.parametrize(
    ("rules", "pinned", "new", "lost"),
    [
        pytest.param(POLICY, "linux/amd64", "linux/arm64", "linux/amd64", id="pushed from a Mac"),
        pytest.param(PROMOTION, "linux/amd64", "linux/arm64", "linux/amd64", id="promoted"),
        pytest.param(f"{POLICY}\npin: tag", "linux/amd64", "linux/arm64", "linux/amd64", id="pinned by tag"),
        pytest.param(POLICY, "linux/arm/v7", "linux/arm/v6", None, id="for an older variant"),
        pytest.param(POLICY, "linux/arm/v6", "linux/arm/v7", "linux/arm/v6", id="for a newer variant"),
    ],
)
def test_an_image_for_one_platform_is_compared_by_its_configuration(
    worldwide: World, rules: str, pinned: str, new: str, lost: str | None
) -> None:
    stages = Stages.start(worldwide, rules)
    single(stages, "1.1.0", pinned)
    for name in ("staging", "production"):
        stages.run(name, "web", "1.1.0", **({"digest": None} if "tag" in rules else {}))
    single(stages, "1.2.0", new)
    stages.run("staging", "web", "1.2.0")
    done = stages.deploy.ask("update")
    if lost is None:
        assert (actions(done.json), held(done.json)) == ({"all": "open"}, {})
        return
    assert (actions(done.json), held(done.json)) == ({}, {"web/production": "held.platforms"})
    image = stages.deploy.image("web")
    assert reason(done.json)["text"].startswith(f"1.2.0 of {image} is not built for {lost}, and what is pinned (1.1.0)")
    (explained,) = stages.deploy.ask("explain", "production", image).json["entries"]
    assert (explained["outcome"], explained["reason"]) == ("held", reason(done.json))
    (gate,) = (gate for gate in explained["gates"] if not gate["passed"])
    assert (gate["gate"], gate["reason"]) == ("platforms", reason(done.json))


def test_set_holds_a_tag_for_other_platforms_and_takes_a_digest_at_its_word(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    digest, image = single(stages, "1.1.0", "linux/arm64"), stages.deploy.image("web")
    done = stages.deploy.ask("set", "production", f"{image}=1.1.0")
    assert (done.code, held(done.json)) == (1, {"web/production": "held.platforms"})
    assert reason(done.json)["text"].endswith("with its digest (`1.1.0@sha256:...`) it is set anyway")
    assert stages.deploy.ask("set", "production", f"{image}=1.1.0@{digest}").code == 0


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(b"{}", id="without an architecture"),
        pytest.param(b"\x7fELF", id="no JSON"),
        pytest.param(b" " * (1024 * 1024 + 1), id="too large"),
        pytest.param(None, id="gone"),
    ],
)
def test_a_platform_that_nobody_knows_is_told_and_holds_only_where_platforms_are_asked_for(
    worldwide: World, settings: bytes | None
) -> None:
    stages = Stages.start(worldwide, POLICY)
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    config = "application/vnd.oci.image.config.v1+json"
    unlike = {"gone": settings is None}  # no two of these tests push the same bytes
    registry.push_artifact(name, "1.1.0", config, settings=settings or b"gone", annotations={"a": str(unlike)})
    if settings is None:
        registry.delete_blob(name, b"gone")
    done = stages.deploy.ask("plan")
    assert actions(done.json) == {"all": "open"}
    told = "which platforms it is built for is unknown, and what is pinned is for linux/amd64"
    assert change(done.json)["reason"]["text"].endswith(told)
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("web")).json["entries"]
    assert (explained["outcome"], explained["reason"]) == ("chosen", change(done.json)["reason"])

    stages.configure(f"{POLICY}\nplatforms: [linux/amd64]")
    done = stages.deploy.ask("plan")
    assert actions(done.json) == {}
    if settings is not None and len(settings) > 1000:
        assert done.code == 1  # the registry could not be asked
    else:
        assert "does not say what it is built for, and `platforms` asks for linux/amd64" in reason(done.json)["text"]


def test_the_pinned_image_may_be_gone_or_unreadable(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    single(stages, "1.1.0", "linux/arm64")
    clean_up(stages, stages.digests["web", "1.0.0"])
    assert held(stages.deploy.ask("plan").json) == {}
    assert actions(stages.deploy.ask("plan").json) == {"all": "open"}
