"""A rollback and another proposal never stand on one entry, whoever acts meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.killed import kill_at
from tests.commands.scene import meanwhile, shown
from tests.commands.stages import BRANCH, ROLLBACK, Stages, actions, held, reason, speak

if TYPE_CHECKING:
    from tests.counterparts.world import World


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """Production ran `web` 1.0.0 and 1.1.0; 1.2.0 of it is proposed."""
    made = Stages.start(worldwide, "policy: releases", apps=("web", "api"))
    made.run("production", "web", "1.1.0")
    made.push("web", "1.2.0")
    assert actions(made.deploy.ask("update").json) == {"all": "open"}
    return made


def standing(stages: Stages) -> dict[str, set[str]]:
    """The applications that each open pull request changes."""
    return {pull["head"]["ref"]: set(stages.news(pull["head"]["ref"])) for pull in stages.deploy.pulls()}


def test_what_is_rolled_back_leaves_the_other_proposal_first(stages: Stages) -> None:
    stages.push("api", "1.1.0")
    stages.deploy.bot("update")
    with stages.deploy.watching() as seen:
        done = stages.rollback()
    assert (done.code, actions(done.json)) == (0, {"all": "refresh", "rollback-all": "open"})
    assert seen.writes == ["PATCH /pulls/1 200", "POST /pulls 201"]
    assert standing(stages) == {BRANCH: {"api"}, ROLLBACK: {"web"}}
    assert "Gitops-Bot-Plan: 1 production all policy" in stages.deploy.message(BRANCH)
    with stages.deploy.watching() as seen:
        stages.rollback()
        assert held(stages.deploy.ask("update").json) == {"web/production": "held.reverted"}
    assert seen.nothing


WORDS = {
    "approval": ("held.frozen", "is approved: close it, or dismiss the approval; then roll back again"),
    "commit": ("person", "has somebody else's commit: close it, or hand it back (label `hand-back`)"),
}


@pytest.mark.parametrize(("by", "when"), [("commit", "before"), ("approval", "meanwhile")])
def test_a_proposal_that_may_not_be_touched_holds_the_rollback(stages: Stages, by: str, when: str) -> None:
    if when == "before":
        speak(stages, by)
    else:
        meanwhile(stages.deploy, lambda: speak(stages, by))
    done = stages.rollback()
    code, text = WORDS[by]
    assert (done.code, held(done.json), actions(done.json)) == (1, {"web/production": code}, {})
    assert reason(done.json)["text"].startswith(f"#1 proposes something else for it and {text}")
    assert reason(done.json)["data"]["pull_request"] == 1
    assert standing(stages) == {BRANCH: {"web"}}
    assert shown(stages.deploy)[0] == "open"
    # The next step that it names is enough.
    stages.close()
    assert actions(stages.rollback().json) == {"rollback-all": "open"}
    assert standing(stages) == {ROLLBACK: {"web"}}


def test_an_update_that_has_read_before_a_rollback_makes_way_for_it(stages: Stages) -> None:
    stages.close()
    stages.push("web", "1.3.0")
    meanwhile(stages.deploy, stages.rollback)
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.reverted"})
    assert standing(stages) == {ROLLBACK: {"web"}}


def test_a_rollback_that_is_killed_in_between_leaves_no_two(stages: Stages) -> None:
    kill_at(stages.deploy, "POST /pulls", done=False, command=("rollback", "production"))
    assert standing(stages) == {}
    assert actions(stages.rollback().json) == {"rollback-all": "open"}
    assert standing(stages) == {ROLLBACK: {"web"}}
    assert stages.pins(ROLLBACK)["web"] == stages.pin("web", "1.0.0")
