"""What no cluster can pull is not proposed: a clean-up may delete the images of an index and leave its tag."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

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


def test_an_image_that_lost_a_platform_is_held_whatever_its_tag_says(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{PROMOTION}\nsoak: 2h")
    clean_up(stages, push(stages, "1.1.0")["arm64"])
    stages.run("staging", "web", "1.1.0")
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.platforms"})
    found = reason(done.json)
    assert found["text"].startswith(f"{stages.deploy.image('web')} has lost linux/arm64 of 1.1.0@sha256:")
    assert found["data"]["platforms"] == "linux/arm64"
    assert found["data"]["also"] == "held.soak"
    assert stages.deploy.branches.keys() == {"main"}

    # Pushed again, it is whole.
    push(stages, "1.1.0")
    assert held(stages.deploy.ask("update", "--dry-run").json) == {"web/production": "held.soak"}


def test_a_change_is_read_by_its_tag_and_no_document_twice_with_a_cache(worldwide: World, tmp_path: Path) -> None:
    """Of what stays, only the digest is compared. What is pinned costs nothing once a run has read it."""
    stages = Stages.start(worldwide, POLICY, apps=("web", "api", "job"))
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


def texts(document: Any) -> dict[str, str]:
    """Why each entry of production is held, by application."""
    items = environment(document)["held"]
    assert {item["reason"]["code"] for item in items} == {"held.platforms"}
    return {item["entry"]["overlay"].split("/")[1]: item["reason"]["text"] for item in items}


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


def test_an_image_for_one_platform_is_compared_by_its_configuration(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=tuple(SINGLES))
    stages.configure(f"{POLICY}\nimages: {{{stages.deploy.image('by-tag')}: {{pin: tag}}}}")
    for app, (pinned, new, by_tag) in SINGLES.items():
        single(stages, app, "1.1.0", pinned)
        single(stages, app, "1.2.0", new)
        stages.run("production", app, "1.1.0", **({"digest": None} if by_tag else {}))
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
