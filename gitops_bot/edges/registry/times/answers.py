"""What the APIs of registries answer when asked for images and their times, read into one form.

Whatever has another form than documented is left out, or makes the list unfit: then images are read instead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.registry.describe import moment
from gitops_bot.edges.registry.times.listing import Page, Unfit, Version
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from gitops_bot.edges.http import Answer

#: Images on a page; the most that these APIs give.
SIZE: Final = 100
#: Values in one answer, counted before parsing because objects take many times the memory of their text.
MOST_VALUES: Final = 1_000_000


def ghcr(answer: Answer) -> Page:
    """`GET /{orgs,users}/OWNER/packages/container/NAME/versions` (see `ghcr`)."""
    listed = _list(_parsed(answer))
    versions = tuple(
        Version(_digest(each.get("name")), _time(each.get("created_at")), _tags(_container(each))) for each in listed
    )
    return Page(versions, len(listed) < SIZE)


def docker_hub(answer: Answer) -> Page:
    """`GET /v2/namespaces/NAMESPACE/repositories/NAME/tags` (Docker Hub API)."""
    document = _map(_parsed(answer))
    versions = tuple(
        Version(
            _digest(each.get("digest")),
            _time(each.get("tag_last_pushed")) or _time(each.get("last_updated")),
            _tags([each.get("name")]),
        )
        for each in _list(document.get("results"))
    )
    return Page(versions, document.get("next") is None)


def harbor(answer: Answer) -> Page:
    """`GET /projects/PROJECT/repositories/NAME/artifacts` (Harbor API 2.0)."""
    listed = _list(_parsed(answer))
    versions = tuple(
        Version(
            _digest(each.get("digest")),
            _time(each.get("push_time")),
            _tags([tag.get("name") for tag in _list(each.get("tags") or [])]),
        )
        for each in listed
    )
    return Page(versions, len(listed) < SIZE)


def quay(answer: Answer) -> Page:
    """`GET /api/v1/repository/NAME/tag/` (Quay API 1)."""
    document = _map(_parsed(answer))
    versions = tuple(
        Version(_digest(each.get("manifest_digest")), _seconds(each.get("start_ts")), _tags([each.get("name")]))
        for each in _list(document.get("tags"))
    )
    return Page(versions, document.get("has_additional") is not True)


def azure(answer: Answer) -> Page:
    """`GET /acr/v1/NAME/_tags` (Azure Container Registry, data plane)."""
    listed = _list(_map(_parsed(answer)).get("tags") or [])
    versions = tuple(
        Version(_digest(each.get("digest")), _time(each.get("lastUpdateTime")), _tags([each.get("name")]))
        for each in listed
    )
    return Page(versions, "link" not in answer.headers)


def google(answer: Answer) -> Page:
    """`GET /v2/NAME/tags/list`, with what Google adds to it: every image, on one page, in no order."""
    manifests = _map(_parsed(answer)).get("manifest")
    versions = tuple(
        Version(_digest(digest), _seconds(each.get("timeUploadedMs"), 1000), _tags(each.get("tag")))
        for digest, each in _map(manifests).items()
        if isinstance(each, dict)
    )
    return Page(versions, is_last="link" not in answer.headers)


def _parsed(answer: Answer) -> Any:
    if answer.status != 200:
        raise Unfit(f"{answer.host} answered {answer.status}")
    if answer.body.count(b",") > MOST_VALUES:
        raise Unfit(f"{answer.host} answered with more than {MOST_VALUES} values")
    if (document := answer.json()) is None:
        raise Unfit(f"{answer.host} answered something that is no JSON")
    return document


def _list(found: object) -> list[dict[str, Any]]:
    if not isinstance(found, list):
        raise Unfit("its answer has no list of images")
    return [each for each in found if isinstance(each, dict)]


def _map(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Unfit("its answer has no list of images")
    return found


def _container(version: dict[str, Any]) -> object:
    match version:
        case {"metadata": {"container": {"tags": list(tags)}}}:
            return tags
        case _:
            return None


def _digest(found: object) -> str | None:
    return found if isinstance(found, str) and is_digest(found) else None


def _tags(found: object) -> tuple[str, ...]:
    listed = found if isinstance(found, list) else []
    return tuple(each for each in listed if isinstance(each, str) and is_tag(each))


def _time(found: object) -> datetime | None:
    return moment(found) if isinstance(found, str) else None


def _seconds(found: object, of: int = 1) -> datetime | None:
    """A time since 1970, in seconds or in parts of them; as a number, or as the text of one."""
    if isinstance(found, str) and len(found) < 20 and found.isdecimal():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        return None
    try:
        return datetime.fromtimestamp(found / of, UTC)
    except (ValueError, OverflowError, OSError):
        return None
