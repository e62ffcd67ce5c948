"""Logins by the identity that a cloud gives this workload. They are never stored, and renewed before they expire."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.edges.registry.credentials import Login, Workload
from gitops_bot.edges.registry.failure import NoLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.registry.credentials import ExpiringLogin


_AMAZON = (
    ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".on.aws", ".on.amazonwebservices.com.cn", "public.ecr.aws",
)  # fmt: skip
_GOOGLE = ("gcr.io", ".pkg.dev")
_AZURE = (".azurecr.io", ".azurecr.us", ".azurecr.cn")
#: Seconds: how early a login is renewed, so that an outage of the cloud meanwhile does no harm; and for how long a
#: failure is the answer, so that a hundred images do not wait for it one after another.
_EARLY, _PAUSE = 600.0, 60.0


def is_cloud(registry: str) -> bool:
    """Whether a registry belongs to a cloud that gives the bot an identity."""
    return registry.endswith((*_AMAZON, *_GOOGLE, *_AZURE))


@dataclass(slots=True)
class CachedLogin:
    """The last answer for one key: `renew` is when to ask again, `ends` when a login stops working.

    Of a failure the text and the advice are kept: its traceback would hold every frame.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: Login | tuple[str, str] | None = None
    renew: float = 0.0
    ends: float = 0.0


#: By the scope of the login. `run` passes the same one to every cycle.
LoginCache = dict["Hashable", CachedLogin]


@dataclass(frozen=True, slots=True)
class CloudLogins:
    """Logins at the registries of Amazon, Google and Azure, from many threads; `cache` has those of earlier cycles."""

    access: Mapping[str, RegistryAccess]
    workload: Workload
    cache: LoginCache = field(repr=False)

    def login(self, registry: str) -> Login | None:
        """The login at a registry; None if it belongs to no cloud.

        Where images may be public, a failed login means anonymous access: the Login has no credential, but the reason.

        Raises:
            NoLogin: the login failed, and the registry allows no anonymous access.
        """
        if not is_cloud(registry):
            return None
        try:
            return self._find(registry)
        except NoLogin as error:
            why = f"no login for {registry}: {error.what}"
            if registry.endswith(_AMAZON[:-1]):
                raise NoLogin(why, error.advice) from None
            return Login(None, why)

    def _find(self, registry: str) -> Login | None:
        # Other registries need none of these.
        from gitops_bot.edges.registry.cloud import azure, ecr, google

        access = self.access.get(registry)
        if (scope := ecr.login_scope(registry, access.aws_role if access else None)) is not None:
            if scope.public and not any(map(self.workload.environ.get, ecr.SIGNS)):
                return None
            return self._current(scope, lambda: ecr.login(self.workload, scope))
        if google.HOST.match(registry):
            return self._current("google", lambda: google.login(self.workload))
        if azure.HOST.match(registry):
            return self._current(registry, lambda: azure.login(self.workload, registry))
        return None

    def _current(self, key: Hashable, ask: Callable[[], ExpiringLogin]) -> Login:
        """The login for `key`; `ask` gets one if there is none or it expires soon.

        Raises:
            NoLogin: `ask` failed now, or less than a minute ago.
        """
        slot = self.cache.setdefault(key, CachedLogin())
        with slot.lock:
            if slot.answer is None or self.workload.clock.monotonic() >= slot.renew:
                try:
                    login, seconds = ask()
                except NoLogin as error:
                    now = self.workload.clock.monotonic()
                    slot.renew = now + _PAUSE
                    if not isinstance(slot.answer, Login) or now >= slot.ends:
                        slot.answer = error.what, error.advice
                else:
                    slot.answer, slot.ends = login, self.workload.clock.monotonic() + seconds
                    slot.renew = slot.ends - min(_EARLY, seconds / 2)
            if isinstance(slot.answer, tuple):
                raise NoLogin(*slot.answer)
            return slot.answer
