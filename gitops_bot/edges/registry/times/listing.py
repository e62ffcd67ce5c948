"""Build times from a registry's own list of its images, which begins with the newest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gitops_bot.images.build import BuildTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from gitops_bot.images.reference import Pin

#: Pages of one list. With a hundred images on each, that is more than reading the images themselves would cost.
MOST_PAGES: Final = 30


class ListUnusable(Exception):  # noqa: N818 - no error: images are read instead
    """The registry's list of images cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """One image of a list; `time` is when the registry received it. None is unknown."""

    digest: str | None
    time: datetime | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some images, in the registry's order; `is_last` where no more follow."""

    versions: tuple[Version, ...]
    is_last: bool


def newest_first(read_page: Callable[[int, str], Page], wanted: Collection[str], pin: Pin) -> BuildTimes:
    """When the registry got the images of the `wanted` tags and of the pin, in as few pages as are needed.

    `read_page` reads a page, by its number from 1 and the last tag of the page before. Reading ends once the pin and
    a wanted tag were met: what follows is older. No registry promises that order, so a list out of order is read to its
    end.

    A digest that the list does not have is as old as its tag at most: the tag was pushed again later.

    Raises:
        Unfit: the list is too long.
    """
    wanted = frozenset(wanted)
    times: dict[str, datetime | None] = {}
    last, before, ordered = "", None, True
    met, by_tag, pinned = pin.tag is None and pin.digest is None, None, None
    for number in range(1, MOST_PAGES + 1):
        page = read_page(number, last)
        for version in page.versions:
            last = version.tags[-1] if version.tags else last
            if version.time is not None:
                ordered = ordered and (before is None or version.time <= before)
                before = version.time
            for tag in wanted.intersection(version.tags):
                times.setdefault(tag, version.time)
            if pin.tag in version.tags and by_tag is None:
                by_tag = version.time
            if version.digest == pin.digest if pin.digest is not None else pin.tag in version.tags:
                met, pinned = True, pinned or version.time
        if page.is_last:
            return BuildTimes({**dict.fromkeys(wanted), **times}, pinned or by_tag, "pushed")
        if ordered and met and any(time is not None for time in times.values()):
            return BuildTimes(times, pinned or by_tag, "pushed")
    raise ListUnusable(f"the present image is not among the newest of {MOST_PAGES} pages")
