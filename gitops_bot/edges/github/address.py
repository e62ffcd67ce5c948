"""Validates repositories, tokens and the URL of the API, before they get into a URL or a header."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gitops_bot.edges.address import is_loopback, repository_name
from gitops_bot.errors import Problem, UsageError

#: The environment variable with the address of the API, and where that of github.com is.
API: Final = "GITHUB_API_URL"
API_URL: Final = "https://api.github.com"
#: The variables with the id (or client id) of a GitHub App, and with its private key or the path of a file that has it.
APP_ID: Final = "GITHUB_APP_ID"
APP_KEY, APP_KEY_FILE = "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_PRIVATE_KEY_FILE"

_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}\Z")


def checked_api(api_url: str) -> str:
    """The URL, if it can be an API. Raises UsageError without its text, which may contain a login."""
    try:
        url = urlsplit(api_url)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.scheme not in ("http", "https") or "@" in url.netloc or url.query or url.fragment:
        raise unusable(f"{API} is not an API URL", f"use {API_URL}, or https://HOST/api/v3 for GitHub Enterprise")
    return api_url


def check(repository: str | None, token: str | None, api_url: str) -> None:
    """Insist that these are valid in a URL and in a header, and that a token may be sent there.

    Raises:
        UsageError: without the text of the token, or of the URL, which may contain a login.
    """
    if repository is not None and repository_name(repository) != repository:
        raise unusable(f"{repository[:200]!r} is not a repository on GitHub", "write OWNER/NAME, as in acme/deploy")
    if token is not None and not _TOKEN.match(token):
        raise unusable(
            "the GitHub token is empty or has invalid characters",
            "set GITHUB_TOKEN or GH_TOKEN again, without quotes, spaces or line breaks",
        )
    url = urlsplit(checked_api(api_url))
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise unusable(
            f"the API at {url.hostname!s:.200} is not encrypted: anyone in between could read the token",
            f"write https:// in {API}",
        )


def source_repository(source: str, api_url: str) -> str | None:
    """The `owner/name` in the URL of a source repository, if it is on the server of this API.

    The API of github.com and of NAME.ghe.com is at `api.`, that of a GitHub Enterprise Server below `/api/v3`.
    """
    try:
        api, url = urlsplit(api_url), urlsplit(source)
    except ValueError:
        return None
    server = api.netloc.lower()
    if not api.path.strip("/"):
        server = server.removeprefix("api.")
    if url.scheme not in ("http", "https") or url.netloc.lower().removeprefix("www.") != server:
        return None
    return repository_name("/".join(url.path.strip("/").split("/")[:2]))


def unusable(message: str, way_out: str) -> UsageError:
    """The error for a setting that cannot be used."""
    return UsageError(Problem("failed.usage", message, way_out))
