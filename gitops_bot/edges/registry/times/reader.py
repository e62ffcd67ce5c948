"""When images were built, for one decision: all times are from one source, for those of two cannot be compared."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from gitops_bot import log
from gitops_bot.edges.http import Allowance, Limit, Unanswered
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.once import Once
from gitops_bot.edges.registry.times.apis import api_of, pages
from gitops_bot.edges.registry.times.cache import Cache, Memory
from gitops_bot.edges.registry.times.listing import Unfit, newest_first
from gitops_bot.edges.registry.times.walk import walk
from gitops_bot.edges.registry.times.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from gitops_bot.edges.http import Answer, Clock, Http
    from gitops_bot.edges.registry.host import Host
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.edges.registry.manifest import Named
    from gitops_bot.edges.registry.times.listing import Page
    from gitops_bot.images.build import BuildTimes
    from gitops_bot.images.reference import ImageName, Pin

#: Seconds for all pages of an API, and bytes of one.
API_SECONDS: Final = 30.0
API_BYTES: Final = 16 * 1024 * 1024
_TIRED: Final = Unanswered(f"took more than {API_SECONDS:g} s", "")


@dataclass(frozen=True, slots=True)
class At:
    """Where an image is read, which may be a mirror, and how: by whom, and by how many at once."""

    where: ImageName
    host: Host
    login: Login
    scheme: str
    concurrency: int


class TimesReader:
    """Reads build times of any registry. `cache` is the folder of the cache, `token` one of the forge, if any."""

    def __init__(self, http: Http, clock: Clock, cache: Path | None, token: str | None) -> None:
        self._http, self._clock, self._token = http, clock, token
        self._cache = Cache(cache)
        self._lock = threading.Lock()
        #: Pages that were read, and images whose API was of no use; each is asked once.
        self._pages: Once[Page] = Once()
        self._unfit: set[ImageName] = set()
        #: One repository of a registry at a time: each uses all of its turns.
        self._walks: dict[str, threading.Lock] = {}

    def read(
        self, image: ImageName, wanted: Collection[str], pin: Pin, at: At, seen: Callable[[str, Named], None]
    ) -> BuildTimes:
        """The times of these tags and of what is pinned; `seen` is told what a tag names today.

        Raises:
            Refused, Unanswered, Untrusted: as `walk`.
        """
        # The times of a mirror say when it got the images.
        api = api_of(at.where.registry, at.host.service) if at.where == image else None
        if api is not None and image not in self._unfit:
            try:
                with self._http.within(Allowance(self._clock, lambda: Limit(API_SECONDS, _TIRED))):
                    page = pages(api, at.where, self._ways(image, at))

                    def once(number: int, last: str) -> Page:
                        return self._pages.get((image, number, last), lambda: page(number, last))

                    return newest_first(once, wanted, pin)
            except (Unfit, Unanswered) as why:
                self._unfit.add(image)
                log.once("times.api_unused", level="info", image=str(image), api=api, reason=str(why))
        with self._walk(at.where.registry):
            return self._walked(image, wanted, pin, at, seen)

    def _walked(
        self, image: ImageName, wanted: Collection[str], pin: Pin, at: At, seen: Callable[[str, Named], None]
    ) -> BuildTimes:
        kept = self._cache.read(str(at.where), pin.digest)
        memory = Memory(dict(kept.tags), dict(kept.images))

        def fetch(rest: str, accept: str, limit: int) -> Answer:
            return at.host.ask("GET", image.path, rest, at.login, accept=accept, limit=limit)

        try:
            return walk(self._http.shared(fetch), wanted, pin, memory, seen, at.concurrency)
        finally:
            # What was read before a failure need not be read again.
            tags = {tag: digest for tag, digest in memory.tags.items() if kept.tags.get(tag) != digest}
            images = {digest: found for digest, found in memory.images.items() if digest not in kept.images}
            self._cache.write(str(at.where), tags, images)

    def _ways(self, image: ImageName, at: At) -> Ways:
        def own(prefix: str, rest: str) -> Answer:
            try:
                return at.host.ask(
                    "GET", image.path, rest, at.login, accept="application/json", limit=API_BYTES, api=prefix
                )
            except Refused as refused:
                raise Unfit(f"{refused.host} answered {refused.status}") from None

        def get(address: str, headers: Mapping[str, str]) -> Answer:
            return self._http.request(
                "GET", httpx.URL(address), {"Accept": "application/json", **headers}, limit=API_BYTES
            )

        return Ways(own, get, at.scheme, at.login.credential, self._token)

    def _walk(self, registry: str) -> threading.Lock:
        with self._lock:
            return self._walks.setdefault(registry, threading.Lock())
