"""The variables and the address of the API, which must be valid before any request."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from gitops_bot.errors import Problem, UsageError

#: The environment variable with the address of the API, and where that of github.com is.
API: Final = "GITHUB_API_URL"
API_URL: Final = "https://api.github.com"
#: The variables with the id (or client id) of a GitHub App, and with its private key or the path of a file that has it.
APP_ID: Final = "GITHUB_APP_ID"
APP_KEY, APP_KEY_FILE = "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_PRIVATE_KEY_FILE"


def check_api(api_url: str) -> SplitResult:
    """The parts of the URL of an API. Raises UsageError without its text, which may contain a login."""
    try:
        url = urlsplit(api_url)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.scheme not in ("http", "https") or "@" in url.netloc or url.query or url.fragment:
        raise unusable(f"{API} is not an API URL", f"use {API_URL}, or https://HOST/api/v3 for GitHub Enterprise")
    return url


def unusable(message: str, way_out: str) -> UsageError:
    """The error for a setting that cannot be used."""
    return UsageError(Problem("failed.usage", message, way_out))
