"""A fixed list of journeys: what is there, and the one command that is then run, whole or killed at any place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.stateful import writes
from tests.stateful.model import Model
from tests.stateful.people import People
from tests.stateful.world import ENVIRONMENT, NAME, SOURCE, Command, Shop, Wave, file_of, told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.stateful.writes import When

UPDATE = Command()
ALL = "gitops-bot/production/all"
#: The overlays of every journey.
PLACES = ("front", "back")
FRONT = file_of("front")
DRESSED = {"labels": ["release", "bot"], "reviewers": ["alice"], "assignees": ["bob"]}


@dataclass(frozen=True, slots=True)
class Journey:
    """`prepare` makes what is there, in a new repository with these overlays and this `propose:`.

    With a `source`, production gets its pins from there, which is changed without asking anybody: by hand, or by
    itself.
    """

    name: str
    propose: dict[str, Any]
    prepare: Callable[[Shop, People], None]
    command: Command = UPDATE
    places: tuple[tuple[str, ...], ...] = (("web", "api"), ("web",))
    source: Literal["by hand", "by itself"] | None = None
    #: Releases are recorded, as deployments and by tags.
    records: bool = False
    #: Production requires checks and a deployment of its source. None may fail of what either released.
    gated: bool = False
    #: Whether production requires the health of its source, too.
    healthy: bool = True

    def begin(self, shop: Shop) -> People:
        """Make what is there in a new repository; gives the people who did it."""
        shop.records = self.records
        waves = {SOURCE: Wave({"as": "commit"}, watched=self.gated)} if self.source is not None else {}
        follows = self.source == "by itself"
        checks = [*(told_of(SOURCE) if self.healthy else ()), "e2e*"]
        require = {"checks": checks, "deployment": SOURCE} if self.gated and follows else {}
        waves[ENVIRONMENT] = Wave(dict(self.propose), follows, require, watched=self.gated)
        shop.begin(dict(zip(PLACES, self.places, strict=False)), waves)
        people = People(shop, Model(shop))
        self.prepare(shop, people)
        return people


_FAIR = {"environment": "production", "until": "2099-01-01T00:00:00Z", "why": "the fair"}


def _newer(shop: Shop, *names: str) -> None:
    for name in names:
        shop.push(name, f"1.{5 + len(shop.pushed[name])}.0")


def _opened(shop: Shop) -> None:
    _newer(shop, "web", "api")
    shop.run(Command())
    assert shop.pulls()


def _new(shop: Shop, _: People) -> None:
    _newer(shop, "web")


def _checked(shop: Shop, _: People) -> None:
    shop.forge.settings(NAME, allow_auto_merge=True)
    shop.forge.protect(NAME, checks=["ci"])
    _newer(shop, "web", "api")


def _queued(shop: Shop, people: People) -> None:
    _checked(shop, people)
    shop.forge.protect(NAME, merge_queue="squash")


def _refreshed(shop: Shop, _: People) -> None:
    _opened(shop)
    _newer(shop, "web")


def _done_by_hand(shop: Shop, people: People) -> None:
    _opened(shop)
    for key in shop.main:
        people.pin_by_hand(key, "what is proposed")


def _held(shop: Shop, people: People) -> None:
    _opened(shop)
    shop.holds += [{**_FAIR, "image": shop.image(name)} for name in ("web", "api")]
    people.configure()


def _frozen(shop: Shop, people: People) -> None:
    _opened(shop)
    shop.holds.append(_FAIR)
    people.configure()


def _thawed(shop: Shop, people: People) -> None:
    _frozen(shop, people)
    shop.run(Command())
    (pull,) = shop.pulls()
    assert pull.draft
    shop.holds.clear()
    people.configure()


def _frozen_ahead(shop: Shop, people: People) -> None:
    _gone_forward_and_on(shop, people)
    shop.holds.append(_FAIR)
    people.configure()
    shop.run(Command())


def _taken_over(shop: Shop, people: People) -> None:
    _opened(shop)
    people.commit(ALL, "another file")


def _taken_over_again(shop: Shop, people: People) -> None:
    _taken_over(shop, people)
    shop.run(Command())
    parents = shop.remote.git("log", "-1", "--format=%P", ALL).decode().split()
    made = shop.remote.commit(ALL, {"apps/notes.txt": b"amended\n"}, message="my own words", parents=parents)
    shop.settle()
    people.model.theirs = {made: ALL}


def _handed_back(shop: Shop, people: People) -> None:
    _taken_over(shop, people)
    shop.run(Command())
    (pull,) = shop.pulls()
    people.hand_back(pull)


def _regrouped(shop: Shop, people: People) -> None:
    shop.run(Command("set", f"api=1.6.0@sha256:{'a' * 64}"))
    _opened(shop)
    shop.propose["group"] = "overlay"
    people.configure()


def _gathered(shop: Shop, people: People) -> None:
    _regrouped(shop, people)
    shop.run(Command())
    shop.propose["group"] = "environment"
    people.configure()


def _merged(shop: Shop, people: People) -> None:
    _opened(shop)
    people.merge(shop.pulls()[0], "squash", delete=False)
    _newer(shop, "web")


def _tested(shop: Shop, _: People) -> None:
    _newer(shop, "web", "api")
    shop.run(Command())
    assert shop.main[file_of("front", SOURCE), "web"].tag == "1.6.0"


def _gone_forward(shop: Shop, people: People) -> None:
    _opened(shop)
    people.merge(shop.pulls()[0], "squash", delete=True)


def _gone_forward_and_on(shop: Shop, people: People) -> None:
    _gone_forward(shop, people)
    _opened(shop)


def _rolling_back(shop: Shop, people: People) -> None:
    _gone_forward_and_on(shop, people)

    def meanwhile(_number: int, when: When) -> None:
        # Another run proposes again what has just made way, before the rollback is there to be seen.
        if when == "before" and writes.under_way().startswith("push gitops-bot/production/rollback-"):
            shop.run(Command())

    shop.run(Command("rollback"), meanwhile)
    assert len(shop.pulls()) == 2


def _rolled_back_and_further(shop: Shop, people: People) -> None:
    _gone_forward(shop, people)
    shop.run(Command("rollback"))
    people.merge(shop.pulls()[0], "merge", delete=False)
    _newer(shop, "web", "api")


def _committed(shop: Shop, _: People) -> None:
    _newer(shop, "web", "api")
    shop.run(Command())
    _newer(shop, "web")


def _checked_in_source(shop: Shop, people: People) -> None:
    _tested(shop, people)
    assert not shop.pulls()
    people.report(SOURCE, shop.branches["main"], "success")


def _failed_in_source(shop: Shop, people: People) -> None:
    _checked_in_source(shop, people)
    people.report(SOURCE, shop.branches["main"], "failure", health=True)


def _failed(shop: Shop, people: People) -> None:
    _gone_forward(shop, people)
    people.report(ENVIRONMENT, shop.branches["main"], "failure")


def _recovered(shop: Shop, people: People) -> None:
    _failed(shop, people)
    shop.run(Command())
    assert shop.pulls()
    people.report(ENVIRONMENT, shop.branches["main"], "success")


JOURNEYS: Sequence[Journey] = (
    Journey("open and dress", DRESSED, _new),
    Journey("open and let it merge", {**DRESSED, "auto_merge": True, "merge_method": "squash"}, _checked),
    Journey("open and queue", {"auto_merge": "without-checks", "labels": ["release"]}, _queued),
    Journey("open and merge at once", {"auto_merge": "without-checks"}, _new),
    Journey("refresh", DRESSED, _refreshed),
    Journey("close what is on the base branch", {}, _done_by_hand),
    Journey("close what the configuration holds", {}, _held),
    Journey("pause what is frozen", {}, _frozen),
    Journey("go on after a freeze", {"labels": ["release"]}, _thawed),
    Journey("take out of what is paused", {}, _frozen_ahead, Command("rollback", image="web")),
    Journey("say whose the branch is", {}, _taken_over),
    Journey("say it of another commit", {}, _taken_over_again),
    Journey("take back what was handed back", DRESSED, _handed_back),
    Journey("split a group", {"labels": ["release"]}, _regrouped),
    Journey("gather groups", {}, _gathered),
    Journey("propose anew on a merged branch", {}, _merged),
    Journey("commit", {"as": "commit"}, _new),
    Journey("promote", {"labels": ["release"]}, _tested, Command("promote"), source="by hand"),
    Journey("commit to the source and promote that", {"labels": ["release"]}, _new, source="by itself"),
    Journey("roll back", {"labels": ["release"]}, _gone_forward, Command("rollback")),
    Journey("roll back one image beside an open proposal", {}, _gone_forward_and_on, Command("rollback", image="web")),
    Journey(
        "roll back once more, lifting the hold", {}, _rolled_back_and_further, Command("rollback", release_hold=True)
    ),
    Journey("make way for a rollback", {}, _rolling_back),
    Journey("go on after a rollback", {}, _rolled_back_and_further),
    Journey("promote what its source has passed", DRESSED, _checked_in_source, source="by itself", gated=True),
    Journey("hold what failed in its source", {}, _failed_in_source, source="by itself", gated=True, healthy=False),
    Journey("roll back what failed", DRESSED, _failed, gated=True),
    Journey("withdraw the rollback of what fails no more", {}, _recovered, gated=True),
)
#: These record what was released, which a run does when all else is written.
RECORDED: Sequence[Journey] = (
    Journey("record what was merged", {}, _merged, records=True),
    Journey("commit and record", {"as": "commit"}, _committed, records=True),
)
