from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.releases.layout.folding import fold
from gitops_bot.releases.layout.glob import Glob


@pytest.mark.parametrize(
    ("directories", "others", "globs"),
    [
        ([], ["apps/web/base"], []),
        (["apps/web/staging"], ["apps/web/base"], ["apps/web/staging"]),
        (["apps/web/staging", "apps/api/staging"], ["apps/web/prod"], ["apps/*/staging"]),
        (["a/staging", "b/staging"], ["c/staging"], ["a/staging", "b/staging"]),
        (["clusters/eu/web", "clusters/us/api", "clusters/us/web"], ["base/web"], ["clusters/*/*"]),
        (["x/a/prod", "x/b/prod", "y/c/live"], [], ["x/*/prod", "y/c/live"]),
        (["overlays/prod-eu", "overlays/prod-us"], ["overlays/dev"], ["overlays/prod-eu", "overlays/prod-us"]),
        ([".hidden/prod", "shown/prod"], [], [".hidden/prod", "shown/prod"]),
    ],
)
def test_directories_fold_to_globs_that_say_exactly_them(
    directories: list[str], others: list[str], globs: list[str]
) -> None:
    assert sorted(fold(directories, [*directories, *others])) == sorted(globs)


PATHS = st.sets(st.lists(st.sampled_from(["a", "b", ".c", "d*"[:1], "prod"]), min_size=1, max_size=4).map("/".join))


@given(PATHS, PATHS)
def test_the_globs_match_these_directories_and_no_other_that_exists(own: set[str], others: set[str]) -> None:
    globs = [Glob.parse(text) for text in fold(own, own | others)]
    matched = {path for path in own | others if any(glob.match(f"{path}/") is not None for glob in globs)}
    assert matched == own
