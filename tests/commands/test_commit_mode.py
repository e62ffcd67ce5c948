from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB, pinned

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  dev:
    overlays: ["apps/*/dev"]
    policy: releases
    propose: {as: commit}
  production:
    overlays: ["apps/*/production"]
    policy: releases
"""
DEV = "apps/web/dev/kustomization.yaml"


@pytest.fixture
def straight(worldwide: World) -> Deploy:
    """`web` in dev, which is committed straight, and in production, which is proposed; 1.1.0 is there."""
    deploy = worldwide.deploy(
        lambda deploy: {
            "gitops-bot.yaml": CONFIG,
            DEV: f"images:\n- name: {deploy.image('web')}\n  newTag: 1.0.0 # dev\n".encode(),
            WEB: f"images:\n- name: {deploy.image('web')}\n  newTag: 1.0.0 # production\n".encode(),
        }
    )
    deploy.push("web", "1.0.0")
    return deploy


def test_the_change_goes_straight_to_the_branch(straight: Deploy) -> None:
    digest = straight.push("web", "1.1.0")
    base, tree = straight.branches["main"], straight.files("main")
    with straight.watching() as seen:
        done = straight.ask("update", "dev")
    assert seen.api == []
    assert straight.branches.keys() == {"main"}
    assert straight.parents("main") == [base]
    assert straight.files("main") == tree | {
        DEV: pinned(tree[DEV], ("newTag: 1.0.0 # dev\n", f"newTag: 1.1.0 # dev\n  digest: {digest}\n"))
    }
    assert "Gitops-Bot-Plan: 1 dev all policy" in straight.message("main")
    (found,) = done.json["environments"][0]["proposals"]
    assert (found["action"], found["branch"], found["pull_request"]) == ("commit", None, None)
    assert found["commit"] == straight.branches["main"]

    with straight.watching() as seen:
        again = straight.ask("update", "dev")
    assert seen.nothing
    assert again.json["environments"][0]["proposals"] == []
    with straight.watching() as seen:
        same = straight.bot("set", "dev", f"{straight.image('web')}=1.1.0@{digest}")
    assert seen.nothing
    assert (same.code, "1 unchanged" in same.out) == (0, True)


def test_a_lost_race_is_planned_again_on_what_the_other_one_pushed(straight: Deploy) -> None:
    digest = straight.push("web", "1.1.0")
    base = straight.branches["main"]
    # Somebody is faster: when the bot's push arrives, the branch has moved on, once, in the very same file.
    other = straight.remote.commit(
        "other", {DEV: straight.files("main")[DEV].replace(b"# dev", b"# DEV")}, parents=[base]
    )
    straight.remote.git("update-ref", "-d", "refs/heads/other")
    once = straight.folder / "once"
    straight.remote.hook(
        "pre-receive",
        f"mkdir {once} 2>/dev/null || exit 0\n"
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"git update-ref refs/heads/main {other}",
    )
    done = straight.ask("update", "dev")
    assert once.is_dir()
    assert done.code == 0
    assert straight.parents("main") == [other]
    assert f"newTag: 1.1.0 # DEV\n  digest: {digest}\n".encode() in straight.files("main")[DEV]
    assert straight.remote.log("main", "%an") == ["gitops-bot", "Ada", "acme"]


def test_a_protected_branch_fails_at_once_with_the_way_out_while_others_go_on(straight: Deploy) -> None:
    straight.push("web", "1.1.0")
    tries = straight.folder / "tries"
    straight.remote.hook(
        "pre-receive",
        f"while read old new ref; do\n  [ $ref = refs/heads/main ] || continue\n  echo try >>{tries}\n"
        "  echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2\n"
        "  echo 'error: Changes must be made through a pull request.' >&2\n  exit 1\ndone",
    )
    base = straight.branches["main"]
    done = straight.ask("update")
    assert done.code == 1
    assert tries.read_text() == "try\n"
    assert straight.branches["main"] == base
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.git"
    assert "GH006: Protected branch update failed for refs/heads/main" in problem["message"]
    assert "`propose: {as: pull-request}`" in problem["next"]
    dev, production = done.json["environments"]
    assert (dev["name"], [proposal["action"] for proposal in dev["proposals"]]) == ("dev", ["none"])
    assert dev["proposals"][0]["commit"] is None
    assert [proposal["action"] for proposal in production["proposals"]] == ["open"]
    assert straight.pull()["head"]["ref"] == "gitops-bot/production/all"

    text = straight.bot("update", "dev")
    assert text.code == 1
    assert "GH006" in text.out + text.err
    assert "let the bot bypass the rule" in text.out + text.err
