from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.edges.registry.credentials import Basic, Credential, IdentityToken, RegistryToken, read_config
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.images.reference import ImageName


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ADA = Basic("ada", "hunter2")
AUTH = {"auth": encoded("ada:hunter2")}
WEB = ImageName("ghcr.io", "acme/web")
NGINX = ImageName("docker.io", "library/nginx")

FOUND: list[tuple[str, ImageName, dict[str, Any], Credential]] = [
    ("by host", WEB, {"ghcr.io": AUTH}, ADA),
    ("by address", WEB, {"https://ghcr.io": AUTH}, ADA),
    ("by address with a version", WEB, {"https://ghcr.io/v2/": AUTH}, ADA),
    ("in any case", WEB, {"GHCR.IO": AUTH}, ADA),
    ("by repository", WEB, {"ghcr.io": {}, "ghcr.io/acme/web": AUTH}, ADA),
    ("by the nearest above", WEB, {"ghcr.io": {"auth": encoded("bob:x")}, "ghcr.io/acme": AUTH}, ADA),
    ("with a port", ImageName("a.test:5000", "web"), {"a.test:5000": AUTH}, ADA),
    ("Docker Hub's old address", NGINX, {"https://index.docker.io/v1/": AUTH}, ADA),
    ("Docker Hub by name", NGINX, {"docker.io": AUTH}, ADA),
    ("in plain", WEB, {"ghcr.io": {"username": "ada", "password": "hunter2"}}, ADA),
    ("a colon in the password", WEB, {"ghcr.io": {"auth": encoded("ada:a:b")}}, Basic("ada", "a:b")),
    ("padded with zeros", WEB, {"ghcr.io": {"auth": encoded("ada:hunter2\0\0")}}, ADA),
    ("an identity token", WEB, {"ghcr.io": {**AUTH, "identitytoken": "i"}}, IdentityToken("i")),
    ("a registry token", WEB, {"ghcr.io": {"registrytoken": "r"}}, RegistryToken("r")),
    (
        "Azure's identity token", WEB, {"ghcr.io": {"auth": encoded("00000000-0000-0000-0000-000000000000:i")}},
        IdentityToken("i", "00000000-0000-0000-0000-000000000000"),
    ),
    ("by a pattern of Kubernetes", WEB, {"*.io": AUTH}, ADA),
    ("by a pattern with a path", WEB, {"gh*.io/acme": AUTH, "*.io": {"auth": encoded("bob:x")}}, ADA),
    ("by its name before a pattern", WEB, {"*.io": {"auth": encoded("bob:x")}, "ghcr.io": AUTH}, ADA),
]  # fmt: skip
NOT_FOUND: list[tuple[str, Any]] = [
    ("nothing at all", {}),
    ("another host", {"auths": {"quay.io": AUTH}}),
    ("a host that ends alike", {"auths": {"evilghcr.io": AUTH, "io": AUTH}}),
    ("a pattern of fewer labels", {"auths": {"*": AUTH, "*.*.io": AUTH, "*.com": AUTH}}),
    ("another repository", {"auths": {"ghcr.io/acme/we": AUTH, "ghcr.io/acme/web/x": AUTH}}),
    ("an empty entry, as beside a store", {"auths": {"ghcr.io": {}}}),
    ("an entry that is none", {"auths": {"ghcr.io": "ada"}}),
    ("a section that is none", {"auths": []}),
    ("an empty password", {"auths": {"ghcr.io": {"auth": "", "username": "ada", "password": ""}}}),
]


def config(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(("image", "auths", "credential"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_an_entry_is_found(tmp_path: Path, image: ImageName, auths: object, credential: Credential) -> None:
    read = read_config(config(tmp_path, {"auths": auths}))
    assert read is not None
    assert read.credential(image) == credential


@pytest.mark.parametrize("document", [row[1] for row in NOT_FOUND], ids=[row[0] for row in NOT_FOUND])
def test_no_entry_is_found(tmp_path: Path, document: object) -> None:
    read = read_config(config(tmp_path, document))
    assert read is not None
    assert read.credential(WEB) is None


@pytest.mark.parametrize("auth", ["c2VjcmV0", "no base 64", encoded("secret"), "/////w=="])
def test_an_entry_that_cannot_be_read_is_an_error_without_it(tmp_path: Path, auth: str) -> None:
    path = config(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}})
    read = read_config(path)
    assert read is not None
    with pytest.raises(NoLogin, match=f"the entry for ghcr.io in {path} cannot be read") as failure:
        read.credential(WEB)
    assert auth not in str(failure.value)
    assert failure.value.__suppress_context__


def test_helpers_and_store(tmp_path: Path) -> None:
    document = {"credHelpers": {"https://index.docker.io/v1/": "desktop", "ghcr.io": "pass", "a": 1}, "credsStore": "x"}
    read = read_config(config(tmp_path, document))
    assert read is not None
    assert (read.helpers, read.store) == ({"docker.io": "desktop", "ghcr.io": "pass"}, "x")


@pytest.mark.parametrize("text", ["", "{", '{"auths": ' + "[" * 100_000, "[]", "null", "\xff"])
def test_a_file_that_is_no_configuration_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(NoLogin, match="is not ") as failure:
        read_config(path)
    assert str(path) in failure.value.what


def test_a_huge_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auths": {}}' + " " * 2 * 1024 * 1024 + "x")
    with pytest.raises(NoLogin, match="larger than"):
        read_config(path)


def test_a_file_that_is_there_and_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NoLogin, match="/proc/self/mem cannot be read: Input/output error"):
        read_config(Path("/proc/self/mem"))


def test_there_need_not_be_a_file(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.json") is None
    assert read_config(tmp_path) is None
    assert read_config(tmp_path / ("x" * 5000)) is None
    (tmp_path / "file").touch()
    assert read_config(tmp_path / "file" / "config.json") is None


def test_no_secret_is_in_the_repr_of_a_file(tmp_path: Path) -> None:
    assert AUTH["auth"] not in repr(read_config(config(tmp_path, {"auths": {"ghcr.io": AUTH}})))
