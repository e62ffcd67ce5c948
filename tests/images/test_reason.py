from __future__ import annotations

import pytest

from gitops_bot.images.reason import counted

COUNTS = [
    (0, "change", "0 changes"),
    (1, "change", "1 change"),
    (2, "change", "2 changes"),
    (1, "entry", "1 entry"),
    (3, "entry", "3 entries"),
    (2, "registry", "2 registries"),
    (2, "day", "2 days"),
    (2, "branch", "2 branches"),
    (2, "address", "2 addresses"),
    (1, "open pull request", "1 open pull request"),
    (12345, "open pull request", "12,345 open pull requests"),
]


@pytest.mark.parametrize(("number", "noun", "text"), COUNTS, ids=[row[2] for row in COUNTS])
def test_what_is_counted_agrees_with_its_number(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
