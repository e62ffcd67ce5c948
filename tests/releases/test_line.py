from __future__ import annotations

import pytest

from gitops_bot.releases.history.line import Step
from tests.releases.past import START, images, line
from tests.tables import rows


@rows("overlay expected", {
    "a file, one below, the kustomization": ("apps/web/prod", [4, 2, 1]),
    "no mere beginning of a name": ("apps/webshop/prod", [3]),
    "everything below": ("apps", [4, 3, 2, 1]),
    "the top": (".", [5, 4, 3, 2, 1]),
    "nothing": ("nowhere", []),
})  # fmt: skip
def test_commits_are_found_by_the_overlay_that_they_touch(overlay: str, expected: list[int]) -> None:
    found = line(
        {"apps/web/prod/kustomization.yaml": images(web="1")},
        {"apps/web/prod/patches/a.yaml": b"a"},
        {"apps/webshop/prod/kustomization.yaml": images(shop="1")},
        {"apps/web/prod/kustomization.yaml": images(web="2"), "apps/web/prod/x": b"x"},
        {"README.md": b"hello"},
    )
    assert [int(step.commit, 16) for step in found.touching(overlay)] == expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Ada Lovelace <ada@example.com>", "Ada Lovelace"),
        ("Ada\x1b[31m\nEve <x>", "Ada [31m Eve"),
        ("Ada\u202eEve <x>", "Ada Eve"),
        (" <x>", "nobody"),
        ("", "nobody"),
        ("a" * 500, "a" * 100),
    ],
)
def test_people_are_named_without_address_and_control_characters(author: str, expected: str) -> None:
    assert Step("c", (), START, author, "", (), {}).who == expected
