"""Whether what was pinned is still there: a clean-up of single manifests leaves an index that nobody can pull."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitops_bot.edges.registry.content import document
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.manifest import Kind, kind_of, named
from gitops_bot.edges.registry.platforms import MOST, images

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.edges.http import Answer
    from gitops_bot.edges.registry.manifest import Named

    #: Asks for the manifest of a digest by a method.
    Ask = Callable[[str, str], Answer]

#: The manifests of indexes and their platforms, by the digests of the indexes: what a digest names never changes, so
#: that a process that stays need not pull it again.
Indexes = dict[str, Mapping[str, str]]
_NOT_FOUND = 404
#: Indexes that are remembered. One names at most a hundred manifests.
_REMEMBERED = 500


def found(ask: Ask, digest: str) -> Named | None:
    """The manifest of that digest, if there is one: one HEAD where there is, and GET where a registry knows no HEAD.

    A registry may name what it has by another algorithm than it was asked for, or not at all: then the bytes tell.

    Raises:
        Refused, Untrusted: as `manifest.named`, but for 404.
    """
    try:
        there = named(lambda method: ask(method, digest), digest.partition(":")[0])
    except Refused as refused:
        if refused.is_one_of(_NOT_FOUND):
            return None
        raise
    return there if there.digest == digest else None


def missing(ask: Ask, digest: str, indexes: Indexes) -> tuple[str, ...]:
    """The platforms of an index whose manifests are gone, in its order; a single image has none to miss.

    Raises:
        Refused: the registry refused; 404 where the digest itself is gone.
        Untrusted: an answer is not what its digest names.
    """
    platforms = indexes.get(digest)
    if platforms is not None:
        named(lambda method: ask(method, digest))  # it may be gone by now
    else:
        platforms = _platforms(ask, digest)
        if len(indexes) >= _REMEMBERED:
            indexes.clear()
        if platforms:  # read from the very bytes of the digest: whoever served them, they say the same elsewhere
            indexes[digest] = platforms
    return tuple(dict.fromkeys(name for child, name in platforms.items() if found(ask, child) is None))


def _platforms(ask: Ask, digest: str) -> Mapping[str, str]:
    """The platforms of an index by the digests of their manifests; none of a single image."""
    top = document(ask("GET", digest), digest, "a manifest")
    if kind_of(top) is not Kind.INDEX:
        return {}
    platforms: dict[str, str] = {}
    for each in images(top):
        # An index is anybody's text: one of ten thousand lines must not become as many requests.
        if each.digest and len(platforms) < MOST:
            platforms.setdefault(each.digest, each.platform or each.digest[:19])
    return platforms
