"""Where the API is, whether a token may be sent there, and which repositories it speaks of."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from gitops_bot.errors import Problem, UsageError

API_URL = "https://api.github.com"

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9_.-]{1,100}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}\Z")


def checked_repository(name: str) -> str:
    """`owner/name`, as it may stand in an address.

    Raises:
        UsageError: it is none.
    """
    if not _is_repository(name):
        raise _unusable(f"{name[:200]!r} is not a repository on GitHub", "write OWNER/NAME, as in acme/deploy")
    return name


def checked_token(token: str) -> str:
    """A token, as it may stand in a header.

    Raises:
        UsageError: it is none; it is never part of the text.
    """
    if not _TOKEN.match(token):
        raise _unusable(
            "the token for GitHub is empty or has characters that no token has",
            "set GITHUB_TOKEN or GH_TOKEN anew, without quotes, spaces and line ends",
        )
    return token


def checked_api(api_url: str) -> str:
    """The address, if a token may be sent there.

    Raises:
        UsageError: it may not.
    """
    from gitops_bot.edges.http import is_loopback

    try:
        url = urlsplit(api_url)
        host, _ = url.hostname or "", url.port
    except ValueError:
        host = ""
    if not host or url.scheme not in ("http", "https") or "@" in url.netloc or url.query or url.fragment:
        raise _unusable(
            "GITHUB_API_URL is not the address of an API",
            f"write {API_URL}, or https://HOST/api/v3 for GitHub Enterprise",
        )
    if url.scheme == "http" and not is_loopback(host):
        raise _unusable(
            f"the API at {host[:200]} is asked without encryption, and everyone on the way would see the token",
            "write https:// in GITHUB_API_URL",
        )
    return api_url


def source_repository(source: str, api_url: str) -> str | None:
    """The `owner/name` that the address of a source repository names, if it is on the server of this API.

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
    name = "/".join(url.path.strip("/").split("/")[:2]).removesuffix(".git")
    return name if _is_repository(name) else None


def _is_repository(name: str) -> bool:
    return _REPOSITORY.match(name) is not None and not name.endswith(("/.", "/.."))


def _unusable(message: str, way_out: str) -> UsageError:
    return UsageError(Problem("failed.usage", message, way_out))
