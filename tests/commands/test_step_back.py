"""What an environment left by going back stays left, until a person says otherwise or something newer is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import BRANCH, ROLLBACK, Stages, actions, cut, held, reason

if TYPE_CHECKING:
    from tests.counterparts.world import World

#: How production gets its pins: from staging, or by a policy of its own.
WAYS = {"promotion": "promote_from: staging", "policy": "policy: releases"}


@pytest.fixture
def stages(worldwide: World, request: pytest.FixtureRequest) -> Stages:
    """Production and staging run 1.1.0 of `web`, after 1.0.0.

    It is by promotion unless a test says otherwise: what is held does not depend on it.
    """
    made = Stages.start(worldwide, WAYS[getattr(request, "param", "promotion")])
    for environment in ("staging", "production"):
        made.run(environment, "web", "1.1.0")
    return made


def test_an_open_rollback_locks_its_entries_in_every_other_proposal_and_its_closing_frees_them(stages: Stages) -> None:
    stages.rollback()
    stages.run("staging", "web", "1.2.0")
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
        by_hand = stages.promote("--image", stages.deploy.image("web"))
        pin = "@".join(stages.pin("web", "1.2.0"))
        by_set = stages.deploy.ask("set", "production", f"{stages.deploy.image('web')}={pin}")
    assert seen.nothing
    assert (done.code, by_hand.code, by_set.code) == (0, 1, 1)
    for each in (done, by_hand, by_set):
        assert held(each.json) == {"web/production": "held.reverted"}
        assert reason(each.json)["text"] == "#1 rolls it back, so it is left alone until that is merged or closed"
        assert reason(each.json)["data"]["pull_request"] == 1

    stages.close()
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news(BRANCH) == {"web": stages.pin("web", "1.2.0")}


def test_what_was_proposed_before_the_rollback_is_withdrawn_while_that_is_open_and_comes_back(stages: Stages) -> None:
    stages.run("staging", "web", "1.2.0")
    stages.deploy.ask("update")
    assert actions(stages.rollback().json) == {"all": "close", "rollback-all": "open"}
    stages.run("staging", "web", "1.3.0")
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json)) == (0, {})
    assert held(done.json) == {"web/production": "held.reverted"}
    (comment,) = stages.deploy.call("GET", "/issues/1/comments")
    assert "rolled back" in comment["body"], comment["body"]
    assert stages.deploy.branches.keys() == {"main", ROLLBACK}
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.0.0")}
    stages.close()
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    assert stages.news() == {"web": stages.pin("web", "1.3.0")}


@pytest.mark.parametrize(
    ("stages", "how"),
    [("policy", "rollback"), ("promotion", "revert"), ("policy", "edit")],
    indirect=["stages"],
)
def test_the_pin_that_was_left_is_not_proposed_again_and_a_newer_one_is(stages: Stages, how: str) -> None:
    deploy = stages.deploy
    left = deploy.branches["main"]
    if how == "rollback":
        stages.rollback()
        commit, who = stages.merge(), "gitops-bot[bot]"
    else:
        # `git revert` brings the bytes of before back; whoever edits by hand writes what they like.
        message = f'Revert "web 1.1.0"\n\nThis reverts commit {left}.' if how == "revert" else "it leaks memory"
        commit, who = stages.run("production", "web", "1.0.0", author="Bea <b@example.test>", message=message), "Bea"
    for _ in range(2):
        with deploy.watching() as seen:
            done = deploy.ask("update")
        assert seen.nothing
        assert (done.code, held(done.json)) == (0, {"web/production": "held.reverted"})
    text = reason(done.json)["text"]
    assert f" in {commit[:10]} on " in text
    assert text.startswith("rolled back to 1.0.0 in ")
    assert text.endswith(f" by {who} (`--release-hold` allows it again)")
    assert f"held.reverted: {text}" in deploy.bot("plan").out
    promoted = stages.promote("--image", deploy.image("web"))
    assert (promoted.code, held(promoted.json)) == (1, {"web/production": "held.reverted"})
    pin = "@".join(stages.pin("web", "1.1.0"))
    refused = deploy.ask("set", "production", f"{deploy.image('web')}={pin}")
    assert (refused.code, held(refused.json)) == (1, {"web/production": "held.reverted"})

    stages.run("staging", "web", "1.1.1")
    assert actions(deploy.ask("update").json) == {"all": "open"}
    assert stages.news() == {"web": stages.pin("web", "1.1.1")}
    stages.merge()
    with deploy.watching() as seen:
        deploy.ask("update")
    assert seen.nothing


@pytest.mark.parametrize(
    ("stages", "command"),
    [("promotion", "update"), ("policy", "set")],
    indirect=["stages"],
)
def test_release_hold_proposes_it_this_once(stages: Stages, command: str) -> None:
    stages.run("production", "web", "1.0.0")
    pin = "@".join(stages.pin("web", "1.1.0"))
    words = {
        "update": ("update",),
        "set": ("set", "production", f"{stages.deploy.image('web')}={pin}"),
    }[command]
    done = stages.deploy.ask(*words, "--release-hold")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    # What a person asked for stays proposed as long as the base is what it was...
    with stages.deploy.watching() as seen:
        assert stages.deploy.ask("update").code == 0
    assert seen.nothing
    # ... and once it is merged, it is what production runs.
    stages.merge()
    again = stages.deploy.ask("update")
    assert (held(again.json), actions(again.json)) == ({}, {})


def test_a_fix_for_an_older_line_passes_while_the_newer_one_is_held(worldwide: World) -> None:
    stages = Stages.start(worldwide, WAYS["promotion"])
    for tag in ("1.1.0", "1.0.0"):
        stages.run("production", "web", tag)
    stages.run("staging", "web", "1.0.1")
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    assert stages.news() == {"web": stages.pin("web", "1.0.1")}


def test_a_hold_never_blocks_the_rest_of_its_group(worldwide: World) -> None:
    stages = Stages.start(worldwide, WAYS["policy"], apps=("web", "api"))
    for tag in ("1.1.0", "1.0.0"):
        stages.run("production", "web", tag)
    stages.push("api", "1.1.0")
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.reverted"})
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    assert "rolled back to " in stages.deploy.pull()["body"]


def test_too_little_history_holds_and_says_so(stages: Stages) -> None:
    stages.run("production", "web", "1.0.0")
    cut(stages.deploy)
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.history_bound"})
    assert "fetch the full history (`fetch-depth: 0`)" in reason(done.json)["text"]
    assert stages.deploy.branches.keys() == {"main"}
    assert actions(stages.deploy.ask("update", "--release-hold").json) == {"all": "open"}


def test_a_rollback_that_a_person_declines_is_asked_again_by_the_next_command(stages: Stages) -> None:
    stages.rollback()
    stages.close()
    done = stages.rollback()
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open"})
    assert [pull["number"] for pull in stages.deploy.pulls()] == [2]


def test_what_a_rollback_undid_comes_back_only_by_a_clear_word(stages: Stages) -> None:
    stages.rollback()
    stages.merge()
    done = stages.rollback()
    assert (done.code, held(done.json)) == (1, {"web/production": "held.reverted"})
    told = "(`--release-hold` allows it again); to go further back, choose a release with `--to`"
    assert reason(done.json)["text"].endswith(told)
    done = stages.rollback("--release-hold")
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open"})
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0")}


def test_a_group_that_goes_together_is_not_torn_by_a_rollback_of_one_of_it(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{WAYS['promotion']}\npropose: {{together: true}}", apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("production", app, "1.1.0")
        stages.run("staging", app, "1.2.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    assert actions(stages.rollback("--image", stages.deploy.image("web")).json)["all"] == "close"
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
    assert seen.nothing
    assert held(done.json).keys() == {"web/production", "api/production"}


def test_what_the_source_left_again_is_taken_out_of_the_open_promotion(worldwide: World) -> None:
    stages = Stages.start(worldwide, WAYS["promotion"], apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    stages.deploy.ask("update")
    stages.run("staging", "web", "1.0.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "refresh"}
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    stages.run("staging", "api", "1.0.0")
    assert actions(stages.promote().json) == {"all": "close"}
    assert stages.deploy.branches.keys() == {"main"}
