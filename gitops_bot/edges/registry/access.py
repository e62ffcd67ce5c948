from __future__ import annotations

from dataclasses import dataclass

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import host_of
from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.images.reference import DOCKER_HUB


@dataclass(frozen=True, slots=True)
class Access:
    """What `registries:` in gitops-bot.yaml says of one registry.

    The password is named by its environment variable and read when it is needed. `plain_http` allows http without
    TLS, which only loopback has by itself. `concurrency` counts requests under way, `rate` requests per second.
    """

    username: str | None = None
    password_env: str | None = None
    plain_http: bool = False
    concurrency: int | None = None
    rate: float | None = None


def base_url(registry: str, access: Access) -> httpx.URL:
    """Where the API of a registry is: Docker Hub has it under another name, and plain http is for the trusted.

    Raises:
        Untrusted: the name is no host and port.
    """
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    try:
        url = httpx.URL(f"https://{host}/")
    except httpx.InvalidURL as error:
        raise Untrusted("cannot be asked: it is no valid host and port", "Check the name of the image.") from error
    return url.copy_with(scheme="http") if access.plain_http or is_loopback(host_of(url)) else url
