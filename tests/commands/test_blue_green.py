"""Blue-green: new pins for the idle slot, then the switch alone, and back without a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.scene import way_back
from tests.commands.slots import BLUE, CONFIG, FOLDER, GREEN, SERVICE, Shop, deployment, service
from tests.commands.stages import environment

if TYPE_CHECKING:
    from tests.counterparts.world import World


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
    assert "green has 1.1.0" in shop.deploy.bot("explain", "production", "Service/web").out
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


@pytest.mark.parametrize("command", ["set", "promote"])
def test_no_command_edits_the_live_slot(shop: Shop, command: str) -> None:
    image, before = shop.image("1.1.0"), shop.deploy.files("main")
    if command == "set":
        pin = image.partition(":")[2].partition(":")[2]
        done = shop.deploy.ask("set", "production", f"Deployment/web-blue/web={pin}")
        assert done.code == 1
    else:
        shop.commit({"apps/web/staging/deployment.yaml": deployment("staging", image)})
        done = shop.deploy.ask("promote", "staging", "production")
    assert told(done.json)["Deployment/web-blue/web"] == "held.slot"
    live = f"blue is live ({SERVICE}:8), and a live slot stays as it is"
    assert live in reasons(done.json)["Deployment/web-blue/web"]
    for branch in shop.deploy.branches:
        assert shop.deploy.files(branch)[BLUE] == before[BLUE]


def test_a_person_switches_with_set_or_by_hand(shop: Shop) -> None:
    shop.give("green", "1.1.0")
    done = shop.deploy.ask("set", "production", "Service/web=green")
    assert (done.code, shop.changed) == (0, {SERVICE: service("green")})
    assert shop.deploy.bot("set", "production", "Service/web=red").code == 1
    shop.switch("green")
    image = shop.image("1.2.0")
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


def test_where_nobody_can_tell_the_live_slot_nothing_changes(shop: Shop) -> None:
    shop.image("1.1.0")
    good = {SERVICE: service("blue"), GREEN: shop.deploy.files("main")[GREEN]}
    broken: list[tuple[str, dict[str, bytes | None], str, str]] = [
        ("names no slot", {SERVICE: service("canary")}, f"{SERVICE}:8", "not one of the slots blue and green"),
        ("no such key", {SERVICE: service("blue").replace(b"version:", b"color:")}, SERVICE, "has `version`"),
        ("no service", {SERVICE: None}, "", f"{SERVICE} is missing"),
        ("no slot", {GREEN: None}, "", f"{GREEN} is missing"),
        ("unreadable", {SERVICE: b"a: [\n"}, SERVICE, ""),
    ]
    for case, files, place, message in broken:
        shop.deploy.remote.commit("main", {**good, **files})
        done = shop.deploy.ask("update", "production")
        assert (done.code, shop.deploy.pulls()) == (1, []), case
        (problem,) = {(one["message"], one["file"], one["line"], one["next"]) for one in done.json["problems"]}
        assert message in problem[0], case
        assert f"{problem[1]}:{problem[2]}".startswith(place), case
        assert problem[3], case


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
