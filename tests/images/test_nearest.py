from __future__ import annotations

import pytest

from gitops_bot.images.reference import nearest


@pytest.mark.parametrize(
    ("word", "tags", "expected"),
    [
        pytest.param("lateest", ["1.0.0", "latest"], ["latest"], id="a letter too many"),
        pytest.param("atest", ["1.0.0", "latest"], ["latest"], id="a letter too few"),
        pytest.param("1.2.O", ["1.2.0", "1.1.0", "main"], ["1.2.0"], id="another letter"),
        pytest.param("v1.2.0", ["1.2.0", "1.3.0"], ["1.2.0", "1.3.0"], id="the nearest first"),
        pytest.param("main", ["1.2.0"], [], id="nothing is like it"),
        pytest.param("main", [], [], id="nothing is there"),
        pytest.param("lateest", [f"1.0.{n}" for n in range(3000)] + ["latest"], ["latest"], id="among thousands"),
    ],
)
def test_the_nearest_tags_are_those_that_are_spelt_almost_alike(
    word: str, tags: list[str], expected: list[str]
) -> None:
    assert nearest(word, tags) == expected
