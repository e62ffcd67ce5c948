from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.edges.http import Answer
from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.manifest import ACCEPT, document, resolve
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX = "application/vnd.oci.image.index.v1+json"
BODY = b'{"schemaVersion": 2, "manifests": []}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
LONG = f"sha512:{hashlib.sha512(BODY).hexdigest()}"
OTHER = "sha256:" + "0" * 64
URL = httpx.URL("https://registry.test/v2/acme/web/manifests/v1")


def answered(body: bytes = BODY, digest: str | None = DIGEST, kind: str | None = INDEX) -> Answer:
    headers = {"Docker-Content-Digest": digest, "Content-Type": kind}
    found = httpx.Headers({name: value for name, value in headers.items() if value is not None})
    return Answer(URL, 200, found, body)


def registry(head: Answer | int, get: Answer | int | None = None) -> tuple[Callable[[str, str], Answer], list[str]]:
    asked: list[str] = []

    def ask(method: str, _: str) -> Answer:
        asked.append(method)
        given = {"HEAD": head, "GET": get}[method]
        if isinstance(given, int):
            raise Refused(given, "registry.test", f"said to {method}")
        assert given is not None
        return given

    return ask, asked


@pytest.mark.parametrize("digest", [DIGEST, LONG], ids=["sha256", "sha512"])
@pytest.mark.parametrize("kind", [*ACCEPT.split(", "), f"{INDEX}; charset=utf-8", INDEX.upper()])
def test_a_head_is_enough(digest: str, kind: str) -> None:
    ask, asked = registry(answered(b"", digest, kind))
    assert resolve(ask, "v1") == digest
    assert asked == ["HEAD"]


HEADS = [
    ("without a digest", answered(b"", None)),
    ("with half a digest", answered(b"", DIGEST[:-1])),
    ("with a digest in capitals", answered(b"", DIGEST.upper())),
    ("with an algorithm that nobody knows", answered(b"", "md5:" + "0" * 32)),
    ("with two digests", answered(b"", f"{DIGEST}, {DIGEST}")),
    ("with a line of text", answered(b"", f"{DIGEST} ")),
    ("as a web page", answered(b"", DIGEST, "text/html")),
    ("of schema 1", answered(b"", DIGEST, "application/vnd.docker.distribution.manifest.v1+prettyjws")),
    ("without a type", answered(b"", DIGEST, None)),
    ("refused with 400", 400),
    ("refused with 404", 404),
    ("refused with 405", 405),
    ("refused with 406", 406),
    ("refused with 501", 501),
]


@pytest.mark.parametrize("head", [row[1] for row in HEADS], ids=[row[0] for row in HEADS])
def test_a_head_that_does_not_tell_is_followed_by_a_get_and_the_bytes_count(head: Answer | int) -> None:
    ask, asked = registry(head, answered(digest=None))
    assert resolve(ask, "v1") == DIGEST
    assert asked == ["HEAD", "GET"]


@pytest.mark.parametrize(("status", "by"), [(401, False), (429, False), (500, False), (404, True)])
def test_a_head_refused_for_good_or_by_a_token_server_is_refused(status: int, by: bool) -> None:
    asked: list[str] = []

    def ask(method: str, _: str) -> Answer:
        asked.append(method)
        raise Refused(status, "registry.test", "", token_server=by)

    with pytest.raises(Refused) as refused:
        resolve(ask, "v1")
    assert refused.value.status == status
    assert asked == ["HEAD"]


def test_a_tag_that_does_not_exist_is_refused_in_the_words_of_the_get() -> None:
    ask, _ = registry(404, 404)
    with pytest.raises(Refused) as refused:
        resolve(ask, "v1")
    assert (refused.value.status, refused.value.message) == (404, "said to GET")


@pytest.mark.parametrize("digest", [DIGEST, LONG, None], ids=["sha256", "sha512", "none"])
def test_the_digest_of_a_get_is_that_of_its_bytes(digest: str | None) -> None:
    ask, _ = registry(405, answered(digest=digest))
    assert resolve(ask, "v1") == (digest or DIGEST)


@pytest.mark.parametrize("digest", [OTHER, "sha512:" + "0" * 128, "", "junk", DIGEST.upper()])
def test_a_digest_that_is_not_that_of_the_bytes_is_an_error(digest: str) -> None:
    ask, _ = registry(405, answered(digest=digest))
    with pytest.raises(Untrusted, match="that has the digest sha") as failure:
        resolve(ask, "v1")
    assert "nothing was pinned" in failure.value.advice


NO_MANIFESTS = [
    ("a web page", answered(b"<html>", None, "text/html"), "answered a web page where a manifest was expected"),
    ("nothing", answered(b"", None), "answered nothing"),
    ("no JSON", answered(b"schemaVersion: 2", None), "answered something else"),
    ("no object", answered(b"[2]", None), "answered something else"),
    ("another object", answered(b'{"tags": []}', None), "answered something else"),
    ("a deep nest", answered(b"[" * 100_000, None), "answered something else"),
    ("schema 1", answered(b'{"schemaVersion": 1}', None), "only as a schema 1"),
]


@pytest.mark.parametrize(("get", "words"), [row[1:] for row in NO_MANIFESTS], ids=[row[0] for row in NO_MANIFESTS])
def test_what_is_no_manifest_has_no_digest(get: Answer, words: str) -> None:
    ask, _ = registry(405, get)
    with pytest.raises(Untrusted, match=words):
        resolve(ask, "v1")


def named(body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_bytes_that_the_digest_names_are_read(algorithm: str) -> None:
    body = b'{"a": 1}\n'
    assert document(answered(body), named(body, algorithm), "a manifest") == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"text", b"[1]", b"null", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_what_the_digest_names_and_is_no_object_is_empty(body: bytes) -> None:
    assert document(answered(body), named(body), "a configuration") == {}


@rows("answer words", {
    "another document": (answered(b'{"a": 2}'), "with content that has the digest sha256:"),
    "a web page": (answered(b"<html>", kind="text/html"), "a web page where a manifest was"),
    "nothing": (answered(b""), "nothing where a manifest was expected"),
    "another value": (answered(b"[2]"), "something else where a manifest was expected"),
})  # fmt: skip
def test_other_bytes_are_an_error(answer: Answer, words: str) -> None:
    with pytest.raises(Untrusted, match=words):
        document(answer, OTHER, "a manifest")


def test_a_manifest_of_schema_1_whose_digest_is_of_a_part_of_it_is_empty() -> None:
    assert document(answered(b'{"schemaVersion": 1, "name": "acme/web"}'), OTHER, "a manifest") == {}


def test_more_values_than_any_image_has_are_never_made_into_objects() -> None:
    body = b"[" + b"[]," * 100_001 + b"[]]"
    with pytest.raises(Untrusted, match="a manifest of more than 100000 values"):
        document(answered(body), named(body), "a manifest")
