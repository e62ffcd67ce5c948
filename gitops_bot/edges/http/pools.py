"""A pool of connections for each origin, with the proxy, trusted authorities and pace that apply to it."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http.address import host_of, origin
from gitops_bot.edges.http.failure import NoResponse, nowhere
from gitops_bot.edges.http.pace import CONCURRENCY, Clock, Pace
from gitops_bot.edges.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Tuning:
    """Limits for one host: concurrent requests, and requests per second if configured."""

    concurrency: int = CONCURRENCY
    rate: float | None = None


@dataclass(slots=True)
class Pools:
    """The pools of connections of a run, one for each origin; see `Http`. Safe to use from many threads."""

    clock: Clock
    environ: Mapping[str, str] = field(repr=False)
    tunings: Mapping[str, Tuning]
    transport: httpx.BaseTransport | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pools: dict[tuple[str, str, int | None], tuple[Pace, httpx.BaseTransport]] = field(default_factory=dict)
    _trust: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for _, transport in pools.values():
            transport.close()

    def for_url(self, url: httpx.URL) -> tuple[Pace, httpx.BaseTransport]:
        """The pace of requests to the origin of a URL, and its connections, made on first use.

        Raises:
            NoResponse: the address or the proxy is unusable.
        """
        key = origin(url)
        with self._lock:
            if key not in self._pools:
                tuning = self.tunings.get(url.netloc.decode("ascii"), Tuning())
                pace = Pace(self.clock, tuning.concurrency, tuning.rate)
                self._pools[key] = pace, self.transport or self._connect(url, tuning)
            return self._pools[key]

    def _connect(self, url: httpx.URL, tuning: Tuning) -> httpx.BaseTransport:
        if url.port is not None and url.port > 65535:  # which getaddrinfo would take modulo 65536
            raise nowhere()
        limits = httpx.Limits(
            max_connections=tuning.concurrency, max_keepalive_connections=tuning.concurrency, keepalive_expiry=60.0
        )
        # Reading the authorities takes 10 ms of CPU: plain http gets a context that trusts nobody.
        trust = self._authorities() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return Transport(trust, limits, proxy_for(url, self.environ))
        except (ValueError, ImportError) as error:
            raise NoResponse(
                f"cannot be queried: the proxy in {url.scheme.upper()}_PROXY or ALL_PROXY is not usable",
                "Give it as http://HOST:PORT, or name the registry in NO_PROXY.",
            ) from error

    def _authorities(self) -> ssl.SSLContext:
        """The trusted authorities: those of SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's."""
        if self._trust is None:
            file, folder = self.environ.get("SSL_CERT_FILE") or None, self.environ.get("SSL_CERT_DIR") or None
            try:
                if file or folder:
                    self._trust = ssl.create_default_context(cafile=file, capath=folder)
                else:
                    self._trust = httpx.create_ssl_context(trust_env=False)
            except OSError as error:
                what = f"cannot be queried: SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error.strerror}"
                raise NoResponse(what, "It must name certificates in PEM format.", reached=False) from error
        return self._trust


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """The proxy from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case; never for this machine.

    CIDR blocks in NO_PROXY are not supported, as in most tools.

    Raises:
        ValueError: the proxy's address is unusable; the text does not contain it (nor its password).
    """
    named = {name.lower(): value for name, value in sorted(environ.items()) if name.lower().endswith("_proxy")}
    address = named.get(f"{url.scheme}_proxy") or named.get("all_proxy")
    if not address or is_loopback(host_of(url)) or _spared(url, named.get("no_proxy", "")):
        return None
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        raise ValueError("not the address of a proxy") from None


def _spared(url: httpx.URL, no_proxy: str) -> bool:
    host, authority = host_of(url), url.netloc.decode("ascii")
    for name in no_proxy.lower().split(","):
        bare = name.strip().removeprefix("*").removeprefix(".")
        if name.strip() == "*" or (bare and (bare in (host, authority) or host.endswith(f".{bare}"))):
            return True
    return False
