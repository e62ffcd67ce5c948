"""Promotions beside one another, an update, and people: real processes, all started before any is waited for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import ROLLBACK, Stages, held, kustomization, path
from tests.counterparts.world import ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.world import World

ROUNDS = 20 if os.environ.get("GITOPS_BOT_LONG") == "1" else 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_rollback_during_an_update_is_the_last_word(worldwide: World, _round: int) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", apps=("web",))
    for environment in ("staging", "production"):
        stages.run(environment, "web", "1.1.0")
    stages.run("staging", "web", "1.2.0")
    both = [stages.deploy.start(*words, "--output", "json") for words in (("rollback", "production"), ("update",))]
    assert [(one.code, one.json["problems"]) for one in map(ended, both)] == [(0, [])] * 2
    done = stages.deploy.ask("update")
    assert held(done.json) == {"web/production": "held.reverted"}
    assert stages.deploy.branches.keys() == {"main", ROLLBACK}
    (pull,) = stages.deploy.pulls()
    assert pull["head"]["ref"] == ROLLBACK
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.0.0")}


def moves_while_it_pushes(stages: Stages, files: Mapping[str, bytes]) -> None:
    """A person's commit arrives after the bot has read the base branch, in the middle of its first push."""
    remote = stages.deploy.remote
    commit = remote.commit("next", files, parents=[stages.deploy.branches["main"]])
    remote.git("update-ref", "-d", "refs/heads/next")
    move = f"env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main {commit}"
    remote.hook("pre-receive", f"mkdir moved 2>/dev/null || exit 0\n{move}")


@pytest.mark.parametrize("what", ["source", "target"])
def test_a_base_that_moves_while_the_plan_is_made_is_read_again(worldwide: World, what: str) -> None:
    stages = Stages.start(worldwide, "propose: {as: commit}", apps=("web", "api"))
    stages.run("staging", "web", "1.1.0")
    digests = {tag: stages.push("web", tag) for tag in ("1.2.0", "1.3.0")}
    files = {
        "source": {path("web", "staging"): kustomization(stages.deploy, "web", "1.2.0", digests["1.2.0"])},
        "target": {path("web", "production"): kustomization(stages.deploy, "web", "1.3.0", digests["1.3.0"])},
    }[what]
    moves_while_it_pushes(stages, files)
    done = stages.promote()
    assert done.code == 0
    after = stages.deploy.files("main")
    assert {file: after[file] for file in files} == files
    # To the target it would be a step back by then.
    assert held(done.json) == ({} if what == "source" else {"web/production": "held.downgrade"})
    assert stages.pins()["web"] == stages.pin("web", "1.2.0" if what == "source" else "1.3.0")
    assert stages.deploy.branches.keys() == {"main"}
