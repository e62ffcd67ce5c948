from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import Problem
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history.releases import Release
from tests.releases.past import FILE, GROUND, START, Files, commit, images, line
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.history.line import Step


COMMITS: tuple[Files, ...] = (
    {FILE: images(web="1")},
    {"README.md": b"no release"},
    {"apps/web/overlays/staging/x": b"another environment's"},
    {"apps/gone/overlays/production/x": b"of an overlay that is no more"},
    {FILE: images(web="2"), "apps/web/base/x": b"x"},
)


def numbered(known: tuple[Release, ...]) -> list[tuple[int, int | None]]:
    return [(int(release.commit, 16), release.number) for release in known]


@rows("complete tags expected", {
    "counted from the oldest": (True, {}, [(5, 3), (4, 2), (1, 1)]),
    "not counted in a history that was cut": (False, {}, [(5, None), (4, None)]),
    "by tags": (
        False, {"release/production/8": commit(5), "release/production/7": commit(4), "v1": commit(4)},
        [(5, 8), (4, 7)],
    ),
    "where tags are kept, by them": (True, {"release/production/7": commit(4)}, [(5, None), (4, 7), (1, None)]),
    "two tags, the first one": (
        False, {"release/production/8": commit(4), "release/production/7": commit(4)}, [(5, None), (4, 7)],
    ),
})  # fmt: skip
def test_releases_are_the_commits_that_changed_a_file_of_the_overlays(
    complete: bool, tags: dict[str, str], expected: list[tuple[int, int | None]]
) -> None:
    assert numbered(history.all_releases(line(*COMMITS, complete=complete), GROUND, tags)["production"]) == expected


def test_a_release_knows_its_own_paths_and_its_moment() -> None:
    newest = history.all_releases(line(*COMMITS), GROUND)["production"][0]
    assert newest.paths == (FILE,)
    assert (newest.at - START).total_seconds() == 5 * 3600
    assert str(newest) == "release 3 (0000000000)"


@pytest.fixture
def known() -> tuple[Release, ...]:
    letters: dict[str, str] = {commit(1): "abcdef1" + "0" * 33, commit(4): "abcdef2" + "0" * 33}
    found = history.all_releases(line(*COMMITS), GROUND)["production"]
    return tuple(
        Release(one.environment, one.number, _renamed(one, letters.get(one.commit, one.commit)), one.paths)
        for one in found
    )


def _renamed(release: Release, name: str) -> Step:
    step = release.step
    return replace(step, commit=name)


@rows("name number", {
    "a number": ("3", 3),
    "the beginning of a commit": ("abcdef1", 1),
    "in capitals": ("ABCDEF20", 2),
    "seven digits are a commit too": ("0000000000000", 3),
    "a tag": ("v1.2.3", 2),
    "six hex digits with a letter are a tag": ("abcdef", 1),
})  # fmt: skip
def test_a_release_is_found(name: str, number: int, known: tuple[Release, ...]) -> None:
    tags = {"v1.2.3": "abcdef2" + "0" * 33, "abcdef": "abcdef1" + "0" * 33, "3": "abcdef1" + "0" * 33}
    found = history.find(known, name, tags, "")
    assert isinstance(found, Release)
    assert found.number == number


@rows("name message", {
    "a number": ("4", "4 is not a release of production"),
    "a tag": ("v9", "there is no tag 'v9'"),
    "a tag of another commit": ("elsewhere", "elsewhere is not a release of production"),
    "digits of other scripts are none": ("٣", "there is no tag"),
})  # fmt: skip
def test_what_is_no_release_is_told_with_those_that_are(name: str, message: str, known: tuple[Release, ...]) -> None:
    found = history.find(known, name, {"elsewhere": "f" * 40}, "")
    assert isinstance(found, Problem)
    assert message in found.message
    assert found.next == "The newest are 3 (0000000000), 2 (abcdef2000), 1 (abcdef1000)."


def test_a_beginning_that_two_commits_share_is_refused() -> None:
    found = history.find(history.all_releases(line(*COMMITS), GROUND)["production"], "0000000", {}, "")
    assert isinstance(found, Problem)
    assert found.message == "0000000 matches 3 commits"


def test_where_older_releases_are_missing_the_way_to_know_them_is_said() -> None:
    known = history.all_releases(line(*COMMITS, complete=False), GROUND)["production"]
    for more in ("fetch the full history", "nothing before commit abc can be read"):
        by_number = history.find(known, "2", {}, more)
        assert isinstance(by_number, Problem)
        assert "is incomplete" in by_number.message
        assert by_number.next == f"Give the commit; {more}."
        by_commit = history.find(known, "f" * 7, {}, more)
        assert isinstance(by_commit, Problem)
        assert by_commit.next.startswith("The newest are 0000000000")
        assert by_commit.next.endswith(f"; {more}.")


def test_of_a_complete_history_in_which_tags_number_no_release_nobody_says_that_it_is_not() -> None:
    known = history.all_releases(line(*COMMITS), GROUND, {"release/production/7": "f" * 40})["production"]
    found = history.find(known, "2", {}, "")
    assert isinstance(found, Problem)
    assert "2 is not a release of production" in found.message


def test_where_tags_give_the_numbers_another_number_is_no_release() -> None:
    known = history.all_releases(line(*COMMITS), GROUND, {"release/production/7": commit(4)})["production"]
    found = history.find(known, "2", {}, "")
    assert isinstance(found, Problem)
    assert "2 is not a release of production" in found.message


@pytest.mark.parametrize("name", ["3", "abcdef1", "v1"])
def test_without_any_release_that_is_what_people_are_told(name: str) -> None:
    for more, end in (("", "overlays."), ("fetch more", "overlays; fetch more.")):
        found = history.find((), name, {"v1": commit(1)}, more)
        assert isinstance(found, Problem)
        assert found.next.startswith("No commit is known")
        assert found.next.endswith(end)
