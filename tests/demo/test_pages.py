"""The merge button of the embedded forge: it merges for the person in front of it, and for nobody else."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.counterparts.forge import FILES, REPOSITORY, TOKENS, Site, serving
from tests.counterparts.github import Forge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.counterparts.forge import Reply

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A forge with a button, and a pull request."""
    with Forge(tmp_path / "forge", tokens=TOKENS, visitor="alice") as forge:
        made = Site(forge, forge.create(REPOSITORY, FILES))
        assert made.proposed() == 1
        yield made


def page(site: Site, *, headers: Mapping[str, str] | None = None) -> Reply:
    return site.ask("GET", f"/{REPOSITORY}/pull/1", token=None, headers=headers)


def fields(site: Site) -> dict[str, str]:
    """What the button on the page would send."""
    text = page(site).body.decode()
    found = re.findall(r"<input type=hidden name=(\w+) value='([^']*)'>", text)
    return {name: unescape(value) for name, value in found}


def press(site: Site, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, number: int = 1) -> Reply:
    sent = urlencode(form).encode()
    return site.ask("POST", f"/{REPOSITORY}/pull/{number}/merge", sent, token=None, headers=FORM | dict(headers or {}))


def state(site: Site) -> str:
    return str(site.call("GET", "/pulls/1").json["state"])


def test_the_button_merges_what_the_page_showed(site: Site) -> None:
    reply = press(site, fields(site), headers={"Origin": site.forge.url})
    assert (reply.status, reply.headers["location"]) == (303, f"/{REPOSITORY}/pull/1")
    merged = site.call("GET", "/pulls/1").json
    assert (merged["merged"], merged["merged_by"]["login"]) == (True, "alice")
    assert site.bare.branches()["main"] == merged["merge_commit_sha"]
    after = page(site).body.decode()
    assert "Merged by alice" in after
    assert "<button" not in after


REFUSED: dict[str, tuple[dict[str, str], dict[str, str], int]] = {
    "no token": ({"token": ""}, {}, 403),
    "a token of another run": ({"token": "A" * 43}, {}, 403),
    "a token with a letter that is no ASCII": ({"token": "ä"}, {}, 403),
    "no form": ({}, {"Content-Type": "text/plain"}, 403),
    "JSON": ({}, {"Content-Type": "application/json"}, 403),
    "a commit that the page did not show": ({"head": "0" * 40}, {}, 409),
    "no commit": ({"head": ""}, {}, 409),
    "a page of another site": ({}, {"Origin": "https://evil.example"}, 403),
    "a page of another port": ({}, {"Origin": "http://127.0.0.1:1"}, 403),
    "a page without an address": ({}, {"Origin": "null"}, 403),
    "a name that was rebound": ({}, {"Host": "evil.example"}, 403),
    "our own page under a name that was rebound": ({}, {"Host": "evil.example", "Origin": "http://evil.example"}, 403),
}


def test_nothing_else_merges(site: Site, tmp_path: Path) -> None:
    before = site.bare.branches()
    with Forge(tmp_path / "other", tokens=TOKENS, visitor="alice") as forge:
        other = Site(forge, forge.create(REPOSITORY, FILES))
        other.proposed()
        refused = REFUSED | {"the token of another run": ({"token": fields(other)["token"]}, {}, 403)}
    for what, (form, headers, status) in refused.items():
        reply = press(site, fields(site) | form, headers=headers)
        assert (reply.status, state(site)) == (status, "open"), what
    assert site.bare.branches() == before
    target = f"/{REPOSITORY}/pull/1/merge"
    assert site.ask("GET", f"{target}?{urlencode(fields(site))}", token=None).status == 404
    assert site.ask("POST", f"{target}?{urlencode(fields(site))}", b"", token=None, headers=FORM).status == 403
    assert state(site) == "open"


def test_a_pull_request_that_is_not_there_or_closed_cannot_be_merged(site: Site) -> None:
    form = fields(site)
    assert press(site, form, number=7).status == 404
    site.call("PATCH", "/pulls/1", {"state": "closed"})
    reply = press(site, form)
    assert reply.status == 409
    assert b"not mergeable" in reply.body


def test_a_forge_without_a_visitor_has_no_button(tmp_path: Path) -> None:
    with serving(tmp_path / "forge") as site:
        site.proposed()
        assert "<button" not in page(site).body.decode()
        assert press(site, {"token": "", "head": ""}).status == 404
        assert state(site) == "open"


def test_the_first_page_leads_to_the_repository_and_that_to_all_there_is(site: Site) -> None:
    first = site.ask("GET", "/", token=None)
    assert (first.status, first.headers["location"]) == (302, f"/{REPOSITORY}")
    shown = site.ask("GET", f"/{REPOSITORY}", token=None).body.decode()
    assert site.ask("GET", f"/{REPOSITORY}/pulls", token=None).body.decode() == shown
    for path in re.findall(r"href='(/acme/deploy/(?:pull|blob)/[^']*)'", shown):
        assert site.ask("GET", path, token=None).status == 200, path
    assert re.findall(r"/blob/main/([^']*)'", shown) == sorted(FILES)
    assert "<h1>deploy</h1>" in shown


def test_what_is_no_file_and_no_pull_request_is_not_found(site: Site) -> None:
    assert site.ask("GET", f"/{REPOSITORY}/pull/99", token=None).status == 404
    for path in ("x", "", "../../HEAD", "apps", "-h", "%2e%2e/HEAD", "apps/web", "README.md/", "x" * 3_000):
        assert site.ask("GET", f"/{REPOSITORY}/blob/main/{path}", token=None).status == 404, path


@pytest.mark.parametrize(("page", "status"), [(b"<!DOCTYPE html><p>all current", 200), (None, 404)])
def test_the_status_page_is_shown_as_it_is_made(tmp_path: Path, page: bytes | None, status: int) -> None:
    asked: list[str] = []

    def made(repository: str) -> bytes | None:
        asked.append(repository)
        return page

    with Forge(tmp_path / "forge", tokens=TOKENS, status=made) as forge:
        site = Site(forge, forge.create(REPOSITORY, FILES))
        forge.create("acme/other", FILES, private=True)
        answer = site.ask("GET", f"/{REPOSITORY.upper()}/status", token=None)
        assert (answer.status, asked) == (status, [REPOSITORY])
        if page is not None:
            assert answer.body == page
            assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
        else:
            assert b"run `gitops-bot status` in a terminal" in answer.body
        assert site.ask("GET", "/acme/other/status", token=None).status == 404
        assert asked == [REPOSITORY]


def test_a_private_repository_has_no_pages(tmp_path: Path) -> None:
    with Forge(tmp_path / "forge", tokens=TOKENS, visitor="alice") as forge:
        site = Site(forge, forge.create(REPOSITORY, FILES, private=True))
        site.proposed()
        for path in ("/", f"/{REPOSITORY}", f"/{REPOSITORY}/status", f"/{REPOSITORY}/blob/main/README.md"):
            assert site.ask("GET", path, token=None).status == 404
        assert page(site).status == 404
        assert press(site, {}).status == 404


def test_a_page_is_for_this_machine_only_and_is_not_kept(site: Site) -> None:
    assert page(site, headers={"Host": "evil.example"}).status == 403
    assert page(site).headers["cache-control"] == "no-store"
