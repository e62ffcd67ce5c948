"""The JSON Schema of `gitops-bot.yaml`, from its forms: for editors, and for the reference."""

from __future__ import annotations

import json
from dataclasses import MISSING
from functools import cache
from typing import Any, get_args, get_origin

from gitops_bot.config import FILE
from gitops_bot.config.form import ConfigForm
from gitops_bot.config.leaves import Either, Leaf, Listed
from gitops_bot.config.validation import parts, settings_of

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = "urn:gitops-bot:config:1"


@cache
def schema() -> Schema:
    """The schema, with a description and examples for every key."""
    forms: dict[str, Schema] = {}
    whole = _form(ConfigForm, forms)
    return {"$schema": DIALECT, "$id": IDENTITY, "title": FILE, "$defs": dict(sorted(forms.items())), **whole}


def schema_text() -> str:
    """The schema as it is published: `gitops-bot.schema.json`, and what `gitops-bot schema` prints."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _form(form: Any, forms: dict[str, Schema]) -> Schema:
    """The schema of a form; those that it refers to are added to `forms`.

    Its `MORE` is what `checks` has: the settings cannot say it, since each may be right by itself.
    """
    settings = settings_of(form)
    required = [key for key, setting in settings.items() if setting.required]
    node = {
        "type": "object",
        "description": form.__doc__,
        "properties": {key: _node(setting.hint, forms, setting.default) for key, setting in settings.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
        **getattr(form, "MORE", {}),
    }
    return dict(sorted(node.items()))


def _node(hint: Any, forms: dict[str, Schema], default: object = MISSING) -> Schema:
    """The schema of a type. A key that is left out reads as None, but `null` may not be written."""
    bare, how, about = parts(hint)
    node: Schema
    match how:
        case Leaf(schema=of_leaf):
            node = dict(of_leaf())
        case Either():
            node = {"oneOf": [_node(each, forms) for each in get_args(bare)]}
        case Listed() if get_origin(bare) is tuple:
            bounds = {"minItems": how.least or None, "maxItems": how.most, "uniqueItems": how.distinct or None}
            one = _node(get_args(bare)[0], forms)
            node = {"type": "array", "items": one, **{key: bound for key, bound in bounds.items() if bound is not None}}
            node = {"oneOf": [one, node]} if how.or_one else node
        case _ if get_origin(bare) is dict:
            key, item = get_args(bare)
            pattern = _node(key, forms)["pattern"]
            node = {"type": "object", "patternProperties": {pattern: _node(item, forms)}, "additionalProperties": False}
            node |= {"minProperties": how.least} if isinstance(how, Listed) else {}
        case _:
            if bare.__name__ not in forms:
                forms[bare.__name__] = {}
                forms[bare.__name__] = _form(bare, forms)
            node = {"$ref": f"#/$defs/{bare.__name__}"}
    if about is not None:
        node |= {"description": about.description, "examples": about.shown, **about.more}
    if default is not MISSING and default is not None:
        node["default"] = list(default) if isinstance(default, tuple) else default
    return dict(sorted(node.items()))
