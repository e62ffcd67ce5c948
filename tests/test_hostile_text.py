"""No text that a stranger writes hangs the bot: the work of a parser grows with the length of its text, not faster."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests import hostile_text
from tests.conftest import PROJECT


@pytest.mark.slow
def test_no_text_takes_longer_to_read_than_its_length_explains() -> None:
    left = list(hostile_text.texts())
    too_slow: list[str] = []
    while left:
        command = [sys.executable, "-m", "tests.hostile_text", left[0]]
        run = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
        finished = run.stdout.splitlines()
        assert finished == left[: len(finished)], run.stderr
        left = left[len(finished) :]
        if not left:
            break
        assert run.returncode < 0, f"{left[0]}: {run.stderr}"
        too_slow.append(left.pop(0))
    assert too_slow == []


#: A group, and a possessive repeat of it.
POSSESSIVE = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


def possessive(source: str) -> list[str]:
    """The texts of a module that repeat a group possessively; what is put into a text counts as a group."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr(values=parts):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "(?:x)" for part in parts)
            case ast.Constant(value=str() as text):
                pass
            case _:
                continue
        characters = re.sub(r"\[\^?\]?[^]]*\]", "x", re.sub(r"\\.", "x", text))
        found += [text] if POSSESSIVE.search(characters) else []
    return found


def test_no_expression_repeats_a_group_possessively() -> None:
    """Python before 3.11.5, as on Debian 12, goes on behind what a failed repeat has read: `(?:ab?c)++` takes `aca`."""
    sources = {file.name: file.read_text("utf-8") for file in (PROJECT / "gitops_bot").rglob("*.py")}
    assert {name: found for name, source in sources.items() if (found := possessive(source))} == {}


def test_the_rule_sees_a_group_however_it_is_written() -> None:
    assert possessive('x = r"(?:ab?c)++"')
    assert possessive('x = r"(?:ab?c)" r"{1,20}+"')
    assert possessive('x = rf"{y}{{0,12}}+"')
    assert not possessive(r'x = r"(v?+)([0-9]++)(?:a|b{1,9}+)?(c+)[()*+]\)++"')
