"""A number and its noun agree in all that people read: every count is written by `counted`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gitops_bot

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(gitops_bot.__file__).parent
#: What the bot counts, where a number stands before it.
NOUNS = (
    "branches|changes|commits|days|directories|entries|environments|errors|files|hours|images|items|kustomizations|"
    "layers|overlays|platforms|problems|proposals|pulls|registries|releases|requests|reviews|services|tags|warnings"
)
_ENDINGS = ("s", "es", "ies")
_COUNTED = re.compile(rf" (?:[a-z]+ )?(?:{NOUNS})\b")
#: A number that is written in the source is never one.
_CONSTANT = re.compile(r"_?[A-Z][A-Z_]+(?:\.\w+)?")
#: What is said of several only, because of the condition around it.
SEVERAL = {
    "commands/migrate.py": "{len(places)} directories",
    "config/leaves.py": "{len(value)} items",
    "edges/registry/times/reader.py": "{len(wanted)} tags",
    "engine/candidates/poll.py": "{len(left_out)} tags",
    "proposals/content.py": "{len(",
    "proposals/text/details.py": "{len(row)} overlays",
    "releases/history/releases.py": "{len(matching)} commits",
    "report/status.py": "{len(alike)} overlays",
    "targets/compose/__init__.py": "{names[key.value]} services",
    "targets/env/__init__.py": "{len(image.others) + 1} images",
    "targets/kustomization/__init__.py": "{len(lines)} entries",
}


def counts(source: str) -> Iterator[tuple[int, str]]:
    """The f-strings that put a value before a plural, and the choices of an ending by hand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for value, text in zip(node.values, node.values[1:], strict=False):
                if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                    continue
                expression = ast.unparse(value.value)
                exempt = _CONSTANT.fullmatch(expression) or expression.startswith("counted(")
                if _COUNTED.match(text.value) and not exempt:
                    yield node.lineno, f"{{{expression}}}{text.value}"
        elif isinstance(node, ast.IfExp) and ast.unparse(node.test).endswith((" == 1", " != 1")):
            endings = [end.value for end in (node.body, node.orelse) if isinstance(end, ast.Constant)]
            if any(ending in _ENDINGS for ending in endings):
                yield node.lineno, ast.unparse(node)


def test_every_number_before_a_noun_is_counted() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}: use `counted` of images/reason.py"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in counts(path.read_text(encoding="utf-8"))
        if not text.startswith(SEVERAL.get(str(path.relative_to(PACKAGE)), "\n"))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("f'{len(files)} files'", True),
        ("f'{count} open proposals'", True),
        ("f'{count} commit' + ('' if count == 1 else 's')", True),
        ("counted(len(files), 'file')", False),
        ("f'at most {MOST} files'", False),
        ("f'{number} tracked'", False),
    ],
)
def test_a_count_by_hand_is_found(source: str, found: bool) -> None:
    assert bool(list(counts(source))) is found
