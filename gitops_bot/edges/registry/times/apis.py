"""Which registries have an API with the times of images, and where it is.

Documented by: Docker Hub API; Harbor API 2.0 (swagger); Google, the additions of `tags/list` that
go-containerregistry reads; Quay API 1; Azure Container Registry, data plane; GitHub REST API, "Packages".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, assert_never
from urllib.parse import quote

import httpx

from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.login import Basic, basic
from gitops_bot.edges.registry.times import answers
from gitops_bot.edges.registry.times.listing import ListUnusable, Page
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.edges.facts import PackageApi
    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.host import ImageRepository

#: Bytes of one page.
_PAGE_BYTES: Final = 16 * 1024 * 1024
Api = Literal["GHCR", "Docker Hub", "Harbor", "Google", "Quay", "Azure"]

_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io\Z|[a-z0-9-]+-docker\.pkg\.dev\Z")
_AZURE = re.compile(r"[a-z0-9.-]+\.azurecr\.(?:io|us|cn)\Z")
#: How a Harbor calls itself where it says who gives tokens.
HARBOR_SERVICE = "harbor-registry"


def api_of(registry: str, service: str) -> Api | None:
    """The API that a registry has, by its name, or by what it calls itself."""
    match registry:
        case "ghcr.io":
            return "GHCR"
        case "quay.io":
            return "Quay"
        case _ if registry == DOCKER_HUB:
            return "Docker Hub"
        case _ if _GOOGLE.match(registry):
            return "Google"
        case _ if _AZURE.match(registry):
            return "Azure"
        case _:
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


def pages(api: Api, client: ApiClient) -> Callable[[int, str], Page]:
    """Reads a page of the list of images, by its number and the last tag of the page before."""
    size, image = answers.SIZE, client.repository.location
    scheme, credential = client.repository.host.scheme, client.repository.login.credential
    match api:
        case "GHCR":
            return _ghcr_pages(client)
        case "Docker Hub":
            namespace, _, name = image.path.partition("/")
            address = f"{scheme}://hub.docker.com/v2/namespaces/{namespace}/repositories/{quote(name, safe='')}/tags"
            query = f"page_size={size}&ordering=last_updated"
            return lambda number, _: answers.docker_hub(client.get(f"{address}?{query}&page={number}", {}))
        case "Harbor":
            project, _, name = image.path.partition("/")
            # What is behind the project is one part of the address, whose slashes the router would take for its own.
            name = quote(quote(name, safe=""), safe="")
            address = f"{scheme}://{image.registry}/api/v2.0/projects/{project}/repositories/{name}/artifacts"
            query = f"page_size={size}&with_tag=true&sort=-push_time"
            headers = {"Authorization": basic(credential)} if isinstance(credential, Basic) else {}
            return lambda number, _: answers.harbor(client.get(f"{address}?{query}&page={number}", headers))
        case "Google":
            return lambda *_: answers.google(client.own("v2", "tags/list"))
        case "Quay":
            address = f"{scheme}://{image.registry}/api/v1/repository/{image.path}/tag/"
            query = f"limit={size}&onlyActiveTags=true"
            return lambda number, _: answers.quay(client.get(f"{address}?{query}&page={number}", {}))
        case "Azure":
            query = f"_tags?n={size}&orderby=timedesc"

            def page(number: int, last: str) -> Page:
                if number > 1 and not last:
                    raise ListUnusable("a page without a tag cannot be continued")
                return answers.azure(client.own("acr/v1", f"{query}&last={last}" if last else query))

            return page
        case _:
            assert_never(api)


def _ghcr_pages(client: ApiClient) -> Callable[[int, str], Page]:
    """Reads a page, by its number. Packages of an organisation and those of a user have different addresses.

    The password for the registry is a token of its forge, so it is shown here, too.
    """
    packages = client.packages
    if packages is None:
        raise ListUnusable("no forge lists its images")
    image, scheme = client.repository.location, client.repository.host.scheme
    credential = client.repository.login.credential
    token = credential.password if isinstance(credential, Basic) else None
    if token is None and scheme == "https":  # a configuration must not have it sent in plain text
        token = packages.token
    if not token:
        raise ListUnusable("it answers nobody without a token with read:packages")
    owner, _, name = image.path.partition("/")
    headers = {"Authorization": f"Bearer {token}", **packages.headers}
    root, kinds = f"{scheme}://{packages.host}", ["orgs", "users"]
    rest = f"{owner}/packages/container/{quote(name, safe='')}/versions?per_page={answers.SIZE}&state=active"

    def page(number: int, _: str) -> Page:
        answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        if answer.status == 404 and len(kinds) > 1:
            del kinds[0]
            answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        return answers.ghcr(answer)

    return page
