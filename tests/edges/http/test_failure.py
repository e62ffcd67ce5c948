from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.edges.http.client import Http
from gitops_bot.edges.http.transport import NoResponse, broken
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.token_server import encrypted

if TYPE_CHECKING:
    from pathlib import Path


def failure_of(url: str, environ: dict[str, str] | None = None) -> NoResponse:
    with Http(StillClock(), environ or {}, {}) as http, pytest.raises(NoResponse) as failure:
        http.request("GET", httpx.URL(url), {}, limit=10)
    return failure.value


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    failure = failure_of(f"http://{host}/")
    assert "does not accept connections" in failure.what
    assert "refused" in failure.what
    assert not failure.reached


@pytest.mark.parametrize("url", ["https://a..b/", "http://127.0.0.1:99999/"])
def test_a_name_or_port_that_can_be_none(url: str) -> None:
    failure = failure_of(url)
    assert "is not a valid host and port" in failure.what
    assert not failure.reached


def test_a_certificate_of_nobody(tmp_path: Path) -> None:
    context = encrypted(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                raise AssertionError("the certificate was trusted")

        thread = threading.Thread(target=serve)
        thread.start()
        failure = failure_of(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert "a certificate that cannot be trusted: self-signed certificate" in failure.what
    assert "SSL_CERT_FILE" in failure.advice
    assert (failure.again, failure.reached) == (False, False)


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_authorities_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "authorities.pem").write_text(content)
    failure = failure_of("https://registry.test/", {"SSL_CERT_FILE": str(tmp_path / "authorities.pem")})
    assert "SSL_CERT_FILE or SSL_CERT_DIR cannot be read" in failure.what
    assert not failure.reached


def test_tls_where_there_is_none_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent TLS to an HTTP server.\n")

        thread = threading.Thread(target=serve)
        thread.start()
        failure = failure_of(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert "does not speak TLS as expected" in failure.what
    assert "`plain_http: true`" in failure.advice
    assert (failure.again, failure.reached) == (False, False)


def test_a_proxy_that_refuses() -> None:
    with broken_server([answer("403 Forbidden")]) as proxy:
        failure = failure_of("https://registry.test/", {"HTTPS_PROXY": f"http://ada:secret@{proxy.host}"})
    assert f"cannot be reached through HTTPS_PROXY=http://{proxy.host}: 403 Forbidden" in failure.what
    assert failure.advice == "Check the proxy, or name the host in NO_PROXY."
    assert "secret" not in failure.what + failure.advice
    assert proxy.lines == ["CONNECT registry.test:443"]


@pytest.mark.parametrize(("errno", "again"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)])
def test_a_name_without_an_address_is_asked_for_again_only_where_the_resolver_failed(errno: int, again: bool) -> None:
    error = httpx.ConnectError("[Errno] no address")
    error.__cause__ = socket.gaierror(errno, "no address")
    failure = broken(error)
    assert failure.what == "cannot be found: no address"
    assert (failure.again, failure.reached) == (again, False)


def test_a_host_that_does_not_answer_was_reached() -> None:
    failure = broken(httpx.ReadTimeout("timed out"))
    assert (failure.what, failure.again, failure.reached) == ("did not answer in time", True, True)
    assert not broken(httpx.ConnectTimeout("timed out")).reached


def test_what_the_other_side_sent_is_told_on_one_short_line() -> None:
    failure = broken(httpx.RemoteProtocolError("illegal\x1b[31m line\r\n" + "x" * 1000))
    assert failure.what.startswith("closed the connection: illegal [31m line x")
    assert failure.what.isprintable()
    assert len(failure.what) < 250
