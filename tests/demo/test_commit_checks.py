"""Statuses and check runs of the tests' GitHub by REST, held against GitHub's own description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.counterparts import openapi
from tests.counterparts.forge import BOT_TOKEN, REPOSITORY, serving

if TYPE_CHECKING:
    from pathlib import Path

HERE = f"/repos/{REPOSITORY}"


@pytest.mark.parametrize("state", ["success", "failure", "queued", "in_progress"])
def test_answers_are_as_github_describes_them(tmp_path: Path, state: str) -> None:
    checker = openapi.checker()
    with serving(tmp_path / "forge") as site:
        commit = site.bare.branches()["main"]
        site.forge.check_run(REPOSITORY, commit, "e2e", state, text="t", url="https://ci.test/1")
        asked = (
            ("POST", f"{HERE}/statuses/{commit}", {"state": "success", "context": "ci", "description": "d"}, 201),
            ("GET", f"{HERE}/commits/{commit}/statuses?per_page=100&page=1", None, 200),
            ("GET", f"{HERE}/commits/{commit}/check-runs?per_page=100&page=1", None, 200),
            ("GET", f"{HERE}/commits/{'0' * 40}/check-runs", None, 422),
        )
        for method, target, body, status in asked:
            reply = site.ask(method, f"/api/v3{target}", body, token=BOT_TOKEN)
            assert reply.status == status, reply.body
            if status < 400:
                found = checker.breaches(
                    method, target, sent=body, status=status, body=reply.body, headers=reply.headers
                )
                assert found == []
                assert json.loads(reply.body)
