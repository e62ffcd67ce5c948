"""Deployments of the embedded server, held against GitHub's own description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.counterparts import graphql, openapi
from tests.counterparts.forge import BOT_TOKEN, REPOSITORY, Site, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = {"environment": "staging", "auto_merge": False, "required_contexts": [], "description": "d"}
ARTIFACT = {
    "name": "ghcr.io/acme/web",
    "digest": f"sha256:{'a' * 64}",
    "status": "deployed",
    "logical_environment": "staging",
    "deployment_name": "web",
    "return_records": False,
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    openapi.checker(), graphql.checker()
    with serving(tmp_path / "forge") as running:
        yield running


def ask(site: Site, method: str, target: str, body: Any, status: int) -> Any:
    reply = site.ask(method, f"/api/v3{target}", body, token=BOT_TOKEN)
    assert reply.status == status, reply.body
    if status < 400 or status == 409:
        found = openapi.checker().breaches(
            method, target, sent=body, status=status, body=reply.body, headers=reply.headers
        )
        assert found == []
    return json.loads(reply.body)


def test_answers_are_as_github_describes_them(site: Site) -> None:
    here, commit = f"/repos/{REPOSITORY}", site.bare.branches()["main"]
    made = ask(site, "POST", f"{here}/deployments", OWN | {"ref": commit}, 201)
    statuses = f"{here}/deployments/{made['id']}/statuses"
    ask(site, "POST", statuses, {"state": "success", "description": "d"}, 201)
    assert [each["state"] for each in ask(site, "GET", f"{statuses}?per_page=1", None, 200)] == ["success"]
    assert len(ask(site, "GET", f"{here}/deployments?sha={commit}&environment=staging", None, 200)) == 1
    assert ask(site, "GET", f"{here}/deployments?environment=production", None, 200) == []
    record = "/orgs/acme/artifacts/metadata/deployment-record"
    ask(site, "POST", record, ARTIFACT, 200)
    ask(site, "POST", record, ARTIFACT | {"version": "1.0"}, 200)
    assert [each["version"] for each in site.forge.gateway.artifacts["acme"]] == ["1.0"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"ref": "nowhere"}, 422, id="no such ref"),
        pytest.param({"ref": "main", "auto_merge": True}, 409, id="it would merge"),
        pytest.param({"ref": "main", "required_contexts": None}, 409, id="it would wait for checks"),
        pytest.param({}, 422, id="no ref"),
    ],
)
def test_what_is_refused(site: Site, body: dict[str, Any], status: int) -> None:
    sent = {name: value for name, value in (OWN | body).items() if value is not None}
    ask(site, "POST", f"/repos/{REPOSITORY}/deployments", sent, status)


def test_a_state_that_is_none_and_a_long_description_are_refused(site: Site) -> None:
    made = ask(site, "POST", f"/repos/{REPOSITORY}/deployments", OWN | {"ref": "main"}, 201)
    for status in ({"state": "fine"}, {"state": "success", "description": "x" * 141}):
        ask(site, "POST", f"/repos/{REPOSITORY}/deployments/{made['id']}/statuses", status, 422)
    ask(site, "POST", f"/repos/{REPOSITORY}/deployments/7/statuses", {"state": "success"}, 404)
