"""Which changes go into one proposal, and what becomes of the proposals where people change their mind about that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.commands.conftest import API, WEB
from tests.commands.scene import actions, config, configure, held, news, proposals, reason, said
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy, World

ALL = "gitops-bot/production/all"
_SLUG = re.compile(r"gitops-bot/production/[a-z0-9-]{1,60}")
NAMED = (
    '{group: [{name: front, images: ["*/web"]}, {name: data, overlays: ["apps/api/**"]}, {name: late, images: ["*"],'
    ' overlays: ["apps/none/*"]}]}'
)
TOGETHER = '{group: [{name: both, images: ["*"], together: true}]}'


def branches(deploy: Deploy) -> dict[str, dict[str, str]]:
    """What is new on each of the bot's branches."""
    return {name: news(deploy, name) for name in deploy.branches if name.startswith("gitops-bot/")}


def test_each_group_is_one_pull_request_with_its_changes_alone(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        pins = {name: f"newTag: 1.0.0; digest: {deploy.push(name, '1.0.0')}" for name in ("web", "api", "proxy")}
        both = {app: [(deploy.image(name), pins[name]) for name in (app, "proxy")] for app in ("web", "api")}
        return {"gitops-bot.yaml": config(NAMED), WEB: overlay(both["web"]), API: overlay(both["api"])}

    deploy = worldwide.deploy(files)
    for name in ("web", "api", "proxy"):
        deploy.push(name, "1.1.0")
    assert deploy.bot("update").code == 0
    found = branches(deploy)
    assert sorted(sorted(each) for each in found.values()) == [["api/api", "api/proxy"], ["web/proxy"], ["web/web"]]
    assert all(set(each.values()) == {"1.1.0"} for each in found.values())
    assert all(_SLUG.fullmatch(name) for name in found)
    assert {pull["head"]["ref"] for pull in deploy.pulls("all")} == found.keys()
    assert len({pull["title"] for pull in deploy.pulls()}) == 3


def test_a_newer_tag_refreshes_its_own_group_on_the_same_branch_and_no_other(shop: Deploy) -> None:
    configure(shop, "{group: overlay}")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.bot("update")
    (web,) = (name for name, pins in branches(shop).items() if "web/web" in pins)
    (pull,) = (pull for pull in shop.pulls() if pull["head"]["ref"] == web)
    shop.push("web", "1.2.0")

    with shop.watching() as seen:
        done = shop.ask("update")
    assert actions(done.json) == {"apps/api/production": "none", "apps/web/production": "refresh"}
    assert seen.writes == [f"PATCH /pulls/{pull['number']} 200"]
    assert {name for name in seen.before if seen.before[name] != seen.after[name]} == {web}
    assert seen.before.keys() == seen.after.keys()
    assert news(shop, web) == {"web/web": "1.2.0"}
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert len(seen.reads) == 1


def test_one_held_entry_holds_the_rest_of_its_group_and_what_is_open_stays(shop: Deploy) -> None:
    configure(shop, TOGETHER)
    shop.push("web", "1.1.0")
    shop.bot("update")
    assert branches(shop) == {"gitops-bot/production/both": {"web/web": "1.1.0"}}

    hold = f'holds: [{{environment: production, image: {shop.image("api")}, until: 2999-01-01, why: "a fair"}}]'
    configure(shop, TOGETHER, hold)
    for name, tag in (("web", "1.2.0"), ("api", "1.1.0")):
        shop.push(name, tag)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 0
    assert held(done.json) == {"web": ("1.2.0", "held.hold"), "api": ("1.1.0", "held.hold")}
    assert "the group both is proposed as a whole" in reason(done.json, "web")["text"]
    assert actions(done.json) == {"both": "none"}

    configure(shop, TOGETHER)
    shop.bot("update")
    assert [pull["number"] for pull in shop.pulls("all")] == [1]
    assert branches(shop) == {"gitops-bot/production/both": {"web/web": "1.2.0", "api/api": "1.1.0"}}


def test_pins_move_to_the_new_groups_before_the_old_proposal_is_closed_with_a_word(shop: Deploy) -> None:
    for name in ("web", "api"):
        shop.push(name, "1.2.0")
    digest = shop.push("web", "1.3.0-rc.1")  # no policy would choose this one
    assert shop.bot("set", "production", f"{shop.image('web')}=1.3.0-rc.1@{digest}").code == 0
    shop.bot("update")
    assert branches(shop) == {ALL: {"web/web": "1.3.0-rc.1", "api/api": "1.2.0"}}

    configure(shop, "{group: overlay}")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert done.code == 0
    assert actions(done.json) == {"all": "close", "apps/api/production": "open", "apps/web/production": "open"}
    assert seen.writes == [
        "POST /pulls 201",
        "POST /pulls 201",
        "POST /issues/1/comments 201",
        "PATCH /pulls/1 200",
    ]
    assert sorted(map(str, branches(shop).values())) == ["{'api/api': '1.2.0'}", "{'web/web': '1.3.0-rc.1'}"]
    assert ALL not in seen.after
    assert [(pull["number"], pull["state"]) for pull in shop.pulls("all")] == [(3, "open"), (2, "open"), (1, "closed")]
    (word,) = said(shop)
    assert "no entry belongs to this group any more" in word
    with shop.watching() as seen:
        again = shop.ask("update")
    assert seen.nothing
    assert held(again.json) == {}


def test_set_reports_and_writes_only_the_proposals_that_carry_its_pins(shop: Deploy) -> None:
    configure(shop, "{group: image}")
    digests = {name: shop.push(name, "1.1.0") for name in ("web", "api")}
    for name, digest in digests.items():
        done = shop.ask("set", "production", f"{shop.image(name)}=1.1.0@{digest}")
        (proposal,) = proposals(done.json)
        assert (proposal["group"], proposal["action"]) == (shop.image(name), "open")
        assert f"#{3 - proposal['pull_request']['number']} " not in done.out

    # Its own is named although there is nothing to write; the other is left to `update`, whatever it lacks.
    shop.call("PATCH", "/pulls/2", {"body": "a person's words alone"})
    with shop.watching() as seen:
        again = shop.ask("set", "production", f"{shop.image('web')}=1.1.0@{digests['web']}")
    assert seen.nothing
    assert [(each["pull_request"]["number"], each["action"]) for each in proposals(again.json)] == [(1, "none")]

    # Held: no proposal carries what was asked for.
    older = shop.ask("set", "production", f"{shop.image('web')}=1.0.5@{digests['api']}")
    assert (older.code, proposals(older.json), held(older.json)) == (1, [], {"web": ("1.0.5", "held.downgrade")})
    assert actions(shop.ask("update").json) == {shop.image("api"): "refresh", shop.image("web"): "none"}


def test_a_proposal_keeps_what_is_to_move_until_it_has_arrived(shop: Deploy) -> None:
    digest = shop.push("web", "1.3.0-rc.1")
    for name in ("web", "api"):
        shop.bot("set", "production", f"{shop.image(name)}=1.3.0-rc.1@{digest}")
    configure(shop, "{group: overlay, limit: {open: 1}}")
    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.nothing
    configure(shop, "{group: overlay}")
    shop.remote.hook("pre-receive", "while read _ _ ref; do case $ref in */apps-*) exit 1;; esac; done")
    with shop.watching() as seen:
        assert shop.bot("update").code == 1
    assert seen.nothing
    assert branches(shop) == {ALL: {"web/web": "1.3.0-rc.1", "api/api": "1.3.0-rc.1"}}

    (shop.remote.path / "hooks" / "pre-receive").unlink()
    assert shop.bot("update").code == 0
    assert list(branches(shop).values()) == [{"api/api": "1.3.0-rc.1"}, {"web/web": "1.3.0-rc.1"}]
    assert ALL not in shop.branches


def test_what_a_branch_of_the_old_groups_proposes_that_is_left_alone_is_proposed_nowhere_else(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit(ALL, {"apps/web/production/patch.yaml": b"x: 1\n"})
    configure(shop, "{group: overlay}")
    for name in ("web", "api"):
        shop.push(name, "1.2.0")

    done = shop.ask("update")
    assert done.code == 0
    assert held(done.json) == {"web": ("1.2.0", "person")}
    assert actions(done.json)["all"] == "leave"
    found = branches(shop)
    assert found.pop(ALL) == {"web/web": "1.1.0"}
    assert list(found.values()) == [{"api/api": "1.2.0"}]
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    # Once it is closed by a person, the newer pin has its place in its own group.
    shop.call("PATCH", "/pulls/1", {"state": "closed"})
    shop.bot("update")
    assert {"web/web": "1.2.0"} in branches(shop).values()


def test_what_was_declined_in_one_group_is_declined_in_the_others(shop: Deploy) -> None:
    pin = f"1.3.0-rc.1@{shop.push('web', '1.3.0-rc.1')}"
    shop.push("api", "1.1.0")
    shop.bot("set", "production", f"{shop.image('web')}={pin}")
    shop.bot("update")
    shop.call("PATCH", "/pulls/1", {"state": "closed"})
    shop.remote.git("update-ref", "-d", f"refs/heads/{ALL}")
    configure(shop, "{group: overlay}")
    with shop.watching() as seen:
        done = shop.ask("set", "production", f"{shop.image('web')}={pin}")
        found = shop.ask("update")
    assert seen.nothing
    assert (done.code, held(done.json)) == (1, {"web": ("1.3.0-rc.1", "held.declined")})
    assert held(found.json) == {"api": ("1.1.0", "held.declined")}
    assert reason(done.json, "web")["data"]["pull_request"] == 1
    # What is newer is no part of that.
    shop.push("api", "1.2.0")
    shop.bot("update")
    assert {"api/api": "1.2.0"} in branches(shop).values()


def test_what_a_person_declines_while_it_moves_is_declined_where_it_went(shop: Deploy) -> None:
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.bot("update")
    configure(shop, "{group: overlay}")
    shop.push("api", "1.2.0")

    def decline(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        if (request.method, request.path.endswith("/pulls")) == ("POST", True):
            shop.gate(None)  # the first of the new ones is there; the pull request of the old group still is
            shop.call("DELETE", f"/git/refs/heads/{ALL}")
        return answer

    shop.gate(decline)
    done = shop.ask("update")
    assert done.code == 0
    assert held(done.json) == {"web": ("1.1.0", "held.declined")}
    (new,) = (name for name in branches(shop) if name != ALL)
    assert (branches(shop)[new], [pull["head"]["ref"] for pull in shop.pulls()]) == ({"api/api": "1.2.0"}, [new])
    old = shop.call("GET", "/pulls/1")
    assert (old["state"], "gitops-bot:closed" in old["body"]) == ("closed", False)
    # A run after that knows it still.
    with shop.watching() as seen:
        again = shop.ask("update")
    assert seen.nothing
    assert held(again.json) == {"web": ("1.1.0", "held.declined")}
