"""Build times from the images themselves, for registries without an API that has them.

That takes two requests for an image of one platform. The content of a digest never changes, so it is read once. The
digest of a tag is cached for tags that do not move (see `is_floating`), only to skip the request: a digest that is
written anywhere comes from the registry in the same run.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.times.created import created, fetch_manifest
from gitops_bot.images.build import BuildTimes
from gitops_bot.images.floating import is_floating

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from gitops_bot.edges.registry.describe import Fetch
    from gitops_bot.edges.registry.manifest import ManifestDigest
    from gitops_bot.edges.registry.times.cache import Memory
    from gitops_bot.images.reference import Pin

    Remember = Callable[[str, ManifestDigest], None]

#: Tags whose images are read. Each takes two requests and more.
MOST_WALKED: Final = 10_000
_NOT_FOUND = 404


def walk(
    fetch: Fetch,
    wanted: Collection[str],
    pin: Pin,
    memory: Memory,
    remember: Remember,
    threads: int,
) -> BuildTimes:
    """When the images of these tags, and what is pinned, were built by their own words.

    `memory` has what was learned before, and learns the rest. `remember` receives the manifest that a tag names today.

    Raises:
        Refused: the registry refused something other than what is gone.
        Untrusted: there are too many tags to look at.
    """
    if len(wanted) > MOST_WALKED:
        raise Untrusted(
            f"has {len(wanted)} tags that the policy admits, and no API that tells when they were pushed: at most "
            f"{MOST_WALKED} images are read for their build times",
            "Use a narrower pattern, an order by number or date in the tag, or delete old tags.",
        )
    times: dict[str, datetime | None] = {}

    def look(tag: str) -> None:
        known = memory.images.get(memory.tags.get(tag, ""))
        times[tag] = known.time if known is not None else _time(fetch, tag, memory, remember)

    _in_threads(look, wanted, threads)
    if pin.digest in memory.images:
        pinned = memory.images[pin.digest].time
    elif pin.digest is not None:  # the tag may have moved since
        pinned = _time(fetch, pin.digest, memory, None)
    elif pin.tag is None or pin.tag in times:
        pinned = times.get(pin.tag or "")
    else:
        pinned = _time(fetch, pin.tag, memory, remember)
    return BuildTimes(times, pinned, "created")


def _time(fetch: Fetch, reference: str, memory: Memory, remember: Remember | None) -> datetime | None:
    """When the image of a tag, or of a digest (without `remember`), was built; None if it is gone or does not say."""
    try:
        resolved, manifest = fetch_manifest(fetch, reference)
        if remember is not None:
            remember(reference, resolved)
        known = memory.images.get(resolved.digest) or created(fetch, resolved.digest, manifest)
    except Untrusted:
        return None
    except Refused as refused:
        if not refused.is_one_of(_NOT_FOUND):
            raise
        return None
    if known.lasting:
        memory.images[resolved.digest] = known
        if remember is not None and not is_floating(reference):
            memory.tags[reference] = resolved.digest
    return known.time


def _in_threads(work: Callable[[str], None], items: Collection[str], threads: int) -> None:
    """Do this work on every item, in this thread and others; the first failure stops the rest and is raised.

    The threads are daemons: nobody waits for them after an interrupt.
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
        thread = threading.Thread(target=take, name=f"walk-{number}", daemon=True)
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
