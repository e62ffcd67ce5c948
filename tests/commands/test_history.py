"""`gitops-bot history ENV`: what an environment ran, when, by whom, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.stages import Stages
from tests.counterparts.world import run

if TYPE_CHECKING:
    from tests.counterparts.world import Done, World


#: One worker runs these tests: they read the same releases.
pytestmark = pytest.mark.xdist_group("releases of every kind")


@pytest.fixture(scope="module")
def stages(worldwide: World) -> Stages:
    """Releases of every kind. Tests that share them write nothing."""
    return release_all_kinds(worldwide)


def release_all_kinds(world: World) -> Stages:
    """Everything that makes a release of production, after its first one, each merged by another method."""
    made = Stages.start(world, "promote_from: staging", staging="policy: releases\npropose: {as: commit}")
    made.push("web", "1.1.0")
    assert made.deploy.ask("update", "staging").code == 0
    assert made.promote().code == 0
    made.merge("merge")
    made.run("production", "web", "1.2.0", author="Grace <grace@example.test>")
    made.deploy.remote.commit("main", {"apps/web/production/limits.yaml": b"cpu: 1\n"}, message="limits")
    assert made.rollback().code == 0
    made.merge("rebase")
    made.push("web", "1.3.0")
    assert made.deploy.ask("set", "production", f"{made.deploy.image('web')}=1.3.0", "--release-hold").code == 0
    made.merge("squash")
    return made


def history(stages: Stages, *more: str) -> Done:
    return stages.deploy.ask("history", "production", *more)


def releases(done: Done) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = done.json["releases"]
    return found


def test_every_release_says_what_it_was(stages: Stages) -> None:
    with stages.deploy.watching() as seen:
        done = history(stages)
    assert (done.code, seen.nothing) == (0, True)
    found = releases(done)
    line = stages.deploy.remote.git("log", "--first-parent", "--format=%H", "main", "--", "apps/web/production")
    assert [release["commit"] for release in found] == line.decode().split()
    assert [(release["number"], release["kind"]) for release in found] == [
        (6, "set"),
        (5, "rollback"),
        (4, "config"),
        (3, "manual"),
        (2, "promotion"),
        (1, "manual"),
    ]
    assert not done.json["bounded"]
    last, back, config, by_hand, promoted, first = found
    name, digests = stages.deploy.image("web"), stages.digests
    pin = {tag: {"tag": tag, "digest": digests["web", tag]} for tag in ("1.0.0", "1.1.0", "1.2.0", "1.3.0")}
    expected = {"overlay": "apps/web/production", "name": name}
    assert first["changes"] == [expected | {"from": None, "to": pin["1.0.0"]}]
    assert promoted["changes"] == [expected | {"from": pin["1.0.0"], "to": pin["1.1.0"]}]
    assert by_hand["changes"] == [expected | {"from": pin["1.1.0"], "to": pin["1.2.0"]}]
    assert (config["changes"], config["config"]) == ([], ["apps/web/production/limits.yaml"])
    assert back["changes"] == [expected | {"from": pin["1.2.0"], "to": pin["1.1.0"]}]
    assert last["changes"] == [expected | {"from": pin["1.1.0"], "to": pin["1.3.0"]}]
    staging = stages.deploy.ask("history", "staging").json["releases"]
    assert promoted["from_release"] == staging[0]["id"]
    assert back["rollback_of"] == by_hand["id"]
    assert {release["from_release"] for release in (last, back, config, by_hand, first)} == {None}
    assert [release["pull_request"] and release["pull_request"]["state"] for release in found] == [
        "merged",
        "merged",
        None,
        None,
        "merged",
        None,
    ]
    assert {release["merged_by"] for release in found if release["pull_request"]} == {"alice"}
    assert found[3]["author"] == "Grace"
    # A server without GraphQL names the pull requests all the same.
    missing = Answer.json(404, {"message": "Not Found"})
    stages.deploy.gate(lambda request, go: missing if request.path == "/api/graphql" else go())
    by_rest = history(stages)
    stages.deploy.gate(None)
    assert [release["pull_request"] for release in releases(by_rest)] == [each["pull_request"] for each in found]
    assert {release["merged_by"] for release in releases(by_rest)} == {None}


def test_less_can_be_asked_for(stages: Stages) -> None:
    assert [release["number"] for release in releases(history(stages, "--limit", "2"))] == [6, 5]
    assert releases(history(stages, "--since", "2999-01-01")) == []
    name = stages.deploy.image("web")
    assert [release["number"] for release in releases(history(stages, "--image", name))] == [6, 5, 3, 2, 1]


def test_one_release_is_shown_with_its_diff(stages: Stages) -> None:
    done = history(stages, "--show", "4")
    assert [release["number"] for release in releases(done)] == [4]
    assert "b/apps/web/production/limits.yaml" in done.json["diff"]
    assert "+cpu: 1" in done.json["diff"].splitlines()
    commit = releases(history(stages))[3]["commit"]
    (release,) = releases(history(stages, "--show", commit[:9]))
    assert release["commit"] == commit
    unknown = history(stages, "--show", "99")
    assert unknown.code == 1
    assert "99 is not a release of production" in unknown.json["problems"][0]["message"]


def test_what_came_between_two_releases_is_summed_up(stages: Stages) -> None:
    done = history(stages, "--between", "5", "2")
    assert [release["number"] for release in releases(done)] == [5, 4, 3]
    between = done.json["between"]
    assert (between["changes"], between["config"]) == ([], ["apps/web/production/limits.yaml"])
    (change,) = history(stages, "--between", "1", "6").json["between"]["changes"]
    assert (change["from"]["tag"], change["to"]["tag"]) == ("1.0.0", "1.3.0")


def test_the_commits_between_two_images_are_told_where_the_forge_knows_them(worldwide: World) -> None:
    stages = release_all_kinds(worldwide)
    deploy = stages.deploy
    old, new = (deploy.remote.log("main", "%H")[at] for at in (2, 0))
    source = f"{deploy.world.forge.api_url.partition('/api')[0]}/{deploy.name}"
    for tag, revision in (("3.0.0", old), ("3.1.0", new)):
        labels = {
            "org.opencontainers.image.source": source,
            "org.opencontainers.image.revision": revision,
        }
        stages.digests["web", tag] = deploy.world.registry.push_image(f"{deploy.name}/web", tag, labels=labels)
        stages.run("production", "web", tag)
    asked = len(deploy.world.forge.asked)
    done = history(stages, "--between", "7", "8")
    (image,) = done.json["between"]["images"]
    told = {key: image[key] for key in ("name", "overlay", "source", "from_revision", "to_revision")}
    assert told == {
        "name": deploy.image("web"),
        "overlay": "apps/web/production",
        "source": source,
        "from_revision": old,
        "to_revision": new,
    }
    assert image["commits"] == deploy.remote.log(f"{old}..{new}")[::-1]
    assert len([line for line in deploy.world.forge.asked[asked:] if "/compare/" in line.line]) == 1
    assert image["commits"][-1] in deploy.bot("history", "production", "--between", "7", "8").out
    # An image that is gone, or says nothing: all else is told.
    deploy.world.registry.delete(f"{deploy.name}/web", stages.digests["web", "3.1.0"])
    done = history(stages, "--between", "7", "8")
    assert (done.code, done.json["between"]["images"], len(done.json["between"]["changes"])) == (0, [], 1)


def test_a_forge_that_does_not_answer_costs_who_merged_and_one_problem(stages: Stages) -> None:
    deploy = stages.deploy
    deploy.world.forge.gates[deploy.name] = lambda request, go: Answer.json(403, {"message": "no"})
    try:
        done = history(stages)
    finally:
        del deploy.world.forge.gates[deploy.name]
    assert done.code == 1
    assert [release["number"] for release in releases(done)] == [6, 5, 4, 3, 2, 1]
    assert {release["pull_request"] and 1 for release in releases(done)} == {None}
    (problem,) = done.json["problems"]
    assert problem["message"].startswith("who merged these releases is not known")


def test_without_a_token_git_tells_alone(stages: Stages) -> None:
    deploy = stages.deploy
    done = run("history", "production", "--output", "json", "--repository", str(deploy.remote.path), cwd=deploy.folder)
    assert done.code == 0
    assert {release["merged_by"] for release in releases(done)} == {None}
    assert [release["kind"] for release in releases(done)][1:3] == ["rollback", "config"]


def test_people_read_it_from_top_to_bottom(stages: Stages) -> None:
    done = stages.deploy.bot("history", "production")
    lines = done.out.splitlines()
    assert lines[0].startswith("production: releases of acme/")
    assert any(line.startswith("6  ") and "  set  by " in line for line in lines)
    assert "  configuration: apps/web/production/limits.yaml" in lines


def test_a_moment_that_is_none_is_a_mistake(stages: Stages) -> None:
    done = history(stages, "--since", "2026-13-01")
    assert done.code == 2
    assert "there is no 2026-13-01" in done.err
