from __future__ import annotations

import hashlib

import httpx
import pytest

from gitops_bot.edges.http import Answer
from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.edges.registry.manifest import document

URL = httpx.URL("https://registry.test/v2/acme/web/blobs/x")
NAMED = "sha256:" + "0" * 64


def answered(body: bytes, kind: str = "application/json") -> Answer:
    return Answer(URL, 200, httpx.Headers({"Content-Type": kind}), body)


def named(body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_bytes_that_the_digest_names_are_read(algorithm: str) -> None:
    body = b'{"a": 1}\n'
    assert document(answered(body), named(body, algorithm), "a manifest") == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"text", b"[1]", b"null", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_what_the_digest_names_and_is_no_object_is_empty(body: bytes) -> None:
    assert document(answered(body), named(body), "a configuration") == {}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            answered(b'{"schemaVersion": 2}'), "with content that has the digest sha256:", id="another document"
        ),
        pytest.param(answered(b"<html>", "text/html"), "a web page where a manifest was expected", id="a web page"),
        pytest.param(answered(b""), "nothing where a manifest was expected", id="nothing"),
        pytest.param(answered(b"[2]"), "something else where a manifest was expected", id="another value"),
    ],
)
def test_other_bytes_are_an_error(answer: Answer, words: str) -> None:
    with pytest.raises(Untrusted, match=words):
        document(answer, NAMED, "a manifest")


def test_a_manifest_of_schema_1_whose_digest_is_of_a_part_of_it_is_empty() -> None:
    assert document(answered(b'{"schemaVersion": 1, "name": "acme/web"}'), NAMED, "a manifest") == {}


def test_more_values_than_any_image_has_are_never_made_into_objects() -> None:
    body = b"[" + b"[]," * 100_001 + b"[]]"
    with pytest.raises(Untrusted, match="a manifest of more than 100000 values"):
        document(answered(body), named(body), "a manifest")
