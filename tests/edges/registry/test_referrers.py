"""What refers to an image, by the API of its registry: also where that has none, and where it answers wrongly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import Child
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import INDEX, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.counterparts.broken import Answer

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


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(page(), id="none"),
        pytest.param(page(manifests=None), id="null, as Go writes it"),
        pytest.param(page(kind="application/json"), id="another type"),
    ],
)
def test_a_registry_that_has_none_has_the_api(first: Answer) -> None:
    found, asked = listed([first, first], times=2)
    assert found == []
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        pytest.param([answer("500 Oops")] * 5, "500", id="500"),
        pytest.param([answer("403 Forbidden")], "403 Forbidden to the request for the referrers of sha256:", id="403"),
        pytest.param([page(manifests={"a": 1})], "a list of referrers was expected", id="no list"),
        pytest.param([page(entry(1), entry(2, digest="../x"))], "a list of referrers was expected", id="no digest"),
        pytest.param([page(entry(1), "text")], "a list of referrers was expected", id="no descriptor"),
        pytest.param([answer("200 OK", b"[[", f"Content-Type: {INDEX}")], "was expected", id="no JSON"),
        pytest.param([page(entry(1), link="?a"), answer("404 No")], "404", id="half of it"),
        pytest.param([page(entry(1), link="?a"), answer("200 OK", b"<html>")], "was expected", id="a page half way"),
        pytest.param([page(entry(1), link="?a"), page(link="?a")], "endless list of referrers", id="a circle"),
        pytest.param([page(entry(1), link="https://evil.test/x")], "continues its list of referrers", id="elsewhere"),
    ],
)
def test_a_list_that_may_lack_something_is_an_error(answers: Sequence[Answer], words: str) -> None:
    with pytest.raises(RegistryError) as failure:
        listed(answers)
    assert words in failure.value.problem.message
    assert failure.value.problem.next
