"""GitHub's own GraphQL schema (npm `@octokit/graphql-schema`): what questions and answers must meet."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    build_ast_schema,
    is_abstract_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from tests.conftest import INSIST
from tests.counterparts.published import GRAPHQL, Unchecked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from graphql import DocumentNode, GraphQLSchema, NamedTypeNode, SelectionSetNode


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_address(value: str) -> bool:
    return urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)


_PLAIN = {"Boolean": bool, "Int": int, "Float": float}
#: Scalars whose text has a form of its own; all others are any text.
_FORMS: Mapping[str, Callable[[str], bool]] = {
    "DateTime": _is_time,
    "GitObjectID": lambda value: re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value) is not None,
    "URI": lambda value: value.startswith("/") or _is_address(value),
}


def described() -> Description:
    """The schema; the test is skipped without it."""
    return _read(GRAPHQL.need())


def checker() -> Checker:
    """What checks questions and answers, as far as the schema is installed. It is large: read it before serving."""
    return Unchecked() if GRAPHQL.file is None and not INSIST else described()


@cache
def _read(file: Path) -> Description:
    # GitHub publishes a schema that breaks rules of the specification (a field twice, deprecations): taken as it is.
    document = parse(file.read_text(encoding="utf-8"), no_location=True)
    return Description(build_ast_schema(document, assume_valid=True, assume_valid_sdl=True))


class Description:
    """The types of `api.github.com/graphql`."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def breaches(self, question: str, variables: Mapping[str, Any], answer: Any = None) -> list[str]:
        """What in a question, its variables and (unless None) the JSON of its answer is not as described.

        An answer has exactly what was asked for: no field more or less, each of its type.
        """
        try:
            document = parse(question)
        except GraphQLError as error:
            return [f"asked: {error.message}"]
        found = [f"asked: {error.message}" for error in validate(self._schema, document)]
        if found:
            return found
        operation = _operation(document)
        coerced = get_variable_values(self._schema, operation.variable_definitions or (), dict(variables))
        if isinstance(coerced, list):
            found += [f"variables: {error.message}" for error in coerced]
        names = {definition.variable.name.value for definition in operation.variable_definitions or ()}
        found += [f"variables: ${name} is not declared" for name in variables if name not in names]
        return found if answer is None else [*found, *self._answered(document, operation, answer)]

    def _answered(self, document: DocumentNode, operation: OperationDefinitionNode, answer: Any) -> Iterator[str]:
        if not isinstance(answer, dict) or not answer.keys() <= {"data", "errors", "extensions"}:
            yield "answer: an object with `data`, `errors` and `extensions` is expected"
            return
        errors = answer.get("errors", [])
        if "errors" in answer and not (errors and all(isinstance(each.get("message"), str) for each in errors)):
            yield "answer: `errors` is a list of at least one error, each with a message"
        if answer.get("data") is None:
            if not errors:
                yield "answer: neither `data` nor `errors`"
            return
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        root = self._schema.get_root_type(operation.operation)
        walk = _Walk(self._schema, fragments)
        yield from (f"answer: {each}" for each in walk.value(root, [operation.selection_set], answer["data"], "data"))


Checker = Description | Unchecked


class _Walk:
    """Goes through an answer beside the fields that were asked for."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema, self._fragments = schema, fragments

    def value(self, kind: Any, asked: Sequence[SelectionSetNode], value: Any, path: str) -> Iterator[str]:
        if isinstance(kind, GraphQLNonNull):
            # Where such a field fails, its parent is null in its place, and `errors` says why.
            yield from (f"{path} is null, and {kind.of_type} is never",) if value is None else ()
            yield from self.value(kind.of_type, asked, value, path)
        elif isinstance(kind, GraphQLList) and isinstance(value, list):
            for place, each in enumerate(value):
                yield from self.value(kind.of_type, asked, each, f"{path}.{place}")
        elif isinstance(kind, GraphQLObjectType) and isinstance(value, dict):
            yield from self._object(kind, asked, value, path)
        elif isinstance(kind, GraphQLInterfaceType | GraphQLUnionType) and isinstance(value, dict):
            yield from self._one_of(kind, asked, value, path)
        elif value is not None and not _is_leaf(kind, value):
            yield f"{path} is {value!r}, no {kind}"

    def _one_of(
        self,
        kind: GraphQLInterfaceType | GraphQLUnionType,
        asked: Sequence[SelectionSetNode],
        value: Mapping[str, Any],
        path: str,
    ) -> Iterator[str]:
        """The object that `__typename` says, where that was asked for; else one that everything fits."""
        possible = self._schema.get_possible_types(kind)
        if "__typename" in value:
            possible = [each for each in possible if each.name == value["__typename"]]
        if not any(not list(self._object(each, asked, value, path)) for each in possible):
            yield f"{path} is {value!r}, no {kind}"

    def _object(
        self, kind: GraphQLObjectType, asked: Sequence[SelectionSetNode], value: Mapping[str, Any], path: str
    ) -> Iterator[str]:
        fields: dict[str, list[FieldNode]] = {}
        for each in asked:
            self._collect(kind, each, fields)
        yield from (f"{path}.{name} was not asked for" for name in value.keys() - fields.keys())
        yield from (f"{path}.{name} is missing" for name in fields.keys() - value.keys())
        for name in fields.keys() & value.keys():
            field = fields[name][0].name.value
            below = [each.selection_set for each in fields[name] if each.selection_set]
            if field == "__typename":
                yield from () if value[name] == kind.name else (f"{path}.{name} is not {kind.name}",)
            else:
                yield from self.value(kind.fields[field].type, below, value[name], f"{path}.{name}")

    def _collect(
        self, kind: GraphQLObjectType, selection: SelectionSetNode, fields: dict[str, list[FieldNode]]
    ) -> None:
        for each in selection.selections:
            match each:
                case FieldNode():
                    fields.setdefault((each.alias or each.name).value, []).append(each)
                case FragmentSpreadNode():
                    fragment = self._fragments[each.name.value]
                    if self._is(kind, fragment.type_condition):
                        self._collect(kind, fragment.selection_set, fields)
                case InlineFragmentNode() if self._is(kind, each.type_condition):
                    self._collect(kind, each.selection_set, fields)

    def _is(self, kind: GraphQLObjectType, condition: NamedTypeNode | None) -> bool:
        """Whether a fragment is about this kind of object."""
        wanted = self._schema.type_map[condition.name.value] if condition else kind
        return wanted is kind or (is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind))


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    (operation,) = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return operation


def _is_leaf(kind: Any, value: Any) -> bool:
    """Whether a value is one of an enumeration, or has the form of a scalar."""
    if isinstance(kind, GraphQLEnumType):
        return value in kind.values
    if not isinstance(kind, GraphQLScalarType):
        return False
    if kind.name in _PLAIN:
        return type(value) is _PLAIN[kind.name]
    return isinstance(value, str) and (kind.name not in _FORMS or _FORMS[kind.name](value))
