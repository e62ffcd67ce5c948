"""Questions that together have so much time, and not more."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gitops_bot.doctor.notes import Bounded
from gitops_bot.edges.clock import Clock
from gitops_bot.errors import BotError, Problem
from tests.counterparts.clock import StillClock


def test_answers_come_back_whatever_the_order() -> None:
    first_may_go = threading.Event()
    bounded = Bounded(Clock(), 60)
    first = bounded.put(lambda: first_may_go.wait(60) and 1)
    second = bounded.put(lambda: 2)
    assert bounded.wait(second, "failed.forge", "b") == 2
    first_may_go.set()
    assert bounded.wait(first, "failed.forge", "a") == 1


def test_what_a_question_raises_is_raised_where_it_is_waited_for() -> None:
    def fail() -> int:
        raise BotError(Problem("failed.registry", "no"))

    def time_out() -> int:
        raise TimeoutError("its own")

    bounded = Bounded(Clock(), 60)
    with pytest.raises(BotError, match="no"):
        bounded.wait(bounded.put(fail), "failed.forge", "a")
    with pytest.raises(TimeoutError, match="its own"):
        bounded.wait(bounded.put(time_out), "failed.forge", "a")


def test_what_does_not_answer_is_given_up_and_holds_nothing() -> None:
    clock, over = StillClock(datetime(2026, 1, 1, tzinfo=UTC)), threading.Event()
    bounded = Bounded(clock, 25)
    never = bounded.put(lambda: over.wait(60))
    done = bounded.put(lambda: 3)
    assert bounded.wait(done, "failed.forge", "b") == 3
    clock.sleep(26)
    clock.ahead = timedelta(days=-1)  # however the clock is set meanwhile
    with pytest.raises(BotError) as told:
        bounded.wait(never, "failed.registry", "ghcr.io")
    assert told.value.problem.code == "failed.registry"
    assert told.value.problem.message == "ghcr.io did not answer within 25 s"
    assert "--timeout" in told.value.problem.next
    # An answer that is there counts, however late it is read.
    assert bounded.wait(done, "failed.forge", "b") == 3
    over.set()
