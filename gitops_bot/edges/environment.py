"""The variables that git, its helpers, ssh and the hooks of a local repository get: what they need, and no secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Who and where the user is, how to connect, whom to trust, and which libraries to load. Names of passwords cannot be
#: told by their spelling, so whatever is not listed stays here.
_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|TZDIR|LANG|LANGUAGE|LC_[A-Z]+|LOCPATH|TMPDIR|TMP|TEMP|XDG_[A-Z_]+"
    r"|(?:HTTP|HTTPS|ALL|NO)_PROXY|(?:http|https|all|no)_proxy"
    r"|SSL_CERT_(?:FILE|DIR)|NIX_SSL_CERT_FILE|CURL_CA_BUNDLE|CURL_HOME|OPENSSL_[A-Z]+|GNUTLS_[A-Z_]+"
    r"|SSH_(?:AUTH_SOCK|AGENT_PID|ASKPASS|SK_PROVIDER)|KRB5[A-Z0-9_]*|DBUS_SESSION_BUS_ADDRESS|GNUPGHOME"
    r"|LD_[A-Z_]+|DYLD_[A-Z_]+|NSS_WRAPPER_[A-Z]+|MALLOC_[A-Z_]+"
)
CHECK_PROXY: Final = "Check the proxy, or name the host in NO_PROXY."
#: A variable in a line of shell, such as a credential helper or a command for ssh.
_NAMED = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
#: What else holds logins for other places: settings of git, as headers of HTTP, and logins for every registry.
_GITS, _DOCKERS = re.compile(r"GIT_(?:CONFIG|HTTP|PROXY|SSH|SSL)_.+|GIT_SSH"), ("DOCKER_AUTH_CONFIG", "DOCKER_CONFIG")


def belongs_to(variable: str) -> str | None:
    """Whose variable this is, if it cannot be the password of one registry."""
    if variable in _DOCKERS:
        return "Docker"
    if _GITS.fullmatch(variable):
        return "git"
    return "this machine" if _KEPT.fullmatch(variable) else None


def proxy(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable with the proxy for a URL, and its value: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, but for NO_PROXY.

    In upper or lower case. CIDR blocks in NO_PROXY are not supported, as in most tools.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return None
    spelt = {name.lower(): (name, value) for name, value in sorted(environ.items()) if name.lower().endswith("_proxy")}
    found = [spelt[name] for name in (f"{parts.scheme}_proxy", "all_proxy") if name in spelt and spelt[name][1]]
    host, authority = (parts.hostname or "").lower(), parts.netloc.rpartition("@")[2].lower()
    for name in spelt.get("no_proxy", ("", ""))[1].lower().split(","):
        bare = name.strip().removeprefix("*").removeprefix(".")
        if name.strip() == "*" or (bare and (bare in (host, authority) or host.endswith(f".{bare}"))):
            return None
    return found[0] if found else None


def through_proxy(url: str, environ: Mapping[str, str]) -> str:
    """`through HTTPS_PROXY=http://proxy.example.com:3128`, without a login; empty where no proxy is in between."""
    if (found := proxy(url, environ)) is None:
        return ""
    scheme, slashes, address = found[1].rpartition("://")
    return f"through {found[0]}={scheme}{slashes}{address.rpartition('@')[2][:200]}"


def for_git(environ: Mapping[str, str], own: re.Pattern[str]) -> dict[str, str]:
    """The variables for git; `own` matches those of git itself that it may have.

    What these name as `$NAME` is passed on too: the user's own credential helper, or command for ssh, needs it.
    """
    kept = {name: value for name, value in environ.items() if own.fullmatch(name)}
    named = {name for value in kept.values() for name in _NAMED.findall(value) if not name.startswith("GIT_")}
    return kept | {name: value for name, value in environ.items() if _KEPT.fullmatch(name) or name in named}
