"""How many proposals there may be, and when: what is open already is kept up at any time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.commands.conftest import API
from tests.commands.scene import actions, closed, configure, held, news, reason

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def test_no_more_proposals_than_people_asked_for(shop: Deploy) -> None:
    configure(shop, "{group: overlay, limit: {open: 1, new_per_hour: 2}}")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    done = shop.ask("update")
    assert done.code == 0
    assert actions(done.json) == {"apps/api/production": "open", "apps/web/production": "leave"}
    assert held(done.json) == {"web": ("1.1.0", "held.limit")}
    assert len(shop.branches) == 2
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    # What is open is kept up.
    shop.push("api", "1.2.0")
    assert actions(shop.ask("update").json)["apps/api/production"] == "refresh"
    shop.call("PUT", "/pulls/1/merge")
    shop.call("DELETE", f"/git/refs/heads/{shop.pulls('all')[0]['head']['ref']}")
    configure(shop, "{group: overlay, limit: {open: 2, new_per_hour: 1}}")
    done = shop.ask("update")
    assert held(done.json) == {"web": ("1.1.0", "held.limit")}
    assert "opens_at" in reason(done.json, "web")["data"]
    assert shop.pulls() == []
    configure(shop, "{group: overlay, limit: {open: 1, new_per_hour: 2}}")
    done = shop.ask("update")
    assert (actions(done.json), held(done.json)) == ({"apps/web/production": "open"}, {})


def test_a_proposal_that_is_closed_makes_room_for_another(shop: Deploy) -> None:
    configure(shop, "{group: overlay, limit: {open: 1}}")
    shop.push("api", "1.1.0")
    shop.bot("update")
    # What it proposes comes to the base branch in another way.
    shop.remote.commit("main", {API: shop.files(shop.pull()["head"]["ref"])[API]})
    shop.push("web", "1.1.0")
    done = shop.ask("update")
    assert actions(done.json) == {"apps/api/production": "close", "apps/web/production": "open"}
    assert (done.code, held(done.json), [pull["number"] for pull in shop.pulls()]) == (0, {}, [2])


def test_outside_of_the_schedule_nothing_new_is_opened_and_what_is_open_is_kept_up(shop: Deploy) -> None:
    configure(shop, f"{{{closed()}}}")
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert (done.code, actions(done.json)) == (0, {"all": "leave"})
    assert held(done.json) == {"web": ("1.1.0", "held.window")}
    opens = datetime.fromisoformat(reason(done.json, "web")["data"]["opens_at"])
    assert opens > datetime.now(UTC)

    configure(shop, "{schedule: [{days: [sat-fri]}]}")
    assert actions(shop.ask("update").json) == {"all": "open"}
    configure(shop, f"{{{closed()}}}")
    shop.push("web", "1.2.0")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}


def test_commits_keep_to_the_schedule_too(shop: Deploy) -> None:
    configure(shop, f"{{as: commit, {closed()}}}")
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert seen.api == []
    assert (done.code, actions(done.json), held(done.json)) == (0, {"all": "leave"}, {"web": ("1.1.0", "held.window")})
