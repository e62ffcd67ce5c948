"""What people are about to merge, or asked to leave as it is, is not touched; newer pins wait, and the plan says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB
from tests.commands.scene import actions, approve, configure, held, mutate, news, reason, said

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def freeze(shop: Deploy, by: str) -> None:
    """Do to the open pull request what a person does."""
    forge = shop.world.forge
    match by:
        case "hold":
            shop.call("POST", "/issues/1/labels", {"labels": ["Hold"]})
        case "approval":
            approve(shop)
        case "auto-merge":
            forge.settings(shop.name, allow_auto_merge=True)
            forge.protect(shop.name, checks=["ci"])
            mutate(shop, "enablePullRequestAutoMerge")
        case "queue":
            forge.protect(shop.name, merge_queue="squash")
            mutate(shop, "enqueuePullRequest")


def thaw(shop: Deploy, by: str) -> None:
    """Take it back."""
    match by:
        case "hold":
            shop.call("DELETE", "/issues/1/labels/Hold")
        case "approval":
            (review,) = shop.call("GET", "/pulls/1/reviews")
            shop.call("PUT", f"/pulls/1/reviews/{review['id']}/dismissals", {"message": "wait"})
        case "auto-merge":
            mutate(shop, "disablePullRequestAutoMerge")
        case "queue":
            mutate(shop, "dequeuePullRequest")


@pytest.mark.parametrize(
    ("by", "code", "words"),
    [
        ("hold", "held.label", "#1 has the label `hold`"),
        ("approval", "held.frozen", "#1 is approved"),
        ("auto-merge", "held.frozen", "#1 is set to auto-merge"),
        ("queue", "held.frozen", "#1 is in the merge queue"),
    ],
)
def test_newer_pins_wait_until_a_person_lets_go(shop: Deploy, by: str, code: str, words: str) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    freeze(shop, by)
    for name, tag in (("web", "1.2.0"), ("api", "1.1.0")):
        shop.push(name, tag)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 0
    assert actions(done.json) == {"all": "leave"}
    assert held(done.json) == {"web": ("1.2.0", code), "api": ("1.1.0", code)}
    assert words in reason(done.json, "web")["text"]

    thaw(shop, by)
    done = shop.ask("update")
    assert (actions(done.json), held(done.json)) == ({"all": "refresh"}, {})
    assert news(shop, BRANCH) == {"web/web": "1.2.0", "api/api": "1.1.0"}
    assert [pull["number"] for pull in shop.pulls("all")] == [1]


def test_refresh_approved_does_not_wait(shop: Deploy) -> None:
    configure(shop, "{refresh_approved: true}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    approve(shop)
    shop.push("web", "1.2.0")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}


def test_a_pin_that_is_set_waits_too_and_the_command_says_that_it_could_not(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    shop.bot("update")
    approve(shop)
    assert held(shop.ask("update").json) == {}
    with shop.watching() as seen:
        done = shop.ask("set", "production", f"{shop.image('api')}=1.1.0@{digest}")
    assert seen.nothing
    assert (done.code, held(done.json)) == (1, {"api": ("1.1.0", "held.frozen")})


@pytest.mark.parametrize(("by", "code"), [("hold", "held.label"), ("approval", "held.frozen")])
def test_a_pin_that_should_leave_it_waits_too_and_the_command_says_so(shop: Deploy, by: str, code: str) -> None:
    was = shop.push("web", "1.0.0")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.remote.commit(
        "main", {WEB: f"images:\n- name: {shop.image('web')}\n  newTag: 1.0.0\n  digest: {was}\n".encode()}
    )
    shop.bot("update")
    freeze(shop, by)
    words = ("set", "production", "--allow-downgrade", f"{shop.image('web')}=1.0.0@{was}")
    with shop.watching() as seen:
        done = shop.ask(*words)
    assert seen.nothing
    assert (done.code, held(done.json)) == (1, {"web": (None, code)})

    thaw(shop, by)
    done = shop.ask(*words)
    assert (done.code, actions(done.json), held(done.json)) == (0, {"all": "refresh"}, {})
    assert news(shop, BRANCH) == {"api/api": "1.1.0"}


def test_failed_checks_let_newer_pins_into_what_would_merge_by_itself(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    freeze(shop, "auto-merge")
    shop.world.forge.report(shop.name, shop.branches[BRANCH], "ci", "failure")
    shop.push("web", "1.2.0")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}


def test_one_whose_change_the_base_branch_has_is_closed_all_the_same(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    approve(shop)
    shop.remote.commit("main", {WEB: shop.files(BRANCH)[WEB]}, message="by hand")
    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "close"})
    assert shop.pulls() == []
    assert shop.branches.keys() == {"main"}
    assert "the base branch already has it" in said(shop)[0]


def test_one_that_would_not_be_proposed_today_stays_for_the_person_who_approved_it(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    shop.bot("update")
    approve(shop)
    # The tag is gone from the registry: a poll finds nothing to propose.
    shop.world.registry.delete(f"{shop.name}/web", digest)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    (found,) = done.json["environments"][0]["proposals"]
    assert (found["action"], found["reason"]["code"]) == ("leave", "held.frozen")
    assert "close it, or dismiss the approval" in found["reason"]["text"]
