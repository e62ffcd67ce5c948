"""Build times from a registry's own list of its images, which begins with the newest.

Documented by: Docker Hub API; Harbor API 2.0 (swagger); Google, the additions of `tags/list` that go-containerregistry
reads; Quay API 1; Azure Container Registry, data plane; GitHub REST API, "Packages". Entries of another form are
skipped; for a list of another form the images themselves are read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, starmap
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
    """When the registry got the images of the `wanted` tags and of the pin, in as few pages as are needed; ListUnusable
    after too many. `read_page` reads one, by its number from 1 and the last tag of the page before.

    Reading ends once the pin and a wanted tag were met: what follows is older. No registry promises that order, so a
    list out of order is read to its end. A digest that the list does not have is as old as its tag at most: the tag was
    pushed again later.
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


def read_page(api: Api, answer: Answer) -> PackagePage:
    """The page in the answer of an API."""
    if answer.status != 200:
        raise ListUnusable(f"{answer.host} answered {answer.status}")
    if (document := parse_json(answer.body)) is None:
        raise ListUnusable(f"{answer.host} answered something that is not JSON")
    is_last = "link" not in answer.headers
    match api:
        case "GHCR":
            entries = _list(document)
            is_last = len(entries) < SIZE
            versions = [(each.get("name"), _time(each.get("created_at")), _container(each)) for each in entries]
        case "Docker Hub":
            is_last = _map(document).get("next") is None
            versions = [
                (each.get("digest"), _time(each.get("tag_last_pushed")) or _time(each.get("last_updated")), _name(each))
                for each in _list(document.get("results"))
            ]
        case "Harbor":
            entries = _list(document)
            is_last = len(entries) < SIZE
            versions = [
                (each.get("digest"), _time(each.get("push_time")), [*chain(*map(_name, _list(each.get("tags") or [])))])
                for each in entries
            ]
        case "Quay":
            is_last = _map(document).get("has_additional") is not True
            versions = [
                (each.get("manifest_digest"), _seconds(each.get("start_ts")), _name(each))
                for each in _list(document.get("tags"))
            ]
        case "Azure":
            entries = _list(_map(document).get("tags") or [])
            versions = [(each.get("digest"), _time(each.get("lastUpdateTime")), _name(each)) for each in entries]
        case "Google":  # what it adds to the list of tags: every image, on one page, in no order
            versions = [
                (digest, _seconds(each.get("timeUploadedMs"), 1000), each.get("tag"))
                for digest, each in _map(_map(document).get("manifest")).items()
                if isinstance(each, dict)
            ]
        case _:
            assert_never(api)
    return PackagePage(tuple(starmap(_version, versions)), is_last)


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


def _name(entry: dict[str, Any]) -> list[object]:
    return [entry.get("name")]


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
    with suppress(ValueError, OverflowError):  # a number beyond all measure is none of these
        return moment.of_seconds(value / of)
    return None


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Reads the list of images of one repository. `packages`: how its forge lists them, if one does."""

    api: Api
    http: Http
    repository: ImageRepository
    packages: PackageApi | None
    #: Packages of an organisation and those of a user have different addresses.
    _owners: list[str] = field(default_factory=lambda: ["orgs", "users"])

    def page(self, number: int, last: str) -> PackagePage:
        """A page, by its number from 1 and the last tag of the page before. Raises ListUnusable."""
        return read_page(self.api, self._answer(number, last))

    def _answer(self, number: int, last: str) -> Answer:
        registry, path = self.repository.location.registry, self.repository.location.path
        owner, _, name = path.partition("/")
        name = quote(name, safe="")
        match self.api:
            case "GHCR":
                return self._packages(f"{owner}/packages/container/{name}/versions", number)
            case "Docker Hub":
                address = f"hub.docker.com/v2/namespaces/{owner}/repositories/{name}/tags"
                return self._get(f"{address}?page_size={SIZE}&ordering=last_updated&page={number}")
            case "Harbor":
                # The name is one part of the address: the router would take its slashes for its own.
                address = f"{registry}/api/v2.0/projects/{owner}/repositories/{quote(name, safe='')}/artifacts"
                credential = self.repository.login.credential
                headers = {"Authorization": basic(credential)} if isinstance(credential, Basic) else {}
                return self._get(f"{address}?page_size={SIZE}&with_tag=true&sort=-push_time&page={number}", headers)
            case "Quay":
                address = f"{registry}/api/v1/repository/{path}/tag/"
                return self._get(f"{address}?limit={SIZE}&onlyActiveTags=true&page={number}")
            case "Google":
                return self._own("v2", "tags/list")
            case "Azure":
                if number > 1 and not last:
                    raise ListUnusable("a page without a tag cannot be continued")
                return self._own("acr/v1", f"_tags?n={SIZE}&orderby=timedesc" + (f"&last={last}" if last else ""))
            case _:
                assert_never(self.api)

    def _own(self, prefix: str, rest: str) -> Answer:
        """An answer of the registry itself, below a prefix, with its own login."""
        try:
            return self.repository.get(rest, "application/json", _PAGE_BYTES, api=prefix)
        except Refused as refused:
            raise ListUnusable(f"{refused.host} answered {refused.status}") from None

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer from any address."""
        url = httpx.URL(f"{self.repository.host.base.scheme}://{address}")
        return self.http.request("GET", url, {"Accept": "application/json", **(headers or {})}, limit=_PAGE_BYTES)

    def _packages(self, rest: str, number: int) -> Answer:
        """An answer of the forge. The password for the registry is a token of it, so it is shown here, too."""
        packages, credential = self.packages, self.repository.login.credential
        if packages is None:
            raise ListUnusable("no forge lists its images")
        token = credential.password if isinstance(credential, Basic) else None
        # Its own token never goes in plain text.
        if token is None and self.repository.host.base.scheme == "https" and packages.token is not None:
            with suppress(ForgeError):
                token = packages.token()
        if not token:
            raise ListUnusable("it answers nobody without a token with read:packages")
        while True:
            address = f"{packages.host}/{self._owners[0]}/{rest}?per_page={SIZE}&state=active&page={number}"
            answer = self._get(address, {"Authorization": f"Bearer {token}", **packages.headers})
            if answer.status != 404 or len(self._owners) == 1:
                return answer
            del self._owners[0]
