from __future__ import annotations

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.edges.registry.host import base_url

PLAIN = RegistryAccess(plain_http=True)
BASES = [
    ("encrypted by default", "ghcr.io", RegistryAccess(), "https://ghcr.io/"),
    ("a port", "registry.lan:5000", RegistryAccess(), "https://registry.lan:5000/"),
    ("a private address", "10.0.0.5:5000", RegistryAccess(), "https://10.0.0.5:5000/"),
    ("Docker Hub", "docker.io", RegistryAccess(), "https://registry-1.docker.io/"),
    ("plain where configured", "registry.lan:5000", PLAIN, "http://registry.lan:5000/"),
    ("plain on loopback", "127.0.0.1:5000", RegistryAccess(), "http://127.0.0.1:5000/"),
    (
        "TLS on loopback where it is configured", "127.0.0.1:5000", RegistryAccess(plain_http=False),
        "https://127.0.0.1:5000/",
    ),
    ("plain on loopback by name", "localhost:5000", RegistryAccess(username="ada"), "http://localhost:5000/"),
    ("plain on loopback, version 6", "[::1]:5000", RegistryAccess(), "http://[::1]:5000/"),
    ("a host that only looks like junk", "xn--a.b", RegistryAccess(), "https://xn--a.b/"),
    (
        "encrypted where it only looks like loopback", "localhost.evil.test", RegistryAccess(),
        "https://localhost.evil.test/",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("registry", "access", "url"), [row[1:] for row in BASES], ids=[row[0] for row in BASES])
def test_where_a_registry_is(registry: str, access: RegistryAccess, url: str) -> None:
    assert str(base_url(registry, access)) == url


@pytest.mark.parametrize("registry", ["999.1.1.1", "[::::]", "[....]", "[::ffff:1.2.3.4.5]", "a b\n", "a:x"])
def test_what_is_no_host_is_an_error(registry: str) -> None:
    with pytest.raises(Untrusted, match="not a valid host and port"):
        base_url(registry, RegistryAccess())
