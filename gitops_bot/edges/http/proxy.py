from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http.address import host_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for this address, in either case of letters.

    Never one for this machine. CIDR blocks in NO_PROXY are not understood, as in most tools.

    Raises:
        ValueError: the address of the proxy is none that can be used; the text does not hold it (nor its password).
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
