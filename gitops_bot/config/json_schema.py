"""The JSON Schema of `gitops-bot.yaml`, from the models that read it, for editors to complete and check the file."""

from __future__ import annotations

import json
from typing import Any

from gitops_bot.config.form import ConfigForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = "urn:gitops-bot:config:1"

#: The keywords whose value maps names to schemas.
_BY_NAME = ("$defs", "patternProperties", "properties")


def schema() -> dict[str, Any]:
    """The schema, with a description and examples for every key."""
    generated = _tidy(ConfigForm.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "$id": IDENTITY, "title": "gitops-bot.yaml", **generated}


def schema_text() -> str:
    """The schema as it is published: `gitops-bot.schema.json`, and what `gitops-bot schema` prints."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """A generated schema, simplified to what a person would write.

    A key that is left out reads as None, but `null` may not be written; a title repeats the name of its key; and a
    mapping whose keys have a form takes no others.
    """
    if isinstance(node, list):
        return [_tidy(each) for each in node]
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
        return {name: _tidy(each) for name, each in value.items()}
    return value if key in ("default", "examples") else _tidy(value)
