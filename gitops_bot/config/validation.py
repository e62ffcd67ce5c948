"""The settings as a whole: what reads a file, its errors as problems with their places, and the JSON Schema of it all.

The schema is generated from the settings: for editors, and for the keys and examples that a problem names.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from gitops_bot.config import form_policy
from gitops_bot.config.commits import COMMITS_KEY, COMMITS_WORD
from gitops_bot.config.document import MOST_PROBLEMS, Position, Scalar, kind_of, problem
from gitops_bot.config.form import ConfigForm
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.form_target import INFO_FILE, INFO_FORM, INFO_LIST
from gitops_bot.config.leaves import EXAMPLE, INVALID, nearest, quote
from gitops_bot.config.propose import GROUP_LIST, GROUP_WORD
from gitops_bot.config.require import CHECK_FORM, CHECK_NAME
from gitops_bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

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
#: Longer words are not typos, and would take long to compare.
_MOST_COMPARED = 60
_MOST_KNOWN = 200
_MOST_NAMED = 20
#: How many errors are translated, before they are sorted and limited to those that are shown.
_MOST_REPORTED = 1000
_SECRETS = ("auth", "passphrase", "password", "secret", "token")
#: pydantic's names for the branches of a union; they are not part of the path in the file.
_BRANCHES = (
    *(form_policy.NAMED, *form_policy.KINDS.values()),
    *(CHECK_FORM, CHECK_NAME, COMMITS_KEY, COMMITS_WORD, GROUP_WORD, GROUP_LIST, INFO_FILE, INFO_FORM, INFO_LIST),
)
_POLICY = "a policy has `semver`, `pattern` with `order`, or `digest`"
_EXAMPLE = 'as in `{semver: ">=1.0 <2"}`'
#: How messages name the keys that the user chooses.
_CHOSEN = {
    "policies": "the name of a policy",
    "environments": "the name of an environment",
    "images": "a key of `images`",
    "registries": "a key of `registries`",
}


@cache
def reader() -> TypeAdapter[ConfigForm]:
    """The reader of a file, built on first use."""
    return TypeAdapter(ConfigForm)


@cache
def schema() -> Schema:
    """The schema, with a description and examples for every key."""
    generated = _tidy(reader().json_schema())
    return {"$schema": DIALECT, "$id": IDENTITY, "title": FILE, **generated}


def schema_text() -> str:
    """The schema as it is published: `gitops-bot.schema.json`, and what `gitops-bot schema` prints."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def check_kind(document: Document) -> None:
    """Refuse a file that is something else, such as a key: nothing of what it holds may be printed.

    Raises:
        ConfigError: it is not empty, and has none of the keys of a configuration.
    """
    tree, known = document.tree, [setting.name for setting in fields(ConfigForm)]
    if isinstance(tree, Scalar) and tree.kind == "nothing":
        return
    if not isinstance(tree, dict) or not any(key in known or suggestion(document, key, known) for key in tree):
        message = "this is no configuration of gitops-bot: it has none of its keys"
        advice = "check that this is the right file; a configuration begins with `version: 1`"
        raise ConfigError(problem(document.file, Position(1, 1), message, advice))


def report(document: Document, error: ValidationError, at: Path) -> None:
    """Add a problem for each error in the value at a path."""
    for failure in error.errors(include_url=False, include_input=False)[:_MOST_REPORTED]:
        path, kind, is_key = _path(document, (*at, *failure["loc"]))
        value = document.at(path)
        if isinstance(value, Scalar) and value.kind == "broken":
            continue  # reported when it was parsed
        if failure["type"] == INVALID:
            message, advice = failure["ctx"]["message"], failure["ctx"]["next"]
            if EXAMPLE in advice:
                # An example of the setting, or of a key that users choose.
                keys = _setting(document, path[:-1]).get("examples", [["name"]])[0] if is_key else ()
                example = f"{next(iter(keys))}:" if is_key else _example(document, path)
                advice = advice.replace(EXAMPLE, f"`{example}`")
            document.report(path, f"{_subject(path, is_key=is_key)} {message}", advice, at_key=is_key)
        else:
            _report(document, failure["type"], path, kind)


def suggestion(document: Document, word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None if there are already too many problems, to stay fast."""
    if len(word) > _MOST_COMPARED or len(document.problems) > MOST_PROBLEMS:
        return None
    return nearest(word, islice(known, _MOST_KNOWN), 0.7)


def meant(document: Document, name: str, key: str, known: Iterable[str]) -> str | None:
    """The advice for a name that `key` does not have; None if it has no names."""
    known = list(islice(known, _MOST_KNOWN))
    close = suggestion(document, name, known)
    if close:
        return f"did you mean `{close}`?"
    return f"`{key}` has: {', '.join(f'`{other[:60]}`' for other in known[:_MOST_NAMED])}" if known else None


def _report(document: Document, error_type: str, path: Path, kind: str | None) -> None:
    match error_type:
        case "missing" if not _misspelt(document, path):
            message = f"{_subject(path[:-1])} has no `{path[-1]}`"
            advice = f"add it, as in `{_example(document, path)}`"
            document.report(path if kind else path[:-1], message, advice, at_key=not kind)
        case "missing":
            pass  # what was meant by the misspelt key is reported at that key
        case "extra_forbidden" | "unexpected_keyword_argument":
            _unknown(document, path)
        case "union_tag_not_found" | "union_tag_invalid":
            _no_policy(document, path)
        case "too_short":
            document.report(path, f"{_subject(path)} is empty", f"write it as in `{_example(document, path)}`")
        case _:
            _no_mapping(document, path)


def _misspelt(document: Document, path: Path) -> bool:
    mapping = document.at(path[:-1])
    return isinstance(mapping, dict) and any(suggestion(document, word, (str(path[-1]),)) for word in mapping)


def _path(document: Document, location: tuple[str | int, ...]) -> tuple[Path, str | None, bool]:
    """The path in the file, the branch of the union, and whether the error is about the key rather than its value."""
    path: Path = ()
    kind: str | None = None
    is_key = False
    for count, part in enumerate(location):
        last = count == len(location) - 1
        if document.at((*path, part)) is not None:
            path, kind = (*path, part), None
        elif part == "[key]" and last:
            is_key = True
        elif isinstance(part, int) and not isinstance(document.at(path), list):
            pass  # a single value that stands for a list
        elif part in _BRANCHES:
            kind = str(part)
        else:
            path = (*path, part)
    return path, kind, is_key


def _subject(path: Path, *, is_key: bool = False) -> str:
    if is_key:
        return _CHOSEN.get(str(path[-2]), "a key")
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "the configuration"
    return f"an item of `{names[-1]}`" if isinstance(path[-1], int) else f"`{names[-1][:_MOST_COMPARED]}`"


def _unknown(document: Document, path: Path) -> None:
    *above, word = map(str, path)
    if above[:1] == ["registries"] and word.lower() in _SECRETS:
        advice = "put it into an environment variable and give the variable's name, as in `password_env: GHCR_TOKEN`"
        document.report(path, f"`{word}`: secrets do not belong in this file", advice, at_key=True)
        return
    known = tuple(_at(document, path[:-1]).get("properties", ()))
    close = suggestion(document, word, known)
    advice = f"known here: {', '.join(f'`{key}`' for key in known)}" if known else "remove it"
    if close:
        advice = f"did you mean `{close}`?"
    document.report(path, f"unknown key {quote(word)}", advice, at_key=True)


def _no_policy(document: Document, path: Path) -> None:
    value = document.at(path)
    if not isinstance(value, dict) or not value:
        document.report(path, _POLICY, _EXAMPLE)
        return
    for word in value:
        close = suggestion(document, word, (*form_policy.KINDS, "prereleases"))
        advice = f"did you mean `{close}`?" if close else f"{_POLICY}, {_EXAMPLE}"
        document.report((*path, word), f"unknown key {quote(word)}", advice, at_key=True)


def _no_mapping(document: Document, path: Path) -> None:
    value = document.at(path)
    if isinstance(value, Scalar) and value.kind == "nothing":
        advice = "begin with `version: 1`" if not path else "indent its contents below it, or remove the line"
        document.report(path, f"{_subject(path)} is empty", advice)
        return
    shape = (
        "a list" if isinstance(value, list) else f"the value {quote(value)}" if isinstance(value, Scalar) else "this"
    )
    message = f"{_subject(path)} must be a mapping of keys to values, not {shape}"
    document.report(path, message, "write it as `key: value`")


def _example(document: Document, path: Path) -> str:
    """The setting at this path as a line of YAML: a list where the file has one."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    examples = _setting(document, path).get("examples", [""])
    is_list = isinstance(document.at(path), list)
    value = next((value for value in examples if isinstance(value, list) == is_list), examples[0])
    return f"{path[-1]}: {flow(value)}"


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
    branches = [_resolve(branch) for branch in node.get("oneOf", [node])]
    if isinstance(written, list):
        return next((branch for branch in branches if branch.get("type") == "array"), branches[-1])
    if isinstance(written, dict) and len(branches) > 1:
        word = next((word for word in KINDS if word in written), None)
        return next((branch for branch in branches if word in branch.get("required", ())), branches[0])
    return branches[0]


def _resolve(node: Schema) -> Schema:
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
    for key, value in kept.items():
        if key in _BY_NAME:
            kept[key] = {name: _tidy(named) for name, named in value.items()}
        elif key not in ("default", "examples"):
            kept[key] = _tidy(value)
    return kept
