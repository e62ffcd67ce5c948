"""GraphQL documents: parsed and validated against the schema once, counted, and carried out with GitHub's errors."""

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

#: Words and signs of one document: its reader must not be fed without end.
_TOKENS = 50_000
_TYPES = {404: "NOT_FOUND", 403: "FORBIDDEN"}


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read, and GitHub's errors where it cannot be carried out."""

    tree: DocumentNode | None
    errors: tuple[dict[str, Any], ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of this name, or the only one."""
        definitions = self.tree.definitions if self.tree else ()
        found = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
        fitting = [each for each in found if name is None or (each.name is not None and each.name.value == name)]
        return fitting[0] if len(fitting) == 1 else None

    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        """Its fragments by name."""
        definitions = self.tree.definitions if self.tree else ()
        return {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}


class _KnownFields(ValidationRule):
    """A field that the schema does not have, in GitHub's words."""

    def enter_field(self, node: FieldNode, _key: Any, _parent: Any, _path: Any, ancestors: list[Any]) -> None:
        parent = self.context.get_parent_type()
        if parent is None or self.context.get_field_def() is not None:
            return
        name = node.name.value
        self.report_error(
            GraphQLError(
                f"Field '{name}' doesn't exist on type '{parent.name}'",
                node,
                path=[word for each in (*ancestors, node) if (word := _word(each))],
                extensions={"code": "undefinedField", "typeName": parent.name, "fieldName": name},
            )
        )


def _word(node: Any) -> str:
    """What a part of a document is called in the path of an error."""
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
    """The part of GitHub's schema that is answered here."""
    return build_schema(Path(__file__).with_name("github.graphql").read_text(encoding="utf-8"))


@lru_cache(maxsize=256)
def read(text: str) -> Document:
    """Parse and validate a document; the same one is read once."""
    try:
        tree = parse(text, max_tokens=_TOKENS)
        return Document(tree, tuple(_told(error) for error in validate(schema(), tree, _RULES)))
    except GraphQLError as error:
        return Document(None, ({"message": f"Parse error: {error.message}", "locations": _places(error)},))
    except RecursionError:
        return Document(None, ({"message": "Parse error: the query is nested too deeply"},))


def carry_out(
    document: Document, root: Mapping[str, Any], variables: Mapping[str, Any], name: str | None
) -> dict[str, Any]:
    """Carry out an operation of a valid document; `root` answers its first fields."""
    assert document.tree is not None  # noqa: S101 - says to the type checker what `errors` says to the caller
    done = execute_sync(
        schema(),
        document.tree,
        root,
        variable_values=dict(variables),
        operation_name=name,
        field_resolver=_resolve,
        type_resolver=_kind,
    )
    answer: dict[str, Any] = {}
    if done.data is not None or (done.errors and any(error.path for error in done.errors)):
        answer["data"] = done.data
    if done.errors:
        answer["errors"] = [_told(error) for error in done.errors]
    return answer


def _resolve(source: Mapping[str, Any], info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """What a view says to a field: a value, or a function of the arguments."""
    said = source[info.field_name]
    return said(**arguments) if callable(said) else said


def _kind(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any], _abstract: object) -> str:
    return str(source["__typename"])


def _told(error: GraphQLError) -> dict[str, Any]:
    """An error as GitHub tells it; what is a fault of ours goes on."""
    cause = error.original_error
    if cause is not None and not isinstance(cause, Invalid | GraphQLError):
        raise cause
    told: dict[str, Any] = {}
    if isinstance(cause, Invalid):
        told["type"] = _TYPES.get(cause.status, "UNPROCESSABLE")
    if error.path:
        told["path"] = list(error.path)
    if error.extensions:
        told["extensions"] = dict(error.extensions)
    return {**told, "locations": _places(error), "message": error.message}


def _places(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": place.line, "column": place.column} for place in error.locations or ()]
