from __future__ import annotations

import pytest

from gitops_bot.images.reason import counted


@pytest.mark.parametrize(
    "text",
    [
        "0 changes", "1 change", "1 entry", "3 entries", "2 days", "2 branches", "2 addresses",
        "12,345 open pull requests",
    ],
)  # fmt: skip
def test_what_is_counted_agrees_with_its_number(text: str) -> None:
    number, _, noun = text.partition(" ")
    singular = {"entries": "entry", "branches": "branch", "addresses": "address"}.get(noun, noun.removesuffix("s"))
    assert counted(int(number.replace(",", "")), singular) == text
