"""Who loses a race to another push plans again after a wait, until that makes no sense any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from gitops_bot.engine.request import Poll, Request
from gitops_bot.engine.update import update
from gitops_bot.engine.world import Race
from gitops_bot.errors import LostRace, Problem
from tests.engine.situations import alone, started
from tests.engine.world import Clock, Repository

if TYPE_CHECKING:
    from typing import NoReturn

LOST = LostRace(Problem("failed.git", "main moved on", "run again"))


@dataclass(slots=True)
class Passing(Clock):
    """A clock that a test sets, and the waits that were asked of it."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.mark.parametrize(("took", "most"), [(1.0, 100), (60.0, 10), (600.0, 1), (601.0, 0)])
def test_a_race_is_given_up_after_a_hundred_losses_or_ten_minutes(took: float, most: int) -> None:
    clock = Passing()
    race = Race(clock)
    for _ in range(most):
        clock.seconds += took
        race.wait(LOST)
    clock.seconds += took
    with pytest.raises(LostRace):
        race.wait(LOST)
    longest = [took * min(2**lost, 16) for lost in range(1, most + 1)]
    assert all(0 <= wait <= at_most for wait, at_most in zip(clock.waits, longest, strict=True))


class Overtaken(Repository):
    """Somebody else is always faster."""

    __slots__ = ("tries",)
    tries: int

    def publish(self, branch: str, **_: object) -> NoReturn:
        self.tries += 1
        raise LOST


def test_a_race_that_cannot_be_won_fails_its_environment() -> None:
    shop = started(alone("policy: releases, propose: {as: commit}"))
    shop.repository = overtaken = Overtaken(shop.repository.history)
    overtaken.tries = 0
    (environment,) = update(shop.world, shop.facts("production").snapshot, Request(Poll())).body.environments
    assert [failed.problem for failed in environment.failed] == [LOST.problem]
    assert overtaken.tries == 101
