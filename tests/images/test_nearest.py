from __future__ import annotations

from gitops_bot.images.reference import nearest
from tests.tables import rows


@rows("word tags expected", {
    "a letter too many": ("lateest", ["1.0.0", "latest"], ["latest"]),
    "a letter too few": ("atest", ["1.0.0", "latest"], ["latest"]),
    "another letter": ("1.2.O", ["1.2.0", "1.1.0", "main"], ["1.2.0"]),
    "the nearest first": ("v1.2.0", ["1.2.0", "1.3.0"], ["1.2.0", "1.3.0"]),
    "nothing is like it": ("main", ["1.2.0"], []),
    "nothing is there": ("main", [], []),
    "among thousands": ("lateest", [f"1.0.{n}" for n in range(3000)] + ["latest"], ["latest"]),
})  # fmt: skip
def test_the_nearest_tags_are_those_that_are_spelt_almost_alike(
    word: str, tags: list[str], expected: list[str]
) -> None:
    assert nearest(word, tags) == expected
