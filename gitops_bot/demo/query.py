"""GraphQL documents: parsed and validated once, then run with errors as GitHub reports them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FieldsOnCorrectTypeRule,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    ValidationRule,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)

from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLResolveInfo, GraphQLSchema

#: The most tokens of a document that are parsed.
_TOKENS = 50_000
_TYPES = {404: "NOT_FOUND", 403: "FORBIDDEN"}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document; `errors` is empty if it can be run."""

    tree: DocumentNode | None
    errors: tuple[dict[str, Any], ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation with this name, or the only one."""
        definitions = self.tree.definitions if self.tree else ()
        operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        matching = [node for node in operations if name is None or (node.name is not None and node.name.value == name)]
        return matching[0] if len(matching) == 1 else None

    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        """Its fragments by name."""
        definitions = self.tree.definitions if self.tree else ()
        return {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}


class _KnownFields(ValidationRule):
    """Reports an unknown field as GitHub does."""

    def enter_field(self, node: FieldNode, _key: Any, _parent: Any, _path: Any, ancestors: list[Any]) -> None:
        parent = self.context.get_parent_type()
        if parent is None or self.context.get_field_def() is not None:
            return
        name = node.name.value
        self.report_error(
            GraphQLError(
                f"Field '{name}' doesn't exist on type '{parent.name}'",
                node,
                path=[part for ancestor in (*ancestors, node) if (part := _path_part(ancestor))],
                extensions={"code": "undefinedField", "typeName": parent.name, "fieldName": name},
            )
        )


def _path_part(node: Any) -> str:
    """How the path of a validation error names a node."""
    match node:
        case OperationDefinitionNode():
            return " ".join([node.operation.value, *([node.name.value] if node.name else [])])
        case FragmentDefinitionNode():
            return f"fragment {node.name.value}"
        case FieldNode():
            return (node.alias or node.name).value
        case _:
            return ""


_RULES = [*(rule for rule in specified_rules if rule is not FieldsOnCorrectTypeRule), _KnownFields]


@cache
def schema() -> GraphQLSchema:
    """The supported part of GitHub's schema."""
    return build_schema(Path(__file__).with_name("github.graphql").read_text(encoding="utf-8"))


@lru_cache(maxsize=256)
def read(text: str) -> Document:
    """Parse and validate a document."""
    try:
        tree = parse(text, max_tokens=_TOKENS)
        return Document(tree, tuple(_error(error) for error in validate(schema(), tree, _RULES)))
    except GraphQLError as error:
        return Document(None, ({"message": f"Parse error: {error.message}", "locations": _locations(error)},))
    except RecursionError:
        return Document(None, ({"message": "Parse error: the query is nested too deeply"},))


def run(document: Document, root: Mapping[str, Any], variables: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """Run an operation of a valid document; `root` resolves its top-level fields."""
    assert document.tree is not None  # noqa: S101 - for the type checker: a document without errors has a tree
    result = execute_sync(
        schema(),
        document.tree,
        root,
        variable_values=dict(variables),
        operation_name=name,
        field_resolver=_resolve,
        type_resolver=lambda source, _info, _abstract: str(source["__typename"]),
    )
    answer: dict[str, Any] = {}
    if result.data is not None or (result.errors and any(error.path for error in result.errors)):
        answer["data"] = result.data
    if result.errors:
        answer["errors"] = [_error(error) for error in result.errors]
    return answer


def _resolve(source: Mapping[str, Any], info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    value = source[info.field_name]
    return value(**arguments) if callable(value) else value


def _error(error: GraphQLError) -> dict[str, Any]:
    """An error in GitHub's format. An exception that is a bug of this server is raised again."""
    cause = error.original_error
    if cause is not None and not isinstance(cause, Invalid | GraphQLError):
        raise cause
    shown: dict[str, Any] = {}
    if isinstance(cause, Invalid):
        shown["type"] = _TYPES.get(cause.status, "UNPROCESSABLE")
    if error.path:
        shown["path"] = list(error.path)
    if error.extensions:
        shown["extensions"] = dict(error.extensions)
    return {**shown, "locations": _locations(error), "message": error.message}


def _locations(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": location.line, "column": location.column} for location in error.locations or ()]
