"""Parses the lists of images and times that the APIs of registries return.

Entries of another form than documented are skipped. A list of another form raises ListUnusable: the images themselves
are read instead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.registry.describe import parse_time
from gitops_bot.edges.registry.times.listing import ListUnusable, Page, Version
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from gitops_bot.edges.http import Answer

#: Images on a page; the most that these APIs give.
SIZE: Final = 100
#: Values in one answer, counted before parsing because objects take many times the memory of their text.
MOST_VALUES: Final = 1_000_000


def ghcr(answer: Answer) -> Page:
    """`GET /{orgs,users}/OWNER/packages/container/NAME/versions` (see `ghcr`)."""
    entries = _list(_parsed(answer))
    versions = tuple(
        Version(_digest(entry.get("name")), _time(entry.get("created_at")), _tags(_container(entry)))
        for entry in entries
    )
    return Page(versions, len(entries) < SIZE)


def docker_hub(answer: Answer) -> Page:
    """`GET /v2/namespaces/NAMESPACE/repositories/NAME/tags` (Docker Hub API)."""
    document = _map(_parsed(answer))
    versions = tuple(
        Version(
            _digest(entry.get("digest")),
            _time(entry.get("tag_last_pushed")) or _time(entry.get("last_updated")),
            _tags([entry.get("name")]),
        )
        for entry in _list(document.get("results"))
    )
    return Page(versions, document.get("next") is None)


def harbor(answer: Answer) -> Page:
    """`GET /projects/PROJECT/repositories/NAME/artifacts` (Harbor API 2.0)."""
    entries = _list(_parsed(answer))
    versions = tuple(
        Version(
            _digest(entry.get("digest")),
            _time(entry.get("push_time")),
            _tags([tag.get("name") for tag in _list(entry.get("tags") or [])]),
        )
        for entry in entries
    )
    return Page(versions, len(entries) < SIZE)


def quay(answer: Answer) -> Page:
    """`GET /api/v1/repository/NAME/tag/` (Quay API 1)."""
    document = _map(_parsed(answer))
    versions = tuple(
        Version(_digest(entry.get("manifest_digest")), _seconds(entry.get("start_ts")), _tags([entry.get("name")]))
        for entry in _list(document.get("tags"))
    )
    return Page(versions, document.get("has_additional") is not True)


def azure(answer: Answer) -> Page:
    """`GET /acr/v1/NAME/_tags` (Azure Container Registry, data plane)."""
    entries = _list(_map(_parsed(answer)).get("tags") or [])
    versions = tuple(
        Version(_digest(entry.get("digest")), _time(entry.get("lastUpdateTime")), _tags([entry.get("name")]))
        for entry in entries
    )
    return Page(versions, "link" not in answer.headers)


def google(answer: Answer) -> Page:
    """`GET /v2/NAME/tags/list`, with what Google adds to it: every image, on one page, in no order."""
    manifests = _map(_parsed(answer)).get("manifest")
    versions = tuple(
        Version(_digest(digest), _seconds(entry.get("timeUploadedMs"), 1000), _tags(entry.get("tag")))
        for digest, entry in _map(manifests).items()
        if isinstance(entry, dict)
    )
    return Page(versions, is_last="link" not in answer.headers)


def _parsed(answer: Answer) -> Any:
    if answer.status != 200:
        raise ListUnusable(f"{answer.host} answered {answer.status}")
    if answer.body.count(b",") > MOST_VALUES:
        raise ListUnusable(f"{answer.host} answered with more than {MOST_VALUES} values")
    if (document := answer.json()) is None:
        raise ListUnusable(f"{answer.host} answered something that is not JSON")
    return document


def _list(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ListUnusable("its answer has no list of images")
    return [entry for entry in value if isinstance(entry, dict)]


def _map(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ListUnusable("its answer has no list of images")
    return value


def _container(version: dict[str, Any]) -> object:
    match version:
        case {"metadata": {"container": {"tags": list(tags)}}}:
            return tags
        case _:
            return None


def _digest(value: object) -> str | None:
    return value if isinstance(value, str) and is_digest(value) else None


def _tags(value: object) -> tuple[str, ...]:
    tags = value if isinstance(value, list) else []
    return tuple(tag for tag in tags if isinstance(tag, str) and is_tag(tag))


def _time(value: object) -> datetime | None:
    return parse_time(value) if isinstance(value, str) else None


def _seconds(value: object, of: int = 1) -> datetime | None:
    """Parse a time since 1970 in seconds, or in units of which a second has `of`; a number, or the text of one."""
    if isinstance(value, str) and len(value) < 20 and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / of, UTC)
    except (ValueError, OverflowError, OSError):
        return None
