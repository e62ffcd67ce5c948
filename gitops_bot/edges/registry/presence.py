"""Whether what was pinned is still there: a clean-up of single manifests leaves an index that nobody can pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.edges.registry.content import document
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.manifest import Kind, digest_of, kind_of
from gitops_bot.edges.registry.platforms import MOST, images

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.edges.http import Answer

    #: Asks for the manifest of a digest by a method.
    Ask = Callable[[str, str], Answer]

_NOT_FOUND = 404


def exists(ask: Ask, digest: str) -> bool:
    """Whether there is a manifest of that digest: one HEAD where there is, and GET where a registry knows no HEAD.

    A registry may name what it has by another algorithm than it was asked for, or not at all: then the bytes tell.

    Raises:
        Refused, Untrusted: as `manifest.digest_of`, but for 404.
    """
    try:
        return digest_of(lambda method: ask(method, digest), digest.partition(":")[0]) == digest
    except Refused as refused:
        if refused.is_one_of(_NOT_FOUND):
            return False
        raise


def missing(ask: Ask, digest: str) -> tuple[str, ...]:
    """The platforms of an index whose manifests are gone, in its order; a single image has none to miss.

    Raises:
        Refused: the registry refused; 404 where the digest itself is gone.
        Untrusted: an answer is not what its digest names.
    """
    top = document(ask("GET", digest), digest, "a manifest")
    if kind_of(top) is not Kind.INDEX:
        return ()
    named: dict[str, str] = {}
    for each in images(top):
        if each.digest:
            named.setdefault(each.digest, each.platform or each.digest[:19])
    # An index is anybody's text: one of ten thousand lines must not become as many requests.
    return tuple(dict.fromkeys(name for digest, name in [*named.items()][:MOST] if not exists(ask, digest)))
