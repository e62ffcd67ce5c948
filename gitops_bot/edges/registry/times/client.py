from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.times.listing import ListUnusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.host import ImageRepository

#: Bytes of one page.
_PAGE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Sends the requests for the images of one repository. `token` is that of the forge with its packages, if any."""

    http: Http
    repository: ImageRepository
    token: str | None = field(repr=False)

    def own(self, prefix: str, rest: str) -> Answer:
        """An answer of the registry itself, below a prefix, with its own login. Raises Unfit if it refused."""
        try:
            return self.repository.get(rest, "application/json", _PAGE_BYTES, api=prefix)
        except Refused as refused:
            raise ListUnusable(f"{refused.host} answered {refused.status}") from None

    def get(self, address: str, headers: Mapping[str, str]) -> Answer:
        """An answer from any address."""
        headers = {"Accept": "application/json", **headers}
        return self.http.request("GET", httpx.URL(address), headers, limit=_PAGE_BYTES)
