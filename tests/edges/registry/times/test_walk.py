"""Build times from the images themselves: what counts, how often is asked, and what is done with the impossible."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.documents import Documents
from gitops_bot.edges.registry.times import reader
from gitops_bot.edges.registry.times.reader import MOST_WALKED
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.image_server import FIRST, Images, filled, push, transport
from tests.counterparts.registry import INDEX, MANIFEST
from tests.counterparts.script import Script
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from gitops_bot.images.build import BuildTimes

CREATED = "org.opencontainers.image.created"
OLD, MIDDLE, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"
OTHER, LIED = "sha256:" + "0" * 64, "sha256:" + "1" * 64
EPOCH = "1970-01-01T00:00:00Z"


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


IMAGE = ImageName("registry.test", "acme/web")


def served(images: Images, cache: Path | None = None) -> Registry:
    return Registry({}, {}, StillClock(), cache=cache, transport=transport(images))


def times(images: Images, pin: Pin | None = None, cache: Path | None = None) -> BuildTimes:
    images.seen.clear()
    with served(images, cache) as edge:
        return edge.times(IMAGE, edge.tags(IMAGE), pin or Pin())


#: What an image says in an annotation, a label and its configuration, and when it counts as built.
SAYS = {
    "the annotation first": (OLD, MIDDLE, NEW, OLD),
    "then the label": (None, OLD, NEW, OLD),
    "then the configuration": (None, None, OLD, OLD),
    "a placeholder says nothing": (EPOCH, None, OLD, OLD),
    "nor does what is not a time": ("yesterday", "2026-01-01", OLD, OLD),
    "an image need not say": (None, None, None, None),
    "the first placeholder where nothing else is": (None, EPOCH, "1980-01-01T00:00:01Z", EPOCH),
    "a year beyond all": (None, None, "99999-12-31T23:59:59Z", None),
}


def test_what_says_when_an_image_was_built() -> None:
    images, expected = Images(), {}
    for number, (annotation, label, created, built) in enumerate(SAYS.values()):
        config = {"config": {"Labels": {CREATED: label}}} if label else {}
        more = {"annotations": {CREATED: annotation}} if annotation else {}
        tag = f"sha-{number:07x}"
        images.push(tag, images.manifest(created, config=config, salt=tag, **more))
        expected[tag] = time(built) if built else None
    found = times(images).times
    assert {name: found[tag] for name, tag in zip(SAYS, expected, strict=True)} == {
        name: expected[tag] for name, tag in zip(SAYS, expected, strict=True)
    }


@rows("children more expected", {
    "the newest of its images": ([OLD, NEW], {}, NEW),
    "of those that say it": ([OLD, None], {}, OLD),
    "none says it": ([EPOCH, None], {}, EPOCH),
    "a placeholder is no newer image": ([EPOCH, OLD], {}, OLD),
    "its own annotation first": ([OLD, NEW], {"annotations": {CREATED: MIDDLE}}, MIDDLE),
    "an empty index": ([], {}, None),
})  # fmt: skip
def test_an_index(children: list[str | None], more: dict[str, Any], expected: str | None) -> None:
    images = Images()
    images.push_index("sha-1234567", children, attested=True, **more)
    assert times(images).times == {"sha-1234567": time(expected) if expected else None}


def nested(images: Images, depth: int) -> dict[str, Any]:
    """An index in an index in an index."""
    document, kind = images.manifest(NEW), MANIFEST
    for _ in range(depth):
        entry = images.descriptor(document, kind, platform={"os": "linux", "architecture": "amd64"})
        document, kind = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX
    return document


def test_indexes_in_indexes_are_read_so_far() -> None:
    images = Images()
    images.push("sha-1111111", nested(images, 2), INDEX)
    images.push("sha-2222222", nested(images, 50), INDEX)
    assert times(images).times == {"sha-1111111": time(NEW), "sha-2222222": None}
    assert len(images.seen) == 1 + 4 + 3


def test_an_index_that_names_itself_or_thousands_is_read_so_far() -> None:
    images = Images()
    digest = "sha256:" + "1" * 64
    parent = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": INDEX, "digest": digest, "size": 2}]}
    images.documents[digest] = (INDEX, json.dumps(parent).encode())  # no bytes have their own digest in them
    images.push("sha-1111111", parent, INDEX)
    entries = [{"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 2} for number in range(900)]
    images.push("sha-2222222", {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
    assert times(images).times == {"sha-1111111": None, "sha-2222222": None}
    assert len(images.seen) < 50


def test_more_tags_than_are_read_are_refused_in_words() -> None:
    images = filled(1, 1)
    tags = tuple(f"sha-{number:0120x}" for number in range(MOST_WALKED + 1))
    with served(images) as edge, pytest.raises(RegistryError) as raised:
        edge.times(IMAGE, tags, Pin())
    assert "10001 tags that the policy admits" in str(raised.value)
    assert "narrower pattern" in raised.value.problem.next
    assert images.seen == []


def test_one_broken_image_is_unknown_and_the_others_are_read() -> None:
    images = filled(3, 1)
    images.push("sha-bbbbbbb", b"{}")
    images.push("sha-ccccccc", {"schemaVersion": 1, "history": [{"v1Compatibility": "{}"}]})
    digest = images.push("sha-ddddddd")
    images.documents[digest] = (MANIFEST, b'{"schemaVersion": 2}')
    found = times(images).times
    assert {tag for tag, at in found.items() if at is None} == {"sha-bbbbbbb", "sha-ccccccc", "sha-ddddddd"}
    assert sum(at is not None for at in found.values()) == 3


def test_a_tag_that_is_gone_is_unknown_and_a_failing_registry_is_an_error() -> None:
    images = filled(3, 1)
    with served(images) as edge:
        assert edge.times(IMAGE, ("sha-eeeeeee", images.images[0].tag), Pin()).times["sha-eeeeeee"] is None
    images.instead[f"/v2/acme/web/manifests/{images.images[0].tag}"] = (403, b"")
    with served(images) as edge, pytest.raises(RegistryError, match="403"):
        edge.times(IMAGE, edge.tags(IMAGE), Pin())


@pytest.mark.parametrize(("platforms", "most"), [(1, 1 + 2 * 100), (2, 1 + 5 * 100)])
def test_each_image_is_read_once(platforms: int, most: int) -> None:
    images = filled(100, platforms)
    images.images += [type(images.images[0])("sha-abcdef0", images.images[0].digest, FIRST)]
    got = times(images)
    assert len(images.seen) == most + 1
    assert set(got.times.values()) == {FIRST + timedelta(minutes=number) for number in range(100)}


def test_an_image_that_two_threads_meet_at_once_is_read_once() -> None:
    images, both = Images(), Barrier(2, timeout=60)
    network = transport(images)
    document = images.manifest(NEW)
    tags = ("sha-1111111", "sha-2222222")
    for tag in tags:
        images.push(tag, document)

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(tags):
            both.wait()  # until both threads have asked for their manifest
        return network.handle_request(request)

    with Registry({}, {}, StillClock(), transport=Script(serve)) as edge:
        assert edge.times(IMAGE, tags, Pin()).times == dict.fromkeys(tags, time(NEW))
    assert len([asked for asked in images.seen if "/blobs/" in asked]) == 1


def test_when_the_present_pin_was_built() -> None:
    images = filled(5, 1)
    pins = [
        (Pin(), None), (Pin(images.images[2].tag), 2), (Pin(images.images[3].tag, images.images[2].digest), 2),
        (Pin(None, OTHER), None), (Pin(None, LIED), None),
    ]  # fmt: skip
    images.documents[LIED] = images.documents[images.images[0].digest]
    with served(images) as edge:
        for pin, expected in pins:
            built = edge.times(IMAGE, edge.tags(IMAGE), pin).pinned
            assert built == (None if expected is None else FIRST + timedelta(minutes=expected))


# --- what is kept on disk ---


def test_a_second_run_asks_for_the_new_tag_only(tmp_path: Path) -> None:
    images = filled(50, 1)
    results = []
    for _ in range(2):
        images.seen.clear()
        with served(images, tmp_path) as edge:
            present = images.images[-1]
            got = edge.times(IMAGE, edge.tags(IMAGE), Pin(present.tag, present.digest))
            best = max(got.times, key=lambda tag: got.times[tag] or FIRST)
            edge.digest(IMAGE, best)
        results.append((len(images.seen), best))
        push(images, len(images.images), 1)
    assert results == [(101, images.images[-3].tag), (3, images.images[-2].tag)]


def test_what_a_tag_that_moves_names_is_asked_again_and_written_as_of_today(tmp_path: Path) -> None:
    images, found, digests = Images(), [], []
    for built in (OLD, NEW):
        for tag in ("main", "sha-1234567"):
            images.push(tag, images.manifest(built))
        with served(images, tmp_path) as edge:
            found.append(edge.times(IMAGE, edge.tags(IMAGE), Pin()).times)
            digests.append(edge.digest(IMAGE, "sha-1234567"))
    assert found == [
        {"main": time(OLD), "sha-1234567": time(OLD)},
        {"main": time(NEW), "sha-1234567": time(OLD)},
    ]
    assert len({*digests}) == 2


def stored(folder: Path) -> Path:
    """The file with the build times of the image."""
    return folder / "documents" / hashlib.sha256(f"{IMAGE} times".encode()).hexdigest()


@pytest.mark.parametrize("damage", [b"", b"no JSON", b'{"tags": [], "images": {}}', b"[" * 100_000])
def test_a_damaged_cache_is_written_anew(damage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = filled(3, 1)
    times(images, cache=tmp_path)
    stored(tmp_path).write_bytes(damage)
    for discarded, requests in [(1, 7), (0, 1)]:
        assert len(times(images, cache=tmp_path).times) == 3
        assert capsys.readouterr().err.count("cache.discarded") == discarded
        assert len(images.seen) == requests


def test_what_is_no_tag_digest_or_time_is_not_believed(tmp_path: Path) -> None:
    documents, odd = Documents({}, tmp_path), "sha256:" + "2" * 64
    tags = {"v1": OTHER, "v 2": OTHER, "v3": "sha256:0", "v4": None}
    images = {OTHER: OLD, LIED: None, odd: "yesterday", "sha256:0": OLD}
    documents.write_file(f"{IMAGE} times", json.dumps({"tags": tags, "images": images}).encode())
    assert reader.load(documents, str(IMAGE)) == reader.Memory({"v1": OTHER}, {OTHER: time(OLD), LIED: None})


def test_a_cache_that_is_a_pipe_is_not_used(tmp_path: Path) -> None:
    times(filled(3, 1), cache=tmp_path)
    stored(tmp_path).unlink()
    os.mkfifo(stored(tmp_path))
    assert len(times(filled(3, 1), cache=tmp_path).times) == 3


def test_the_cache_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_STORED", 10)
    documents = Documents({}, tmp_path)
    tags = {f"sha-{number:07d}": f"sha256:{number:064x}" for number in range(35)}
    reader.store(documents, "acme", reader.Memory(tags, dict.fromkeys(tags.values(), time(OLD))))
    found = reader.load(documents, "acme")
    assert list(found.tags.items()) == [*tags.items()][-10:]
    assert list(found.images.items()) == [(digest, time(OLD)) for digest in [*tags.values()][-10:]]
    assert reader.load(documents, "other") == reader.Memory()
