"""`gitops-bot rollback ENV`: what an environment ran before, from Git alone, at any hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import pinned
from tests.commands.scene import closed, way_back
from tests.commands.stages import ROLLBACK, Stages, actions, change, cut, environment, held, path, reason

if TYPE_CHECKING:
    from tests.counterparts.world import World

WEB = path("web", "production")


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """Production has had four releases: 1.0.0 of `web` and `api`, `web` 1.1.0, `api` 1.1.0, `web` 1.2.0."""
    made = Stages.start(worldwide, "policy: releases", apps=("web", "api"))
    for app, tag in (("web", "1.1.0"), ("api", "1.1.0"), ("web", "1.2.0")):
        made.run("production", app, tag)
    return made


def test_the_previous_release_is_proposed_and_no_other_byte(stages: Stages) -> None:
    base = stages.deploy.files("main")
    with stages.deploy.watching() as seen:
        assert actions(stages.rollback("--dry-run").json) == {"rollback-all": "open"}
    assert seen.nothing
    done = stages.rollback("--reason", "checkout fails\nfor @ada")
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open"})
    old, new = (stages.digests["web", tag] for tag in ("1.2.0", "1.1.0"))
    wanted = pinned(base[WEB], (": 1.2.0", ": 1.1.0"), (old, new))
    assert stages.deploy.files(ROLLBACK) == base | {WEB: wanted}
    found = change(done.json)
    assert (found["source"], found["direction"], found["reason"]["code"]) == ("rollback", "backward", "rolled_back")
    assert found["reason"]["text"].startswith("back to release 3 (")
    assert found["reason"]["text"].endswith(", by Ada")
    assert found["reason"]["data"]["because"] == "checkout fails\nfor @ada"
    assert stages.deploy.pull()["title"] == "chore(production): roll back web to 1.1.0"
    text = stages.deploy.pull()["body"]
    assert "**production**: 1 pin rolled back, nothing else.\n\n**Why:** checkout fails for @\u200bada\n" in text
    assert "How to roll back" not in text
    assert "gitops-bot rollback" not in text
    assert "Merge to roll back. Close to keep what runs now. " in text
    why, block = stages.deploy.message(ROLLBACK).strip().split("\n\n")[-2:]
    assert why == "Why: checkout fails for @\u200bada"
    assert block.startswith("Gitops-Bot-Plan: 1 production rollback-all rollback\n")
    with stages.deploy.watching() as seen:
        assert actions(stages.rollback().json) == {"rollback-all": "none"}
    assert seen.nothing


def test_a_pull_request_says_the_command_that_gives_back_what_it_replaced(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases\npropose: {group: image}", apps=("web", "api"))
    for app in ("web", "api"):
        stages.push(app, "1.1.0")
    assert stages.deploy.bot("update").code == 0
    before, backs = stages.pins(), {}
    for pull in stages.deploy.pulls():
        stages.deploy.call("PUT", f"/pulls/{pull['number']}/merge", {"merge_method": "squash"})
        backs[pull["title"]] = way_back(pull["body"])
    assert {app: pin[0] for app, pin in stages.pins().items()} == {"web": "1.1.0", "api": "1.1.0"}
    # Whatever was merged after it stays.
    for app in ("web", "api"):
        (back,) = (words for title, words in backs.items() if f" {app} " in title)
        assert stages.deploy.bot(*back).code == 0
        assert stages.news(stages.deploy.pull()["head"]["ref"]) == {app: before[app]}
        stages.merge()
    assert stages.pins() == before


def test_a_release_is_named_by_its_number_its_commit_or_a_tag(stages: Stages) -> None:
    remote = stages.deploy.remote
    commit = remote.log("main", "%H")[2]  # web 1.1.0
    remote.git("-c", "user.name=A", "-c", "user.email=a@example.test", "tag", "-a", "-m", "x", "annotated", commit)
    for name in ("2", commit[:7].upper(), "annotated"):
        done = stages.rollback("--to", name, "--dry-run")
        (proposal,) = environment(done.json)["proposals"]
        tags = {change["entry"]["overlay"].split("/")[1]: change["to"]["tag"] for change in proposal["changes"]}
        assert (done.code, tags) == (0, {"web": "1.1.0", "api": "1.0.0"}), name
    assert stages.rollback("--to", "annotated").code == 0
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0"), "api": stages.pin("api", "1.0.0")}
    assert stages.deploy.pull()["title"] == "chore(production): roll back api and web"


NO_RELEASES = {
    "99": "99 is not a release of production: no such commit is known that changed a file of its overlays",
    "--x": "there is no tag '--x'",
    "x" * 5000: "there is no tag 'xxx",
    "HEAD~1": "there is no tag 'HEAD~1'",
    "elsewhere": "elsewhere is not a release of production",
}


def test_what_is_no_release_is_said_with_those_that_are(stages: Stages) -> None:
    stages.deploy.remote.commit("main", {"README.md": b"x"}, message="no release")
    stages.deploy.remote.git("tag", "elsewhere", "main")
    newest = f"The newest are 4 ({stages.deploy.remote.log('main', '%H')[1][:10]}), 3 ("
    with stages.deploy.watching() as seen:
        for name, told in NO_RELEASES.items():
            done = stages.rollback(f"--to={name}")
            (problem,) = done.json["problems"]
            assert (done.code, problem["message"][: len(told)]) == (1, told)
            assert len(problem["message"]) < 500
            assert problem["next"].startswith(newest)
        done = stages.rollback("--reason", "x" * 501)
    assert seen.nothing
    assert (done.code, "it has 501 characters, and the limit is 500" in done.err) == (2, True)


def test_an_image_goes_back_alone_to_what_it_was_before_its_own_last_step(stages: Stages) -> None:
    done = stages.rollback("--image", stages.deploy.image("api"))
    assert done.code == 0
    assert stages.news(ROLLBACK) == {"api": stages.pin("api", "1.0.0")}
    done = stages.rollback("--image", "nosuch", "--image", stages.deploy.image("web"))
    assert done.code == 1
    assert done.json["problems"][0]["message"].startswith("nosuch matches no entry of production")
    # A second rollback keeps what the first one proposes.
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0"), "api": stages.pin("api", "1.0.0")}
    assert len(stages.deploy.pulls("all")) == 1


def test_configuration_that_changed_since_is_named_and_stays(stages: Stages) -> None:
    patch = "apps/web/production/patch.yaml"
    stages.deploy.remote.commit("main", {patch: b"replicas: 3\n"}, message="more of them")
    stages.run("production", "web", "1.3.0")
    stages.deploy.remote.commit("main", {patch: b"replicas: 5\n"}, message="even more")
    done = stages.rollback("--to", "4")
    assert done.code == 0
    assert stages.deploy.files(ROLLBACK)[patch] == b"replicas: 5\n"
    note = f"configuration that changed since is not reverted: {patch}"
    assert note in change(done.json)["reason"]["data"]["notes"]
    assert patch in stages.deploy.pull()["body"]
    assert note in stages.deploy.bot("rollback", "production", "--to", "4", "--dry-run").out


def test_what_the_registry_lost_is_held_unless_nobody_asks_it(stages: Stages) -> None:
    stages.deploy.world.registry.delete(f"{stages.deploy.name}/web", stages.digests["web", "1.1.0"])
    done = stages.rollback()
    assert (done.code, held(done.json)) == (1, {"web/production": "held.vanished"})
    assert reason(done.json)["text"].endswith("; choose another release with `--to`")
    assert stages.deploy.branches.keys() == {"main"}

    with stages.deploy.world.registry.counting() as seen:
        done = stages.rollback("--offline", "--dry-run")
    assert seen == []
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open"})
    assert change(done.json)["reason"]["text"].endswith("; not looked up in the registry (--offline)")


def test_no_schedule_is_in_the_way_of_a_commit(stages: Stages) -> None:
    stages.configure(f"policy: releases\npropose: {{as: commit, {closed()}}}")
    done = stages.rollback()
    assert (done.code, actions(done.json)) == (0, {"all": "commit"})
    assert stages.pins() == {"web": stages.pin("web", "1.1.0"), "api": stages.pin("api", "1.1.0")}


def test_history_that_was_cut_is_said_with_the_way_out(stages: Stages) -> None:
    cut(stages.deploy)
    done = stages.rollback()
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"]) == (1, "failed.git")
    assert "fetch-depth: 0" in problem["next"]
    assert stages.deploy.branches.keys() == {"main"}


def test_an_environment_without_an_earlier_release_has_nothing_to_go_back_to(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    done = stages.rollback()
    assert (done.code, bool(done.json["problems"][0]["next"])) == (1, True)
    done = stages.rollback("--to", "1")
    assert (done.code, actions(done.json), environment(done.json)["unchanged"]) == (0, {}, 1)
    assert stages.deploy.branches.keys() == {"main"}
