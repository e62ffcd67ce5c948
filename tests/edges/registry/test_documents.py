"""Documents in the folder of `--cache`: what is there saves requests, and what is damaged or foreign does nothing."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry import documents as caching
from gitops_bot.edges.registry.documents import Documents
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import Manifest
from gitops_bot.images.reference import ImageName
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.counterparts.registry import DockerRegistry

BODY, TAG = b'{"schemaVersion": 2}', "registry.test/web:1.0.0"
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def file_of(folder: Path, key: str) -> Path:
    return folder / hashlib.sha256(key.encode()).hexdigest()


def filled(folder: Path) -> None:
    documents = Documents(folder=folder)
    documents.keep(DIGEST, BODY)
    documents.name(TAG, DIGEST)
    documents.close()


def read(folder: Path) -> tuple[bytes | None, str | None]:
    documents = Documents(folder=folder)
    return documents.get(DIGEST), documents.named(TAG)


def test_another_process_reads_what_was_kept(tmp_path: Path) -> None:
    filled(tmp_path / "documents")
    assert read(tmp_path / "documents") == (BODY, DIGEST)
    assert read(tmp_path / "others") == (None, None)
    assert len([*(tmp_path / "documents").iterdir()]) == 2, "nothing but the two files is left"
    assert {file.stat().st_mode & 0o022 for file in tmp_path.rglob("*")} == {0}


@pytest.mark.parametrize("damage", [b"", b"{}", b"x" * 100_000, "pipe", "link", "folder"])
def test_a_file_that_is_not_what_was_kept_is_not_believed(tmp_path: Path, damage: bytes | str) -> None:
    filled(tmp_path)
    for key in (DIGEST, TAG):
        file = file_of(tmp_path, key)
        whole = file.read_bytes()
        file.unlink()
        match damage:
            case bytes():
                file.write_bytes(damage)
            case "pipe":
                os.mkfifo(file)
            case "link":
                (tmp_path / f"{file.name}-elsewhere").write_bytes(whole)
                file.symlink_to(tmp_path / f"{file.name}-elsewhere")
            case _:
                file.mkdir()
    assert read(tmp_path) == (None, None)


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path)
    tmp_path.chmod(0o777)
    assert read(tmp_path) == (None, None)
    assert "cache.unused" in capsys.readouterr().err


def test_the_oldest_files_go_first_and_what_is_large_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "IN_FILES", 3)
    for number in range(6):
        documents = Documents(folder=tmp_path)
        documents.name(f"tag {number}", DIGEST)
        os.utime(file_of(tmp_path, f"tag {number}"), (number, number))
        documents.close()
    documents = Documents(folder=tmp_path)
    documents.keep(DIGEST, b"x" * (caching.LARGEST + 1))
    assert {*tmp_path.iterdir()} == {file_of(tmp_path, f"tag {number}") for number in (3, 4, 5)}
    assert documents.get(DIGEST) is None


def test_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "IN_MEMORY", 10)
    documents = Documents()
    for number in range(95):
        documents.name(f"tag {number}", DIGEST)
    assert 0 < len(documents.memory) <= 10


def test_a_tag_that_is_read_next_takes_one_request_and_a_head_once_it_is_known(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    image = ImageName(registry.host, "read/next")
    digests = [registry.push(image.path, "v1", content) for content in ("a", "b")]
    registry.push(image.path, "v1", "a")

    def asked() -> tuple[str, list[str]]:
        with Registry({}, {}, StillClock(), cache=tmp_path) as ours, registry.counting() as seen:
            digest = ours.digest(image, "v1", will_read=True)
            assert ours.manifest(image, digest) == Manifest("image")
            assert ours.exists(image, digest)
        return digest, [" ".join(line.split()[:2]).replace(f" /v2/{image.path}/manifests/", " ") for line in seen]

    assert asked() == (digests[0], ["GET v1"])
    assert asked() == (digests[0], ["HEAD v1"])
    registry.push(image.path, "v1", "b")
    assert asked() == (digests[1], ["HEAD v1", f"GET {digests[1]}"]), "a tag that was moved since is seen"
    assert asked() == (digests[1], ["HEAD v1"])


LIST = "registry.test/acme/web/tags/list?n=1000"
ETAG = 'W/"7"'


@rows("first kept then known", {
    "the same list": ((["v1"], ETAG, ""), "same", (304, ""), True),
    "another list since": ((["v1"], ETAG, ""), "same", (200, ""), True),
    "the same, and more pages": ((["v1"], ETAG, ""), "same", (304, "</?last=v1>"), True),
    "no ETag": ((["v1"], "", ""), "same", (200, ""), False),
    "no grammatical ETag": ((["v1"], "7", ""), "same", (200, ""), False),
    "more pages": ((["v1"], ETAG, "</?last=v1>"), "same", (200, ""), False),
    "perhaps a full page": ([[f"v{n}" for n in range(100)], ETAG, ""], "same", (200, ""), False),
    "large": (["v" * 40_000, ETAG, ""], "same", (200, ""), False),
    "an empty file": ((["v1"], ETAG, ""), b"", (200, ""), False),
    "half a file": ((["v1"], ETAG, ""), b'W/"7"\n{"tags": ["v', (200, ""), False),
    "two headers": ((["v1"], ETAG, ""), b'W/"7"\r\nX-A: b\n{"tags": []}', (200, ""), False),
})  # fmt: skip
def test_a_list_of_tags_is_not_sent_again_while_the_registry_says_that_it_is_the_same(
    tmp_path: Path, first: tuple[list[str], str, str], kept: str | bytes, then: tuple[int, str], known: bool
) -> None:
    def ask(*plays: httpx.Response) -> tuple[tuple[str, ...], str | None]:
        script = Script(*plays)
        with Registry({}, {}, StillClock(), transport=script, cache=tmp_path) as ours:
            tags = ours.tags(ImageName("registry.test", "acme/web"))
        assert len(script.requests) == len(plays)
        return tags, script.requests[0].headers.get("If-None-Match")

    def listed(tags: object, etag: str = "", link: str = "", status: int = 200) -> httpx.Response:
        headers = {name: value for name, value in (("ETag", etag), ("Link", link)) if value}
        return reply(status, json.dumps({"tags": tags}) if status == 200 else b"", headers)

    tags, etag, link = first
    more = [listed(["v0"])] if link else []
    names = tuple(tags) if isinstance(tags, list) else ()
    assert ask(listed(list(tags) if names else [tags], etag, link), *more)[0] == (*names, *(["v0"] if link else []))
    if isinstance(kept, bytes):
        file_of(tmp_path / "documents", LIST).write_bytes(kept)
    status, link = then
    more = [listed(["v0"])] if link else []
    expected = (*(names if status == 304 else ("v2",)), *(["v0"] if link else []))
    assert ask(listed(["v2"], ETAG, link, status), *more) == (expected, ETAG if known else None)


def test_a_registry_that_answers_not_modified_unasked_is_refused() -> None:
    with Registry({}, {}, StillClock(), transport=Script(reply(304))) as ours, pytest.raises(RegistryError):
        ours.tags(ImageName("registry.test", "acme/web"))
