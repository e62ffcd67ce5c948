"""docs/logs.md names every event that the code logs, with its level, and no other."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from gitops_bot.server.cycles import LEVELS
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator


def logged(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name and level of every event: `log.event("name", level="...")`, `log.once` alike, `log.debug("name", ...)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr="event" | "once" | "debug" as kind),
                args=[ast.Constant(value=str(name)), *_],
            ):
                levels = [word.value for word in node.keywords if word.arg == "level"]
                assert all(isinstance(level, ast.Constant) for level in levels), f"{name} has no level of its own"
                said = [str(level.value) for level in levels if isinstance(level, ast.Constant)]
                yield name, "debug" if kind == "debug" else (said or ["info"])[0]


def test_every_event_stands_on_the_page_and_none_that_is_not_logged() -> None:
    # Those of a cycle of `run` are made where outcomes are read, by a table of their names.
    page = (PROJECT / "docs" / "logs.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z_.]+)` \| ([a-z]+) \|", page, re.MULTILINE))
    found = {
        event
        for path in sorted((PROJECT / "gitops_bot").rglob("*.py"))
        for event in logged(ast.parse(path.read_text("utf-8")))
    }
    assert len(found) > 5
    assert found | set(LEVELS.items()) == told
