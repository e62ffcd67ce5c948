"""What an image says about itself, in two requests; three for an index, of which one image is described.

A label precedes an annotation, and both the configuration: the only order in the OCI image specification ("Conversion
to OCI Runtime Configuration", Annotations). Annotations of the pinned index precede the manifest's. Labels end up in
pull requests: a value that is no time, web address or short line is ignored.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from gitops_bot.edges.registry.failure import IfPresent
from gitops_bot.edges.registry.manifest import platform, read
from gitops_bot.images import moment
from gitops_bot.images.age import EARLIEST
from gitops_bot.images.build import CREATED, Build
from gitops_bot.images.reference import is_digest
from gitops_bot.redact import strike

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.edges.registry.manifest import Document
    from gitops_bot.images.build import Manifest


#: Labels and annotations that are kept; a real image has some dozens.
_MOST_LABELS = 200
#: The largest plausible layer.
_MOST_BYTES = 1 << 50


def describe(repository: ImageRepository, digest: str) -> Build:
    """The description of the image or index of that digest; empty if it is neither."""
    manifest = top = repository.document(digest)
    what = read(top)
    if what.representative is not None:
        manifest = {}
        with IfPresent():  # what an index names is missing after a partial copy
            manifest = repository.document(what.representative.digest)
    config = configuration(repository, manifest) if read(manifest).kind == "image" else None
    return _build(top, what, manifest, config or {})


def _build(top: Document, what: Manifest, manifest: Document, config: Document) -> Build:
    """The description by these documents: `top` is pinned, and of it one `manifest` and its configuration are read."""
    chosen = what.representative
    sources = (labels(config), top.get("annotations"), manifest.get("annotations"))
    sized = (chosen.platform if chosen is not None else None) or platform(config)
    size, count = (_size(manifest) if sized else None) or (None, None)
    # The labels and annotations that are short lines, as many as count; of one name, the first.
    lines: dict[str, str] = {}
    for name, text in ((name, text) for source in sources if isinstance(source, dict) for name, text in source.items()):
        line = parse_line(text) if isinstance(text, str) and len(name) <= _LINE and name not in lines else None
        if line is not None and len(lines) < _MOST_LABELS:
            lines[name] = line
    return Build(
        created=created_in(*sources, {CREATED: config.get("created")}),
        source=first_label("source", parse_url, *sources),
        revision=first_label("revision", parse_line, *sources),
        version=first_label("version", parse_line, *sources),
        platforms=what.platforms or ((sized,) if sized and len(what.images) <= 1 else ()),
        size=size,
        sized=sized if size is not None else None,
        layers=count,
        labels=lines,
    )


def labels(config: Document) -> object:
    """The labels in the configuration of an image, of any type; None if it has none."""
    container = config.get("config")
    return container.get("Labels") if isinstance(container, dict) else None


def configuration(repository: ImageRepository, manifest: Document) -> Document | None:
    """The configuration that the manifest of an image names; None if the registry lacks it, empty if it names none."""
    match manifest.get("config"):
        case {"digest": str(digest)} if is_digest(digest):
            with IfPresent():  # it is missing after a partial copy
                return repository.document(digest, config=True)
            return None
        case _:
            return {}


def _size(manifest: Document) -> tuple[int, int] | None:
    """The size of configuration and layers, each blob once, as it is pulled, and how many layers; None if one is
    missing.
    """
    layers = manifest.get("layers")
    if not isinstance(layers, list):
        return None
    sizes: dict[object, int] = {}
    for blob in (manifest.get("config"), *layers):
        match blob:
            case {"digest": str(digest), "size": int(size)} if not isinstance(size, bool) and 0 <= size < _MOST_BYTES:
                sizes[digest] = size
            case _:
                return None
    return sum(sizes.values()), len(layers)


T = TypeVar("T")

_PREFIX = "org.opencontainers.image."
#: RFC 3339, 5.6; `fromisoformat` also accepts dates without a time and times without a zone.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_LINE, _ADDRESS = 200, 500
#: RFC 3986, 2: the characters of an address.
_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+:[0-9a-f:.]*")


def first_label(name: str, read: Callable[[str], T | None], *sources: object) -> T | None:
    """The first readable value of a label in these maps, in order."""
    for source in sources:
        text = source.get(_PREFIX + name) if isinstance(source, dict) else None
        if isinstance(text, str) and (value := read(text)) is not None:
            return value
    return None


def created_in(*sources: object) -> datetime | None:
    """The first build time in these maps, in order; a placeholder of build tools only where nothing else stands."""
    return first_label("created", built, *sources) or first_label("created", parse_time, *sources)


def built(text: str) -> datetime | None:
    """Parse a build time; None for the placeholders of build tools."""
    time = parse_time(text)
    return time if time is not None and time >= EARLIEST else None


def parse_time(text: str) -> datetime | None:
    """A time in UTC."""
    with suppress(ValueError):
        return moment.parse(text) if _TIME.fullmatch(text) else None
    return None


def parse_line(text: str) -> str | None:
    """One short printable line without secrets (a git remote in a pipeline may contain one)."""
    stripped = text.strip()
    return stripped if 0 < len(stripped) <= _LINE and stripped.isprintable() and strike(stripped) == stripped else None


def parse_url(text: str) -> str | None:
    """A web address without a login or token, as a pipeline may leave in it."""
    if len(text) > _ADDRESS or not _IN_ADDRESS.fullmatch(text) or strike(text) != text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    fine = parts.scheme in ("http", "https") and "@" not in parts.netloc and host and _HOST.fullmatch(host)
    return text if fine else None
