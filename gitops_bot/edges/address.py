"""Which repository is meant: `--repository OWNER/NAME | URL | PATH`, or the origin of a checkout. Sends no request.

How many parts the name of a repository has, its forge says by a range: `OWNER_AND_NAME`, or `range(2, 23)` where up to
twenty groups lie in one another (`group/sub/project`).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from gitops_bot import redact
from gitops_bot.errors import Problem, UsageError

_LIMIT = 2000
#: The grammar of an account and of a repository.
_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})"
_NAME = r"[A-Za-z0-9._-]{1,100}"
_REPOSITORY = re.compile(rf"{_OWNER}(?:/{_NAME})+\Z")
OWNER_AND_NAME = range(2, 3)
#: `user@host:path`, as scp has it; two colons would be a transport helper.
_SCP = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?P<path>[^:-].*)\Z"
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ADVICE = "Give it as OWNER/NAME, https://HOST/OWNER/NAME, git@HOST:OWNER/NAME, or a path."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is. `url` is for git and may be printed, because the login is kept separately.

    `name` is `owner/name`, or as many parts as its forge allows; None for a path, and for what cannot be on that forge.
    `server` is the origin of an https (or http) URL.
    """

    url: str
    host: str | None = None
    name: str | None = None
    server: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def origin(text: str, what: str, advice: str) -> str:
    """Scheme, host and port of a server's URL; `what` names it in errors. Raises UsageError if it is invalid."""
    parts, address = _split(text, what)
    if parts.scheme not in ("https", "http") or parts.path.strip("/") or parts.query or parts.username is not None:
        raise _refusal(f"{what} is {_quote(text)}, not a server URL", advice)
    return address


def parse(text: str, *, server: str, parts: range = OWNER_AND_NAME, here: Path | None = None) -> Address:
    """Read the user's text. `OWNER/NAME` is at `server`; write `./owner/name` for such a path.

    `parts`: how many a name has on that server's forge. A relative path is relative to `here`. Plain http is accepted
    for this machine and for `server` only.

    Raises:
        UsageError: it cannot be a repository, or its protocol is not allowed; a login in it is not shown.
    """
    if not text or len(text) > _LIMIT or _UNPRINTABLE.search(text) or text.startswith("-"):
        raise _refusal(f"{_quote(text)} is not a repository URL")
    if "://" in text:
        return _of_url(text, server, parts)
    if _REPOSITORY.match(text) and (name := repository_name(text, parts)):
        return Address(f"{server}/{name}.git", urlsplit(server).hostname, name, server)
    if match := _SCP.match(text):
        return Address(text, match["host"].strip("[]").lower(), repository_name(match["path"], parts))
    if "::" in text.partition("/")[0]:
        raise _refusal(f"{_quote(text)} needs a transport helper, which is never run")
    return Address((here or Path.cwd()).joinpath(text).absolute().as_uri())


def _of_url(text: str, server: str, parts: range) -> Address:
    url, origin = _split(text, "the address")
    if url.scheme == "file":
        path = unquote(url.path)
        if url.netloc not in ("", "localhost") or not path.startswith("/") or _UNPRINTABLE.search(path):
            raise _refusal(f"{_quote(text)} is not a folder on this machine", "As in file:///srv/deploy.")
        return Address(Path(path).as_uri())
    if url.scheme not in ("https", "http", "ssh"):
        raise _refusal(f"{_quote(text)} uses a protocol that is not allowed")
    host = (url.hostname or "").lower()
    if not (_HOST.match(host) or _is_ip(host)) or url.query or url.fragment or not url.path.strip("/"):
        raise _refusal(f"{_quote(text)} is not a repository URL")
    if url.scheme == "ssh":
        if url.password is not None or not _USER.match(url.username or "git"):
            raise _refusal(f"{_quote(text)} has credentials in it, which ssh does not take", "Use an ssh key instead.")
        return Address(text, host, repository_name(url.path, parts))
    if url.scheme == "http" and origin != server and not is_loopback(host):
        raise _refusal(f"{_quote(text)} is not encrypted", "Use https.")
    username, password = (None if part is None else unquote(part) for part in (url.username, url.password))
    redact.learn(password)
    return Address(f"{origin}{url.path}", host, repository_name(url.path, parts), origin, username, password)


def is_loopback(host: str) -> bool:
    """Whether a host (without a port) is this machine by name: localhost, 127.0.0.0/8, ::1."""
    bare = host.strip("[]")
    return host == "localhost" or (_is_ip(bare) and ipaddress.ip_address(bare).is_loopback)


def _is_ip(host: str) -> bool:
    try:
        # A zone (`fe80::1%eth0`) may be any text.
        return "%" not in host and bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _split(text: str, what: str) -> tuple[SplitResult, str]:
    """The parts of a URL, and scheme, host and port of it; the port unless it is the default of http or https."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # Python's message would quote the login.
        raise _refusal(f"{what} {_quote(text)} cannot be read") from None
    host = (parts.hostname or "").lower()
    host_text = f"[{host}]" if ":" in host else host
    is_usual = port in (None, {"https": 443, "http": 80}.get(parts.scheme))
    return parts, f"{parts.scheme}://{host_text}" + ("" if is_usual else f":{port}")


def repository_name(path: str, parts: range = OWNER_AND_NAME) -> str | None:
    """The repository of a path on a forge: `/acme/deploy.git` is `acme/deploy`; None if it is none there."""
    name = path.strip("/").removesuffix(".git")
    names = name.split("/")
    return name if _REPOSITORY.match(name) and len(names) in parts and not {".", ".."} & set(names) else None


def _quote(text: str) -> str:
    """The quoted text, shortened, without a login."""
    scheme, slashes, rest = text.partition("//")
    _login, at, address = rest.rpartition("@")
    return repr(f"{scheme}{slashes}{'***@' if at else ''}{address}"[:200])


def _refusal(message: str, advice: str = _ADVICE) -> UsageError:
    return UsageError(Problem("failed.usage", message, advice))
