"""`release_tags: true`: every release on the branch gets a tag once, which keeps its number and says what it was."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.commands.status import overview_of_cycle
from gitops_bot.engine.facts import RELEASE_TAGS
from gitops_bot.engine.request import Request
from gitops_bot.engine.update import update
from gitops_bot.images.reference import Pin
from tests.commands.running import running
from tests.commands.stages import Stages
from tests.counterparts.world import ended
from tests.engine.world import Shop
from tests.tables import rows

if TYPE_CHECKING:
    from tests.counterparts.git_http import Remote
    from tests.counterparts.world import World

TAGS = "release_tags: true"


@pytest.fixture
def stages(worldwide: World) -> Stages:
    return Stages.start(worldwide, "propose: {as: commit}", staging="policy: releases", more=TAGS)


def tags(remote: Remote) -> dict[str, str]:
    """Every tag of production and the commit that it names."""
    form = "--format=%(refname:lstrip=4) %(*objectname)%(if)%(*objectname)%(then)%(else)%(objectname)%(end)"
    lines = remote.git("for-each-ref", form, "refs/tags/release/production/").decode().splitlines()
    return dict(line.split() for line in lines)


def text_of(remote: Remote, tag: str) -> Any:
    return json.loads(remote.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}"))


def commits(remote: Remote, overlay: str = "apps/web/production") -> list[str]:
    """The commits of the base branch that changed an overlay, the oldest first."""
    return remote.git("log", "--first-parent", "--reverse", "--format=%H", "main", "--", overlay).decode().split()


def numbered(remote: Remote) -> dict[str, str]:
    return {str(number): commit for number, commit in enumerate(commits(remote), start=1)}


def tag(remote: Remote, name: str, commit: str, message: str | None = None) -> None:
    words = ["-f", name, commit] if message is None else ["-f", "-a", "-m", message, name, commit]
    remote.git("-c", "user.name=ada", "-c", "user.email=ada@example.test", "tag", *words)


def test_every_door_tags_what_is_on_the_branch_with_what_history_shows_of_it(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    assert deploy.ask("update", "--dry-run").code == 0
    assert tags(remote) == {}
    digest = stages.push("web", "1.1.0")
    assert deploy.ask("set", "production", f"{deploy.image('web')}=1.1.0@{digest}").code == 0
    assert tags(remote) == numbered(remote)
    assert len(numbered(remote)) == 2
    stages.run("staging", "web", "1.2.0")
    assert stages.promote().code == 0
    assert tags(remote) == numbered(remote)
    (shown,) = deploy.ask("history", "production", "--show", "3").json["releases"]
    assert text_of(remote, "release/production/3") == shown
    assert (shown["number"], shown["kind"]) == (3, "promotion")
    assert shown["from_release"] == commits(remote, "apps/web/staging")[-1]
    assert shown["content_digest"].startswith("sha256:")
    who = remote.git("for-each-ref", "--format=%(taggername) %(taggeremail)", "refs/tags/").decode().splitlines()
    assert set(who) == {"gitops-bot <gitops-bot@noreply.invalid>"}
    assert stages.rollback().code == 0
    assert tags(remote) == numbered(remote)
    stages.run("production", "web", "1.3.0", author="Grace <grace@example.test>")
    assert deploy.ask("update", "production").code == 0
    assert tags(remote) == numbered(remote)
    assert len(numbered(remote)) == 5
    assert not remote.git("for-each-ref", "refs/tags/release/staging/"), "only of what was asked for"


def test_what_a_person_merges_is_tagged_by_the_next_run(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases", more=TAGS)
    deploy, remote = stages.deploy, stages.deploy.remote
    stages.push("web", "1.1.0")
    assert deploy.ask("update").code == 0
    assert len(tags(remote)) == 1, "what is proposed is no release yet"
    stages.merge()
    before = tags(remote)
    assert deploy.ask("update").code == 0
    assert tags(remote) == numbered(remote) == before | {"2": commits(remote)[-1]}
    assert text_of(remote, "release/production/2")["merged_by"] == "alice"
    with deploy.watching() as seen:
        assert deploy.ask("update").code == 0
    assert (seen.nothing, tags(remote)) == (True, numbered(remote))


def test_a_number_stays_where_the_branch_was_rewritten(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    for version in ("1.1.0", "1.2.0"):
        stages.run("production", "web", version)
    assert deploy.ask("update", "production").code == 0
    first, second, third = commits(remote)
    remote.git("update-ref", "refs/heads/main", second)
    stages.run("production", "web", "1.3.0")
    done = deploy.ask("update", "production")
    assert (done.code, done.err.count("git.warning")) == (0, 1)
    assert "so new releases have the numbers behind theirs: release/production/3" in done.err
    newest = commits(remote)[-1]
    assert tags(remote) == {"1": first, "2": second, "3": third, "4": newest}
    done = deploy.ask("history", "production", "--verify")
    assert [release["number"] for release in done.json["releases"]] == [4, 2, 1]
    (problem,) = done.json["problems"]
    assert problem["message"] == "these tags number no release of production on main: release/production/3"
    done = deploy.ask("rollback", "production", "--to", "1")
    assert (done.code, done.err) == (0, "")
    assert tags(remote)["5"] == commits(remote)[-1]


def test_runs_at_once_tag_every_release_once(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    for version in ("1.1.0", "1.2.0"):
        stages.run("production", "web", version)
    began = [deploy.start("update", "production", "--output", "json") for _ in range(2)]
    for done in [ended(process) for process in began]:
        assert (done.code, done.json["problems"]) == (0, []), done.out
    assert tags(remote) == numbered(remote)
    assert deploy.ask("history", "production", "--verify").code == 0


@rows("tagged read_tags number", {
    "by the tag": ("true", True, 120),
    "not by counting": ("true", False, None),
    "by counting, without tags": ("false", False, 1),
})  # fmt: skip
def test_the_page_of_a_cycle_numbers_as_history_does(tagged: str, *, read_tags: bool, number: int | None) -> None:
    shop = Shop(
        f"version: 1\nrelease_tags: {tagged}\nenvironments: {{production: {{overlays: [apps/*/production]}}}}\n"
    )
    shop.run(Pin("1.0.0"), "production")
    shop.repository.release_tags = {"release/production/120": shop.repository.head()}
    facts = shop.facts("production")
    snapshot = facts.snapshot
    outcome = update(shop.world, snapshot, Request(dry_run=True), facts).body

    async def look_back() -> None:
        await facts.line(lambda line: line.complete)
        if read_tags:
            await RELEASE_TAGS

    shop.answer(facts, look_back())
    (release,) = overview_of_cycle(snapshot, facts, outcome, None).body.releases
    assert release.release.number == number
    (release,) = overview_of_cycle(snapshot, facts, outcome, None, {"release/production/120": release.id}).body.releases
    assert release.release.number == 120, "an earlier cycle has read it"


def test_the_page_of_a_run_has_the_numbers_that_this_run_gave(stages: Stages) -> None:
    tag(stages.deploy.remote, "release/production/120", commits(stages.deploy.remote)[0])
    stages.run("production", "web", "1.1.0")
    with running(stages.deploy) as bot:
        bot.until("cycle.ended")
        _, page = bot.get("/")
        assert "<td>production</td><td>121 " in page
        assert "release 121 (" in page
    assert "release/production/121" in stages.deploy.remote.git("tag").decode().split()
    assert stages.deploy.ask("history", "production").json["releases"][0]["number"] == 121


def test_a_rule_that_refuses_tags_is_one_problem_and_fails_nothing_else(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases", staging="policy: releases", more=TAGS)
    deploy, remote = stages.deploy, stages.deploy.remote
    words = "GH013: Repository rule violations found for $3: Cannot create ref due to creations being restricted."
    remote.hook("update", f'case "$1" in refs/tags/*) echo "{words}" >&2; exit 1;; esac')
    stages.push("web", "1.1.0")
    done = deploy.ask("update")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["message"].startswith("releases are not tagged (staging, production): ")
    assert problem["next"].startswith("Let the bot create tags `release/**`")
    assert len(deploy.pulls()) == 2
    assert tags(remote) == {}


def test_tags_of_people_are_left_alone_and_named(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    for version in ("1.1.0", "1.2.0"):
        stages.run("production", "web", version)
    first, second, third = commits(remote)
    other = remote.commit("main", {"README.md": b"# \n"})
    tag(remote, "release/production/1", first)
    tag(remote, "release/production/2", other, "elsewhere")
    tag(remote, "release/production/3", second, "{" * 100_000)
    tag(remote, "release/production/v4", third)
    tag(remote, "release/production/9999999", third)
    taken = tags(remote)
    assert deploy.ask("update", "production").code == 0
    assert tags(remote) == taken | {"4": third}
    done = deploy.ask("history", "production", "--verify")
    assert done.code == 1
    assert [release["number"] for release in done.json["releases"]] == [4, 3, 1]
    assert [problem["message"] for problem in done.json["problems"]] == [
        "these tags do not hold a release as JSON: release/production/3, release/production/1",
        "these tags number no release of production on main: release/production/2",
    ]


def test_verify_reports_a_tag_that_says_something_else(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    assert deploy.ask("update", "production").code == 0
    said = text_of(remote, "release/production/1")
    tag(remote, "release/production/1", commits(remote)[0], json.dumps(said | {"author": "Mallory", "merged_by": "x"}))
    done = deploy.ask("history", "production", "--verify")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["message"] == "release/production/1 says something else than the history: author"
    assert deploy.ask("history", "production").code == 0
    # One that is too long to be compared is named.
    words = ("-c", "user.name=ada", "-c", "user.email=a@b", "tag", "-f", "-a", "-F", "-")
    remote.git(*words, "release/production/1", "main", stdin=b"x" * (5 << 20))
    (problem,) = deploy.ask("history", "production", "--verify").json["problems"]
    assert problem["message"] == "these tags were not compared: release/production/1"
    assert problem["next"].startswith("Each is larger than 4 MiB")


def test_an_incomplete_history_is_one_problem(stages: Stages) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    (remote.path / "shallow").write_text(stages.run("production", "web", "1.1.0") + "\n")
    stages.run("production", "web", "1.2.0")
    done = deploy.ask("update", "production")
    (problem,) = done.json["problems"]
    assert "the history is incomplete" in problem["message"]
    tag(remote, "release/production/7", "main")
    stages.run("production", "web", "1.3.0")
    assert deploy.ask("update", "production").code == 0
    assert tags(remote)["8"] == commits(remote)[-1]


@pytest.mark.parametrize(("hook", "environment"), [("post-receive", "staging"), ("pre-receive", "production")])
def test_a_run_that_is_killed_while_it_tags_is_carried_on(stages: Stages, hook: str, environment: str) -> None:
    deploy, remote = stages.deploy, stages.deploy.remote
    stages.run("production", "web", "1.1.0")
    pid = deploy.folder / "pid"
    kill = f"while [ ! -s {pid} ]; do sleep 0.01; done; kill -9 $(cat {pid}); exit 1"
    remote.hook(hook, f"if grep -q /{environment}/; then {kill}; fi")
    process = deploy.start("update")
    (deploy.folder / "new").write_text(str(process.pid))
    (deploy.folder / "new").rename(pid)
    assert ended(process).code == -signal.SIGKILL
    (remote.path / "hooks" / hook).unlink()
    assert tags(remote) == {}, "staging comes first"
    assert deploy.ask("update").code == 0
    assert tags(remote) == numbered(remote)
    assert deploy.ask("history", "staging", "--verify").code == 0
