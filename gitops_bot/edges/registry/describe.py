"""What an image says of itself, in two requests; three where it is an index, of which one image stands for all.

Where label and annotation differ, the label counts, and both before what the configuration implies: the one order that
the OCI image specification gives ("Conversion to OCI Runtime Configuration", Annotations), and what runtimes show. It
has none for index and manifest: the index goes first, as it is what a pin names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from gitops_bot.edges.registry.content import document
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.labels import address, line, moment, said
from gitops_bot.edges.registry.manifest import ACCEPT, LIMIT, Kind, kind_of
from gitops_bot.edges.registry.platforms import images, names, platform, representative
from gitops_bot.images.build import Build
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from gitops_bot.edges.http import Answer

    #: Gets what is below a repository's name, with what is accepted and at most so many bytes.
    Fetch = Callable[[str, str, int], Answer]
    Document = Mapping[str, Any]

#: Bytes of a configuration; a real one has some thousand.
CONFIG_LIMIT = 1024 * 1024
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
#: Bytes of one layer that may be true.
_MOST_BYTES = 1 << 50


def describe(fetch: Fetch, digest: str) -> Build:
    """The image or index of that digest, described; empty where it is neither.

    Raises:
        Refused: the registry refused; 404 where there is no such digest.
        Untrusted: an answer is not what its digest names.
    """
    top = document(fetch(f"manifests/{digest}", ACCEPT, LIMIT), digest, "a manifest")
    match kind_of(top):
        case Kind.IMAGE:
            return _described(fetch, {}, top, None, ())
        case Kind.INDEX:
            found = images(top)
            chosen = representative(found)
            if chosen is None:
                return _described(fetch, top, {}, None, names(found))
            manifest = _named(fetch, f"manifests/{chosen.digest}", ACCEPT, LIMIT, chosen.digest, "a manifest")
            manifest = manifest if kind_of(manifest) is Kind.IMAGE else {}
            return _described(fetch, top, manifest, chosen.platform, names(found))
        case None:
            return Build()
        case never:
            assert_never(never)


def _described(
    fetch: Fetch, index: Document, manifest: Document, sized: str | None, platforms: tuple[str, ...]
) -> Build:
    config = _config(fetch, manifest)
    own = config.get("config")
    labels = own.get("Labels") if isinstance(own, dict) else None
    places = (labels, index.get("annotations"), manifest.get("annotations"))
    sized = sized or platform(config)
    size = _size(manifest) if sized else None
    return Build(
        created=said("created", moment, *places) or _implied(config),
        source=said("source", address, *places),
        revision=said("revision", line, *places),
        version=said("version", line, *places),
        platforms=platforms or ((sized,) if sized and not index else ()),
        size=size,
        sized=sized if size is not None else None,
    )


def _implied(config: Document) -> datetime | None:
    created = config.get("created")
    return moment(created) if isinstance(created, str) else None


def _config(fetch: Fetch, manifest: Document) -> Document:
    """The configuration of an image; empty where it is that of something else, such as a chart."""
    match manifest.get("config"):
        case {"mediaType": kind, "digest": str(digest)} if kind in _CONFIGS and is_digest(digest):
            return _named(fetch, f"blobs/{digest}", "*/*", CONFIG_LIMIT, digest, "a configuration")
        case _:
            return {}


def _named(fetch: Fetch, rest: str, accept: str, limit: int, digest: str, wanted: str) -> Document:
    """What a manifest or index names; empty where the registry does not have it, as of an index copied in part."""
    try:
        return document(fetch(rest, accept, limit), digest, wanted)
    except Refused as refused:
        if refused.is_one_of(404):
            return {}
        raise


def _size(manifest: Document) -> int | None:
    """The bytes of configuration and layers, each blob once, as it is pulled once; None where one is not said."""
    layers = manifest.get("layers")
    sizes: dict[object, int] = {}
    for each in (manifest.get("config"), *(layers if isinstance(layers, list) else (None,))):
        match each:
            case {"digest": str(digest), "size": int(size)} if not isinstance(size, bool) and 0 <= size < _MOST_BYTES:
                sizes[digest] = size
            case _:
                return None
    return sum(sizes.values())
