"""Build times for one decision, all from one source: times of different sources cannot be compared.

Where a registry has no API with them they come from the images, two requests for one of one platform. The content of a
digest is read once; the digest of a tag that does not move (`is_floating`) is cached only to skip the request: a digest
that is written anywhere comes from the registry in the same run.

An annotation of the index or manifest precedes a label, and that the configuration. An index without an annotation is
as new as the newest of its images; attestations do not count.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Final

from gitops_bot import log
from gitops_bot.edges.http import Allowance, Limit, NoResponse, parse_json
from gitops_bot.edges.registry.credentials import Once
from gitops_bot.edges.registry.describe import built, configuration, created_in, first_label, labels, parse_time
from gitops_bot.edges.registry.documents import Documents
from gitops_bot.edges.registry.failure import IfPresent, Untrusted
from gitops_bot.edges.registry.manifest import read, resolve_by_content
from gitops_bot.edges.registry.times.apis import ApiClient, ListUnusable, api_of, newest_first
from gitops_bot.images.build import CREATED, BuildTimes
from gitops_bot.images.reference import is_digest, is_floating, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import PackageApi
    from gitops_bot.edges.http import Http
    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.edges.registry.manifest import Document
    from gitops_bot.edges.registry.times.apis import PackagePage
    from gitops_bot.images.build import Manifest
    from gitops_bot.images.reference import ImageName, Pin

    Remember = Callable[[str, str], None]

#: Seconds for all pages of an API.
API_SECONDS: Final = 30.0
_TOO_SLOW: Final = Limit(API_SECONDS, f"took more than {API_SECONDS:g} s")
#: Tags whose images are read. Each takes two requests and more.
MOST_WALKED: Final = 10_000
#: Tags, and images, that are stored for one repository (the oldest go first), and the bytes of that.
MOST_STORED: Final = 2 * MOST_WALKED
_STORED_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Memory:
    """The digests of tags, and the build times of digests; a time is None if the image does not say."""

    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, datetime | None] = field(default_factory=dict)


def load(documents: Documents, repository: str) -> Memory:
    """What is stored about the tags of a repository and their images. It only saves requests."""
    memory, key = Memory(), f"{repository} times"
    body = documents.read_file(key, _STORED_BYTES)
    match parse_json(body or b""):
        case {"tags": dict(tags), "images": dict(images)}:
            for tag, digest in tags.items():
                if is_tag(tag) and isinstance(digest, str) and is_digest(digest):
                    memory.tags[tag] = digest
            for digest, text in images.items():
                time = parse_time(text) if isinstance(text, str) else None
                if is_digest(digest) and (time is not None or text is None):
                    memory.images[digest] = time
        case _ if body is not None:
            log.event("cache.discarded", level="warning", file=str(documents.file(key)), reason="it is damaged")
    return memory


def store(documents: Documents, repository: str, memory: Memory) -> None:
    """Store what `load` gives."""
    tags = dict([*memory.tags.items()][-MOST_STORED:])
    images = {digest: time and time.isoformat() for digest, time in [*memory.images.items()][-MOST_STORED:]}
    documents.write_file(f"{repository} times", json.dumps({"tags": tags, "images": images}).encode())


class TimesReader:
    """Reads build times of any registry. `packages`: what forges list; `documents` has the folder of the cache."""

    def __init__(self, http: Http, clock: Clock, documents: Documents, packages: Sequence[PackageApi]) -> None:
        self._http, self._clock, self._documents = http, clock, documents
        self._packages = {each.registry: each for each in packages}
        #: Pages that were read, and images whose API was not usable; nothing is requested twice.
        self._pages: Once[PackagePage] = Once()
        self._unfit: set[ImageName] = set()
        #: One repository of a registry at a time: each uses all concurrent requests.
        self._walks: dict[str, threading.Lock] = {}

    def read(
        self, repository: ImageRepository, wanted: Collection[str], pin: Pin, remember: Remember, threads: int
    ) -> BuildTimes:
        """The times of these tags and of what is pinned; `remember` receives the digest that a tag names today."""
        image = repository.image
        # A mirror would report when it received the images itself.
        api = api_of(image.registry, repository.host.service) if repository.location == image else None
        if api is not None and image not in self._unfit:
            try:
                with self._http.within(Allowance(self._clock, lambda: _TOO_SLOW)):
                    client = ApiClient(api, self._http, repository, self._packages.get(image.registry))

                    def once(number: int, last: str) -> PackagePage:
                        return self._pages.get((image, number, last), lambda: client.page(number, last))

                    return newest_first(once, wanted, pin)
            except (ListUnusable, NoResponse) as why:
                self._unfit.add(image)
                log.once("times.api_unused", level="info", image=str(image), api=api, reason=str(why))
        with self._walks.setdefault(repository.location.registry, threading.Lock()):
            name = str(repository.location)
            memory = load(self._documents, name)
            stored = Memory(dict(memory.tags), dict(memory.images))
            # Of thousands of images the times are kept, and not their documents.
            in_memory = replace(repository, documents=Documents(self._documents.memory))
            try:
                return Walk(in_memory, memory, remember).times(wanted, pin, threads)
            finally:
                # What was read before a failure need not be read again.
                if memory != stored:
                    store(self._documents, name, memory)


#: Manifests that are read for one tag, and indexes inside of one another. Real images need a dozen, and one.
MOST_MANIFESTS: Final = 32
DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Created:
    """When an image was built, None if it does not say; `lasting` if that cannot change."""

    time: datetime | None
    lasting: bool = True


@dataclass(slots=True)
class Walk:
    """Reads when images were built by their own words. `memory` has what was learned before, and learns the rest;
    `remember` receives the digest that a tag names today.
    """

    repository: ImageRepository
    memory: Memory
    remember: Remember
    #: What was read of each digest: several threads may meet it at once, under several tags.
    _contents: Once[Created] = field(default_factory=Once)

    def times(self, wanted: Collection[str], pin: Pin, threads: int) -> BuildTimes:
        """When the images of these tags, and what is pinned, were built."""
        if len(wanted) > MOST_WALKED:
            raise Untrusted(
                f"has {len(wanted)} tags that the policy admits, and no API that tells when they were pushed: at most "
                f"{MOST_WALKED} images are read for their build times",
                "Use a narrower pattern, an order by number or date in the tag, or delete old tags.",
            )
        times: dict[str, datetime | None] = {}
        memory = self.memory

        def look(tag: str) -> None:
            digest = memory.tags.get(tag, "")
            times[tag] = memory.images[digest] if digest in memory.images else self._time(tag)

        _in_threads(look, wanted, threads)
        if pin.digest in memory.images:
            pinned = memory.images[pin.digest]
        elif pin.tag in times and pin.digest is None:
            pinned = times[pin.tag]
        else:  # the tag may have moved since
            reference = pin.digest or pin.tag
            pinned = self._time(reference) if reference is not None else None
        return BuildTimes(times, pinned, "created")

    def _time(self, reference: str) -> datetime | None:
        """When the image of a tag or digest was built; None if it is gone or does not say."""
        is_named, images = not is_digest(reference), self.memory.images
        with suppress(Untrusted), IfPresent():
            digest, manifest = self._manifest(reference)
            if is_named:
                self.remember(reference, digest)
            known = self._contents.get(
                digest,
                lambda: Created(images[digest]) if digest in images else self._read(manifest, (digest,), count(1)),
            )
            if known.lasting:
                images[digest] = known.time
                if is_named and not is_floating(reference):
                    self.memory.tags[reference] = digest
            return known.time
        return None

    def _manifest(self, reference: str) -> tuple[str, Document]:
        """The digest and the manifest of a tag or digest."""
        answer = self.repository.manifest("GET", reference)
        digest = resolve_by_content(answer, reference)
        return digest, self.repository.remember(reference if is_digest(reference) else digest, answer, "a manifest")

    def _read(self, manifest: Document, ancestors: tuple[str, ...], numbers: Iterator[int]) -> Created:
        """`ancestors` are the digests of the manifest and of the indexes that it is in; `numbers` count manifests."""
        if (claimed := first_label("created", built, manifest.get("annotations"))) is not None:
            return Created(claimed)
        what = read(manifest)
        match what.kind:
            case "image":
                if (config := configuration(self.repository, manifest)) is None:
                    return Created(None, lasting=False)
                sources = (manifest.get("annotations"), labels(config), {CREATED: config.get("created")})
                return Created(created_in(*sources))
            case "index":
                images = list(self._children(what, ancestors, numbers))
                times = (image.time for image in images if image.time is not None)
                return Created(max(times, default=None), all(image.lasting for image in images))
            case "artifact":
                return Created(None)

    def _children(self, index: Manifest, ancestors: tuple[str, ...], numbers: Iterator[int]) -> Iterator[Created]:
        for digest in (child.digest for child in index.children if child.kind != "artifact"):
            if digest in ancestors or len(ancestors) >= DEPTH or next(numbers) > MOST_MANIFESTS:
                yield Created(None)  # circular, or nested as no builder does
                continue
            found: tuple[str, Document] | None = None
            with IfPresent():
                found = self._manifest(digest)
            yield self._read(found[1], (*ancestors, digest), numbers) if found else Created(None, lasting=False)


def _in_threads(work: Callable[[str], None], items: Collection[str], threads: int) -> None:
    """Do this work on every item, in this thread and in daemons, for which nobody waits after an interrupt; the first
    failure stops the rest and is raised.
    """
    waiting = deque(items)
    failures: list[BaseException] = []

    def take() -> None:
        while not failures:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                work(item)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
                failures.append(error)

    started = []
    for number in range(min(threads, len(waiting)) - 1):
        context = copy_context()  # with the time that the requests share
        thread = threading.Thread(target=context.run, args=(take,), name=f"walk-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine starts no more
            break
        started.append(thread)
    try:
        take()
    finally:
        waiting.clear()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]
