"""A cache of cloud logins for all cycles of `run`; each login is renewed before it expires."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.edges.registry.login import Login

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from gitops_bot.edges.http import Clock

#: Seconds: how early a login is renewed, so that an outage of the cloud meanwhile does no harm; and for how long a
#: failure is the answer, so that a hundred images do not wait for it one after another.
_EARLY, _PAUSE = 600.0, 60.0


@dataclass(frozen=True, slots=True)
class ExpiringLogin:
    """A login and its lifetime in seconds."""

    login: Login
    seconds: float


@dataclass(frozen=True, slots=True)
class _Failure:
    what: str
    advice: str


@dataclass(slots=True)
class Slot:
    """The last answer for one key: `renew` is when to ask again, `ends` when a login stops working."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: Login | _Failure | None = None
    renew: float = 0.0
    ends: float = 0.0


#: By the scope of the login. `run` passes the same one to every cycle.
LoginCache = dict["Hashable", Slot]


def current(cache: LoginCache, key: Hashable, clock: Clock, ask: Callable[[], ExpiringLogin]) -> Login:
    """The login for `key`; `ask` gets one if there is none or it expires soon. Safe to use from many threads.

    Raises:
        NoLogin: `ask` failed now, or less than a minute ago.
    """
    slot = cache.setdefault(key, Slot())
    with slot.lock:
        now = clock.now().timestamp()
        if slot.answer is None or now >= slot.renew:
            _renew(slot, clock, ask)
        if isinstance(slot.answer, _Failure):  # remembered without its traceback, which holds every frame
            raise NoLogin(slot.answer.what, slot.answer.advice)
        assert slot.answer is not None  # noqa: S101 - renewed above
        return slot.answer


def _renew(slot: Slot, clock: Clock, ask: Callable[[], ExpiringLogin]) -> None:
    try:
        fresh = ask()
    except NoLogin as error:
        now = clock.now().timestamp()
        slot.renew = now + _PAUSE
        if not isinstance(slot.answer, Login) or now >= slot.ends:
            slot.answer = _Failure(error.what, error.advice)
        return
    now = clock.now().timestamp()
    slot.answer, slot.ends = fresh.login, now + fresh.seconds
    slot.renew = slot.ends - min(_EARLY, fresh.seconds / 2)
