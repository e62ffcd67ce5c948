"""`gitops-bot edit` where compose files and `.env` files explain one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = b"""\
services:
  web: {image: "acme/web:${WEB_TAG:-1.0}"}
  api: {image: acme/api:1.0}
  backend: {image: "${BACKEND_IMAGE}"}
  job: {image: "acme/job:${JOB_TAG:-1.0}"}
"""
ENV = b"WEB_TAG=1.1\nBACKEND_IMAGE=acme/backend:1.0\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_bytes(COMPOSE)
    (tmp_path / ".env").write_bytes(ENV)
    return tmp_path


def written(host: Path) -> tuple[bytes, bytes]:
    return (host / "compose.yaml").read_bytes(), (host / ".env").read_bytes()


@rows("path pin before after", {
    "a variable, by its key": (".env", "WEB_TAG=1.2", b"WEB_TAG=1.1", b"WEB_TAG=1.2"),
    "the file of a directory that has it": (".", "acme/web=1.2", b"WEB_TAG=1.1", b"WEB_TAG=1.2"),
    "a service": (".", "api=1.2", b"acme/api:1.0", b"acme/api:1.2"),
    "a default that counts": ("compose.yaml", "job=1.2", b"JOB_TAG:-1.0", b"JOB_TAG:-1.2"),
})  # fmt: skip
def test_the_text_that_decides_is_edited(host: Path, path: str, pin: str, before: bytes, after: bytes) -> None:
    done = run("edit", path, pin, cwd=host)
    assert done.code == 0, done.err
    assert written(host) == (COMPOSE.replace(before, after), ENV.replace(before, after))


def test_a_default_that_a_variable_overrides_is_never_edited(host: Path) -> None:
    done = run("edit", "compose.yaml", "acme/web=1.2", "--output", "json", cwd=host)
    (problem,) = done.json["problems"]
    assert (done.code, written(host)) == (2, (COMPOSE, ENV))
    assert ".env: WEB_TAG" in problem["next"]


def test_what_no_file_of_a_directory_has_is_told_with_what_they_have(host: Path) -> None:
    done = run("edit", ".", "nothing=1.2", "--output", "json", cwd=host)
    (problem,) = done.json["problems"]
    assert (done.code, written(host)) == (2, (COMPOSE, ENV))
    assert "compose.yaml and .env" in problem["message"]
    assert "compose.yaml: api" in problem["next"]


def test_an_image_that_two_files_have_is_not_guessed(host: Path) -> None:
    (host / "compose.yaml").write_bytes(COMPOSE.replace(b"acme/api", b"acme/backend"))
    done = run("edit", ".", "acme/backend=1.2", cwd=host)
    assert done.code == 1
    assert "each of them has such an entry" in done.err
    assert (host / ".env").read_bytes() == ENV
