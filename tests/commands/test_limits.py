"""How many proposals there may be, and when: what is open already is kept up at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import API
from tests.commands.scene import DAYS, actions, closed, configure, held, news, reason

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


@pytest.mark.parametrize(
    ("limit", "after_the_merge"),
    [("{open: 1, new_per_hour: 2}", "opened"), ("{open: 2, new_per_hour: 1}", "waits")],
    ids=["open", "new in an hour"],
)
def test_no_more_proposals_than_people_asked_for(shop: Deploy, limit: str, after_the_merge: str) -> None:
    configure(shop, f"{{group: overlay, limit: {limit}}}")
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
    done = shop.ask("update")
    if after_the_merge == "opened":
        assert (actions(done.json), held(done.json)) == ({"apps/web/production": "open"}, {})
    else:
        assert held(done.json) == {"web": ("1.1.0", "held.limit")}
        assert "opens_at" in reason(done.json, "web")["data"]
        assert shop.pulls() == []


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


def test_a_proposal_may_move_to_another_group_within_the_limit(shop: Deploy) -> None:
    configure(shop, "{limit: {open: 1}}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    configure(shop, "{group: overlay, limit: {open: 1}}")
    done = shop.ask("update")
    assert actions(done.json) == {"all": "close", "apps/web/production": "open"}
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


def test_in_a_span_that_is_not_in_the_schedule_nothing_new_is_opened(shop: Deploy) -> None:
    now = datetime.now(UTC)
    days = f"days: [{DAYS[(now.weekday() - 1) % 7]}-{DAYS[(now.weekday() + 1) % 7]}]"  # yesterday, today and tomorrow
    configure(shop, f"{{schedule: [{{days: [mon-sun]}}, {{not: {{{days}}}}}]}}")
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web": ("1.1.0", "held.window")}
    opens = datetime.fromisoformat(reason(done.json, "web")["data"]["opens_at"])
    assert timedelta(days=1) <= opens - now <= timedelta(days=2)
    configure(shop, f"{{schedule: [{{not: {{days: [{DAYS[(now.weekday() + 3) % 7]}]}}}}]}}")
    assert actions(shop.ask("update").json) == {"all": "open"}


def test_what_is_set_outside_of_the_schedule_waits_and_the_command_says_that_it_could_not(shop: Deploy) -> None:
    configure(shop, f"{{{closed()}}}")
    digest = shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("set", "production", f"{shop.image('web')}=1.1.0@{digest}")
    assert seen.nothing
    assert (done.code, held(done.json)) == (1, {"web": ("1.1.0", "held.window")})


def test_commits_keep_to_the_schedule_too(shop: Deploy) -> None:
    configure(shop, f"{{as: commit, {closed()}}}")
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert seen.api == []
    assert (done.code, actions(done.json), held(done.json)) == (0, {"all": "leave"}, {"web": ("1.1.0", "held.window")})
