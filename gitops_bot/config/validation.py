"""Reads a document into forms, by the annotations of their fields; all that is wrong becomes problems with places."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from functools import cache
from itertools import islice
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from gitops_bot.config.document import MOST_PROBLEMS, Position, Scalar, kind_of, problem
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.leaves import (
    EXAMPLE,
    SECRETS,
    About,
    Either,
    Leaf,
    Listed,
    WrongError,
    choice,
    nearest,
    quote,
    truth,
)
from gitops_bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.config.document import Document, Path, Tree

#: A text that needs no quotes and does not look as if it did.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")
#: Longer words are not typos, and would take long to compare.
_MOST_COMPARED = 60
_MOST_KNOWN = 200
_MOST_NAMED = 20
#: How many problems are collected, before they are sorted and limited to those that are shown.
_MOST_REPORTED = 1000
#: What stands for the name of an environment variable, and is no secret itself.
_VARIABLE = re.compile(r"\$|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_POLICY = "a policy has `semver`, `pattern` with `order`, or `digest`"
_EXAMPLE = 'as in `{semver: ">=1.0 <2"}`'
#: How messages name the keys that the user chooses.
_CHOSEN = {
    "policies": "the name of a policy",
    "environments": "the name of an environment",
    "images": "a key of `images`",
    "registries": "a key of `registries`",
}
#: Stands for a value that is wrong; what is wrong with it is among the problems of the document.
_WRONG: Final = object()


class Setting(NamedTuple):
    """A field of a form: its type with all that is said of it, and its default, `MISSING` if it is required."""

    field: str
    hint: Any
    about: About | None
    default: object
    required: bool


@cache
def settings_of(form: type) -> Mapping[str, Setting]:
    """The settings of a form by their keys; a field with the name of a keyword ends in `_`."""
    hints, found = get_type_hints(form, include_extras=True), {}
    for field in fields(form):
        hint, required = hints[field.name], field.default is MISSING and field.default_factory is MISSING
        _, _, about = parts(hint)
        found[field.name.rstrip("_")] = Setting(field.name, hint, about, field.default, required)
    return found


def parts(hint: Any) -> tuple[Any, Leaf | Listed | Either | None, About | None]:
    """A type without None and annotations, how it is read, and what it is about. A truth or a word needs no saying."""
    how, about = None, None
    while True:
        if get_origin(hint) is Annotated:
            about = next((each for each in hint.__metadata__ if isinstance(each, About)), about)
            how = next((each for each in hint.__metadata__ if not isinstance(each, About)), how)
            hint = hint.__origin__
        elif NoneType in get_args(hint):
            (hint,) = (each for each in get_args(hint) if each is not NoneType)
        else:
            if how is None and (hint is bool or get_origin(hint) is Literal):
                how = truth() if hint is bool else choice(hint)
            return hint, how, about


def read(document: Document, hint: Any, path: Path = ()) -> Any:
    """The value at a path, by its type; None if anything is wrong with it."""
    form = _value(document, path, document.at(path), hint)
    return None if form is _WRONG else form


def check_kind(document: Document, form: type) -> None:
    """Refuse a file that is something else, such as a key: nothing of what it holds may be printed.

    Raises:
        ConfigError: it is not empty, and has none of the keys of the form.
    """
    tree, known = document.tree, settings_of(form)
    if isinstance(tree, Scalar) and tree.kind == "nothing":
        return
    if not isinstance(tree, dict) or not any(key in known or suggestion(document, key, known) for key in tree):
        message = "this is no configuration of gitops-bot: it has none of its keys"
        advice = "check that this is the right file; a configuration begins with `version: 1`"
        raise ConfigError(problem(document.file, Position(1, 1), message, advice))


def suggestion(document: Document, word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None if there are already too many problems, to stay fast."""
    if len(word) > _MOST_COMPARED or len(document.problems) > MOST_PROBLEMS:
        return None
    return nearest(word, islice(known, _MOST_KNOWN), 0.7)


def meant(document: Document, name: str, key: str, known: Iterable[str]) -> str | None:
    """The advice for a name that `key` does not have; None if it has no names."""
    known = list(islice(known, _MOST_KNOWN))
    if close := suggestion(document, name, known):
        return f"did you mean `{close}`?"
    return f"`{key}` has: {', '.join(f'`{other[:60]}`' for other in known[:_MOST_NAMED])}" if known else None


def _value(
    document: Document, path: Path, value: Tree | None, hint: Any, about: About | None = None, *, in_union: bool = False
) -> Any:
    if isinstance(value, Scalar) and value.kind == "broken":
        return _WRONG  # reported when it was parsed
    bare, how, own = parts(hint)
    about = own or about
    try:
        match how:
            case Leaf(read=read_leaf):
                return read_leaf(value)
            case Either(choose=choose):
                if (number := choose(value)) is None:
                    return _no_policy(document, path, value)
                return _value(document, path, value, get_args(bare)[number], about, in_union=True)
            case Listed() if get_origin(bare) is tuple:
                items = how.items(value)
                places = [(*path, at) if items is value else path for at in range(len(items))]
                pairs = zip(places, items, strict=True)
                read = [_value(document, place, item, get_args(bare)[0], about) for place, item in pairs]
                return _WRONG if _WRONG in read else tuple(dict.fromkeys(read) if how.once else read)
    except WrongError as error:
        return _refuse(document, path, error, about)
    if not isinstance(value, dict):
        return _no_mapping(document, path, value)
    if get_origin(bare) is dict:
        least = how.least if isinstance(how, Listed) else 0
        return _mapping(document, path, value, get_args(bare), about, least)
    return _form(document, path, value, bare, about, in_union=in_union)


def _mapping(
    document: Document, path: Path, value: dict[str, Tree], hints: tuple[Any, ...], about: About | None, least: int
) -> Any:
    """A mapping whose keys the user chooses."""
    if len(value) < least:
        advice = f"write it as in `{_example(document, path, about)}`"
        return _report(document, path, f"{_subject(path)} is empty", advice)
    key_hint, hint = hints
    leaf: Leaf = key_hint.__metadata__[0]
    read, wrong = {}, []
    for key, item in value.items():
        try:
            leaf.read(key)
        except WrongError as error:
            example = next(iter(about.shown[0])) if about is not None else "name"
            message = f"{_CHOSEN.get(str(path[-1]), 'a key')} {error.message}"
            advice = error.advice.replace(EXAMPLE, f"`{example}:`")
            wrong.append(_report(document, (*path, key), message, advice, at_key=True))
        read[key] = _value(document, (*path, key), item, hint)
    return _WRONG if wrong or _WRONG in read.values() else read


def _form(
    document: Document, path: Path, value: dict[str, Tree], form: Any, about: About | None, *, in_union: bool
) -> Any:
    settings, read = settings_of(form), {}
    for key, setting in settings.items():
        if key in value:
            read[setting.field] = _value(document, (*path, key), value[key], setting.hint)
        elif setting.required:
            read[setting.field] = _WRONG
            if not any(suggestion(document, word, (key,)) for word in value):  # else it is reported at that word
                place, advice = (*path, key), f"add it, as in `{_example(document, (*path, key), setting.about)}`"
                message = f"{_subject(path)} has no `{key}`"
                _report(document, place if in_union else path, message, advice, at_key=not in_union)
    unknown = [_unknown(document, (*path, key), tuple(settings)) for key in value if key not in settings]
    if unknown or _WRONG in read.values():
        return _WRONG
    try:
        return form(**read)
    except WrongError as error:
        return _refuse(document, path, error, about)


def _report(document: Document, path: Path, message: str, advice: str, *, at_key: bool = False) -> object:
    if len(document.problems) < _MOST_REPORTED:
        document.report(path, message, advice, at_key=at_key)
    return _WRONG


def _refuse(document: Document, path: Path, error: WrongError, about: About | None) -> object:
    advice = error.advice.replace(EXAMPLE, f"`{_example(document, path, about)}`")
    return _report(document, path, f"{_subject(path)} {error.message}", advice)


def _subject(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "the configuration"
    return f"an item of `{names[-1]}`" if isinstance(path[-1], int) else f"`{names[-1][:_MOST_COMPARED]}`"


def _unknown(document: Document, path: Path, known: tuple[str, ...]) -> object:
    *above, word = map(str, path)
    if word.lower() in SECRETS:
        advice = "give the forge's token to the bot in its environment"
        if above[:1] == ["registries"]:
            advice = (
                "put it into an environment variable and give the variable's name, as in `password_env: GHCR_TOKEN`"
            )
        value = document.at(path)
        if isinstance(value, Scalar) and value and value.kind in ("text", "number") and not _VARIABLE.match(value):
            advice = f"revoke it if this file was ever pushed: all who read the repository have it; then {advice}"
        return _report(document, path, f"`{word}`: secrets do not belong in this file", advice, at_key=True)
    close = suggestion(document, word, known)
    advice = f"did you mean `{close}`?" if close else f"known here: {', '.join(f'`{key}`' for key in known)}"
    return _report(document, path, f"unknown key {quote(word)}", advice, at_key=True)


def _no_policy(document: Document, path: Path, value: Tree | None) -> object:
    if not isinstance(value, dict) or not value:
        return _report(document, path, _POLICY, _EXAMPLE)
    for word in value:
        close = suggestion(document, word, (*KINDS, "prereleases"))
        advice = f"did you mean `{close}`?" if close else f"{_POLICY}, {_EXAMPLE}"
        _report(document, (*path, word), f"unknown key {quote(word)}", advice, at_key=True)
    return _WRONG


def _no_mapping(document: Document, path: Path, value: Tree | None) -> object:
    if isinstance(value, Scalar) and value.kind == "nothing":
        advice = "begin with `version: 1`" if not path else "indent its contents below it, or remove the line"
        return _report(document, path, f"{_subject(path)} is empty", advice)
    shape = f"the value {quote(value)}" if isinstance(value, Scalar) else "a list"
    message = f"{_subject(path)} must be a mapping of keys to values, not {shape}"
    return _report(document, path, message, "write it as `key: value`")


def _example(document: Document, path: Path, about: About | None) -> str:
    """The setting at this path as a line of YAML: a list where the file has one."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    examples = about.shown if about is not None else [""]
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
