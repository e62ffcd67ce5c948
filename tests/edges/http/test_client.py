from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.edges.clock import Clock
from gitops_bot.edges.http.client import ERROR_BODY, REDIRECTS, Http, Tuning
from gitops_bot.edges.http.transport import NoResponse
from gitops_bot.edges.patience import ATTEMPTS, TOTAL_SECONDS, retry_after
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.registry import DockerRegistry

URL = httpx.URL("https://registry.test/v2/")
OK = reply(200, b"fine")
SECRET = {"Authorization": "Basic c2VjcmV0"}


def ask(script: Script, clock: StillClock | None = None, method: str = "GET", limit: int = 1000) -> tuple[int, bytes]:
    with Http(clock or StillClock(), {}, {}, transport=script) as http:
        given = http.request(method, URL, SECRET, limit=limit)
    return given.status, given.body


RETRIED = [
    ("408", reply(408)),
    ("429", reply(429)),
    ("500", reply(500)),
    ("502", reply(502)),
    ("503", reply(503)),
    ("504", reply(504)),
    ("a status that nobody registered", reply(599)),
    ("a broken connection", httpx.ReadError("reset")),
    ("no connection", httpx.ConnectError("refused")),
    ("no answer in time", httpx.ReadTimeout("slow")),
    ("half an answer", httpx.RemoteProtocolError("peer closed connection")),
]
NOT_RETRIED = [(str(status), reply(status)) for status in (200, 204, 304, 400, 401, 403, 404, 405, 410, 418, 501)]


@pytest.mark.parametrize("first", [row[1] for row in RETRIED], ids=[row[0] for row in RETRIED])
def test_what_may_pass_is_tried_again(first: httpx.Response | Exception) -> None:
    script, clock = Script(first, OK), StillClock()
    assert ask(script, clock) == (200, b"fine")
    assert len(script.requests) == 2
    assert len(clock.slept) >= 1


@pytest.mark.parametrize("first", [row[1] for row in NOT_RETRIED], ids=[row[0] for row in NOT_RETRIED])
def test_what_will_not_pass_is_asked_once(first: httpx.Response) -> None:
    script, clock = Script(first), StillClock()
    assert ask(script, clock)[0] == first.status_code
    assert len(script.requests) == 1
    assert clock.slept == []


def test_the_number_of_tries_is_bounded_and_the_last_answer_is_given() -> None:
    script = Script(reply(503, b"still down"))
    assert ask(script) == (503, b"still down")
    assert len(script.requests) == ATTEMPTS


def test_a_connection_that_stays_broken_is_an_error_after_as_many_tries() -> None:
    script = Script(httpx.ReadError("reset by peer"))
    with pytest.raises(NoResponse, match="closed the connection: reset by peer") as failure:
        ask(script)
    assert len(script.requests) == ATTEMPTS
    assert failure.value.host == "registry.test"


def test_waits_grow_with_jitter_and_have_an_end() -> None:
    clock = StillClock()
    ask(Script(reply(500)), clock)
    bounds = [0.5 * 2**number for number in range(ATTEMPTS - 1)]
    assert len(clock.slept) == len(bounds)
    assert all(0 <= waited <= bound for waited, bound in zip(clock.slept, bounds, strict=True))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status: int) -> None:
    clock = StillClock()
    began = clock.now()
    assert ask(Script(reply(status, headers={"Retry-After": "30"}), OK), clock) == (200, b"fine")
    assert 30 <= (clock.now() - began).total_seconds() <= 31 + 1


def test_a_wait_beyond_the_patience_is_not_begun() -> None:
    script, clock = Script(reply(503, b"later", {"Retry-After": str(TOTAL_SECONDS + 1)})), StillClock()
    assert ask(script, clock) == (503, b"later")
    assert (len(script.requests), clock.slept) == (1, [])


def test_the_whole_time_is_bounded_however_short_each_wait_is() -> None:
    script, clock = Script(reply(503, headers={"Retry-After": "40"})), StillClock()
    began = clock.now()
    ask(script, clock)
    assert len(script.requests) == 3
    assert (clock.now() - began).total_seconds() <= TOTAL_SECONDS


def test_after_a_429_other_requests_to_the_host_wait_too() -> None:
    clock = StillClock()
    script = Script(reply(429, headers={"Retry-After": "20"}), OK)
    with Http(clock, {}, {}, transport=script) as http:
        http.request("GET", URL, {}, limit=10)
        clock.slept.clear()
        http.request("GET", URL, {}, limit=10)
        assert clock.slept == [pytest.approx(0.2, abs=0.01)]
        http.request("GET", httpx.URL("https://other.test/"), {}, limit=10)
    assert len(clock.slept) == 1


def test_a_host_that_wants_an_hour_is_left_alone_by_every_further_request() -> None:
    script = Script(reply(429, headers={"Retry-After": "3600"}))
    with Http(StillClock(), {}, {}, transport=script) as http:
        assert http.request("GET", URL, {}, limit=10).status == 429
        with pytest.raises(NoResponse, match="asks for none for 3600 s") as failure:
            http.request("GET", URL, {}, limit=10)
    assert failure.value.status == 429
    assert len(script.requests) == 1


def test_a_configured_rate_spaces_requests_out() -> None:
    clock = StillClock()
    with Http(clock, {}, {"registry.test": Tuning(rate=5)}, transport=Script(OK)) as http:
        for _ in range(3):
            http.request("GET", URL, {}, limit=10)
    assert clock.slept == [pytest.approx(0.2)] * 2


def test_a_configured_concurrency_bounds_the_requests_under_way() -> None:
    together, inside, most = threading.Barrier(2), threading.Semaphore(2), []

    def hold(_: httpx.Request) -> httpx.Response:
        most.append(inside.acquire(blocking=False))
        together.wait(30)
        inside.release()
        return OK

    tunings = {"registry.test:5000": Tuning(concurrency=2)}
    url = httpx.URL("https://registry.test:5000/")
    with Http(StillClock(), {}, tunings, transport=Script(hold)) as http, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: http.request("GET", url, {}, limit=10), range(8)))
    assert most == [True] * 8


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


def test_a_redirect_on_the_same_host_keeps_the_credentials() -> None:
    script = Script(reply(307, headers={"Location": "/elsewhere?x=1"}), OK)
    assert ask(script) == (200, b"fine")
    assert script.lines == ["GET https://registry.test/v2/", "GET https://registry.test/elsewhere?x=1"]
    assert script.shown == [SECRET["Authorization"]] * 2


def test_a_redirect_to_another_host_drops_the_credentials_for_good() -> None:
    back = reply(302, headers={"Location": "https://registry.test/again"})
    script = Script(reply(307, headers={"Location": "https://storage.test/blob"}), back, OK)
    assert ask(script) == (200, b"fine")
    assert script.shown == [SECRET["Authorization"], None, None]


@pytest.mark.parametrize("location", ["https://registry.test:8443/", "https://sub.registry.test/"])
def test_another_port_and_another_name_are_another_host(location: str) -> None:
    script = Script(reply(308, headers={"Location": location}), OK)
    ask(script)
    assert script.shown == [SECRET["Authorization"], None]


@pytest.mark.parametrize("location", ["http://registry.test/", "https://169.254.169.254/", "ftp://registry.test/"])
def test_a_redirect_that_leads_astray_is_refused_and_nothing_is_sent_there(location: str) -> None:
    script = Script(reply(302, headers={"Location": location}), OK)
    with pytest.raises(NoResponse, match="redirects to an address"):
        ask(script)
    assert len(script.requests) == 1


def test_redirects_are_bounded() -> None:
    script = Script(reply(302, headers={"Location": "/again"}))
    with pytest.raises(NoResponse, match=f"redirects more than {REDIRECTS} times"):
        ask(script)
    assert len(script.requests) == REDIRECTS + 1


def test_a_redirected_post_is_not_sent_again() -> None:
    script = Script(reply(307, headers={"Location": "/again"}), OK)
    assert ask(script, method="POST")[0] == 307
    assert len(script.requests) == 1


def test_a_redirect_without_a_location_is_an_answer() -> None:
    assert ask(Script(reply(302, b"where?"))) == (302, b"where?")


def test_a_body_may_have_as_many_bytes_as_allowed_and_no_more() -> None:
    assert ask(Script(reply(200, b"x" * 1000)), limit=1000) == (200, b"x" * 1000)
    script = Script(reply(200, b"x" * 1001))
    with pytest.raises(NoResponse, match="more than the 1000 bytes"):
        ask(script, limit=1000)
    assert len(script.requests) == 1


def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    class Unread(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError

    with pytest.raises(NoResponse, match="more than the 1000 bytes"):
        ask(Script(httpx.Response(200, headers={"Content-Length": "1001"}, stream=Unread())))


def test_a_body_without_end_is_given_up() -> None:
    taken = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                taken.append(1)
                yield b"x" * 100

    with pytest.raises(NoResponse, match="more than the 1000 bytes"):
        ask(Script(httpx.Response(200, stream=Endless())))
    assert len(taken) == 11


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


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://xn--a.b/", "is not a valid host and port"),
        ("https://999.1.1.1/", "redirects to an address that cannot be read"),
        ("https://[::::]/", "redirects to an address that cannot be read"),
    ],
)
def test_a_redirect_to_no_host_is_an_error_in_words(location: str, words: str) -> None:
    script = Script(reply(307, headers={"Location": location}), OK)
    with pytest.raises(NoResponse, match=words):
        ask(script)
    assert len(script.requests) == 1


def test_the_bot_says_who_it_is() -> None:
    script = Script(OK)
    ask(script)
    assert script.requests[0].headers["User-Agent"].startswith("gitops-bot/")


def test_cookies_are_not_kept() -> None:
    script = Script(reply(200, headers={"Set-Cookie": "a=b"}))
    with Http(StillClock(), {}, {}, transport=script) as http:
        for _ in range(2):
            http.request("GET", URL, {}, limit=10)
    assert "Cookie" not in script.requests[1].headers


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


def test_one_connection_serves_many_requests() -> None:
    """A server that takes a single connection and closes it after two requests."""
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                accepted.append(1)
                for _ in range(2):
                    while b"\r\n\r\n" not in connection.recv(65536):
                        pass
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        url = httpx.URL(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with Http(StillClock(), {}, {}) as http:
            assert [http.request("GET", url, {}, limit=10).body for _ in range(2)] == [b"ok", b"ok"]
        thread.join()
    assert accepted == [1]


def test_a_broken_connection_is_made_anew() -> None:
    with broken_server([b"", answer("200 OK", b"fine")]) as server, Http(StillClock(), {}, {}) as http:
        assert http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=10).body == b"fine"
        assert len(server.heads) == 2


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


def test_a_bomb_of_zeros_is_never_unpacked() -> None:
    bomb = answer("200 OK", b"\x1f\x8b" + b"\0" * 100, "Content-Encoding: gzip")
    with (
        broken_server([bomb]) as server,
        Http(StillClock(), {}, {}) as http,
        pytest.raises(NoResponse, match="encoding"),
    ):
        http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=1000)
    assert len(server.heads) == 1


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
