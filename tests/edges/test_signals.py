from __future__ import annotations

import os
import signal
import sys
import threading
import weakref

import pytest

from gitops_bot.edges import signals
from gitops_bot.edges.signals import Ending, Overran, Terminated

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
Writes = list[str]


def come(number: signal.Signals) -> None:
    """A signal comes, and has come when this is over."""
    os.kill(os.getpid(), number)


def write(end: Ending, done: Writes, *come_meanwhile: signal.Signals) -> None:
    """A branch and its pull request as one, and the next of them; the signals come behind the branch."""
    with end.whole():
        done.append("branch")
        for number in come_meanwhile:
            come(number)
        done.append("pull request")
    done.append("the next write")


@pytest.mark.parametrize("number", STOPS, ids=lambda number: number.name)
def test_a_signal_is_obeyed_at_once_between_two_writes_but_a_write_under_way_is_finished_first(
    number: signal.Signals,
) -> None:
    done: Writes = []
    before = [signal.getsignal(each) for each in (*STOPS, signal.SIGALRM)]
    with Ending(), pytest.raises(Terminated) as told:
        come(number)
    assert told.value.signal is number
    with Ending() as end, pytest.raises(Terminated) as told:
        write(end, done, number)
    assert (told.value.signal, done) == (number, ["branch", "pull request"])
    assert [signal.getsignal(each) for each in (*STOPS, signal.SIGALRM)] == before


def test_a_write_that_fails_after_the_signal_ends_all_the_same() -> None:
    def refused(end: Ending) -> None:
        with end.whole():
            come(signal.SIGTERM)
            raise ValueError("the branch was refused")

    with Ending() as end, pytest.raises(Terminated):
        refused(end)


def test_a_second_signal_is_obeyed_even_in_a_write() -> None:
    done: Writes = []
    with Ending() as end, pytest.raises(Terminated):
        write(end, done, signal.SIGTERM, signal.SIGTERM)
    assert done == ["branch"]


def test_a_write_that_does_not_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(end: Ending) -> None:
        with end.whole():
            come(signal.SIGTERM)
            threading.Event().wait()

    monkeypatch.setattr(signals, "GRACE", 0.001)
    with Ending() as end, pytest.raises(Terminated):
        endless(end)


def test_the_end_of_the_time_comes_again_where_python_drops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[type[BaseException] | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: dropped.append(ignored.exc_type))
    monkeypatch.setattr(signals, "GRACE", 0.2)

    class Lock:
        """An import has one, and a callback for when it is gone."""

    locks = [Lock()]
    reference = weakref.ref(locks[0], lambda _: signal.pause())

    def work() -> None:
        locks.clear()
        threading.Event().wait()

    with Ending() as end, pytest.raises(Overran), end.within(0.001):
        work()
    assert (reference(), dropped) == (None, [Overran])


def test_a_write_is_finished_when_the_time_is_over_and_then_the_work_ends() -> None:
    done: Writes = []
    with Ending() as end:
        with pytest.raises(Overran), end.within(60):
            write(end, done, signal.SIGALRM)
        assert done == ["branch", "pull request"]
        # The next cycle knows nothing of it.
        with end.within(60):
            write(end, done)
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert done[2:] == ["branch", "pull request", "the next write"]


def test_a_word_to_end_in_a_write_whose_time_is_over_counts() -> None:
    done: Writes = []
    with Ending() as end, pytest.raises(Terminated):
        write(end, done, signal.SIGALRM, signal.SIGTERM)
    assert done == ["branch", "pull request"]
