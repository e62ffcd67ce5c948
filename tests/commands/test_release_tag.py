"""`tag: release` and `match: revision`: production reads versions, whatever staging calls its builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.stages import Stages, actions, change, visible

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


def test_the_version_tag_of_the_same_bytes_takes_the_place_of_the_sources(worldwide: World) -> None:
    stages = Stages.start(worldwide, RELEASE)
    digest = stages.push("web", "1.1.0")
    assert stages.push("web", "staging-abc1234", "1.1.0") == digest
    stages.run("staging", "web", "staging-abc1234")
    stages.push("web", "1.1")  # moves with every 1.1.x: not a release
    stages.push("web", "2.0.0")  # other bytes
    done = stages.promote()
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news() == {"web": ("1.1.0", digest)}
    assert "the same bytes are tagged 1.1.0" in change(done.json)["reason"]["text"]
    stages.merge()
    with stages.deploy.watching() as seen:
        assert actions(stages.promote().json) == {}
    assert seen.nothing


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
    stages.merge()
    with stages.deploy.watching() as seen:
        again = stages.deploy.ask("update")
    assert seen.nothing
    assert actions(again.json) == {}


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
