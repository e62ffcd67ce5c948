"""GitHub's rate limits: what is left of a window, and the refusals once it is used up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo.http import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gitops_bot.demo.identity import Json

Resource = Literal["core", "graphql"]

#: GitHub's limits in requests (or points) an hour, with a token and without.
_LIMIT, _ANONYMOUS_LIMIT = 5000, 60
_HOUR = 3600
_DOCUMENTATION = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(slots=True)
class Window:
    """One hour of one resource. `resets_at` is a Unix time; `strict`: requests beyond the limit are refused."""

    limit: int
    used: int
    resets_at: int
    strict: bool = False

    @property
    def remaining(self) -> int:
        """The requests left."""
        return max(self.limit - self.used, 0)

    def shown(self) -> Json:
        """The window in REST's format."""
        return {"limit": self.limit, "remaining": self.remaining, "reset": self.resets_at, "used": self.used}


class Limits:
    """Counts requests. Only a limit set by a test refuses requests; otherwise, a used-up window starts again."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._windows: dict[Resource, Window] = {}

    def set(self, resource: Resource, remaining: int, resets_in: int) -> None:
        """Leave this many requests in the current window, which ends in `resets_in` seconds."""
        limit = max(_LIMIT, remaining)
        self._windows[resource] = Window(limit, limit - remaining, self._time() + resets_in, strict=True)

    def window(self, resource: Resource) -> Window:
        """The current window."""
        window = self._windows.get(resource)
        if window is None or window.resets_at <= self._time() or (not window.strict and not window.remaining):
            window = self._windows[resource] = Window(_LIMIT, 0, self._time() + _HOUR)
        return window

    def refusal(self, resource: Resource, user: str | None) -> Answer | None:
        """The answer if the request exceeds a limit."""
        window = self.window(resource)
        if not window.strict or window.remaining:
            return None
        message = f"API rate limit exceeded for {user or '127.0.0.1'}."
        if resource == "graphql":
            return Answer.json(200, {"errors": [{"type": "RATE_LIMITED", "message": message}]})
        return Answer.json(403, {"message": message, "documentation_url": _DOCUMENTATION})

    def take(self, resource: Resource, points: int = 1) -> None:
        """Count a request."""
        window = self.window(resource)
        window.used = min(window.used + points, window.limit)

    def headers(self, resource: Resource, *, known: bool) -> dict[str, str]:
        """The rate-limit headers; `known`: the request had a token."""
        window = self.window(resource)
        limit = window.limit if known else _ANONYMOUS_LIMIT
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(min(window.remaining, limit)),
            "X-RateLimit-Used": str(window.used),
            "X-RateLimit-Reset": str(window.resets_at),
            "X-RateLimit-Resource": resource,
        }

    def overview(self) -> Json:
        """The answer to `GET /rate_limit`."""
        core, graphql = (self.window(resource).shown() for resource in ("core", "graphql"))
        search = Window(30, 0, self._time() + 60).shown()
        return {"resources": {"core": core, "graphql": graphql, "search": search}, "rate": core}

    def _time(self) -> int:
        return int(self._now().timestamp())
