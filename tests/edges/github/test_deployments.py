"""Deployments at the edge: answers that are not as GitHub describes them, and what GitHub limits."""

from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github.deployments import TEXT
from gitops_bot.errors import ForgeError
from gitops_bot.proposals.pull_request import Deployed, Deployment, ReleasedImage
from tests.edges.github.scripted import HEAD, NO_GRAPHQL, playing
from tests.tables import rows

RECORD = "POST //orgs/acme/artifacts/metadata/deployment-record"


def answered(*nodes: Any) -> Answer:
    return Answer.json(200, {"data": {"repository": {"d0": {"nodes": list(nodes)}}}})


@pytest.mark.parametrize("graphql", [True, False])
def test_what_a_run_left_unfinished_is_told_from_all_others(graphql: bool) -> None:
    nodes = [
        {"commitOid": HEAD, "description": TEXT, "latestStatus": None},
        {"commitOid": HEAD, "description": TEXT, "latestStatus": {"state": "INACTIVE"}},
        {"commitOid": HEAD, "description": None, "latestStatus": None},
        None,
    ]
    by_rest = [{"id": number, "sha": HEAD, "description": text} for number, text in ((9, TEXT), (8, None), (7, TEXT))]
    plays = {
        "Deployments": answered(*nodes) if graphql else NO_GRAPHQL,
        "GET /deployments": Answer.json(200, by_rest),
        "GET /deployments/9/statuses": Answer.json(200, []),
    }
    with playing(plays, broken=True) as script:
        found = script.bot.forge.deployments(["production"])
    assert found == {"production": tuple(Deployed(HEAD, finished) for finished in (False, True, True))}
    assert script.sent[0] == {"owner": "acme", "name": "deploy", "e0": "production"}


@rows("plays", {
    "no repository": {"Deployments": Answer.json(200, {"data": {"repository": None}})},
    "no list": {"Deployments": NO_GRAPHQL, "GET /deployments": Answer.json(200, 7)},
    "no deployment": {"Deployments": NO_GRAPHQL, "GET /deployments": Answer.json(200, [{"id": "x", "sha": 1}])},
})  # fmt: skip
def test_answers_of_another_form_are_an_error(plays: dict[str, Any]) -> None:
    with playing(plays, broken=True) as script, pytest.raises(ForgeError, match="GitHub"):
        script.bot.forge.deployments(["production"])


def test_what_is_too_long_for_github_is_cut() -> None:
    made = Answer.json(201, {"id": 7})
    plays = {
        "GET /deployments": Answer.json(200, []),
        "POST /deployments": made,
        RECORD: Answer.json(200, {"total_count": 1}),
        "POST /deployments/7/statuses": made,
    }
    artifact = ReleasedImage("n" * 300, f"sha256:{'a' * 64}", "v" * 128, "p" * 300)
    with playing(plays, broken=True) as script:
        assert script.bot.forge.deploy(Deployment("production", HEAD, (artifact,))) is None
    sent = script.sent[3]
    assert [len(sent[field]) for field in ("name", "version", "deployment_name")] == [256, 100, 256]
    assert script.sent[1] == {
        "ref": HEAD,
        "environment": "production",
        "description": TEXT,
        "auto_merge": False,
        "required_contexts": [],
    }


@rows("delete then", {
    "at once": ([Answer(204)], []),
    "once it is inactive": (
        [Answer.json(422, {"message": "We cannot delete an active deployment"}), Answer(204)], ["inactive", "gone"],
    ),
})  # fmt: skip
def test_of_two_the_older_counts_and_the_other_is_taken_back(delete: Any, then: list[str]) -> None:
    made = Answer.json(201, {"id": 8})
    two = Answer.json(200, [{"id": number, "description": TEXT} for number in (8, 7)])
    plays = {
        "GET /deployments": [Answer.json(200, []), two],
        "POST /deployments": made,
        "DELETE /deployments/8": delete,
        "POST /deployments/8/statuses": made,
        "GET /deployments/7/statuses": Answer.json(200, []),
        "POST /deployments/7/statuses": made,
    }
    with playing(plays, broken=True) as script:
        assert script.bot.forge.deploy(Deployment("production", HEAD, ())) is None
    names = {"inactive": "POST /deployments/8/statuses", "gone": "DELETE /deployments/8"}
    assert script.asked == [
        "GET /deployments",
        "POST /deployments",
        "GET /deployments",
        "DELETE /deployments/8",
        *(names[each] for each in then),
        "GET /deployments/7/statuses",
        "POST /deployments/7/statuses",
    ]
    assert script.sent[-1]["state"] == "success"
