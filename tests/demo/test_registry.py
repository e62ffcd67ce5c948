from __future__ import annotations

import hashlib
import json
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.images import push
from gitops_bot.demo.registry import Registry
from tests.conftest import program
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BUILT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry") as running:
        yield running


def ask(
    registry: Registry, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    with closing(HTTPConnection(registry.host, timeout=10)) as connection:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def error(body: bytes) -> str:
    return str(json.loads(body)["errors"][0]["code"])


def pushed(registry: Registry, tag: str, repository: str = "acme/web") -> str:
    content = tag.encode()
    return push(registry.host, repository, tag, created=BUILT, revision="a" * 40, source="https://x/y", content=content)


def skopeo(*args: str) -> str:
    command = [program("skopeo"), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with three tags, which no test changes."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        for tag in ("v3", "v1", "v2"):
            pushed(running, tag)
        yield running


@rows("query tags link", {
    "a full last page has no link": ("n=3", ["v1", "v2", "v3"], False),
    "after a tag": ("n=1&last=v1", ["v2"], True),
    "after a tag that is not there, all": ("last=v1x", ["v2", "v3"], False),
})  # fmt: skip
def test_a_page_of_tags(filled: Registry, query: str, tags: list[str], link: bool) -> None:
    status, headers, body = ask(filled, "GET", f"/v2/acme/web/tags/list?{query}")
    assert (status, json.loads(body)["tags"], "link" in headers) == (200, tags, link)


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2/acme/web/tags/list?n=99999999", 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", "/v2/acme/web/tags/list?n=%D9%A3", 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", "/v2/acme/none/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/acme/web/manifests/..", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/acme/web/manifests/.x", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/acme/web/manifests/sha256:{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/acme/web/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/acme/web/blobs/sha256:..", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/_tags/tags/list", 404, "UNSUPPORTED"),
        ("GET", "/v2/acme/web/../../../tags/list", 404, "UNSUPPORTED"),
        ("GET", f"/v2/{'a' * 201}/tags/list", 400, "NAME_INVALID"),
        ("PUT", "/v2/acme/web/blobs/uploads/..%2fx?digest=x", 404, "UNSUPPORTED"),
        ("PUT", f"/v2/acme/web/blobs/uploads/{'0' * 32}?digest=x", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("POST", "/v2/acme/web/blobs/uploads/?digest=sha256:0", 400, "DIGEST_INVALID"),
        ("GET", "/v2/acme/web/referrers/latest", 400, "DIGEST_INVALID"),
    ],
)
def test_what_is_not_there_or_no_name_is_refused(
    filled: Registry, method: str, target: str, status: int, code: str
) -> None:
    answered, _, body = ask(filled, method, target)
    assert (answered, error(body)) == (status, code)


def manifest(**changes: Any) -> bytes:
    empty = digest_of(b"")
    described = {"mediaType": "x", "digest": empty, "size": 0}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI, "config": described, "layers": [described], **changes}
    ).encode()


REFUSED: dict[str, tuple[bytes, str, str, int, str]] = {
    "a blob that was never pushed": (manifest(), "v1", OCI, 400, "MANIFEST_BLOB_UNKNOWN"),
    "no JSON": (b"{", "v1", OCI, 400, "MANIFEST_INVALID"),
    "JSON without an end": (b"[" * 100_000, "v1", OCI, 400, "MANIFEST_INVALID"),
    "a digest that is none": (manifest(layers=[{"digest": "../x"}]), "v1", OCI, 400, "MANIFEST_INVALID"),
    "no media type of a manifest": (manifest(), "v1", "text/plain", 400, "MANIFEST_INVALID"),
    "an index of a manifest that was never pushed": (
        json.dumps({"manifests": [{"digest": digest_of(b"x")}]}).encode(), "v1", INDEX, 400, "MANIFEST_BLOB_UNKNOWN",
    ),
    "no tag": (b'{"manifests":[]}', "-x", INDEX, 400, "TAG_INVALID"),
    "another digest": (b'{"manifests":[]}', f"sha256:{'0' * 64}", INDEX, 400, "DIGEST_INVALID"),
    "too large": (b" " * (4 * 1024 * 1024 + 1), "v1", OCI, 413, "SIZE_INVALID"),
}  # fmt: skip


def test_what_cannot_be_served_is_not_taken(registry: Registry) -> None:
    for what, (body, reference, kind, status, code) in REFUSED.items():
        answered, _, said = ask(registry, "PUT", f"/v2/acme/web/manifests/{reference}", body, {"Content-Type": kind})
        assert (answered, error(said)) == (status, code), what
    place, digest = ask(registry, "POST", "/v2/acme/web/blobs/uploads/")[1]["location"], digest_of(b"hello")
    assert ask(registry, "PUT", f"{place}?digest={digest}", b"other")[0] == 400
    assert ask(registry, "HEAD", f"/v2/acme/web/blobs/{digest}")[0] == 404
    assert ask(registry, "GET", "/v2/acme/web/tags/list")[0] == 404


def test_a_manifest_is_deleted_with_its_tags_and_an_index_stays_without_its_images(registry: Registry) -> None:
    first, second = pushed(registry, "v1"), pushed(registry, "v2")
    index = json.loads(ask(registry, "GET", "/v2/acme/web/manifests/v2")[2])
    child = index["manifests"][0]["digest"]
    for name, value, status in (("If-None-Match", f'"{second}"', 304), ("Accept", OCI, 404)):
        assert ask(registry, "HEAD", "/v2/acme/web/manifests/v2", headers={name: value})[0] == status
    assert ask(registry, "DELETE", f"/v2/acme/web/manifests/{child}")[0] == 202
    assert ask(registry, "HEAD", f"/v2/acme/web/manifests/{child}")[0] == 404
    assert ask(registry, "HEAD", "/v2/acme/web/manifests/v2")[1]["docker-content-digest"] == second

    assert ask(registry, "DELETE", f"/v2/acme/web/manifests/{first}")[0] == 202
    assert json.loads(ask(registry, "GET", "/v2/acme/web/tags/list")[2])["tags"] == ["v2"]
    assert ask(registry, "DELETE", "/v2/acme/web/manifests/v2")[0] == 202
    assert ask(registry, "HEAD", f"/v2/acme/web/manifests/{second}")[0] == 200
    for gone in (first, "v1"):
        assert ask(registry, "HEAD", f"/v2/acme/web/manifests/{gone}")[0] == 404
        assert ask(registry, "DELETE", f"/v2/acme/web/manifests/{gone}")[0] == 404


def test_skopeo_lists_inspects_and_copies_there_and_back(registry: Registry, tmp_path: Path) -> None:
    digest = pushed(registry, "v1")
    here = f"docker://{registry.host}"
    assert json.loads(skopeo("list-tags", "--tls-verify=false", f"{here}/acme/web"))["Tags"] == ["v1"]
    told = json.loads(skopeo("inspect", "--tls-verify=false", f"{here}/acme/web:v1"))
    assert (told["Digest"], told["Created"]) == (digest, "2026-01-02T03:04:05Z")
    assert told["Labels"]["org.opencontainers.image.revision"] == "a" * 40
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false", "--insecure-policy")
    skopeo("copy", "--all", *plain, f"{here}/acme/web:v1", f"oci:{tmp_path}/image:v1")
    skopeo("copy", "--all", *plain, f"oci:{tmp_path}/image:v1", f"{here}/other/place/web:v2")
    assert json.loads(skopeo("inspect", "--tls-verify=false", f"{here}/other/place/web:v2"))["Digest"] == digest


def test_a_blob_is_in_its_repository_only(registry: Registry) -> None:
    index = json.loads(ask(registry, "GET", f"/v2/acme/web/manifests/{pushed(registry, 'v1')}")[2])
    body = ask(registry, "GET", f"/v2/acme/web/manifests/{index['manifests'][0]['digest']}")[2]
    config = json.loads(body)["config"]["digest"]
    assert ask(registry, "GET", f"/v2/acme/web/blobs/{config}")[0] == 200
    assert ask(registry, "GET", f"/v2/acme/other/blobs/{config}")[0] == 404
    status, _, said = ask(registry, "PUT", "/v2/acme/other/manifests/v1", body, {"Content-Type": OCI})
    assert (status, error(said)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_what_refers_to_a_manifest_is_listed_by_its_type(registry: Registry) -> None:
    digest = pushed(registry, "v1")
    empty = b"{}"
    ask(registry, "POST", f"/v2/acme/web/blobs/uploads/?digest={digest_of(empty)}", empty)
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(empty), "size": 2}
    subject = {"mediaType": INDEX, "digest": digest, "size": 1}
    kinds = ("application/vnd.example.signature", "application/vnd.example.sbom")
    for kind in kinds:
        document = {"schemaVersion": 2, "mediaType": OCI, "artifactType": kind, "config": config, "layers": []}
        body = json.dumps({**document, "subject": subject}).encode()
        put = f"/v2/acme/web/manifests/{digest_of(body)}"
        assert ask(registry, "PUT", put, body, {"Content-Type": OCI})[1]["oci-subject"] == digest

    def listed(query: str = "", of: str = digest) -> tuple[set[str], str | None]:
        status, headers, body = ask(registry, "GET", f"/v2/acme/web/referrers/{of}{query}")
        assert (status, headers["content-type"]) == (200, INDEX)
        return {entry["artifactType"] for entry in json.loads(body)["manifests"]}, headers.get("oci-filters-applied")

    assert listed() == (set(kinds), None)
    assert listed(f"?artifactType={kinds[0]}") == ({kinds[0]}, "artifactType")
    assert listed(of=digest_of(b"other")) == (set(), None)
