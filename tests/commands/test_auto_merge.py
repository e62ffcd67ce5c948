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


def guard(shop: Deploy, *, queue: bool = False, auto_merge: bool = True) -> None:
    """The base branch asks for the check `ci`, and has a merge queue or not."""
    shop.world.forge.settings(shop.name, allow_auto_merge=auto_merge)
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


def test_without_required_checks_it_waits_for_a_person_and_says_so(shop: Deploy) -> None:
    configure(shop, "{auto_merge: true}")
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.bot("update")
    assert done.code == 0
    assert "pull request #1 will not merge by itself: its base branch main requires no checks" in done.err
    assert "auto_merge: without-checks" in done.err
    assert not [line for line in seen.writes if "merge" in line or "graphql" in line]
    assert tags(shop, "main")["web/web"] == "1.0.0"
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1)])
def test_without_checks_it_is_merged_at_once_at_the_commit_that_was_pushed(
    shop: Deploy, method: str, parents: int
) -> None:
    configure(shop, f"{{auto_merge: without-checks, merge_method: {method}}}")
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
    assert sent == [{"sha": found["commit"], "merge_method": method}]
    assert tags(shop, "main")["web/web"] == "1.1.0"
    assert shop.parents("main")[0] == base
    assert len(shop.parents("main")) == parents
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


@pytest.mark.parametrize("auto_merge", [True, False], ids=["by auto-merge", "at once"])
def test_a_merge_queue_gets_it_when_it_is_ready(shop: Deploy, auto_merge: bool) -> None:
    if auto_merge:
        guard(shop, queue=True)
        configure(shop, "{auto_merge: true}")
    else:
        shop.world.forge.protect(shop.name, merge_queue="squash")
        configure(shop, "{auto_merge: without-checks}")
    shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    if auto_merge:
        assert shop.world.forge.advance(shop.name) == ()
        passes(shop)
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        waits = shop.ask("update")
    assert seen.nothing
    assert held(waits.json) == {"web": ("1.2.0", "held.frozen")}
    assert shop.world.forge.advance(shop.name) == (1,)
    assert tags(shop, "main")["web/web"] == "1.1.0"


def test_where_the_repository_allows_no_auto_merge_the_run_that_finds_it_ready_merges_it(shop: Deploy) -> None:
    guard(shop, auto_merge=False)
    configure(shop, "{auto_merge: true}")
    shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert done.code == 0
    assert "pull request #1 will not merge by itself: it is not ready, and auto-merge is not allowed" in done.err
    assert "Allow auto-merge" in done.err
    assert shop.pull()["number"] == 1

    passes(shop)
    with shop.watching() as seen:
        done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    assert [line for line in seen.writes if "/merge" in line] == ["PUT /pulls/1/merge 200"]
    assert tags(shop, "main")["web/web"] == "1.1.0"


@pytest.mark.parametrize("again", [False, True], ids=["", "and switches auto-merge on again"])
def test_a_person_who_takes_it_out_of_the_queue_is_not_overruled(shop: Deploy, again: bool) -> None:
    guard(shop, queue=True)
    configure(shop, "{auto_merge: true, merge_method: squash}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    passes(shop)
    mutate(shop, "dequeuePullRequest")
    if again:
        shop.world.forge.report(shop.name, shop.branches[BRANCH], "ci", "failure")
        mutate(shop, "enablePullRequestAutoMerge")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert shop.world.forge.advance(shop.name) == ()


@pytest.mark.parametrize("by", ["hold", "never", "commit"])
def test_nothing_is_merged_where_the_bot_has_no_say(shop: Deploy, by: str) -> None:
    guard(shop, auto_merge=False)
    configure(shop, "{auto_merge: true, merge_method: squash}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    match by:
        case "hold":
            shop.call("POST", "/issues/1/labels", {"labels": ["hold"]})
        case "never":
            configure(shop, "{auto_merge: false}")
        case _:
            shop.remote.commit(BRANCH, {"apps/web/production/note": b"mine"}, message="mine")
    passes(shop)
    with shop.watching() as seen:
        shop.bot("update")
    assert not [line for line in seen.writes if "merge" in line or "graphql" in line]
    assert shop.pull()["number"] == 1


FAIR = 'until: 2999-12-24, why: "the fair"'


def frozen(shop: Deploy, more: str, propose: str = "{auto_merge: true, merge_method: squash}") -> None:
    configure(shop, propose, more=f"holds: [{{{more}, {FAIR}}}]\n")


@pytest.mark.parametrize("left_alone_by", ["hold", "commit", "approval"])
def test_a_freeze_takes_back_what_the_bot_set_and_gives_it_again(shop: Deploy, left_alone_by: str) -> None:
    guard(shop)
    propose = "{auto_merge: true, merge_method: squash}"
    configure(shop, propose)
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    shop.bot("update")
    assert shop.pull()["auto_merge"]["enabled_by"]["login"] == BOT
    match left_alone_by:
        case "hold":
            shop.call("POST", "/issues/1/labels", {"labels": ["hold"]})
        case "commit":
            shop.remote.commit(BRANCH, {"apps/web/production/note": b"mine"}, message="mine")
            shop.bot("update")  # it says so
        case _:
            approve(shop)
    frozen(shop, f"environments: all, except: [{shop.image('api')}]")
    plan = shop.ask("plan")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    (proposal,) = proposals(plan.json)
    assert proposal["action"] == "leave"
    assert proposal["reason"]["text"].endswith(
        "; some of it is on hold, and until that ends, gitops-bot takes back the auto-merge that it set"
    )
    assert (shop.pull()["number"], shop.pull()["auto_merge"]) == (1, None)
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    passes(shop)
    assert tags(shop, "main")["web/web"] == "1.0.0"

    configure(shop, propose)
    if left_alone_by == "hold":
        shop.call("DELETE", "/issues/1/labels/hold")
    if left_alone_by == "commit":  # that is theirs now
        with shop.watching() as seen:
            shop.bot("update")
        assert seen.nothing
        return
    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "none"})
    assert tags(shop, "main") == {"web/web": "1.1.0", "api/api": "1.1.0"}  # its checks are green


def test_a_freeze_takes_its_pins_from_what_only_the_bot_set_to_merge(shop: Deploy) -> None:
    guard(shop)
    configure(shop, "{auto_merge: true, merge_method: squash}")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.bot("update")
    frozen(shop, f"environments: all, except: [{shop.image('api')}]")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"api/api": "1.1.0"}
    assert shop.pull()["auto_merge"] is not None
    frozen(shop, "environments: all")
    assert actions(shop.ask("update").json) == {"all": "close"}
    configure(shop, "{auto_merge: true, merge_method: squash}")
    assert actions(shop.ask("update").json) == {"all": "open"}
    assert (shop.pull()["number"], shop.pull()["auto_merge"]["enabled_by"]["login"]) == (2, BOT)


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


def test_a_person_who_switches_it_off_after_a_freeze_is_not_overruled(shop: Deploy) -> None:
    guard(shop)
    propose = "{auto_merge: true, merge_method: squash}"
    configure(shop, propose)
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.call("POST", "/issues/1/labels", {"labels": ["hold"]})
    frozen(shop, "environments: all")
    shop.bot("update")
    configure(shop, propose)
    shop.call("DELETE", "/issues/1/labels/hold")
    shop.bot("update")
    assert shop.pull()["auto_merge"] is not None
    mutate(shop, "disablePullRequestAutoMerge")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_a_rollback_goes_on_to_merge_by_itself_in_a_freeze(shop: Deploy) -> None:
    guard(shop)
    shop.push("web", "1.1.0")
    configure(shop, "{auto_merge: without-checks}")
    shop.world.forge.protect(shop.name)
    shop.bot("update")
    assert tags(shop, "main")["web/web"] == "1.1.0"
    guard(shop)
    frozen(shop, "environments: all")
    assert shop.bot("rollback", "production").code == 0
    rollback = "gitops-bot/production/rollback-all"
    assert shop.pull()["auto_merge"]["enabled_by"]["login"] == BOT
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert shop.pull()["auto_merge"] is not None
    shop.world.forge.report(shop.name, shop.branches[rollback], "ci")
    assert shop.pulls() == []
    assert tags(shop, "main") == {"web/web": "1.0.0", "api/api": "1.0.0"}
