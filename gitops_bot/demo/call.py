"""One API request to a repository: its user, its JSON body, and paging."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from gitops_bot.demo.http import Answer
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.demo.shapes import Shapes

_PAGE = 30
_PAGE_LIMIT = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a repository."""

    request: Request
    shapes: Shapes

    @property
    def pulls(self) -> PullRequests:
        """The pull requests of the repository."""
        return self.shapes.pulls

    def fields(self) -> Fields:
        """The JSON body, which must be an object."""
        return Fields.read(self.request)

    def page(self, items: Sequence[T], show: Callable[[T], Json]) -> Answer:
        """One page of a list, with GitHub's Link header to the other pages."""
        query = self.request.query
        size = min(_number(query.get("per_page"), _PAGE), _PAGE_LIMIT)
        page = _number(query.get("page"), 1)
        last = max(1, -(-len(items) // size))
        others = {"prev": page - 1, "first": 1} if page > 1 else {}
        if page < last:
            others |= {"next": page + 1, "last": last}
        here = f"{self.shapes.api}{self.request.path.removeprefix('/api/v3')}"
        links = [
            f'<{here}?{urlencode({**query, "per_page": size, "page": number})}>; rel="{name}"'
            for name, number in others.items()
        ]
        shown = [show(item) for item in items[(page - 1) * size : page * size]]
        return Answer.json(200, shown, {"Link": ", ".join(links)} if links else None)

    def check_writes(self) -> None:
        """A user who writes must have a token; an archived repository refuses all writes."""
        if not self.shapes.viewer:
            raise Invalid(401, "Requires authentication")
        if self.pulls.hub.settings.archived:
            raise Invalid(403, "Repository was archived so is read-only.")

    def commit(self, name: str) -> str:
        """The commit of a branch, `OWNER:BRANCH` or full ID."""
        owner, colon, branch = name.rpartition(":")
        if colon and owner.lower() != self.pulls.hub.owner.lower():
            raise Invalid(404, "Not Found")
        commit = self.pulls.bare.branches().get(branch, name)
        if not self.pulls.bare.has(commit):
            raise Invalid(404, "Not Found")
        return commit

    def pull(self, number: str) -> Pull:
        """The pull request with this number."""
        return self.pulls.get(int(number))


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a JSON object; a wrong type is refused with GitHub's message."""

    values: Json

    @classmethod
    def read(cls, request: Request) -> Fields:
        """The JSON body of a request, which must be an object."""
        body = body_of(request)
        if not isinstance(body, dict):
            raise Invalid(400, "Body should be a JSON object")
        return cls(body)

    def text(self, name: str) -> str | None:
        """A string, or None."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a string")
        # JSON allows a lone surrogate, but UTF-8 cannot store it.
        return None if value is None else value.encode(errors="replace").decode()

    def needed(self, *names: str) -> tuple[str, ...]:
        """Required strings."""
        values = [self.text(name) for name in names]
        missing = [f'"{name}"' for name, value in zip(names, values, strict=True) if value is None]
        if missing:
            verb = "wasn't" if len(missing) == 1 else "weren't"
            raise Invalid(422, f"Invalid request.\n\n{', '.join(missing)} {verb} supplied.")
        return tuple(value or "" for value in values)

    def flag(self, name: str) -> bool:
        """A boolean, false by default."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "a boolean")
        return value

    def _wrong(self, name: str, kind: str) -> Invalid:
        value = json.dumps(self.values[name])[:100]
        return Invalid(422, f"Invalid request.\n\nFor 'properties/{name}', {value} is not {kind}.")

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty by default."""
        return texts(self.values.get(name) or [])


def body_of(request: Request) -> Any:
    """The JSON body."""
    try:
        return json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise Invalid(400, "Problems parsing JSON") from None


def texts(values: Any) -> list[str]:
    """Check a list of strings."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Invalid(422, "Invalid request.\n\nNot every item is a string.")
    return [value.encode(errors="replace").decode() for value in values]


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 and int(text) else default
