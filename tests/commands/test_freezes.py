"""Freezes of whole environments: what they hold and for how long, what passes them, and how they are shown on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.scene import approve, mutate
from tests.commands.stages import BRANCH, ROLLBACK, Stages, actions, environment, held
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
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


@rows("which production staging", {
    "all": ("environments: all", BOTH, True),
    "a list of one": ("environments: [production]", BOTH, False),
    "all but an image": ("environments: all, except: [WEB]", {"api/production": "held.hold"}, True),
})  # fmt: skip
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


def test_only_what_has_a_candidate_is_shown_as_work_of_a_frozen_environment(stages: Stages) -> None:
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
    shown = [line.split() for line in stages.deploy.bot("plan").out.partition("\nstaging\n")[2].splitlines()]
    assert [" ".join(words[3:5]) if "held.hold:" in words else " ".join(words) for words in shown if words][:7] == [
        *("held:", "apps/api/staging/kustomization.yaml:7 held.hold:", "0 unchanged, 1 frozen"),
        "production (from staging)",
        *("held:", "apps/web/production/kustomization.yaml:7 held.hold:", "0 unchanged, 1 frozen"),
    ]
    planned = stages.deploy.ask("plan").json
    assert (held(planned), held(planned, "staging")) == (BOTH, {"web/staging": "held.hold", "api/staging": "held.hold"})


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


# What is open already


UNTIL = "until 2999-12-24 (no release before the fair)"
LINE = f"**Paused {UNTIL}.** What it changes is frozen until then: merge it after that."


def first_line(stages: Stages) -> tuple[bool, str]:
    """Whether the pull request is a draft, and what its text says on top."""
    pull = stages.deploy.pull()
    return pull["draft"], next(line for line in pull["body"].splitlines() if line and not line.startswith("<!--"))


def proposed(stages: Stages, propose: str = "{}") -> str:
    """Propose 1.1.0 of both; gives the configuration of production."""
    production = f"{POLICY}\npropose: {propose}"
    stages.configure(production, staging=POLICY)
    stages.deploy.bot("update", "production")
    return production


def quiet(stages: Stages) -> None:
    """Nothing is left to write."""
    with stages.deploy.watching() as seen:
        stages.deploy.bot("update", "production")
    assert not seen.writes


def test_a_freeze_pauses_what_is_open_until_it_ends(stages: Stages) -> None:
    production = proposed(stages)
    before, head = stages.deploy.pull()["body"], stages.deploy.branches[BRANCH]
    stages.push("web", "1.2.0")
    freeze(stages, "environments: [production]", production=production)
    approve(stages.deploy)
    done = stages.deploy.ask("update", "production")
    assert (done.code, actions(done.json), held(done.json)) == (0, {"all": "leave"}, BOTH)
    (left,) = environment(done.json)["proposals"]
    assert left["reason"]["code"] == "held.hold"
    assert left["reason"]["text"].startswith(f"#1 is held {UNTIL} by gitops-bot.yaml")
    assert (first_line(stages), stages.deploy.branches[BRANCH]) == ((True, LINE), head)
    quiet(stages)
    shown = environment(stages.deploy.ask("status").json)
    assert ([item["state"] for item in shown["entries"]], shown["unstopped"]) == (["held", "held"], [])

    stages.configure(production, staging=POLICY)
    done = stages.deploy.ask("update", "production")
    assert actions(done.json) == {"all": "leave"}  # newer pins wait, since it is approved
    pull = stages.deploy.pull()
    assert (pull["draft"], pull["body"], stages.deploy.branches[BRANCH]) == (False, before, head)
    quiet(stages)


def test_a_paused_one_takes_no_place_of_the_limit(stages: Stages) -> None:
    production = proposed(stages, "{limit: {open: 1}, group: image}")
    (first,) = stages.deploy.pulls()
    other = stages.deploy.image("web" if "api" in first["title"] else "api")
    freeze(stages, f"environments: [production], except: [{other}]", production=production)
    done = stages.deploy.ask("update", "production")
    assert sorted(actions(done.json).values()) == ["leave", "open"]
    assert sorted(pull["draft"] for pull in stages.deploy.pulls()) == [False, True]
    quiet(stages)


@pytest.mark.parametrize("draft", ["by the configuration", "by a person"])
def test_a_draft_that_the_bot_did_not_make_stays_one(stages: Stages, draft: str) -> None:
    production = proposed(stages, "{draft: true}" if draft == "by the configuration" else "{}")
    if draft == "by a person":
        mutate(stages.deploy, "convertPullRequestToDraft")
    freeze(stages, "environments: [production]", production=production)
    with stages.deploy.watching() as seen:
        stages.deploy.bot("update", "production")
    assert (seen.writes, first_line(stages)) == (["PATCH /pulls/1 200"], (True, LINE))
    stages.configure(production, staging=POLICY)
    stages.deploy.bot("update", "production")
    is_draft, line = first_line(stages)
    assert is_draft
    assert line != LINE
    quiet(stages)


def test_whoever_marks_it_ready_wins_and_status_says_so(stages: Stages) -> None:
    production = proposed(stages)
    freeze(stages, "environments: [production]", production=production)
    stages.deploy.bot("update", "production")
    mutate(stages.deploy, "markPullRequestReadyForReview")
    stages.deploy.bot("update", "production")
    assert first_line(stages) == (False, LINE)
    quiet(stages)
    (why,) = environment(stages.deploy.ask("status").json)["unstopped"]
    assert why["data"]["pull_request"] == 1
    assert why["text"] == (
        "#1 can be merged, although it is frozen until 2999-12-24: it is ready for review; to stop it, convert it to a "
        "draft"
    )
    mutate(stages.deploy, "convertPullRequestToDraft")  # it is the person's then
    quiet(stages)
    stages.configure(production, staging=POLICY)
    stages.deploy.bot("update", "production")
    assert first_line(stages)[0]


def test_what_a_person_lets_merge_is_left_and_that_is_said(stages: Stages) -> None:
    stages.deploy.world.forge.settings(stages.deploy.name, allow_auto_merge=True)
    stages.deploy.world.forge.protect(stages.deploy.name, checks=["ci"])
    production = proposed(stages)
    mutate(stages.deploy, "enablePullRequestAutoMerge")
    freeze(stages, "environments: [production]", production=production)
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update", "production")
    assert not seen.writes
    (left,) = environment(done.json)["proposals"]
    assert left["reason"]["text"].endswith(
        "gitops-bot cannot stop it, since it is set to auto-merge: disable auto-merge"
    )
    (why,) = environment(stages.deploy.ask("status").json)["unstopped"]
    assert why["text"].endswith("it is set to auto-merge; to stop it, disable auto-merge")


def test_where_there_are_no_drafts_the_text_says_it_alone(stages: Stages) -> None:
    production = proposed(stages)
    freeze(stages, "environments: [production]", production=production)

    def refusing(request: Request, go: Callable[[], Answer]) -> Answer:
        if b"convertPullRequestToDraft" in request.body:
            return Answer.json(200, {"data": None, "errors": [{"type": "UNPROCESSABLE", "message": "No drafts here"}]})
        return go()

    stages.deploy.gate(refusing)
    done = stages.deploy.bot("update", "production")
    assert (done.code, done.err.count("No drafts here")) == (0, 1)
    assert first_line(stages) == (False, LINE)
    quiet(stages)


def test_of_one_that_is_frozen_in_part_the_frozen_pins_leave_unless_it_is_approved(stages: Stages) -> None:
    production = proposed(stages)
    review = approve(stages.deploy)
    freeze(stages, f"environments: [production], except: [{stages.deploy.image('web')}]", production=production)
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update", "production")
    assert not seen.writes
    (left,) = environment(done.json)["proposals"]
    assert left["action"] == "leave"
    assert f"; some of it is held {UNTIL} by gitops-bot" in left["reason"]["text"]
    stages.deploy.call("PUT", f"/pulls/1/reviews/{review}/dismissals", {"message": "wait"})
    assert actions(stages.deploy.ask("update", "production").json) == {"all": "refresh"}
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    assert "no release before the fair" in stages.deploy.pull()["body"]
    assert not stages.deploy.pull()["draft"]


def test_a_rollback_takes_its_entries_out_of_a_paused_one(stages: Stages) -> None:
    stages.deploy.world.forge.settings(stages.deploy.name, allow_auto_merge=True)
    stages.deploy.world.forge.protect(stages.deploy.name, checks=["ci"])
    stages.run("production", "web", "1.1.0")
    stages.push("web", "1.2.0")
    production = proposed(stages, "{auto_merge: true}")
    freeze(stages, "environments: [production]", production=production)
    stages.deploy.bot("update", "production")
    done = stages.rollback("--image", stages.deploy.image("web"))
    assert (done.code, actions(done.json)) == (0, {"all": "refresh", "rollback-all": "open"})
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    paused = stages.deploy.call("GET", "/pulls/1")
    assert (paused["draft"], LINE in paused["body"]) == (True, True)
    assert (paused["auto_merge"], "will not merge by itself" in done.err) == (None, False)
    quiet(stages)


def test_what_is_closed_after_a_freeze_says_nothing_of_it_any_more(stages: Stages) -> None:
    production = proposed(stages)
    freeze(stages, "environments: [production]", production=production)
    stages.deploy.bot("update", "production")
    for app in ("web", "api"):
        stages.run("production", app, "1.1.0")
    stages.configure(production, staging=POLICY)
    assert actions(stages.deploy.ask("update", "production").json) == {"all": "close"}
    text = stages.deploy.call("GET", "/pulls/1")["body"]
    assert ("Closed by gitops-bot" in text, "ause" in text.partition("</details>")[0]) == (True, False)
