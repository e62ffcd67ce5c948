"""Servers on real sockets that never come to an end, each byte well within the time that httpx would wait for it."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from gitops_bot.edges.http.client import Http
from gitops_bot.edges.http.transport import HEAD, NoResponse
from gitops_bot.edges.patience import ATTEMPTS
from tests.counterparts.broken import ENDLESS, HINT, answer, broken_server, dripping
from tests.counterparts.clock import StillClock

#: Seconds that a request may take here; without a deadline the drips would go on for two.
DEADLINE = 0.2


@pytest.mark.parametrize(("first", "drip"), [row[1:] for row in ENDLESS], ids=[row[0] for row in ENDLESS])
def test_what_drips_without_end_is_given_up(first: bytes, drip: bytes) -> None:
    with (
        dripping(first, drip) as host,
        Http(StillClock(), {}, {}, seconds=DEADLINE) as http,
        pytest.raises(NoResponse, match=r"took more than 0\.2 s to send one answer") as failure,
    ):
        http.request("GET", httpx.URL(f"http://{host}/"), {}, limit=2000)
    assert failure.value.host == host


@pytest.mark.parametrize("proxy", [False, True], ids=["the host", "a proxy"])
def test_a_greeting_without_end_is_given_up(proxy: bool) -> None:
    with dripping(b"", b"") as host:
        environ = {"HTTPS_PROXY": f"http://{host}"} if proxy else {}
        url = httpx.URL("https://registry.test/" if proxy else f"https://{host}/")
        with (
            Http(StillClock(), environ, {}, seconds=DEADLINE) as http,
            pytest.raises(NoResponse, match=r"took more than 0\.2 s"),
        ):
            http.request("GET", url, {}, limit=10)


def test_informational_answers_are_bounded_however_fast_they_come() -> None:
    flood = HINT * (2 * HEAD // len(HINT)) + answer("200 OK", b"fine")
    with (
        broken_server([flood]) as server,
        Http(StillClock(), {}, {}) as http,
        pytest.raises(NoResponse, match=f"closed the connection: more than {HEAD} bytes before the answer"),
    ):
        http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=10)
    assert len(server.heads) == ATTEMPTS


def test_a_few_informational_answers_are_passed_over() -> None:
    with broken_server([HINT * 3 + answer("200 OK", b"fine")]) as server, Http(StillClock(), {}, {}) as http:
        assert http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=10).body == b"fine"


def test_a_body_is_not_measured_as_a_head() -> None:
    body = b"x" * 4 * HEAD
    with broken_server([answer("200 OK", body)]) as server, Http(StillClock(), {}, {}) as http:
        assert http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=len(body)).body == body


def test_each_request_on_a_kept_connection_has_the_whole_measure() -> None:
    """Ten heads on one connection, which are too much for one request."""
    head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * (HEAD // 5) + b"\r\nContent-Length: 2\r\n\r\nok"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(10):
                    while b"\r\n\r\n" not in connection.recv(65536):
                        pass
                    connection.sendall(head)

        thread = threading.Thread(target=serve)
        thread.start()
        url = httpx.URL("http://{}:{}/".format(*listener.getsockname()))
        with Http(StillClock(), {}, {}) as http:
            assert [http.request("GET", url, {}, limit=10).body for _ in range(10)] == [b"ok"] * 10
        thread.join()
