"""The line on a terminal that tells how far long work is, and where there is none."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

import pytest

from gitops_bot import log
from gitops_bot.wiring.progress import progress
from tests.conftest import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What takes a line away again.
GONE = "\r\x1b[2K"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm")
    yield
    log.use("auto")


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let a person look at standard error. Not in a fixture: pytest puts its own in place once they are made."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    return found


def work(steps: int = 3) -> None:
    with progress("asking 2 registries", steps) as done:
        for _ in range(steps):
            done()


def test_a_terminal_shows_how_far_it_is_and_the_line_goes_with_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = watched(monkeypatch)
    work()
    assert "asking 2 registries: 3 of 3 ..." in terminal.getvalue()
    assert terminal.getvalue().endswith(GONE)
    with progress("fetching the repository"):
        pass
    assert "fetching the repository ..." in terminal.getvalue()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("log_format", "least", "term"),
    [("json", "info", "xterm"), ("auto", "warning", "xterm"), ("auto", "debug", "xterm"), ("auto", "info", "dumb")],
    ids=["the log is JSON", "quiet", "verbose", "a terminal that cannot take a line back"],
)
def test_where_it_is_not_wanted_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, log_format: str, least: log.Level, term: str
) -> None:
    terminal = watched(monkeypatch)
    monkeypatch.setenv("TERM", term)
    log.use(log_format, least=least)
    work()
    assert terminal.getvalue() == ""


def test_a_pipe_gets_nothing_whatever_the_log_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    for log_format in ("auto", "text"):
        log.use(log_format)
        work()
    assert pipe.getvalue() == ""


def test_no_work_is_not_shown_and_of_work_inside_of_work_the_outer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    work(0)
    assert terminal.getvalue() == ""
    with progress("outside", 1), progress("inside", 1) as done:
        done()
    assert "outside: 0 of 1" in terminal.getvalue()
    assert "inside" not in terminal.getvalue()


def test_what_is_logged_meanwhile_stands_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with progress("asking 2 registries", 1):
        log.event("cache.unused", level="warning", reason="[red]\x1b[2J")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "\n").split("\n")
    (event,) = (number for number, line in enumerate(lines) if "cache.unused" in line)
    assert any(r"[red]\x1b[2J" in line for line in lines[event:])
    assert any("asking 2 registries: 0 of 1 ..." in line for line in lines[event + 1 :])


def test_work_that_fails_leaves_the_terminal_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress("asking 2 registries", 3):
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(GONE)
    assert sys.stderr is terminal
    work()
    assert "asking 2 registries: 3 of 3 ..." in terminal.getvalue()
