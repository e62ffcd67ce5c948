"""Judges what the forge tells of the token: what it is, how long it lasts, and what it may do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from gitops_bot.doctor.finding import good, unknown, warning, wrong
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from gitops_bot.doctor.finding import Finding
    from gitops_bot.edges.facts import Permission, ServerFacts
    from gitops_bot.proposals.pull_request import RateLimit

_SOON = timedelta(days=7)
#: Requests: fewer than this may not be enough for a run over many environments.
_FEW = 100


def token(server: ServerFacts, variable: str, host: str, now: datetime) -> Finding:
    """What the token is, and whether it ends soon. `variable` is where it is from."""
    text = f"{variable} holds {server.token}"
    if server.expires is None:
        return good("token", host, text)
    ends = f"{text}; it expires on {server.expires:%Y-%m-%d %H:%M} UTC"
    if server.expires - now <= _SOON:
        return warning("token", host, ends, "create a new one before that day")
    return good("token", host, ends)


def pull_requests(permission: Permission, repository: str) -> Finding:
    """Whether the token may open pull requests."""
    match permission.verdict:
        case "yes":
            return good("pull-requests", repository, permission.text)
        case "no":
            problem = Problem("failed.auth", permission.text, permission.advice)
            return wrong("pull-requests", repository, problem)
        case "unknown":
            return unknown("pull-requests", repository, permission.text, permission.advice)
        case _:
            assert_never(permission.verdict)


def rate_limit(left: RateLimit | None, host: str) -> Finding:
    """Whether there are requests left."""
    if left is None:
        return good("rate-limit", host, "there is none")
    until = f"until {left.resets_at:%H:%M} UTC"
    if left.remaining == 0:
        message = f"the rate limit has no requests left {until}"
        advice = f"run again after {left.resets_at:%H:%M} UTC; another account has its own limit"
        return wrong("rate-limit", host, Problem("failed.forge", message, advice))
    text = f"{left.remaining:,} requests left {until}"
    if left.remaining < _FEW:
        return warning("rate-limit", host, text, "check what else uses this token; another account has its own limit")
    return good("rate-limit", host, text)
