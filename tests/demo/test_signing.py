"""Commits made by the API of the embedded GitHub server, and branches that take only signed ones."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import program
from tests.counterparts.forge import BOT_TOKEN, PERSON_TOKEN, REPOSITORY, Site, git, serving
from tests.counterparts.openapi import Checker, checker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "apps/web/kustomization.yaml"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    program("ssh-keygen")
    with serving(tmp_path / "forge") as running:
        yield running


@pytest.fixture(scope="module")
def description() -> Checker:
    return checker()


def made(site: Site, description: Checker, kind: str, body: Any, token: str = BOT_TOKEN, status: int = 201) -> Any:
    """Create an object, as GitHub describes it."""
    reply = site.call("POST", f"/git/{kind}", body, token=token)
    assert reply.status == status, reply.body
    target = f"/repos/{REPOSITORY}/git/{kind}"
    headers = reply.headers
    assert description.breaches("POST", target, sent=body, status=status, body=reply.body, headers=headers) == []
    return reply.json


def committed(site: Site, description: Checker, *, token: str = BOT_TOKEN, **more: Any) -> Any:
    """A commit of the API that makes a file executable and adds another."""
    main = site.bare.branches()["main"]
    content = base64.b64encode(b"\xff\r\n").decode()
    blob = made(site, description, "blobs", {"content": content, "encoding": "base64"}, token)["sha"]
    entries = [
        {"path": FILE, "mode": "100755", "type": "blob", "sha": blob},
        {"path": "a/b/new", "mode": "100644", "type": "blob", "content": "text"},
    ]
    base = site.bare.commit(main).tree
    tree = made(site, description, "trees", {"base_tree": base, "tree": entries}, token)["sha"]
    return made(site, description, "commits", {"message": "new", "tree": tree, "parents": [main], **more}, token)


def pushed(site: Site, folder: Path, commit: str) -> str:
    """What git says when the commit is pushed to `main`."""
    url = f"{site.forge.url}/{REPOSITORY}.git"
    folder.mkdir()
    assert git("init", "-q", ".", cwd=folder).returncode == 0
    assert git("fetch", "-q", url, commit, cwd=folder, token=BOT_TOKEN, server=site.forge.url).returncode == 0
    return git("push", url, f"{commit}:main", cwd=folder, token=BOT_TOKEN, server=site.forge.url).stderr


def test_a_commit_of_an_app_is_signed_and_keeps_modes_and_bytes(site: Site, description: Checker) -> None:
    before = site.bare.branches()
    answer = committed(site, description)
    assert site.bare.branches() == before
    assert site.bare.line("ls-tree", answer["sha"], FILE).split()[0] == "100755"
    assert site.bare.git("cat-file", "blob", f"{answer['sha']}:{FILE}") == b"\xff\r\n"
    assert site.bare.git("ls-tree", "-r", "--name-only", answer["sha"]).split() == [
        b"README.md",
        b"a/b/new",
        FILE.encode(),
    ]
    assert (answer["author"]["name"], answer["committer"]["name"]) == ("gitops-bot[bot]", "GitHub")
    verification = answer["verification"]
    assert (verification["verified"], verification["reason"]) == (True, "valid")
    payload = (
        site.bare.git("cat-file", "commit", answer["sha"])
        .decode()
        .replace("gpgsig " + verification["signature"].replace("\n", "\n ") + "\n", "")
    )
    assert verification["payload"] == payload


@pytest.mark.parametrize(
    ("by_ruleset", "says"), [(True, "GH013"), (False, "GH006")], ids=["ruleset", "protection rule"]
)
def test_a_branch_takes_signed_commits_alone(
    site: Site, description: Checker, tmp_path: Path, by_ruleset: bool, says: str
) -> None:
    main = site.bare.branches()["main"]
    signed = committed(site, description)["sha"]
    unsigned = committed(site, description, token=PERSON_TOKEN)["sha"]
    site.forge.protect(REPOSITORY, signatures=True, by_ruleset=by_ruleset)
    refused = pushed(site, tmp_path / "unsigned", unsigned)
    assert says in refused
    assert "Commits must have verified signatures." in refused
    assert site.bare.branches()["main"] == main
    pushed(site, tmp_path / "signed", signed)
    assert site.bare.branches()["main"] == signed


def test_an_unsigned_proposal_merges_only_by_squash(site: Site) -> None:
    number = site.proposed()
    site.forge.protect(REPOSITORY, signatures=True)
    for method, status in (("merge", 405), ("rebase", 405), ("squash", 200)):
        reply = site.call("PUT", f"/pulls/{number}/merge", {"merge_method": method})
        assert reply.status == status, reply.body
