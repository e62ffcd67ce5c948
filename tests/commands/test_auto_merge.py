"""Proposals that merge by themselves: past checks only, unless people say otherwise, and never against a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.commands.scene import actions, approve, configure, held, mutate, news, proposals, tags
from tests.counterparts.world import BOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def guard(shop: Deploy, *, queue: bool = False) -> None:
    """The base branch asks for the check `ci`, and has a merge queue or not."""
    shop.world.forge.settings(shop.name, allow_auto_merge=True)
    shop.world.forge.protect(shop.name, checks=["ci"], merge_queue="squash" if queue else None)


def passes(shop: Deploy) -> None:
    """The check `ci` succeeds on the branch."""
    shop.world.forge.report(shop.name, shop.branches[BRANCH], "ci")
    shop.pulls()  # GitHub sees by itself what that lets happen; this server when it is asked


def test_it_merges_once_the_checks_are_green_as_it_was_proposed(shop: Deploy) -> None:
    guard(shop)
    configure(shop, "{auto_merge: true, merge_method: squash}")
    shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    found = shop.pull()["auto_merge"]
    assert (found["enabled_by"]["login"], found["merge_method"]) == (BOT, "squash")

    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web": ("1.2.0", "held.frozen")}

    base = shop.branches["main"]
    passes(shop)
    assert shop.parents("main") == [base]
    assert tags(shop, "main")["web/web"] == "1.1.0"
    assert actions(shop.ask("update").json) == {"all": "open"}
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}


def test_a_person_who_switches_it_off_is_not_overruled_by_a_newer_tag(shop: Deploy) -> None:
    guard(shop)
    configure(shop, "{auto_merge: true}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    mutate(shop, "disablePullRequestAutoMerge")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.writes == ["PATCH /pulls/1 200"]
    assert shop.pull()["auto_merge"] is None
    passes(shop)
    assert tags(shop, "main")["web/web"] == "1.0.0"


def test_without_checks_it_is_merged_at_once_at_the_commit_that_was_pushed(shop: Deploy) -> None:
    configure(shop, "{auto_merge: without-checks, merge_method: merge}")
    base = shop.branches["main"]
    shop.push("web", "1.1.0")
    sent: list[object] = []

    def listening(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.path.endswith("/merge"):
            sent.append(json.loads(request.body))
        return go()

    shop.gate(listening)
    done = shop.ask("update")
    assert (done.code, done.err) == (0, "")
    (found,) = proposals(done.json)
    assert (found["action"], found["pull_request"]["state"]) == ("open", "merged")
    assert sent == [{"sha": found["commit"], "merge_method": "merge"}]
    assert tags(shop, "main")["web/web"] == "1.1.0"
    assert shop.parents("main") == [base, found["commit"]]
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_a_person_who_takes_it_out_of_the_queue_is_not_overruled(shop: Deploy) -> None:
    guard(shop, queue=True)
    configure(shop, "{auto_merge: true, merge_method: squash}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    passes(shop)
    mutate(shop, "dequeuePullRequest")
    with shop.watching() as seen:
        shop.bot("update")
        shop.world.forge.report(shop.name, shop.branches[BRANCH], "ci", "failure")
        mutate(shop, "enablePullRequestAutoMerge")
        shop.bot("update")
    assert seen.nothing
    assert shop.world.forge.advance(shop.name) == ()


FAIR = 'until: 2999-12-24, why: "the fair"'


def frozen(shop: Deploy, more: str, propose: str = "{auto_merge: true, merge_method: squash}") -> None:
    configure(shop, propose, more=f"holds: [{{{more}, {FAIR}}}]\n")


@pytest.mark.parametrize("left_alone_by", ["commit", "approval"])
def test_a_freeze_takes_back_what_the_bot_set_and_gives_it_again(shop: Deploy, left_alone_by: str) -> None:
    guard(shop)
    propose = "{auto_merge: true, merge_method: squash}"
    configure(shop, propose)
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    shop.bot("update")
    assert shop.pull()["auto_merge"]["enabled_by"]["login"] == BOT
    if left_alone_by == "commit":
        shop.remote.commit(BRANCH, {"apps/web/production/note": b"mine"}, message="mine")
        shop.bot("update")  # it says so
    else:
        approve(shop)
    frozen(shop, f"environments: all, except: [{shop.image('api')}]")
    plan = shop.ask("plan")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    (proposal,) = proposals(plan.json)
    assert proposal["action"] == "leave"
    line = len(shop.files("main")["gitops-bot.yaml"].splitlines())
    assert proposal["reason"]["text"].endswith(
        f"; some of it is held until 2999-12-24 (the fair) by gitops-bot.yaml:{line}, and a merge would bring that, "
        "too; until that ends, gitops-bot takes back the auto-merge that it set"
    )
    assert (shop.pull()["number"], shop.pull()["auto_merge"]) == (1, None)
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    passes(shop)
    assert tags(shop, "main")["web/web"] == "1.0.0"

    configure(shop, propose)
    if left_alone_by == "commit":  # that is theirs now
        with shop.watching() as seen:
            shop.bot("update")
        assert seen.nothing
        return
    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "none"})
    assert tags(shop, "main") == {"web/web": "1.1.0", "api/api": "1.1.0"}  # its checks are green


def test_what_a_person_set_to_merge_is_never_taken_back(shop: Deploy) -> None:
    guard(shop)
    configure(shop)
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.bot("update")
    mutate(shop, "enablePullRequestAutoMerge")
    frozen(shop, f"environments: all, except: [{shop.image('api')}]")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert actions(done.json) == {"all": "leave"}
    assert "takes back" not in proposals(done.json)[0]["reason"]["text"]
    assert shop.pull()["auto_merge"]["enabled_by"]["login"] != BOT
