"""Build times from a registry's own list of its images, which begins with the newest.

Documented by: Docker Hub API; Harbor API 2.0 (swagger); Google, the additions of `tags/list` that
go-containerregistry reads; Quay API 1; Azure Container Registry, data plane; GitHub REST API, "Packages".

Entries of another form than documented are skipped. A list of another form raises ListUnusable: the images themselves
are read instead.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never
from urllib.parse import quote

import httpx

from gitops_bot.edges.http import parse_json
from gitops_bot.edges.registry.credentials import Basic, basic
from gitops_bot.edges.registry.describe import built
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.errors import ForgeError
from gitops_bot.images import moment
from gitops_bot.images.build import BuildTimes
from gitops_bot.images.reference import DOCKER_HUB, is_digest, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from gitops_bot.edges.facts import PackageApi
    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.images.reference import Pin

#: Pages of one list. With a hundred images on each, that is more than reading the images themselves would cost.
MOST_PAGES: Final = 30


class ListUnusable(Exception):  # noqa: N818 - no error: images are read instead
    """The registry's list of images cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """One image of a list; `time` is when the registry received it. None is unknown."""

    digest: str | None
    time: datetime | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackagePage:
    """Some images, in the registry's order; `is_last` where no more follow."""

    versions: tuple[PackageVersion, ...]
    is_last: bool


def newest_first(read_page: Callable[[int, str], PackagePage], wanted: Collection[str], pin: Pin) -> BuildTimes:
    """When the registry got the images of the `wanted` tags and of the pin, in as few pages as are needed.

    `read_page` reads a page, by its number from 1 and the last tag of the page before. Reading ends once the pin and
    a wanted tag were met: what follows is older. No registry promises that order, so a list out of order is read to its
    end.

    A digest that the list does not have is as old as its tag at most: the tag was pushed again later.

    Raises:
        ListUnusable: the list is too long.
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


#: Images on a page; the most that these APIs give.
SIZE: Final = 100
#: Values in one answer, counted before parsing because objects take many times the memory of their text.
MOST_VALUES: Final = 1_000_000


def ghcr(answer: Answer) -> PackagePage:
    """`GET /{orgs,users}/OWNER/packages/container/NAME/versions` (see `ghcr`)."""
    entries = _list(_parsed(answer))
    versions = tuple(_version(each.get("name"), _time(each.get("created_at")), _container(each)) for each in entries)
    return PackagePage(versions, len(entries) < SIZE)


def docker_hub(answer: Answer) -> PackagePage:
    """`GET /v2/namespaces/NAMESPACE/repositories/NAME/tags` (Docker Hub API)."""
    document = _map(_parsed(answer))
    versions = tuple(
        _version(
            entry.get("digest"),
            _time(entry.get("tag_last_pushed")) or _time(entry.get("last_updated")),
            [entry.get("name")],
        )
        for entry in _list(document.get("results"))
    )
    return PackagePage(versions, document.get("next") is None)


def harbor(answer: Answer) -> PackagePage:
    """`GET /projects/PROJECT/repositories/NAME/artifacts` (Harbor API 2.0)."""
    entries = _list(_parsed(answer))
    versions = tuple(
        _version(
            entry.get("digest"),
            _time(entry.get("push_time")),
            [tag.get("name") for tag in _list(entry.get("tags") or [])],
        )
        for entry in entries
    )
    return PackagePage(versions, len(entries) < SIZE)


def quay(answer: Answer) -> PackagePage:
    """`GET /api/v1/repository/NAME/tag/` (Quay API 1)."""
    document = _map(_parsed(answer))
    versions = tuple(
        _version(entry.get("manifest_digest"), _seconds(entry.get("start_ts")), [entry.get("name")])
        for entry in _list(document.get("tags"))
    )
    return PackagePage(versions, document.get("has_additional") is not True)


def azure(answer: Answer) -> PackagePage:
    """`GET /acr/v1/NAME/_tags` (Azure Container Registry, data plane)."""
    entries = _list(_map(_parsed(answer)).get("tags") or [])
    versions = tuple(
        _version(entry.get("digest"), _time(entry.get("lastUpdateTime")), [entry.get("name")]) for entry in entries
    )
    return PackagePage(versions, "link" not in answer.headers)


def google(answer: Answer) -> PackagePage:
    """`GET /v2/NAME/tags/list`, with what Google adds to it: every image, on one page, in no order."""
    manifests = _map(_parsed(answer)).get("manifest")
    versions = tuple(
        _version(digest, _seconds(entry.get("timeUploadedMs"), 1000), entry.get("tag"))
        for digest, entry in _map(manifests).items()
        if isinstance(entry, dict)
    )
    return PackagePage(versions, is_last="link" not in answer.headers)


def _parsed(answer: Answer) -> Any:
    if answer.status != 200:
        raise ListUnusable(f"{answer.host} answered {answer.status}")
    if answer.body.count(b",") > MOST_VALUES:
        raise ListUnusable(f"{answer.host} answered with more than {MOST_VALUES} values")
    if (document := parse_json(answer.body)) is None:
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


def _version(digest: object, time: datetime | None, tags: object) -> PackageVersion:
    """An entry of a list, without what is no digest and no tag."""
    valid = [tag for tag in tags if isinstance(tag, str) and is_tag(tag)] if isinstance(tags, list) else []
    return PackageVersion(digest if isinstance(digest, str) and is_digest(digest) else None, time, tuple(valid))


def _time(value: object) -> datetime | None:
    return built(value) if isinstance(value, str) else None


def _seconds(value: object, of: int = 1) -> datetime | None:
    """Parse a time since 1970 in seconds, or in units of which a second has `of`; a number, or the text of one."""
    if isinstance(value, str) and len(value) < 20 and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return moment.of_seconds(value / of)
    except (ValueError, OverflowError):  # a number beyond all measure is none of these
        return None


#: Bytes of one page.
_PAGE_BYTES: Final = 16 * 1024 * 1024
Api = Literal["GHCR", "Docker Hub", "Harbor", "Google", "Quay", "Azure"]

_NAMED: Final[Mapping[str, Api]] = {"ghcr.io": "GHCR", "quay.io": "Quay", DOCKER_HUB: "Docker Hub"}
_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io\Z|[a-z0-9-]+-docker\.pkg\.dev\Z")
_AZURE = re.compile(r"[a-z0-9.-]+\.azurecr\.(?:io|us|cn)\Z")
#: How a Harbor calls itself where it says who gives tokens.
HARBOR_SERVICE = "harbor-registry"


def api_of(registry: str, service: str) -> Api | None:
    """The API that a registry has, by its name, or by what it calls itself."""
    if (named := _NAMED.get(registry)) is not None:
        return named
    if _GOOGLE.match(registry):
        return "Google"
    if _AZURE.match(registry):
        return "Azure"
    return "Harbor" if service == HARBOR_SERVICE else None


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Sends the requests for the images of one repository. `packages`: how its forge lists them, if one does."""

    http: Http
    repository: ImageRepository
    packages: PackageApi | None = None

    def own(self, prefix: str, rest: str) -> Answer:
        """An answer of the registry itself, below a prefix, with its own login. Raises ListUnusable if it refused."""
        try:
            return self.repository.get(rest, "application/json", _PAGE_BYTES, api=prefix)
        except Refused as refused:
            raise ListUnusable(f"{refused.host} answered {refused.status}") from None

    def get(self, address: str, headers: Mapping[str, str]) -> Answer:
        """An answer from any address."""
        headers = {"Accept": "application/json", **headers}
        return self.http.request("GET", httpx.URL(address), headers, limit=_PAGE_BYTES)


def pages(api: Api, client: ApiClient) -> Callable[[int, str], PackagePage]:
    """Reads a page of the list of images, by its number and the last tag of the page before."""
    size, image = SIZE, client.repository.location
    scheme, credential = client.repository.host.base.scheme, client.repository.login.credential
    match api:
        case "GHCR":
            return _ghcr_pages(client)
        case "Docker Hub":
            namespace, _, name = image.path.partition("/")
            address = f"{scheme}://hub.docker.com/v2/namespaces/{namespace}/repositories/{quote(name, safe='')}/tags"
            query = f"page_size={size}&ordering=last_updated"
            return lambda number, _: docker_hub(client.get(f"{address}?{query}&page={number}", {}))
        case "Harbor":
            project, _, name = image.path.partition("/")
            # What is behind the project is one part of the address, whose slashes the router would take for its own.
            name = quote(quote(name, safe=""), safe="")
            address = f"{scheme}://{image.registry}/api/v2.0/projects/{project}/repositories/{name}/artifacts"
            query = f"page_size={size}&with_tag=true&sort=-push_time"
            headers = {"Authorization": basic(credential)} if isinstance(credential, Basic) else {}
            return lambda number, _: harbor(client.get(f"{address}?{query}&page={number}", headers))
        case "Google":
            return lambda *_: google(client.own("v2", "tags/list"))
        case "Quay":
            address = f"{scheme}://{image.registry}/api/v1/repository/{image.path}/tag/"
            query = f"limit={size}&onlyActiveTags=true"
            return lambda number, _: quay(client.get(f"{address}?{query}&page={number}", {}))
        case "Azure":
            query = f"_tags?n={size}&orderby=timedesc"

            def page(number: int, last: str) -> PackagePage:
                if number > 1 and not last:
                    raise ListUnusable("a page without a tag cannot be continued")
                return azure(client.own("acr/v1", f"{query}&last={last}" if last else query))

            return page
        case _:
            assert_never(api)


def _ghcr_pages(client: ApiClient) -> Callable[[int, str], PackagePage]:
    """Reads a page, by its number. Packages of an organisation and those of a user have different addresses.

    The password for the registry is a token of its forge, so it is shown here, too.
    """
    packages = client.packages
    if packages is None:
        raise ListUnusable("no forge lists its images")
    image, scheme = client.repository.location, client.repository.host.base.scheme
    credential = client.repository.login.credential
    token = credential.password if isinstance(credential, Basic) else None
    if token is None and scheme == "https" and packages.token is not None:  # never in plain text
        with suppress(ForgeError):
            token = packages.token()
    if not token:
        raise ListUnusable("it answers nobody without a token with read:packages")
    owner, _, name = image.path.partition("/")
    headers = {"Authorization": f"Bearer {token}", **packages.headers}
    root, kinds = f"{scheme}://{packages.host}", ["orgs", "users"]
    rest = f"{owner}/packages/container/{quote(name, safe='')}/versions?per_page={SIZE}&state=active"

    def page(number: int, _: str) -> PackagePage:
        answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        if answer.status == 404 and len(kinds) > 1:
            del kinds[0]
            answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        return ghcr(answer)

    return page
