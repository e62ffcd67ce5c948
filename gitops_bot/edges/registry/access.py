from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import host_of
from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from gitops_bot.config import RegistryAccess


def base_url(registry: str, access: RegistryAccess) -> httpx.URL:
    """Where the API of a registry is: Docker Hub has it under another name, and plain http is for the trusted.

    Raises:
        Untrusted: the name is no host and port.
    """
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    try:
        url = httpx.URL(f"https://{host}/")
    except httpx.InvalidURL as error:
        raise Untrusted("is not a valid host and port", "Check the name of the image.") from error
    return url.copy_with(scheme="http") if access.plain_http or is_loopback(host_of(url)) else url
