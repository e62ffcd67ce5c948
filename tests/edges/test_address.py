from __future__ import annotations

from pathlib import Path

import pytest

from gitops_bot.edges import address as addresses
from gitops_bot.edges.address import Address, is_loopback, origin, repository_name
from gitops_bot.errors import UsageError
from tests.tables import rows

HERE = Path("/srv/here")


#: As a forge says it whose projects lie in groups, in one another.
IN_GROUPS = range(2, 23)


def parse(text: str, *, server: str = "https://github.com", here: Path | None = None) -> Address:
    return addresses.parse(text, server=server, here=here)


def on(server: str, path: str = "/acme/deploy", *login: str) -> Address:
    """The address of acme/deploy on a server, which is https unless it says so."""
    origin = server if "://" in server else f"https://{server}"
    host = server.removeprefix("http://").partition(":")[0] if "[" not in server else "::1"
    return Address(f"{origin}{path}", host, "acme/deploy", origin, *login)


@rows("text expected", {
    "owner and name": ("acme/deploy", on("github.com", "/acme/deploy.git")),
    "owner and name with suffix": ("acme/deploy.git", on("github.com", "/acme/deploy.git")),
    "https": ("https://github.com/acme/deploy", on("github.com")),
    "what can be left out": ("https://GitHub.com:443/acme/deploy.git/", on("github.com", "/acme/deploy.git/")),
    "a port": ("https://git.acme.test:8443/acme/deploy", on("git.acme.test:8443")),
    "three segments are no owner/name": (
        "https://gitlab.test/a/b/c.git",
        Address("https://gitlab.test/a/b/c.git", "gitlab.test", None, "https://gitlab.test"),
    ),
    "a login is taken out of the address": (
        "https://x-access-token:s3cr%40t@github.com/acme/deploy",
        on("github.com", "/acme/deploy", "x-access-token", "s3cr@t"),
    ),
    "http on this machine": ("http://127.0.0.1:3000/acme/deploy", on("http://127.0.0.1:3000")),
    "http on this machine, IPv6": ("http://[::1]:3000/acme/deploy", on("http://[::1]:3000")),
    "scp": ("git@github.com:acme/deploy.git", Address("git@github.com:acme/deploy.git", "github.com", "acme/deploy")),
    "scp with a host of ssh's configuration": (
        "github-work:acme/deploy.git", Address("github-work:acme/deploy.git", "github-work", "acme/deploy"),
    ),
    "ssh": (
        "ssh://git@git.acme.test:2222/acme/deploy.git",
        Address("ssh://git@git.acme.test:2222/acme/deploy.git", "git.acme.test", "acme/deploy"),
    ),
    "file": ("file:///srv/deploy.git", Address("file:///srv/deploy.git")),
    "path": ("/srv/a b%41#?/ü.git", Address("file:///srv/a%20b%2541%23%3F/%C3%BC.git")),
    "relative path": ("./acme/deploy", Address("file:///srv/here/acme/deploy")),
    "relative path of one segment": ("deploy", Address("file:///srv/here/deploy")),
})  # fmt: skip
def test_reads_what_the_user_wrote(text: str, expected: Address) -> None:
    assert expected == parse(text, here=HERE)


@pytest.mark.parametrize(
    "text",
    [
        *("", "--upload-pack=touch /tmp/x", "https://github.com/acme/deploy\n.git", "acme/\u202eyolped", "a" * 3000),
        *("ext::sh -c touch% /tmp/x", "ftp://github.com/acme/deploy", "javascript://github.com/acme/deploy"),
        *("http://github.com/acme/deploy", "http://127.0.0.1.evil.test/acme/deploy", "http://localhost@evil.test/a/b"),
        *(
            "https:///acme/deploy",
            "https://github.com/",
            "https://github.com/acme/deploy?x=1",
            "https://github.com/a/b#x",
        ),
        *("https://github.com:port/acme/deploy", "https://[::1/acme/deploy", "https://-evil/acme/deploy"),
        *("ssh://[fe80::1%25;touch]/acme/deploy", "ssh://-oProxyCommand=x/a/b", "ssh://-oProxyCommand=x@host/a/b"),
        *("ssh://git:password@github.com/a/b", "file://host/srv/deploy", "file://localhost", "file:///srv/%00deploy"),
    ],
)
def test_refuses_what_is_no_repository_or_not_allowed(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)

    assert refused.value.problem.next


@pytest.mark.parametrize("text", ["git@host:-oProxyCommand", "-host:acme/deploy", "git@-host:acme/deploy"])
def test_no_part_of_an_scp_address_becomes_an_option_of_ssh(text: str) -> None:
    try:
        address = parse(text, here=HERE)
    except UsageError:
        return
    assert address.url.startswith("file:///srv/here/"), "at most it is the name of a folder"


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@github.com/acme/deploy?x",
        "http://user:hunter2@github.com/acme/deploy",
        "ssh://user:hunter2@github.com/acme/deploy",
        "ftp://user:hun/ter2:hunter2@github.com/acme/deploy",
        "https://user:hunter2@github.com:port/acme/deploy",
    ],
)
def test_never_shows_a_login(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)

    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(parse("https://user:hunter2@github.com/acme/deploy"))


@rows("text expected", {
    "in another spelling": ("https://GHE.acme.test/", "https://ghe.acme.test"),
    "the scheme's own port": ("http://127.0.0.1:80", "http://127.0.0.1"),
})  # fmt: skip
def test_the_origin_of_a_server_has_one_spelling(text: str, expected: str) -> None:
    assert origin(text, "THE_SERVER", "") == expected


@pytest.mark.parametrize("text", ["github.com", "ssh://github.com", "https://u:p@github.com", "https://github.com/api"])
def test_a_server_that_is_none_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(UsageError, match="THE_SERVER"):
        origin(text, "THE_SERVER", "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("acme/deploy", "acme/deploy"),
        ("/acme/deploy.git/", "acme/deploy"),
        ("acme/deploy/tree", None),
        ("acme/..", None),
        ("acme", None),
        ("-acme/x", None),
    ],
)
def test_owner_and_name_are_read_of_a_path(path: str, expected: str | None) -> None:
    assert repository_name(path) == expected


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://git.test/group/sub/project.git", "https://git.test/group/sub/project.git"),
        ("https://git.test/group/sub/project", "https://git.test/group/sub/project"),
        ("ssh://git@git.test/group/sub/project.git", "ssh://git@git.test/group/sub/project.git"),
        ("git@git.test:group/sub/project.git", "git@git.test:group/sub/project.git"),
        ("group/sub/project", "https://git.test/group/sub/project.git"),
    ],
)
def test_where_projects_lie_in_groups_a_name_has_as_many_parts_as_it_needs(text: str, url: str) -> None:
    found = addresses.parse(text, server="https://git.test", parts=IN_GROUPS)
    assert (found.name, found.url) == ("group/sub/project", url)
    assert parse(text, server="https://git.test").name is None


@pytest.mark.parametrize("path", ["group", "group/sub/..", "group/./project", "group//project", "/".join("a" * 23)])
def test_a_name_in_groups_is_bounded_and_leads_nowhere_else(path: str) -> None:
    assert repository_name(path, IN_GROUPS) is None


def test_owner_and_name_belong_to_the_given_server_which_may_be_of_plain_http() -> None:
    for server in ("https://ghe.acme.test:8443", "http://ghe.lan"):
        for text in ("acme/deploy", f"{server}/acme/deploy.git"):
            address = parse(text, server=server)
            assert (address.url, address.server) == (f"{server}/acme/deploy.git", server)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]")),
        *((host, False) for host in ("ghcr.io", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1", "::", "")),
        ("0.0.0.0", False),
        ("::1%eth0", False),
    ],
)
def test_knows_this_machine_by_name(host: str, expected: bool) -> None:
    assert expected is is_loopback(host)
