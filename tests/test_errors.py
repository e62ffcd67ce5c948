from __future__ import annotations

import _thread
import errno
import os
import sys
import threading

import pytest

from gitops_bot.cli import main
from gitops_bot.errors import limit_of
from gitops_bot.wiring import process


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (RuntimeError("can't start new thread"), "this machine cannot start more threads"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "this machine cannot start more processes"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "this machine is out of memory"),
        (MemoryError(), "this machine is out of memory"),
        (ImportError("x.so: failed to map segment from shared object"), "this machine is out of memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "this machine does not let this process open more files"),
        (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), "this machine cannot open more files"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_a_limit_of_the_machine_is_told_as_one(error: BaseException, what: str) -> None:
    problem = limit_of(error)
    assert problem is not None
    assert (problem.code, problem.message) == ("failed.usage", what)
    assert "ulimit -a" in problem.next


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("something else"),
        OSError(errno.ENOENT, "no such file"),
        BlockingIOError(errno.EAGAIN, "write could not complete without blocking"),
        ValueError("can't start new thread"),
    ],
)
def test_anything_else_is_none(error: BaseException) -> None:
    assert limit_of(error) is None


def test_the_words_are_those_of_python() -> None:
    before = _thread.stack_size(1 << 46)  # no machine has addresses for that
    try:
        with pytest.raises(RuntimeError) as failure:
            threading.Thread(target=int).start()
    finally:
        _thread.stack_size(before)
    assert limit_of(failure.value) is not None


def test_too_little_memory_outside_of_a_command_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def starved(**_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(process, "begin", lambda: None)
    monkeypatch.setattr(main.cli, "main", starved)
    assert main.main(["plan"]) == 1
    assert capsys.readouterr().err.startswith("error: this machine is out of memory\n  next: raise the limit")


class Finalized:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __del__(self) -> None:
        raise self._error


def test_what_ends_a_thread_or_is_dropped_for_lack_of_memory_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends_by(error: Exception) -> None:
        raise error

    monkeypatch.setattr(threading, "excepthook", process.in_thread)
    monkeypatch.setattr(sys, "unraisablehook", process.ignored)
    shown = {}
    for error in (MemoryError(), ValueError("a bug")):
        thread = threading.Thread(target=ends_by, args=(error,))
        thread.start()
        thread.join()
        in_thread = capsys.readouterr().err
        Finalized(error)
        shown[type(error)] = in_thread, capsys.readouterr().err
    in_thread, dropped = shown[MemoryError]
    assert in_thread.startswith("error: this machine is out of memory\n  next: raise the limit")
    assert (len(in_thread.splitlines()), dropped) == (2, "")
    assert all("ValueError: a bug" in text for text in shown[ValueError])
