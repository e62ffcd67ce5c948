from __future__ import annotations

import base64
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tests.counterparts.forge import BOT_TOKEN, REPOSITORY, Site, git, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge") as running:
        yield running


@pytest.fixture
def work(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def cloned(site: Site, work: Path, *options: str, token: str | None = None) -> Path:
    ended = git(
        "clone", "-q", *options, f"{site.forge.url}/{REPOSITORY}.git", "w", cwd=work, token=token, server=site.forge.url
    )
    assert ended.returncode == 0, ended.stderr
    return work / "w"


def changed(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text)
    assert git("commit", "-q", "-a", "-m", text, cwd=folder).returncode == 0


def test_git_pushes_with_the_token_and_not_without(site: Site, work: Path) -> None:
    folder = cloned(site, work)
    changed(folder, "new")
    before = site.bare.branches()
    for token in (None, "ghs_wrong"):
        refused = git("push", "-q", "origin", "HEAD:fix", cwd=folder, token=token, server=site.forge.url)
        assert refused.returncode != 0
        assert site.bare.branches() == before
    pushed = git("push", "-q", "origin", "HEAD:fix", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert pushed.returncode == 0, pushed.stderr
    assert site.bare.branches()["fix"] == git("rev-parse", "HEAD", cwd=folder).stdout.strip()


def test_the_default_branch_cannot_be_deleted_by_a_push(site: Site, work: Path) -> None:
    folder = cloned(site, work)
    before = site.bare.branches()
    ended = git("push", "-q", "origin", ":main", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert ended.returncode != 0
    assert site.bare.branches() == before


def test_a_private_repository_is_read_with_the_token_only(tmp_path: Path, work: Path) -> None:
    with serving(tmp_path / "private", private=True) as site:
        url = f"{site.forge.url}/{REPOSITORY}"
        assert git("ls-remote", url, cwd=work).returncode != 0
        assert git("ls-remote", url, cwd=work, token="ghs_wrong", server=site.forge.url).returncode != 0
        cloned(site, work, token=BOT_TOKEN)


def ask(site: Site, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(HTTPConnection(site.forge.host, timeout=10)) as connection:
        connection.request(method, target, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read()


REFUSED = (
    ("GET", "/acme/deploy.git/info/refs?service=git-upload-archive", {}, 403),
    ("GET", "/acme/other.git/info/refs?service=git-upload-pack", {}, 401),
    ("GET", "/acme/..%2f..%2fetc/info/refs?service=git-upload-pack", {}, 404),
    ("GET", "/acme/deploy.git/HEAD", {}, 404),
    ("POST", "/acme/deploy.git/git-upload-pack", {}, 415),
    ("POST", "/acme/deploy.git/git-receive-pack", {}, 401),
    ("GET", "/acme/deploy.git/info/refs?service=git-upload-pack", {"Authorization": "Basic ???"}, 401),
    ("GET", "/acme/deploy.git/info/refs?service=git-upload-pack", {"Authorization": "Basic /zr/"}, 401),
)


def test_what_is_no_part_of_the_protocol_and_no_login_is_refused(site: Site) -> None:
    for method, target, headers, status in REFUSED:
        assert ask(site, method, target, **headers)[0] == status, target


def test_garbage_for_git_is_an_error_and_changes_nothing(site: Site) -> None:
    basic = "Basic " + base64.b64encode(f"x:{BOT_TOKEN}".encode()).decode()
    before = site.bare.branches()
    status, _ = ask(
        site,
        "POST",
        "/acme/deploy.git/git-receive-pack",
        b"zzzz",
        Content_Type="application/x-git-receive-pack-request",
        Authorization=basic,
    )
    assert status == 500
    assert site.bare.branches() == before
