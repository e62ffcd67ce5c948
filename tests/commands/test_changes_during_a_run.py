"""What people do while a run is on its way counts: each group is looked up once more right before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import WEB
from tests.commands.scene import actions, approve, configure, held, label, meanwhile, news, shown
from tests.commands.stages import ROLLBACK, Stages
from tests.commands.stages import actions as actions_of
from tests.commands.stages import held as held_of
from tests.counterparts.faults import NONE, faulty

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.faults import Fault
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"


def test_a_refresh_stops_at_a_word_that_comes_while_it_is_prepared(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    was = shown(shop)
    shop.push("web", "1.2.0")
    meanwhile(shop, lambda: approve(shop))
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert (done.code, actions(done.json), shown(shop)) == (0, {"all": "leave"}, was)
    assert held(done.json) == {"web": ("1.2.0", "held.frozen")}
    assert done.json["environments"][0]["proposals"][0]["reason"]["code"] == "held.frozen"


def close(deploy: Deploy, number: int = 1) -> None:
    deploy.call("PATCH", f"/pulls/{number}", {"state": "closed"})


def test_what_a_person_does_after_git_has_begun_to_push_counts_until_the_commit_is_sent(shop: Deploy) -> None:
    configure(shop, "{group: overlay}")
    for tag in ("1.1.0", "1.2.0"):
        for name in ("web", "api"):
            shop.push(name, tag)
        if tag == "1.1.0":
            shop.bot("update")
    first, second = (next(pull for pull in shop.pulls() if name in pull["title"]) for name in ("api", "web"))
    was, pushing = shown(shop, first["number"]), list[str]()

    def overtaken(_: int, line: str) -> Fault:
        if "receive-pack" in line:
            pushing.append("commit" if line.startswith("POST ") else "refs")
            if len(pushing) == 1:
                close(shop, first["number"])
        return NONE

    with faulty(shop.world.git.address, overtaken) as proxy, shop.watching() as seen:
        done = shop.ask("update", env=shop.env | {"GITHUB_SERVER_URL": proxy.address})
    # The commit of the first was never sent; that of the other was.
    assert pushing == ["refs", "refs", "commit", "refs", "commit"]
    assert (done.code, actions(done.json)) == (0, {"apps/api/production": "open", "apps/web/production": "refresh"})
    assert shown(shop, first["number"]) == ("closed", *was[1:])
    assert news(shop, second["head"]["ref"]) == {"web/web": "1.2.0"}
    # Looked up once for each push, and all of them again after the race.
    assert seen.reads.count("POST /graphql 200") == 1 + 1 + 1 + 2


def test_a_hold_that_comes_before_the_closing_mark_is_written_counts(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit("main", {WEB: shop.files(BRANCH)[WEB]}, message="by hand")
    was = shown(shop)

    def overtaken(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.method == "PATCH":
            shop.gate(None)
            label(shop)
        return go()

    shop.gate(overtaken)
    assert actions(shop.ask("update").json) == {"all": "leave"}
    assert shown(shop) == was


def test_what_is_opened_and_declined_by_hand_meanwhile_is_not_opened_again(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    refusal = Answer.json(403, {"message": "Resource not accessible by integration"})
    shop.gate(lambda request, go: refusal if request.path.endswith("/pulls") else go())
    assert shop.bot("update").code == 1
    assert BRANCH in shop.branches

    def decline() -> None:
        opened = shop.call("POST", "/pulls", {"title": "mine", "head": BRANCH, "base": "main"})
        shop.call("PATCH", f"/pulls/{opened['number']}", {"state": "closed"})

    meanwhile(shop, decline)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web": ("1.1.0", "held.declined")}
    assert [(pull["number"], pull["state"]) for pull in shop.pulls("all")] == [(1, "closed")]


def test_what_a_person_holds_is_not_merged(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    configure(shop, "{auto_merge: without-checks}")
    base = shop.branches["main"]
    meanwhile(shop, lambda: label(shop))
    with shop.watching() as seen:
        assert actions(shop.ask("update").json) == {"all": "leave"}
    assert seen.nothing
    assert shop.branches["main"] == base
    shop.call("DELETE", "/issues/1/labels/hold")
    shop.bot("update")
    assert shop.call("GET", "/pulls/1")["merged"] is True


def test_rollbacks_stop_as_well(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("production", app, "1.1.0")
    assert actions_of(stages.rollback("--image", stages.deploy.image("web")).json) == {"rollback-all": "open"}
    was = shown(stages.deploy)
    meanwhile(stages.deploy, lambda: label(stages.deploy))
    with stages.deploy.watching() as seen:
        done = stages.rollback("--image", stages.deploy.image("api"))
    assert seen.nothing
    assert (done.code, actions_of(done.json), shown(stages.deploy)) == (1, {"rollback-all": "leave"}, was)
    assert stages.deploy.branches.keys() - {"main"} == {ROLLBACK}


def test_one_whose_base_a_person_changed_is_left_alone_and_gets_no_second_one(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit("release", {"README.md": b"# release\n"}, parents=[shop.branches["main"]])
    shop.call("PATCH", "/pulls/1", {"base": "release"})
    shop.push("web", "1.2.0")
    was = shown(shop)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert (done.code, seen.nothing, shown(shop)) == (0, True, was)
    (proposal,) = done.json["environments"][0]["proposals"]
    assert (proposal["action"], proposal["reason"]["code"]) == ("leave", "person")
    assert proposal["reason"]["text"].startswith("#1 merges into release now: it is left alone")
    shop.call("PATCH", "/pulls/1", {"base": "main"})
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert [pull["number"] for pull in shop.pulls("all")] == [1]


@pytest.mark.parametrize("moment", ["right before the last look", "while it is labelled"])
def test_a_rollback_that_a_person_closes_while_it_is_made_is_not_opened_anew(worldwide: World, moment: str) -> None:
    stages = Stages.start(worldwide, "propose: {labels: [release]}")
    deploy = stages.deploy
    stages.run("production", "web", "1.1.0")

    def labelled(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.path.endswith("/labels"):
            deploy.gate(None)
            close(deploy)
        return go()

    if moment == "while it is labelled":
        deploy.gate(labelled)
    else:
        assert actions_of(stages.rollback().json) == {"rollback-all": "open"}
        stages.run("production", "web", "1.1.1")  # so that it has something to write again
        meanwhile(deploy, lambda: close(deploy))
    done = stages.rollback("--to", "1")
    assert (done.code, actions_of(done.json), held_of(done.json)) == (1, {}, {"web/production": "held.declined"})
    assert deploy.pulls() == []


@pytest.mark.parametrize("by", ["a person", "another run"])
def test_whoever_closes_it_while_its_text_is_written_is_known_by_that(shop: Deploy, by: str) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.call("PATCH", "/pulls/1", {"body": "Nothing of the bot's is left."})  # the next run writes its text anew

    def ends(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.method == "PATCH":
            shop.gate(None)
            if by == "a person":
                shop.call("DELETE", f"/git/refs/heads/{BRANCH}")
            else:
                hold = (
                    f"holds: [{{environment: production, image: {shop.image('web')}, until: 2099-01-01, why: a fair}}]"
                )
                configure(shop, more=hold)
                assert shop.bot("update").code == 0
                configure(shop)
        return go()

    shop.gate(ends)
    assert shop.bot("update").code == 0
    assert shop.call("GET", "/pulls/1")["state"] == "closed"
    done = shop.ask("update")
    if by == "a person":
        assert held(done.json) == {"web": ("1.1.0", "held.declined")}
        assert shop.pulls() == []
    else:
        assert (shop.pull()["number"], news(shop, BRANCH)) == (2, {"web/web": "1.1.0"})
