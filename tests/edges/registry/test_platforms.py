from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.edges.registry.manifest import MOST_IMAGES, Image, images, names, platform, representative

IMAGE = "application/vnd.oci.image.manifest.v1+json"
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
        "windows with its version",
        {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763"},
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
    ("no object", "linux/amd64", None),
    ("nothing", None, None),
]


@pytest.mark.parametrize(("described", "expected"), [row[1:] for row in PLATFORMS], ids=[row[0] for row in PLATFORMS])
def test_the_name_of_a_platform(described: Any, expected: str | None) -> None:
    assert platform(described) == expected


def test_attestations_are_no_images() -> None:
    index = {
        "manifests": [
            entry(1, "linux/arm64"),
            entry(2, "unknown/unknown"),
            entry(3, "linux/s390x", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
            entry(4, "linux/amd64", annotations={"com.example": "x"}),
        ]
    }
    assert images(index) == (Image("linux/arm64", digest(1)), Image("linux/amd64", digest(4)))


@pytest.mark.parametrize("listed", [None, {}, "x", [1, None, "x", []], []], ids=str)
def test_a_list_that_is_none_has_no_images(listed: Any) -> None:
    assert images({"manifests": listed}) == ()
    assert representative(()) is None


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, digest(1)),
        ({"mediaType": INDEX}, ""),
        ({"mediaType": None}, ""),
        ({"digest": "sha256:../../x"}, ""),
        ({"digest": f"sha384:{'0' * 96}"}, ""),
        ({"digest": None}, ""),
    ],
)
def test_only_manifests_of_single_images_with_a_digest_that_can_be_checked_are_asked_for(
    more: dict[str, Any], asked: str
) -> None:
    (image,) = images({"manifests": [entry(1, "linux/amd64", **more)]})
    assert image == Image("linux/amd64", asked)
    assert representative((image,)) == (image if asked else None)


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        (["linux/arm64", "linux/amd64", "windows/amd64"], 1),
        (["linux/s390x", "linux/arm64"], 0),
        ([None, "linux/arm64"], 0),
        (["linux/amd64/v3", "linux/amd64"], 1),
    ],
)
def test_linux_on_amd64_stands_for_all_or_else_the_first(platforms: list[str | None], chosen: int) -> None:
    found = [Image(each, digest(number)) for number, each in enumerate(platforms)]
    assert representative(found) == found[chosen]


def test_what_cannot_be_asked_for_stands_for_nothing() -> None:
    assert representative((Image("linux/amd64", ""), Image("linux/arm64", digest(2)))) == Image(
        "linux/arm64", digest(2)
    )


def test_platforms_are_named_once_and_in_order() -> None:
    found = [Image(each, "") for each in ("linux/arm64", None, "linux/amd64", "linux/arm64")]
    assert names(found) == ("linux/amd64", "linux/arm64")


def test_more_platforms_than_there_can_be_are_none() -> None:
    found = [Image(f"os{number}/x", "") for number in range(MOST_IMAGES + 1)]
    assert len(names(found[:-1])) == MOST_IMAGES
    assert names(found) == ()
