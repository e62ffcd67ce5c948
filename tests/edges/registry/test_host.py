from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.http import Http, NoResponse
from gitops_bot.edges.patience import ATTEMPTS, TOTAL_SECONDS
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.credentials import Basic, Credential, Login, RegistryToken
from gitops_bot.edges.registry.failure import Refused, Untrusted
from gitops_bot.edges.registry.host import (
    HEADER_LIMIT,
    SLOW_REGISTRY_SECONDS,
    Host,
    ImageLimits,
    ImageRepository,
    Tokens,
    base_url,
    challenges,
)
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply
from tests.tables import rows

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


@rows("challenge scope", {
    "a placeholder for another repository": ("user/image:pull,push", "repository:acme/web:pull"),
    "nothing that writes": (
        "acme/web:pull,push,delete,*,metadata_read registry:catalog:*", "repository:acme/web:pull,metadata_read",
    ),
})  # fmt: skip
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
    ("challenge", "credential", "shown"),
    [
        ('Basic realm="r"', ADA, [None, ADA_SHOWN]),
        ('Basic realm="r"', RegistryToken("r"), [None]),
        ('Basic realm="r"', None, [None]),
        (BEARER, RegistryToken("own"), [None, "Bearer own"]),
        (BEARER, None, [None, None, "Bearer 2:repository:acme/web:pull"]),
        *((none, ADA, [None]) for none in ("", "Negotiate", "Bearer", 'Bearer realm=""')),
    ],
)
def test_a_login_that_is_turned_down_or_that_nobody_asks_for_is_the_end(
    challenge: str, credential: Credential | None, shown: list[str | None]
) -> None:
    script = registry(challenge, lambda *_: False)
    with pytest.raises(Refused):
        asker(script, credential)()
    assert script.shown == shown


def test_a_token_comes_before_a_password() -> None:
    script = registry(f'Basic realm="r", {BEARER}', lambda _, shown: shown is not None and shown.startswith("Bearer"))
    assert asker(script, ADA)() == b"fine"
    assert script.shown[:2] == [None, ADA_SHOWN]


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


GHCR = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
GHCR_READ = {"realm": "https://ghcr.io/token", "service": "ghcr.io", "scope": "repository:user/image:pull"}

HEADERS = [
    ("nothing", "", []),
    ("GitHub", GHCR, [("bearer", GHCR_READ)]),
    (
        "a comma inside quotes", 'Bearer scope="repository:a:pull,push",realm="r"',
        [("bearer", {"scope": "repository:a:pull,push", "realm": "r"})],
    ),
    ("basic", 'Basic realm="registry"', [("basic", {"realm": "registry"})]),
    ("basic without a realm", "Basic", [("basic", {})]),
    ("two in one header", f'{GHCR},Basic realm="x"', [("bearer", GHCR_READ), ("basic", {"realm": "x"})]),
    ("the other way round", f'Basic realm="x", {GHCR}', [("basic", {"realm": "x"}), ("bearer", GHCR_READ)]),
    ("a bare scheme first", f"Negotiate, {GHCR}", [("negotiate", {}), ("bearer", GHCR_READ)]),
    ("any case", 'BEARER Realm="r"', [("bearer", {"realm": "r"})]),
    ("space around", ' ,Bearer  realm = "r" , service= "s"', [("bearer", {"realm": "r", "service": "s"})]),
    ("an escaped quote", r'Bearer realm="a\"b\\c"', [("bearer", {"realm": 'a"b\\c'})]),
    (
        "no quotes", "Bearer realm=https://a.test/token,service=s",
        [("bearer", {"realm": "https://a.test/token", "service": "s"})],
    ),
    ("an empty value", 'Bearer realm="",service="s"', [("bearer", {"realm": "", "service": "s"})]),
    ("a name twice", 'Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
    ("a parameter of nobody", 'realm="x"', []),
    ("an unclosed quote", 'Bearer realm="https://a.test', [("bearer", {})]),
    (
        "an error beside it", 'Bearer realm="r",error="insufficient_scope"',
        [("bearer", {"realm": "r", "error": "insufficient_scope"})],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_a_header_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(each.scheme, each.parameters) for each in challenges(header)] == expected


def test_a_token_of_another_scheme_does_not_hide_the_next_challenge() -> None:
    found = challenges(f"Negotiate YWJj+/ZGVm==, {GHCR}")
    assert ("bearer", GHCR_READ) in [(each.scheme, each.parameters) for each in found]


def test_a_long_header_is_read_up_to_a_limit() -> None:
    assert challenges("," * HEADER_LIMIT + GHCR) == ()


@given(st.dictionaries(st.sampled_from(["realm", "service", "scope"]), st.text(st.characters(codec="latin-1"))))
def test_what_is_quoted_comes_back(parameters: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    header = "Bearer " + ",".join(f'{name}="{quoted(value)}"' for name, value in parameters.items())
    assert [dict(each.parameters) for each in challenges(header)] == [parameters]


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


# --- registries that answer, but slowly: each image has its time, and a slow one fails alone ---


HOST = "registry.test"
#: What nobody who waits two minutes at most would wait for.
TWO_MINUTES = 120


def image(path: str) -> ImageName:
    return ImageName(HOST, path)


def tags(request: httpx.Request, *, more: bool) -> httpx.Response:
    """A page with one tag, which is new on each; `more`: there is one more page."""
    number = int(request.url.params.get("page", "0"))
    link = {"Link": f'<{request.url.path}?page={number + 1}>; rel="next"'} if more else {}
    return reply(200, json.dumps({"tags": [f"v{number}"]}), link)


def slow(clock: StillClock, seconds: float) -> Script:
    """Images below `slow/` have one more page each time, after so many seconds; none below `gone/`."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v2/gone/"):
            return reply(404)
        endless = request.url.path.startswith("/v2/slow/")
        if endless:
            clock.sleep(seconds)
        return tags(request, more=endless)

    return Script(serve)


def test_a_list_with_one_more_page_every_twenty_seconds_is_given_up_within_two_minutes() -> None:
    clock = StillClock()
    began = clock.now()
    with Registry({}, {}, clock, transport=slow(clock, 20)) as registry:
        with pytest.raises(RegistryError) as late:
            registry.tags(image("slow/web"))
        assert (clock.now() - began).total_seconds() <= TWO_MINUTES
        assert registry.tags(image("good/web")) == ("v0",)
    problem = late.value.problem
    assert problem.message == f"{HOST}/slow/web: {HOST} took more than {TOTAL_SECONDS:g} s for this image"
    assert problem.code == "failed.registry"
    assert problem.next.startswith("Run again later")


def test_the_first_answer_gives_the_others_their_whole_time_again() -> None:
    clock = StillClock()
    with Registry({}, {}, clock, transport=slow(clock, 20)) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        with pytest.raises(RegistryError, match=f"took more than {SLOW_REGISTRY_SECONDS:g} s"):
            registry.tags(image("slow/b"))
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(ImageName("other.test", "slow/web"))
        with pytest.raises(RegistryError, match="404"):  # a refusal is an answer
            registry.tags(image("gone/web"))
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/c"))


def test_a_slow_image_among_good_ones_hurries_nobody() -> None:
    clock = StillClock()

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v2/slow/a/"):
            clock.sleep(20)
            registry.tags(image(f"good/{len(script.requests)}"))
        elif request.url.path.startswith("/v2/slow/"):
            clock.sleep(6)
        return tags(request, more=request.url.path.startswith("/v2/slow/a/"))

    script = Script(serve)
    with Registry({}, {}, clock, seconds=0.1, transport=script) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        assert registry.tags(image("slow/b")) == ("v0",)


def blocked(paths: str) -> tuple[Script, threading.Event, threading.Event]:
    """A registry where requests below these paths wait for the second event; the first tells that one is there."""
    arrived, over = threading.Event(), threading.Event()

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(f"/v2/{paths}/"):
            arrived.set()
            assert over.wait(30)
        return tags(request, more=False)

    return Script(serve), arrived, over


def test_an_image_that_is_asked_first_and_hangs_holds_up_no_other_of_its_registry() -> None:
    script, arrived, over = blocked("slow")
    with Registry({}, {}, Clock(), seconds=0.2, transport=script) as registry, ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(registry.tags, image("slow/web"))
        assert arrived.wait(30)
        try:
            assert registry.tags(image("good/web")) == ("v0",)
            assert not hanging.done()
        finally:
            over.set()
        assert hanging.result() == ("v0",)
