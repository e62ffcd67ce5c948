"""`propose: {status: ...}`: the commit status on pull requests. Real registry, git and GitHub's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.demo.http import Answer
from tests.commands.scene import approve
from tests.commands.stages import BRANCH, Stages, held

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

OPEN, NAME = ("success", "nothing holds what it proposes"), "gitops-bot/gates"


def start(world: World, check: str, status: str) -> tuple[Deploy, Callable[..., None]]:
    """Staging has a release that production waits for; also what reports a check of it."""
    production = f'promote_from: staging\nrequire: {{checks: ["{check}"]}}\npropose: {{status: {status}}}'
    stages = Stages.start(world, production)
    deploy, commit = stages.deploy, stages.run("staging", "web", "1.1.0")

    def report(state: str, name: str = "healthy", **how: Any) -> None:
        world.forge.status(deploy.name, commit, name, state, **how)

    return deploy, report


def listed(deploy: Deploy, branch: str = BRANCH) -> list[Any]:
    """The bot's statuses on the head of a branch, the newest first."""
    known = deploy.call("GET", f"/commits/{deploy.branches[branch]}/statuses")
    return [each for each in known if each["context"] == NAME]


def written(deploy: Deploy, branch: str = BRANCH) -> list[tuple[str, str]]:
    return [(each["state"], each["description"]) for each in listed(deploy, branch)]


def test_an_approved_pull_request_turns_red_with_its_check_and_green_again(worldwide: World) -> None:
    deploy, report = start(worldwide, "healthy", "true")
    report("success")
    assert deploy.bot("update").code == 0
    assert written(deploy) == [OPEN]
    body = deploy.pull()["body"]
    approve(deploy)
    with deploy.watching() as seen:
        assert deploy.bot("update").code == 0
    assert (seen.nothing, len(seen.reads)) == (True, 2)  # pull requests with their statuses, and checks
    report("failure", text="it is degraded", url="https://argocd.test/web")
    assert deploy.bot("update").code == 0
    assert deploy.bot("update").code == 0
    (state, text), *before = written(deploy)
    assert (state, before) == ("failure", [OPEN])
    assert text.startswith("web 1.1.0: check healthy: failure since ")
    assert text.endswith(", by argocd[bot]: it is degraded")
    assert listed(deploy)[0]["target_url"] == "https://argocd.test/web"
    assert held(deploy.ask("plan", "production").json) == {"web/production": "held.check"}
    report("success")
    assert deploy.bot("update").code == 0
    assert [state for state, _ in written(deploy)] == ["success", "failure", "success"]
    assert deploy.pull()["body"] == body
    assert "\nChecks, as they were read on 20" in body


def test_every_pull_request_gets_the_status_that_the_branch_requires_and_it_counts_nowhere(worldwide: World) -> None:
    deploy, report = start(worldwide, "*", "all")
    deploy.remote.commit("topic", {"README.md": b"# more\n"})
    deploy.call("POST", "/pulls", {"title": "more", "head": "topic", "base": "main", "body": ""})
    report("success", NAME)
    assert held(deploy.ask("update", "production").json) == {"web/production": "held.check"}
    assert written(deploy, "topic") == [("success", "no pins of gitops-bot")]
    report("success")
    report("failure", NAME)
    assert deploy.bot("update").code == 0
    assert written(deploy) == [OPEN]
    with deploy.watching() as seen:
        assert deploy.bot("update").code == 0
    assert (seen.nothing, len(seen.reads)) == (True, 3)


def test_a_token_without_the_permission_is_one_problem_and_the_rest_is_done(worldwide: World) -> None:
    deploy, report = start(worldwide, "healthy", "all")
    report("success")

    def refuse(request: Request, go: Callable[[], Answer]) -> Answer:
        if "/statuses/" in request.path and request.method == "POST":
            return Answer.json(403, {"message": "Resource not accessible by integration"})
        return go()

    deploy.gate(refuse)
    done = deploy.ask("update")
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"]) == (1, "failed.auth")
    assert problem["message"] == (
        "`gitops-bot/gates` cannot be written (GitHub says: Resource not accessible by integration)"
    )
    assert problem["next"] == "give the token `statuses: write`, or remove `propose: {status: ...}`"
    assert deploy.pull()["head"]["ref"] == BRANCH
