"""Where one address may lead to: redirects, token servers and next pages are named by the other side."""

from __future__ import annotations

import ipaddress
import re

import httpx

_HOST = re.compile(r"(?:[a-z0-9._-]+|[0-9a-f:.]+)\Z")


class Misled(Exception):  # noqa: N818 - who followed the address turns this into an error with the registry's name
    """An address given by a server may not be followed; the text says which and why."""


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port; credentials never leave it. httpx drops a port that is the scheme's own."""
    return url.scheme, url.host, url.port


def is_loopback(host: str) -> bool:
    """Whether a host (without a port) is this machine by its very name: localhost, 127.0.0.0/8, ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def follow(source: httpx.URL, address: str) -> httpx.URL:
    """The address, relative to the one that named it, if it may be asked in its name.

    Never from https to http, and never into a private network: an internet host must not make the bot knock on doors
    that only the bot can reach. A source over plain http is the user's own network, by configuration or loopback.

    Raises:
        Misled: it may not.
    """
    try:
        target = source.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise Misled(f"an address that cannot be read, {address[:200]!r}") from error
    host = target.raw_host.decode("ascii")
    shown = f"{target.scheme}://{host}"[:200]
    if target.scheme not in ("http", "https") or not _HOST.match(host) or target.userinfo:
        raise Misled(f"an address that cannot be asked, {shown!r}")
    if origin(target) == origin(source):
        return target
    if target.scheme == "http" and not _may_be_plain(source, target):
        raise Misled(f"an address without encryption, {shown!r}")
    if _is_private(host) and source.scheme == "https" and target.host != source.host:
        raise Misled(f"an address inside a private network, {shown!r}")
    return target


def _may_be_plain(source: httpx.URL, target: httpx.URL) -> bool:
    """Plain http stays within the host it was granted to; a configured one may name its neighbours, loopback not."""
    return source.scheme == "http" and (
        target.host == source.host or is_loopback(target.host) or not is_loopback(source.host)
    )


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # Resolvers read `127.1` and `0x7f000001` as addresses too; no name of the internet ends in a number.
        last = host.rstrip(".").rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")
