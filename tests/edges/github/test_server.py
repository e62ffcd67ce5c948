from __future__ import annotations

import pytest

from gitops_bot.edges import address
from gitops_bot.edges.github.server import Server
from gitops_bot.errors import UsageError
from tests.tables import rows

GHES = {"GITHUB_SERVER_URL": "https://ghe.test"}


def variables(server: str | None = None, api: str | None = None) -> dict[str, str]:
    found = {"GITHUB_SERVER_URL": server, "GITHUB_API_URL": api}
    return {name: text for name, text in found.items() if text is not None}


@rows("environ expected", {
    "none": ({}, None),
    "the other name": ({"GH_TOKEN": "two"}, "two"),
    "empty, as Actions passes an absent secret": ({"GITHUB_TOKEN": "", "GH_TOKEN": "two"}, "two"),
    "a line break, as of a mounted file": ({"GITHUB_TOKEN": "one\n"}, "one"),
    "blanks alone": ({"GITHUB_TOKEN": " \r\n", "GH_TOKEN": "two\r\n"}, "two"),
})  # fmt: skip
def test_the_token_is_the_first_that_is_there(environ: dict[str, str], expected: str | None) -> None:
    assert Server.read(environ).token == expected


@rows("environ server api", {
    "github.com": ({}, "https://github.com", "https://api.github.com"),
    "in another spelling": (variables("https://GitHub.com/"), "https://github.com", "https://api.github.com"),
    "GitHub Enterprise": (GHES, "https://ghe.test", "https://ghe.test/api/v3"),
    "the API alone": (variables(None, "https://ghe.test/api/v3"), "https://ghe.test", "https://ghe.test/api/v3"),
    "ghe.com": (variables(None, "https://api.acme.ghe.com"), "https://acme.ghe.com", "https://api.acme.ghe.com"),
    "loopback": (variables("http://127.0.0.1:3000"), "http://127.0.0.1:3000", "http://127.0.0.1:3000/api/v3"),
})  # fmt: skip
def test_server_and_api_stand_for_each_other(environ: dict[str, str], server: str, api: str) -> None:
    found = Server.read(environ)
    assert (found.url, found.api_url) == (server, api)


@rows("environ variable", {
    "no protocol": (variables("ghe.test"), "GITHUB_SERVER_URL"),
    "a login": (variables("https://bot:secret@ghe.test"), "GITHUB_SERVER_URL"),
    "half an address": (variables("https://[ghe"), "GITHUB_SERVER_URL"),
    "half an address of the API": (variables(None, "https://[ghe"), "GITHUB_API_URL"),
    "a login for the API": (variables(None, "https://bot:secret@ghe.test/api/v3"), "GITHUB_API_URL"),
})  # fmt: skip
def test_what_is_no_address_is_wrong_usage_and_names_its_variable(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(UsageError) as caught:
        Server.read(environ)
    assert variable in caught.value.problem.message
    assert "secret" not in str(caught.value.problem)


HOSTILE_API = variables("https://ghe.test", "https://api.github.com")
HERE = variables("http://127.0.0.1:3000", "http://127.0.0.1:3001/api/v3")


@pytest.mark.parametrize(
    ("repository", "environ", "expected"),
    [
        pytest.param("acme/deploy", {}, True, id="by name"),
        pytest.param("https://GITHUB.com:443/acme/deploy.git", {}, True, id="by address, in another spelling"),
        pytest.param("git@github.com:acme/deploy.git", {}, True, id="by ssh"),
        pytest.param("ssh://git@ssh.github.com:443/acme/deploy", {}, True, id="by ssh over 443"),
        pytest.param("https://github.com.evil.test/acme/deploy", {}, False, id="the host as a prefix"),
        pytest.param("git@ssh.evil.test:acme/deploy", {}, False, id="another host with ssh in front"),
        pytest.param("https://github.com:8443/acme/deploy", {}, False, id="another port of the host"),
        pytest.param("/srv/deploy.git", {}, False, id="a folder"),
        pytest.param("acme/deploy", GHES, True, id="Enterprise by name"),
        pytest.param("https://github.com/acme/deploy", GHES, False, id="github.com, for the token of an Enterprise"),
        pytest.param("acme/deploy", variables("https://acme.ghe.com", "https://api.acme.ghe.com"), True, id="ghe.com"),
        pytest.param("acme/deploy", HOSTILE_API, False, id="server and API are two hosts"),
        pytest.param("https://github.com/acme/deploy", variables("https://github.com", "https://evil.test"), False,
            id="the API is somebody else's"),
        pytest.param("https://github.com/acme/deploy", variables("https://github.com", "http://127.0.0.1:3001"), False,
            id="the API is on this machine, git is not"),
        pytest.param("http://localhost:4000/acme/deploy", HERE, True, id="localhost is this machine too"),
        pytest.param("http://127.0.0.1:4000/acme/deploy", {}, False, id="this machine, for the token of github.com"),
        pytest.param("http://127.0.0.1:4000/acme/deploy", variables("http://127.0.0.1:3000", "https://api.github.com"),
            False, id="this machine, but the API is not"),
        pytest.param("https://127.0.0.1.evil.test/acme/deploy", HERE, False, id="a name that looks like this machine"),
        pytest.param("https://github.com/acme/deploy", HERE, False, id="github.com, for the token of this machine"),
    ],
)  # fmt: skip
def test_the_token_goes_to_its_own_server_only(repository: str, environ: dict[str, str], expected: bool) -> None:
    server = Server.read(environ)
    assert server.takes_token(address.parse(repository, server=server.url)) is expected
