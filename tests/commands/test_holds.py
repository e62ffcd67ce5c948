"""What people write into `holds:` is left as it is until the day that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import API, WEB
from tests.commands.scene import actions, configure, held, news, reason, said

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
FAIR = 'until: 2999-12-24, why: "no release before the fair"'


def hold(image: str = "", ends: str = FAIR) -> str:
    """One item of `holds:`."""
    return f"  - {{environment: production, {f'image: {image}, ' if image else ''}{ends}}}\n"


def test_a_held_image_is_shown_and_not_proposed_and_a_hold_that_ended_is_told(shop: Deploy) -> None:
    over = hold(shop.image("api"), "until: 2020-01-01T08:00:00+01:00, why: stocktaking")
    configure(shop, more=f"holds:\n{hold(shop.image('web'))}{over}")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    with shop.watching() as seen:
        plan = shop.ask("plan")
    assert seen.nothing
    assert held(plan.json) == {"web": ("1.1.0", "held.hold")}
    assert reason(plan.json, "web")["data"] == {
        "until": "2999-12-24T00:00:00Z",
        "why": "no release before the fair",
        "file": "gitops-bot.yaml",
        "line": 10,
        "image": shop.image("web"),
    }

    done = shop.bot("update")
    assert done.code == 0
    assert "held.hold: held until 2999-12-24 (no release before the fair) by gitops-bot.yaml:10" in done.out
    assert news(shop, BRANCH) == {"api/api": "1.1.0"}
    told = "gitops-bot.yaml:11:"
    assert told in done.err
    assert "ended 2020-01-01 07:00 UTC (stocktaking)" in done.err
    assert "error" not in done.err
    assert plan.code == 0
    assert "ended" in plan.err


def test_an_open_proposal_loses_what_is_held_and_ends_with_its_last_pin(shop: Deploy) -> None:
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.bot("update")
    configure(shop, more=f"holds:\n{hold(shop.image('web'))}")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"api/api": "1.1.0"}
    assert shop.pull()["title"] == "chore(production): api 1.1.0"
    assert "no release before the fair" in shop.pull()["body"]

    configure(shop, more=f"holds:\n{hold(shop.image('web'))}{hold(shop.image('api'))}")
    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "close"})
    assert held(done.json) == {"web": ("1.1.0", "held.hold"), "api": ("1.1.0", "held.hold")}
    assert shop.branches.keys() == {"main"}
    (word,) = said(shop)
    assert word.startswith(
        "<!-- gitops-bot:closing -->\nClosing: held until 2999-12-24 (no release before the fair) by "
    )
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    # It was no decline: when the hold is gone, both are proposed again.
    configure(shop)
    done = shop.ask("update")
    assert (actions(done.json), held(done.json)) == ({"all": "open"}, {})
    tree = shop.files("main")
    assert {path for path, data in shop.files(BRANCH).items() if tree[path] != data} == {WEB, API}
