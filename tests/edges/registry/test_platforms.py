from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.edges.registry.manifest import platform, read
from gitops_bot.images.build import MOST_PLATFORMS, Child, Kind, Manifest, runs_on

IMAGE = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
CHART = "application/vnd.cncf.helm.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def entry(number: int, where: Any, **more: Any) -> dict[str, Any]:
    os, _, architecture = where.partition("/") if isinstance(where, str) else ("", "", "")
    place = {"os": os, "architecture": architecture} if isinstance(where, str) else where
    return {"mediaType": IMAGE, "digest": digest(number), "size": 1, "platform": place, **more}


PLATFORMS: list[tuple[str, Any, str | None]] = [
    ("usual", {"os": "linux", "architecture": "amd64"}, "linux/amd64"),
    ("variant", {"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
    ("no variant of arm is taken for another", {"os": "linux", "architecture": "arm"}, "linux/arm"),
    ("the one variant of arm64", {"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64"),
    ("the first variant of amd64", {"os": "linux", "architecture": "amd64", "variant": "v1"}, "linux/amd64"),
    ("a later variant of amd64", {"os": "linux", "architecture": "amd64", "variant": "v3"}, "linux/amd64/v3"),
    ("an empty variant", {"os": "linux", "architecture": "amd64", "variant": ""}, "linux/amd64"),
    (
        "windows with its version", {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763"},
        "windows/amd64",
    ),
    ("unknown", {"os": "unknown", "architecture": "unknown"}, None),
    ("half unknown", {"os": "linux", "architecture": "unknown"}, None),
    ("no architecture", {"os": "linux"}, None),
    ("no os, but a variant", {"architecture": "arm", "variant": "v7"}, None),
    ("markup", {"os": "linux", "architecture": "](http://evil.test)"}, None),
    ("a variant of markup", {"os": "linux", "architecture": "arm", "variant": "<b>"}, None),
    ("a line break", {"os": "linux\n", "architecture": "amd64"}, None),
    ("endless", {"os": "l" * 33, "architecture": "amd64"}, None),
    ("a number", {"os": 1, "architecture": "amd64"}, None),
    ("a number as variant", {"os": "linux", "architecture": "arm", "variant": 7}, None),
    ("as uname says it", {"os": "linux", "architecture": "aarch64"}, "linux/arm64"),
    ("no object", "linux/amd64", None),
    ("nothing", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("described", "expected"), [row[1:] for row in PLATFORMS], ids=[row[0] for row in PLATFORMS])
def test_the_name_of_a_platform(described: Any, expected: str | None) -> None:
    assert platform(described) == expected


def index(*manifests: Any, **more: Any) -> Manifest:
    return read({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests), **more})


def manifest(config: Any, kind: str = IMAGE, **more: Any) -> Manifest:
    return read({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [], **more})


CHILDREN: list[tuple[str, dict[str, Any], Child]] = [
    ("an image", entry(1, "linux/arm64"), Child(digest(1), "image", "linux/arm64")),
    ("an image of Docker", entry(1, "linux/arm64", mediaType=DOCKER), Child(digest(1), "image", "linux/arm64")),
    ("one that does not say for what", entry(1, None), Child(digest(1), "image")),
    ("an annotated image", entry(1, "linux/arm64", annotations={"a": "x"}), Child(digest(1), "image", "linux/arm64")),
    ("an index", entry(1, "linux/arm64", mediaType=INDEX), Child(digest(1), "index", "linux/arm64", nested=True)),
    ("what BuildKit keeps beside an image", entry(1, "unknown/unknown"), Child(digest(1), "artifact")),
    (
        "an attestation", entry(1, "linux/s390x", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
        Child(digest(1), "artifact", "linux/s390x"),
    ),
    (
        "an artifact for a platform", entry(1, "linux/arm64", artifactType="application/vnd.amazon.soci.index.v2+json"),
        Child(digest(1), "artifact", "linux/arm64"),
    ),
    ("an artifact type that is an image's", entry(1, None, artifactType=CONFIG), Child(digest(1), "image")),
    ("another document", entry(1, None, mediaType="text/plain"), Child(digest(1), "artifact")),
    ("no type", entry(1, None, mediaType=None), Child(digest(1), "artifact")),
]  # fmt: skip


@pytest.mark.parametrize(("described", "child"), [row[1:] for row in CHILDREN], ids=[row[0] for row in CHILDREN])
def test_what_an_index_names(described: dict[str, Any], child: Child) -> None:
    assert index(described, entry(2, "linux/amd64")).children[0] == child


@pytest.mark.parametrize("listed", [None, {}, "x", [1, None, "x", []], [], [{"mediaType": IMAGE}]], ids=str)
def test_a_list_that_is_none_is_an_index_without_an_image(listed: Any) -> None:
    assert read({"schemaVersion": 2, "manifests": listed}) == Manifest("artifact", "an index without an image")


def test_a_manifest_is_called_by_its_platform_or_digest_and_counts_once() -> None:
    found = index(entry(1, "linux/arm64"), entry(1, "linux/arm64"), entry(2, None))
    assert [child.name for child in found.children] == ["linux/arm64", digest(2)[:19]]


@pytest.mark.parametrize("bad", ["sha256:../../x", f"sha384:{'0' * 96}", "", None, 7])
def test_a_digest_that_cannot_be_checked_is_asked_for_by_nobody(bad: Any) -> None:
    assert index(entry(1, "linux/amd64", digest=bad), entry(2, "linux/arm64")).children == (
        Child(digest(2), "image", "linux/arm64"),
    )


def test_an_index_of_attestations_alone_is_no_image_and_its_manifests_are_known() -> None:
    attested = index(entry(1, "unknown/unknown"), entry(2, "unknown/unknown"))
    assert (attested.kind, attested.artifact) == ("artifact", "an index without an image")
    assert [child.digest for child in attested.children] == [digest(1), digest(2)]


KINDS: list[tuple[str, Manifest, Kind, str | None]] = [
    ("an image", manifest({"mediaType": CONFIG}), "image", None),
    ("an image of Docker", manifest({"mediaType": DOCKER_CONFIG}, DOCKER), "image", None),
    ("of OCI with Docker's configuration", manifest({"mediaType": DOCKER_CONFIG}), "image", None),
    ("of Docker with OCI's configuration", manifest({"mediaType": CONFIG}, DOCKER), "image", None),
    ("of an old Docker", manifest({"mediaType": "application/octet-stream"}, DOCKER), "image", None),
    ("of an old Docker without a type", manifest({}, DOCKER), "image", None),
    ("an image that says so twice", manifest({"mediaType": CONFIG}, artifactType=CONFIG), "image", None),
    ("a chart", manifest({"mediaType": CHART}), "artifact", f"a Helm chart ({CHART})"),
    (
        "an artifact of ORAS", manifest({"mediaType": EMPTY}, artifactType="a/b"), "artifact",
        "an artifact of the type a/b",
    ),
    (
        "a type beside the configuration of an image",
        manifest({"mediaType": CONFIG}, artifactType="application/vnd.example+json"), "artifact",
        "an artifact of the type application/vnd.example+json",
    ),
    (
        "a module", manifest({"mediaType": "application/vnd.wasm.config.v0+json"}), "artifact",
        "an artifact of the type application/vnd.wasm.config.v0+json",
    ),
    (
        "an unknown configuration of OCI", manifest({"mediaType": "application/octet-stream"}), "artifact",
        "an artifact of the type application/octet-stream",
    ),
    ("no configuration", read({"schemaVersion": 2, "layers": []}), "artifact", "an artifact of an unknown type"),
    ("markup", manifest({"mediaType": "<b>\x1b[1m"}), "artifact", "an artifact of an unknown type"),
    (
        "a type that is none", manifest({"mediaType": ["a"]}, artifactType={}), "artifact",
        "an artifact of an unknown type",
    ),
    ("an endless type", manifest({"mediaType": "a" * 200}), "artifact", "an artifact of an unknown type"),
    ("nothing", read({}), "artifact", "a document of another kind"),
    (
        "another document", read({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": []}),
        "artifact", "an artifact of the type application/vnd.oci.artifact.manifest.v1+json",
    ),
    (
        "an index of a type", index(entry(1, "linux/amd64"), artifactType="application/vnd.example+json"), "artifact",
        "an artifact of the type application/vnd.example+json",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "kind", "words"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_what_is_an_image_and_what_is_not(found: Manifest, kind: Kind, words: str | None) -> None:
    assert (found.kind, found.artifact) == (kind, words)


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        (["linux/arm64", "linux/amd64", "windows/amd64"], 1),
        (["linux/s390x", "linux/arm64"], 0),
        ([None, "linux/arm64"], 0),
    ],
)
def test_linux_on_amd64_stands_for_all_or_else_the_first(platforms: list[str | None], chosen: int) -> None:
    found = index(*(entry(number, each) for number, each in enumerate(platforms)))
    assert found.representative == Child(digest(chosen), "image", platforms[chosen])


def test_only_images_stand_for_an_index() -> None:
    found = index(entry(1, "linux/amd64", mediaType=INDEX), entry(2, "unknown/unknown"), entry(3, "linux/arm64"))
    assert found.representative == Child(digest(3), "image", "linux/arm64")
    assert index(entry(1, "linux/amd64", mediaType=INDEX)).representative is None


def test_platforms_are_named_once_and_in_order() -> None:
    found = index(*(entry(at, each) for at, each in enumerate(["linux/arm64", None, "linux/amd64", "linux/arm64"])))
    assert found.platforms == ("linux/amd64", "linux/arm64")


def test_more_platforms_than_there_can_be_are_none() -> None:
    many = [entry(number, f"os{number}/x") for number in range(MOST_PLATFORMS + 1)]
    assert len(index(*many[:-1]).platforms) == MOST_PLATFORMS
    assert index(*many).platforms == ()


@pytest.mark.parametrize(
    ("built", "wanted", "runs"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/amd64", "linux/amd64/v3", True),
        ("linux/amd64/v3", "linux/amd64", False),
        ("linux/amd64/v2", "linux/amd64/v3", True),
        ("linux/arm64", "linux/arm64/v9", True),
        ("linux/arm64/v9", "linux/arm64", False),
        ("linux/mips/softfloat", "linux/mips/softfloat", True),
        ("linux/mips/softfloat", "linux/mips", False),
        ("linux/arm/v7", "linux/arm64", False),
        ("sha256:0123", "linux/amd64", False),
    ],
)
def test_a_processor_runs_what_was_built_for_its_older_variants(built: str, wanted: str, runs: bool) -> None:
    assert runs_on(built, wanted) is runs


def test_an_index_of_thousands_of_manifests_is_refused() -> None:
    assert len(index(*(entry(number, "linux/amd64") for number in range(1000))).children) == 1000
    with pytest.raises(Untrusted, match="more than 1,000 manifests"):
        index(*(entry(number, "linux/amd64") for number in range(1001)))
