"""Judges what the forge tells of the token: its kind, its scopes, how long it lasts, and what it may do.

Only of a classic token does GitHub tell the scopes (`X-OAuth-Scopes`). What a fine-grained token or an App may do shows
when it does it: reading is tried, writing by git is asked for without pushing, and the rest is said to be unknown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.doctor.finding import good, unknown, warning, wrong
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gitops_bot.doctor.finding import Finding
    from gitops_bot.edges.facts import Greeting, Grounds, TokenKind
    from gitops_bot.proposals.budget import Left

NEEDED = "`Contents` and `Pull requests` with read and write access, `Metadata` with read access"

_KINDS: Mapping[TokenKind, str] = {
    "classic": "a classic personal access token",
    "fine-grained": "a fine-grained personal access token",
    "app": "the token of a GitHub App or a workflow",
    "oauth": "the token of an OAuth app or of a person's login",
    "other": "a token",
}
#: Of whom GitHub answers with a role of their own; for Apps `permissions` is all false, whatever they may do.
_ROLES = ("classic", "fine-grained", "oauth")
_SOON = timedelta(days=7)
#: Requests: fewer than this may not be enough for a run over many environments.
_FEW = 100


def token(greeting: Greeting, variable: str, host: str, now: datetime) -> Finding:
    """What kind of token it is, its scopes, and whether it ends soon. `variable` is where it is from."""
    kind = _KINDS[greeting.kind or "other"]
    scopes = "" if greeting.scopes is None else f" with {_scopes(greeting.scopes)}"
    text = f"{variable} holds {kind}{scopes}"
    if greeting.expires is None:
        return good("token", host, text)
    ends = f"{text}; it expires on {greeting.expires:%Y-%m-%d %H:%M} UTC"
    if greeting.expires - now <= _SOON:
        return warning("token", host, ends, "create a new one before that day")
    return good("token", host, ends)


def pull_requests(greeting: Greeting, grounds: Grounds, repository: str, *, actions: bool) -> Finding:
    """Whether the token may open pull requests. `actions`: a workflow runs this."""

    def no(message: str, advice: str) -> Finding:
        return wrong("pull-requests", repository, Problem("failed.auth", message, advice))

    if grounds.archived:
        return no(
            "the repository is archived, so nothing can be proposed",
            "unarchive it, or stop running the bot for it",
        )
    if greeting.scopes is not None:
        enough = {"repo"} if grounds.private is not False else {"repo", "public_repo"}
        if greeting.scopes.isdisjoint(enough):
            return no(
                f"the token has {_scopes(greeting.scopes)}, which is not enough to write to this repository",
                "give it the scope `repo` (`public_repo` for a public repository), or better, create a fine-grained "
                f"token for this repository only, with {NEEDED}",
            )
    if greeting.kind in _ROLES and grounds.may_push is False:
        return no(
            "the token's account can read this repository, but not write to it",
            "give the account the role `Write` in Settings > Collaborators and teams, or use another one",
        )
    if greeting.scopes is not None and grounds.may_push:
        return good("pull-requests", repository, "the token may open pull requests")
    if actions and greeting.kind == "app":
        return unknown(
            "pull-requests",
            repository,
            "pull requests can be read; GitHub does not say whether this workflow may open them",
            'give the job `permissions: {contents: write, pull-requests: write}`, and allow "GitHub Actions to create '
            'and approve pull requests" in Settings > Actions > General',
        )
    return unknown(
        "pull-requests",
        repository,
        "pull requests can be read; whether the token may open them shows only when it does",
        f"make sure that it has {NEEDED}",
    )


def rate_limit(left: Left | None, host: str) -> Finding:
    """Whether there are requests left."""
    if left is None:
        return good("rate-limit", host, "there is none")
    until = f"until {left.resets_at:%H:%M} UTC"
    if left.remaining == 0:
        message = f"the rate limit has no requests left {until}"
        advice = f"run again after {left.resets_at:%H:%M} UTC; a GitHub App's token has its own limit"
        return wrong("rate-limit", host, Problem("failed.forge", message, advice))
    text = f"{left.remaining:,} requests left {until}"
    if left.remaining < _FEW:
        return warning(
            "rate-limit", host, text, "check what else uses this token; a GitHub App's token has its own limit"
        )
    return good("rate-limit", host, text)


def _scopes(scopes: frozenset[str]) -> str:
    if not scopes:
        return "no scopes"
    return f"the scope{'s' if len(scopes) > 1 else ''} {', '.join(sorted(scopes))}"
