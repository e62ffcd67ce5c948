"""What each environment ran, read from git commit by commit, and what must hold of that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.stateful.lines import Pinned, agree, version
from tests.stateful.world import BROKEN, PREFIX, environment_of, source_of, wave_of

if TYPE_CHECKING:
    from datetime import datetime

    from tests.stateful.world import Command, Key, Shop

ROLLBACK = "rollback-"


@dataclass(frozen=True, slots=True)
class Stay:
    """A pin for as long as an entry had it; `since` is the place in the history of the commit that brought it."""

    pin: Pinned
    since: int


@dataclass(slots=True)
class Past:
    """The base branch's first-parent line, as far as it was read, and what people said of pins."""

    shop: Shop
    #: The place of each commit of the base branch, the oldest first.
    places: dict[str, int] = field(default_factory=dict)
    stays: defaultdict[Key, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    #: What every entry pins at each of these commits, without files that cannot be read.
    pins: dict[str, dict[Key, Pinned]] = field(default_factory=dict)
    #: Every pin that an entry ever had, as it was written.
    had: defaultdict[Key, set[Pinned]] = field(default_factory=lambda: defaultdict(set))
    #: What a person gave to an entry by its value: by `set`, or by hand.
    said: set[tuple[Key, Pinned]] = field(default_factory=set)
    #: What was proposed again because a person lifted the hold.
    lifted: set[tuple[Key, Pinned]] = field(default_factory=set)
    #: Whether one of the commands that are running lifts holds.
    lifts: bool = False
    #: When the last of them began.
    began: datetime | None = None
    _last: dict[Key, Pinned] = field(default_factory=dict)

    def read(self) -> None:
        """Read what is new on the base branch, and hold each commit of it to what must be true of it."""
        head = self.shop.branches["main"]
        if head in self.places:
            return
        known = [f"^{list(self.places)[-1]}"] if self.places else []
        for commit in self.shop.remote.git("rev-list", "--first-parent", "--reverse", head, *known).decode().split():
            self._arrive(commit)

    def _arrive(self, commit: str) -> None:
        there = self.shop.pins(commit)
        now = self.pins[commit] = {key: pin for key, pin in there.items() if not self._is_broken(commit, key)}
        changed = {key: pin for key, pin in now.items() if self._last.get(key) != pin}
        at = self.places[commit] = len(self.places)
        plan = self._plan_of(commit)
        # Wave by wave: what one commit brings to several has been in each of them.
        for key, pin in sorted(changed.items(), key=lambda each: wave_of(each[0])):
            if at and self.shop.commits(environment_of(key)) and plan:
                assert not self.is_left(key, pin, at - 1), f"{commit[:8]} brings {key} back to {pin}, which it had left"
                self.passes(key, pin, rolls_back=plan.endswith(" rollback"))
            stays = self.stays[key]
            if at:
                assert self.has_come_by_right(key, pin), (
                    f"{commit[:8]}: {key} runs {pin}, which {source_of(environment_of(key))} has not run"
                )
            self.had[key].add(pin)
            if stays and agree(stays[-1].pin, pin):
                both = Pinned(pin.tag, pin.digest or stays[-1].pin.digest)
                stays[-1] = Stay(both, stays[-1].since)
            else:
                stays.append(Stay(pin, at))
            self.lifted.discard((key, pin))
        self._last |= now

    def _is_broken(self, commit: str, key: Key) -> bool:
        return self.shop.files(commit)[key[0]].endswith(BROKEN)

    def _plan_of(self, commit: str) -> str:
        said = self.shop.remote.git("log", "-1", "--format=%B", commit).decode()
        return next((line for line in said.splitlines() if line.startswith("Gitops-Bot-Plan: ")), "")

    # What people say

    def asks(self, command: Command, wanted: tuple[str, Pinned] | None) -> None:
        """A command is about to run; `wanted` is the image and the pin that a `set` means."""
        self.began = self.shop.clock.now()
        self.lifts |= command.release_hold
        if wanted is not None:
            name, pin = wanted
            self.said |= {
                (key, pin) for key in self._last if (environment_of(key), key[1]) == (command.environment, name)
            }

    def names(self, key: Key, pin: Pinned) -> None:
        self.said.add((key, pin))

    # What is known

    def has_come_by_right(self, key: Key, pin: Pinned) -> bool:
        """Whether the wave before has had what an entry gets, or a person said so."""
        partner = self.shop.partner_of(key)
        if partner is None or not self.shop.waves[environment_of(key)].follows:
            return True
        if (key, pin) in self.said or any(agree(pin, each) for each in self.had[key]):
            return True
        there = self.had[partner]
        # Of a tag alone nobody wrote down what it meant: it is looked up once.
        return pin in there or (
            Pinned(pin.tag) in there and pin.digest in self.shop.named.get((key[1], pin.tag or ""), ())
        )

    def is_left(self, key: Key, pin: Pinned, at: int | None = None) -> bool:
        """Whether an environment has left a pin by going back, as of a commit; not where a person lifted that."""
        if self.lifts or (key, pin) in self.lifted:
            return False
        stays = [each.pin for each in self.stays[key] if at is None or each.since <= at]
        departures = [(number, *pair) for number, pair in enumerate(pairwise(stays)) if agree(pair[0], pin)]
        if not departures or agree(stays[-1], pin):
            return False
        number, left, successor = departures[-1]
        if version(left) != version(successor):
            return version(successor) < version(left)
        return any(agree(each, successor) for each in stays[:number])

    def is_frozen(self, key: Key, *, rolls_back: bool = False) -> bool:
        """Whether an entry is held, from when a run began until now, and nobody lifts that."""
        now = self.shop.clock.now()
        both = (self.shop.is_held(key, at, rolls_back=rolls_back) for at in (self.began or now, now))
        return not self.lifts and all(both)

    # What must hold

    def passes(self, key: Key, pin: Pinned, *, rolls_back: bool) -> None:
        """Of a pin that the bot has just proposed or committed."""
        assert not self.is_frozen(key, rolls_back=rolls_back), f"{key} is to get {pin}, and is held"
        partner = self.shop.partner_of(key)
        follows = self.shop.waves[environment_of(key)].follows
        if partner is not None and follows and not rolls_back and (key, pin) not in self.said:
            # A freeze of the source stops only what comes in there.
            assert not self.is_frozen(partner, rolls_back=True), f"{key} is to get {pin}, which is held in its source"
        while partner is not None and not rolls_back and not self.lifts and (key, pin) not in self.said:
            assert (partner, pin) not in self.shop.red, f"{key} is to get {pin}, which failed in {partner[0]}"
            partner = self.shop.partner_of(partner)

    def holds(self, key: Key, pin: Pinned, *, fork: str, rollback: bool) -> None:
        """Of a pin that the bot put on a branch which leaves the base branch at `fork`."""
        if rollback:
            assert any(agree(pin, each) for each in self.had[key]) or (key, pin) in self.said, (
                f"a rollback brings {key} to {pin}, which it never had"
            )
        assert self.has_come_by_right(key, pin), (
            f"{key} is to get {pin}, which {source_of(environment_of(key))} has not run"
        )
        if self.lifts:
            self.lifted.add((key, pin))
        if fork in self.places:
            assert not self.is_left(key, pin, self.places[fork]), f"{key} is to get {pin} again, which it had left"

    def releases(self, environment: str) -> list[str]:
        """The releases of an environment, the oldest first: the commits that changed a file of its overlays."""
        said = self.shop.remote.git(
            "log", "--first-parent", "-m", "--reverse", "--format=%H", "main", "--", f"apps/*/{environment}/*"
        )
        return list(dict.fromkeys(said.decode().split()))


def is_rollback(branch: str) -> bool:
    return branch.rpartition("/")[2].startswith(ROLLBACK)


def environment_on(branch: str) -> str:
    return branch.removeprefix(PREFIX).partition("/")[0]
