from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from gitops_bot.edges.http import Http
from gitops_bot.edges.registry.credentials import Basic, IdentityToken
from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.host import Bearer, Tokens
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply
from tests.tables import rows

BEARER = Bearer(httpx.URL("https://auth.test/token"), "registry.test")
ADA = Basic("ada", "hunter2")


def numbered(**about: object) -> Script:
    """A token server whose tokens are numbered."""

    def give(_: httpx.Request) -> httpx.Response:
        return reply(200, json.dumps({"token": f"t{len(script.requests)}", **about}))

    script = Script(give)
    return script


def tokens(script: Script, clock: StillClock | None = None) -> Tokens:
    clock = clock or StillClock()
    return Tokens(Http(clock, {}, {}, transport=script), clock)


@rows("bearer credential query shown", {
    "for nobody": (BEARER, None, "service=registry.test&scope=repository:acme/web:pull", None),
    "for a password": (BEARER, ADA, "service=registry.test&scope=repository:acme/web:pull", "Basic YWRhOmh1bnRlcjI="),
    "the address has parameters, and no service": (
        Bearer(httpx.URL("https://auth.test/token?tenant=a&scope=b"), ""), None,
        "tenant=a&scope=repository:acme/web:pull", None,
    ),
    "the actions in one order": (
        Bearer(httpx.URL("https://auth.test/"), "", frozenset({"metadata_read", "pull", "content_read"})), None,
        "scope=repository:acme/web:pull,content_read,metadata_read", None,
    ),
})  # fmt: skip
def test_a_token(bearer: Bearer, credential: Basic | None, query: str, shown: str | None) -> None:
    script = numbered()
    assert tokens(script).get(bearer, "acme/web", credential, rejected=None) == ("t1", True)
    assert parse_qs(script.requests[0].url.query.decode()) == parse_qs(query)
    assert (script.requests[0].method, script.shown) == ("GET", [shown])


def test_an_identity_token_is_exchanged_in_the_body_and_never_in_an_address() -> None:
    script = Script(reply(200, json.dumps({"token": "", "access_token": "t1"})))
    assert tokens(script).get(BEARER, "acme/web", IdentityToken("identity"), rejected=None) == ("t1", True)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", "https://auth.test/token")
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["gitops-bot"],
        "service": ["registry.test"],
        "scope": ["repository:acme/web:pull"],
        "refresh_token": ["identity"],
    }
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_oauth_gets_the_identity_token_as_a_password(status: int) -> None:
    script = Script(reply(status), reply(200, json.dumps({"token": "t1"})))
    assert tokens(script).get(BEARER, "acme/web", IdentityToken("identity"), rejected=None) == ("t1", True)
    assert [request.method for request in script.requests] == ["POST", "GET"]
    assert script.shown == [None, "Basic PHRva2VuPjppZGVudGl0eQ=="]


def test_a_token_is_kept_for_its_repository_credential_and_address() -> None:
    script = numbered()
    kept = tokens(script)
    address, other = httpx.URL("https://auth.test/token"), httpx.URL("https://other.test/token")
    questions = [
        (BEARER, "acme/web", None),
        (BEARER, "acme/api", None),
        (BEARER, "acme/web", ADA),
        (BEARER, "acme/web", Basic("ada", "other")),
        (Bearer(address, "other"), "acme/web", None),
        (Bearer(other, "registry.test"), "acme/web", None),
        (Bearer(address, "registry.test", frozenset({"pull", "metadata_read"})), "acme/web", None),
    ]
    for number, (bearer, path, credential) in enumerate(questions, 1):
        assert kept.get(bearer, path, credential, rejected=None) == (f"t{number}", True)
    for number, (bearer, path, credential) in enumerate(questions, 1):
        assert kept.get(bearer, path, credential, rejected=None) == (f"t{number}", False)


LIVES = [
    ("as said", {"expires_in": 300}, 290),
    ("a minute where nothing is said", {}, 50),
    ("a minute where less is said", {"expires_in": 5}, 50),
    ("a minute where nonsense is said", {"expires_in": "300"}, 50),
    ("a minute where it is a truth", {"expires_in": True}, 50),
    ("an hour where more is said", {"expires_in": 10**9}, 3590),
    ("an hour where it is beyond all measure", {"expires_in": 10**400}, 3590),
    ("an hour where no number is said", {"expires_in": float("inf")}, 3590),
    ("a minute where it is not a number", {"expires_in": float("nan")}, 50),
]


@pytest.mark.parametrize(("about", "seconds"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES])
def test_a_token_is_renewed_shortly_before_it_expires(about: dict[str, object], seconds: int) -> None:
    clock = StillClock()
    kept = tokens(numbered(**about), clock)
    kept.get(BEARER, "acme/web", None, rejected=None)
    clock.moment += timedelta(seconds=seconds - 1)
    assert kept.get(BEARER, "acme/web", None, rejected=None) == ("t1", False)
    clock.moment += timedelta(seconds=2)
    assert kept.get(BEARER, "acme/web", None, rejected=None) == ("t2", True)
    assert kept.get(BEARER, "acme/web", None, rejected="t2") == ("t3", True), "renewed once for all who hold it"
    assert kept.get(BEARER, "acme/web", None, rejected="t2") == ("t3", False)


def test_many_threads_get_one_token() -> None:
    script = numbered()
    kept, waiting = tokens(script), threading.Barrier(8)

    def get(_: int) -> str:
        waiting.wait(30)
        return kept.get(BEARER, "acme/web", None, rejected=None)[0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(get, range(8))) == {"t1"}
    assert len(script.requests) == 1


def test_a_refusal_is_told_without_the_password() -> None:
    script = Script(reply(401, '{"details": "wrong password hunter2 in YWRhOmh1bnRlcjI="}'))
    with pytest.raises(Refused) as refused:
        tokens(script).get(BEARER, "acme/web", ADA, rejected=None)
    failure = refused.value
    assert (failure.status, failure.host, failure.token_server) == (401, "auth.test", True)
    assert failure.message == "wrong password *** in ***"


NO_TOKENS = [
    ("nothing", b""),
    ("a web page", b"<html>"),
    ("no object", b'["t"]'),
    ("no token", b"{}"),
    ("an empty token", b'{"token": ""}'),
    ("a number", b'{"token": 7}'),
    ("two lines", b'{"token": "a\\nX-Evil: b"}'),
    ("two words", b'{"token": "a b"}'),
    ("beyond ASCII", '{"token": "é"}'.encode()),
]


@pytest.mark.parametrize("body", [row[1] for row in NO_TOKENS], ids=[row[0] for row in NO_TOKENS])
def test_what_is_no_token_is_not_used(body: bytes) -> None:
    with pytest.raises(Untrusted, match=r"auth\.test, whose answer holds no token"):
        tokens(Script(reply(200, body))).get(BEARER, "acme/web", None, rejected=None)
