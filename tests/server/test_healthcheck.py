from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gitops_bot.server import healthcheck
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = ["/opt/gitops-bot/bin/python", "/opt/gitops-bot/bin/gitops-bot"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nalive\n"


@rows("words expected", {
    "all IPv4": ([*PYTHON, "run", "--every", "5m", "--listen", "0.0.0.0:8080"], ("127.0.0.1", 8080)),
    "all IPv6": ([*PYTHON, "run", "--listen=[::]:8080", "--every=5m"], ("::1", 8080)),
    "no host": ([*PYTHON, "run", "--listen", ":8080"], ("127.0.0.1", 8080)),
    "one address": ([*PYTHON, "run", "--listen", "10.0.0.7:1"], ("10.0.0.7", 1)),
    "the last one counts": ([*PYTHON, "run", "--listen", "a:1", "--listen", "b:2"], ("b", 2)),
    "behind an init": (["/sbin/docker-init", "--", *PYTHON, "run", "--listen", "a:1"], ("a", 1)),
})  # fmt: skip
def test_a_service_is_found_by_its_command_line(words: list[str], expected: tuple[str, int]) -> None:
    assert healthcheck.listening(words) == expected


@rows("words", {
    "nothing to be read": [],
    "run without a server": [*PYTHON, "run", "--every", "5m"],
    "an environment of that name": [*PYTHON, "run", "--every", "5m", "--", "--listen=a:1"],
    "no colon": [*PYTHON, "run", "--listen", "8080"],
    "no number": [*PYTHON, "run", "--listen", "a:http"],
    "a port that only the system knows": [*PYTHON, "run", "--listen", "a:0"],
    "another program": ["/sbin/init", "--listen", "a:1"],
})  # fmt: skip
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


@rows("answer expected", {
    "alive": (OK, (True, "HTTP/1.1 200 OK alive")),
    "stuck": (
        b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe cycle is stuck\nx",
        (False, "HTTP/1.1 503 Service Unavailable the cycle is stuck"),
    ),
    "no status": (b"HTTP/1.1 2000\r\n\r\n", (False, "HTTP/1.1 2000")),
    "junk": (b"\x1b[2J\xff 200", (False, "?[2J? 200")),
    "nothing": (b"", (False, "")),
    "too much": (OK + b"x" * 100_000, (True, "HTTP/1.1 200 OK alive")),
})  # fmt: skip
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
