"""The JSON Schema of `gitops-bot.yaml`, generated from its settings: for editors, and for examples in errors."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from gitops_bot.config.document import kind_of
from gitops_bot.config.form import ConfigForm
from gitops_bot.config.form_policy import KINDS, Policy, PolicyForm

if TYPE_CHECKING:
    from gitops_bot.config.document import Document, Path, Tree

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = "urn:gitops-bot:config:1"

#: The configuration, at the root of the repository.
FILE = "gitops-bot.yaml"
#: The keywords whose value maps names to schemas.
_BY_NAME = ("$defs", "patternProperties", "properties")
#: A text that needs no quotes and does not look as if it did.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")


@cache
def reader() -> TypeAdapter[ConfigForm]:
    """The reader of a file, built on first use."""
    return TypeAdapter(ConfigForm)


@cache
def policy_reader() -> TypeAdapter[PolicyForm]:
    """The reader of a single policy, built on first use."""
    return TypeAdapter(Policy)


@cache
def schema() -> Schema:
    """The schema, with a description and examples for every key."""
    generated = _tidy(reader().json_schema())
    return {"$schema": DIALECT, "$id": IDENTITY, "title": FILE, **generated}


def schema_text() -> str:
    """The schema as it is published: `gitops-bot.schema.json`, and what `gitops-bot schema` prints."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def keys(document: Document, path: Path) -> tuple[str, ...]:
    """The keys that the mapping at this path may have."""
    return tuple(_at(document, path).get("properties", ()))


def example(document: Document, path: Path) -> str:
    """The setting at this path as a line of YAML: a list where the file has one."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    examples = _setting(document, path).get("examples", [""])
    is_list = isinstance(document.at(path), list)
    value = next((value for value in examples if isinstance(value, list) == is_list), examples[0])
    return f"{path[-1]}: {flow(value)}"


def example_key(document: Document, path: Path) -> str:
    """An example of the key at this path, which users choose."""
    return f"{next(iter(_setting(document, path[:-1]).get('examples', [['name']])[0]))}:"


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value if _PLAIN.fullmatch(value) and kind_of(value) == "text" else json.dumps(value)
        case list():
            return f"[{', '.join(map(flow, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
        case _:
            return str(value)


def _setting(document: Document, path: Path) -> Schema:
    """The schema of the setting at this path, with its text and examples."""
    setting: Schema = _at(document, path[:-1]).get("properties", {}).get(path[-1], {})
    return setting


def _at(document: Document, path: Path) -> Schema:
    """The schema of the value at this path; of several alternatives, the one in the file."""
    node = schema()
    for end, part in enumerate(path, 1):
        if isinstance(part, int):
            node = node.get("items", {})
        elif part in node.get("properties", ()):
            node = node["properties"][part]
        else:
            node = next(iter(node.get("patternProperties", {}).values()), {})
        node = _branch(node, document.at(path[:end]))
    return node


def _branch(node: Schema, written: Tree | None) -> Schema:
    branches = [_resolved(branch) for branch in node.get("oneOf", [node])]
    if isinstance(written, list):
        return next((branch for branch in branches if branch.get("type") == "array"), branches[-1])
    if isinstance(written, dict) and len(branches) > 1:
        word = next((word for word in KINDS if word in written), None)
        return next((branch for branch in branches if word in branch.get("required", ())), branches[0])
    return branches[0]


def _resolved(node: Schema) -> Schema:
    resolved: Schema = schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return resolved


def _tidy(node: Any) -> Any:
    """A generated schema, simplified to what a person would write.

    A key that is left out reads as None, but `null` may not be written; a title repeats the name of its key; and a
    mapping whose keys have a form takes no others.
    """
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("anyOf", ())[1:] == [{"type": "null"}]:
        node = {**node["anyOf"][0], **{key: value for key, value in node.items() if key != "anyOf"}}
    kept = {key: value for key, value in node.items() if key != "title" and (key, value) != ("default", None)}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return {key: _tidied(key, value) for key, value in kept.items()}


def _tidied(key: str, value: Any) -> Any:
    if key in _BY_NAME:
        return {name: _tidy(named) for name, named in value.items()}
    return value if key in ("default", "examples") else _tidy(value)
