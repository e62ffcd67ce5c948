"""The versions of a container package (GitHub REST API, "Packages"), for images of ghcr.io."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.edges.registry.login import Basic
from gitops_bot.edges.registry.times import answers
from gitops_bot.edges.registry.times.listing import ListUnusable, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.edges.registry.times.client import ApiClient


def pages(client: ApiClient) -> Callable[[int, str], Page]:
    """Reads a page, by its number. Packages of an organisation and those of a user have different addresses.

    The password for ghcr.io is a token of GitHub, so it is shown here, too.
    """
    image, scheme = client.repository.location, client.repository.host.scheme
    credential = client.repository.login.credential
    token = credential.password if isinstance(credential, Basic) else None
    if token is None and scheme == "https":  # a configuration must not have it sent in plain text
        token = client.token
    if not token:
        raise ListUnusable("it answers nobody without a token with read:packages")
    owner, _, name = image.path.partition("/")
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    root, kinds = f"{scheme}://api.github.com", ["orgs", "users"]
    rest = f"{owner}/packages/container/{quote(name, safe='')}/versions?per_page={answers.SIZE}&state=active"

    def page(number: int, _: str) -> Page:
        answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        if answer.status == 404 and len(kinds) > 1:
            del kinds[0]
            answer = client.get(f"{root}/{kinds[0]}/{rest}&page={number}", headers)
        return answers.ghcr(answer)

    return page
