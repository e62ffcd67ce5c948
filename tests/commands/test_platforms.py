"""What no cluster can pull is not proposed: a clean-up may delete the images of an index and leave its tag."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import Stages, actions, environment, held, reason
from tests.counterparts.registry import INDEX

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize("rules", [POLICY, f"{PROMOTION}\nsoak: 2h"])
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


def test_an_open_proposal_loses_an_image_that_lost_a_platform(worldwide: World) -> None:
    stages = Stages.start(worldwide, PROMOTION)
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
def test_a_change_is_read_by_its_tag_and_no_document_twice_with_a_cache(
    worldwide: World, pin: str, tmp_path: Path
) -> None:
    """Of what stays, only the digest is compared. What is pinned costs nothing once a run has read it."""
    stages = Stages.start(worldwide, f"{POLICY}\npin: {pin}", apps=("web", "api", "job"))
    registry, name = stages.deploy.world.registry, stages.deploy.name
    names: dict[str, str] = {}

    def push(app: str, tag: str, *platforms: str) -> None:
        """An image that shares its bytes with no other."""
        digest = registry.push_image(f"{name}/{app}", tag, platforms=platforms, labels={"of": f"{app} {tag}"})
        stages.digests[app, tag] = digest
        manifests = {digest: registry.manifest(f"{name}/{app}", digest)}
        for child in manifests[digest].get("manifests", ()):
            manifests[child["digest"]] = registry.manifest(f"{name}/{app}", child["digest"])
            names[child["digest"]] = f"{tag} {child['platform']['architecture']}"
        names[digest] = f"the digest of {tag}"
        names.update(
            {each["config"]["digest"]: f"configuration {tag}" for each in manifests.values() if "config" in each}
        )

    def planned(*more: str) -> tuple[dict[str, list[str]], Any]:
        with registry.counting() as seen:
            done = stages.deploy.ask("plan", *more)
        asked: dict[str, list[str]] = {"web": [], "api": [], "job": []}
        for line in seen:
            method, path, status = line.split()
            app, what = path.removeprefix(f"/v2/{name}/").split("/", 1)
            assert status == "200"
            reference = what.rpartition("/")[2]
            asked[app].append(f"{method} {names.get(reference, reference)}")
        return asked, done.json

    for app, platforms in (("web", PLATFORMS), ("api", ()), ("job", ())):
        push(app, "1.0.0", *platforms)
        stages.run("production", app, "1.0.0")
    push("web", "1.1.0", *PLATFORMS)
    push("api", "1.1.0")
    cache = ("--cache", str(tmp_path))
    new = {
        "web": ["GET list?n=1000", "GET 1.1.0", "GET 1.1.0 amd64", "HEAD 1.1.0 arm64"],
        "api": ["GET list?n=1000", "GET 1.1.0", "GET configuration 1.1.0"],
        "job": ["GET list?n=1000", "HEAD 1.0.0"],
    }
    pinned = {
        "web": ["GET the digest of 1.0.0"],
        "api": ["GET the digest of 1.0.0", "GET configuration 1.0.0"],
        "job": [],
    }
    known = {
        "web": ["GET list?n=1000", "HEAD 1.1.0", "HEAD 1.1.0 amd64", "HEAD 1.1.0 arm64"],
        "api": ["GET list?n=1000", "HEAD 1.1.0"],
        "job": ["GET list?n=1000", "HEAD 1.0.0"],
    }
    first, plan = planned(*cache)
    assert {app: sorted(asked) for app, asked in first.items()} == {app: sorted(new[app] + pinned[app]) for app in new}
    assert actions(plan) == {"all": "open"}
    again, same = planned(*cache)
    assert ({app: sorted(asked) for app, asked in again.items()}, actions(same)) == (
        {app: sorted(asked) for app, asked in known.items()}, actions(plan)
    )  # fmt: skip
    for app in ("web", "api"):
        stages.run("production", app, "1.1.0")
    push("web", "1.2.0", *PLATFORMS)
    push("api", "1.2.0")
    later, plan = planned(*cache)
    assert {app: sorted(asked) for app, asked in later.items()} == {
        app: sorted(line.replace("1.1.0", "1.2.0") for line in asked) for app, asked in new.items()
    }
    assert planned()[1] | {"at": plan["at"]} == plan, (
        "without the cache everything is decided, and described, as with it"
    )


def build(stages: Stages, app: str, tag: str, *platforms: str) -> str:
    """Push an image for these platforms as an index, or for linux/amd64 alone as an image; gives its digest."""
    name = f"{stages.deploy.name}/{app}"
    digest = stages.digests[app, tag] = stages.deploy.world.registry.push_image(name, tag, platforms=platforms)
    return digest


def running(stages: Stages, *platforms: str) -> Stages:
    """Both environments run 1.1.0 of every application, built for these platforms."""
    for app in sorted({app for app, _ in stages.digests}):
        build(stages, app, "1.1.0", *platforms)
        for name in ("staging", "production"):
            stages.run(name, app, "1.1.0")
    return stages


def texts(document: Any) -> dict[str, str]:
    """Why each entry of production is held, by application."""
    items = environment(document)["held"]
    assert {item["reason"]["code"] for item in items} == {"held.platforms"}
    return {item["entry"]["overlay"].split("/")[1]: item["reason"]["text"] for item in items}


#: What 1.2.0 of each application is built for, and what 1.1.0 was built for beyond that.
BUILT: dict[str, tuple[tuple[str, ...], str | None]] = {
    "one-less": (("linux/amd64",), "linux/arm64"),
    "single": ((), "linux/arm64"),
    "others": (("linux/arm64", "linux/s390x"), "linux/amd64"),
    "one-more": (("linux/arm64", "linux/amd64", "linux/s390x"), None),
}


@pytest.mark.parametrize("rules", [POLICY, PROMOTION])
def test_an_image_that_is_not_built_for_a_platform_of_the_pinned_one_is_held(worldwide: World, rules: str) -> None:
    stages = running(Stages.start(worldwide, rules, apps=tuple(BUILT)), *PLATFORMS)
    for app, (platforms, _) in BUILT.items():
        build(stages, app, "1.2.0", *platforms)
        stages.run("staging", app, "1.2.0")
    found = texts(stages.deploy.ask("update").json)
    assert found.keys() == {app for app, (_, lost) in BUILT.items() if lost}
    for app, text in found.items():
        image = stages.deploy.image(app)
        assert text.startswith(f"1.2.0 of {image} is not built for {BUILT[app][1]}, and what is")
    assert stages.news() == {"one-more": stages.pin("one-more", "1.2.0")}


def test_the_platforms_of_an_index_in_an_index_are_those_of_the_outer_one(worldwide: World) -> None:
    stages = running(Stages.start(worldwide, POLICY, apps=("amd64", "arm64")), "linux/amd64")
    for app in ("amd64", "arm64"):
        inner = {"mediaType": INDEX, "digest": build(stages, app, "inner", f"linux/{app}"), "size": 1}
        stages.deploy.world.registry.push_index(f"{stages.deploy.name}/{app}", "1.2.0", inner)
    assert held(stages.deploy.ask("update").json) == {"arm64/production": "held.platforms"}


#: What each application needs, what 1.2.0 of it is built for, and what it lacks.
NEEDED: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "there": ("[linux/amd64]", ("linux/amd64",), None),
    "single": ("[linux/amd64]", (), None),
    "other-spelling": ("[linux/arm64/v8]", ("linux/arm64",), None),
    "lacks-one": ("[linux/amd64, linux/arm64]", ("linux/amd64",), "linux/arm64"),
    "single-for-another": ("[linux/arm64]", (), "linux/arm64"),
    "lacks-both": ("[linux/arm/v7, linux/arm64]", ("linux/amd64",), "linux/arm/v7, linux/arm64"),
    "of-the-environment": ("", ("linux/amd64",), "linux/s390x"),
}


@pytest.mark.parametrize("rules", [POLICY, PROMOTION])
def test_the_configuration_says_which_platforms_an_environment_or_an_image_needs(worldwide: World, rules: str) -> None:
    stages = running(Stages.start(worldwide, rules, apps=tuple(NEEDED)), *PLATFORMS)
    own = [f"  {stages.deploy.image(app)}: {{platforms: {wanted}}}" for app, (wanted, _, _) in NEEDED.items() if wanted]
    stages.configure("\n".join([rules, "platforms: [linux/s390x]", "images:", *own]))
    for app, (_, platforms, _) in NEEDED.items():
        build(stages, app, "1.2.0", *platforms)
        stages.run("staging", app, "1.2.0")
    found = texts(stages.deploy.ask("update").json)
    assert found.keys() == {app for app, (_, _, lacking) in NEEDED.items() if lacking}
    for app, text in found.items():
        assert f"is not built for {NEEDED[app][2]}, which `platforms` asks for" in text


def test_a_lost_manifest_of_a_platform_that_nobody_needs_holds_nothing(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{POLICY}\nplatforms: [linux/amd64]")
    children = push(stages, "1.1.0")
    clean_up(stages, children["arm64"])
    assert actions(stages.deploy.ask("plan").json) == {"all": "open"}
    clean_up(stages, children["amd64"])
    assert held(stages.deploy.ask("plan").json) == {"web/production": "held.platforms"}


def single(stages: Stages, app: str, tag: str, platform: str) -> str:
    """Push an image for one platform that is in no index; gives its digest."""
    name = f"{stages.deploy.name}/{app}"
    stages.digests[app, tag] = stages.deploy.world.registry.push_image(name, tag, single=platform)
    return stages.digests[app, tag]


#: What the pinned image and the new one of each application are for, and whether the pin is a tag alone.
SINGLES = {
    "web": ("linux/amd64", "linux/arm64", False),
    "by-tag": ("linux/amd64", "linux/arm64", True),
    "older-variant": ("linux/arm/v7", "linux/arm/v6", False),
    "newer-variant": ("linux/arm/v6", "linux/arm/v7", False),
}


@pytest.mark.parametrize("rules", [POLICY, PROMOTION])
def test_an_image_for_one_platform_is_compared_by_its_configuration(worldwide: World, rules: str) -> None:
    stages = Stages.start(worldwide, rules, apps=tuple(SINGLES))
    stages.configure(f"{rules}\nimages: {{{stages.deploy.image('by-tag')}: {{pin: tag}}}}")
    for app, (pinned, new, by_tag) in SINGLES.items():
        single(stages, app, "1.1.0", pinned)
        single(stages, app, "1.2.0", new)
        stages.run("production", app, "1.1.0", **({"digest": None} if by_tag else {}))
        stages.run("staging", app, "1.2.0")
    document = stages.deploy.ask("update").json
    found = texts(document)
    assert found.keys() == SINGLES.keys() - {"older-variant"}
    assert stages.news() == {"older-variant": stages.pin("older-variant", "1.2.0")}
    for app, text in found.items():
        start = f"1.2.0 of {stages.deploy.image(app)} is not built for {SINGLES[app][0]}, and what is pinned (1.1.0)"
        assert text.startswith(start)
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("web")).json["entries"]
    assert (explained["outcome"], explained["reason"]["text"]) == ("held", found["web"])
    (gate,) = (gate for gate in explained["gates"] if not gate["passed"])
    assert (gate["gate"], gate["reason"]["text"]) == ("platforms", found["web"])


def test_set_holds_a_tag_for_other_platforms_and_takes_a_digest_at_its_word(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    digest, image = single(stages, "web", "1.1.0", "linux/arm64"), stages.deploy.image("web")
    done = stages.deploy.ask("set", "production", f"{image}=1.1.0")
    assert (done.code, held(done.json)) == (1, {"web/production": "held.platforms"})
    assert reason(done.json)["text"].endswith("with its digest (`1.1.0@sha256:...`) it is set anyway")
    assert stages.deploy.ask("set", "production", f"{image}=1.1.0@{digest}").code == 0


#: The configuration of 1.1.0 of each application.
UNKNOWN = {"nothing": b"{}", "no-json": b"\x7fELF", "too-large": b" " * (1024 * 1024 + 1), "gone": None}


def test_a_platform_that_nobody_knows_is_told_and_holds_only_where_platforms_are_asked_for(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY, apps=tuple(UNKNOWN))
    registry, config = stages.deploy.world.registry, "application/vnd.oci.image.config.v1+json"
    for app, settings in UNKNOWN.items():
        name, unlike = f"{stages.deploy.name}/{app}", {"a": app}  # no two of these images are of the same bytes
        registry.push_artifact(name, "1.1.0", config, settings=settings or b"gone", annotations=unlike)
    registry.delete_blob(f"{stages.deploy.name}/gone", b"gone")
    done = stages.deploy.ask("plan")
    (proposal,) = environment(done.json)["proposals"]
    told = {change["entry"]["overlay"].split("/")[1]: change["reason"] for change in proposal["changes"]}
    assert told.keys() == UNKNOWN.keys()
    words = "which platforms it is built for is unknown, and what is pinned is for linux/amd64"
    assert all(reason["text"].endswith(words) for reason in told.values())
    (explained,) = stages.deploy.ask("explain", "production", stages.deploy.image("gone")).json["entries"]
    assert (explained["outcome"], explained["reason"]) == ("chosen", told["gone"])

    stages.configure(f"{POLICY}\nplatforms: [linux/amd64]")
    done = stages.deploy.ask("plan")
    assert (done.code, actions(done.json)) == (1, {})
    (failed,) = environment(done.json)["failed"]
    assert failed["entry"]["overlay"] == "apps/too-large/production", "the registry could not be asked"
    found = texts(done.json)
    assert found.keys() == UNKNOWN.keys() - {"too-large"}
    words = "does not say what it is built for, and `platforms` asks for linux/amd64"
    assert all(words in text for text in found.values())


def test_the_pinned_image_may_be_gone_or_unreadable(worldwide: World) -> None:
    stages = Stages.start(worldwide, POLICY)
    single(stages, "web", "1.1.0", "linux/arm64")
    clean_up(stages, stages.digests["web", "1.0.0"])
    assert held(stages.deploy.ask("plan").json) == {}
    assert actions(stages.deploy.ask("plan").json) == {"all": "open"}
