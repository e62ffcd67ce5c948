"""Checks at the edge: many at once, over several pages, of repositories that cannot be read, and answers that lie."""

from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github.deployments import TEXT
from gitops_bot.errors import ForgeError
from gitops_bot.releases.checks import CommitChecks
from tests.edges.github.scripted import HEAD, NO_GRAPHQL, playing, recorded
from tests.tables import rows

OTHER = "e" * 40
AT = "2026-11-24T14:02:00Z"


def status(context: str = "ci", **more: Any) -> dict[str, Any]:
    return {
        "__typename": "StatusContext",
        "context": context,
        "state": "SUCCESS",
        "createdAt": AT,
        "description": None,
        "targetUrl": None,
        "creator": {"__typename": "User", "login": "ann"},
    } | more


def commit(*nodes: Any, more: bool = False) -> dict[str, Any]:
    page = {"hasNextPage": more, "endCursor": "next" if more else None}
    return {"statusCheckRollup": {"contexts": {"pageInfo": page, "nodes": list(nodes)}}}


def answered(errors: Any = None, **repositories: Any) -> Answer:
    return Answer.json(200, {"data": repositories} | ({"errors": errors} if errors else {}))


def test_a_commit_with_many_checks_is_read_over_several_pages_and_no_longer_than_ten() -> None:
    def answer(body: Any) -> Answer:
        page = sum(name.startswith("a") for name in body["variables"])
        return answered(r0={"c0": commit(status(f"ci {page}"), more=True)})

    with playing({"Checks": answer}) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    assert script.asked == ["Checks"] * 10
    assert len(told.checks[None, HEAD].checks) == 10  # type: ignore[union-attr]
    assert not told.checks[None, HEAD].complete  # type: ignore[union-attr]


def test_what_may_not_be_seen_of_a_commit_is_not_passed_over_on_any_page() -> None:
    def answer(body: Any) -> Answer:
        is_first = "a0" not in body["variables"]
        return answered(r0={"c0": commit(status(), *([None] if is_first else []), more=is_first)})

    with playing({"Checks": answer}) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    assert len(told.checks[None, HEAD].checks) == 2  # type: ignore[union-attr]
    assert not told.checks[None, HEAD].complete  # type: ignore[union-attr]


@pytest.mark.parametrize(("number", "complete"), [(1_000, True), (1_001, False)])
def test_by_rest_a_thousand_checks_of_a_commit_are_all(number: int, complete: bool) -> None:
    (made,) = recorded("GET", "/commits/{ref}/statuses", 200)

    def answer(_: Any) -> Answer:
        page = sum("statuses" in line for line in script.asked)
        return Answer.json(200, [made] * min(100, max(0, number - 100 * (page - 1))))

    empty = Answer.json(200, {"total_count": 0, "check_runs": []})
    plays = {
        "Checks": NO_GRAPHQL,
        f"GET /commits/{HEAD}/statuses": answer,
        f"GET /commits/{HEAD}/check-runs": empty,
    }
    with playing(plays) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {}).checks[None, HEAD]
    assert (len(told.checks), told.complete) == (number, complete)  # type: ignore[union-attr]


def test_a_hundred_commits_take_one_request_and_too_large_an_answer_is_asked_for_in_halves() -> None:
    commits = [f"{number:040x}" for number in range(150)]

    def answer(body: Any) -> Answer:
        asked = [name for name in body["variables"] if name.startswith("c")]
        if len(asked) > 60:
            return Answer.json(200, {"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "too many"}]})
        return answered(r0={f"c{at}": None for at in range(len(asked))})

    with playing({"Checks": answer}) as script:
        told = script.bot.forge.checks({None: commits}, {})
    assert set(told.checks.values()) == {CommitChecks(found=False)}
    assert len(told.checks) == 150
    assert script.asked == ["Checks"] * 4


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_gives_up_on_a_large_query_is_asked_for_in_halves_but_not_down_to_a_few(
    status: int,
) -> None:
    sizes: list[int] = []

    def answer(body: Any, most: int) -> Answer:
        asked = [name for name in body["variables"] if name.startswith("c")]
        sizes.append(len(asked))
        return answered(r0={f"c{at}": None for at in range(len(asked))}) if len(asked) <= most else Answer(status)

    commits = [f"{number:040x}" for number in range(40)]
    with playing({"Checks": lambda body: answer(body, 25)}) as script:
        assert len(script.bot.forge.checks({None: commits}, []).checks) == 40
    assert list(dict.fromkeys(sizes)) == [40, 20]
    sizes.clear()
    with playing({"Checks": lambda body: answer(body, 0)}) as script, pytest.raises(ForgeError, match=str(status)):
        script.bot.forge.checks({None: commits}, [])
    assert list(dict.fromkeys(sizes)) == [40, 20]


def test_the_bots_own_status_is_left_out() -> None:
    own = status("gitops-bot/gates", state="FAILURE")
    with playing({"Checks": answered(r0={"c0": commit(own, status())})}) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    assert [its.name for its in told.checks[None, HEAD].checks] == ["ci"]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["NOT_FOUND", "FORBIDDEN"])
def test_a_repository_that_cannot_be_read_costs_its_own_commits_alone(kind: str) -> None:
    errors = [{"type": kind, "path": ["r1"], "message": "no"}]
    with playing({"Checks": answered(errors, r0={"c0": commit(status())}, r1=None)}) as script:
        told = script.bot.forge.checks({None: [HEAD], "acme/web": [OTHER]}, {})
    (ours,) = told.checks[None, HEAD].checks  # type: ignore[union-attr]
    assert (ours.name, ours.by, ours.state) == ("ci", "ann", "success")
    failure = told.checks["acme/web", OTHER]
    assert isinstance(failure, ForgeError)
    assert "the checks of acme/web cannot be read" in str(failure)


def test_what_strangers_write_is_one_bounded_line_and_only_web_links_are_links() -> None:
    hostile = status(
        "a\u202e\x1b[2Jb" * 99, description="x\n::error::" * 99, targetUrl="javascript:alert(1)", creator=None
    )
    with playing({"Checks": answered(r0={"c0": commit(hostile)})}, broken=True) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    (its,) = told.checks[None, HEAD].checks  # type: ignore[union-attr]
    assert its.name.isprintable()
    assert its.text.isprintable()
    assert (len(its.name), len(its.text), its.url, its.by) == (255, 200, None, "")


def test_a_check_run_counts_by_its_conclusion_once_it_is_completed() -> None:
    def run(conclusion: str | None) -> dict[str, Any]:
        when = {"status": "COMPLETED" if conclusion else "QUEUED", "completedAt": AT if conclusion else None}
        suite = {"id": "S_1", "createdAt": AT, "app": {"slug": "github-actions"}, "workflowRun": None}
        end = {"conclusion": conclusion, "startedAt": None, "title": None, "detailsUrl": None, "checkSuite": suite}
        return {"__typename": "CheckRun", "name": conclusion or "none", **when, **end}

    states = {"SUCCESS": "success", "SKIPPED": "skipped", "NEUTRAL": "skipped", "none": "pending"}
    states |= dict.fromkeys(("FAILURE", "CANCELLED", "TIMED_OUT", "ACTION_REQUIRED"), "failure")
    nodes = [run(name if name != "none" else None) for name in states]
    with playing({"Checks": answered(r0={"c0": commit(*nodes)})}) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    found = {its.name: its.state for its in told.checks[None, HEAD].checks}  # type: ignore[union-attr]
    assert found == states
    assert {its.by for its in told.checks[None, HEAD].checks} == {"github-actions[bot]"}  # type: ignore[union-attr]
    conclusions = {its.name: its.conclusion for its in told.checks[None, HEAD].checks}  # type: ignore[union-attr]
    assert conclusions == {name: name.lower() if name != "none" else "" for name in states}


@pytest.mark.parametrize("below", [(), ("workflow",)], ids=["its run", "its workflow"])
def test_a_check_run_is_of_the_file_of_its_workflow_or_of_its_suite_where_there_is_none_or_it_may_not_be_seen(
    below: tuple[str, ...],
) -> None:
    def run(suite: str, workflow: str | None) -> dict[str, Any]:
        path = {"workflow": {"resourcePath": f"/acme/deploy/actions/workflows/{workflow}"}} if workflow else None
        its = {"id": suite, "createdAt": AT, "app": None, "workflowRun": path}
        done = {"status": "COMPLETED", "conclusion": "SUCCESS", "startedAt": AT, "completedAt": AT}
        return {"__typename": "CheckRun", "name": "test", "title": None, "detailsUrl": None, "checkSuite": its} | done

    nodes = [run("S_1", "build.yml"), run("S_2", "nightly.yaml"), run("S_3", "github-code-scanning/codeql")]
    nodes += [run("S_4", None), status()]
    place = ["r0", "c0", "statusCheckRollup", "contexts", "nodes", 3, "checkSuite", "workflowRun", *below]
    hidden = [{"type": "FORBIDDEN", "path": place, "message": "Resource not accessible by integration"}]
    with playing({"Checks": answered(hidden, r0={"c0": commit(*nodes)})}) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    found = [(its.kind, its.workflow, its.suite) for its in told.checks[None, HEAD].checks]  # type: ignore[union-attr]
    workflows = [("build.yml", "S_1"), ("nightly.yaml", "S_2"), ("codeql", "S_3"), ("", "S_4")]
    assert found == [*(("run", *its) for its in workflows), ("status", "", "")]


@pytest.mark.parametrize(
    ("suite", "workflow"), [(5, "build.yml"), (6, ""), (None, "")], ids=["its file", "another suite", "refused"]
)
def test_by_rest_the_workflows_of_a_commit_take_one_request_and_suites_count_for_themselves_without_it(
    suite: int | None, workflow: str
) -> None:
    runs = recorded("GET", "/commits/{ref}/check-runs", 200)
    runs["check_runs"][0]["app"]["slug"] = "github-actions"
    started = recorded("GET", "/actions/runs", 200)
    started["workflow_runs"][0] |= {"check_suite_id": suite, "path": ".github/workflows/build.yml@release/2"}
    refused = Answer.json(403, {"message": "Resource not accessible by integration"})
    plays = {
        "Checks": NO_GRAPHQL,
        f"GET /commits/{HEAD}/statuses": Answer.json(200, []),
        f"GET /commits/{HEAD}/check-runs": Answer.json(200, runs),
        "GET /actions/runs": refused if suite is None else Answer.json(200, started),
    }
    with playing(plays) as script:
        told = script.bot.forge.checks({None: [HEAD]}, {})
    assert script.asked == list(plays)
    (its,) = told.checks[None, HEAD].checks  # type: ignore[union-attr]
    assert (its.workflow, its.suite) == (workflow, "5")


@pytest.mark.parametrize(("at", "pages"), [(1, 1), (3, 3), (11, 10)])
def test_deployments_are_read_until_one_is_of_a_commit_that_is_looked_for_and_no_further_than_ten_pages(
    at: int, pages: int
) -> None:
    def answer(body: Any) -> Answer:
        page = len(script.asked)
        creator = {"__typename": "User", "login": "ann"}
        node = {"commitOid": HEAD if page == at else OTHER, "createdAt": AT, "description": None, "creator": creator}
        assert ("a0" in body["variables"]) is (page > 1)
        info = {"hasNextPage": True, "endCursor": f"after {page}"}
        return answered(r0={"d0": {"nodes": [node | {"statuses": {"nodes": []}}], "pageInfo": info}})

    with playing({"Checks": answer}) as script:
        told = script.bot.forge.checks({}, {"staging": [HEAD]}).deployments["staging"]
    assert script.asked == ["Checks"] * pages
    assert (len(told.newest), told.complete) == (pages, False)  # type: ignore[union-attr]


def test_by_rest_only_the_deployments_of_commits_that_are_looked_for_are_asked_for_their_statuses() -> None:
    (made,) = recorded("GET", "/deployments", 200)
    plays = {
        "Checks": NO_GRAPHQL,
        "GET /deployments": Answer.json(200, [made | {"id": 1, "sha": OTHER}, made | {"id": 2, "sha": HEAD}]),
        "GET /deployments/2/statuses": Answer.json(200, []),
    }
    with playing(plays) as script:
        told = script.bot.forge.checks({}, {"staging": [HEAD]}).deployments["staging"]
    assert script.asked == list(plays)
    assert [(its.commit, its.state) for its in told.newest] == [(HEAD, "pending")]  # type: ignore[union-attr]
    assert told.complete  # type: ignore[union-attr]


def test_deployments_count_by_their_newest_status_and_our_own_records_never() -> None:
    def deployed(commit_id: str, text: str | None, *states: str) -> dict[str, Any]:
        statuses = [
            {"state": state, "createdAt": f"2026-11-24T14:0{at}:00Z", "description": None, "logUrl": None}
            for at, state in enumerate(states)
        ]
        creator = {"__typename": "Bot", "login": "argocd"}
        said = {"description": text, "creator": creator, "statuses": {"nodes": statuses[::-1]}}
        return {"commitOid": commit_id, "createdAt": AT} | said

    nodes = [
        deployed(HEAD, TEXT, "SUCCESS"),
        deployed(HEAD, TEXT),
        deployed(OTHER, None),
        deployed(HEAD, None, "IN_PROGRESS", "SUCCESS", "INACTIVE"),
        deployed(OTHER, None, "SUCCESS", "ERROR"),
        deployed(OTHER, None, "INACTIVE"),
    ]
    with playing(
        {"Checks": answered(r0={"d0": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}})}
    ) as script:
        told = script.bot.forge.checks({}, {"staging": [HEAD]})
    found = [(its.commit, its.state, its.by) for its in told.deployments["staging"].newest]  # type: ignore[union-attr]
    states = [(OTHER, "pending"), (HEAD, "success"), (OTHER, "failure"), (OTHER, "pending")]
    assert found == [(commit_id, state, "argocd[bot]") for commit_id, state in states]


@rows("play", {
    "a check without fields": answered(r0={"c0": commit({"__typename": "StatusContext"})}),
    "a name that is a number": answered(r0={"c0": commit(status(context=7))}),
    "a time that is none": answered(r0={"c0": commit(status(createdAt="soon"))}),
    "without the commit": answered(r0={}),
})  # fmt: skip
def test_answers_of_another_form_are_an_error(play: Any) -> None:
    with playing({"Checks": play}, broken=True) as script, pytest.raises(ForgeError):
        script.bot.forge.checks({None: [HEAD]}, {})


def test_by_rest_a_repository_that_cannot_be_read_costs_its_own_commits_alone() -> None:
    statuses, runs = f"GET /commits/{HEAD}/statuses", f"GET /commits/{HEAD}/check-runs"
    listed = recorded("GET", "/commits/{ref}/statuses", 200)
    plays = {
        "Checks": NO_GRAPHQL,
        statuses: Answer.json(200, [*listed, {**listed[0], "context": "gitops-bot/gates"}]),
        runs: Answer.json(200, recorded("GET", "/commits/{ref}/check-runs", 200)),
        f"GET /commits/{OTHER}/statuses": Answer.json(422, {"message": f"No commit found for SHA: {OTHER}"}),
        f"GET //repos/acme/web/commits/{OTHER}/statuses": Answer.json(404, {"message": "Not Found"}),
    }
    with playing(plays) as script:
        told = script.bot.forge.checks({None: [HEAD, OTHER], "acme/web": [OTHER, HEAD]}, {})
    assert script.asked == list(plays)
    known = [(its.name, its.state, its.by) for its in told.checks[None, HEAD].checks]  # type: ignore[union-attr]
    assert known == [
        ("continuous-integration/jenkins", "success", "octocat"),
        ("mighty_readme", "skipped", "octoapp[bot]"),
    ]
    assert told.checks[None, OTHER] == CommitChecks(found=False)
    failures = [told.checks["acme/web", commit] for commit in (OTHER, HEAD)]
    assert all("the checks of acme/web cannot be read" in str(failure) for failure in failures)


@pytest.mark.parametrize("answer", [{}, [{}], ["status"]], ids=["no list", "a status without fields", "a text"])
def test_by_rest_answers_of_another_form_are_an_error(answer: Any) -> None:
    plays = {"Checks": NO_GRAPHQL, f"GET /commits/{HEAD}/statuses": Answer.json(200, answer)}
    with playing(plays, broken=True) as script, pytest.raises(ForgeError):
        script.bot.forge.checks({None: [HEAD]}, {})
