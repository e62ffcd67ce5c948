from __future__ import annotations

import base64
import gzip
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tests.counterparts.forge import BOT_TOKEN, FILES, REPOSITORY, Site, commit, git, serving

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


@pytest.mark.parametrize("options", [(), ("--depth=1",), ("--bare",), ("-c", "protocol.version=0")], ids=" ".join)
def test_git_clones(site: Site, work: Path, options: tuple[str, ...]) -> None:
    commit(site.bare, "main", {"x": b"x"}, onto="main")
    folder = cloned(site, work, *options)
    assert git("rev-parse", "HEAD", cwd=folder).stdout.strip() == site.bare.branches()["main"]
    assert git("rev-list", "--count", "HEAD", cwd=folder).stdout.strip() == ("1" if "--depth=1" in options else "2")


def test_git_clones_without_blobs_and_fetches_them_later(site: Site, work: Path) -> None:
    folder = cloned(site, work, "--bare", "--filter=blob:none")
    missing = git("rev-list", "--objects", "--missing=print", "HEAD", cwd=folder).stdout
    assert sum(line.startswith("?") for line in missing.splitlines()) == len(FILES)
    read = git("cat-file", "blob", "HEAD:README.md", cwd=folder)
    assert read.stdout.encode() == FILES["README.md"]


def test_git_fetches_a_commit_by_its_id(site: Site, work: Path) -> None:
    first = site.bare.branches()["main"]
    commit(site.bare, "main", {"x": b"x"}, onto="main")
    folder = cloned(site, work, "--depth=1")
    assert git("fetch", "-q", "--depth=1", "origin", first, cwd=folder).returncode == 0


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


def test_a_large_push_goes_in_chunks(site: Site, work: Path) -> None:
    folder = cloned(site, work)
    (folder / "big").write_bytes(bytes(range(256)) * 12_000)
    git("add", "big", cwd=folder)
    changed(folder, "big")
    options = ("-c", "http.postBuffer=65536", "-c", "core.compression=0")
    pushed = git(*options, "push", "-q", "origin", "HEAD:fix", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert pushed.returncode == 0, pushed.stderr
    assert site.bare.git("cat-file", "blob", "fix:big") == (folder / "big").read_bytes()


def test_a_push_that_is_no_fast_forward_or_has_a_stale_lease_is_rejected(site: Site, work: Path) -> None:
    folder = cloned(site, work)
    stale = site.bare.branches()["main"]
    moved = commit(site.bare, "main", {"x": b"x"}, onto="main")
    changed(folder, "late")
    for options in ((), (f"--force-with-lease=main:{'1' * 40}",), ("--force-with-lease=main:",)):
        late = git("push", "-q", *options, "origin", "HEAD:main", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
        assert "rejected" in late.stderr, late.stderr
        assert site.bare.branches() == {"main": moved}
    assert stale != moved


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


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/acme/deploy.git/info/refs?service=git-upload-archive", 403),
        ("GET", "/acme/deploy.git/info/refs", 403),
        ("GET", "/acme/other.git/info/refs?service=git-upload-pack", 401),
        ("GET", "/acme/..%2f..%2fetc/info/refs?service=git-upload-pack", 404),
        ("GET", "/acme/deploy.git/HEAD", 404),
        ("GET", "/acme/deploy.git/objects/info/packs", 404),
        ("POST", "/acme/deploy.git/git-upload-pack", 415),
        ("POST", "/acme/deploy.git/git-receive-pack", 401),
    ],
)
def test_what_is_no_part_of_the_protocol_is_refused(site: Site, method: str, target: str, status: int) -> None:
    assert ask(site, method, target)[0] == status


@pytest.mark.parametrize("sent", ["Basic ???", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic "])
def test_credentials_that_cannot_be_read_are_wrong_credentials(site: Site, sent: str) -> None:
    target = "/acme/deploy.git/info/refs?service=git-upload-pack"
    assert ask(site, "GET", target, Authorization=sent)[0] == 401


def test_a_packed_request_is_understood(site: Site) -> None:
    head = site.bare.branches()["main"]
    wanted = f"0032want {head}\n00000009done\n".encode()
    status, pack = ask(
        site,
        "POST",
        "/acme/deploy.git/git-upload-pack",
        gzip.compress(wanted),
        Content_Type="application/x-git-upload-pack-request",
        Content_Encoding="gzip",
    )
    assert (status, pack[:12]) == (200, b"0008NAK\nPACK")


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
