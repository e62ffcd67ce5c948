"""The list of tags of a repository, page by page, with the quirks of registries named where they matter.

An incomplete list is an error: a missing tag looks like a deleted one, or hides the newest.
"""

from __future__ import annotations

import queue
import re
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from gitops_bot.edges.http import UnsafeAddress, follow_own, host_of, origin, parse_json
from gitops_bot.edges.registry.failure import Refused, Untrusted, unexpected
from gitops_bot.images.reference import is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gitops_bot.edges.http import Answer
    from gitops_bot.edges.registry.host import ImageRepository

T = TypeVar("T")

#: Tags per page: Amazon and distribution 3.1.0 refuse more.
PAGE_SIZE = 1000
_SIZED = f"n={PAGE_SIZE}"
MOST_PAGES = 1000
#: Bytes of one page, bytes of a whole list, and its tags (Python's strings take many times the memory).
PAGE_BYTES, LIST_BYTES, MOST_TAGS = 16 * 1024 * 1024, 16 * 1024 * 1024, 300_000
#: Bytes of a page of the size that was asked for. Registries that ignore the size send larger ones.
USUAL_BYTES = 256 * 1024
#: A list of more tags is a large one. Three of these are read at once from one host. Each takes at most 48 MiB: its
#: text and 112 bytes for a tag. One with large pages, of which one is read at a time, takes 90 MiB; the list that is
#: chosen among 48; all that are not large yet 20. So the lists of a host take at most 256 MiB, however many they are.
LARGE, AT_ONCE = 5_000, 3
#: Pages in a row without a new tag.
_IDLE = 3
_NOTHING_LOST = "Nothing was decided on an incomplete list. Report this to the registry's operator."


@dataclass(frozen=True, slots=True)
class TagPage:
    """One page: its tags, the query of the next page if a Link names one, and its size in bytes."""

    tags: tuple[str, ...]
    next: str | None = None
    size: int = 0


class OneThread:
    """Does what takes much memory in one thread, in turn: C libraries keep what was freed for each thread by itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None] | None] | None = None

    def run(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises, in the context of the caller."""
        done: Future[T] = Future()

        def do() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is raised in the thread of the caller
                # Its frames, which hold the page, would hold it for as long as they hold one another.
                done.set_exception(error.with_traceback(None))

        with self._lock:
            if self._work is None:
                waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
                try:
                    threading.Thread(target=self._go_on, args=(waiting,), name="large", daemon=True).start()
                except RuntimeError:  # the machine cannot start more threads
                    return work()
                self._work = waiting
            self._work.put(partial(copy_context().run, do))
        return done.result()

    def close(self) -> None:
        """End the thread; another one is started if it is needed again."""
        with self._lock:
            if self._work is not None:
                self._work.put(None)
                self._work = None

    @staticmethod
    def _go_on(work: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        while (do := work.get()) is not None:
            do()


def every_tag(
    fetch: Callable[[str], TagPage],
    places: threading.Semaphore | None = None,
    keep: Callable[[Collection[str]], Sequence[str]] = tuple,
) -> Sequence[str]:
    """Every tag of a repository once, in the registry's order, but for strings that are no valid tags and cannot be
    pulled; `fetch` gets the page for a query. Of large lists, as many are read at once as there are `places`. `keep`
    puts the list where it stays.
    """
    for _ in range(2):
        query: str | None = _SIZED
        try:
            page = fetch(_SIZED)
        except Refused as refused:
            if not refused.is_one_of(400, 405):  # registries refuse `n` like this
                raise
            query, page = None, fetch("")
        try:
            with ExitStack() as place:
                if (tags := _walk(fetch, query, page, place, places)) is not None:
                    return keep(tags)
        except Refused as refused:
            if not refused.is_one_of(404):  # zot, if `last` is gone
                raise
    raise Untrusted("lost its place in the list of tags: tags were deleted while it was being read", "Run again.")


def _walk(
    fetch: Callable[[str], TagPage],
    query: str | None,
    page: TagPage,
    place: ExitStack,
    places: threading.Semaphore | None,
) -> dict[str, None] | None:
    """All tags, from the first page, which the `query` gave, to the last.

    None if the last tag of a page was deleted before the next page was read: start again, once.
    """
    tags, size, queries, linked, idle = dict.fromkeys(filter(is_tag, page.tags)), page.size, {query}, False, 0
    for _ in range(MOST_PAGES):
        if size > LIST_BYTES:
            raise _too_large(f"{LIST_BYTES} bytes")
        if len(tags) > LARGE and places is not None:
            place.enter_context(places)
            places = None
        if len(tags) > MOST_TAGS:
            raise _too_large(f"{MOST_TAGS} tags")
        linked = linked or page.next is not None
        query = page.next if linked else _unlinked(page, query)
        if query is None:
            return tags
        if query in queries:
            raise Untrusted("paginates its list of tags in a circle", _NOTHING_LOST)
        queries.add(query)
        last, page, known = page.tags[-1:], fetch(query), len(tags)
        valid = tuple(filter(is_tag, page.tags))
        tags.update(dict.fromkeys(valid))
        size += page.size
        if not linked and last[0] in page.tags:
            return tags  # distribution 2 ignores `n` and `last`, and repeated everything
        if not linked and len(tags) - known < len(valid):
            return None  # ggcr's registry starts again if `last` is gone
        idle = idle + 1 if len(tags) == known else 0
        if idle > _IDLE:
            raise Untrusted("keeps paginating its list of tags without new tags", _NOTHING_LOST)
    raise _too_large(f"{MOST_PAGES} pages")


def _unlinked(page: TagPage, query: str | None) -> str | None:
    """The next query without a Link: ggcr's registry honours `n` but never sends one, so a full page may not be the
    last.
    """
    if query is None or len(page.tags) != PAGE_SIZE:
        return None
    return f"{_SIZED}&last={quote(page.tags[-1].encode('utf-8', 'surrogatepass'), safe='')}"


def _too_large(measure: str) -> Untrusted:
    return Untrusted(f"has a list of tags with more than {measure}", "Delete tags that are no longer needed.")


def fetch_page(repository: ImageRepository, limit: int, query: str) -> TagPage:
    """The page for a query, of at most `limit` bytes; its tags are not sent again if the registry knows their ETag."""
    rest = f"tags/list?{query}"
    address = f"{repository.location}/{rest}"
    etag, body = repository.documents.answer(address) or ("", b"")
    known = tags_in(body)
    answer = repository.get(rest, "application/json", limit, etag=etag if known is not None else "")
    if answer.status == 304:
        return TagPage(known or (), next_query(answer, "list of tags"), len(body))
    page, etag = read_page(answer), answer.headers.get("etag", "")
    # A page that is just full has the same ETag when others follow it. Pages are full at round numbers.
    if etag and page.next is None and len(page.tags) % 10 and len(page.tags) % 64:
        repository.documents.keep_answer(address, etag, answer.body)
    return page


def tags_in(body: bytes) -> tuple[str, ...] | None:
    """The tags in the body of an answer; None if it is no list of tags."""
    match parse_json(body):
        case {"tags": None}:
            return ()
        case {"tags": list(tags)} if all(isinstance(tag, str) for tag in tags):
            return tuple(tags)
        case _:
            return None


def read_page(answer: Answer) -> TagPage:
    """The page in an answer, of any content type: ggcr's registry says text/plain. Only the query of a Link is used:
    Artifactory omits part of the path, and another path would be another repository.
    """
    if (tags := tags_in(answer.body)) is None:
        raise unexpected(answer, "a list of tags")
    return TagPage(tags, next_query(answer, "list of tags"), len(answer.body))


def next_query(answer: Answer, listed: str) -> str | None:
    """The query of the next page of what is `listed`, by the Link of a page; None if there is none."""
    for address, parameters in re.findall(r"<([^<>]{0,8192})>([^<]*)", answer.headers.get("link", "")):
        relation = re.search(r""";\s*rel\s*=\s*"?([^";,]*)""", parameters, re.IGNORECASE)
        if relation is not None and "next" not in relation[1].lower().split():
            continue
        try:
            target = follow_own(answer.url, address)
        except UnsafeAddress as unsafe:
            raise Untrusted(f"continues its {listed} at {unsafe}", _NOTHING_LOST) from unsafe
        if origin(target) != origin(answer.url):
            raise Untrusted(f"continues its {listed} at another host, {host_of(target)[:200]!r}", _NOTHING_LOST)
        return target.query.decode("ascii")
    return None
