"""What an environment left by going back stays left, until a person says otherwise or something newer is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import BRANCH, ROLLBACK, Stages, actions, held, reason

if TYPE_CHECKING:
    from tests.counterparts.world import World


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """Production and staging run 1.1.0 of `web`, after 1.0.0."""
    made = Stages.start(worldwide, "promote_from: staging")
    for environment in ("staging", "production"):
        made.run(environment, "web", "1.1.0")
    return made


def test_an_open_rollback_locks_its_entries_in_every_other_proposal_and_its_closing_frees_them(stages: Stages) -> None:
    stages.rollback()
    stages.run("staging", "web", "1.2.0")
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
        pin = "@".join(stages.pin("web", "1.2.0"))
        by_set = stages.deploy.ask("set", "production", f"{stages.deploy.image('web')}={pin}")
    assert seen.nothing
    assert (done.code, by_set.code) == (0, 1)
    for each in (done, by_set):
        assert held(each.json) == {"web/production": "held.reverted"}
        assert reason(each.json)["text"] == "#1 rolls it back, so it is left alone until that is merged or closed"
        assert reason(each.json)["data"]["pull_request"] == 1

    stages.close()
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news(BRANCH) == {"web": stages.pin("web", "1.2.0")}


def test_the_pin_that_was_left_is_not_proposed_again_unless_a_person_says_so_and_a_newer_one_is(
    stages: Stages,
) -> None:
    deploy = stages.deploy
    message = f'Revert "web 1.1.0"\n\nThis reverts commit {deploy.branches["main"]}.'
    commit = stages.run("production", "web", "1.0.0", author="Bea <b@example.test>", message=message)
    with deploy.watching() as seen:
        done = deploy.ask("update")
    assert seen.nothing
    assert (done.code, held(done.json)) == (0, {"web/production": "held.reverted"})
    text = reason(done.json)["text"]
    assert f" in {commit[:10]} on " in text
    assert text.startswith("rolled back to 1.0.0 in ")
    assert text.endswith(" by Bea (`--release-hold` allows it again)")
    assert f"held.reverted: {text}" in deploy.bot("plan").out
    pin = ("set", "production", f"{deploy.image('web')}={'@'.join(stages.pin('web', '1.1.0'))}")
    refused = deploy.ask(*pin)
    assert (refused.code, held(refused.json)) == (1, {"web/production": "held.reverted"})

    done = deploy.ask(*pin, "--release-hold")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    # What a person asked for stays proposed as long as the base is what it was.
    with deploy.watching() as seen:
        assert deploy.ask("update").code == 0
    assert seen.nothing
    stages.run("staging", "web", "1.1.1")
    assert actions(deploy.ask("update").json) == {"all": "refresh"}
    assert stages.news() == {"web": stages.pin("web", "1.1.1")}
    stages.merge()
    with deploy.watching() as seen:
        deploy.ask("update")
    assert seen.nothing


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
