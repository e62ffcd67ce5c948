from __future__ import annotations

import pytest

from tests.counterparts.published import GRAPHQL, OPENAPI, Published
from tests.edges.github import examples


@pytest.mark.parametrize("published", [OPENAPI, GRAPHQL], ids=lambda published: published.what)
def test_what_is_sent_and_answered_is_checked_against_what_github_publishes(published: Published) -> None:
    assert published.need().is_file()


def test_the_examples_that_are_kept_are_githubs() -> None:
    assert examples.published() == examples.kept()
