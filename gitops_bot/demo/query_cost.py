"""What a GraphQL query costs by GitHub's formula, and which repositories it is about.

docs.github.com, "Rate limits and query limits for the GraphQL API": the requests that all connections would take if
each were full, divided by 100; at most 500,000 nodes.
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
    from collections.abc import Mapping

    from gitops_bot.demo.query import Document

NODES = 500_000
_POINT = 100
_PAGE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """The requests and the nodes that the connections of a query may take."""

    requests: int = 0
    nodes: int = 0

    @property
    def points(self) -> int:
        """The cost in points of the rate limit."""
        return max(1, round(self.requests / _POINT))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about: repositories by owner and name, nodes by ID; `writes` for a mutation."""

    repositories: tuple[tuple[str, str], ...]
    nodes: tuple[str, ...]
    writes: bool


def cost(document: Document, name: str | None, variables: Mapping[str, Any]) -> Cost:
    """The cost of an operation in a valid document."""
    operation = document.operation(name)
    return _Counter(document, variables).selection(operation.selection_set) if operation else Cost()


class _Counter:
    """Counts each fragment once: nested fragments can multiply without bound."""

    def __init__(self, document: Document, variables: Mapping[str, Any]) -> None:
        self._fragments, self._variables = document.fragments(), variables
        self._counted: dict[str, Cost] = {}

    def selection(self, selected: SelectionSetNode | None) -> Cost:
        """What a selection costs for one node."""
        costs = [self._cost(node) for node in (selected.selections if selected else ())]
        return Cost(sum(cost.requests for cost in costs), sum(cost.nodes for cost in costs))

    def _cost(self, node: object) -> Cost:
        match node:
            case FieldNode():
                arguments = _arguments(node, self._variables)
                size = arguments.get("first") or arguments.get("last")
                inner = self.selection(node.selection_set)
                if not isinstance(size, int):
                    return inner
                # A larger page is refused later; it must not inflate the cost first.
                size = min(max(size, 0), _PAGE_LIMIT)
                return Cost(1 + size * inner.requests, size + size * inner.nodes)
            case InlineFragmentNode():
                return self.selection(node.selection_set)
            case FragmentSpreadNode():
                name = node.name.value
                if name not in self._counted:
                    self._counted[name] = self.selection(self._fragments[name].selection_set)
                return self._counted[name]
            case _:
                return Cost()


def subject(document: Document, name: str | None, variables: Mapping[str, Any]) -> Subject:
    """What an operation is about, by the arguments of its top-level fields."""
    operation = document.operation(name)
    repositories, nodes = [], []
    for field in operation.selection_set.selections if operation else ():
        if not isinstance(field, FieldNode):
            continue
        arguments = _arguments(field, variables)
        given = arguments.get("input")
        if field.name.value == "repository":
            repositories.append((str(arguments.get("owner")), str(arguments.get("name"))))
        elif isinstance(given, dict) and (key := given.get("pullRequestId") or given.get("id")):
            nodes.append(str(key))
    writes = operation is not None and operation.operation is OperationType.MUTATION
    return Subject(tuple(repositories), tuple(nodes), writes)


def _arguments(field: FieldNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {node.name.value: value_from_ast_untyped(node.value, dict(variables)) for node in field.arguments or ()}
