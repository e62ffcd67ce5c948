"""`docs/codes/` has a page for every `held.*` and `failed.*` code, and its samples are messages of the program."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from gitops_bot.images.reason import CODES
from tests.conftest import PROJECT
from tests.pages.markdown import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = PROJECT / "docs" / "codes"
CODES_WITH_A_PAGE = tuple(code for code in CODES if code.startswith(("held.", "failed.")))
#: Shorter texts of the program fit by accident.
_LEAST = 20


def page(code: str) -> str:
    return (FOLDER / f"{code}.md").read_text(encoding="utf-8")


def meaning(code: str) -> str:
    return page(code).split("\n\n")[1].replace("\n", " ")


def _patterns(tree: ast.AST) -> Iterator[re.Pattern[str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if len(text) >= _LEAST:
                yield re.compile(re.escape(text))
            case ast.JoinedStr(values=parts):
                literals = [part.value if isinstance(part, ast.Constant) else None for part in parts]
                if sum(len(str(text)) for text in literals if text is not None) >= _LEAST:
                    yield re.compile("".join(".*" if text is None else re.escape(str(text)) for text in literals))
            case _:
                pass


def test_every_code_that_is_held_or_failed_has_a_page_and_no_other() -> None:
    found = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert sorted(found) == sorted(CODES_WITH_A_PAGE)


def test_a_page_has_the_shape_of_the_others_and_the_index_says_what_it_says() -> None:
    for code in CODES_WITH_A_PAGE:
        headings = re.findall(r"^#+ .*$", page(code), re.MULTILINE)
        shape = [f"# `{code}`", "## When it happens", "## What it looks like", "## What to do"]
        assert headings in (shape, [heading for heading in shape if not heading.endswith("looks like")])
        assert len(page(code).splitlines()) <= 40
        assert f"| [`{code}`]({code}.md) | {meaning(code)} |" in page("README")


def test_the_index_has_every_other_code() -> None:
    others = re.findall(r"^\| `([a-z_.]+)` \|", page("README"), re.MULTILINE)
    assert others == [code for code in CODES if code not in CODES_WITH_A_PAGE]


def test_a_sample_is_a_message_of_the_program() -> None:
    paths = sorted((PROJECT / "gitops_bot").rglob("*.py"))
    messages = [pattern for path in paths for pattern in _patterns(ast.parse(path.read_text(encoding="utf-8")))]
    samples = [" ".join(sample.split()) for code in CODES_WITH_A_PAGE for sample in blocks(page(code), "text")]
    assert [sample for sample in samples if not any(pattern.search(sample) for pattern in messages)] == []
