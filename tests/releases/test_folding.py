from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.releases.layout.folding import fold, fold_except, fold_files
from gitops_bot.releases.layout.glob import Glob
from tests.tables import rows


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


@rows("paths others taken globs excluded", {
    "three of a shape and one other": (["k/a", "k/b", "k/c"], ["k/t"], [], ["k/*"], ["k/t"]),
    "too many others": (["k/a", "k/b", "k/c"], ["k/t", "k/u"], [], ["k/a", "k/b", "k/c"], []),
    "two": (["k/a", "k/b"], ["k/t"], [], ["k/a", "k/b"], []),
    "one that another environment has": (["k/a", "k/b", "k/c"], ["k/t"], ["k/t"], ["k/a", "k/b", "k/c"], []),
    "nothing but others to exclude": (["k/a", "k/b", "k/c"], [], [], ["k/*"], []),
    "beside a path of another shape": (["k/a", "k/b", "k/c", "m/x/y"], ["k/t"], [], ["k/*", "m/x/y"], ["k/t"]),
    "at the top": (["a", "b", "c"], [], [], ["a", "b", "c"], []),
})  # fmt: skip
def test_three_paths_become_one_glob_although_it_fits_a_few_others(
    paths: list[str], others: list[str], taken: list[str], globs: list[str], excluded: list[str]
) -> None:
    assert fold_except(paths, [*paths, *others], taken) == (tuple(globs), tuple(excluded))


def test_values_at_the_top_become_one_glob_by_the_name_of_the_file() -> None:
    files = ["a/values.yaml", "b/values.yaml", "c/values.yaml", "values.yaml"]
    assert fold_files(files, files) == (("*/values.yaml", "values.yaml"), ())


@given(PATHS, PATHS, PATHS)
def test_the_globs_without_the_excluded_paths_match_these_and_no_other_that_exists(
    own: set[str], others: set[str], taken: set[str]
) -> None:
    globs, excluded = fold_except(own, own | others, taken - own)
    matched = {
        path for path in own | others for text in globs if Glob.parse(text, excluded).match(f"{path}/") is not None
    }
    assert matched == own
    assert not set(excluded) & own
