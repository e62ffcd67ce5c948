"""Reads GitHub's answers from REST and GraphQL.

Every field is checked: it may end up on a terminal, in a command, or in a decision.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.edges.github.failure import is_number
from gitops_bot.proposals.pull_request import Comment, PullRequest, RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_ADDRESS = re.compile(r"https?://[\x21-\x7e]{1,1000}\Z")
STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
#: The hidden mark of the bot's own comments.
_MARK = "<!-- gitops-bot:"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def read(document: Any) -> PullRequest:
    """A pull request from REST. Call within `Api.reading`, which reports answers of other types."""
    head, base = document["head"], document["base"]
    return PullRequest(
        number=_number(document["number"]),
        url=_matching(_ADDRESS, document["html_url"]),
        state=STATES[document["state"].upper() if document["merged_at"] is None else "MERGED"],
        branch=text(head["ref"]),
        base=text(base["ref"]),
        head=_matching(_COMMIT, head["sha"]),
        title=text(document["title"]),
        body=text(document["body"] or ""),
        labels=tuple(text(label["name"]) for label in listed(document["labels"])),
        # Servers that only resemble GitHub lack these.
        node=text(document.get("node_id") or ""),
        created_at=parse_time(document.get("created_at")),
        draft=document.get("draft") is True,
        auto_merge=isinstance(document.get("auto_merge"), dict),
    )


def read_node(node: Any) -> PullRequest:
    """A pull request from GraphQL, as `graphql.proposals` asks for it; one that has ended has fewer fields."""
    pull = PullRequest(
        number=_number(node["number"]),
        url=_matching(_ADDRESS, node["url"]),
        state=STATES[node["state"]],
        branch=text(node["headRefName"]),
        base=text(node["baseRefName"]),
        head=_matching(_COMMIT, node["headRefOid"]),
        title=text(node["title"]),
        body=text(node["body"]),
        node=text(node["id"]),
        created_at=parse_time(node["createdAt"]),
    )
    return _opened(pull, node) if pull.state == "open" and "isDraft" in node else pull


def approved(decision: str | None, states: Iterable[str]) -> bool:
    """Whether the latest reviews approve. `decision` exists only if the base branch requires reviews.

    One approval counts even if more are required: somebody has reviewed the current state.
    """
    opinions = set(states)
    return decision == "APPROVED" or (
        decision != "CHANGES_REQUESTED" and "APPROVED" in opinions and "CHANGES_REQUESTED" not in opinions
    )


def is_from(document: Any, repository: str) -> bool:
    """Whether the branch of a pull request is in this repository (`owner/name`), not in a fork.

    A deleted fork is `null`. If the answer has no repository, its label has the owner.
    """
    head = document.get("head") if isinstance(document, dict) else None
    if not isinstance(head, dict):
        return False
    if "repo" not in head:
        return str(head.get("label")).partition(":")[0].lower() == repository.partition("/")[0].lower()
    return isinstance(head["repo"], dict) and str(head["repo"].get("full_name")).lower() == repository.lower()


def nodes(connection: Any) -> list[Any]:
    """The items of a connection, without null for deleted ones; empty if the connection itself is null."""
    return [] if connection is None else [node for node in listed(connection["nodes"]) if node is not None]


def parse_time(value: Any) -> datetime | None:
    """A time, or None. Raises ValueError or TypeError if it is something else."""
    if value is None:
        return None
    time = datetime.fromisoformat(text(value))
    if time.tzinfo is None:
        raise ValueError(value)
    return time


def _opened(pull: PullRequest, node: Any) -> PullRequest:
    reviews = [text(review["state"]) for review in nodes(node["latestOpinionatedReviews"])]
    commits = nodes(node["commits"])
    checks = commits[-1]["commit"]["statusCheckRollup"] if commits else None
    return replace(
        pull,
        labels=tuple(text(label["name"]) for label in nodes(node["labels"])),
        draft=flag(node["isDraft"]),
        approved=approved(node["reviewDecision"], reviews),
        queued=flag(node["isInMergeQueue"]),
        auto_merge=node["autoMergeRequest"] is not None,
        merge_was_requested=bool(nodes(node["timelineItems"])),
        checks_failed=checks is not None and checks["state"] in ("FAILURE", "ERROR"),
        comments=tuple(
            Comment(comment["databaseId"], comment["body"])
            for comment in nodes(node["comments"])
            if comment["viewerDidAuthor"] is True
            and type(comment["databaseId"]) is int
            and _MARK in text(comment["body"])
        ),
    )


def listed(value: Any) -> list[Any]:
    """A list. Raises TypeError if it is something else."""
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def flag(value: Any) -> bool:
    """A truth value. Raises TypeError if it is something else."""
    if type(value) is not bool:
        raise TypeError(value)
    return value


def text(value: Any) -> str:
    """A text. Raises TypeError if it is something else."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(value)
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.match(text(value)):
        raise ValueError(value)
    return str(value)


def rate_limit(document: Any) -> RateLimit | None:
    """The REST rate limit in the answer to `GET /rate_limit`; None without one."""
    match document:
        case {"resources": {"core": {"remaining": remaining, "reset": reset}}}:
            return read_rate_limit(str(remaining), str(reset))
        case _:
            return None


def read_rate_limit(remaining: str, reset: str) -> RateLimit | None:
    """A rate limit by the requests that are left, and the second when there are more; None if they are no numbers."""
    if not is_number(remaining) or not is_number(reset):
        return None
    return RateLimit(int(remaining), datetime.fromtimestamp(int(reset), UTC))
