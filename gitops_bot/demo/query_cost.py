"""What a GraphQL query costs, by GitHub's formula, and which repositories it asks about.

docs.github.com, "Rate limits and query limits for the GraphQL API": the requests that all connections would take if
each were full, divided by a hundred; at most 500,000 nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationType,
    SelectionSetNode,
    value_from_ast_untyped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.demo.query import Document

NODES = 500_000
_POINT = 100
#: The longest page.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """The requests that connections stand for, and the nodes that they may give."""

    requests: int = 0
    nodes: int = 0

    @property
    def points(self) -> int:
        """What is taken from the rate limit."""
        return max(1, round(self.requests / _POINT))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a GraphQL request is about: repositories by owner and name, things by their ids; and whether it writes."""

    repositories: tuple[tuple[str, str], ...]
    nodes: tuple[str, ...]
    writes: bool


def cost(document: Document, name: str | None, variables: Mapping[str, Any]) -> Cost:
    """Count an operation of a valid document."""
    operation = document.operation(name)
    return _Counting(document, variables).count(operation.selection_set) if operation else Cost()


class _Counting:
    """Counts each fragment once: it may be spread more often than there is time to follow."""

    def __init__(self, document: Document, variables: Mapping[str, Any]) -> None:
        self._fragments, self._variables = document.fragments(), variables
        self._counted: dict[str, Cost] = {}

    def count(self, chosen: SelectionSetNode | None) -> Cost:
        """What a selection costs for one node."""
        parts = [self._part(each) for each in (chosen.selections if chosen else ())]
        return Cost(sum(part.requests for part in parts), sum(part.nodes for part in parts))

    def _part(self, part: object) -> Cost:
        match part:
            case FieldNode():
                given = {
                    each.name.value: value_from_ast_untyped(each.value, dict(self._variables))
                    for each in part.arguments or ()
                }
                size = given.get("first") or given.get("last")
                inside = self.count(part.selection_set)
                if not isinstance(size, int):
                    return inside
                # What is beyond is refused when the list is cut, and must not be multiplied before.
                size = min(max(size, 0), _LONGEST)
                return Cost(1 + size * inside.requests, size + size * inside.nodes)
            case InlineFragmentNode():
                return self.count(part.selection_set)
            case FragmentSpreadNode():
                called = part.name.value
                if called not in self._counted:
                    self._counted[called] = self.count(self._fragments[called].selection_set)
                return self._counted[called]
            case _:
                return Cost()


def subject(document: Document, name: str | None, variables: Mapping[str, Any]) -> Subject:
    """What an operation is about, read from the arguments of its first fields."""
    operation = document.operation(name)
    repositories, nodes = [], []
    for field in _first_fields(operation.selection_set if operation else None):
        given = {each.name.value: value_from_ast_untyped(each.value, dict(variables)) for each in field.arguments or ()}
        wanted = given.get("input") if isinstance(given.get("input"), dict) else given
        if field.name.value == "repository":
            repositories.append((str(given.get("owner")), str(given.get("name"))))
        elif key := (wanted or {}).get("pullRequestId") or (wanted or {}).get("id"):
            nodes.append(str(key))
    writes = operation is not None and operation.operation is OperationType.MUTATION
    return Subject(tuple(repositories), tuple(nodes), writes)


def _first_fields(chosen: SelectionSetNode | None) -> Iterator[FieldNode]:
    for each in chosen.selections if chosen else ():
        if isinstance(each, FieldNode):
            yield each
