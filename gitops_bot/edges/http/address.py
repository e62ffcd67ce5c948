"""Where one address may lead to: redirects, token servers and next pages are named by the other side."""

from __future__ import annotations

import ipaddress
import re

import httpx

from gitops_bot.edges.address import is_loopback

_HOST = re.compile(r"(?:[a-z0-9._-]+|[0-9a-f:.]+)\Z")
#: This machine, and the metadata servers of clouds, by the names that every resolver there knows.
_KNOWN = frozenset({
    "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
    "metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal",
})  # fmt: skip
#: Endings that the internet's DNS does not have: RFC 6762 and 8375, ICANN's resolution on `internal`, Kubernetes.
_ZONES = (".internal", ".local", ".home.arpa", ".svc")
#: Version 6 addresses whose last 32 bits are where the packets go: compatible, mapped (RFC 4291) and NAT64 (RFC 6052).
_EMBEDDING = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))


class Misled(Exception):  # noqa: N818 - who followed the address turns this into an error with the registry's name
    """An address given by a server may not be followed; the text says which and why."""


def host_of(url: httpx.URL) -> str:
    """The host as it is asked for, without port and brackets; `URL.host` raises where `xn--` is followed by junk."""
    return url.raw_host.decode("ascii")


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port; credentials never leave it. httpx drops a port that is the scheme's own."""
    return url.scheme, host_of(url), url.port


def follow(source: httpx.URL, address: str) -> httpx.URL:
    """The address, relative to the one that named it, if it may be asked in its name.

    Never from https to http, and never into a private network: an internet host must not make the bot knock on doors
    that only the bot can reach. A source over plain http is the user's own network, by configuration or loopback.

    The spelling of the host is judged, names are not resolved: a name of the internet whose DNS gives a private address
    (`127.0.0.1.nip.io`) is followed, and so is one that only the user's own DNS knows (`vault.corp.example`). Over
    https it has to show a certificate for that name before it learns anything of the request.

    Raises:
        Misled: it may not.
    """
    return _checked(source, _joined(source, address))


def follow_own(source: httpx.URL, address: str) -> httpx.URL:
    """As `follow`, for an address that a server tells of itself: where its tokens are, or its next page.

    Behind a proxy that ends TLS a server takes itself for one over plain http, at a port of its own: its path and query
    are then asked where the server was found. Nothing is ever sent to the plain address.

    Raises:
        Misled: as in `follow`.
    """
    target = _joined(source, address)
    itself = host_of(target) == host_of(source) and not target.userinfo
    if itself and (source.scheme, target.scheme) == ("https", "http"):
        return source.copy_with(raw_path=target.raw_path, fragment=None)
    return _checked(source, target)


def _joined(source: httpx.URL, address: str) -> httpx.URL:
    try:
        return source.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise Misled(f"an address that cannot be read, {address[:200]!r}") from error


def _checked(source: httpx.URL, target: httpx.URL) -> httpx.URL:
    host = host_of(target)
    shown = f"{target.scheme}://{host}"[:200]
    if target.scheme not in ("http", "https") or not _HOST.match(host) or target.userinfo:
        raise Misled(f"an address that is not supported, {shown!r}")
    if origin(target) == origin(source):
        return target
    if target.scheme == "http" and not _may_be_plain(source, target):
        raise Misled(f"an address without encryption, {shown!r}")
    if source.scheme == "https" and host != host_of(source) and _is_closed(host, host_of(source)):
        raise Misled(f"an address inside a private network, {shown!r}")
    return target


def _may_be_plain(source: httpx.URL, target: httpx.URL) -> bool:
    """Plain http stays within the host it was granted to; a configured one may name its neighbours, loopback not."""
    return source.scheme == "http" and (
        host_of(target) == host_of(source) or is_loopback(host_of(target)) or not is_loopback(host_of(source))
    )


def _is_closed(host: str, source: str) -> bool:
    """Whether a host is not for `source` to name; one inside a network may name the neighbours that have names."""
    return _is_private(host) or (_is_nearby(host) and not (_is_nearby(source) or _is_private(source)))


def _is_private(host: str) -> bool:
    """Whether a host is this machine, a metadata server, or an address that is not the internet's."""
    name = host.rstrip(".")
    try:
        return not _is_public(ipaddress.ip_address(name))
    except ValueError:
        # Resolvers read `127.1` and `0x7f000001` as addresses too; no name of the internet ends in a number.
        last = name.rpartition(".")[2]
        return name in _KNOWN or name.endswith(".localhost") or last.isdigit() or last.startswith("0x")


def _is_nearby(host: str) -> bool:
    """Whether a name is one that only resolvers inside a network have an answer to."""
    name = host.rstrip(".")
    return name.endswith(_ZONES) or not ("." in name or ":" in name)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _EMBEDDING):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF).is_global
        if address.sixtofour is not None:
            return address.sixtofour.is_global
    return address.is_global
