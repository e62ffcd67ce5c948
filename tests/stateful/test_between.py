"""People act between any two requests of a run: nothing of theirs is lost, and what the bot closes says why.

Each row of ACTS is something that a person does, and what must be true of it once the run, and the next one, are
through. Quick: a few places of each journey; `slow`: the others of a fifth of them, and all with GITOPS_BOT_LONG=1.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.stateful.again import put_back, whatever_the_bot_closed_says_why
from tests.stateful.journeys import JOURNEYS
from tests.stateful.model import HAND_BACK, HOLD, Model, is_closing_mark
from tests.stateful.people import People
from tests.stateful.world import NAME, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.demo.hub import Pull
    from tests.stateful.journeys import Journey

#: These are swept: they open, refresh, take back, close, move and let merge.
NAMES = (
    "open and let it merge",
    "refresh",
    "take back what was handed back",
    "close what is on the base branch",
    "split a group",
    "gather groups",
)
SWEPT = [journey for journey in JOURNEYS if journey.name in NAMES]
#: One of so many requests is tried, and each of them with GITOPS_BOT_LONG=1.
_STEP = 1 if os.environ.get("GITOPS_BOT_LONG") == "1" else 7
_BEFORE, _AFTER = "Words of a person, before.", "Words of a person, behind."


@dataclass(frozen=True, slots=True)
class Done:
    """What a person did: to which pull requests, and which requests of the bot came right after it and before."""

    pulls: tuple[int, ...]
    ahead: str = ""
    behind: str = ""
    #: Each of them as it was then.
    shown: Mapping[int, object] = field(default_factory=dict)

    def is_overtaken(self, number: int) -> bool:
        """Whether the bot's next request writes that pull request's text: between reading and writing it is nothing."""
        return self.ahead.startswith("PATCH ") and self.ahead.endswith(f"/pulls/{number}")

    def is_too_late(self, pull: Pull) -> bool:
        """Whether the run had looked at it again already, and is in the middle of writing it."""
        if self.ahead == f"push {pull.head}":  # which looks again before it sends anything
            return False
        words = self.ahead.split("/")
        merges = self.behind.startswith("GET ") and self.behind.endswith(f"/pulls/{pull.number}")
        return merges or str(pull.number) in words or pull.head in self.ahead or not self.ahead.endswith("/graphql")


@dataclass(frozen=True, slots=True)
class Act:
    """`do` gives None where there is nothing to do it to; `check` comes after the run and the next one."""

    name: str
    do: Callable[[Shop, People], Done | None]
    check: Callable[[Shop, People, Done], None]


def _pushes(shop: Shop, people: People) -> Done | None:
    pulls = [pull for pull in shop.pulls() if pull.head in shop.branches]
    for pull in pulls:
        people.commit(pull.head, "another file")
    return Done(tuple(pull.number for pull in pulls)) if pulls else None


def _writes_around(shop: Shop, _: People) -> Done | None:
    pulls = shop.pulls()
    for pull in pulls:
        with shop.acting() as acting:
            text = f"{_BEFORE}\n\n{pull.body or ''}\n\n{_AFTER}"
            acting.edit(pull, title=None, body=text, state=None, base=None)
    return Done(tuple(pull.number for pull in pulls)) if pulls else None


def _hands_back(shop: Shop, people: People) -> Done | None:
    pulls = [pull for pull in shop.pulls() if HAND_BACK not in pull.labels]
    for pull in pulls:
        people.hand_back(pull)
    return Done(tuple(pull.number for pull in pulls)) if pulls else None


def _keeps(shop: Shop, people: People) -> Done | None:
    """Takes the word back that gave the branch away: its commits are to stay."""
    pulls = [pull for pull in shop.pulls() if HAND_BACK in pull.labels]
    for pull in pulls:
        people.keep(pull)
    return Done(tuple(pull.number for pull in pulls)) if pulls else None


def _holds(shop: Shop, people: People) -> Done | None:
    pulls = [pull for pull in shop.pulls() if HOLD not in pull.labels]
    for pull in pulls:
        people.hold(pull)
    return _as_they_are(pulls)


def _closes(shop: Shop, people: People) -> Done | None:
    pulls = [pull for pull in shop.pulls() if not is_closing_mark(pull.body)]
    for pull in pulls:
        people.close(pull, delete=False)
    return _as_they_are(pulls)


def _as_they_are(pulls: Sequence[Pull]) -> Done | None:
    shown = {pull.number: (pull.state, pull.head_sha, pull.title, pull.body) for pull in pulls}
    return Done(tuple(shown), shown=shown) if pulls else None


def _stays(shop: Shop, people: People, done: Done) -> None:
    """Whatever the run was about to do with it."""
    _nothing_is_lost(shop, people, done)
    for number in done.pulls:
        pull = shop.hub.pulls[number]
        if pull.merged_at is None and not done.is_too_late(pull):
            assert (pull.state, pull.head_sha, pull.title, pull.body) == done.shown[number], f"#{number} was changed"


def _is_declined(shop: Shop, people: People, done: Done) -> None:
    _nothing_is_lost(shop, people, done)
    closed = [shop.hub.pulls[number] for number in done.pulls]
    for pull in closed:
        assert pull.state == "closed", f"#{pull.number} was opened again"
        if done.is_too_late(pull):
            continue
        assert not is_closing_mark(pull.body), f"#{pull.number} is not the bot's to close"
        for other in shop.pulls():
            again = set(_pins(shop, pull)) & set(_pins(shop, other))
            assert not again, f"#{other.number} proposes {again} again, which was declined with #{pull.number}"


def _pins(shop: Shop, pull: Pull) -> Iterable[object]:
    return ((key, after) for key, (_, after) in shop.proposed(pull.head_sha).items())


def _nothing_is_lost(shop: Shop, people: People, _: Done) -> None:
    bare, branches = shop.forge.bare(NAME), shop.branches
    for commit, branch in people.model.theirs.items():
        assert branch in branches, f"{branch} is gone, and with it {commit}"
        assert bare.contains(branches[branch], commit), f"{branch} has lost {commit}"


def _kept(shop: Shop, people: People, done: Done) -> None:
    if not any(done.is_too_late(shop.hub.pulls[number]) for number in done.pulls):
        _nothing_is_lost(shop, people, done)


def _words_stay(shop: Shop, people: People, done: Done) -> None:
    _nothing_is_lost(shop, people, done)
    for number in done.pulls:
        if not done.is_overtaken(number):
            body = shop.hub.pulls[number].body or ""
            assert body.startswith(_BEFORE), f"#{number} has lost what stood before the bot's text: {body}"
            assert body.rstrip().endswith(_AFTER), f"#{number} has lost what stood behind the bot's text: {body}"


ACTS: Sequence[Act] = (
    Act("pushes a commit", _pushes, _nothing_is_lost),
    Act("writes around the text", _writes_around, _words_stay),
    Act("hands back by the label", _hands_back, _nothing_is_lost),
    Act("takes the word back", _keeps, _kept),
    Act("holds", _holds, _stays),
    Act("closes", _closes, _is_declined),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A journey right before its command, how many requests that sends, and the commits of people so far."""

    journey: Journey
    shop: Shop
    requests: int
    theirs: Mapping[str, str]


@pytest.fixture(scope="module")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """One for all acts: each test puts back what it did."""
    journey: Journey = request.param
    with Shop.open(tmp_path_factory.mktemp("shop")) as shop:
        model = journey.begin(shop).model
        with put_back(shop):
            requests = len(shop.run(journey.command).seen.asks)
        assert requests, "there is nothing to act between"
        yield Prepared(journey, shop, requests, model.theirs)


EACH_JOURNEY = pytest.mark.parametrize(
    "prepared",
    [
        pytest.param(journey, marks=pytest.mark.xdist_group(f"between {journey.name}"), id=journey.name)
        for journey in SWEPT
    ],
    indirect=True,
)


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
@EACH_JOURNEY
def test_nothing_of_a_person_is_lost_who_acts_at_many_moments(prepared: Prepared, act: Act) -> None:
    shop = prepared.shop
    # One of `_STEP` requests of the journey's command, beginning at another one for each journey and act.
    for at in range((SWEPT.index(prepared.journey) + ACTS.index(act)) % _STEP, prepared.requests, _STEP):
        with put_back(shop):
            model = Model(shop)
            model.theirs = dict(prepared.theirs)
            _act(shop, People(shop, model), prepared.journey, act, at)


def _act(shop: Shop, people: People, journey: Journey, act: Act, at: int) -> None:
    """Act before that request of a run."""
    done: list[Done | None] = []

    def between(number: int) -> None:
        if number == at:
            done.append(act.do(shop, people))

    ran = shop.run(journey.command, between=between)
    assert ran.outcome is not None
    ahead, behind = ran.seen.asks[at], ran.seen.asks[at - 1] if at else ""
    whatever_the_bot_closed_says_why(shop)
    shop.run(journey.command)
    whatever_the_bot_closed_says_why(shop)
    if (found := done[0]) is not None:
        try:
            act.check(shop, people, replace(found, ahead=ahead, behind=behind))
        except AssertionError as error:
            raise AssertionError(f"{act.name} before request {at}, {ahead}, of {ran.seen.asks}: {error}") from None
