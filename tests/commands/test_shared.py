"""`reaches`: what several environments are built from follows the rules of each, and is a part of their releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.scene import closed
from tests.commands.stages import Stages, path
from tests.counterparts.world import overlay
from tests.tables import rows

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

BASE = "apps/cache/base/kustomization.yaml"
SHARED = """\
  shared:
    overlays: ["apps/*/base"]
    reaches: [staging, production]
    policy: releases
"""
TODAY = datetime.now(UTC)


def cache(deploy: Deploy, tag: str) -> bytes:
    return overlay([(deploy.image("cache"), f"newTag: {tag}")])


def start(world: World, production: str = "", *, staging: str = "", more: str = "", shared: str = "") -> Stages:
    """The cache stands in a base of both environments, in which 1.1.0 is newer than what it pins."""
    stages = Stages.start(world, production, staging=staging, more=f"{SHARED}{shared}{more}")
    for tag in ("1.0.0", "1.1.0"):
        stages.push("cache", tag)
    stages.deploy.remote.commit("main", {BASE: cache(stages.deploy, "1.0.0")}, message="a cache")
    return stages


def outcome(stages: Stages, *command: str) -> Any:
    """What a command says of the environment `shared`."""
    done = stages.deploy.ask(*command)
    return next(its for its in done.json["environments"] if its["name"] == "shared")


def codes(found: Any) -> list[str]:
    return [item["reason"]["code"] for item in found["held"]]


FREEZE = f"""\
holds: [{{environment: production, until: "{TODAY + timedelta(days=9):%Y-%m-%d}", why: the fair}}]
"""
HOLD = f"""\
holds: [{{environment: production, image: REGISTRY/cache, until: "{TODAY + timedelta(days=9):%Y-%m-%d}", why: slow}}]
"""


@rows("production more code", {
    "a freeze of one that it reaches": ("", FREEZE, "held.hold"),
    "a hold of the image there": ("", HOLD, "held.hold"),
    "the time that it soaks in the one before": ("promote_from: staging\nsoak: 1h", "", "held.check"),
    "checks of the one before": ("promote_from: staging\nrequire: {checks: [e2e]}", "", "held.check"),
    "checks of the source": (
        "require: {source_checks: {images: {'*cache': acme/cache}, checks: [test]}}", "", "held.source_check"
    ),
})  # fmt: skip
def test_what_holds_in_an_environment_holds_what_reaches_it(
    worldwide: World, production: str, more: str, code: str
) -> None:
    stages = start(worldwide, production)
    more = more.replace("REGISTRY/cache", stages.deploy.image("cache"))
    stages.configure(production, more=f"{SHARED}{more}")
    found = outcome(stages, "update")
    assert codes(found) == [code]
    assert not any(branch.startswith("gitops-bot/shared") for branch in stages.deploy.branches)
    stages.configure(more=SHARED)
    assert codes(outcome(stages, "update")) == []
    assert b"newTag: 1.1.0" in stages.deploy.files("gitops-bot/shared/all")[BASE]


def test_a_person_sets_what_a_policy_may_not_choose(worldwide: World) -> None:
    stages = start(worldwide, "promote_from: staging\nsoak: 1h")
    (held,) = outcome(stages, "plan")["held"]
    assert "or use `gitops-bot set shared`" in held["reason"]["text"]
    assert stages.deploy.ask("set", "shared", f"{stages.deploy.image('cache')}=1.1.0").code == 0
    assert "gitops-bot/shared/all" in stages.deploy.branches


def test_a_schedule_of_any_of_them_keeps_it_closed(worldwide: World) -> None:
    stages = start(worldwide, f"propose: {{{closed()}}}")
    (proposal,) = outcome(stages, "update")["proposals"]
    assert (proposal["action"], proposal["reason"]["code"]) == ("leave", "held.window")
    assert not any(branch.startswith("gitops-bot/shared") for branch in stages.deploy.branches)


def test_a_commit_to_it_is_a_release_of_each(worldwide: World) -> None:
    stages = start(worldwide)
    commit = stages.deploy.remote.commit("main", {BASE: cache(stages.deploy, "1.1.0")}, message="a newer cache")
    for name in ("staging", "production", "shared"):
        newest = stages.deploy.ask("history", name).json["releases"][0]
        assert newest["commit"] == commit
        assert [(change["name"], change["to"]["tag"]) for change in newest["changes"]] == [
            (stages.deploy.image("cache"), "1.1.0")
        ]
    shown = stages.deploy.ask("history", "production", "--show", commit[:10])
    assert BASE in shown.out


def test_a_rollback_of_one_says_how_to_roll_back_what_it_shares(worldwide: World) -> None:
    stages = start(worldwide)
    before = stages.deploy.branches["main"]
    stages.deploy.remote.commit("main", {BASE: cache(stages.deploy, "1.1.0")}, message="a newer cache")
    done = stages.deploy.ask("rollback", "production", "--to", before[:10])
    assert done.code == 1
    (failed,) = done.json["environments"][0]["failed"]
    image, problem = stages.deploy.image("cache"), failed["problem"]
    assert problem["message"].startswith(f"{image} of release ")
    assert problem["message"].endswith("is pinned in shared, which reaches production: it stays")
    way_out = f"`gitops-bot rollback shared --to {before[:10]}` does so in shared, staging and production"
    assert problem["next"] == way_out
    assert stages.deploy.ask("rollback", "shared", "--to", before[:10]).code == 0
    branch = stages.deploy.files("gitops-bot/shared/rollback-all")
    assert branch[BASE] == cache(stages.deploy, "1.0.0")


def test_what_it_shares_with_a_source_is_promoted_to_an_entry_of_the_target(worldwide: World) -> None:
    stages = start(worldwide, "promote_from: staging")
    own = {path("cache", "production"): overlay([(stages.deploy.image("cache"), "newTag: 0.9.0")])}
    stages.configure("promote_from: staging", more=SHARED.replace(", production", ""))
    stages.deploy.remote.commit("main", own, message="production pins its own")
    done = stages.deploy.ask("plan", "production")
    changes = [change for its in done.json["environments"][0]["proposals"] for change in its["changes"]]
    assert [(change["entry"]["image"], change["to"]["tag"]) for change in changes] == [
        (stages.deploy.image("cache"), "1.0.0")
    ]


@pytest.mark.parametrize("command", ["set production {image}=1.1.0", "rollback production --image {image}"])
def test_an_image_that_is_pinned_elsewhere_says_where(worldwide: World, command: str) -> None:
    stages = start(worldwide)
    done = stages.deploy.ask(*command.format(image=stages.deploy.image("cache")).split())
    assert done.code == 2
    assert (
        "of production is pinned in shared, and takes effect in all that shared reaches"
        in done.json["problems"][0]["message"]
    )
