"""Freezes of whole environments: what they hold and for how long, what passes them, and how they are shown on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import ROLLBACK, Stages, actions, environment, held

if TYPE_CHECKING:
    from tests.counterparts.world import World

POLICY = "policy: releases"
FAIR = 'until: 2999-12-24, why: "no release before the fair"'
BOTH = {"web/production": "held.hold", "api/production": "held.hold"}


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """`web` and `api` in staging and production, by a policy; the registry has 1.1.0 of both."""
    made = Stages.start(worldwide, POLICY, staging=POLICY, apps=("web", "api"))
    for app in ("web", "api"):
        made.push(app, "1.1.0")
    return made


def freeze(stages: Stages, which: str, when: str = FAIR, *, production: str = POLICY) -> None:
    """Commit a configuration with one hold."""
    stages.configure(production, staging=POLICY, more=f"holds: [{{{which}, {when}}}]")


@pytest.mark.parametrize(
    ("which", "production", "staging"),
    [
        pytest.param("environments: all", BOTH, True, id="all"),
        pytest.param("environments: [production]", BOTH, False, id="a list of one"),
        pytest.param("environments: all, except: [WEB]", {"api/production": "held.hold"}, True, id="all but an image"),
    ],
)
def test_a_freeze_holds_its_environments_but_for_its_exceptions(
    stages: Stages, which: str, production: dict[str, str], staging: bool
) -> None:
    freeze(stages, which.replace("WEB", stages.deploy.image("web")))
    done = stages.deploy.ask("update")
    assert done.code == 0
    assert held(done.json) == production
    expected = {key.replace("production", "staging"): code for key, code in production.items()} if staging else {}
    assert held(done.json, "staging") == expected
    going = {"web", "api"} - {key.partition("/")[0] for key in production}
    assert actions(done.json) == ({"all": "open"} if going else {})
    assert [*stages.news()] == [*going] if going else "gitops-bot/production/all" not in stages.deploy.branches


def test_a_rollback_passes_freezes_and_the_next_run_leaves_it_alone(stages: Stages) -> None:
    stages.run("production", "web", "1.1.0")
    freeze(stages, "environments: all")
    done = stages.rollback()
    assert (done.code, actions(done.json), held(done.json)) == (0, {"rollback-all": "open"}, {})
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.0.0")}
    with stages.deploy.watching() as seen:
        assert stages.deploy.bot("update").code == 0
    assert seen.nothing


def test_a_hold_of_an_image_holds_a_rollback_unless_it_is_released(stages: Stages) -> None:
    stages.run("production", "web", "1.1.0")
    image = stages.deploy.image("web")
    stages.configure(
        POLICY, more=f"holds: [{{environments: all, {FAIR}}}, {{environments: all, image: {image}, {FAIR}}}]"
    )
    done = stages.rollback()
    assert held(done.json) == {"web/production": "held.hold"}
    assert ROLLBACK not in stages.deploy.branches
    assert actions(stages.rollback("--release-hold").json) == {"rollback-all": "open"}


def test_a_freeze_stops_what_comes_in_and_not_what_goes_on_to_the_next(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    # Even one that names nothing stops only its own environment.
    freeze(stages, "environments: [staging], except: [wbe]", production="promote_from: staging")
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json), actions(done.json, "staging")) == (1, {"all": "open"}, {})
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    stages.close()
    freeze(stages, "environments: [staging]", production="")
    asked = stages.deploy.ask("set", "staging", f"{stages.deploy.image('web')}=1.2.0@{stages.push('web', '1.2.0')}")
    assert (asked.code, held(asked.json, "staging")) == (1, {"web/staging": "held.hold"})


def test_promote_is_held_where_the_target_is_frozen_unless_released(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    freeze(stages, "environments: [production]", production="")
    done = stages.promote()
    assert (done.code, actions(done.json)) == (0, {})
    assert held(done.json)["web/production"] == "held.hold"
    assert stages.deploy.branches.keys() == {"main"}
    done = stages.promote("--release-hold")
    assert actions(done.json) == {"all": "open"}
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}


def test_an_exception_that_is_nowhere_stops_the_frozen_environments(stages: Stages) -> None:
    freeze(stages, "environments: [production], except: [wbe]")
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("plan")
    assert seen.nothing
    (problem,) = done.json["problems"]
    assert (problem["code"], problem["message"]) == (
        "failed.config",
        "a hold of production names `wbe`, but there is no such entry",
    )
    line = len(stages.deploy.files("main")["gitops-bot.yaml"].splitlines())
    place = (problem["file"], problem["line"], problem["column"])
    assert place == ("gitops-bot.yaml", line, 47)
    assert problem["next"].startswith(f"did you mean `{stages.deploy.image('web')}`?")


def test_status_shows_as_work_of_a_frozen_environment_only_what_has_a_candidate(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    stages.configure("promote_from: staging", staging=POLICY, more=f"holds: [{{environments: all, {FAIR}}}]")
    done = stages.deploy.ask("status")
    found = {
        f"{own['name']} {item['entry']['overlay'].split('/')[1]}": (item["state"], (item["hold"] or {}).get("code"))
        for own in done.json["environments"]
        for item in own["entries"]
    }
    assert found == {
        "staging web": ("current", "held.hold"),  # only a registry could tell, and nobody may act on it
        "staging api": ("current", "held.hold"),
        "production web": ("held", "held.hold"),
        "production api": ("current", "held.hold"),
    }
    told = "frozen until 2999-12-24 (no release before the fair); "
    lines = stages.deploy.bot("status").out.splitlines()
    assert [line.partition(", release")[0] for line in lines if line.startswith(("staging: ", "production: "))] == [
        f"staging: {told}nothing waits",
        f"production: {told}1 of 2 behind: 1 held",
    ]


def test_plan_and_status_say_first_what_is_frozen(stages: Stages) -> None:
    image = stages.deploy.image("web")
    freeze(stages, f"environments: [production], except: [{image}], from: 2020-12-19")
    line = len(stages.deploy.files("main")["gitops-bot.yaml"].splitlines())
    told = f"frozen: production until 2999-12-24 (no release before the fair) by gitops-bot.yaml:{line}, except {image}"
    for command in ("plan", "status"):
        assert stages.deploy.bot(command).out.splitlines()[1] == told
        document = stages.deploy.ask(command).json
        for name, count in (("production", 1), ("staging", 0)):
            assert [item["except"] for item in environment(document, name)["frozen"]] == [[image]] * count
    gates = stages.deploy.ask("explain", "production", stages.deploy.image("api")).json["entries"][0]["gates"]
    assert [item["reason"]["code"] for item in gates if not item["passed"]] == ["held.hold"]
