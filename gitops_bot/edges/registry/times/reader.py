"""Build times for one decision, all from one source: times of different sources cannot be compared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from gitops_bot import log
from gitops_bot.edges.http import Allowance, Limit, NoResponse
from gitops_bot.edges.registry.memo import Once
from gitops_bot.edges.registry.times.apis import ApiClient, api_of, pages
from gitops_bot.edges.registry.times.cache import Cache, Memory
from gitops_bot.edges.registry.times.listing import ListUnusable, newest_first
from gitops_bot.edges.registry.times.walk import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from gitops_bot.edges.facts import PackageApi
    from gitops_bot.edges.http import Clock, Http
    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.edges.registry.times.listing import Page
    from gitops_bot.edges.registry.times.walk import Remember
    from gitops_bot.images.build import BuildTimes
    from gitops_bot.images.reference import ImageName, Pin

#: Seconds for all pages of an API.
API_SECONDS: Final = 30.0
_TOO_SLOW: Final = NoResponse(f"took more than {API_SECONDS:g} s", "")


class TimesReader:
    """Reads build times of any registry. `cache` is the folder of the cache, `packages`: what forges list."""

    def __init__(self, http: Http, clock: Clock, cache: Path | None, packages: Sequence[PackageApi]) -> None:
        self._http, self._clock = http, clock
        self._packages = {each.registry: each for each in packages}
        self._cache = Cache(cache)
        self._lock = threading.Lock()
        #: Pages that were read, and images whose API was not usable; nothing is requested twice.
        self._pages: Once[Page] = Once()
        self._unfit: set[ImageName] = set()
        #: One repository of a registry at a time: each uses all concurrent requests.
        self._walks: dict[str, threading.Lock] = {}

    def read(
        self,
        repository: ImageRepository,
        wanted: Collection[str],
        pin: Pin,
        remember: Remember,
        threads: int,
    ) -> BuildTimes:
        """The times of these tags and of what is pinned; `remember` receives the manifest that a tag names today.

        Raises:
            Refused, NoResponse, Untrusted: as `walk`.
        """
        image = repository.image
        # A mirror would report when it received the images itself.
        api = api_of(image.registry, repository.host.service) if repository.location == image else None
        if api is not None and image not in self._unfit:
            try:
                with self._http.within(Allowance(self._clock, lambda: Limit(API_SECONDS, _TOO_SLOW))):
                    page = pages(api, ApiClient(self._http, repository, self._packages.get(image.registry)))

                    def once(number: int, last: str) -> Page:
                        return self._pages.get((image, number, last), lambda: page(number, last))

                    return newest_first(once, wanted, pin)
            except (ListUnusable, NoResponse) as why:
                self._unfit.add(image)
                log.once("times.api_unused", level="info", image=str(image), api=api, reason=str(why))
        with self._walk(repository.location.registry):
            name = str(repository.location)
            cached = self._cache.read(name, pin.digest)
            memory = Memory(dict(cached.tags), dict(cached.images))
            try:
                return walk(repository, wanted, pin, memory, remember, threads)
            finally:
                # What was read before a failure need not be read again.
                tags = {tag: digest for tag, digest in memory.tags.items() if cached.tags.get(tag) != digest}
                images = {digest: image for digest, image in memory.images.items() if digest not in cached.images}
                self._cache.write(name, tags, images)

    def _walk(self, registry: str) -> threading.Lock:
        with self._lock:
            return self._walks.setdefault(registry, threading.Lock())
