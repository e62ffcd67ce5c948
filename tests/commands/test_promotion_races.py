"""Promotions beside one another, an update, and people: real processes, all started before any is waited for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import pinned
from tests.commands.stages import BRANCH, ROLLBACK, Stages, held, kustomization, path
from tests.counterparts.world import ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.counterparts.world import Done, World

ROUNDS = 20 if os.environ.get("GITOPS_BOT_LONG") == "1" else 1
APPS = ("web", "api", "job")
PROMOTE = ("promote", "staging", "production")


def together(stages: Stages, commands: Sequence[Sequence[str]]) -> list[Done]:
    """Run all of these at once; each has to end well."""
    processes = [stages.deploy.start(*command, "--output", "json") for command in commands]
    done = [ended(process) for process in processes]
    for one in done:
        assert (one.code, one.json["problems"]) == (0, []), one.out + one.err
    return done


def expected(stages: Stages, base: dict[str, bytes], apps: Sequence[str], tag: str) -> dict[str, bytes]:
    """Production as it is when these applications have got that tag, and no other byte is changed."""
    files = dict(base)
    for app in apps:
        (name, digest), (old, before) = stages.pin(app, tag), stages.pin(app, "1.0.0")
        file = path(app, "production")
        files[file] = pinned(files[file], (f": {old}", f": {name}"), (before, digest))
    return files


def check(stages: Stages, base: dict[str, bytes], apps: Sequence[str], tag: str = "1.1.0") -> None:
    """One pull request, one commit on the base, and exactly these changes."""
    assert stages.deploy.branches.keys() == {"main", BRANCH}
    assert stages.deploy.files(BRANCH) == expected(stages, base, apps, tag)
    assert stages.deploy.parents(BRANCH) == [stages.deploy.branches["main"]]
    (pull,) = stages.deploy.pulls("all")
    assert (pull["state"], pull["head"]["sha"]) == ("open", stages.deploy.branches[BRANCH])
    assert all(stages.digests[app, tag] in pull["body"] for app in apps)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_promotion_during_an_update_of_the_same_environment_loses_neither(worldwide: World, _round: int) -> None:
    rules = "policy: releases"
    stages = Stages.start(worldwide, rules, apps=APPS)
    image = stages.deploy.image("job")
    stages.run("staging", "web", "1.1.0")
    stages.run("staging", "api", "1.1.0")
    stages.push("job", "1.1.0")
    base = stages.deploy.files("main")
    together(stages, [("update", "production"), PROMOTE, (*PROMOTE, "--image", stages.deploy.image("web"))])
    stages.deploy.ask("update", "production")
    check(stages, base, APPS)
    assert image in stages.deploy.message(BRANCH)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_rollback_during_an_update_is_the_last_word(worldwide: World, _round: int) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", apps=("web",))
    for environment in ("staging", "production"):
        stages.run(environment, "web", "1.1.0")
    stages.run("staging", "web", "1.2.0")
    together(stages, [("rollback", "production"), ("update",)])
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


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("source", "commit"),
        ("target", "commit"),
        ("source", "pull-request"),
    ],
)
def test_a_base_that_moves_while_the_plan_is_made_is_read_again(worldwide: World, what: str, how: str) -> None:
    stages = Stages.start(worldwide, f"propose: {{as: {how}}}", apps=("web", "api"))
    stages.run("staging", "web", "1.1.0")
    digests = {tag: stages.push("web", tag) for tag in ("1.2.0", "1.3.0")}
    files = {
        "source": {path("web", "staging"): kustomization(stages.deploy, "web", "1.2.0", digests["1.2.0"])},
        "target": {path("web", "production"): kustomization(stages.deploy, "web", "1.3.0", digests["1.3.0"])},
    }[what]
    moves_while_it_pushes(stages, files)
    done = stages.promote()
    if how == "pull-request":
        # Its branch was free: what was proposed on the old base, the next run looks at again.
        done = stages.promote()
    assert done.code == 0
    after = stages.deploy.files("main")
    assert {file: after[file] for file in files} == files
    if what == "target":
        # By then it would be a step back.
        assert held(done.json) == {"web/production": "held.downgrade"}
        assert stages.pins()["web"] == stages.pin("web", "1.3.0")
        assert stages.deploy.branches.keys() == {"main"}
    else:
        assert stages.pins("main" if how == "commit" else BRANCH)["web"] == stages.pin("web", "1.2.0")
        assert len(stages.deploy.pulls("all")) == (how == "pull-request")
