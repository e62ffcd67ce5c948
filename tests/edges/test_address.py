from __future__ import annotations

from pathlib import Path

import pytest

from gitops_bot.edges import address as addresses
from gitops_bot.edges.address import Address, is_loopback, origin, repository_name
from gitops_bot.errors import UsageError

HERE = Path("/srv/here")


#: As a forge says it whose projects lie in groups, in one another.
IN_GROUPS = range(2, 23)


def parse(text: str, *, server: str = "https://github.com", here: Path | None = None) -> Address:
    return addresses.parse(text, server=server, here=here)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("acme/deploy",
            Address("https://github.com/acme/deploy.git", "github.com", "acme/deploy", "https://github.com"),
            id="owner and name"),
        pytest.param("acme/deploy.git",
            Address("https://github.com/acme/deploy.git", "github.com", "acme/deploy", "https://github.com"),
            id="owner and name with suffix"),
        pytest.param("https://github.com/acme/deploy",
            Address("https://github.com/acme/deploy", "github.com", "acme/deploy", "https://github.com"), id="https"),
        pytest.param("https://GitHub.com:443/acme/deploy.git/",
            Address("https://github.com/acme/deploy.git/", "github.com", "acme/deploy", "https://github.com"),
            id="https with what can be left out"),
        pytest.param(
            "https://git.acme.test:8443/acme/deploy.git",
            Address(
                "https://git.acme.test:8443/acme/deploy.git",
                "git.acme.test",
                "acme/deploy",
                "https://git.acme.test:8443",
            ),
            id="https with a port",
        ),
        pytest.param("https://gitlab.test/a/b/c.git",
            Address("https://gitlab.test/a/b/c.git", "gitlab.test", None, "https://gitlab.test"),
            id="three segments are no owner/name"),
        pytest.param(
            "https://x-access-token:s3cr%40t@github.com/acme/deploy",
            Address(
                "https://github.com/acme/deploy",
                "github.com",
                "acme/deploy",
                "https://github.com",
                "x-access-token",
                "s3cr@t",
            ),
            id="a login is taken out of the address",
        ),
        pytest.param("http://127.0.0.1:3000/acme/deploy.git",
            Address("http://127.0.0.1:3000/acme/deploy.git", "127.0.0.1", "acme/deploy", "http://127.0.0.1:3000"),
            id="http on this machine"),
        pytest.param("http://[::1]:3000/acme/deploy.git",
            Address("http://[::1]:3000/acme/deploy.git", "::1", "acme/deploy", "http://[::1]:3000"),
            id="http on this machine, IPv6"),
        pytest.param("git@github.com:acme/deploy.git",
            Address("git@github.com:acme/deploy.git", "github.com", "acme/deploy"), id="scp"),
        pytest.param("github-work:acme/deploy.git",
            Address("github-work:acme/deploy.git", "github-work", "acme/deploy"),
            id="scp with a host of ssh's configuration"),
        pytest.param("ssh://git@git.acme.test:2222/acme/deploy.git",
            Address("ssh://git@git.acme.test:2222/acme/deploy.git", "git.acme.test", "acme/deploy"), id="ssh"),
        pytest.param("file:///srv/deploy.git", Address("file:///srv/deploy.git"), id="file"),
        pytest.param("/srv/a b%41#?/ü.git", Address("file:///srv/a%20b%2541%23%3F/%C3%BC.git"), id="path"),
        pytest.param("/srv/deploy", Address("file:///srv/deploy"), id="path of two segments"),
        pytest.param("./acme/deploy", Address("file:///srv/here/acme/deploy"), id="relative path"),
        pytest.param("deploy", Address("file:///srv/here/deploy"), id="relative path of one segment"),
        pytest.param("../deploy", Address("file:///srv/here/../deploy"), id="path above"),
    ],
)  # fmt: skip
def test_reads_what_the_user_wrote(text: str, expected: Address) -> None:
    assert expected == parse(text, here=HERE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "https://github.com/acme/deploy\n.git",
        "acme/de\x1b[31mploy",
        "acme/\u202eyolped",
        "a" * 3000,
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "ftp://github.com/acme/deploy",
        "git://github.com/acme/deploy",
        "javascript://github.com/acme/deploy",
        "http://github.com/acme/deploy",
        "http://127.0.0.1.evil.test/acme/deploy",
        "http://localhost@evil.test/acme/deploy",
        "https:///acme/deploy",
        "https://github.com",
        "https://github.com/",
        "https://github.com/acme/deploy?x=1",
        "https://github.com/acme/deploy#x",
        "https://github.com:port/acme/deploy",
        "https://[::1/acme/deploy",
        "https://-evil/acme/deploy",
        "ssh://[fe80::1%25;touch]/acme/deploy",
        "https://[fe80::1%eth0]/acme/deploy",
        "ssh://-oProxyCommand=x/acme/deploy",
        "ssh://-oProxyCommand=x@host/acme/deploy",
        "ssh://git:password@github.com/acme/deploy",
        "file://host/srv/deploy",
        "file://localhost",
        "file:///srv/%00deploy",
        "file:///srv/%0adeploy",
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


def test_a_login_is_in_neither_the_url_nor_the_repr() -> None:
    address = parse("https://user:hunter2@github.com/acme/deploy")

    assert address.password == "hunter2"
    assert "hunter2" not in address.url + repr(address) + str(address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("https://GHE.acme.test/", "https://ghe.acme.test"), ("http://127.0.0.1:80", "http://127.0.0.1")],
    ids=["in another spelling", "the scheme's own port"],
)
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


def test_owner_and_name_belong_to_the_given_server() -> None:
    address = parse("acme/deploy", server="https://ghe.acme.test:8443")

    assert address.url == "https://ghe.acme.test:8443/acme/deploy.git"
    assert address.host == "ghe.acme.test"
    assert address.server == "https://ghe.acme.test:8443"


def test_plain_http_is_taken_for_a_server_that_the_user_named_so() -> None:
    assert parse("http://ghe.lan/acme/deploy", server="http://ghe.lan").server == "http://ghe.lan"


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
