"""Addresses of servers, and which that a server gives may be followed: redirects, token servers and next pages."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, urljoin

from gitops_bot.edges.address import is_loopback

#: RFC 3986, appendix B: scheme, authority, path, query; the fragment is never sent. And the parts of an authority.
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#.*)?\Z")
_AUTHORITY = re.compile(r"(?:(.*)@)?(\[.*\]|[^:@]*)(?::([0-9]{0,9}))?\Z")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}\Z")
#: Characters of path and query together.
LONGEST = 65536
#: What is sent as it is in a path and a query, beside letters and digits.
_IN_PATH, _IN_QUERY = "!$%&'()*+,/:;=@[\\]^|", "!$%&'()*+,/:;=@[\\]^|?`{}"
_OWN_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?:[a-z0-9._-]+|[0-9a-f:.]+)\Z")
#: Names of this machine, and of the metadata servers of clouds.
_KNOWN = frozenset({
    "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
    "metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal",
})  # fmt: skip
#: Suffixes that public DNS does not have: RFC 6762 and 8375, ICANN's resolution on `internal`, Kubernetes.
_ZONES = (".internal", ".local", ".home.arpa", ".svc")
#: IPv6 networks with an IPv4 address in the last 32 bits: compatible, mapped (RFC 4291), NAT64 (RFC 6052).
_EMBEDDING = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))


class UnsafeAddress(Exception):  # noqa: N818 - who followed the address turns this into an error with the registry's name
    """An address given by a server may not be followed; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Url:
    """The address of a request, in normal form. `host` has no brackets, `port` is None where it is the scheme's own.

    `query` begins with its question mark, and is empty without one. `userinfo` is what stands before an `@`.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""
    userinfo: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address, also a relative one: then there is no scheme or no host.

        Raises:
            ValueError: it is none, or its host and port cannot be told for certain. The text does not quote it: it may
                hold a login.
        """
        match = _URL.match(text)
        if match is None or text.startswith(":") or any(not " " <= character != "\x7f" for character in text):
            raise ValueError("not an address")
        scheme, authority = (match[1] or "").lower(), _AUTHORITY.match(match[2] or "")
        if authority is None or not authority[2].isascii() or (authority[3] and not authority[2]):
            raise ValueError("not a host and port")
        host = authority[2].lower()
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            ipaddress.IPv6Address(host)  # its error is a ValueError, too
        elif _IPV4.match(host):
            ipaddress.IPv4Address(host)
        else:
            host = quote(host, safe="!$%&'()*+,;=|`{}\"\\")
        port = int(authority[3]) if authority[3] else None
        path = quote(match[3] or ("/" if authority[2] else ""), safe=_IN_PATH)
        query = quote(match[4] or "", safe=_IN_QUERY)
        if len(path) + len(query) > LONGEST or (not authority[2] and path.startswith("//")):
            raise ValueError("not an address")
        own = _OWN_PORTS.get(scheme)
        return cls(scheme, host, None if port == own else port, path, query, authority[1] or "")

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port: credentials never leave it."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """The host, with a port other than the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        login = f"{self.userinfo}@" if self.userinfo else ""
        address = f"//{login}{self.netloc}" if self.host or login else ""
        return f"{self.scheme}:{address}{self.path}{self.query}" if self.scheme else f"{address}{self.path}{self.query}"


def follow(source: Url, address: str) -> Url:
    """The address, relative to the one that named it, if it may be followed.

    Never from https to http, and never into a private network: an internet host must not make the bot probe hosts that
    only the bot can reach. A source over plain http is in the user's own network, by configuration or loopback.

    Only the spelling of the host counts; names are not resolved. A public name that resolves to a private address
    (`127.0.0.1.nip.io`) is followed, and so is one that only the user's DNS knows (`vault.corp.example`): over https it
    must show a certificate for its name before it sees the request.

    Raises:
        UnsafeAddress: it may not be followed.
    """
    try:
        target = Url.parse(urljoin(str(source), str(Url.parse(address))))
    except ValueError as error:
        raise UnsafeAddress(f"an address that cannot be read, {address[:200]!r}") from error
    host = target.host
    text = f"{target.scheme}://{host}"[:200]
    if target.scheme not in ("http", "https") or not _HOST.match(host) or target.userinfo:
        raise UnsafeAddress(f"an address that is not supported, {text!r}")
    if target.origin == source.origin:
        return target
    # Plain http stays on the same host; a configured one may name its neighbours, loopback may not.
    if target.scheme == "http" and not (
        source.scheme == "http" and (host == source.host or is_loopback(host) or not is_loopback(source.host))
    ):
        raise UnsafeAddress(f"an address without encryption, {text!r}")
    if source.scheme == "https" and host != source.host and _is_closed(host, source.host):
        raise UnsafeAddress(f"an address inside a private network, {text!r}")
    return target


def follow_own(source: Url, address: str) -> Url:
    """Like `follow`, for an address that a server gives of itself: its token server, or its next page.

    A server behind a proxy that terminates TLS may name itself over plain http and at another port: then its path and
    query are requested at the origin where it was found, and nothing is sent over plain http.

    Raises:
        UnsafeAddress: it may not be followed.
    """
    try:
        target = Url.parse(address)
    except ValueError:
        return follow(source, address)  # which says what is wrong
    itself = target.host == source.host and not target.userinfo
    if itself and (source.scheme, target.scheme) == ("https", "http"):
        return replace(source, path=target.path, query=target.query)
    return follow(source, address)


def _is_closed(host: str, source: str) -> bool:
    """Whether `source` may not name this host; a source inside a network may name neighbours by name."""
    return _is_private(host) or (_is_nearby(host) and not (_is_nearby(source) or _is_private(source)))


def _is_private(host: str) -> bool:
    """Whether a host is this machine, a metadata server, or has an address outside the public internet."""
    name = host.rstrip(".")
    try:
        return not _is_public(ipaddress.ip_address(name))
    except ValueError:
        # Resolvers also read `127.1` and `0x7f000001` as addresses; no public name ends in a number.
        last = name.rpartition(".")[2]
        return name in _KNOWN or name.endswith(".localhost") or last.isdigit() or last.startswith("0x")


def _is_nearby(host: str) -> bool:
    """Whether only resolvers inside a network can know this name."""
    name = host.rstrip(".")
    return name.endswith(_ZONES) or not ("." in name or ":" in name)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _EMBEDDING):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF).is_global
        if address.sixtofour is not None:
            return address.sixtofour.is_global
    return address.is_global
