"""`audit --keep-list` has all that belongs to what is pinned: a clean-up by it leaves signatures alone."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.registry import Registry as Embedded
from tests.commands.stages import Stages, path
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.registry import MANIFEST, DockerRegistry
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.counterparts.world import Done, World

SIGNATURE, SBOM = "application/vnd.dev.cosign.artifact.sig.v1+json", "application/spdx+json"
LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"
NAME = "acme/web"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry with the Referrers API, which is pushed to like the real one."""
    folder: Path = tmp_path_factory.mktemp("embedded")
    with Embedded(folder / "images") as server:
        yield DockerRegistry(server.host, folder)


@pytest.fixture
def stages(worldwide: World) -> Stages:
    return Stages.start(worldwide)


def subject(digest: str) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "digest": digest, "size": 1}


def tag_of(digest: str, suffix: str = "") -> str:
    """The tag that belongs to a digest where a registry has no other way to tell."""
    return digest.replace(":", "-") + suffix


def attach(registry: DockerRegistry, name: str, about: str, kind: str = SIGNATURE, **more: Any) -> str:
    """Push an artifact about a manifest, as `cosign sign` and `oras attach` do; gives its digest."""
    return registry.push_artifact(name, None, kind, layer=LAYER, subject=subject(about), **more)


def kept(stages: Stages, image: str | None = None) -> dict[str, Any]:
    """What must be kept of an image, by its digests."""
    done = stages.deploy.ask("audit", "production", "--keep-list", "--releases", "1")
    assert done.code == 0, done.err
    shown = stages.deploy.bot("audit", "production", "--keep-list", "--releases", "1").out.splitlines()
    assert shown == sorted(f"{item['image']}@{item['digest']}" for item in done.json["keep"])
    return {item["digest"]: item for item in done.json["keep"] if item["image"] == (image or item["image"])}


def run(stages: Stages, image: str, digest: str) -> None:
    """Production pins this image alone."""
    files = {path("web", "production"): overlay([(image, f"newTag: v1; digest: {digest}")])}
    stages.deploy.remote.commit("main", files, message="another image")


def test_what_tags_say_to_belong_to_an_image_is_kept(stages: Stages) -> None:
    """The fallback of OCI, and cosign's tags, at a registry without a Referrers API."""
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    index = registry.push_image(name, "2.0.0", platforms=("linux/amd64", "linux/arm64"), attested=True)
    children = [child["digest"] for child in registry.manifest(name, index)["manifests"]]
    stages.run("production", "web", "2.0.0", digest=index)
    tagged = {
        tag_of(about, suffix): registry.push_artifact(
            name, tag_of(about, suffix), SIGNATURE, layer=LAYER, note=about + suffix
        )
        for about, suffix in ((index, ".sig"), (index, ".att"), (index, ".sbom"), (children[1], ".sig"))
    }
    signed = tag_of(tagged[tag_of(index, ".att")], ".sig")
    tagged[signed] = registry.push_artifact(name, signed, SIGNATURE, layer=LAYER, note="the attestation")
    referrer = attach(registry, name, index, SBOM)
    fallback = registry.push_index(name, tag_of(index), {"mediaType": MANIFEST, "digest": referrer, "size": 1})
    of_referrer = registry.push_artifact(name, tag_of(referrer, ".sig"), SIGNATURE, layer=LAYER, note="the SBOM")
    # What belongs to nothing that is pinned is not kept.
    registry.push_artifact(name, tag_of(f"sha256:{'0' * 64}", ".sig"), SIGNATURE)
    registry.push_artifact(name, f"{tag_of(index)}0.sig", SIGNATURE)

    found = kept(stages)
    assert found.keys() == {index, *children, *tagged.values(), referrer, fallback, of_referrer}
    assert {digest: item["tags"] for digest, item in found.items() if item["tags"]} == {
        index: ["2.0.0"],
        fallback: [tag_of(index)],
        of_referrer: [tag_of(referrer, ".sig")],
        **{digest: [tag] for tag, digest in tagged.items()},
    }
    assert {tuple(item["environments"]) for item in found.values()} == {("production",)}
    assert found[tagged[tag_of(children[1], ".sig")]]["subjects"] == [children[1]]
    assert (found[fallback]["subjects"], found[referrer]["indexes"]) == ([index], [fallback])
    assert found[of_referrer]["subjects"] == [referrer]
    assert (found[index]["subjects"], found[children[0]]["indexes"]) == ([], [index])


def test_what_the_registry_says_to_refer_to_an_image_is_kept(stages: Stages, embedded: DockerRegistry) -> None:
    index = embedded.push_image(NAME, "v1", platforms=("linux/amd64", "linux/arm64"), attested=True)
    children = [child["digest"] for child in embedded.manifest(NAME, index)["manifests"]]
    signature, sbom = attach(embedded, NAME, index), attach(embedded, NAME, index, SBOM)
    of_child, of_sbom = attach(embedded, NAME, children[0]), attach(embedded, NAME, sbom, note="the SBOM")
    listed = embedded.push_artifact(NAME, None, SBOM, layer=LAYER, note="in an index")
    entry = {"mediaType": MANIFEST, "digest": listed, "size": 1}
    nested = embedded.push_index(NAME, "reports", entry, artifactType=SBOM, subject=subject(index))
    by_tag = embedded.push_artifact(NAME, tag_of(index, ".sig"), SIGNATURE, layer=LAYER, note="by an old cosign")
    attach(embedded, NAME, f"sha256:{'0' * 64}")
    image = f"{embedded.host}/{NAME}"
    run(stages, image, index)

    found = kept(stages, image)
    assert found.keys() == {index, *children, signature, sbom, of_child, of_sbom, nested, listed, by_tag}
    about = {digest: item["subjects"] for digest, item in found.items() if item["subjects"]}
    assert about == {
        **{digest: [index] for digest in (signature, sbom, nested, by_tag)},
        of_child: [children[0]],
        of_sbom: [sbom],
    }
    assert found[listed]["indexes"] == [nested]


def registry_bytes(registry: DockerRegistry, name: str, digest: str) -> bytes:
    with closing(http.client.HTTPConnection(registry.host, timeout=30)) as connection:
        connection.request("GET", f"/v2/{name}/manifests/{digest}", headers={"Accept": "*/*"})
        return connection.getresponse().read()


@pytest.mark.parametrize("said", ["referrers", "tags"])
def test_what_cannot_be_told_is_a_problem_and_the_rest_is_listed(
    stages: Stages, embedded: DockerRegistry, said: str
) -> None:
    digest = embedded.push_image(NAME, "whole")
    body = registry_bytes(embedded, NAME, digest)

    def given(head: str) -> bytes:
        asked = head.split()[1]
        if f"/{said}/" in asked:
            return answer("403 Forbidden")
        if "/manifests/sha256:" in asked:
            return answer("200 OK", body, f"Content-Type: {MANIFEST}")
        if "/tags/list" in asked:
            return answer("200 OK", b'{"tags": []}')
        return answer("404 Not Found")

    with broken_server([given]) as server:
        run(stages, f"{server.host}/{NAME}", digest)
        done: Done = stages.deploy.ask("audit", "production", "--keep-list", "--releases", "1")
    assert done.code == 1
    assert [item["digest"] for item in done.json["keep"]] == [digest]
    request = "the list of tags" if said == "tags" else f"the referrers of {digest}"
    refused = f"{server.host} answered 403 Forbidden to the request for {request}"
    assert [problem["message"] for problem in done.json["problems"]] == [f"{server.host}/{NAME}: {refused}"]
