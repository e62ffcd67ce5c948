from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.edges.clock import Clock
from gitops_bot.edges.http import Http, NoResponse
from gitops_bot.edges.http.client import ERROR_BODY, REDIRECTS, Pace, proxy_for
from gitops_bot.edges.patience import ATTEMPTS, TOTAL_SECONDS, retry_after
from gitops_bot.edges.registry import Registry
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply
from tests.tables import rows

if TYPE_CHECKING:
    from tests.counterparts.registry import DockerRegistry

URL = httpx.URL("https://registry.test/v2/")
OK = reply(200, b"fine")
SECRET = {"Authorization": "Basic c2VjcmV0"}


def ask(script: Script, clock: StillClock | None = None, method: str = "GET", limit: int = 1000) -> tuple[int, bytes]:
    with Http(clock or StillClock(), {}, {}, transport=script) as http:
        given = http.request(method, URL, SECRET, limit=limit)
    return given.status, given.body


TRIES: dict[str, tuple[httpx.Response | Exception, int]] = {
    **{str(status): (reply(status), ATTEMPTS) for status in (408, 429, 500, 502, 503, 504, 599)},
    **{str(status): (reply(status), 1) for status in (204, 304, 400, 401, 403, 404, 405, 410, 418, 501)},
    "a broken connection": (httpx.ReadError("reset"), ATTEMPTS),
    "no connection": (httpx.ConnectError("refused"), ATTEMPTS),
    "no answer in time": (httpx.ReadTimeout("slow"), ATTEMPTS),
    "half an answer": (httpx.RemoteProtocolError("peer closed connection"), ATTEMPTS),
}


@pytest.mark.parametrize(("first", "tries"), TRIES.values(), ids=TRIES)
def test_what_may_pass_is_tried_again_and_nothing_else(first: httpx.Response | Exception, tries: int) -> None:
    script, clock = Script(first), StillClock()
    if isinstance(first, Exception):
        with pytest.raises(NoResponse) as failure:
            ask(script, clock)
        assert failure.value.host == "registry.test"
    else:
        assert ask(script, clock)[0] == first.status_code
    assert len(script.requests) == tries
    assert bool(clock.slept) == (tries > 1)
    if tries > 1:
        assert ask(Script(first, OK)) == (200, b"fine")


def test_waits_grow_with_jitter_and_have_an_end() -> None:
    clock = StillClock()
    ask(Script(reply(500)), clock)
    bounds = [0.5 * 2**number for number in range(ATTEMPTS - 1)]
    assert len(clock.slept) == len(bounds)
    assert all(0 <= waited <= bound for waited, bound in zip(clock.slept, bounds, strict=True))


@rows("status wait requests least most", {
    "a pause after 429": (429, "30", 2, 30, 32),
    "a pause after 503": (503, "30", 2, 30, 32),
    "beyond the patience": (503, str(TOTAL_SECONDS + 1), 1, 0, 0),
    "again and again": (503, "40", 3, 80, TOTAL_SECONDS),
})  # fmt: skip
def test_a_host_is_waited_for_as_long_as_it_asks_and_within_the_whole_time(
    status: int, wait: str, requests: int, least: float, most: float
) -> None:
    clock, first = StillClock(), reply(status, headers={"Retry-After": wait})
    began, script = clock.now(), Script(*[first] * (2 if wait == "40" else 1), *([OK] if wait == "30" else [first]))
    ask(script, clock)
    assert len(script.requests) == requests
    assert least <= (clock.now() - began).total_seconds() <= most


def test_after_a_429_other_requests_to_the_host_wait_too_or_are_not_sent() -> None:
    clock = StillClock()
    script = Script(reply(429, headers={"Retry-After": "20"}), OK, OK, OK, reply(429, headers={"Retry-After": "3600"}))
    with Http(clock, {}, {}, transport=script) as http:
        http.request("GET", URL, {}, limit=10)
        clock.slept.clear()
        http.request("GET", URL, {}, limit=10)
        assert clock.slept == [pytest.approx(0.2, abs=0.01)]
        http.request("GET", httpx.URL("https://other.test/"), {}, limit=10)
        assert len(clock.slept) == 1
        assert http.request("GET", URL, {}, limit=10).status == 429
        with pytest.raises(NoResponse, match="asks for none for 3600 s") as failure:
            http.request("GET", URL, {}, limit=10)
    assert failure.value.status == 429
    assert len(script.requests) == 5


WAITS = [
    ("seconds", "120", 120.0),
    ("with space", " 3 ", 3.0),
    ("a fraction", "1.5", 1.5),
    ("none", "0", 0.0),
    ("a date to come", format_datetime(StillClock().now() + timedelta(seconds=90), usegmt=True), 90.0),
    ("a date that is past", "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
]
NO_WAITS = [None, "", "soon", "-5", "1e9", "nan", "inf", "9" * 400, "Wed, 99 Oct 2015 07:28:00 GMT", "٣", "\x00"]


@pytest.mark.parametrize(("text", "seconds"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS])
def test_retry_after_is_read(text: str, seconds: float) -> None:
    assert retry_after(text, StillClock().now().timestamp()) == pytest.approx(seconds)


@pytest.mark.parametrize("text", NO_WAITS)
def test_junk_in_retry_after_is_as_if_it_were_not_there(text: str | None) -> None:
    assert retry_after(text, StillClock().now().timestamp()) is None


BACK = reply(302, headers={"Location": "https://registry.test/again"})


@rows("location then shown", {
    "the same host": ("/elsewhere?x=1", [OK], [True]),
    "another one, for good": ("https://storage.test/blob", [BACK, OK], [False, False]),
    "another port": ("https://registry.test:8443/", [OK], [False]),
    "another name": ("https://sub.registry.test/", [OK], [False]),
})  # fmt: skip
def test_credentials_go_to_no_other_host(location: str, then: list[httpx.Response], shown: list[bool]) -> None:
    script = Script(reply(307, headers={"Location": location}), *then)
    assert ask(script) == (200, b"fine")
    assert [each is not None for each in script.shown] == [True, *shown]
    assert script.lines[1] == f"GET {URL.join(location)}"


@pytest.mark.parametrize(
    ("location", "words", "requests"),
    [
        ("http://registry.test/", "redirects to an address", 1),
        ("https://169.254.169.254/", "redirects to an address", 1),
        ("https://[::::]/", "redirects to an address that cannot be read", 1),
        ("https://xn--a.b/", "is not a valid host and port", 1),
        ("/again", f"redirects more than {REDIRECTS} times", REDIRECTS + 1),
    ],
)
def test_a_redirect_that_leads_astray_is_refused_and_nothing_is_sent_there(
    location: str, words: str, requests: int
) -> None:
    script = Script(reply(302, headers={"Location": location}))
    with pytest.raises(NoResponse, match=words):
        ask(script)
    assert len(script.requests) == requests


@pytest.mark.parametrize(("method", "headers"), [("POST", {"Location": "/again"}), ("GET", {})])
def test_a_redirect_of_a_post_or_without_a_location_is_an_answer(method: str, headers: dict[str, str]) -> None:
    script = Script(reply(302, b"where?", headers), OK)
    assert ask(script, method=method) == (302, b"where?")
    assert script.requests[0].headers["User-Agent"].startswith("gitops-bot/")


def test_a_body_may_have_as_many_bytes_as_allowed_and_no_more() -> None:
    assert ask(Script(reply(200, b"x" * 1000)), limit=1000) == (200, b"x" * 1000)
    script = Script(reply(200, b"x" * 1001))
    with pytest.raises(NoResponse, match="more than the 1000 bytes"):
        ask(script, limit=1000)
    assert len(script.requests) == 1
    announced = httpx.Response(200, headers={"Content-Length": "1001"}, stream=httpx.ByteStream(b""))
    with pytest.raises(NoResponse, match="more than the 1000 bytes"):
        ask(Script(announced))


def test_the_body_of_a_failure_is_cut_and_not_held_against_it() -> None:
    status, body = ask(Script(reply(404, b"x" * (ERROR_BODY + 1))), limit=10)
    assert (status, len(body)) == (404, ERROR_BODY)


def test_a_compressed_answer_is_refused_because_none_was_asked_for() -> None:
    script = Script(reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}))
    with pytest.raises(NoResponse, match="encoding 'gzip' although none was requested"):
        ask(script)
    assert script.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_head_may_name_an_encoding_because_it_has_no_body() -> None:
    head = reply(200, headers={"Content-Encoding": "gzip", "Content-Length": "100000"})
    assert ask(Script(head), method="HEAD", limit=10) == (200, b"")


def test_a_proxy_that_cannot_be_used_is_named_without_its_password() -> None:
    with (
        Http(StillClock(), {"HTTPS_PROXY": "ftp://ada:secret@proxy.lan"}, {}) as http,
        pytest.raises(NoResponse, match="HTTPS_PROXY or ALL_PROXY") as failure,
    ):
        http.request("GET", URL, {}, limit=10)
    assert "secret" not in str(failure.value) + str(failure.value.__cause__)


# --- on real sockets ---


def test_loopback_is_reached_beside_a_proxy(registry: DockerRegistry) -> None:
    with Http(StillClock(), {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}, {}) as http:
        assert http.request("GET", httpx.URL(f"http://{registry.host}/v2/"), {}, limit=100).status == 200


BROKEN = [
    ("the connection closed", b"", "closed the connection"),
    ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection"),
    ("half a body", answer("200 OK", b"half", length=100), "closed the connection"),
    ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n", "closed the connection"),
    ("a head without end", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40000, "closed the connection"),
    ("a wrong chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "closed the connection"),
]


@pytest.mark.parametrize(("sent", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_server_that_stays_broken_is_an_error_in_words(sent: bytes, words: str) -> None:
    with (
        broken_server([sent]) as server,
        Http(StillClock(), {}, {}) as http,
        pytest.raises(NoResponse, match=words) as failure,
    ):
        http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=1000)
    assert str(failure.value).isprintable()
    assert len(str(failure.value)) < 300
    assert len(server.heads) == ATTEMPTS


def test_a_secret_with_a_line_break_is_not_sent_and_not_told() -> None:
    with (
        broken_server([answer("200 OK")]) as server,
        Http(StillClock(), {}, {}) as http,
        pytest.raises(NoResponse, match="characters that HTTP does not allow") as failure,
    ):
        http.request("GET", httpx.URL(f"http://{server.host}/"), {"Authorization": "Bearer se\ncret"}, limit=10)
    assert "cret" not in str(failure.value)
    assert server.heads == []


def test_connections_to_ever_more_origins_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitops_bot.edges.http.client.MOST_ORIGINS", 2)
    kept_open = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path would be made of each

    with ExitStack() as stack:
        targets = [stack.enter_context(broken_server([kept_open])) for _ in range(8)]
        moved = [answer("302 Found", b"", f"Location: http://{target.host}/x") for target in targets]
        registry = stack.enter_context(broken_server(moved))
        http = stack.enter_context(Http(Clock(), {}, {}))
        before = open_files()
        for _ in targets:
            page = http.request("GET", httpx.URL(f"http://{registry.host}/v2/"), {}, limit=1000)
            assert page.body == b"{}"
        assert [len(target.heads) for target in targets] == [1] * 8
        assert open_files() - before <= 2


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


Seen = list[tuple[str, int | None]]


def observed(script: Script) -> Seen:
    seen: Seen = []
    with Http(StillClock(), {}, {}, transport=script, observe=lambda *each: seen.append(each)) as http:
        try:
            http.request("GET", URL, {}, limit=1000)
        except NoResponse:
            seen.append(("gave up", None))
    return seen


def test_each_try_and_each_redirect_is_told_with_its_host() -> None:
    away = reply(307, b"", {"Location": "https://cdn.test/blob"})
    assert observed(Script(reply(503), httpx.ReadError("reset"), away, reply(200))) == [
        ("registry.test", 503),
        ("registry.test", None),
        ("registry.test", 307),
        ("cdn.test", 200),
    ]


@pytest.mark.parametrize("location", ["https://a.evil.test/x", "https://b.evil.test/x"])
def test_a_registry_does_not_choose_the_names_that_are_counted(location: str) -> None:
    seen: Seen = []
    script = Script(reply(307, b"", {"Location": location}), reply(200, b'{"tags": ["v1"]}'))
    with Registry({}, {}, StillClock(), transport=script, observe=lambda *each: seen.append(each)) as registry:
        assert registry.tags(ImageName.parse("registry.test/acme/web")) == ("v1",)
    assert seen == [("registry.test", 307), ("other", 200)]


@rows("rate pause waits", {
    "no rate": (None, None, []),
    "a rate": (4, None, [0.25, 0.25, 0.25]),
    "a slow rate is no pause": (1 / 200, None, [200, 200, 200]),
    "the pause that a host asked for, then a distance": (None, 7, [7, 0.2, 0.2]),
})  # fmt: skip
def test_requests_are_spaced_out(rate: float | None, pause: float | None, waits: list[float]) -> None:
    clock = StillClock()
    pace = Pace(clock, rate=rate)
    for number in range(4):
        with pace.turn(60) as seen:
            if pause is not None and number == 0:
                pace.slow_down(seen, pause)
    assert clock.slept == pytest.approx(waits)


def test_a_pause_longer_than_the_patience_is_not_waited_for_and_takes_no_place() -> None:
    clock = StillClock()
    pace = Pace(clock, concurrency=1)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 3600)
    for _ in range(3):
        with pytest.raises(NoResponse, match="asks for none for 3600 s"), pace.turn(60):
            pass
    assert clock.slept == []


def test_no_more_requests_are_under_way_than_allowed() -> None:
    pace = Pace(StillClock(), concurrency=3)
    all_in, inside, most = threading.Barrier(3), threading.Semaphore(3), []

    def visit(_: int) -> None:
        with pace.turn(60):
            most.append(inside.acquire(blocking=False))
            all_in.wait(30)
            inside.release()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(visit, range(12)))
    assert most == [True] * 12


def test_many_429_of_one_burst_slow_down_once_and_a_later_one_again() -> None:
    clock = StillClock()
    pace = Pace(clock)
    burst = []
    for _ in range(16):
        with pace.turn(60) as seen:
            burst.append(seen)
    for seen in burst:
        pace.slow_down(seen, 0)
    for _ in range(2):
        with pace.turn(60) as seen:
            pass
    assert clock.slept == [pytest.approx(0.2)]
    pace.slow_down(seen, 0)
    for _ in range(3):
        with pace.turn(60):
            pass
    assert clock.slept[-1] == pytest.approx(0.4)


def test_the_distance_has_an_end_and_a_configured_one_is_never_shortened() -> None:
    for rate, longest in ((None, 3.0), (0.1, 10.0)):
        clock = StillClock()
        pace = Pace(clock, rate=rate)
        for _ in range(20):
            with pace.turn(1000) as seen:
                pace.slow_down(seen, 0)
        for _ in range(2):
            with pace.turn(1000):
                pass
        assert clock.slept[-1] == pytest.approx(longest)


def test_who_waited_while_the_host_closed_waits_again() -> None:
    class Interrupted(StillClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 1:
                pace.slow_down(0, 30)

    clock = Interrupted()
    pace = Pace(clock, rate=1)
    with pace.turn(60):
        pass
    with pace.turn(60):
        pass
    assert clock.slept == [pytest.approx(1), pytest.approx(30)]
