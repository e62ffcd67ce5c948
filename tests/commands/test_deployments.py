"""`records: github`: every release on the branch is recorded as a deployment, once."""

from __future__ import annotations

from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.killed import kill_at
from tests.commands.stages import Stages
from tests.counterparts.world import PATIENCE, ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

RECORDS = "records: github"
ARTIFACTS = "records: github\nartifact_metadata: true"
REFUSED = Answer.json(403, {"message": "Resource not accessible by integration"})


def started(world: World, more: str = RECORDS, production: str = "propose: {as: commit}") -> Stages:
    return Stages.start(world, production, more=more)


def deployments(deploy: Deploy, environment: str = "production") -> list[tuple[str, list[str]]]:
    """The commit of each deployment and the states of its statuses, the oldest first."""
    found = deploy.call("GET", f"/deployments?environment={environment}&per_page=100")
    return [
        (each["sha"], [status["state"] for status in deploy.call("GET", f"/deployments/{each['id']}/statuses")][::-1])
        for each in reversed(found)
    ]


def release(stages: Stages, tag: str) -> str:
    """A person releases this tag to production."""
    return stages.run("production", "web", tag)


def refusing(*paths: str) -> Callable[[Request, Callable[[], Answer]], Answer]:
    def gate(request: Request, go: Callable[[], Answer]) -> Answer:
        return REFUSED if request.method == "POST" and request.path.endswith(paths) else go()

    return gate


def test_every_release_is_recorded_once(worldwide: World) -> None:
    stages = started(worldwide)
    deploy = stages.deploy
    release(stages, "1.1.0")
    first = deploy.branches["main"]
    assert deploy.ask("update").code == 0
    assert deployments(deploy) == [(first, ["success"])], "what was released before is past"
    digest = stages.push("web", "1.2.0")
    assert deploy.ask("set", "production", f"{deploy.image('web')}=1.2.0@{digest}").code == 0
    by_set = deploy.branches["main"]
    by_hand = [release(stages, tag) for tag in ("1.3.0", "1.4.0")]
    assert deploy.ask("update", "production").code == 0
    expected = [(commit, ["success", "inactive"]) for commit in (first, by_set, by_hand[0])]
    assert deployments(deploy) == [*expected, (by_hand[1], ["success"])]
    with deploy.watching() as seen:
        assert deploy.ask("update", "production").code == 0
    assert seen.api == ["POST /graphql 200"], "one request to see that nothing is left"
    told = deploy.call("GET", "/deployments")[0]
    status = deploy.call("GET", f"/deployments/{told['id']}/statuses")[0]
    assert told["description"] == "released to Git by gitops-bot"
    assert status["description"] == "released to Git; what the cluster runs is not known here"


def test_what_is_proposed_or_planned_is_not_recorded(worldwide: World) -> None:
    stages = started(worldwide, production="policy: releases")
    deploy = stages.deploy
    for how in (("plan",), ("update", "--dry-run")):
        assert deploy.ask(*how).code == 0
        assert deployments(deploy) == []
    stages.push("web", "1.1.0")
    assert deploy.ask("update", "production").code == 0
    before = deployments(deploy)
    stages.merge()
    assert deploy.ask("update", "production").code == 0
    assert [commit for commit, _ in deployments(deploy)] == [before[0][0], deploy.branches["main"]]


def test_a_run_that_is_killed_in_between_is_carried_on(worldwide: World) -> None:
    deploy = started(worldwide).deploy
    kill_at(deploy, "POST /deployments", done=True, command=("update", "production"))
    assert deploy.ask("update", "production").code == 0
    assert [states for _, states in deployments(deploy)] == [["success"]]


def test_two_runs_at_once_record_it_once(worldwide: World) -> None:
    stages = started(worldwide, ARTIFACTS)
    deploy = stages.deploy
    release(stages, "1.1.0")
    both_looked = Barrier(2, timeout=PATIENCE)

    def together(request: Request, go: Callable[[], Answer]) -> Answer:
        if (request.method, request.path.rpartition("/")[2]) == ("POST", "deployments"):
            both_looked.wait()
        return go()

    deploy.gate(together)
    with deploy.watching() as seen:
        runs = [deploy.start("update", "production") for _ in range(2)]
        assert [ended(run).code for run in runs] == [0, 0]
    deploy.gate(None)
    assert seen.api.count("POST /deployments 201") == 2
    assert [states for _, states in deployments(deploy)] == [["success"]]
    (record,) = recorded(deploy)
    assert record == {
        "id": record["id"],
        "name": deploy.image("web"),
        "digest": stages.digests["web", "1.1.0"],
        "version": "1.1.0",
        "status": "deployed",
        "logical_environment": "production",
        "deployment_name": f"apps/web/production/kustomization.yaml:{deploy.image('web')}",
    }


@pytest.mark.parametrize("path", ["/deployments", "/statuses", "/deployment-record"])
def test_a_lost_answer_doubles_nothing(worldwide: World, path: str) -> None:
    stages = started(worldwide, ARTIFACTS)
    deploy = stages.deploy
    commit = release(stages, "1.1.0")
    lost: list[str] = []

    def lose(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        if request.method == "POST" and request.path.endswith(path) and not lost:
            lost.append(request.path)
            raise ConnectionResetError
        return answer

    worldwide.forge.gates[""] = lose
    deploy.gate(lose)
    done = deploy.ask("update", "production")
    deploy.gate(None)
    del worldwide.forge.gates[""]
    assert (done.code, len(lost)) == (0, 1)
    assert deployments(deploy) == [(commit, ["success"])]
    assert [record["version"] for record in recorded(deploy)] == ["1.1.0"]


def test_without_the_permission_it_is_one_problem_and_all_else_is_done(worldwide: World) -> None:
    stages = started(worldwide, f"{RECORDS}\nrelease_tags: true", "policy: releases\npropose: {as: commit}")
    deploy = stages.deploy
    stages.push("web", "1.1.0")
    deploy.gate(refusing("/deployments"))
    done = deploy.ask("update")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.auth"
    assert problem["message"].startswith("releases are not recorded (staging, production): ")
    assert "Resource not accessible by integration" in problem["message"]
    assert "`deployments: write`" in problem["next"]
    assert stages.pins()["web"] == stages.pin("web", "1.1.0")
    assert b"release/production/2" in deploy.remote.git("tag")


def recorded(deploy: Deploy) -> list[Any]:
    """The deployment records of this repository's artifacts."""
    every = deploy.world.forge.gateway.artifacts.get("acme", [])
    return [record for record in every if f"/{deploy.name}/" in record["name"]]


def test_artifacts_that_could_not_be_recorded_for_now_are_by_the_next_run(worldwide: World) -> None:
    deploy = started(worldwide, ARTIFACTS).deploy
    limited = Answer.json(403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "3600"})
    worldwide.forge.gates[""] = lambda request, go: limited if request.path.endswith("/deployment-record") else go()
    assert deploy.ask("update", "production").code == 1
    del worldwide.forge.gates[""]
    assert [states for _, states in deployments(deploy)] == [[]]
    assert deploy.ask("update", "production").code == 0
    assert [states for _, states in deployments(deploy)] == [["success"]]
    assert [record["version"] for record in recorded(deploy)] == ["1.0.0"]


def test_where_artifacts_may_not_be_recorded_the_deployment_is(worldwide: World) -> None:
    stages = started(worldwide, ARTIFACTS)
    deploy = stages.deploy
    release(stages, "1.1.0")
    worldwide.forge.gates[""] = refusing("/deployment-record")
    done = deploy.ask("update", "production")
    del worldwide.forge.gates[""]
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"]) == (1, "failed.auth")
    assert "`artifact-metadata: write`" in problem["next"]
    assert [states for _, states in deployments(deploy)] == [["success"]]
    assert recorded(deploy) == []
