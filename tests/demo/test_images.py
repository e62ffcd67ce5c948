from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.demo.images import PushError, push
from gitops_bot.demo.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

BUILT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def image(host: str, *, created: datetime = BUILT, content: bytes = b"app", tag: str = "v1") -> str:
    return push(host, "acme/web", tag, created=created, revision="c0ffee", source="https://x/y", content=content)


def test_equal_images_have_one_digest_and_others_have_another(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        first = image(registry.host)
        assert image(registry.host) == first
        assert image(registry.host, created=BUILT.astimezone(timezone(timedelta(hours=2)))) == first
        assert len({first, image(registry.host, content=b"other"), image(registry.host, tag="v2")}) == 3


def blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs" / digest.removeprefix("sha256:")).read_bytes()


def test_the_image_of_each_platform_holds_the_content_and_says_when_and_from_what_it_was_built(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        index = json.loads(blob(tmp_path, image(registry.host)))
    assert [each["platform"] for each in index["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64"},
    ]
    for each in index["manifests"]:
        manifest = json.loads(blob(tmp_path, each["digest"]))
        config = json.loads(blob(tmp_path, manifest["config"]["digest"]))
        system, program = (blob(tmp_path, layer["digest"]) for layer in manifest["layers"])
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(program))) as archive:
            packed = archive.extractfile("app")
            assert packed is not None
            assert packed.read() == b"app"
        assert config["architecture"] == each["platform"]["architecture"]
        assert config["created"] == "2026-01-02T03:04:05Z"
        assert config["config"]["Labels"] == {
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            "org.opencontainers.image.revision": "c0ffee",
            "org.opencontainers.image.source": "https://x/y",
            "org.opencontainers.image.version": "v1",
        }
        for described in (each, manifest["config"], *manifest["layers"]):
            assert described["size"] == len(blob(tmp_path, described["digest"]))
        assert len(system) > 1_000_000


def test_the_layer_of_the_system_is_sent_once(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        image(registry.host)
        before = len(registry.seen)
        image(registry.host, content=b"other", tag="v2")
        methods = [method for method, _, _ in list(registry.seen)[before:]]
    # Three new blobs: the program, and a configuration for each platform; two manifests and their index.
    assert (methods.count("POST"), methods.count("PUT")) == (3, 3 + 3)


def test_a_registry_that_refuses_is_quoted() -> None:
    def refusing(request: Request) -> Answer:
        return Answer(503, b"under repair")

    with (
        Server(refusing) as server,
        pytest.raises(PushError, match="POST /v2/acme/web/blobs/uploads/: 503 under repair"),
    ):
        image(server.host)


def test_a_registry_that_wants_the_blob_elsewhere_gets_nothing() -> None:
    def leading_away(request: Request) -> Answer:
        return Answer(202, headers={"Location": "http://elsewhere.example/upload"})

    with Server(leading_away) as server, pytest.raises(PushError, match=r"elsewhere\.example"):
        image(server.host)
