from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gitops_bot.server import healthcheck

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = ["/opt/gitops-bot/bin/python", "/opt/gitops-bot/bin/gitops-bot"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nalive\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([*PYTHON, "run", "--every", "5m", "--listen", "0.0.0.0:8080"], ("127.0.0.1", 8080), id="all IPv4"),
        pytest.param([*PYTHON, "run", "--listen=[::]:8080", "--every=5m"], ("::1", 8080), id="all IPv6"),
        pytest.param([*PYTHON, "run", "--listen", ":8080"], ("127.0.0.1", 8080), id="no host"),
        pytest.param([*PYTHON, "run", "--listen", "10.0.0.7:1"], ("10.0.0.7", 1), id="one address"),
        pytest.param([*PYTHON, "run", "--listen", "a:1", "--listen", "b:2"], ("b", 2), id="the last one counts"),
        pytest.param(["/sbin/docker-init", "--", *PYTHON, "run", "--listen", "a:1"], ("a", 1), id="behind an init"),
    ],
)
def test_a_service_is_found_by_its_command_line(words: list[str], expected: tuple[str, int]) -> None:
    assert healthcheck.listening(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="nothing to be read"),
        pytest.param([*PYTHON, "run", "--every", "5m"], id="run without a server"),
        pytest.param([*PYTHON, "run", "--every", "5m", "--", "--listen=a:1"], id="an environment of that name"),
        pytest.param([*PYTHON, "run", "--listen", "8080"], id="no colon"),
        pytest.param([*PYTHON, "run", "--listen", "a:http"], id="no number"),
        pytest.param([*PYTHON, "run", "--listen", "a:0"], id="a port that only the system knows"),
        pytest.param(["/sbin/init", "--listen", "a:1"], id="another program"),
    ],
)
def test_what_serves_nothing_is_not_asked(words: list[str]) -> None:
    assert healthcheck.listening(words) is None


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A port that gives one caller this answer, and what the caller asked."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            asked.append(connection.recv(1000))
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], asked
        thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(OK, (True, "HTTP/1.1 200 OK alive"), id="alive"),
        pytest.param(
            b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe cycle is stuck\nx",
            (False, "HTTP/1.1 503 Service Unavailable the cycle is stuck"),
            id="stuck",
        ),
        pytest.param(b"HTTP/1.1 2000\r\n\r\n", (False, "HTTP/1.1 2000"), id="no status"),
        pytest.param(b"\x1b[2J\xff 200", (False, "?[2J? 200"), id="junk"),
        pytest.param(b"", (False, ""), id="nothing"),
        pytest.param(OK + b"x" * 100_000, (True, "HTTP/1.1 200 OK alive"), id="too much"),
    ],
)
def test_the_answer_decides(answer: bytes, expected: tuple[bool, str]) -> None:
    with answering(answer) as (port, asked):
        assert healthcheck.ask("127.0.0.1", port) == expected
    assert asked[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: ")


@pytest.mark.parametrize(("answer", "code"), [(OK, 0), (b"HTTP/1.1 503 No\r\n\r\nstuck", 1)], ids=["well", "not well"])
def test_the_exit_code_is_what_an_engine_reads(
    answer: bytes, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(answer) as (port, _):
        words = [*PYTHON, "run", "--every", "5m", "--listen", f"0.0.0.0:{port}"]
        (tmp_path / "cmdline").write_text("\0".join(words) + "\0", encoding="utf-8")
        monkeypatch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "cmdline")
        assert healthcheck.main() == code
    assert capsys.readouterr().out.startswith("HTTP/1.1 ")


def test_a_service_that_is_gone_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (tmp_path / "cmdline").write_text(f"gitops-bot\0run\0--listen\0localhost:{port}\0", encoding="utf-8")
    monkeypatch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "cmdline")
    assert healthcheck.main() == 1
    assert capsys.readouterr().out == f"no answer from localhost:{port}: Connection refused\n"


def test_a_container_whose_first_process_cannot_be_seen_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "missing")
    assert healthcheck.main() == 0
