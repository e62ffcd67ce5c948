"""Reads what GitHub answers. Every field is checked: it may end on a terminal, in a command, or in a decision."""

from __future__ import annotations

import re
from typing import Any, Literal

from gitops_bot.edges.github.failure import Unanswered
from gitops_bot.proposals.pull_request import PullRequest

_ADDRESS = re.compile(r"https?://[\x21-\x7e]{1,1000}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def read(document: Any) -> PullRequest:
    """Read a pull request, as a list or its own address shows it.

    Raises:
        ValueError: it is none.
    """
    try:
        head, base = document["head"], document["base"]
        number, labels = document["number"], document["labels"]
        if type(number) is not int or number < 1 or not isinstance(labels, list):
            raise ValueError(number)
        return PullRequest(
            number=number,
            url=_matching(_ADDRESS, document["html_url"]),
            state=_state(document),
            branch=_text(head["ref"]),
            base=_text(base["ref"]),
            head=_matching(_COMMIT, head["sha"]),
            title=_text(document["title"]),
            body=_text(document["body"] or ""),
            labels=tuple(_text(label["name"]) for label in labels),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(error) from error


def is_from(document: Any, repository: str) -> bool:
    """Whether the branch of a pull request is in this repository (`owner/name`), and not in a fork of it.

    A fork that was deleted is `null`. Where the answer does not speak of a repository, its label tells the owner.
    """
    head = document.get("head") if isinstance(document, dict) else None
    if not isinstance(head, dict):
        return False
    if "repo" not in head:
        return str(head.get("label")).partition(":")[0].lower() == repository.partition("/")[0].lower()
    return isinstance(head["repo"], dict) and str(head["repo"].get("full_name")).lower() == repository.lower()


def unreadable() -> Unanswered:
    """What to say of an answer that is not as GitHub describes it."""
    return Unanswered(
        "did not answer as GitHub does",
        "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3; then run again",
    )


def _state(document: Any) -> Literal["open", "closed", "merged"]:
    if document["merged_at"] is not None:
        return "merged"
    if document["state"] not in ("open", "closed"):
        raise ValueError(document["state"])
    return "open" if document["state"] == "open" else "closed"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.match(_text(value)):
        raise ValueError(value)
    return str(value)
