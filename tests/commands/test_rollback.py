"""`gitops-bot rollback ENV`: what an environment ran before, from Git alone, at any hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import pinned
from tests.commands.scene import way_back
from tests.commands.stages import ROLLBACK, Stages, actions, change, cut, environment, held, kustomization, path, reason

if TYPE_CHECKING:
    from gitops_bot.demo.http import Request
    from tests.counterparts.world import World

WEB = path("web", "production")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """Production has had four releases: 1.0.0 of `web` and `api`, `web` 1.1.0, `api` 1.1.0, `web` 1.2.0."""
    made = Stages.start(worldwide, "policy: releases", apps=("web", "api"))
    for app, tag in (("web", "1.1.0"), ("api", "1.1.0"), ("web", "1.2.0")):
        made.run("production", app, tag)
    return made


def test_the_previous_release_is_proposed_and_no_other_byte(stages: Stages) -> None:
    base = stages.deploy.files("main")
    done = stages.rollback()
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open"})
    old, new = (stages.digests["web", tag] for tag in ("1.2.0", "1.1.0"))
    wanted = pinned(base[WEB], (": 1.2.0", ": 1.1.0"), (old, new))
    assert stages.deploy.files(ROLLBACK) == base | {WEB: wanted}
    found = change(done.json)
    assert (found["source"], found["direction"], found["reason"]["code"]) == ("rollback", "backward", "rolled_back")
    assert found["reason"]["text"].startswith("back to release 3 (")
    assert found["reason"]["text"].endswith(", by Ada")
    assert stages.deploy.pull()["title"] == "chore(production): roll back web to 1.1.0"
    with stages.deploy.watching() as seen:
        assert actions(stages.rollback().json) == {"rollback-all": "none"}
    assert seen.nothing


def test_a_rollback_says_why_and_what_it_takes_back(stages: Stages) -> None:
    done = stages.rollback("--reason", "checkout fails\nfor @ada")
    assert done.code == 0
    assert change(done.json)["reason"]["data"]["because"] == "checkout fails\nfor @ada"
    text = stages.deploy.pull()["body"]
    assert "**production**: 1 pin rolled back, nothing else.\n\n**Why:** checkout fails for @\u200bada\n" in text
    assert "How to roll back" not in text
    assert "gitops-bot rollback" not in text
    assert "Merge to roll back. Close to keep what runs now. " in text
    why, block = stages.deploy.message(ROLLBACK).strip().split("\n\n")[-2:]
    assert why == "Why: checkout fails for @\u200bada"
    assert block.startswith("Gitops-Bot-Plan: 1 production rollback-all rollback\n")


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


def test_a_reason_that_is_too_long_to_show_is_refused(stages: Stages) -> None:
    with stages.deploy.watching() as seen:
        done = stages.rollback("--reason", "x" * 501)
    assert (done.code, seen.nothing, seen.api) == (2, True, [])
    assert "it has 501 characters, and the limit is 500" in done.err


def test_a_release_is_named_by_its_number_its_commit_or_a_tag(stages: Stages) -> None:
    remote = stages.deploy.remote
    commit = remote.log("main", "%H")[2]  # web 1.1.0
    remote.git("tag", "before-the-fair", commit)
    remote.git("-c", "user.name=A", "-c", "user.email=a@example.test", "tag", "-a", "-m", "x", "annotated", commit)
    for name in ("2", commit, commit[:7].upper(), "before-the-fair", "annotated"):
        done = stages.rollback("--to", name, "--dry-run")
        (proposal,) = environment(done.json)["proposals"]
        tags = {change["entry"]["overlay"].split("/")[1]: change["to"]["tag"] for change in proposal["changes"]}
        assert (done.code, tags) == (0, {"web": "1.1.0", "api": "1.0.0"}), name
    assert stages.rollback("--to", "annotated").code == 0
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0"), "api": stages.pin("api", "1.0.0")}
    assert stages.deploy.pull()["title"] == "chore(production): roll back api and web"


def test_numbers_come_from_the_tags_where_those_are_kept(stages: Stages) -> None:
    commits = stages.deploy.remote.log("main", "%H")
    for number, commit in ((40, commits[2]), (41, commits[1])):
        stages.deploy.remote.git("tag", f"release/production/{number}", commit)
    assert stages.rollback("--to", "release/production/40").code == 0
    assert stages.news(ROLLBACK)["api"] == stages.pin("api", "1.0.0")
    done = stages.rollback("--to", "41")
    assert actions(done.json) == {"rollback-all": "refresh"}
    assert stages.rollback("--to", "2").code == 1


NO_RELEASES = {
    "99": "99 is not a release of production: no such commit changed a file of its overlays",
    "0": "0 is not a release of production",
    "0000000": "0000000 is not a release of production",
    "v1.1.0": "there is no tag 'v1.1.0'",
    "--x": "there is no tag '--x'",
    "": "there is no tag ''",
    "x" * 5000: "there is no tag 'xxx",
    "main": "there is no tag 'main'",
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
    assert seen.nothing


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


def test_the_default_goes_behind_the_last_pin_and_not_behind_configuration(stages: Stages) -> None:
    stages.deploy.remote.commit("main", {"apps/web/production/patch.yaml": b"replicas: 3\n"})
    stages.rollback()
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0")}


def test_entries_that_came_or_went_since_are_named_and_stay(stages: Stages) -> None:
    stages.deploy.remote.commit(
        "main",
        {path("api", "production"): None, path("job", "production"): kustomization(stages.deploy, "job", "7", None)},
    )
    done = stages.rollback("--to", "1")
    assert done.code == 0
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.0.0")}
    notes = change(done.json)["reason"]["data"]["notes"]
    assert f"{stages.deploy.image('job')} in apps/job/production did not exist then; it stays as it is" in notes
    assert f"{stages.deploy.image('api')} in apps/api/production (1.1.0@" in notes.replace("1.0.0", "1.1.0")
    assert "was removed since; it stays removed" in notes


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
    done = stages.rollback("--offline")
    assert done.code == 0
    assert change(done.json)["reason"]["text"].endswith("; not looked up in the registry (--offline)")
    assert "not looked up in the registry" in stages.deploy.pull()["body"]
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.1.0")}


def test_an_index_that_lost_a_platform_is_held_and_one_that_has_all_is_not(stages: Stages) -> None:
    deploy = stages.deploy
    name, platforms = f"{deploy.name}/web", ("linux/amd64", "linux/arm64")
    for tag in ("2.0.0", "2.1.0"):
        stages.digests["web", tag] = deploy.world.registry.push(name, tag, platforms=platforms)
        stages.run("production", "web", tag)
    assert held(stages.rollback("--dry-run").json) == {}
    # What an index of one platform would be: the same bytes, and so the same digest, as that platform's manifest.
    lost = deploy.world.registry.push(name, "2.0.0-arm64", "2.0.0", platforms=())
    deploy.world.registry.delete(name, lost)
    done = stages.rollback()
    assert (done.code, held(done.json)) == (1, {"web/production": "held.platforms"})
    assert "has lost linux/amd64 of 2.0.0@sha256:" in reason(done.json)["text"]


def test_a_registry_that_fails_is_said_and_the_other_entries_go_back(stages: Stages) -> None:
    dead = f"127.0.0.1:9/{stages.deploy.name}/api"
    files = {
        path("api", "production"): kustomization(stages.deploy, "api", tag, f"sha256:{number}").replace(
            stages.deploy.image("api").encode(), dead.encode()
        )
        for tag, number in (("1.0.0", "1" * 64),)
    }
    stages.deploy.remote.commit("main", files)
    moved = files[path("api", "production")].replace(b"1.0.0", b"2.0.0").replace(b"1" * 64, b"2" * 64)
    stages.deploy.remote.commit("main", {path("api", "production"): moved})
    stages.run("production", "web", "1.3.0")
    done = stages.rollback("--to", "5")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert (problem["code"], "127.0.0.1:9" in problem["message"]) == ("failed.registry", True)
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.2.0")}


@pytest.mark.parametrize("how", ["pull-request", "commit"])
def test_no_schedule_and_no_limit_is_in_the_way(stages: Stages, how: str) -> None:
    closed = f"schedule: [{{days: [{DAYS[(datetime.now(UTC).weekday() + 3) % 7]}]}}]"
    limit = ", limit: {open: 1, new_per_hour: 1}" if how == "pull-request" else ""
    stages.configure(f"policy: releases\npropose: {{as: {how}, {closed}{limit}}}")
    done = stages.rollback()
    assert done.code == 0
    if how == "commit":
        assert actions(done.json) == {"all": "commit"}
        assert stages.pins() == {"web": stages.pin("web", "1.1.0"), "api": stages.pin("api", "1.1.0")}
    else:
        assert actions(done.json) == {"rollback-all": "open"}


def test_a_rollback_goes_its_way_beside_what_is_proposed_already(stages: Stages) -> None:
    stages.configure("policy: releases\npropose: {limit: {open: 1, new_per_hour: 1}}")
    stages.push("api", "1.2.0")
    stages.deploy.bot("update")
    assert len(stages.deploy.pulls()) == 1
    assert actions(stages.rollback().json) == {"rollback-all": "open"}
    assert len(stages.deploy.pulls()) == 2


def test_ignored_entries_stay(stages: Stages) -> None:
    stages.configure(f"policy: releases\nimages: {{{stages.deploy.image('web')}: {{ignore: true}}}}")
    done = stages.rollback("--to", "1")
    assert done.code == 0
    assert stages.news(ROLLBACK) == {"api": stages.pin("api", "1.0.0")}


def test_history_that_was_cut_is_said_with_the_way_out(stages: Stages) -> None:
    cut(stages.deploy)
    for words in ((), ("--to", "1")):
        done = stages.rollback(*words)
        assert done.code == 1
        (problem,) = done.json["problems"]
        assert problem["code"] == "failed.git"
        assert "fetch-depth: 0" in problem["next"] or "No commit is known" in problem["next"], problem
    assert stages.deploy.branches.keys() == {"main"}


def test_an_environment_without_an_earlier_release_has_nothing_to_go_back_to(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    for words in ((), ("--to", "v1")):
        done = stages.rollback(*words)
        assert done.code == 1
        assert done.json["problems"][0]["next"]
    done = stages.rollback("--to", "1")
    assert (done.code, actions(done.json), environment(done.json)["unchanged"]) == (0, {}, 1)
    assert stages.deploy.branches.keys() == {"main"}


def test_a_dry_run_touches_nothing_and_an_unknown_environment_is_wrong_usage(stages: Stages) -> None:
    with stages.deploy.watching() as seen:
        done = stages.rollback("--dry-run")
        unknown = stages.deploy.ask("rollback", "nosuch")
    assert seen.nothing
    assert actions(done.json) == {"rollback-all": "open"}
    assert (done.code, unknown.code) == (0, 2)


def test_a_merge_is_one_release_however_many_commits_it_brings(stages: Stages) -> None:
    remote = stages.deploy.remote
    base = stages.deploy.branches["main"]
    for app in ("web", "api"):
        digest = stages.push(app, "1.3.0")
        files = {path(app, "production"): kustomization(stages.deploy, app, "1.3.0", digest)}
        remote.commit("topic", files, parents=[] if app == "api" else [base])
    both = {path(app, "production"): remote.show("topic", path(app, "production")) for app in ("web", "api")}
    remote.commit("main", both, parents=[base, stages.deploy.branches["topic"]], message="Merge topic")
    stages.rollback()
    assert stages.news(ROLLBACK) == {"web": stages.pin("web", "1.2.0"), "api": stages.pin("api", "1.1.0")}


def test_a_branch_of_the_rollbacks_that_is_there_without_a_pull_request_is_healed(stages: Stages) -> None:
    def die(request: Request, go: object) -> object:
        if request.method == "POST" and request.path.endswith("/pulls"):
            raise ConnectionError
        return go()  # type: ignore[operator] # the gate's own type is checked where it is called

    stages.deploy.gate(die)  # type: ignore[arg-type] # likewise
    stages.deploy.bot("rollback", "production")
    stages.deploy.gate(None)
    assert ROLLBACK in stages.deploy.branches
    assert stages.deploy.pulls() == []
    assert actions(stages.rollback().json) == {"rollback-all": "open"}
    assert stages.deploy.pull()["head"]["sha"] == stages.deploy.branches[ROLLBACK]
