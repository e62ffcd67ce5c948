from __future__ import annotations

import httpx
import pytest

from gitops_bot.edges.http.client import proxy_for

PROXIED = [
    ("https", "https://ghcr.io/", {"HTTPS_PROXY": "http://proxy.lan:3128"}, "http://proxy.lan:3128"),
    ("lower case", "https://ghcr.io/", {"https_proxy": "http://proxy.lan:3128"}, "http://proxy.lan:3128"),
    ("lower case counts first", "https://ghcr.io/", {"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}, "http://a"),
    ("all", "https://ghcr.io/", {"ALL_PROXY": "http://proxy.lan:3128"}, "http://proxy.lan:3128"),
    ("without a scheme", "http://registry.lan/", {"HTTP_PROXY": "proxy.lan:3128"}, "http://proxy.lan:3128"),
    ("another host spared", "https://ghcr.io/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "quay.io, hcr.io"}, "http://p"),
]

DIRECT = [
    ("nothing named", "https://ghcr.io/", {}),
    ("only the other scheme", "https://ghcr.io/", {"HTTP_PROXY": "http://p"}),
    ("empty", "https://ghcr.io/", {"HTTPS_PROXY": ""}),
    ("this machine", "http://127.0.0.1:5000/", {"HTTP_PROXY": "http://p", "ALL_PROXY": "http://p"}),
    ("this machine by name", "http://localhost:5000/", {"HTTP_PROXY": "http://p"}),
    ("this machine, version 6", "http://[::1]:5000/", {"HTTP_PROXY": "http://p"}),
    ("spared", "https://ghcr.io/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "quay.io, ghcr.io"}),
    ("spared in lower case", "https://ghcr.io/", {"https_proxy": "http://p", "no_proxy": "GHCR.io"}),
    ("spared below a name", "https://a.corp.test/", {"HTTPS_PROXY": "http://p", "NO_PROXY": ".corp.test"}),
    ("spared below a bare name", "https://a.corp.test/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "corp.test"}),
    ("spared below a starred name", "https://a.corp.test/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*.corp.test"}),
    ("spared by port", "https://a.test:8443/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.test:8443"}),
    ("all spared", "https://ghcr.io/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}),
]


@pytest.mark.parametrize(("url", "environ", "proxy"), [row[1:] for row in PROXIED], ids=[row[0] for row in PROXIED])
def test_the_proxy_of_the_environment_is_used(url: str, environ: dict[str, str], proxy: str) -> None:
    found = proxy_for(httpx.URL(url), environ)
    assert found is not None
    assert found.url == httpx.URL(proxy)


@pytest.mark.parametrize(("url", "environ"), [row[1:] for row in DIRECT], ids=[row[0] for row in DIRECT])
def test_no_proxy_is_used(url: str, environ: dict[str, str]) -> None:
    assert proxy_for(httpx.URL(url), environ) is None


@pytest.mark.parametrize("address", ["ftp://ada:secret@proxy.lan", "http://ada:secret@[::1", "http://ada:secret@p:x"])
def test_a_proxy_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ValueError, match="not the address of a proxy") as refused:
        proxy_for(httpx.URL("https://ghcr.io/"), {"HTTPS_PROXY": address})
    assert refused.value.__suppress_context__
    assert "secret" not in str(refused.value)
