"""What images say of themselves: at a real registry, at the embedded one, and at servers that answer wrongly."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.demo.images import push
from gitops_bot.demo.registry import Registry as Embedded
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.manifest import CONFIG_BYTES
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import Build
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import INDEX, MANIFEST, DockerRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitops_bot.edges.registry.documents import Memory
    from tests.counterparts.broken import Answer

BUILT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHEN = "2026-01-02T03:04:05Z"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SOURCE, REVISION = "https://github.com/acme/web", "c0ffee" * 6 + "c0ff"


def oci(**texts: str) -> dict[str, str]:
    return {f"org.opencontainers.image.{name}": text for name, text in texts.items()}


LABELS = oci(created=WHEN, source=SOURCE, revision=REVISION, version="v1.4.2")


@pytest.fixture
def ours() -> Iterator[Registry]:
    with Registry({}, {}, StillClock()) as registry:
        yield registry


# --- a real registry ---


def test_an_image_of_one_platform_in_two_requests(registry: DockerRegistry, ours: Registry) -> None:
    digest = registry.push_image("say/one", "v1", labels=LABELS, layers=(1000, 2000))
    with registry.counting() as seen:
        build = ours.describe(ImageName(registry.host, "say/one"), digest)
    assert build.size is not None
    assert 3000 < build.size < 4000
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2", ("linux/amd64",), build.size, "linux/amd64", 2)
    assert [line.split("/")[4] for line in seen] == ["manifests", "blobs"]


def test_an_index_in_three_requests(registry: DockerRegistry, ours: Registry) -> None:
    platforms = ("linux/arm64/v8", "linux/amd64", "linux/arm/v7")
    digest = registry.push_image("say/all", "v1", platforms=platforms, labels=LABELS, layers=(1000,), attested=True)
    with registry.counting() as seen:
        build = ours.describe(ImageName(registry.host, "say/all"), digest)
    assert build.platforms == ("linux/amd64", "linux/arm/v7", "linux/arm64")
    assert (build.created, build.source, build.revision, build.version) == (BUILT, SOURCE, REVISION, "v1.4.2")
    assert build.sized == "linux/amd64"
    assert build.size is not None
    assert 1000 < build.size < 2000
    assert [line.split("/")[4] for line in seen] == ["manifests", "manifests", "blobs"]


def test_what_a_later_registry_knows_is_not_asked_again(registry: DockerRegistry) -> None:
    digest = registry.push_image("say/again", "v1", labels=LABELS)
    known: Memory = {}
    with Registry({}, {}, StillClock(), documents=known) as first:
        build = first.describe(ImageName(registry.host, "say/again"), digest)
    with Registry({}, {}, StillClock(), documents=known) as second, registry.counting() as seen:
        again = second.describe(ImageName(registry.host, "say/again"), digest)
    assert (again, again.labels, seen) == (build, build.labels, [])


def test_what_was_not_whole_is_asked_again() -> None:
    """A partial copy may be whole the next time."""
    known: Memory = {}
    missing = answer("404 Not Found", b'{"errors": [{"code": "BLOB_UNKNOWN"}]}')
    with broken_server([served(IMAGE), missing, served(GOOD)]) as server:
        for version in (None, "v1.4.2", "v1.4.2"):
            with Registry({}, {}, StillClock(), documents=known) as ours:
                assert ours.describe(ImageName(server.host, "acme/web"), named(IMAGE)).version == version


def test_without_linux_on_amd64_the_first_platform_is_sized(registry: DockerRegistry, ours: Registry) -> None:
    digest = registry.push_image("say/arm", "v1", platforms=("linux/s390x", "linux/arm64"))
    assert ours.describe(ImageName(registry.host, "say/arm"), digest).sized == "linux/s390x"


ORDER: list[tuple[str, dict[str, Any], str | None]] = [
    (
        "labels beat annotations",
        {"labels": oci(version="l"), "annotations": oci(version="m"), "index_annotations": oci(version="i")},
        "l",
    ),
    ("the index beats the manifest", {"annotations": oci(version="m"), "index_annotations": oci(version="i")}, "i"),
    ("the manifest", {"annotations": oci(version="m")}, "m"),
    ("an empty label says nothing", {"labels": oci(version=""), "annotations": oci(version="m")}, "m"),
    ("nobody", {}, None),
]


@pytest.mark.parametrize(("said", "version"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_who_is_believed(registry: DockerRegistry, ours: Registry, said: dict[str, Any], version: str | None) -> None:
    digest = registry.push_image("say/order", "v1", platforms=("linux/amd64",), **said)
    assert ours.describe(ImageName(registry.host, "say/order"), digest).version == version


TIMES: list[tuple[str, dict[str, Any], datetime | None]] = [
    ("the configuration", {"created": WHEN}, BUILT),
    ("nothing but the epoch", {"created": "1970-01-01T00:00:00Z"}, datetime(1970, 1, 1, tzinfo=UTC)),
    ("the epoch, and an annotation", {"created": "1970-01-01T00:00:00Z", "annotations": oci(created=WHEN)}, BUILT),
    ("a label before the configuration", {"created": "2025-05-05T05:05:05Z", "labels": oci(created=WHEN)}, BUILT),
    ("a label of the epoch", {"created": WHEN, "labels": oci(created="1970-01-01T00:00:00Z")}, BUILT),
    ("no time", {"created": "yesterday"}, None),
    ("none", {}, None),
]


@pytest.mark.parametrize(("said", "created"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
def test_when_it_was_built(
    registry: DockerRegistry, ours: Registry, said: dict[str, Any], created: datetime | None
) -> None:
    digest = registry.push_image("say/when", "v1", **said)
    assert ours.describe(ImageName(registry.host, "say/when"), digest).created == created


def test_a_digest_that_does_not_exist(registry: DockerRegistry, ours: Registry) -> None:
    registry.push("say/gone", "v1")
    with pytest.raises(RegistryError, match="404 Not Found to the request for the digest sha256:0") as failure:
        ours.describe(ImageName(registry.host, "say/gone"), f"sha256:{'0' * 64}")
    assert failure.value.status == 404
    assert failure.value.problem.next == "Check that the digest still exists."


@pytest.mark.parametrize("digest", ["", "v1", "sha256:0", f"sha256:{'0' * 64}/../x", f"md5:{'0' * 32}"])
def test_what_is_no_digest_is_not_asked_for(registry: DockerRegistry, ours: Registry, digest: str) -> None:
    with registry.counting() as seen, pytest.raises(RegistryError, match="is not a digest"):
        ours.describe(ImageName(registry.host, "say/one"), digest)
    assert seen == []


def test_a_chart_says_what_its_annotations_say_and_nothing_of_a_platform(
    registry: DockerRegistry, ours: Registry
) -> None:
    config = registry.put_blob("say/chart", b'{"name": "web"}', "application/vnd.cncf.helm.config.v1+json")
    chart = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": LABELS}
    digest = registry.put("say/chart", "v1", json.dumps(chart).encode(), MANIFEST)
    with registry.counting() as seen:
        build = ours.describe(ImageName(registry.host, "say/chart"), digest)
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2")
    assert len(seen) == 1


def test_the_embedded_registry_and_its_images(tmp_path: Path, ours: Registry) -> None:
    with Embedded(tmp_path) as embedded:
        digest = push(
            embedded.host, "acme/web", "v1.4.2", created=BUILT, revision=REVISION, source=SOURCE, content=b"x" * 5000
        )
        build = ours.describe(ImageName(embedded.host, "acme/web"), digest)
        assert [status for _, _, status in list(embedded.seen)[-3:]] == [200, 200, 200]
    assert build.platforms == ("linux/amd64", "linux/arm64")
    assert (build.created, build.source, build.revision, build.version) == (BUILT, SOURCE, REVISION, "v1.4.2")
    assert build.sized == "linux/amd64"
    assert build.size is not None
    assert build.size > 1_000_000


# --- servers that answer wrongly ---


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def named(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def described(body: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": named(body), "size": len(body), **more}


def manifest(config: bytes, **more: Any) -> bytes:
    layers = [described(b"x" * 100, LAYER)]
    return dumped(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": described(config, CONFIG), "layers": layers, **more}
    )


def index(*entries: dict[str, Any], **more: Any) -> bytes:
    return dumped({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries), **more})


def entry(body: bytes, where: str = "linux/amd64", kind: str = MANIFEST, **more: Any) -> dict[str, Any]:
    os, _, architecture = where.partition("/")
    return described(body, kind, platform={"os": os, "architecture": architecture}, **more)


def served(body: bytes, kind: str = MANIFEST) -> bytes:
    return answer("200 OK", body, f"Content-Type: {kind}")


GOOD = dumped({"os": "linux", "architecture": "amd64", "created": WHEN, "config": {"Labels": LABELS}})
IMAGE = manifest(GOOD)
ALL = index(entry(IMAGE), entry(b"other", "linux/arm64"))
SIZE = len(GOOD) + 100


def ask(body: bytes, *answers: Answer) -> tuple[Build, list[str]]:
    with broken_server(answers) as server, Registry({}, {}, StillClock()) as ours:
        return ours.describe(ImageName(server.host, "acme/web"), named(body)), server.lines


def failing(body: bytes, *answers: Answer) -> tuple[RegistryError, int]:
    with (
        broken_server(answers) as server,
        Registry({}, {}, StillClock()) as ours,
        pytest.raises(RegistryError) as failure,
    ):
        ours.describe(ImageName(server.host, "acme/web"), named(body))
    assert failure.value.problem.message.startswith(f"{server.host}/acme/web: ")
    assert failure.value.problem.message.isprintable()
    assert failure.value.problem.next
    return failure.value, len(server.heads)


FOREIGN = [
    ("schema 1", dumped({"schemaVersion": 1, "name": "acme/web"})),
    ("another object", dumped({"tags": []})),
    ("no object", b"[]"),
    ("no JSON", b"hello"),
    ("a foreign type", manifest(GOOD, mediaType="application/vnd.oci.artifact.manifest.v1+json")),
    ("an index that is a manifest too", index(config=described(GOOD, CONFIG), layers=[])),
    ("a manifest that says index", manifest(GOOD, mediaType=INDEX)),
    ("a version that is none", manifest(GOOD, schemaVersion="2")),
]


@pytest.mark.parametrize("body", [row[1] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_what_is_no_image_says_nothing_and_costs_one_request(body: bytes) -> None:
    build, lines = ask(body, served(body))
    assert build == Build()
    assert len(lines) == 1


def test_every_label_that_is_a_short_line_is_kept_the_first_of_each_name() -> None:
    hostile = {"a": "1\n2", "b": "\u202e", "c": "x" * 201, "d": 1, "e": None, "": "x", "f" * 201: "x"}
    said = {"team": " web ", "build": "17", **hostile, **{f"z{number}": "x" for number in range(300)}}
    config = dumped({"config": {"Labels": said}})
    body = manifest(config, annotations={"build": "18", "a": "3", "more": "x"})
    build, _ = ask(body, served(body), served(config))
    assert {name: build.labels.get(name) for name in ("team", "build", "b", "c", "d", "f" * 201)} == {
        "team": "web", "build": "17", "b": None, "c": None, "d": None, "f" * 201: None,
    }  # fmt: skip
    assert len(build.labels) == 200


def test_documents_without_a_type_are_known_by_what_they_hold() -> None:
    image = dumped({key: value for key, value in json.loads(IMAGE).items() if key != "mediaType"})
    both = dumped({"schemaVersion": 2, "manifests": [entry(image)]})
    build, lines = ask(both, served(both), served(image), served(GOOD))
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2", ("linux/amd64",), SIZE, "linux/amd64", 1)
    assert len(lines) == 3


WRONG: list[tuple[str, list[Answer], str, int]] = [
    ("another index", [served(index())], "with content that has the digest sha256:", 1),
    ("another manifest", [served(ALL), served(manifest(b"evil"))], "with content that has the digest sha256:", 2),
    ("another configuration", [served(ALL), served(IMAGE), served(b'{"os": "evil"}')], "with content that has", 3),
    ("a web page", [answer("200 OK", b"<html>", "Content-Type: text/html")], "a web page where a manifest was", 1),
    (
        "an endless manifest",
        [b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 * 1024 * 1024)],
        "more than the 4194304 bytes",
        1,
    ),
    (
        "an endless configuration",
        [served(ALL), served(IMAGE), b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (CONFIG_BYTES + 1)],
        "more than the 1048576 bytes",
        3,
    ),
    (
        "a configuration that is announced as endless",
        [served(ALL), served(IMAGE), answer("200 OK", b"{", length=10**12)],
        "more than the 1048576 bytes",
        3,
    ),
    (
        "a configuration inside a private network",
        [served(ALL), served(IMAGE), answer("307 Temporary Redirect", b"", "Location: http://10.0.0.1/x")],
        "redirects to an address without encryption",
        3,
    ),
    (
        "a configuration in a circle",
        [served(ALL), served(IMAGE), answer("307 Temporary Redirect", b"", "Location: /v2/again")],
        "redirects more than 5 times",
        8,
    ),
    (
        "a configuration that may not be read",
        [served(ALL), served(IMAGE), answer("403 Forbidden")],
        "403 Forbidden to the request for the digest",
        3,
    ),
]


@pytest.mark.parametrize(("answers", "words", "requests"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_answer_is_an_error_in_words(answers: list[Answer], words: str, requests: int) -> None:
    failure, asked = failing(ALL, *answers)
    assert words in failure.problem.message
    assert asked == requests


ODD_CONFIGS: list[tuple[str, bytes]] = [
    ("no JSON", b"\x7fELF"),
    ("a list", b"[]"),
    ("nested without end", b"[" * 100_000),
    ("labels that are a list", dumped({"config": {"Labels": ["a=b"]}})),
    ("labels that are numbers", dumped({"config": {"Labels": dict.fromkeys(LABELS, 1)}})),
    ("no labels", dumped({"config": None, "created": 5})),
    ("other platform than the index says", dumped({"os": "plan9", "architecture": "mips"})),
]


@pytest.mark.parametrize("config", [row[1] for row in ODD_CONFIGS], ids=[row[0] for row in ODD_CONFIGS])
def test_an_odd_configuration_says_nothing_and_takes_nothing_away(config: bytes) -> None:
    image = manifest(config)
    both = index(entry(image), entry(b"x", "linux/arm64"))
    build, _ = ask(both, served(both), served(image), served(config))
    assert build == Build(
        platforms=("linux/amd64", "linux/arm64"), size=len(config) + 100, sized="linux/amd64", layers=1
    )


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param({"size": -1}, id="negative"),
        pytest.param({"size": 1.5}, id="a fraction"),
        pytest.param({"size": True}, id="a truth"),
        pytest.param({"size": "100"}, id="text"),
        pytest.param({"size": 10**20}, id="more than there is"),
        pytest.param({"digest": None}, id="no digest"),
    ],
)
def test_one_size_that_cannot_be_true_leaves_the_whole_unsaid(layer: dict[str, Any]) -> None:
    image = manifest(GOOD, layers=[described(b"x", LAYER), described(b"y", LAYER) | layer])
    build, _ = ask(image, served(image), served(GOOD))
    assert (build.size, build.sized, build.platforms) == (None, None, ("linux/amd64",))


def test_a_layer_that_stands_twice_is_pulled_once() -> None:
    image = manifest(GOOD, layers=[described(b"x" * 100, LAYER)] * 3)
    build, _ = ask(image, served(image), served(GOOD))
    assert build.size == SIZE


def test_an_index_of_which_only_a_part_was_copied_says_what_it_says() -> None:
    both = index(entry(IMAGE), entry(b"x", "linux/arm64"), annotations=LABELS)
    build, lines = ask(both, served(both, INDEX), answer("404 Not Found"))
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2", ("linux/amd64", "linux/arm64"))
    assert len(lines) == 2


def test_an_index_of_a_thousand_manifests_costs_three_requests() -> None:
    others = [entry(b"%d" % number, f"os{number % 90}/amd64") for number in range(999)]
    many = index(*others, entry(IMAGE))
    build, lines = ask(many, served(many, INDEX), served(IMAGE), served(GOOD))
    assert len(build.platforms) == 91
    assert (build.sized, build.size, build.revision) == ("linux/amd64", SIZE, REVISION)
    assert len(lines) == 3


def test_an_index_of_a_thousand_platforms_names_none() -> None:
    many = index(*(entry(b"%d" % number, f"os{number}/amd64") for number in range(999)), entry(IMAGE))
    build, _ = ask(many, served(many, INDEX), served(IMAGE), served(GOOD))
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2", (), SIZE, "linux/amd64", 1)


def test_an_index_in_an_index_is_named_and_not_followed() -> None:
    nested = index(entry(ALL, "linux/amd64", INDEX), annotations=oci(version="v3"))
    build, lines = ask(nested, served(nested, INDEX))
    assert build == Build(version="v3", platforms=("linux/amd64",))
    assert len(lines) == 1


def test_an_index_that_is_passed_off_as_a_manifest_is_not_followed() -> None:
    nested = index(entry(ALL, "linux/amd64"))
    build, lines = ask(nested, served(nested, INDEX), served(ALL, INDEX))
    assert build == Build(platforms=("linux/amd64",))
    assert len(lines) == 2


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "x", "", None, f"sha384:{'0' * 96}"])
def test_no_digest_that_is_none_is_asked_for(digest: str | None) -> None:
    strange = dumped({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG, "digest": digest}})
    assert ask(strange, served(strange)) == (Build(), [f"GET /v2/acme/web/manifests/{named(strange)}"])


def test_an_empty_index_says_what_its_annotations_say() -> None:
    empty = index(annotations=LABELS)
    build, lines = ask(empty, served(empty, INDEX))
    assert build == Build(BUILT, SOURCE, REVISION, "v1.4.2")
    assert len(lines) == 1


@pytest.mark.parametrize("login", [True, False], ids=["with credentials", "without"])
def test_a_configuration_at_another_host_is_fetched_there_without_credentials(login: bool) -> None:
    challenge = answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="r"')
    environ: Mapping[str, str] = {"P": "hunter2"}
    with broken_server([served(GOOD, "application/octet-stream")]) as store:
        away = answer("307 Temporary Redirect", b"", f"Location: http://{store.host}/bucket/x?signature=1")
        answers = [challenge, served(ALL), served(IMAGE), away] if login else [served(ALL), served(IMAGE), away]
        with broken_server(answers) as server:
            access = {server.host: RegistryAccess(username="ada", password_env="P")} if login else {}
            with Registry(access, environ, StillClock()) as ours:
                build = ours.describe(ImageName(server.host, "acme/web"), named(ALL))
    assert (build.revision, build.size) == (REVISION, SIZE)
    assert store.lines == ["GET /bucket/x?signature=1"]
    assert "authorization" not in store.heads[0].lower()
    assert ["authorization" in head.lower() for head in server.heads] == ([False] if login else []) + [login] * 3


def test_another_host_that_asks_for_a_login_gets_none() -> None:
    challenge = answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="r"')
    with broken_server([challenge]) as store:
        away = answer("307 Temporary Redirect", b"", f"Location: http://{store.host}/x")
        with broken_server([challenge, served(ALL), served(IMAGE), away]) as server:
            access = {server.host: RegistryAccess(username="ada", password_env="P")}
            with Registry(access, {"P": "hunter2"}, StillClock()) as ours, pytest.raises(RegistryError) as failure:
                ours.describe(ImageName(server.host, "acme/web"), named(ALL))
    assert (failure.value.status, failure.value.problem.code) == (401, "failed.registry")
    assert failure.value.problem.message.startswith(f"{server.host}/acme/web: {store.host} answered 401")
    assert "hunter2" not in str(failure.value)
    assert ["authorization" in head.lower() for head in store.heads] == [False]
