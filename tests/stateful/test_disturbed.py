"""A run of which one request goes wrong, and one between whose requests a person acts, come to the end of other runs.

Git, the API and the registry are asked over HTTP. Quick: a few requests of a few journeys. With GITOPS_BOT_LONG=1 each
request of each journey is disturbed in each way, and each act comes before each of them; GITOPS_BOT_STEP=5 takes every
fifth.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.stateful import between, disturbed
from tests.stateful.again import put_back, state, whatever_the_bot_closed_says_why
from tests.stateful.disturbed import KINDS, Traffic, differences, disturb, ends
from tests.stateful.journeys import JOURNEYS, RECORDED
from tests.stateful.world import Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.stateful.again import State
    from tests.stateful.disturbed import Asked, Kind
    from tests.stateful.journeys import Journey

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
STEP = int(os.environ.get("GITOPS_BOT_STEP", "1"))
EVERY = (*JOURNEYS, *RECORDED)
#: What is tried of each of these otherwise: so many writes that are disturbed, and these acts.
QUICK: dict[str, Sequence[str]] = {
    "refresh": ("pushes to the branch", "holds"),
    "close what is on the base branch": ("changes the base", "closes", "merges"),
    "take back what was handed back": ("takes the hand-back away", "rewrites the base"),
    "roll back": ("merges",),
    "commit and record": ("pushes to the base",),
}
_DISTURBED = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A journey right before its command, what that asks, and the end of it and of one more run."""

    journey: Journey
    shop: Shop
    asked: Sequence[Asked]
    end: State


@pytest.fixture(scope="module")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """One for all tests: each puts back what it did."""
    journey: Journey = request.param
    with pytest.MonkeyPatch.context() as patch, Shop.open(tmp_path_factory.mktemp("shop")) as shop:
        disturbed.impatient(patch)
        between.begin(shop, journey)
        with put_back(shop):
            traffic = Traffic()
            assert not [ends(shop, journey.command, each) for each in (traffic, Traffic())][-1]
            end = state(shop)
        yield Prepared(journey, shop, traffic.asked, end)


EACH_JOURNEY = pytest.mark.parametrize(
    "prepared",
    [
        pytest.param(journey, marks=pytest.mark.xdist_group(f"disturbed {journey.name}"), id=journey.name)
        for journey in EVERY
        if LONG or journey.name in QUICK
    ],
    indirect=True,
)


def disturbances(prepared: Prepared) -> Iterable[tuple[Kind, Asked]]:
    if LONG:
        return [(kind, asked) for kind in KINDS for asked in prepared.asked][::STEP]
    writes = [asked for asked in prepared.asked if disturbed.is_write(asked)]
    start = list(QUICK).index(prepared.journey.name)
    chosen = writes[:: max(len(writes) // _DISTURBED, 1)][:_DISTURBED]
    return [(("cut", "twice", "half")[(start + at) % 3], asked) for at, asked in enumerate(chosen)]


@pytest.mark.slow
@EACH_JOURNEY
def test_a_request_that_is_answered_late_cut_or_twice_loses_and_doubles_nothing(prepared: Prepared) -> None:
    shop, command = prepared.shop, prepared.journey.command
    wrong = []
    for kind, at in disturbances(prepared):
        with put_back(shop):
            how = ends(shop, command, Traffic(disturb(kind, at)))
            again = ends(shop, command, Traffic())
            whatever_the_bot_closed_says_why(shop)
            found = differences(prepared.end, state(shop))
        if again or found:
            wrong.append("\n  ".join([f"{kind} {at}, which ended with {how!r}, and then with {again!r}", *found]))
    assert not wrong, "\n".join(wrong)


def acts(prepared: Prepared) -> Iterable[tuple[str, Asked]]:
    asked = [each for each in prepared.asked if "/v2/" not in each[0]]
    if LONG:
        every = [(name, each) for name in between.NAMES for each in asked][::STEP]
        return [(name, each) for name, each in every if between.has_two_orders(name, each, prepared.asked)]
    writes = [each for each in asked if disturbed.is_write(each)]
    return [(name, writes[at % len(writes)]) for at, name in enumerate(QUICK[prepared.journey.name])]


@pytest.mark.slow
@EACH_JOURNEY
def test_what_a_person_does_between_two_requests_counts_as_before_the_run_or_after_it(prepared: Prepared) -> None:
    shop, journey = prepared.shop, prepared.journey
    before: dict[str, between.End] = {}
    after: dict[tuple[str, tuple[int, ...]], between.End] = {}
    wrong = []
    for name, at in acts(prepared):
        done, how, found = between.between(shop, journey, name, at)
        if done is None:
            continue
        if name not in before:
            before[name] = between.before(shop, journey, name)
        if (name, done) not in after:
            after[name, done] = between.after(shop, journey, name, done)
        # After the run it may not be possible any more: then it came too late.
        allowed = [after[name, done][2], *([before[name][2]] if before[name][0] == done else [])]
        if how or (differ := between.closest(allowed, found)):
            wrong.append("\n  ".join([f"{name} {done} before {at}: {how!r}", *([] if how else differ)]))
    assert not wrong, "\n".join(wrong)
