"""Two runs at once come to what one of them comes to, whichever of their requests comes first; so does a lost answer.

The runs are processes of their own, over HTTP. Quick: one journey, the most telling courses of events. `slow`: every
journey that closes something. With GITOPS_BOT_LONG=1: every journey, one run before each request of the other, and
orders at random.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.stateful.again import put_back, what_is_there, what_was_said, whatever_the_bot_closed_says_why
from tests.stateful.journeys import JOURNEYS
from tests.stateful.model import Model
from tests.stateful.people import People
from tests.stateful.two_runs import Meeting, at_random, in_step, is_deletion, one_within_the_other
from tests.stateful.world import ENVIRONMENT, Command, Shop, Wave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Done
    from tests.stateful.journeys import Journey
    from tests.stateful.two_runs import Order

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
QUICK = "close what the configuration holds"
CLOSING = (
    QUICK,
    "close what is on the base branch",
    "close what went back at its source",
    "close what is not approved any more",
    "split a group",
    "gather groups",
    "roll back one image beside an open proposal",
    "make way for a rollback",
)
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
            expected, said = what_is_there(shop), what_was_said(shop)
        for name, runs, meeting in _meetings(shop, len(alone.asked)):
            with put_back(shop):
                _end(shop, journey.command, meeting, runs)
                assert what_is_there(shop) == expected, (name, meeting.asked)
                assert what_was_said(shop) == said, (name, meeting.asked)


def _end(shop: Shop, command: Command, meeting: Meeting[Done], runs: int) -> None:
    """Run it so many times at once, and once more: what a run leaves to the next one is done then."""
    for done in [*meeting.hold([command] * runs), shop.command(command)]:
        assert (done.code, done.json["problems"]) == (0, []), (done.out, done.err, meeting.asked)
    whatever_the_bot_closed_says_why(shop)


def test_what_two_runs_close_for_a_freeze_is_proposed_again_when_it_ends(tmp_path: Path) -> None:
    with Shop.open(tmp_path / "shop") as shop:
        shop.begin({"front": ["web"]}, {ENVIRONMENT: Wave({})})
        people = People(shop, Model(shop))
        shop.push("web", "1.6.0")
        shop.run(Command())
        shop.holds.append({"environment": "production", "until": "2099-01-01T00:00:00Z", "why": "the fair"})
        people.configure()
        assert [done.code for done in Meeting(shop, shop.command, in_step).hold([Command(), Command()])] == [0, 0]
        assert shop.pulls() == []
        shop.holds.clear()
        people.configure()
        shop.command(Command())
        (pull,) = shop.pulls()
        assert (pull.number, "1.6.0" in pull.title) == (2, True)
