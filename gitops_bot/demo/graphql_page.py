"""What the GraphQL objects share: the repositories, and lists.

An object is a mapping from the schema's field names to values, or to functions of the field's arguments; a function is
called only if a query asks for its field. Members of a union have a `__typename`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.shapes import Shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    from gitops_bot.demo.accounts import Accounts
    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.store import Store

_PAGE_LIMIT = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visible:
    """The repositories that the user of one request may see; each is locked once, when first used, until it ends.

    `more` are further fields of a repository.
    """

    site: str
    store: Store
    accounts: Accounts
    request: Request
    viewer: str
    end: ExitStack
    writes: bool
    more: Mapping[str, Callable[..., Json]]
    _opened: dict[int, Shapes] = field(default_factory=dict)

    def named(self, owner: str, name: str) -> Shapes | None:
        """The repository with this name."""
        return self._open(self.store.visible(f"{owner}/{name}", self.viewer))

    def numbered(self, number: int) -> Shapes | None:
        """The repository with this ID."""
        return self._open(self.store.numbered(number))

    def _open(self, hub: Hub | None) -> Shapes | None:
        if hub is None or not self.accounts.may(self.request, hub, "pull_requests", writes=self.writes):
            return None
        if hub.id not in self._opened:
            pulls = self.end.enter_context(self.store.opened(hub, writes=self.writes))
            self._opened[hub.id] = Shapes(f"{self.site}/api/v3", self.site, pulls, self.viewer)
        return self._opened[hub.id]


def connection(field: str, items: Sequence[T], show: Callable[[T], Json], arguments: Json) -> Json:
    """The first or last items of a list. As on GitHub, the query must say how many."""
    first, last, after = arguments.get("first"), arguments.get("last"), arguments.get("after")
    size = last if first is None else first
    if size is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{field}` connection."
        raise Invalid(422, message)
    if not 0 <= size <= _PAGE_LIMIT:
        which = "last" if first is None else "first"
        message = f"Requesting {size} records on the `{field}` connection exceeds the `{which}` limit of 100 records."
        raise Invalid(422, message)
    begin = max(0, len(items) - size) if first is None else _position(after)
    end = min(len(items), begin + size)
    return {
        "nodes": [show(item) for item in items[begin:end]],
        "totalCount": len(items),
        "pageInfo": {
            "hasPreviousPage": begin > 0,
            "hasNextPage": end < len(items),
            "endCursor": f"cursor:{end}" if end > begin else None,
        },
    }


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    number = cursor.removeprefix("cursor:")
    if number == cursor or not number.isdecimal():
        raise Invalid(422, f"`{cursor}` does not appear to be a valid cursor.")
    return int(number)
