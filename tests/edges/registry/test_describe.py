"""What images say of themselves: at the embedded registry, and at servers that answer wrongly."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.describe import parse_line, parse_time, parse_url
from gitops_bot.edges.registry.manifest import CONFIG_BYTES
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import Build
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import INDEX, MANIFEST
from tests.counterparts.script import Script, reply
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from gitops_bot.edges.registry.documents import Memory

BUILT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHEN, EPOCH = "2026-01-02T03:04:05Z", "1970-01-01T00:00:00Z"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"
SOURCE, REVISION = "https://github.com/acme/web", "c0ffee" * 6 + "c0ff"
WEB = ImageName("registry.test", "acme/web")


def oci(**texts: str) -> dict[str, str]:
    return {f"org.opencontainers.image.{name}": text for name, text in texts.items()}


LABELS = oci(created=WHEN, source=SOURCE, revision=REVISION, version="v1.4.2")


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
    place = dict(zip(("os", "architecture", "variant"), where.split("/"), strict=False))
    return described(body, kind, platform=place, **more)


GOOD = dumped({"os": "linux", "architecture": "amd64", "created": WHEN, "config": {"Labels": LABELS}})
IMAGE = manifest(GOOD)
ALL = index(entry(IMAGE), entry(b"other", "linux/arm64"))
SIZE = len(GOOD) + 100
OF_IMAGE = (BUILT, SOURCE, REVISION, "v1.4.2")


def serving(*documents: bytes) -> Script:
    """A registry that has these manifests and blobs."""
    by_digest = {named(document): document for document in documents}

    def serve(request: httpx.Request) -> httpx.Response:
        body = by_digest.get(request.url.path.rpartition("/")[2])
        return reply(404) if body is None else reply(200, body)

    return Script(serve)


def ask(body: bytes, *others: bytes) -> tuple[Build, int]:
    """The description of `body` where the registry has these documents, too, and the number of requests."""
    script = serving(body, *others)
    with Registry({}, {}, StillClock(), transport=script) as ours:
        return ours.describe(WEB, named(body)), len(script.requests)


def test_an_image_takes_two_requests_and_an_index_three() -> None:
    single = Build(*OF_IMAGE, ("linux/amd64",), SIZE, "linux/amd64", 1)
    assert ask(IMAGE, GOOD) == (single, 2)
    places = ("linux/arm64/v8", "linux/amd64", "linux/arm/v7")
    platforms = ("linux/amd64", "linux/arm/v7", "linux/arm64")
    whole = index(*(entry(IMAGE if place == "linux/amd64" else place.encode(), place) for place in places))
    assert ask(whole, IMAGE, GOOD) == (Build(*OF_IMAGE, platforms, SIZE, "linux/amd64", 1), 3)
    others = index(entry(IMAGE, "linux/s390x"), entry(b"x", "linux/arm64"))
    assert ask(others, IMAGE, GOOD)[0].sized == "linux/s390x", "without linux/amd64 the first is sized"


def test_what_a_later_registry_knows_is_not_asked_again_and_what_was_not_whole_is() -> None:
    known: Memory = {}
    for documents, version, requests in (((IMAGE,), None, 2), ((IMAGE, GOOD), "v1.4.2", 1), ((), "v1.4.2", 0)):
        script = serving(*documents)
        with Registry({}, {}, StillClock(), transport=script, documents=known) as ours:
            assert ours.describe(WEB, named(IMAGE)).version == version
        assert len(script.requests) == requests


@rows("labels annotations of_index version", {
    "labels before annotations": (oci(version="l"), oci(version="m"), oci(version="i"), "l"),
    "the index before the manifest": ({}, oci(version="m"), oci(version="i"), "i"),
    "the manifest": ({}, oci(version="m"), {}, "m"),
    "an empty label says nothing": (oci(version=""), oci(version="m"), {}, "m"),
    "nobody": ({}, {}, {}, None),
})  # fmt: skip
def test_who_is_believed(
    labels: dict[str, str], annotations: dict[str, str], of_index: dict[str, str], version: str | None
) -> None:
    config = dumped({"config": {"Labels": labels}})
    image = manifest(config, annotations=annotations)
    assert ask(index(entry(image), annotations=of_index), image, config)[0].version == version


@rows("created label annotation expected", {
    "the configuration": (WHEN, None, None, BUILT),
    "nothing but the epoch": (EPOCH, None, None, datetime(1970, 1, 1, tzinfo=UTC)),
    "the epoch, and an annotation": (EPOCH, None, WHEN, BUILT),
    "a label before the configuration": ("2025-05-05T05:05:05Z", WHEN, None, BUILT),
    "a label of the epoch": (WHEN, EPOCH, None, BUILT),
    "no time": ("yesterday", None, None, None),
})  # fmt: skip
def test_when_it_was_built(created: str, label: str | None, annotation: str | None, expected: datetime | None) -> None:
    config = dumped({"created": created, "config": {"Labels": oci(created=label) if label else {}}})
    image = manifest(config, annotations=oci(created=annotation) if annotation else {})
    assert ask(image, config)[0].created == expected


def test_a_digest_that_does_not_exist() -> None:
    with pytest.raises(RegistryError, match="404 Not Found to the request for the digest sha256:") as failure:
        Registry({}, {}, StillClock(), transport=serving()).describe(WEB, named(IMAGE))
    assert (failure.value.status, failure.value.problem.next) == (404, "Check that the digest still exists.")


CHART = dumped(
    {
        "schemaVersion": 2,
        "config": described(b"{}", "application/vnd.cncf.helm.config.v1+json"),
        "layers": [],
        "annotations": LABELS,
    }
)


@rows("body said", {
    "schema 1": (dumped({"schemaVersion": 1, "name": "acme/web"}), Build()),
    "no object": (b"[]", Build()),
    "no JSON": (b"hello", Build()),
    "an index and a manifest": (index(config=described(GOOD, CONFIG), layers=[]), Build()),
    "a manifest that says index": (manifest(GOOD, mediaType=INDEX), Build()),
    "a chart": (CHART, Build(*OF_IMAGE)),
    "an empty index": (index(annotations=LABELS), Build(*OF_IMAGE)),
    "an index in an index": (
        index(entry(ALL, kind=INDEX), annotations=oci(version="v3")), Build(version="v3", platforms=("linux/amd64",)),
    ),
    "no digest of a configuration": (
        dumped({"schemaVersion": 2, "config": {"mediaType": CONFIG, "digest": "sha256:../../../etc/passwd"}}), Build(),
    ),
})  # fmt: skip
def test_what_is_no_image_says_what_its_annotations_say_and_costs_one_request(body: bytes, said: Build) -> None:
    assert ask(body) == (said, 1)


def test_every_label_that_is_a_short_line_is_kept_the_first_of_each_name() -> None:
    hostile = {"a": "1\n2", "b": "\u202e", "c": "x" * 201, "d": 1, "e": None, "": "x", "f" * 201: "x"}
    said = {"team": " web ", "build": "17", **hostile, **{f"z{number}": "x" for number in range(300)}}
    config = dumped({"config": {"Labels": said}})
    build, _ = ask(manifest(config, annotations={"build": "18", "a": "3", "more": "x"}), config)
    assert {name: build.labels.get(name) for name in ("team", "build", "b", "c", "d", "f" * 201)} == {
        "team": "web", "build": "17", "b": None, "c": None, "d": None, "f" * 201: None,
    }  # fmt: skip
    assert len(build.labels) == 200


@rows("config", {
    "no JSON": b"\x7fELF",
    "a list": b"[]",
    "labels that are a list": dumped({"config": {"Labels": ["a=b"]}}),
    "labels that are numbers": dumped({"config": {"Labels": dict.fromkeys(LABELS, 1)}}),
    "no labels": dumped({"config": None, "created": 5}),
    "another platform than the index says": dumped({"os": "plan9", "architecture": "mips"}),
})  # fmt: skip
def test_an_odd_configuration_says_nothing_and_takes_nothing_away(config: bytes) -> None:
    image = manifest(config)
    platforms = ("linux/amd64", "linux/arm64")
    build, _ = ask(index(entry(image), entry(b"x", "linux/arm64")), image, config)
    assert build == Build(platforms=platforms, size=len(config) + 100, sized="linux/amd64", layers=1)


@pytest.mark.parametrize("layer", [{"size": -1}, {"size": True}, {"size": "1"}, {"size": 10**20}, {"digest": None}])
def test_one_size_that_cannot_be_true_leaves_the_whole_unsaid(layer: dict[str, Any]) -> None:
    build, _ = ask(manifest(GOOD, layers=[described(b"x", LAYER), described(b"y", LAYER) | layer]), GOOD)
    assert (build.size, build.sized, build.platforms) == (None, None, ("linux/amd64",))


def test_a_layer_that_stands_twice_is_pulled_once() -> None:
    build, _ = ask(manifest(GOOD, layers=[described(b"x" * 100, LAYER)] * 3), GOOD)
    assert (build.size, build.layers) == (SIZE, 3)


def test_an_index_of_which_a_part_was_copied_or_is_no_manifest_says_what_it_says() -> None:
    both = index(entry(IMAGE), entry(b"x", "linux/arm64"), annotations=LABELS)
    assert ask(both) == (Build(*OF_IMAGE, ("linux/amd64", "linux/arm64")), 2)
    assert ask(index(entry(ALL)), ALL) == (Build(platforms=("linux/amd64",)), 2)


def test_an_index_of_a_thousand_platforms_names_none_and_costs_three_requests() -> None:
    many = index(*(entry(b"%d" % number, f"os{number}/amd64") for number in range(999)), entry(IMAGE))
    assert ask(many, IMAGE, GOOD) == (Build(*OF_IMAGE, (), SIZE, "linux/amd64", 1), 3)


# --- on real sockets ---


def served(body: bytes) -> bytes:
    return answer("200 OK", body, "Content-Type: application/octet-stream")


def test_a_configuration_without_an_end_is_an_error_in_words() -> None:
    too_much = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (CONFIG_BYTES + 1)
    with (
        broken_server([served(IMAGE), too_much]) as server,
        Registry({}, {}, StillClock()) as ours,
        pytest.raises(RegistryError, match="more than the 1048576 bytes"),
    ):
        ours.describe(ImageName(server.host, "acme/web"), named(IMAGE))


@pytest.mark.parametrize("asks", [False, True], ids=["open", "asks for a login"])
def test_a_configuration_at_another_host_is_fetched_there_without_credentials(asks: bool) -> None:
    challenge = answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="r"')
    with broken_server([challenge if asks else served(GOOD)]) as store:
        away = answer("307 Temporary Redirect", b"", f"Location: http://{store.host}/bucket/x?signature=1")
        with broken_server([challenge, served(ALL), served(IMAGE), away]) as server:
            access = {server.host: RegistryAccess(username="ada", password_env="P")}
            with Registry(access, {"P": "hunter2"}, StillClock()) as ours:
                image = ImageName(server.host, "acme/web")
                if not asks:
                    assert ours.describe(image, named(ALL)).revision == REVISION
                else:
                    with pytest.raises(RegistryError, match=f"^{server.host}/acme/web: {store.host} answered 401") as e:
                        ours.describe(image, named(ALL))
                    assert (e.value.status, e.value.problem.code) == (401, "failed.registry")
                    assert "hunter2" not in str(e.value)
    assert store.lines == ["GET /bucket/x?signature=1"]
    assert ["authorization" in head.lower() for head in store.heads] == [False]
    assert ["authorization" in head.lower() for head in server.heads] == [False, True, True, True]


#: What each of these makes of a text, and what says nothing to it.
VALUES: list[tuple[Callable[[str], object], dict[str, object], list[str]]] = [
    (
        parse_time,
        {
            WHEN: BUILT,
            "2026-01-02T03:04:05.123456789Z": BUILT.replace(microsecond=123456),
            "2026-01-02T03:04:05+02:00": BUILT.replace(hour=1),
            EPOCH: datetime(1970, 1, 1, tzinfo=UTC),
        },
        [
            "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-02T03:04:05",
            "2026-01-02", "20260102T030405Z", "2026-W01-1T00:00:00Z", "2026-02-30T00:00:00Z", f"{WHEN}\n", f"{WHEN} ",
            "٢٠٢٦-01-02T03:04:05Z", "1700000000",
        ],
    ),
    (
        parse_line,
        {"c0ffee": "c0ffee", " v1.2.3 (ü) ": "v1.2.3 (ü)", "x" * 200: "x" * 200},
        ["", "  ", "x" * 201, *(f"a{mark}b" for mark in "\n\x1b\u202e\u200b\u2028\ud800\0")],
    ),
    (
        parse_url,
        {
            text: text
            for text in (
                SOURCE, "http://git.acme.test:8080/web.git", "https://[::1]:3000/acme/web", "https://x/y",
                "https://github.com/acme/web.git#8921999083def7ba43a06fabd5f80e4406651353:mainline/debian",
            )
        },
        [
            "", "git@github.com:acme/web.git", "ssh://git@github.com/acme/web", "github.com/acme/web",
            "data:text/html,x", "javascript:alert(1)", "https://", "https:///acme/web", "https://git hub.com/acme",
            f"{SOURCE}\n", "https://token@github.com/x", "https://x-access-token:ghs_secret@github.com/x", "https://[::1/x",
            "https://github.com/](http://evil.test)<b>", 'https://github.com/"onclick="x', "https://github.com/`x`",
            "https://github.com:port/x", "https://github.com:99999/x", "https://-x/y", "https://%41.test/",
            "https://m\u00fcller.test/", "https://github.com/" + "x" * 500,
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "values", "nothing"), VALUES)
def test_what_a_label_says(parse: Callable[[str], object], values: dict[str, object], nothing: list[str]) -> None:
    assert {text: parse(text) for text in values} == values
    assert [text for text in nothing if parse(text) is not None] == []
