from __future__ import annotations

from dataclasses import dataclass

import httpx

from gitops_bot.edges.http import is_loopback
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
    """Where the API of a registry is: Docker Hub has it under another name, and plain http is for the trusted."""
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    url = httpx.URL(f"https://{host}/")
    return url.copy_with(scheme="http") if access.plain_http or is_loopback(url.host) else url
