"""GitHub Apps of the embedded GitHub server: who proves to be one, what its tokens may do, and GitHub's own shapes."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.counterparts.app import Registered, key_pair, registered
from tests.counterparts.forge import REPOSITORY, Reply, Site, git, serving
from tests.counterparts.openapi import checker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITE = {"contents": "write", "pull_requests": "read"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("forge"), private=True) as running:
        running.forge.create("acme/other", {"a": b"1"}, private=True)
        yield running


@pytest.fixture
def known(site: Site) -> Registered:
    app = registered(site.forge)
    app.install(REPOSITORY, permissions=WRITE)
    return app


def signed() -> str:
    """What an App proves itself with."""
    now = int(time.time())
    return jwt.encode({"iss": "4711", "iat": now - 60, "exp": now + 300}, key_pair()[0], "RS256")


def ask(site: Site, method: str, path: str, body: object = None) -> Reply:
    return site.ask(method, f"/api/v3{path}", body, token=signed())


def installation(site: Site) -> int:
    return int(ask(site, "GET", f"/repos/{REPOSITORY}/installation").json["id"])


def issue(site: Site, **body: Any) -> str:
    reply = ask(site, "POST", f"/app/installations/{installation(site)}/access_tokens", body)
    assert reply.status == 201, reply.body
    return str(reply.json["token"])


def test_an_app_its_installation_and_its_tokens_are_as_github_describes_them(site: Site, known: Registered) -> None:
    description, number = checker(), installation(site)
    narrowed = {"repositories": ["deploy"], "permissions": {"contents": "read"}}
    breaches = []
    for method, path, body, status in (
        ("GET", "/app", None, 200),
        ("GET", "/repos/acme/other/installation", None, 404),
        ("POST", f"/app/installations/{number}/access_tokens", {}, 201),
        ("POST", f"/app/installations/{number}/access_tokens", narrowed, 201),
        ("POST", f"/app/installations/{number}/access_tokens", {"repositories": ["other"]}, 422),
        ("POST", f"/app/installations/{number}/access_tokens", {"permissions": {"pull_requests": "write"}}, 422),
        ("POST", f"/app/installations/{number}/access_tokens", {"permissions": {"packages": "read"}}, 422),
    ):
        reply = ask(site, method, path, body)
        assert reply.status == status, (path, reply.body)
        breaches += description.breaches(method, path, sent=body, status=status, body=reply.body, headers=reply.headers)
    assert breaches == []


def test_a_token_does_what_it_was_narrowed_to_and_ends(
    site: Site, known: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = issue(site, permissions={"contents": "read"}), issue(site)

    def status(token: str, method: str = "GET", path: str = "/branches/main", body: object = None) -> int:
        return site.call(method, path, body, token=token).status

    def cloned(token: str, name: str) -> int:
        server = site.forge.url
        return git("clone", "-q", f"{server}/{name}.git", str(tmp_path / token / name), cwd=tmp_path, token=token,
                   server=server).returncode  # fmt: skip

    assert [status(token) for token in (reading, writing)] == [200, 200]
    assert [status(token, path="/pulls") for token in (reading, writing)] == [403, 200]
    assert status(writing, "POST", "/pulls", {"title": "t", "head": "x", "base": "main"}) == 403
    assert (cloned(reading, REPOSITORY), cloned(reading, "acme/other") != 0) == (0, True)
    assert site.ask("GET", "/api/v3/repos/acme/other", token=writing).status == 404
    now = known.forge.apps.now
    monkeypatch.setattr(known.forge.apps, "now", lambda: now() + timedelta(minutes=61))
    assert (status(reading), cloned(writing, REPOSITORY) != 0) == (401, True)
