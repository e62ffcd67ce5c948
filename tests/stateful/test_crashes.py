"""A run is killed before its first write and after each; the next one carries it on to the very same end.

With GITOPS_BOT_LONG=1 this is tried of every journey, and it is killed before each write as well, which comes to the
same as after the one before.
"""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.stateful.again import put_back, what_is_there, whatever_the_bot_closed_says_why
from tests.stateful.journeys import JOURNEYS
from tests.stateful.past import Past
from tests.stateful.world import Command, Shop
from tests.stateful.writes import Killed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stateful.journeys import Journey
    from tests.stateful.writes import When

#: Those that a plain `pytest` runs, one for each kind of write, and beside them those that `pytest tests` does.
QUICK = ("open and dress", "roll back")
SHORT = (
    "open and let it merge",
    "open and merge at once",
    "close what is on the base branch",
    "pause what is frozen",
    "go on after a freeze",
    "split a group",
    "take back what was handed back",
    "commit to the source and promote that",
    "make way for a rollback",
    "roll back one image beside an open proposal",
    "hold what failed in its source",
    "withdraw the rollback of what fails no more",
)

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"


@pytest.mark.parametrize(
    "journey",
    [
        pytest.param(journey, marks=() if journey.name in QUICK else pytest.mark.slow, id=journey.name)
        for journey in JOURNEYS
        if LONG or journey.name in (*QUICK, *SHORT)
    ],
)
def test_a_run_that_is_killed_at_any_write_is_carried_on_to_the_same_end(journey: Journey, tmp_path: Path) -> None:
    with Shop.open(tmp_path / "shop") as shop:
        model = journey.begin(shop).model
        with put_back(shop):
            whole = shop.run(journey.command)
            assert whole.outcome is not None
            _carry_on(shop, journey.command)
            expected, comments = what_is_there(shop)
        assert whole.seen.writes, "there is nothing to kill it at"
        ends: list[object] = []
        for at in range(len(whole.seen.writes)):
            whens: tuple[When, ...] = ("before", "after") if LONG or at == 0 else ("after",)
            for when in whens:
                with put_back(shop):
                    model.past = Past(shop)  # what came of it the last time has not happened
                    before = model.begins(journey.command)
                    ran = shop.run(journey.command, _killer(at, when))
                    assert ran.outcome is None
                    assert ran.seen.done == at + (when == "after")
                    whatever_the_bot_closed_says_why(shop)
                    model.check(before, journey.command, ran, disturbed=True)
                    if (end := what_is_there(shop)) in ends:
                        continue  # killed after one write is killed before the next
                    ends.append(end)
                    _carry_on(shop, journey.command, (expected, comments))
                    whatever_the_bot_closed_says_why(shop)
                    found, said = what_is_there(shop)
                    assert found == expected, f"killed {when} {ran.seen.writes[-1]}"
                    assert said.keys() <= comments.keys(), "it says what it would not have said"


def _killer(at: int, when: When) -> Any:
    def kill(number: int, now: When) -> None:
        if (number, now) == (at, when):
            raise Killed

    return kill


def _carry_on(shop: Shop, command: Command, end: object = None) -> None:
    """Run it again, until nothing is left to write: in the end that must be so.

    `end` is what it came to before: there it was seen already that the next run writes nothing.
    """
    for turn in count():
        assert turn < 4, f"{command} comes to no end"
        ran = shop.run(command)
        assert ran.outcome is not None
        if not ran.seen.writes or what_is_there(shop) == end:
            return
