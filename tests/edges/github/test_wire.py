"""What goes over the wire, and what becomes of answers that are none. GitHub's own errors are in test_messages.py."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import responses

from gitops_bot import __version__
from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.edges.facts import fixed
from gitops_bot.edges.github import wire as wire_module
from gitops_bot.edges.github.failure import Refused
from gitops_bot.edges.github.wire import Wire
from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.patience import ATTEMPTS
from tests.counterparts.broken import answer as broken_answer
from tests.counterparts.broken import broken_server
from tests.counterparts.clock import StillClock
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "ghs_0123456789abcdef"


def still_clock() -> StillClock:
    return StillClock(NOW)


@contextmanager
def answering(answer: Callable[[Request], Answer] | list[Answer]) -> Iterator[tuple[Wire, StillClock, Server]]:
    """A wire to a server that gives these answers in turn, the last of them again and again."""
    turn = iter(range(1_000))
    respond = answer if callable(answer) else lambda _: answer[min(next(turn), len(answer) - 1)]
    clock = still_clock()
    with Server(respond) as server:
        yield Wire(server.url, fixed(TOKEN), clock), clock, server


OK = Answer.json(200, {"fine": True})


def said(message: str, status: int, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.json(status, {"message": message}, headers)


def test_a_request_says_who_asks_and_what() -> None:
    seen: list[Request] = []

    def remember(request: Request) -> Answer:
        seen.append(request)
        return OK

    with answering(remember) as (wire, _, _):
        assert wire.ask("POST", "/repos/a/b/pulls", query={"x": "a b&c"}, body={"title": "ä"}) == {"fine": True}
    (request,) = seen
    assert (request.method, request.path, request.query) == ("POST", "/repos/a/b/pulls", {"x": "a b&c"})
    assert request.body == b'{"title": "\\u00e4"}'
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["user-agent"] == f"gitops-bot/{__version__}"
    assert request.headers["accept"] == "application/vnd.github+json"
    assert request.headers["x-github-api-version"] == "2022-11-28"


@responses.activate
@pytest.mark.parametrize(("api_url", "waits"), [("https://api.github.com", [1.0]), ("http://127.0.0.1", [])])
def test_writes_are_a_second_apart_but_on_this_machine_and_questions_wait_for_nothing(
    api_url: str, waits: list[float]
) -> None:
    clock = still_clock()
    wire = Wire(api_url, fixed(TOKEN), clock)
    responses.post(f"{api_url}/graphql", json={"data": {"viewer": None}})
    responses.post(f"{api_url}/repos/a/b/pulls", json={})
    for _ in range(2):
        wire.graphql("query Viewer { viewer { login } }", {}, write=False)
    wire.ask("POST", "/repos/a/b/pulls", body={})
    wire.graphql("query Viewer { viewer { login } }", {}, write=False)
    assert clock.slept == []
    wire.ask("POST", "/repos/a/b/pulls", body={})
    assert clock.slept == waits


@responses.activate
@pytest.mark.parametrize(
    ("api_url", "address"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://git.example.com/api/v3", "https://git.example.com/api/graphql"),
        ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/api/graphql"),
        ("http://[::1]:8080", "http://[::1]:8080/graphql"),
    ],
)
def test_graphql_is_asked_beside_the_rest_of_the_api(api_url: str, address: str) -> None:
    responses.post(address, json={"data": {"viewer": {"login": "bot"}}})
    told = Wire(api_url, fixed(TOKEN), still_clock()).graphql("query Q { viewer { login } }", {"a": "ä"}, write=False)
    assert told[0] == {"viewer": {"login": "bot"}}
    sent = responses.calls[0].request
    assert json.loads(sent.body or "") == {"query": "query Q { viewer { login } }", "variables": {"a": "ä"}}
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("method", "status"), [("GET", 500), ("POST", 502), ("PATCH", 503), ("GET", 504)])
def test_a_fault_of_the_server_is_tried_again_as_often_as_registries_are(method: str, status: int) -> None:
    with answering([said("oops", status), said("oops", status), OK]) as (wire, clock, server):
        assert wire.ask(method, "/x") == {"fine": True}
        assert ([seen[2] for seen in server.seen], len(clock.slept)) == ([status, status, 200], 2)
    with answering([said("oops", status)]) as (wire, clock, server):
        with pytest.raises(Refused, match=f"{status} oops"):
            wire.ask(method, "/x")
        assert len(server.seen) == ATTEMPTS
    assert sum(clock.slept) < 15


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 501])
def test_what_is_refused_for_good_is_not_tried_again(status: int) -> None:
    with answering([said("no", status)]) as (wire, clock, server):
        with pytest.raises(Refused) as error:
            wire.ask("POST", "/x", body={})
        assert len(server.seen) == 1
    assert (error.value.status, error.value.message, error.value.write, clock.slept) == (status, "no", True, [])


def test_a_token_that_is_rejected_is_replaced_once() -> None:
    def token(rejected: str | None = None, repository: str | None = None) -> str:
        return f"{TOKEN}2" if rejected == TOKEN else TOKEN

    for answers, status in (([said("no", 401), OK], 200), ([said("no", 401)], 401)):
        with answering(answers) as (_, clock, server):
            with pytest.raises(Refused) if status == 401 else nullcontext():
                assert Wire(server.url, token, clock).ask("GET", "/repos/a/b/x") == {"fine": True}
            assert [seen[2] for seen in server.seen] == [401, status]


PRIMARY = "API rate limit exceeded for installation ID 1."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def primary(seconds: float) -> Answer:
    """Spent, until so many seconds from now."""
    moment = int(NOW.timestamp() + seconds)
    return said(PRIMARY, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(moment)})


TOO_QUICK = Answer.json(
    422, {"message": "Validation Failed", "errors": [{"resource": "Issue", "message": "was submitted too quickly"}]}
)
#: What is answered, and the seconds that are waited for it: None where that would be too long.
LIMITS: dict[str, tuple[Answer, int | None]] = {
    "429 that says how long": (said("slow down", 429, {"Retry-After": "55"}), 55),
    "403 that says how long": (said(SECONDARY, 403, {"Retry-After": "60"}), 60),
    "a secondary limit that does not say how long": (said(SECONDARY, 403), 60),
    "a primary limit that ends soon": (primary(59), 59),
    "submitted too quickly": (TOO_QUICK, 60),
    "submitted too quickly, with the seconds": (said("was submitted too quickly", 422, {"Retry-After": "55"}), 55),
    "a fault": (said("maintenance", 503, {"Retry-After": "60"}), 60),
    "429 for longer": (said("slow down", 429, {"Retry-After": "61"}), None),
    "429 that does not say how long": (said("slow down", 429), None),
    "a secondary limit for longer": (said(SECONDARY, 403, {"Retry-After": "3600"}), None),
    "a primary limit for longer": (primary(360_000), None),
    "a date far away": (said("slow down", 429, {"Retry-After": "Fri, 31 Dec 2077 23:59:59 GMT"}), None),
    "submitted too quickly, for longer": (said("was submitted too quickly", 422, {"Retry-After": "3600"}), None),
    "a fault for longer": (said("maintenance", 503, {"Retry-After": "61"}), None),
}


@pytest.mark.parametrize(("limit", "seconds"), LIMITS.values(), ids=LIMITS)
def test_what_ends_within_a_minute_is_waited_out_and_nothing_else(limit: Answer, seconds: int | None) -> None:
    if seconds is not None:
        with answering([limit, OK]) as (wire, clock, _):
            assert wire.ask("POST", "/x", body={}) == {"fine": True}
        assert [int(each) for each in clock.slept] == [seconds]
    with answering([limit]) as (wire, clock, server):
        with pytest.raises(Refused) as error:
            wire.ask("POST", "/x", body={})
        assert (len(server.seen) == 1) is (seconds is None)
    assert error.value.limited is (limit.status != 503)
    assert sum(clock.slept) <= (seconds or 0) + ATTEMPTS, "there is no time for a second minute"


@pytest.mark.parametrize(("status", "method"), [(202, "GET"), (301, "GET"), (302, "POST"), (307, "POST"), (308, "GET")])
def test_a_redirect_is_not_followed_nor_asked_for_what_is_not_ready(status: int, method: str) -> None:
    asked: list[str] = []

    def elsewhere(request: Request) -> Answer:
        asked.append(request.headers.get("authorization", ""))
        return OK

    with Server(elsewhere) as other:
        for target in (f"{other.url}/x", "/y"):
            with answering([Answer(status, headers={"Location": target}), OK]) as (wire, _, server):
                with pytest.raises(Refused) as error:
                    wire.ask(method, "/x")
                assert (error.value.status, len(server.seen)) == (status, 1)
    assert asked == []


@pytest.mark.parametrize(
    "body",
    [b"<!doctype html><title>Sign in</title>", b"[" * 200_000, b"\xff\xfe"],
    ids=["HTML", "deep", "bytes"],
)
def test_an_answer_that_is_no_json_is_none(body: bytes) -> None:
    with answering([Answer(200, body)]) as (wire, _, _), pytest.raises(NoResponse) as error:
        wire.ask("GET", "/x")
    assert error.value.what == "answered with something other than JSON"


def test_an_answer_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "_LIMIT", 100_000)
    with answering([Answer(200, b'"' + b"x" * 300_000 + b'"')]) as (wire, _, _), pytest.raises(NoResponse) as error:
        wire.ask("GET", "/x")
    assert error.value.what == "sent more than 100000 bytes"


def test_a_server_that_is_not_there_is_unanswered_after_all_tries() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clock = still_clock()
    with pytest.raises(NoResponse) as error:
        Wire(f"http://127.0.0.1:{port}", fixed(TOKEN), clock).ask("GET", "/x")
    assert error.value.what == "cannot be reached, or closed the connection early"
    assert len(clock.slept) == ATTEMPTS - 1


@rows("answer", {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
})  # fmt: skip
def test_a_broken_answer_is_unanswered(answer: bytes) -> None:
    with broken_server([answer]) as server, pytest.raises(NoResponse) as error:
        Wire(f"http://{server.host}", fixed(TOKEN), still_clock()).ask("GET", "/x")
    assert error.value.what == "cannot be reached, or closed the connection early"


def test_a_proxy_never_sees_what_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(lambda _: said("through the proxy", 418)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with answering([OK]) as (wire, _, _):
            assert wire.ask("GET", "/x") == {"fine": True}
        assert list(proxy.seen) == []


@rows("document shown", {
    "the token, should it be repeated": ({"message": f"bad {TOKEN} here"}, "bad *** here"),
    "control characters": ({"message": "a\x1b[31mb\nc\u202ed"}, "a [31mb c d"),
    "long": ({"message": "x" * 1000}, "x" * 299 + "…"),
    "every error": (
        {"message": "Invalid", "errors": [{"field": "head", "code": "invalid"}, "so", {"message": "why"}]},
        "Invalid; head invalid; so; why",
    ),
    "no object": (["x"], ""),
    "no text": ({"message": 7, "errors": 8}, ""),
})  # fmt: skip
def test_githubs_words_are_shown_safely(document: object, shown: str) -> None:
    with answering([Answer.json(422, document)]) as (wire, _, _), pytest.raises(Refused) as error:
        wire.ask("GET", "/x")
    assert error.value.message == shown


@pytest.mark.parametrize(
    "cut",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"],
    ids=["nothing", "a head", "a body"],
)
def test_an_answer_that_is_cut_off_is_asked_for_again(cut: bytes) -> None:
    with broken_server([cut, broken_answer("200 OK", b'{"fine": true}')]) as server:
        assert Wire(f"http://{server.host}", fixed(TOKEN), still_clock()).ask("POST", "/x") == {"fine": True}
        assert len(server.heads) == 2
        assert Wire(f"http://{server.host}", fixed(TOKEN), still_clock()).rate_limit()[0] == {"fine": True}


@pytest.mark.parametrize(
    "lost",
    [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{", broken_answer("502 Bad Gateway")],
    ids=["nothing", "a cut body", "502"],
)
def test_what_is_sent_once_is_not_sent_again_where_it_may_have_been_done(lost: bytes) -> None:
    with broken_server([lost]) as server:
        with pytest.raises((NoResponse, Refused)):
            Wire(f"http://{server.host}", fixed(TOKEN), still_clock()).ask("POST", "/x", once=True)
        assert len(server.heads) == 1
