"""Two runs at once come to what one of them comes to, whichever of their requests comes first; so does a lost answer.

The runs are processes of their own, over HTTP. Quick: one journey, the most telling courses of events. `slow`: some
journeys that close something. With GITOPS_BOT_LONG=1: every journey, one run before each request of the other, and
orders at random.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.stateful.again import put_back, what_is_there, whatever_the_bot_closed_says_why
from tests.stateful.journeys import JOURNEYS
from tests.stateful.two_runs import Meeting, at_random, in_step, is_deletion, one_within_the_other
from tests.stateful.world import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Done
    from tests.stateful.journeys import Journey
    from tests.stateful.two_runs import Order
    from tests.stateful.world import Command

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
QUICK = "close what the configuration holds"
CLOSING = (QUICK, "split a group", "gather groups", "roll back one image beside an open proposal")
EACH_JOURNEY = [
    pytest.param(journey, marks=() if journey.name == QUICK else pytest.mark.slow, id=journey.name)
    for journey in JOURNEYS
    if LONG or journey.name in CLOSING
]


def _never(_: Request) -> bool:
    return False


def _meetings(shop: Shop, requests: int) -> Iterator[tuple[str, int, Meeting[Done]]]:
    """Courses of events: what each is called, how many runs meet in it, and the meeting."""
    courses: list[tuple[str, int, Order, Callable[[Request], bool]]] = [
        ("in step", 2, in_step, _never),
        ("in step, the first answer to a deletion is lost", 2, in_step, is_deletion),
        ("alone, the answer to a deletion is lost", 1, in_step, is_deletion),
    ]
    if LONG:
        courses += [(f"within, at {at}", 2, one_within_the_other(at), _never) for at in range(requests)]
        courses += [
            (f"seed {seed}", 2, at_random(seed), is_deletion if seed % 2 else _never) for seed in range(requests)
        ]
    for name, runs, order, cuts in courses:
        yield name, runs, Meeting(shop, shop.command, order, cuts)


@pytest.mark.parametrize("journey", EACH_JOURNEY)
def test_two_runs_at_once_come_to_what_one_comes_to(journey: Journey, tmp_path: Path) -> None:
    with Shop.open(tmp_path / "shop") as shop:
        journey.begin(shop)
        with put_back(shop):
            alone = Meeting(shop, shop.command, in_step)
            _end(shop, journey.command, alone, 1)
            expected = what_is_there(shop)
        for name, runs, meeting in _meetings(shop, len(alone.asked)):
            with put_back(shop):
                _end(shop, journey.command, meeting, runs)
                assert what_is_there(shop) == expected, (name, meeting.asked)


def _end(shop: Shop, command: Command, meeting: Meeting[Done], runs: int) -> None:
    """Run it so many times at once, and once more: what a run leaves to the next one is done then."""
    for done in [*meeting.hold([command] * runs), shop.command(command)]:
        assert (done.code, done.json["problems"]) == (0, []), (done.out, done.err, meeting.asked)
    whatever_the_bot_closed_says_why(shop)
