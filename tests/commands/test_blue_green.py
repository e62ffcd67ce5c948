"""Blue-green: new pins for the idle slot, then the switch alone, and back without a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.scene import way_back
from tests.commands.slots import BLUE, CONFIG, FOLDER, GREEN, SERVICE, Shop, deployment, service
from tests.commands.stages import environment

if TYPE_CHECKING:
    from tests.counterparts.world import Done, World


def told(document: Any) -> dict[str, str]:
    """The codes of what is held, by the names of the entries."""
    return {item["entry"]["name"]: item["reason"]["code"] for item in environment(document)["held"]}


def reasons(document: Any) -> dict[str, str]:
    return {item["entry"]["name"]: item["reason"]["text"] for item in environment(document)["held"]}


@pytest.fixture
def shop(worldwide: World) -> Shop:
    return Shop.start(worldwide)


def test_a_new_pin_the_switch_and_the_way_back_are_three_proposals(shop: Shop) -> None:
    assert told(shop.update()) == {}
    assert shop.deploy.pulls() == []
    image = shop.image("1.1.0")
    assert told(shop.update()) == {"Deployment/web-blue/web": "held.slot"}
    assert shop.changed == {GREEN: deployment("green", image)}
    back = way_back(shop.deploy.pull()["body"])
    shop.merge()
    (change,) = environment(shop.deploy.ask(*back, "--dry-run").json)["proposals"][0]["changes"]
    assert (change["entry"]["file"], change["to"]["tag"]) == (GREEN, "1.0.0")

    document = shop.update()
    assert shop.changed == {SERVICE: service("green")}
    (change,) = environment(document)["proposals"][0]["changes"]
    assert (change["from"], change["to"], change["source"]) == (
        {"tag": "blue", "digest": None},
        {"tag": "green", "digest": None},
        "policy",
    )
    with shop.deploy.watching() as seen:
        shop.update()
    assert seen.nothing
    back = way_back(shop.deploy.pull()["body"])
    shop.merge()
    assert told(shop.update()) == {}
    assert shop.deploy.pulls() == []  # blue keeps what it has

    with shop.deploy.world.registry.counting() as asked:
        done = shop.deploy.ask(*back)
    assert (done.code, asked) == (0, [])
    assert shop.changed == {SERVICE: service("blue")}
    shop.merge()
    document = shop.update()
    assert shop.deploy.pulls() == []
    assert told(document)["Service/web"] == "held.reverted"

    # What is newer goes to green again, and the switch to it is no longer held.
    image = shop.image("1.2.0")
    shop.update()
    assert shop.changed == {GREEN: deployment("green", image)}
    shop.merge()
    shop.update()
    assert shop.changed == {SERVICE: service("green")}


def test_the_switch_waits_for_the_soak_and_tells_how_long(worldwide: World) -> None:
    shop = Shop.start(worldwide, soak="2h")
    shop.give("green", "1.1.0", minutes=30)
    document = shop.update()
    assert shop.deploy.pulls() == []
    assert told(document)["Service/web"] == "held.soak"
    assert "soaks in green for 2h, since " in reasons(document)["Service/web"]
    shop.give("green", "1.1.1", minutes=150)
    shop.update()
    assert shop.changed == {SERVICE: service("green")}


@pytest.mark.parametrize("command", ["set by name", "promote", "update"])
def test_no_command_edits_the_live_slot(shop: Shop, command: str) -> None:
    image, before = shop.image("1.1.0"), shop.deploy.files("main")
    done: Done
    match command:
        case "set by name":
            pin = image.partition(":")[2].partition(":")[2]
            done = shop.deploy.ask("set", "production", f"Deployment/web-blue/web={pin}")
            assert done.code == 1
        case "promote":
            shop.commit({"apps/web/staging/deployment.yaml": deployment("staging", image)})
            done = shop.deploy.ask("promote", "staging", "production")
        case _:
            done = shop.deploy.ask("update", "production")
    assert told(done.json)["Deployment/web-blue/web"] == "held.slot"
    assert (
        f"blue is live ({SERVICE}:8), and a live slot stays as it is" in reasons(done.json)["Deployment/web-blue/web"]
    )
    for branch in shop.deploy.branches:
        assert shop.deploy.files(branch)[BLUE] == before[BLUE]


def test_set_by_repository_means_the_idle_slot(shop: Shop) -> None:
    image = shop.image("1.1.0")
    done = shop.deploy.ask("set", "production", f"{shop.deploy.image('web')}=1.1.0")
    assert done.code == 0, done.err
    assert shop.changed == {GREEN: deployment("green", image)}


def test_a_person_switches_with_set_or_by_hand(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    done = shop.deploy.ask("set", "production", "Service/web=green")
    assert (done.code, shop.changed) == (0, {SERVICE: service("green")})
    assert shop.deploy.bot("set", "production", "Service/web=red").code == 1
    shop.switch("green")
    image = shop.image("1.2.0")
    shop.update()
    assert shop.changed == {BLUE: deployment("blue", image)}


def test_a_newer_image_waits_while_the_switch_is_proposed(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    shop.update()
    number = shop.deploy.pull()["number"]
    image = shop.image("1.2.0")
    document = shop.update()
    assert (shop.deploy.pull()["number"], shop.changed) == (number, {SERVICE: service("green")})
    assert told(document)["Deployment/web-green/web"] == "held.slot"
    assert "a proposal switches to green" in reasons(document)["Deployment/web-green/web"]
    shop.merge()
    shop.update()
    assert shop.changed == {BLUE: deployment("blue", image)}


def test_a_switch_waits_while_a_pin_is_proposed_for_its_slot(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    image = shop.image("1.2.0")
    document = shop.update()
    assert shop.changed == {GREEN: deployment("green", image)}
    assert told(document)["Service/web"] == "held.slot"
    done = shop.deploy.ask("set", "production", "Service/web=green")
    assert (done.code, told(done.json)["Service/web"]) == (1, "held.slot")
    # Declined, it is no longer what green is about to get.
    shop.deploy.call("PATCH", f"/pulls/{shop.deploy.pull()['number']}", {"state": "closed"})
    shop.update()
    assert shop.changed == {SERVICE: service("green")}


def test_a_declined_switch_is_proposed_again_with_the_next_pin(shop: Shop) -> None:
    shop.give("green", "1.1.0", minutes=1)
    shop.update()
    shop.deploy.call("PATCH", f"/pulls/{shop.deploy.pull()['number']}", {"state": "closed"})
    assert told(shop.update())["Service/web"] == "held.declined"
    shop.give("green", "1.2.0", minutes=-1)
    shop.update()
    assert shop.changed == {SERVICE: service("green")}


def test_a_proposal_for_a_slot_that_goes_live_by_hand_is_closed(shop: Shop) -> None:
    shop.image("1.1.0")
    shop.update()
    shop.switch("green")
    shop.update()
    assert set(shop.changed) == {BLUE}


BROKEN = {
    "names no slot": ({SERVICE: service("canary")}, f"{SERVICE}:8", "not one of the slots blue and green"),
    "no such key": ({SERVICE: service("blue").replace(b"version:", b"color:")}, SERVICE, "has `version`"),
    "no service": ({SERVICE: None}, "", f"{SERVICE} is missing"),
    "no slot": ({GREEN: None}, "", f"{GREEN} is missing"),
    "unreadable": ({SERVICE: b"a: [\n"}, SERVICE, ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_where_nobody_can_tell_the_live_slot_nothing_changes(shop: Shop, case: str) -> None:
    files, place, message = BROKEN[case]
    shop.image("1.1.0")
    shop.deploy.remote.commit("main", files)
    done = shop.deploy.ask("update", "production")
    assert done.code == 1
    assert shop.deploy.pulls() == []
    (problem,) = {(one["message"], one["file"], one["line"], one["next"]) for one in done.json["problems"]}
    assert message in problem[0]
    assert f"{problem[1]}:{problem[2]}".startswith(place)
    assert problem[3]


def test_it_is_never_both_in_one_commit(worldwide: World) -> None:
    shop = Shop.start(worldwide, rules="policy: releases\n    propose: {as: commit}")
    shop.give("green", "1.1.0")
    image = shop.image("1.2.0")
    shop.update()
    files = shop.deploy.files("main")
    assert (files[GREEN], files[SERVICE]) == (deployment("green", image), service("blue"))
    shop.update()
    assert shop.deploy.files("main")[SERVICE] == service("green")


def test_a_group_that_goes_together_does_not_wait_for_the_live_slot(worldwide: World) -> None:
    shop = Shop.start(worldwide, rules="policy: releases\n    propose: {together: true}")
    image = shop.image("1.1.0")
    shop.update()
    assert shop.changed == {GREEN: deployment("green", image)}


def test_a_rollback_takes_the_slot_that_goes_live_out_of_other_proposals(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    shop.switch("green")
    shop.image("1.2.0")
    shop.update()
    assert set(shop.changed) == {BLUE}
    assert shop.deploy.bot("rollback", "production").code == 0
    assert shop.changed == {SERVICE: service("blue")}
    shop.update()
    assert shop.changed == {SERVICE: service("blue")}


def test_a_freeze_of_the_image_holds_the_switch(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    hold = f"holds: [{{environment: production, image: {shop.deploy.image('web')}, until: 2999-01-01, why: fair}}]\n"
    config = (CONFIG % ("policy: releases", "0")).replace("environments:", f"{hold}environments:")
    shop.commit({"gitops-bot.yaml": config.encode()})
    shop.give("green", "1.1.0")
    document = shop.update()
    assert shop.deploy.pulls() == []
    assert told(document)["Service/web"] == "held.hold"


def test_explain_and_history_tell_of_the_switch(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    done = shop.deploy.bot("explain", "production", "Service/web")
    assert done.code == 0, done.err
    assert "green has 1.1.0" in done.out
    shop.switch("green")
    told = shop.deploy.bot("history", "production")
    assert "Service/web" in told.out, told.err


def test_a_promotion_takes_what_the_live_slot_of_the_source_runs(shop: Shop) -> None:
    live, idle = shop.image("1.1.0"), shop.image("1.2.0")
    setting = CONFIG[CONFIG.index("    blue_green:") :] % "0"
    shop.commit(
        {
            "gitops-bot.yaml": (CONFIG % ("promote_from: staging", "0"))
            .replace("  production:", f"{setting}  production:")
            .encode(),
            "apps/web/staging/deployment.yaml": None,
            "apps/web/staging/service.yaml": service("blue"),
            "apps/web/staging/deployment-blue.yaml": deployment("blue", live),
            "apps/web/staging/deployment-green.yaml": deployment("green", idle),
        }
    )
    shop.update()
    assert shop.changed == {GREEN: deployment("green", live)}


def test_a_pin_soaks_in_a_source_from_the_switch_on_and_goes_when_that_is_taken_back(shop: Shop) -> None:
    old, new = shop.image("1.0.0"), shop.image("1.1.0")
    setting = CONFIG[CONFIG.index("    blue_green:") :] % "0"
    shop.commit(
        {
            "gitops-bot.yaml": (CONFIG % ("promote_from: staging\n    soak: 2h", "0"))
            .replace("  production:", f"{setting}  production:")
            .encode(),
            "apps/web/staging/deployment.yaml": None,
            "apps/web/staging/service.yaml": service("blue"),
            "apps/web/staging/deployment-blue.yaml": deployment("blue", old),
            "apps/web/staging/deployment-green.yaml": deployment("green", old),
        },
        minutes=600,
    )
    shop.commit({"apps/web/staging/deployment-green.yaml": deployment("green", new)}, minutes=500)
    assert told(shop.update()) == {}, "nobody has reached it yet"
    shop.commit({"apps/web/staging/service.yaml": service("green")}, minutes=60)
    document = shop.update()
    assert set(told(document).values()) == {"held.soak"}
    assert "soaks in staging for 2h, since " in str(reasons(document))
    shop.commit({"gitops-bot.yaml": shop.deploy.files("main")["gitops-bot.yaml"].replace(b"soak: 2h", b"soak: 30m")})
    shop.update()
    assert shop.changed == {GREEN: deployment("green", new)}
    shop.commit({"apps/web/staging/service.yaml": service("blue")})
    shop.update()
    assert shop.deploy.pulls("open") == []


def test_two_services_of_one_overlay_are_switched_each_by_itself(shop: Shop) -> None:
    first = CONFIG[CONFIG.index("      service:") :] % "0"
    second = first.replace("service.yaml", "api.yaml").replace("deployment-", "api-")
    settings = "".join(f"    - {text.strip()}\n" for text in (first, second))
    text = CONFIG[: CONFIG.index("      service:")] % "policy: releases" + settings
    api, name = f"{FOLDER}/api", shop.deploy.image("api")
    old, new = (f"{name}:{tag}@{shop.deploy.push('api', tag)}" for tag in ("1.0.0", "1.1.0"))
    shop.commit(
        {
            "gitops-bot.yaml": text.encode(),
            f"{api}.yaml": service("green").replace(b"name: web", b"name: api"),
            f"{api}-blue.yaml": deployment("api-blue", old),
            f"{api}-green.yaml": deployment("api-green", old),
        }
    )
    shop.commit({f"{api}-blue.yaml": deployment("api-blue", new)})
    shop.image("1.1.0")
    shop.update()
    # The idle slot of one gets a pin, and the other one is switched to what its idle slot has.
    assert sorted(path for pull in shop.deploy.pulls() for path in shop.changed_by(pull)) == [f"{api}.yaml", GREEN]
