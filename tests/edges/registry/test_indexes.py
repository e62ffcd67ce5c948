"""Whether what was pinned is still there, and whole: of a real registry, and of some that answer wrongly."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.registry import Registry
from gitops_bot.engine import pullable
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import Child
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import INDEX, MANIFEST
from tests.engine.polled import facts_of
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.edges.registry.documents import Memory
    from tests.counterparts.broken import Answer
    from tests.counterparts.registry import DockerRegistry

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
BODY = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
LONG = f"sha512:{hashlib.sha512(BODY).hexdigest()}"
OTHER = f"sha256:{'0' * 64}"
TYPE = f"Content-Type: {MANIFEST}"
NAMED = f"Docker-Content-Digest: {DIGEST}"
HERE = answer("200 OK", b"", TYPE, NAMED, length=len(BODY))
GONE = answer("404 Not Found", b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', "Content-Type: application/json")
GONE_HEAD, NO_HEAD, UNNAMED = answer("404 Not Found", b""), answer("405 No", b""), answer("200 OK", b"", TYPE)
WHOLE, CHANGED = answer("200 OK", BODY, TYPE), answer("200 OK", BODY + b" ", TYPE)
BOTH = ["HEAD", "GET"]


def named(digest: str) -> bytes:
    """A HEAD's answer with this digest."""
    return answer("200 OK", b"", TYPE, f"Docker-Content-Digest: {digest}", length=9)


def opened(documents: Memory | None = None) -> Registry:
    return Registry({}, {}, StillClock(), documents=documents)


def missing(registry: Registry, image: ImageName, digest: str) -> tuple[str, ...] | None:
    """The platforms that an index has lost, as a decision asks for them; None where it is gone itself."""
    facts = facts_of(registry)

    async def look() -> tuple[str, ...] | None:
        found = await pullable.find(facts, image, digest)
        return await pullable.lost(facts, image, found) if found is not None else None

    return facts.answer(look())


# --- a real registry ---


def index(registry: DockerRegistry, name: str, digest: str) -> dict[str, str]:
    """The manifests that an index names, by their architectures."""
    listed = registry.manifest(name, digest)["manifests"]
    return {each["platform"]["architecture"]: each["digest"] for each in listed}


def test_what_a_digest_names_is_asked_once_for_all_runs(registry: DockerRegistry) -> None:
    name = "presence/platforms"
    image = ImageName(registry.host, name)
    index_digest = registry.push_image(name, "v1", platforms=PLATFORMS, attested=True)
    single = registry.push_image(name, "v2")
    known: Memory = {}
    requests = []
    for _ in range(2):
        with opened(known) as ours, registry.counting() as seen:
            assert ours.manifest(image, index_digest).platforms == tuple(sorted(PLATFORMS))
            assert missing(ours, image, single) == ()
            with pytest.raises(RegistryError) as raised:
                ours.manifest(image, OTHER)
            assert raised.value.status == 404
            assert missing(ours, image, OTHER) is None
        requests.append([line.split()[0] for line in seen])
    assert requests == [["GET", "GET", "GET", "GET"], ["HEAD", "GET", "GET"]]


def test_what_another_repository_told_of_a_digest_does_not_make_it_exist_here(registry: DockerRegistry) -> None:
    digest = registry.push("presence/here", "v1")
    assert registry.push("presence/there", "v1") == digest
    registry.delete("presence/there", digest)
    with opened() as ours:
        assert missing(ours, ImageName(registry.host, "presence/here"), digest) == ()
        assert missing(ours, ImageName(registry.host, "presence/there"), digest) is None


def test_an_index_is_pulled_once_for_all_runs_and_its_platforms_are_looked_up_in_each(registry: DockerRegistry) -> None:
    name = "presence/torn"
    documents: Memory = {}
    digest = registry.push_image(name, "v1", platforms=PLATFORMS, attested=True)
    image, children = ImageName(registry.host, name), index(registry, name, digest)

    def look() -> tuple[list[str], tuple[str, ...] | None]:
        with opened(documents) as ours, registry.counting() as seen:
            lost = missing(ours, image, digest)
        return [line.split()[0] for line in seen], lost

    assert look() == (["GET", "HEAD", "HEAD", "HEAD"], ())
    registry.delete(name, children["unknown"])
    assert look() == (["HEAD"] * 4, ()), "what is kept beside an image is no platform"
    registry.delete(name, children["arm"])
    assert look() == (["HEAD"] * 4 + ["GET"], ("linux/arm/v7",)), "a 404 by HEAD is confirmed by GET"
    registry.delete(name, children["amd64"])
    assert look()[1] == ("linux/amd64", "linux/arm/v7"), "in the order of the index"
    registry.delete(name, digest)
    assert look() == (["HEAD", "GET"], None)


# --- registries that answer wrongly ---


@rows("digest answers there asked", {
    "as it should be": (DIGEST, [HERE], True, ["HEAD"]),
    "denies it to HEAD only": (DIGEST, [GONE_HEAD, WHOLE], True, BOTH),
    "gone": (DIGEST, [GONE_HEAD, GONE], False, BOTH),
    "another": (DIGEST, [named(OTHER)], False, ["HEAD"]),
    "other bytes": (DIGEST, [GONE_HEAD, CHANGED], False, BOTH),
    "sha512, as asked": (LONG, [named(LONG)], True, ["HEAD"]),
    "sha512, by another algorithm": (LONG, [HERE, answer("200 OK", BODY, TYPE, NAMED)], True, BOTH),
    "sha512, other bytes": (LONG, [HERE, CHANGED], False, BOTH),
})  # fmt: skip
def test_a_manifest_is_found_by_head_and_where_that_says_nothing_by_its_bytes(
    digest: str, answers: Sequence[Answer], there: bool, asked: list[str]
) -> None:
    with broken_server(answers) as server, opened() as ours:
        assert ours.exists(ImageName(server.host, "acme/web"), digest) is there
    assert [line.split()[0] for line in server.lines] == asked
    assert {line.split()[1] for line in server.lines} == {f"/v2/acme/web/manifests/{digest}"}


@rows("answers status", {
    "401": ([answer("401 Unauthorized", b"")], 401),
    "500": ([answer("500 Oops", b"")], 500),
    "nothing": ([b""], None),
    "a page": ([GONE_HEAD, answer("200 OK", b"<html>", "Content-Type: text/html")], None),
})  # fmt: skip
def test_what_cannot_be_told_is_an_error_and_never_taken_for_gone(
    answers: Sequence[Answer], status: int | None
) -> None:
    with broken_server(answers) as server, opened() as ours:
        for question in (ours.exists, ours.manifest):
            with pytest.raises(RegistryError) as raised:
                question(ImageName(server.host, "acme/web"), DIGEST)
            assert raised.value.status == status


def an_index(*manifests: object) -> tuple[bytes, str]:
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    return body, f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_what_one_registry_says_of_a_digest_that_is_not_its_own_hides_nothing_at_another(
    registry: DockerRegistry,
) -> None:
    name = "presence/poisoned"
    documents: Memory = {}
    digest = registry.push(name, "v1", platforms=PLATFORMS[:2])
    registry.delete(name, index(registry, name, digest)["arm64"])
    # The digest of schema 1 is that of a part of its bytes, so these are not held against it.
    lie = answer("200 OK", b'{"schemaVersion": 1}', "Content-Type: application/json")
    with broken_server([lie]) as server, opened(documents) as ours:
        assert missing(ours, ImageName(server.host, "acme/web"), digest) == ()
        assert missing(ours, ImageName(registry.host, name), digest) == ("linux/arm64",)


def here(head: str) -> bytes:
    """That there is what a HEAD asks for."""
    named = head.split()[1].rpartition("/")[2]
    return answer("200 OK", b"", TYPE, f"Docker-Content-Digest: {named}", length=9)


def test_an_index_of_very_many_manifests_does_not_become_as_many_requests() -> None:
    body, digest = an_index(*({"mediaType": MANIFEST, "digest": f"sha256:{n:064x}", "size": 1} for n in range(150)))

    def given(head: str) -> bytes:
        return answer("200 OK", body, f"Content-Type: {INDEX}") if digest in head else here(head)

    with broken_server([given]) as server, opened() as ours:
        assert missing(ours, ImageName(server.host, "acme/web"), digest) == ()
    assert len(server.lines) == 101


# --- what refers to an image, by the API of its registry, and where that has none or answers wrongly ---


ABOUT = f"sha256:{'a' * 64}"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "artifactType": "a/b", "digest": digest(number), "size": 1} | more


def page(*entries: object, link: str | None = None, kind: str = INDEX, **more: object) -> bytes:
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, **more}).encode()
    links = [f'Link: <{link}>; rel="next"'] if link is not None else []
    return answer("200 OK", body, f"Content-Type: {kind}", *links)


def listed(answers: Sequence[Answer], times: int = 1) -> tuple[list[str], list[str]]:
    """The digests that are listed, and what was asked for, with the same question `times` times."""
    with broken_server(answers) as server, Registry({}, {}, StillClock()) as ours:
        for _ in range(times):
            found = ours.referrers(ImageName(server.host, "acme/web"), ABOUT)
        return [child.digest for child in found], [line.split()[1] for line in server.lines]


def test_pages_are_followed_by_their_link() -> None:
    path = f"/v2/acme/web/referrers/{ABOUT}"
    found, asked = listed(
        [page(entry(1), entry(2), link=f"{path}?page=2"), page(entry(2), entry(3), link="?page=3"), page()]
    )
    assert found == [digest(1), digest(2), digest(3)]
    assert asked == [path, f"{path}?page=2", f"{path}?page=3"]


def test_what_may_have_manifests_of_its_own_is_told() -> None:
    with broken_server([page(entry(1), entry(2, mediaType=INDEX))]) as server, Registry({}, {}, StillClock()) as ours:
        found = ours.referrers(ImageName(server.host, "acme/web"), ABOUT)
    assert found == (Child(digest(1), "artifact"), Child(digest(2), "artifact", nested=True))


@pytest.mark.parametrize(
    "first",
    [
        *(pytest.param(answer(f"{status} No"), id=str(status)) for status in (400, 404, 405, 406, 501)),
        pytest.param(answer("200 OK", b"<html>", "Content-Type: text/html"), id="a web page"),
        pytest.param(answer("200 OK", b'{"ok": true}', "Content-Type: application/json"), id="something else"),
    ],
)
def test_a_registry_without_the_api_is_asked_once_for_a_repository(first: Answer) -> None:
    found, asked = listed([first], times=3)
    assert found == []
    assert len(asked) == 1


@rows("first", {
    "none": page(),
    "null, as Go writes it": page(manifests=None),
    "another type": page(kind="application/json"),
})  # fmt: skip
def test_a_registry_that_has_none_has_the_api(first: Answer) -> None:
    found, asked = listed([first, first], times=2)
    assert found == []
    assert len(asked) == 2


@rows("answers words", {
    "500": ([answer("500 Oops")] * 5, "500"),
    "403": ([answer("403 Forbidden")], "403 Forbidden to the request for the referrers of sha256:"),
    "no list": ([page(manifests={"a": 1})], "a list of referrers was expected"),
    "no digest": ([page(entry(1), entry(2, digest="../x"))], "a list of referrers was expected"),
    "no descriptor": ([page(entry(1), "text")], "a list of referrers was expected"),
    "no JSON": ([answer("200 OK", b"[[", f"Content-Type: {INDEX}")], "was expected"),
    "half of it": ([page(entry(1), link="?a"), answer("404 No")], "404"),
    "a page half way": ([page(entry(1), link="?a"), answer("200 OK", b"<html>")], "was expected"),
    "a circle": ([page(entry(1), link="?a"), page(link="?a")], "endless list of referrers"),
    "elsewhere": ([page(entry(1), link="https://evil.test/x")], "continues its list of referrers"),
})  # fmt: skip
def test_a_list_that_may_lack_something_is_an_error(answers: Sequence[Answer], words: str) -> None:
    with pytest.raises(RegistryError) as failure:
        listed(answers)
    assert words in failure.value.problem.message
    assert failure.value.problem.next
