from __future__ import annotations

import pytest

from tests.counterparts import graphql, openapi
from tests.counterparts.published import GRAPHQL, OPENAPI, Published
from tests.edges.github import examples
from tests.edges.github.scripted import playing


@pytest.mark.parametrize("published", [OPENAPI, GRAPHQL], ids=lambda published: published.what)
def test_what_is_sent_and_answered_is_checked_against_what_github_publishes(published: Published) -> None:
    assert published.need().is_file()


def test_what_github_publishes_is_read_before_anyone_waits_for_an_answer() -> None:
    OPENAPI.need(), GRAPHQL.need()
    before = [read._read.cache_info() for read in (openapi, graphql)]
    with playing({}):
        now = [read._read.cache_info() for read in (openapi, graphql)]
    assert [each.hits + each.misses for each in now] == [each.hits + each.misses + 1 for each in before]


def test_the_examples_that_are_kept_are_githubs() -> None:
    assert examples.published() == examples.kept()
