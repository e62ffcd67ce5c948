"""Which addresses given by a server may be followed: redirects, token servers and next pages."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

import httpx

from gitops_bot.edges.address import is_loopback

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


def host_of(url: httpx.URL) -> str:
    """The host without port and brackets; `URL.host` raises if `xn--` is followed by junk."""
    return url.raw_host.decode("ascii")


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port: credentials never leave it. httpx drops the scheme's own port."""
    return url.scheme, host_of(url), url.port


def follow(source: httpx.URL, address: str) -> httpx.URL:
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
        target = source.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise UnsafeAddress(f"an address that cannot be read, {address[:200]!r}") from error
    host, named_by = host_of(target), host_of(source)
    text = f"{target.scheme}://{host}"[:200]
    if target.scheme not in ("http", "https") or not _HOST.match(host) or target.userinfo:
        raise UnsafeAddress(f"an address that is not supported, {text!r}")
    if origin(target) == origin(source):
        return target
    # Plain http stays on the same host; a configured one may name its neighbours, loopback may not.
    if target.scheme == "http" and not (
        source.scheme == "http" and (host == named_by or is_loopback(host) or not is_loopback(named_by))
    ):
        raise UnsafeAddress(f"an address without encryption, {text!r}")
    # A source inside a network may name neighbours by name.
    if (
        source.scheme == "https"
        and host != named_by
        and (_is_private(host) or (_is_nearby(host) and not (_is_nearby(named_by) or _is_private(named_by))))
    ):
        raise UnsafeAddress(f"an address inside a private network, {text!r}")
    return target


def follow_own(source: httpx.URL, address: str) -> httpx.URL:
    """Like `follow`, for an address that a server gives of itself: its token server, or its next page.

    A server behind a proxy that terminates TLS may name itself over plain http and at another port: then its path and
    query are requested at the origin where it was found, and nothing is sent over plain http.

    Raises:
        UnsafeAddress: it may not be followed.
    """
    with suppress(httpx.InvalidURL, ValueError):  # `follow` says what is wrong
        target = source.join(address)
        itself = host_of(target) == host_of(source) and not target.userinfo
        if itself and (source.scheme, target.scheme) == ("https", "http"):
            return source.copy_with(raw_path=target.raw_path, fragment=None)
    return follow(source, address)


def _is_private(host: str) -> bool:
    """Whether a host is this machine, a metadata server, or has an address outside the public internet."""
    name = host.rstrip(".")
    with suppress(ValueError):
        return not _is_public(ipaddress.ip_address(name))
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
