"""What the bot says below a pull request: once, and in the same place when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused

if TYPE_CHECKING:
    from gitops_bot.edges.github.api import Api

_PER_PAGE, _PAGES = 100, 3


def say(api: Api, number: int, body: str, *, edits: int | None = None) -> None:
    """Comment, or change the comment with the id `edits`; one that was deleted meanwhile is written anew."""
    if edits is not None:
        try:
            api.attempt("PATCH", api.below(f"/issues/comments/{edits}"), body={"body": body}, bears=(404, 410))
        except Refused:
            pass
        else:
            return
    api.ask("POST", api.below(f"/issues/{number}/comments"), body={"body": body})


def say_once(api: Api, number: int, body: str) -> None:
    """Comment, unless that was said already; for servers on which `find` tells no comments.

    REST does not say which comments are the token's own. The same words are enough, whoever wrote them.
    """
    for page in range(1, _PAGES + 1):
        query = {"per_page": str(_PER_PAGE), "page": str(page)}
        listed: Any = api.ask("GET", api.below(f"/issues/{number}/comments"), query=query)
        if not isinstance(listed, list):
            api.fail(answers.unreadable())
        if any(isinstance(each, dict) and _reads(each.get("body")) == _reads(body) for each in listed):
            return
        if len(listed) < _PER_PAGE:
            break
    say(api, number, body)


def _reads(text: object) -> str:
    return str(text).replace("\r\n", "\n").strip()
