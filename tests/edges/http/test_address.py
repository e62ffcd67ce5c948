from __future__ import annotations

import httpx
import pytest

from gitops_bot.edges.http.address import UnsafeAddress, follow, follow_own, origin

FOLLOWED = [
    ("the same host", "https://ghcr.io/v2/", "/token?x=1", "https://ghcr.io/token?x=1"),
    ("an empty host is the own one", "https://ghcr.io/v2/", "https:///token", "https://ghcr.io/token"),
    (
        "another host over https", "https://registry-1.docker.io/", "https://auth.docker.io/token",
        "https://auth.docker.io/token",
    ),
    ("the scheme's own port", "https://ghcr.io/v2/", "https://ghcr.io:443/token", "https://ghcr.io/token"),
    (
        "the registry's own private address", "https://10.0.0.5/", "https://10.0.0.5:8443/token",
        "https://10.0.0.5:8443/token",
    ),
    (
        "from loopback to loopback", "http://127.0.0.1:5000/", "http://127.0.0.1:6000/token",
        "http://127.0.0.1:6000/token",
    ),
    ("from loopback to localhost", "http://127.0.0.1:5000/", "http://localhost:6000/", "http://localhost:6000/"),
    ("from plain http to https", "http://registry.lan/", "https://10.0.0.7/token", "https://10.0.0.7/token"),
    (
        "a neighbour of a configured plain registry", "http://registry.lan/", "http://auth.lan/token",
        "http://auth.lan/token",
    ),
    ("a host that only looks like junk", "https://ghcr.io/", "https://xn--a.b/token", "https://xn--a.b/token"),
    ("a public address", "https://ghcr.io/", "https://[2606:4700::1]/token", "https://[2606:4700::1]/token"),
    ("a public address by NAT64", "https://a.test/", "https://[64:ff9b::808:808]/", "https://[64:ff9b::808:808]/"),
    ("names that begin with a known one", "https://a.test/", "https://localhost.a.test/", "https://localhost.a.test/"),
    ("names that end almost in a zone", "https://a.test/", "https://notinternal.test/", "https://notinternal.test/"),
    (
        "within a private zone", "https://hub.corp.internal/", "https://auth.corp.internal/",
        "https://auth.corp.internal/",
    ),
    ("from a private address to a private name", "https://10.0.0.5/", "https://auth.local/", "https://auth.local/"),
    ("neighbours without a dot", "https://registry/", "https://auth/token", "https://auth/token"),
    ("from loopback out, encrypted", "http://127.0.0.1:5000/", "https://auth.docker.io/", "https://auth.docker.io/"),
]  # fmt: skip

REFUSED = [
    ("https to http", "https://ghcr.io/", "http://ghcr.io/token", "without encryption"),
    ("https to http on loopback", "https://ghcr.io/", "http://127.0.0.1/token", "without encryption"),
    ("loopback to plain http elsewhere", "http://127.0.0.1:5000/", "http://auth.lan/token", "without encryption"),
    ("a private network", "https://ghcr.io/", "https://10.0.0.5/token", "private network"),
    ("the cloud's metadata", "https://ghcr.io/", "https://169.254.169.254/latest", "private network"),
    ("loopback", "https://ghcr.io/", "https://127.0.0.1/token", "private network"),
    ("loopback by name", "https://ghcr.io/", "https://localhost:8443/token", "private network"),
    ("loopback below its name", "https://ghcr.io/", "https://a.localhost/token", "private network"),
    ("loopback, version 6", "https://ghcr.io/", "https://[::1]/token", "private network"),
    ("loopback, 4 in 6", "https://ghcr.io/", "https://[::ffff:127.0.0.1]/token", "private network"),
    ("loopback in short", "https://ghcr.io/", "https://127.1/token", "private network"),
    ("loopback as a number", "https://ghcr.io/", "https://2130706433/token", "private network"),
    ("loopback in base 16", "https://ghcr.io/", "https://0x7f.0.0.0x1/token", "private network"),
    ("loopback with a last dot", "https://ghcr.io/", "https://127.0.0.1./token", "private network"),
    ("loopback by name, with a last dot", "https://ghcr.io/", "https://localhost./", "private network"),
    ("loopback below its name, with a last dot", "https://ghcr.io/", "https://a.localhost./", "private network"),
    ("loopback by its long name", "https://ghcr.io/", "https://localhost.localdomain/", "private network"),
    ("loopback by name, version 6", "https://ghcr.io/", "https://ip6-localhost/", "private network"),
    ("loopback, from a private name", "https://hub.internal/", "https://localhost.localdomain/", "private network"),
    ("the cloud's metadata by name", "https://ghcr.io/", "https://metadata.google.internal/", "private network"),
    ("the cloud's metadata, in any case", "https://ghcr.io/", "https://METADATA.Google.Internal./", "private network"),
    ("metadata, from a private name", "https://hub.internal/", "https://metadata.google.internal/", "private network"),
    ("a private zone", "https://ghcr.io/", "https://vault.corp.internal/", "private network"),
    ("a service of the cluster", "https://ghcr.io/", "https://kubernetes.default.svc/", "private network"),
    ("a name without a dot", "https://ghcr.io/", "https://kubernetes/", "private network"),
    ("loopback by NAT64", "https://ghcr.io/", "https://[64:ff9b::7f00:1]/", "private network"),
    ("a private network by NAT64", "https://ghcr.io/", "https://[64:ff9b::10.0.0.5]/", "private network"),
    ("loopback, compatible", "https://ghcr.io/", "https://[::7f00:1]/", "private network"),
    ("loopback, mapped in base 16", "https://ghcr.io/", "https://[::ffff:7f00:1]/", "private network"),
    ("a private network by 6to4", "https://ghcr.io/", "https://[2002:a00:5::1]/", "private network"),
    ("an address that is none", "https://ghcr.io/", "https://999.999.999.999/", "cannot be read"),
    ("an address of version 6 that is none", "https://ghcr.io/", "https://[::::]/", "cannot be read"),
    ("a user in the address", "https://ghcr.io/", "https://ghcr.io@evil.test/", "is not supported"),
    ("a backslash", "https://ghcr.io/", "https://ghcr.io\\@evil.test/", "is not supported"),
    ("a file", "https://ghcr.io/", "file:///etc/passwd", "not supported"),
    ("loopback in wide digits", "https://ghcr.io/", "https://\uff11\uff12\uff17.0.0.1/token", "cannot be read"),
    ("half a bracket", "https://ghcr.io/", "https://[", "not supported"),
    ("an escaped host", "https://ghcr.io/", "https://%6cocalhost/", "not supported"),
    ("no address", "https://ghcr.io/", "https://[::1", "cannot be read"),
    ("a control character", "https://ghcr.io/", "https://ghcr.io/\r\nX: y", "cannot be read"),
    ("a port that is none", "https://ghcr.io/", "https://ghcr.io:x/", "cannot be read"),
]


@pytest.mark.parametrize(
    ("source", "address", "target"), [row[1:] for row in FOLLOWED], ids=[row[0] for row in FOLLOWED]
)
def test_an_address_is_followed(source: str, address: str, target: str) -> None:
    assert str(follow(httpx.URL(source), address)) == target


@pytest.mark.parametrize(("source", "address", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_an_address_is_refused(source: str, address: str, words: str) -> None:
    with pytest.raises(UnsafeAddress, match=words):
        follow(httpx.URL(source), address)


OWN = [
    ("the same host", "https://a.test/v2/", "http://a.test/token?x=%2F", "https://a.test/token?x=%2F"),
    ("its own port", "https://a.test/", "http://a.test:5000/token", "https://a.test/token"),
    ("the port where it was found", "https://a.test:8443/", "http://a.test/token", "https://a.test:8443/token"),
    ("without a fragment", "https://a.test/", "http://a.test/token#x", "https://a.test/token"),
    ("without a path", "https://a.test/v2/", "http://a.test?x=1", "https://a.test/?x=1"),
    ("a path that looks like a host", "https://a.test/", "http://a.test//evil.test/t", "https://a.test//evil.test/t"),
    ("found over plain http", "http://a.lan/", "http://a.lan:5000/token", "http://a.lan:5000/token"),
    ("https stays", "https://a.test/", "https://a.test:5000/token", "https://a.test:5000/token"),
]


@pytest.mark.parametrize(("source", "address", "target"), [row[1:] for row in OWN], ids=[row[0] for row in OWN])
def test_what_a_server_tells_of_itself_over_plain_http_is_asked_where_it_was_found(
    source: str, address: str, target: str
) -> None:
    assert str(follow_own(httpx.URL(source), address)) == target


@pytest.mark.parametrize(
    ("source", "address", "words"),
    [row[1:] for row in REFUSED if row[0] != "https to http"],
    ids=[row[0] for row in REFUSED if row[0] != "https to http"],
)
def test_what_a_server_tells_of_itself_leads_nowhere_else(source: str, address: str, words: str) -> None:
    with pytest.raises(UnsafeAddress, match=words):
        follow_own(httpx.URL(source), address)


@pytest.mark.parametrize("address", ["http://a.test.evil.test/", "http://x@a.test/", "http://a.test@evil.test/"])
def test_only_the_very_host_is_its_own(address: str) -> None:
    with pytest.raises(UnsafeAddress):
        follow_own(httpx.URL("https://a.test/"), address)


def test_an_origin_is_told_of_a_host_that_only_looks_like_junk() -> None:
    assert origin(httpx.URL("https://xn--a.b/")) == ("https", "xn--a.b", None)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin(httpx.URL("https://GHCR.io:443/a")) == origin(httpx.URL("https://ghcr.io/b"))
    assert origin(httpx.URL("https://ghcr.io:8443/")) != origin(httpx.URL("https://ghcr.io/"))
    assert origin(httpx.URL("http://ghcr.io/")) != origin(httpx.URL("https://ghcr.io/"))
