"""How GitHub can fail, and each failure in the user's words: what happened, and the next step.

See docs.github.com, "Troubleshooting the REST API", "Rate limits for the REST API", "Permissions required for
fine-grained personal access tokens". The texts to match are GitHub's own; few of them are documented.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import clean
from gitops_bot.edges.patience import retry_after
from gitops_bot.errors import ForgeError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gitops_bot.errors import FailureCode


T = TypeVar("T")

#: The text of a header that is a number of seconds, small enough for a `datetime`.
NUMBER = re.compile(r"[0-9]{1,10}")
#: Seconds: a pause that is added to a time must not lead out of the calendar.
_LONGEST_PAUSE = 10_000_000_000
#: Characters of GitHub's own message that are shown.
_SHOWN = 300


class Refused(Exception):  # noqa: N818 - often not an error: the caller decides by the status
    """An answer with a status of 300 or more.

    `message` is GitHub's message on one line, `headers` have lower-case names, `write` is set for writes.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str], *, write: bool) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message, self.headers, self.write = status, message, headers, write

    @property
    def said(self) -> str:
        """What a sentence says of it."""
        return f"GitHub says: {self.message or self.status}"

    @property
    def limited(self) -> bool:
        """Whether it is a primary or secondary rate limit, which GitHub reports by 403 and 422 as well as 429."""
        phrases = ("rate limit", "abuse detection", "try again later", "before you try again")
        if self.status == 403:
            spent = self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers
            return spent or any(phrase in self.message.lower() for phrase in phrases)
        return self.status == 429 or (self.status == 422 and "submitted too quickly" in self.message.lower())

    def pause(self, now: datetime) -> int | None:
        """The seconds until a rate limit ends, or a fault; None if GitHub does not say it."""
        reset = self.headers.get("x-ratelimit-reset", "")
        if (after := retry_after(self.headers.get("retry-after"), now.timestamp())) is not None:
            return int(min(after, _LONGEST_PAUSE))
        if self.headers.get("x-ratelimit-remaining") == "0" and NUMBER.fullmatch(reset):
            return max(int(reset) - int(now.timestamp()), 0)
        return None


class UnansweredError(ForgeError):
    """GitHub did not say what came of it: it was done, or it was not."""


class Late(NoResponse):
    """The answer was not complete in time."""


class Unsupported(Exception):  # noqa: N818 - likewise: there is REST
    """The server has no GraphQL, or lacks these fields: an old GitHub Enterprise, or another forge."""

    said = "this server has no GraphQL, or an old one"


def error_message(document: object, secret: str) -> str:
    """The message of an error's body and of its `errors`, without the secret."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    parts = [document.get("message")]
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):  # a sentence, or a field and what is wrong with it
            parts.append(str(error.get("message") or f"{error.get('field')} {error.get('code')}"))
        else:
            parts.append(str(error))
    return clean("; ".join(part for part in parts if isinstance(part, str) and part), (secret,), _SHOWN)


# Tables by a part of GitHub's message, in lower case. The first match counts.

#: The meaning of a status 403 and the next step.
_FORBIDDEN: Mapping[str, tuple[str, str]] = {
    "not permitted to create or approve pull requests": (
        "GitHub Actions may not create pull requests",
        (
            "allow it in Settings > Actions > General > Workflow permissions, for the organisation and the "
            "repository; or give the bot a GitHub App token"
        ),
    ),
    "not accessible by integration": (
        "the token of this workflow or GitHub App may not do that",
        (
            "give the job `permissions: {contents: write, pull-requests: write}`, or the App the same permissions; "
            "the GITHUB_TOKEN of a workflow works only for its own repository"
        ),
    ),
    "not accessible by personal access token": (
        "the fine-grained token may not do that",
        "give it access to this repository, with read and write access to `Contents` and `Pull requests`",
    ),
    "granted the required scopes": (
        "the classic token lacks a scope",
        "give it the scope `repo` (`public_repo` for a public repository)",
    ),
    "archived": (
        "the repository is archived, so nothing can be proposed",
        "unarchive it, or stop running the bot for it",
    ),
    "saml": (
        "the organisation requires single sign-on for tokens",
        "authorise the token for the organisation: Settings > Developer settings > tokens > Configure SSO",
    ),
    "ip allow list": (
        "the organisation does not allow this machine's IP address",
        "run the bot inside the allowed network, or add its address to the organisation's IP allow list",
    ),
    "lifetime": (
        "the organisation does not accept tokens with such a long lifetime",
        "make a token with a shorter expiration, or use a GitHub App",
    ),
    "suspended": ("the account or App of this token is suspended", "use the token of another account or App"),
    "blocked": ("the account of this token is blocked here", "use the token of another account or App"),
}


#: The same of a status 422.
_INVALID: Mapping[str, tuple[str, str]] = {
    "no commits between": ("the branch has no commits that its base lacks", "run again: the base has moved since"),
    "head invalid": ("the branch to propose does not exist", "run again: somebody has deleted it"),
    "base invalid": ("the branch to merge into does not exist", "correct `branch:` in gitops-bot.yaml"),
}


def explain(failure: Refused, *, repository: str, host: str, now: datetime) -> ForgeError:
    """The error for the user; `now` is for the time that a rate limit lasts."""
    code: FailureCode = "failed.forge"
    quoted = f" (GitHub says: {failure.message})" if failure.message else ""
    match failure.status:
        case _ if failure.limited:
            what = f"the rate limit of {host} is used up"
            end = _end(failure.pause(now), now)
            way_out = f"run again {end}: nothing is lost; a GitHub App's token has its own limit"
        case 401:
            code, what = "failed.auth", f"{host} does not accept the token{quoted}"
            way_out = (
                "set GITHUB_TOKEN or GH_TOKEN to a token that is valid and not expired; the GITHUB_TOKEN of a "
                "workflow expires with its job"
            )
        case 403:
            code = "failed.auth"
            what, way_out = _forbidden(failure)
            what = f"{repository}: {what}{quoted}"
        case 404 | 410 if failure.write:
            code = "failed.auth"
            what = f"{repository}: the token can read but not write, or the pull request is gone{quoted}"
            way_out = "give the token `contents: write` and `pull-requests: write` for this repository, and run again"
        case 404 | 410:
            code, what = "failed.auth", f"{repository} does not exist, or the token cannot see it{quoted}"
            way_out = (
                "check the name; a fine-grained token must include this repository, a GitHub App must be installed on "
                "it, and the GITHUB_TOKEN of a workflow works only for its own repository"
            )
        case 413:
            what = f"{host} timed out answering about {repository}{quoted}"
            way_out = "run again later; see githubstatus.com"
        case 422:
            rejected = "GitHub rejected the request", "see GitHub's message above"
            what, way_out = _look_up(_INVALID, failure.message) or rejected
            what = f"{repository}: {what}{quoted}"
        case status if 300 <= status < 400:
            what = f"{repository} has moved: {host} answered {status}"
            way_out = "use the repository's current name, in `repository:` of gitops-bot.yaml or with --repository"
        case status if status >= 500:
            what = f"{host} has a problem: it answered {status}{quoted}"
            way_out = "run again later, nothing is lost; see githubstatus.com"
        case status:
            what, way_out = f"{repository}: {host} answered {status}{quoted}", "run again"
    return ForgeError(Problem(code, what, way_out))


def _look_up(meanings: Mapping[str, T], message: str) -> T | None:
    text = message.lower()
    return next((meaning for part, meaning in meanings.items() if part in text), None)


def _forbidden(refused: Refused) -> tuple[str, str]:
    if (meaning := _look_up(_FORBIDDEN, refused.message)) is not None:
        return meaning
    scopes = refused.headers.get("x-accepted-oauth-scopes", "").strip()
    if scopes and "x-oauth-scopes" in refused.headers:
        return _FORBIDDEN["granted the required scopes"]
    what = "the token has no write access" if refused.write else "the token has no read access"
    return what, "give it `contents: write` and `pull-requests: write` for this repository"


def _end(pause: int | None, now: datetime) -> str:
    if pause is None:
        return "in a few minutes"
    duration = f"{pause} s" if pause < 120 else f"{-(-pause // 60)} min"
    return f"after {(now + timedelta(seconds=pause)).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC (in {duration})"


#: The next step after a refused review request.
_REVIEW: Mapping[str, str] = {
    "pull request author": (
        "whoever opens a pull request cannot review it: remove the bot's own account from `reviewers:`"
    ),
    "could not resolve to a node": (
        "the token cannot see this team: write its slug, make the team visible, give it access to the repository, and "
        "use a token that may read the organisation's members (the GITHUB_TOKEN of a workflow cannot request reviews "
        "from teams)"
    ),
    "not a collaborator": (
        "give these people and teams access to the repository themselves, or correct `reviewers:`; a team is written "
        "as `team:SLUG`, and the GITHUB_TOKEN of a workflow cannot request reviews from teams"
    ),
}

#: What `enablePullRequestAutoMerge` says if the pull request can be merged now.
_READY = ("clean status", "unstable status", "has_hooks status", "protected branch rules not configured")

_MERGE: Mapping[str, str] = {
    "merge queue": (
        "the base branch uses a merge queue: allow auto-merge in Settings > General, then the bot queues it once it "
        "is ready"
    ),
    "auto merge is not allowed": (
        "allow it in Settings > General > Pull Requests > Allow auto-merge; until then the run that finds it ready "
        "merges it"
    ),
    "head sha": "somebody has pushed since: the next run tries again",
    "head branch was modified": "somebody has pushed since: the next run tries again",
    "base branch was modified": "the base branch has moved since: the next run tries again",
    "approving review": "it waits for a review: approve it, and the next run merges it",
    "review is required": "it waits for a review: approve it, and the next run merges it",
    "status check": "it waits for the required checks: the run that finds them passed merges it",
    "required workflow": "it waits for the required workflow: the run that finds it passed merges it",
    "signature": (
        "the base branch requires signed commits: set `commits: api`, merge by `squash`, or let the bot bypass the rule"
    ),
    "linear history": "the base branch requires a linear history: set `merge_method: squash` or `rebase`",
    "merge commits are not allowed": "set a `merge_method:` that the repository allows",
    "merges are not allowed": "set a `merge_method:` that the repository allows",
    "not accessible by integration": (
        "give the job or the App `contents: write` and `pull-requests: write`; merging needs both"
    ),
    "not accessible by personal access token": (
        "give the token `Contents` and `Pull requests` with read and write access; merging needs both"
    ),
    "correct permissions": "give the token's account write access: merging needs `contents: write` as well",
    "not authorized": "allow the token's account to push to the base branch in the branch's rules",
    "draft": "a draft does not merge: mark it ready for review",
    "not mergeable": "check the pull request: a conflict, a check or a review blocks it",
}


def review_advice(message: str, *, teams: bool) -> str | None:
    """The next step after a refused review request; None for an unknown message."""
    if not teams and "could not resolve to a node" in message.lower():
        return None
    return _look_up(_REVIEW, message)


def may_merge_now(message: str) -> bool:
    """Whether auto-merge was refused because the pull request can be merged now."""
    return any(part in message.lower() for part in _READY)


def merge_advice(message: str) -> str:
    """The next step after a refused merge."""
    return (
        _look_up(_MERGE, message) or "check the pull request and the rules of its base branch; the next run tries again"
    )
