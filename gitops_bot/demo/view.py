"""What the views of GraphQL share: who asks, people, and lists page by page.

A view is a mapping from the schema's field names to values, or to functions of the field's arguments, which are only
called for what a query asks for. `__typename` says what it is.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.shapes import Shapes

_PAGE_LIMIT = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """A repository as one person sees it: every view of it stands on this."""

    shapes: Shapes
    viewer: str

    def person(self, login: str) -> Json:
        """Show somebody."""
        return person(self.shapes.user(login))


def person(shown: Json) -> Json:
    """Somebody as REST shows them: a user, or a bot, whose login GraphQL tells without the `[bot]` behind it."""
    kind, login = shown["type"], str(shown["login"])
    return {
        "__typename": kind,
        "id": shown["node_id"],
        # GraphQL's integers have 31 bits; GitHub's own ids of people still do.
        "databaseId": int(shown["id"]) & 0x7FFF_FFFF,
        "login": login.removesuffix("[bot]") if kind == "Bot" else login,
        "name": None,
        "url": shown["html_url"],
        "avatarUrl": shown["avatar_url"],
    }


def page(field: str, items: Sequence[T], show: Callable[[T], Json], asked: Json) -> Json:
    """Cut a page out of a list; like GitHub, only for who says how long it may be."""
    first, last = asked.get("first"), asked.get("last")
    size = last if first is None else first
    if size is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{field}` connection."
        raise Invalid(422, message)
    if not 0 <= size <= _PAGE_LIMIT:
        which = "last" if first is None else "first"
        message = f"Requesting {size} records on the `{field}` connection exceeds the `{which}` limit of 100 records."
        raise Invalid(422, message)
    begin, end = 0, len(items)
    if asked.get("after") is not None:
        begin = _place(asked["after"]) + 1
    if asked.get("before") is not None:
        end = min(_place(asked["before"]), end)
    begin, end = (max(begin, end - size), end) if first is None else (begin, min(end, begin + size))
    cursors = [_cursor(place) for place in range(begin, end)]
    shown = [show(item) for item in items[begin:end]]
    return {
        "nodes": shown,
        "edges": [{"cursor": cursor, "node": each} for cursor, each in zip(cursors, shown, strict=True)],
        "totalCount": len(items),
        "pageInfo": {
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
            "hasPreviousPage": begin > 0,
            "hasNextPage": end < len(items),
        },
    }


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"cursor:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        word, _, place = base64.urlsafe_b64decode(cursor).decode().partition(":")
    except (binascii.Error, ValueError):
        word, place = "", ""
    if word != "cursor" or not (place.isascii() and place.isdigit() and len(place) < 10):
        raise Invalid(422, f"`{cursor[:100]}` does not appear to be a valid cursor.")
    return int(place)
