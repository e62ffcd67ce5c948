"""`tag: release` and `match: revision`: production reads versions, whatever staging calls its builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import Stages, actions, change, held, reason, visible

if TYPE_CHECKING:
    from tests.counterparts.world import World

RELEASE = "promote_from: staging\ntag: release"
REBUILT = RELEASE + "\nmatch: revision"
REVISION, OTHER = "a1" * 20, "b2" * 20


def build(stages: Stages, tag: str, revision: str | None, size: int = 100) -> str:
    """Push an image of one layer that says of which revision it was built."""
    labels = {"org.opencontainers.image.revision": revision} if revision else None
    name = f"{stages.deploy.name}/web"
    found = stages.deploy.world.registry.push_image(name, tag, labels=labels, layers=[size])
    stages.digests["web", tag] = found
    return found


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("staging-abc1234", ("promote", "staging", "production")),
        (None, ("update", "production")),
    ],
)
def test_the_version_tag_of_the_same_bytes_takes_the_place_of_the_sources(
    worldwide: World, command: tuple[str, ...], source: str | None
) -> None:
    stages = Stages.start(worldwide, RELEASE)
    digest = stages.push("web", "1.1.0")
    if source is None:
        overlay = stages.deploy.files("main")["apps/web/staging/kustomization.yaml"]
        lines = overlay.replace(b"newTag: 1.0.0\n    ", b"").replace(
            stages.digests["web", "1.0.0"].encode(), digest.encode()
        )
        stages.deploy.remote.commit("main", {"apps/web/staging/kustomization.yaml": lines})
    else:
        assert stages.push("web", source, "1.1.0") == digest
        stages.run("staging", "web", source)
    stages.push("web", "1.1")  # moves with every 1.1.x: not a release
    stages.push("web", "2.0.0")  # other bytes
    done = stages.deploy.ask(*command)
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news() == {"web": ("1.1.0", digest)}
    assert "the same bytes are tagged 1.1.0" in change(done.json)["reason"]["text"]
    with stages.deploy.watching() as seen:
        stages.deploy.ask(*command)
    assert seen.nothing
    stages.merge()
    with stages.deploy.watching() as seen:
        assert actions(stages.deploy.ask(*command).json) == {}
    assert seen.nothing


def test_bytes_that_no_version_names_wait_until_one_does(worldwide: World) -> None:
    stages = Stages.start(worldwide, RELEASE)
    stages.run("staging", "web", "sha-abc1234")
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.no_release_tag"})
    assert "no version tag in" in reason(done.json)["text"]
    assert stages.deploy.branches.keys() == {"main"}
    assert stages.promote("--image", stages.deploy.image("web")).code == 1

    stages.push("web", "v1.1.0", "sha-abc1234")
    stages.deploy.ask("update")
    assert stages.news() == {"web": ("v1.1.0", stages.digests["web", "sha-abc1234"])}


def test_a_version_tag_that_names_older_bytes_is_no_way_back(worldwide: World) -> None:
    stages = Stages.start(worldwide, RELEASE + "\npolicy: releases")
    stages.run("production", "web", "1.5.0")
    stages.push("web", "sha-abc1234", "1.1.0")
    stages.push("web", "1.1.0")
    stages.run("staging", "web", "sha-abc1234")
    assert held(stages.promote().json) == {"web/production": "held.downgrade"}


def test_another_build_of_the_same_revision_is_accepted_and_said_in_the_first_line(worldwide: World) -> None:
    stages = Stages.start(worldwide, REBUILT)
    build(stages, "sha-a1a1a1a", REVISION)
    stages.run("staging", "web", "sha-a1a1a1a")
    build(stages, "2.0.0", OTHER, 300)
    rebuilt = build(stages, "1.1.0", REVISION, 200)
    assert rebuilt != stages.digests["web", "sha-a1a1a1a"]
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news() == {"web": ("1.1.0", rebuilt)}
    found = change(done.json)["reason"]
    assert found["text"].startswith("rebuilt, not the bytes that were tested: 1.1.0 was built again from revision")
    assert (found["data"]["rebuilt"], found["data"]["revision"]) == (1, REVISION)
    assert visible(stages.deploy.pull()["body"])[0] == "**Attention: rebuilt, not the bytes that were tested.**"
    with stages.deploy.watching() as seen:
        stages.deploy.ask("update")
    assert seen.nothing
    stages.merge()
    with stages.deploy.watching() as seen:
        again = stages.deploy.ask("update")
    assert seen.nothing
    assert actions(again.json) == {}


def test_a_version_tag_of_the_very_bytes_is_no_other_build(worldwide: World) -> None:
    stages = Stages.start(worldwide, REBUILT)
    digest = build(stages, "sha-a1a1a1a", REVISION)
    assert build(stages, "1.1.0", REVISION) == digest
    stages.run("staging", "web", "sha-a1a1a1a")
    stages.deploy.ask("update")
    assert stages.news() == {"web": ("1.1.0", digest)}
    assert not visible(stages.deploy.pull()["body"])[0].startswith("**Attention")


def test_without_a_build_of_that_revision_or_a_word_about_it_nothing_is_taken(worldwide: World) -> None:
    stages = Stages.start(worldwide, REBUILT)
    build(stages, "sha-a1a1a1a", REVISION)
    stages.run("staging", "web", "sha-a1a1a1a")
    build(stages, "1.1.0", OTHER, 200)
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.no_release_tag"})
    assert f"of revision {REVISION[:12]}" in reason(done.json)["text"]

    build(stages, "sha-0000000", None, 400)
    stages.run("staging", "web", "sha-0000000")
    done = stages.deploy.ask("update")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert "does not say which revision it was built from" in problem["message"]
    assert "org.opencontainers.image.revision" in problem["next"]
    assert stages.deploy.branches.keys() == {"main"}


def test_match_digest_never_takes_another_build(worldwide: World) -> None:
    stages = Stages.start(worldwide, RELEASE)
    build(stages, "sha-a1a1a1a", REVISION)
    stages.run("staging", "web", "sha-a1a1a1a")
    build(stages, "1.1.0", REVISION, 200)
    assert held(stages.deploy.ask("update").json) == {"web/production": "held.no_release_tag"}


def test_an_image_that_says_its_version_is_found_by_one_request(worldwide: World) -> None:
    stages = Stages.start(worldwide, RELEASE)
    digest = stages.push("web", "sha-abc1234", "1.0.7")  # its annotation says so
    for minor in range(1, 9):
        stages.push("web", f"1.{minor}.0")
    assert stages.push("web", "1.0.7") == digest
    stages.run("staging", "web", "sha-abc1234")
    with stages.deploy.world.registry.counting() as seen:
        stages.promote("--dry-run")
    asked = [line for line in seen if "/manifests/" in line and stages.digests["web", "1.0.0"] not in line]
    base = f"/v2/{stages.deploy.name}/web/manifests"
    assert asked == [f"GET {base}/{digest} 200", f"HEAD {base}/1.0.7 200"]
