"""Choosing by build time: the newest build, and what is old enough, from the configuration to the proposal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from tests.commands.stages import actions, change, held, reason
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

FILE = "apps/web/production/kustomization.yaml"
BRANCH = "gitops-bot/production/all"
BUILDS = 'pattern: "^sha-[0-9a-f]{7}$", order: newest'
A, B, C, D = (f"sha-{letter * 7}" for letter in "fbca")
NOW = datetime.now(UTC)


def config(policy: str, more: str = "") -> bytes:
    return f"""\
version: 1
policies:
  builds: {{{policy}}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: builds
{more}""".encode()


def started(world: World, policy: str, more: str = "", *, tag: str = A, days: int = 30) -> tuple[Deploy, str]:
    """`web` in production, at a build of so many days ago; and its digest."""
    digests = []

    def files(deploy: Deploy) -> dict[str, bytes]:
        digests.append(push(deploy, tag, days))
        pins = f"newTag: {tag}; digest: {digests[0]}"
        return {"gitops-bot.yaml": config(policy, more), FILE: overlay([(deploy.image("web"), pins)])}

    return world.deploy(files), digests[0]


def push(deploy: Deploy, tag: str, days: float | None, **how: Any) -> str:
    """Push an image that says that it was built so many days ago; one that does not say it."""
    created = None if days is None else (NOW - timedelta(days=days)).isoformat(timespec="seconds")
    return deploy.world.registry.push_image(f"{deploy.name}/web", tag, created=created, **how)


def proposed(deploy: Deploy) -> tuple[str, str]:
    """What the proposal pins."""
    (entry,) = yaml.safe_load(deploy.files(BRANCH)[FILE])["images"]
    return entry["newTag"], entry["digest"]


def test_the_newest_build_is_proposed_whatever_its_name(worldwide: World) -> None:
    deploy, before = started(worldwide, BUILDS)
    push(deploy, B, 20, platforms=["linux/amd64", "linux/arm64"])
    newest = push(deploy, D, 3)
    push(deploy, C, 10)
    push(deploy, "latest", 1)
    done = deploy.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    found = change(done.json)
    assert (found["from"], found["to"]) == ({"tag": A, "digest": before}, {"tag": D, "digest": newest})
    assert found["direction"] == "forward"
    assert found["reason"]["text"].startswith("newest build of 4 that match policy `")
    assert proposed(deploy) == (D, newest)
    assert "newest build of 4 that match policy" in deploy.pull()["body"]


def test_a_cache_saves_requests_and_changes_no_decision(worldwide: World, tmp_path: Path) -> None:
    deploy, _ = started(worldwide, BUILDS)
    for number, tag in enumerate((B, C)):
        push(deploy, tag, 20 - number)
    told = []
    for _ in range(2):
        with worldwide.registry.counting() as seen:
            told.append(change(deploy.ask("plan", "--cache", str(tmp_path)).json)["to"])
    push(deploy, D, 1)
    with worldwide.registry.counting() as newer:
        last = change(deploy.ask("plan", "--cache", str(tmp_path)).json)["to"]
    assert told[0] == told[1]
    assert (last["tag"], change(deploy.ask("plan").json)["to"]) == (D, last)
    # The list and the digest of the choice, or the new image with its configuration: the cache knows the rest.
    assert [len(seen), len(newer)] == [2, 3]
    refused = deploy.ask("plan", "--cache", "/")
    assert (refused.code, "belongs to the system" in refused.json["problems"][0]["message"]) == (2, True)


def test_the_best_that_is_old_enough_is_proposed_and_what_is_too_young_waits_and_says_until_when(
    worldwide: World,
) -> None:
    deploy, _ = started(worldwide, f"{BUILDS}, minimum_age: 3d")
    push(deploy, C, 1)
    done = deploy.ask("update")
    assert held(done.json) == {"web/production": "held.age"}
    until = NOW + timedelta(days=2, seconds=59)  # the next full minute
    assert reason(done.json)["text"].endswith(f"open on {until:%a %Y-%m-%d %H:%M} UTC")
    assert deploy.branches.keys() == {"main"}
    old = push(deploy, B, 4)
    done = deploy.ask("update")
    assert change(done.json)["to"] == {"tag": B, "digest": old}
    assert f"younger: {C}" in change(done.json)["reason"]["text"]


def test_a_candidate_has_what_its_image_claims_beside_what_that_is_worth(worldwide: World) -> None:
    deploy, _ = started(worldwide, 'semver: ">=1"', tag="1.0.0")
    push(deploy, "1.2.0", (NOW - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(days=1))
    push(deploy, "1.1.0", None)
    (found,) = deploy.ask("explain", "production", deploy.image("web")).json["entries"]
    by_tag = {each["tag"]: (each["built"], each["claimed"]) for each in found["candidates"]}
    assert (by_tag["1.2.0"], by_tag["1.1.0"]) == ((None, "1970-01-01T00:00:00Z"), (None, None))
    assert by_tag["1.0.0"][0] == by_tag["1.0.0"][1] is not None
    told = deploy.bot("explain", "production", deploy.image("web")).out
    assert "1.2.0 (created 1970-01-01: a reproducible build does not say when it was built)\n" in told


def test_explain_shows_the_order_by_build_time_that_update_goes_by(worldwide: World) -> None:
    deploy, _ = started(worldwide, BUILDS)
    push(deploy, B, 20)
    push(deploy, C, 10)
    push(deploy, D, None)
    (found,) = deploy.ask("explain", "production", deploy.image("web")).json["entries"]
    assert (found["outcome"], found["pin"]["tag"]) == ("chosen", C)
    assert [each["tag"] for each in found["candidates"]] == [C, B, A]
    assert all(each["built"] is not None for each in found["candidates"])
    assert found["steps"][-1] == {"rule": "a known build time", "kept": 3, "removed": 1, "sample": [D]}
    assert found["pin"] == change(deploy.ask("plan").json)["to"]
