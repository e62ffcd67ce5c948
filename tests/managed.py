"""Entries and changes of them for tests, with all of their parts as one list of arguments."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from gitops_bot.images.kinds import Rules
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Change, Managed
from gitops_bot.targets.pin_file import FileEntry

if TYPE_CHECKING:
    from gitops_bot.errors import Problem
    from gitops_bot.images.reason import Reason
    from gitops_bot.releases.decisions import Direction, Source

NO_PIN, NO_RULES = Pin(), Rules(None)

Value = TypeVar("Value")


def managed(
    environment: str | None,
    overlay: str,
    file: str,
    line: int,
    name: str,
    image: str | None = None,
    *,
    pin: Pin = NO_PIN,
    refusal: Problem | None = None,
    rules: Rules = NO_RULES,
    choices: tuple[str, ...] = (),
) -> Managed:
    """An entry of an image, which is not called like it where both are given."""
    entry = FileEntry(name, None, pin, line, 1, refusal, image, choices=choices)
    return Managed(entry, file, overlay, environment, rules)


def change_of(
    entry: Managed,
    after: Pin,
    source: Source,
    direction: Direction,
    reason: Reason,
    new_name: str | None = None,
    **flags: Any,
) -> Change:
    """A change of an entry."""
    return Change(entry, after, source, direction, reason, new_name, **flags)


def alter(value: Value, **changes: object) -> Value:
    """`replace`, which also knows the parts of the entry in an entry, and of the pin change in a change."""
    match value:
        case Managed():
            part, inner = "entry", value.entry
            changes |= {"repository": changes.pop("image")} if "image" in changes else {}
        case _:
            return replace(value, **changes)
    altered = replace(
        inner, **{field.name: changes.pop(field.name) for field in fields(inner) if field.name in changes}
    )
    return replace(value, **{part: altered}, **changes)
