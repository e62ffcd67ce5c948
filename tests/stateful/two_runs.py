"""Two runs at once, in processes or threads: their requests to the forge and to git come in an order that is chosen.

A request waits until it is its turn, and each turn is one request with its answer. So the same order of turns is the
same course of events, however busy the machine is.
"""

from __future__ import annotations

import base64
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from tests.stateful.world import BOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.http import Answer, Request
    from tests.stateful.world import Command, Shop

    #: Chooses, by the number of the turn, which of the runs that wait has it: 0 or 1.
    Order = Callable[[int, Sequence[int]], int]

T = TypeVar("T")


def one_within_the_other(at: int) -> Order:
    """The second run comes as a whole before that request of the first one."""
    return lambda turn, waiting: 0 if 0 in waiting and (turn < at or 1 not in waiting) else 1


def in_step(_turn: int, waiting: Sequence[int]) -> int:
    return waiting[_turn % len(waiting)]


def at_random(seed: int) -> Order:
    chance = random.Random(seed)  # noqa: S311 - repeatable, guards no secret
    return lambda _, waiting: chance.choice(waiting)


def is_deletion(request: Request) -> bool:
    return request.path.endswith("/git-receive-pack") and b" " + b"0" * 40 + b" refs/heads/" in request.body


@dataclass(slots=True)
class Meeting(Generic[T]):
    """Both runs, whose turns `order` chooses; `run` is given the command and a token.

    What `cuts` says is done, and its answer never arrives: once.
    """

    shop: Shop
    run: Callable[[Command, str], T]
    order: Order
    cuts: Callable[[Request], bool] = lambda _: False
    #: What each of them asked, in order.
    asked: list[tuple[int, str]] = field(default_factory=list)
    _waiting: set[int] = field(default_factory=set)
    _ended: set[int] = field(default_factory=set)
    _turn: int | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def hold(self, commands: Sequence[Command]) -> list[T]:
        self.shop.forge.gate = self._gate
        self._ended = {0, 1} - set(range(len(commands)))
        try:
            with ThreadPoolExecutor(2) as pool:
                running = [pool.submit(self._run, who, command) for who, command in enumerate(commands)]
                turn = 0
                while self._choose(turn):
                    turn += 1
                return [each.result() for each in running]
        finally:
            self.shop.forge.gate = None

    def _run(self, who: int, command: Command) -> T:
        try:
            return self.run(command, BOTS[who])
        finally:
            with self._changed:
                self._ended.add(who)
                self._changed.notify_all()

    def _choose(self, turn: int) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._turn is None and len(self._waiting | self._ended) == 2)
            if not self._waiting:
                return False
            self._turn = self.order(turn, sorted(self._waiting))
            self._changed.notify_all()
        return True

    def _gate(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        who = next(who for who, token in enumerate(BOTS) if token in _login(request))
        with self._changed:
            self._waiting.add(who)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._turn == who)
            self.asked.append((who, f"{request.method} {request.path}"))
        try:
            answered = answer()
            if self.cuts(request):
                self.cuts = lambda _: False
                raise ConnectionAbortedError
            return answered
        finally:
            with self._changed:
                self._waiting.discard(who)
                self._turn = None
                self._changed.notify_all()


def _login(request: Request) -> str:
    """What a request says of its sender: a token, or a user and a token."""

    kind, _, said = request.headers.get("authorization", "").partition(" ")
    with suppress(ValueError):
        return base64.b64decode(said).decode() if kind.lower() == "basic" else said
    return said
