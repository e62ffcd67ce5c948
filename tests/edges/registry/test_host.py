from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.edges.http import Http, NoResponse
from gitops_bot.edges.patience import ATTEMPTS
from gitops_bot.edges.registry.credentials import Basic, Credential, IdentityToken, Login, RegistryToken
from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.host import Host, ImageLimits, ImageRepository, Tokens
from gitops_bot.images.reference import ImageName
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Callable


ADA = Basic("ada", "hunter2")
ADA_SHOWN = "Basic YWRhOmh1bnRlcjI="
BEARER = 'Bearer realm="https://auth.test/token",service="registry.test"'
WEB = "https://registry.test/v2/acme/web/tags/list"
API = "https://registry.test/v2/acme/api/tags/list"
TOKEN = "https://auth.test/token"


def asker(
    script: Script, credential: Credential | None = None, base: str = "https://registry.test/"
) -> Callable[..., bytes]:
    clock = StillClock()
    http = Http(clock, {}, {}, transport=script)
    host = Host(http, Tokens(http, clock), httpx.URL(base), ImageLimits(clock, 100))

    def ask(path: str = "acme/web", method: str = "GET") -> bytes:
        image = ImageName(host.base.netloc.decode("ascii"), path)
        repository = ImageRepository(image, image, host, Login(credential, "the test"))
        return repository.get("tags/list", "application/json", 1000, method=method).body

    return ask


def registry(challenge: str, allowed: Callable[[str, str | None], bool]) -> Script:
    """A registry and its token server; tokens are numbered and hold their scope."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.test":
            scope = request.url.params.get("scope", "")
            return reply(200, json.dumps({"token": f"{len(script.requests)}:{scope}"}))
        shown = request.headers.get("Authorization")
        if allowed(request.url.path, shown):
            return reply(200, b"fine")
        return reply(401, '{"errors": [{"code": "UNAUTHORIZED"}]}', {"WWW-Authenticate": challenge})

    script = Script(serve)
    return script


def where(script: Script) -> list[str]:
    return [line.partition("?")[0] for line in script.lines]


def test_an_open_registry_is_asked_at_once_and_sees_no_credentials() -> None:
    script = Script(reply(200, b"fine"))
    assert asker(script, ADA)() == b"fine"
    assert script.lines == [f"GET {WEB}"]
    assert script.shown == [None]


def test_a_token_is_fetched_when_it_is_asked_for_and_the_next_repository_goes_there_at_once() -> None:
    script = registry(BEARER, lambda _, shown: shown is not None)
    ask = asker(script)
    assert [ask(), ask(), ask("acme/api")] == [b"fine"] * 3
    assert where(script) == [f"GET {WEB}", f"GET {TOKEN}", f"GET {WEB}", f"GET {WEB}", f"GET {TOKEN}", f"GET {API}"]
    assert script.shown == [
        None, None, "Bearer 2:repository:acme/web:pull", "Bearer 2:repository:acme/web:pull",
        None, "Bearer 5:repository:acme/api:pull",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("challenge", "scope"),
    [
        pytest.param("user/image:pull,push", "repository:acme/web:pull", id="a placeholder for another repository"),
        pytest.param(
            "acme/web:pull,push,delete,*,metadata_read registry:catalog:*", "repository:acme/web:pull,metadata_read",
            id="nothing that writes",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_to_read_this_repository(challenge: str, scope: str) -> None:
    script = registry(f'{BEARER},scope="repository:{challenge}"', lambda _, shown: shown is not None)
    asker(script)()
    assert script.requests[1].url.params["scope"] == scope


def test_a_token_server_that_calls_itself_plain_is_asked_over_tls() -> None:
    """As behind a proxy that ends TLS."""
    script = registry('Bearer realm="http://registry.test:5000/token"', lambda *_: False)
    with pytest.raises(Refused):
        asker(script, ADA)()
    assert script.lines[1].startswith("GET https://registry.test/token?")


def test_an_action_that_is_asked_for_later_is_added() -> None:
    """Azure wants metadata_read for tags, which a token to pull does not allow."""
    challenge = f'{BEARER},scope="repository:acme/web:metadata_read",error="insufficient_scope"'
    script = registry(BEARER, lambda path, shown: shown is not None and ("tags" not in path or "metadata" in shown))
    ask = asker(script)

    def serve(request: httpx.Request) -> httpx.Response:
        given = original(request)
        return reply(401, headers={"WWW-Authenticate": challenge}) if given.status_code == 401 else given

    original = script._plays[0]
    assert callable(original)
    script._plays = (serve,)
    assert ask() == b"fine"
    assert script.shown[-1] == "Bearer 2:repository:acme/web:pull,metadata_read"


def test_a_token_that_has_become_worthless_is_renewed_once() -> None:
    worthless = {"Bearer 2:repository:acme/web:pull"}
    script = registry(BEARER, lambda _, shown: shown is not None and (shown not in worthless or calls == [1]))
    ask, calls = asker(script), [1]
    ask()
    calls.append(2)
    assert ask() == b"fine"
    assert where(script)[3:] == [f"GET {WEB}", f"GET {TOKEN}", f"GET {WEB}"]


def test_a_fresh_token_that_is_turned_down_is_the_end() -> None:
    script = registry(BEARER, lambda *_: False)
    with pytest.raises(Refused) as refused:
        asker(script)()
    assert (refused.value.status, refused.value.message) == (401, "UNAUTHORIZED")
    assert where(script) == [f"GET {WEB}", f"GET {TOKEN}", f"GET {WEB}"]


def test_a_registry_that_changes_its_mind_for_ever_is_given_up() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.test":
            return reply(200, '{"token": "t"}')
        number = len(script.requests)
        return reply(401, headers={"WWW-Authenticate": f'Bearer realm="https://auth.test/token?{number}"'})

    script = Script(serve)
    with pytest.raises(Refused):
        asker(script)()
    assert len(script.requests) <= 8


def test_a_password_is_shown_where_it_is_asked_for_and_from_then_on_at_once() -> None:
    script = registry('Basic realm="r"', lambda _, shown: shown == ADA_SHOWN)
    ask = asker(script, ADA)
    assert [ask(), ask("acme/api")] == [b"fine", b"fine"]
    assert where(script) == [f"GET {WEB}", f"GET {WEB}", f"GET {API}"]
    assert script.shown == [None, ADA_SHOWN, ADA_SHOWN]


@pytest.mark.parametrize(
    ("credential", "requests"), [(ADA, 2), (IdentityToken("i"), 2), (RegistryToken("r"), 1), (None, 1)]
)
def test_a_password_that_is_turned_down_or_not_there_is_the_end(credential: Credential | None, requests: int) -> None:
    script = registry('Basic realm="r"', lambda *_: False)
    with pytest.raises(Refused):
        asker(script, credential)()
    assert len(script.requests) == requests


def test_a_token_comes_before_a_password() -> None:
    script = registry(f'Basic realm="r", {BEARER}', lambda _, shown: shown is not None and shown.startswith("Bearer"))
    assert asker(script, ADA)() == b"fine"
    assert script.shown[:2] == [None, ADA_SHOWN]


def test_a_token_of_the_registry_is_used_as_it_is() -> None:
    script = registry(BEARER, lambda _, shown: shown == "Bearer own")
    assert asker(script, RegistryToken("own"))() == b"fine"
    assert where(script) == [f"GET {WEB}", f"GET {WEB}"]


@pytest.mark.parametrize("challenge", ["", "Negotiate", "Bearer", 'Bearer realm=""', 'realm="https://auth.test/"'])
def test_a_challenge_without_a_way_in_is_the_end(challenge: str) -> None:
    script = registry(challenge, lambda *_: False)
    with pytest.raises(Refused):
        asker(script, ADA)()
    assert script.shown == [None]


REALMS = ["http://auth.test/token", "https://127.0.0.1/token", "https://ada:x@auth.test/token", "https://["]


@pytest.mark.parametrize("realm", REALMS)
def test_a_token_server_that_may_not_be_one_gets_nothing(realm: str) -> None:
    script = registry(f'Bearer realm="{realm}"', lambda *_: False)
    with pytest.raises(Untrusted, match="names as its token server an address"):
        asker(script, ADA)()
    assert script.shown == [None]


def test_a_refusal_that_repeats_what_was_sent_is_told_without_it() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.test":
            return reply(200, '{"token": "secret-token"}')
        if "Authorization" not in request.headers:
            return reply(401, headers={"WWW-Authenticate": BEARER})
        said = f"hunter2 YWRhOmh1bnRlcjI= {request.headers['Authorization']}"
        return reply(403, json.dumps({"errors": [{"code": "DENIED", "message": said}]}))

    with pytest.raises(Refused) as refused:
        asker(Script(serve), ADA)()
    assert refused.value.message == "DENIED: *** *** Bearer ***"


def test_the_first_request_goes_alone_so_that_one_challenge_is_enough() -> None:
    script = registry(BEARER, lambda _, shown: shown is not None)
    ask, together = asker(script), threading.Barrier(8)

    def run(number: int) -> bytes:
        together.wait(30)
        return ask(f"acme/{number}")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(run, range(8))) == {b"fine"}
    assert len(script.requests) == 1 + 8 + 8
    assert script.shown.count(None) == 1 + 8


def test_a_host_that_was_never_reached_is_not_tried_for_every_repository() -> None:
    script = Script(httpx.ConnectError("refused"))
    ask = asker(script)
    for path in ("acme/web", "acme/api", "acme/db"):
        with pytest.raises(NoResponse, match="does not accept connections"):
            ask(path)
    assert len(script.requests) == ATTEMPTS


def test_a_token_server_that_was_never_reached_is_not_tried_for_every_repository() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.test":
            raise httpx.ConnectError("refused")
        return reply(401, headers={"WWW-Authenticate": BEARER})

    script = Script(serve)
    ask = asker(script)
    for path in ("acme/web", "acme/api"):
        with pytest.raises(NoResponse) as failure:
            ask(path)
        assert failure.value.host == "auth.test"
    assert len(script.requests) == 1 + ATTEMPTS


def test_a_redirect_to_a_host_out_of_reach_concerns_one_repository() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.test":
            raise httpx.ConnectError("refused")
        if "acme/web" in request.url.path:
            return reply(307, headers={"Location": "https://storage.test/"})
        return reply(200, b"fine")

    ask = asker(Script(serve))
    with pytest.raises(NoResponse):
        ask("acme/web")
    assert ask("acme/api") == b"fine"
