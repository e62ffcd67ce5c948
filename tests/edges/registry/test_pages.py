from __future__ import annotations

import json
import threading
import tracemalloc
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
import pytest

from gitops_bot.edges.http import Answer
from gitops_bot.edges.registry import tags as listing
from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.tags import (
    LIST_BYTES,
    PAGE_SIZE,
    TagPage,
    every_tag,
    read_page,
)
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def names(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"v{number:06d}" for number in range(start, start + count))


class Server:
    """A registry's list of tags. `linked` sends Links, `sized` keeps to `n`, `most` is its largest page."""

    def __init__(
        self,
        tags: tuple[str, ...],
        *,
        linked: bool = False,
        sized: bool = True,
        most: int | None = None,
        too_many: int | None = None,
        unknown_last: str = "next",
    ) -> None:
        self.tags = tags
        self.linked = linked
        self.sized = sized
        self.most = most
        self.too_many = too_many
        self.unknown_last = unknown_last
        self.asked: list[str] = []
        #: Done before the answer to the request of that number, counted from 0.
        self.events: dict[int, Callable[[], None]] = {}

    def delete(self, tag: str) -> Callable[[], None]:
        def event() -> None:
            self.tags = tuple(each for each in self.tags if each != tag)

        return event

    def __call__(self, query: str) -> TagPage:
        self.events.get(len(self.asked), lambda: None)()
        self.asked.append(query)
        values = parse_qs(query)
        if not self.sized:
            return TagPage(self.tags)
        if "n" in values and self.too_many is not None:
            raise Refused(self.too_many, "registry.test", "n is too big")
        size = min(int(values.get("n", ["1000000"])[0]), self.most or 1000000)
        begin = 0
        if "last" in values:
            last = values["last"][0]
            if last in self.tags:
                begin = self.tags.index(last) + 1
            elif self.unknown_last == "404":
                raise Refused(404, "registry.test", "")
            elif self.unknown_last == "next":
                begin = sum(tag <= last for tag in self.tags)
        page = self.tags[begin : begin + size]
        more = begin + size < len(self.tags)
        return TagPage(page, f"n={size}&last={page[-1]}" if self.linked and more else None)


SERVERS = [
    ("everything at once", Server(names(30)), 1),
    ("nothing", Server(()), 1),
    ("more than a page, without regard to n (distribution 2)", Server(names(2500), sized=False), 1),
    ("exactly a page, without regard to n", Server(names(PAGE_SIZE), sized=False), 2),
    ("one short of a page, without regard to n", Server(names(PAGE_SIZE - 1), sized=False), 1),
    ("pages by Link (distribution 3)", Server(names(2500), linked=True), 3),
    ("pages by Link, the last one full", Server(names(2000), linked=True), 2),
    ("exactly a page where Links are sent", Server(names(PAGE_SIZE), linked=True), 2),
    ("pages smaller than asked for", Server(names(950), linked=True, most=100), 10),
    ("pages without a Link (ggcr)", Server(names(2500), unknown_last="start"), 3),
    ("pages without a Link, the last one full", Server(names(2000), unknown_last="start"), 3),
    ("the size refused with 405 (Amazon)", Server(names(250), too_many=405), 2),
    ("the size refused with 400 (distribution 3.1.0)", Server(names(250), too_many=400), 2),
]


@pytest.mark.parametrize(("server", "requests"), [row[1:] for row in SERVERS], ids=[row[0] for row in SERVERS])
def test_every_tag_is_found_with_as_few_requests_as_can_be(server: Server, requests: int) -> None:
    assert every_tag(server) == server.tags
    assert len(server.asked) == requests


def pages(*given: TagPage | Refused) -> tuple[Callable[[str], TagPage], list[str]]:
    """A registry that gives these pages in turn, the last one for ever."""
    asked: list[str] = []

    def fetch(query: str) -> TagPage:
        page = given[min(len(asked), len(given) - 1)]
        asked.append(query)
        if isinstance(page, Refused):
            raise page
        return page

    return fetch, asked


def test_each_tag_is_listed_once_in_the_registrys_order_and_nothing_that_is_no_tag() -> None:
    fetch, _ = pages(TagPage(("v2", "", "-x", "a/b", "v1", "\x1b[31m", "x" * 129), "p"), TagPage(("v1", "é", "v3")))
    assert every_tag(fetch) == ("v2", "v1", "v3")


@rows("last sent", {
    "text": ("a&n=5 ?#/é", "a%26n%3D5%20%3F%23%2F%C3%A9"),
    "no text": ("v\ud800", "v%ED%A0%80"),
})  # fmt: skip
def test_a_full_page_that_ends_with_no_tag_is_gone_on_from_safely(last: str, sent: str) -> None:
    full = (*names(PAGE_SIZE - 1), last)
    fetch, asked = pages(TagPage(full), TagPage(()))
    assert every_tag(fetch) == full[:-1]
    assert asked == ["n=1000", f"n=1000&last={sent}"]


def test_a_tag_deleted_between_two_pages_begins_the_list_again_where_the_place_is_lost() -> None:
    for unknown_last in ("404", "start"):
        server = Server(names(2500), linked=unknown_last == "404", unknown_last=unknown_last)
        server.events = {1: server.delete("v000999")}
        assert every_tag(server) == server.tags
        assert len(server.tags) == 2499
        assert len(server.asked) == 5


def test_a_tag_pushed_between_two_pages_is_found_where_everything_is_said_again() -> None:
    server = Server(names(PAGE_SIZE), sized=False)
    server.events = {1: lambda: setattr(server, "tags", names(PAGE_SIZE + 1))}
    assert every_tag(server) == names(PAGE_SIZE + 1)
    assert len(server.asked) == 2


def test_a_list_that_loses_its_place_again_and_again_is_an_error() -> None:
    fetch, asked = pages(
        TagPage(("a",), "last=a"), Refused(404, "h", ""), TagPage(("a",), "last=a"), Refused(404, "h", "")
    )
    with pytest.raises(Untrusted, match="lost its place"):
        every_tag(fetch)
    assert len(asked) == 4


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refused_page_leaves_no_half_a_list(status: int) -> None:
    for before in ([], [TagPage(("a",), "last=a")] * (status != 404)):
        fetch, asked = pages(*before, Refused(status, "h", "no"))
        with pytest.raises(Refused):
            every_tag(fetch)
        assert len(asked) == 1 + len(before)


def test_links_in_a_circle_are_an_error_and_an_empty_page_is_no_end() -> None:
    for links in (["n=1000"], ["p=1", "p=2", "p=1"]):
        fetch, asked = pages(*(TagPage((f"v{number}",), link) for number, link in enumerate(links)))
        with pytest.raises(Untrusted, match="in a circle"):
            every_tag(fetch)
        assert len(asked) == len(links)
    fetch, _ = pages(TagPage(("a",), "p=1"), TagPage((), "p=2"), TagPage(("b",)))
    assert every_tag(fetch) == ("a", "b")


@rows("page words requests", {
    "empty": (lambda n: TagPage((), f"p={n}"), "without new tags", 5),
    "the same tag": (lambda n: TagPage(("a",), f"p={n}"), "without new tags", 5),
    "no tags": (lambda n: TagPage((f"/{n}",), f"p={n}"), "without new tags", 5),
    "new tags": (lambda n: TagPage((f"v{n}",), f"p={n}"), "more than 1000 pages", 1001),
    "large": (lambda n: TagPage((f"v{n}",), f"p={n}", LIST_BYTES // 3), f"more than {LIST_BYTES} bytes", 4),
})  # fmt: skip
def test_a_list_without_an_end_is_given_up(page: Callable[[int], TagPage], words: str, requests: int) -> None:
    asked: list[str] = []

    def fetch(query: str) -> TagPage:
        asked.append(query)
        return page(len(asked))

    with pytest.raises(Untrusted, match=words):
        every_tag(fetch)
    assert len(asked) == requests


def test_the_number_of_tags_has_a_measure_in_one_page_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_TAGS", 30)
    for given, fits in (([30], True), ([31], False), ([10, 20], True), ([10, 10, 10, 1], False)):
        fetch, _ = pages(
            *(
                TagPage(names(size, 100 * number), f"p={number}" if number + 1 < len(given) else None)
                for number, size in enumerate(given)
            )
        )
        if fits:
            assert len(every_tag(fetch)) == 30
        else:
            with pytest.raises(Untrusted, match="more than 30 tags"):
                every_tag(fetch)


# --- one answer ---

URL = httpx.URL("https://registry.test/v2/acme/web/tags/list?n=1000")


def answered(body: object, link: str = "", kind: str = "application/json") -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(URL, 200, httpx.Headers({"Content-Type": kind, "Link": link}), data)


READ = [
    ("tags", {"name": "acme/web", "tags": ["a", "b"]}, ("a", "b")),
    ("null, for none", {"name": "acme/web", "tags": None}, ()),
    ("Google's further keys", {"child": [], "manifest": {}, "tags": ["a"]}, ("a",)),
]


@pytest.mark.parametrize(("body", "tags"), [row[1:] for row in READ], ids=[row[0] for row in READ])
@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", ""])
def test_a_page_is_read_whatever_its_type_says(body: object, tags: tuple[str, ...], kind: str) -> None:
    assert read_page(answered(body, kind=kind)).tags == tags


NO_PAGES = [
    ("a web page", b"<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8", "a web page"),
    ("nothing", b"", "application/json", "nothing"),
    ("no JSON", b"tags: [a]", "application/json", "something else"),
    ("half of it", b'{"tags": ["a", "b', "application/json", "something else"),
    ("no text", b"\xff\xfe\x00", "application/json", "something else"),
    ("no object", b'["a"]', "application/json", "something else"),
    ("no tags", b'{"name": "acme/web"}', "application/json", "something else"),
    ("an error with 200", b'{"errors": [{"code": "DENIED"}]}', "application/json", "something else"),
    ("tags that are no list", b'{"tags": {"a": 1}}', "application/json", "something else"),
    ("tags that are a string", b'{"tags": "abc"}', "application/json", "something else"),
    ("tags that are no strings", b'{"tags": ["a", 1]}', "application/json", "something else"),
    ("a deep nest", b'{"tags": ' + b"[" * 100_000, "application/json", "something else"),
]


@pytest.mark.parametrize(("body", "kind", "words"), [row[1:] for row in NO_PAGES], ids=[row[0] for row in NO_PAGES])
def test_what_is_no_page_is_an_error(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(Untrusted, match=f"answered {words} where a list of tags was expected"):
        read_page(answered(body, kind=kind))


@pytest.mark.parametrize("value", [b"[]", b"{}"])
def test_a_page_of_very_many_values_is_refused_before_they_take_room(value: bytes) -> None:
    body = b'{"tags": [' + b",".join([value] * 700_000) + b"]}"
    answer = answered(body)
    tracemalloc.start()
    try:
        with pytest.raises(Untrusted, match="answered something else where a list of tags was expected"):
            read_page(answer)
        assert tracemalloc.get_traced_memory()[1] < len(body)
    finally:
        tracemalloc.stop()


def test_of_large_lists_a_host_has_only_some_at_a_time_and_small_ones_never_wait() -> None:
    places = threading.Semaphore(1)
    free: list[bool] = []

    def watching(query: str) -> TagPage:
        if is_free := places.acquire(blocking=False):
            places.release()
        free.append(is_free)
        return server(query)

    def keep(tags: Collection[str]) -> tuple[str, ...]:
        assert not places.acquire(blocking=False), "until the list is where it stays"
        return tuple(tags)

    for number, linked in ((2 * listing.LARGE, True), (2 * listing.LARGE, False)):
        server = Server(names(number), linked=linked)
        assert every_tag(watching, places, keep) == server.tags
        assert free == [True] * 6 + [False] * (len(free) - 6)
        free.clear()
        assert places.acquire(blocking=False), "it is given back"
        server = Server(names(listing.LARGE), linked=linked)
        assert every_tag(watching, places) == server.tags, "a small list needs no place"
        places.release()
        free.clear()
    server = Server(names(listing.MOST_TAGS + 1), linked=True)
    with pytest.raises(Untrusted, match="more than 300000 tags"):
        every_tag(watching, places)
    assert places.acquire(blocking=False), "it is given back by a failure too"


LINKS = [
    ("none", "", None),
    ("relative", '</v2/acme/web/tags/list?last=b&n=2>; rel="next"', "last=b&n=2"),
    ("absolute", '<https://registry.test/v2/acme/web/tags/list?last=b>; rel="next"', "last=b"),
    ("only the query", '<?last=b>; rel="next"', "last=b"),
    ("without quotes", "</v2/acme/web/tags/list?last=b>;rel=next", "last=b"),
    ("any case", '</x?last=b>; Rel="NEXT"', "last=b"),
    ("without a relation", "</x?last=b>", "last=b"),
    ("two relations", '</x?last=b>; rel="last next"', "last=b"),
    ("another relation", '</x?last=b>; rel="prev"', None),
    ("among others", '</x?first>; rel="first", </x?last=b>; title="a,b"; rel="next"', "last=b"),
    ("a lost prefix (Artifactory)", '</v2/web/tags/list?last=b>; rel="next"', "last=b"),
    ("another repository", '</v2/evil/admin/tags/list?last=b>; rel="next"', "last=b"),
    ("an opaque place (Quay)", '</v2/acme/web/tags/list?next_page=gAAAA%3D%3D>; rel="next"', "next_page=gAAAA%3D%3D"),
    ("plain http, behind a proxy", '<http://registry.test/v2/acme/web/tags/list?last=b>; rel="next"', "last=b"),
    ("a port of its own", '<http://registry.test:5000/v2/acme/web/tags/list?last=b>; rel="next"', "last=b"),
    ("junk", "next", None),
]


@pytest.mark.parametrize(("link", "query"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS])
def test_the_query_of_the_next_page(link: str, query: str | None) -> None:
    assert read_page(answered({"tags": []}, link)).next == query


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/",
        "//evil.test/?last=b",
        "https://registry.test:8443/?last=b",
        "http://evil.test/",
        "https://[",
    ],
)
def test_a_link_to_another_host_is_refused(address: str) -> None:
    with pytest.raises(Untrusted, match="continues its list of tags at"):
        read_page(answered({"tags": ["a"]}, f'<{address}>; rel="next"'))
