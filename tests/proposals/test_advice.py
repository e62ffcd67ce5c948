from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.proposals.text import body
from gitops_bot.proposals.text.markdown import cost
from tests.proposals.sample import API, A, B, C, change

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Change


def said(*changes: Change, environment: str = "staging", room: int = 50_000) -> list[str]:
    """The commands that are shown."""
    lines = body.restoring_commands(environment, changes, room)
    return [line for line in lines if line.startswith(("gitops-bot", "# "))]


def test_the_ways_of_people_are_said() -> None:
    assert "Merge to release. Close to decline exactly these pins" in body.PEOPLE
    assert "Add the label `hold`" in body.PEOPLE
    assert "Add the label `hand-back` to return a branch that was taken over" in body.PEOPLE
    assert "`gitops-bot rollback` with the name of this environment, or revert" in body.ROLL_BACK


def test_the_commands_are_folded_away() -> None:
    assert body.restoring_commands("staging", [change(before=Pin("v1", A))], 5_000) == [
        "",
        "<details><summary>Or restore the previous pins</summary>",
        "",
        "Each command applies to every overlay of the environment that has the image.",
        "",
        "```sh",
        f"gitops-bot set staging web=v1@{A} --allow-downgrade",
        "```",
        "",
        "</details>",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(change(before=Pin("v1")), "web=v1", id="a tag"),
        pytest.param(change(before=Pin("v1", A)), f"web=v1@{A}", id="a tag and a digest"),
        pytest.param(change(before=Pin(None, A), after=Pin(None, B)), f"web=@{A}", id="a digest"),
        pytest.param(
            change(before=Pin("v1", A), new_name="ghcr.io/acme/web"),
            f"web=docker.io/library/web:v1@{A}",
            id="a new repository",
        ),
        pytest.param(
            change(before=Pin(None, A), after=Pin(None, B), new_name="ghcr.io/acme/web"),
            f"web=docker.io/library/web@{A}",
            id="a new repository by digest",
        ),
        pytest.param(change("it's", before=Pin("v1")), "'it'\"'\"'s=v1'", id="a quote"),
        pytest.param(change("$(rm -rf ~);`x`", before=Pin("v1")), "'$(rm -rf ~);`x`=v1'", id="words to a shell"),
    ],
)
def test_the_command_is_what_set_reads(changed: Change, expected: str) -> None:
    assert said(changed) == [f"gitops-bot set staging {expected} --allow-downgrade"]
    (_, _, _, word, _) = shlex.split(said(changed)[0])
    old_name = changed.entry.image if changed.new_name else None
    assert Assignment.parse(word) == Assignment(changed.entry.name, changed.before, old_name)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(change(before=Pin(None, A)), id="a digest alone, which would keep the new tag"),
        pytest.param(change(before=Pin()), id="nothing was pinned"),
        pytest.param(change(before=Pin("1.0+build")), id="no tag"),
        pytest.param(change(before=Pin("v1", "sha256:x")), id="no digest"),
        pytest.param(change("a=b", before=Pin("v1")), id="a name with an equals sign"),
        pytest.param(change("--output", before=Pin("v1")), id="a name like an option"),
        pytest.param(change("a\nb", before=Pin("v1")), id="a line break"),
        pytest.param(change("a\u202eb", before=Pin("v1")), id="what is not seen"),
        pytest.param(change("a  b", before=Pin("v1")), id="blanks that Markdown would drop"),
    ],
)
def test_no_command_is_better_than_a_wrong_one(changed: Change) -> None:
    assert body.restoring_commands("staging", [changed], 5_000) == []
    assert len(said(changed, change("api", file=API))) == 1


def test_one_name_in_two_overlays_is_one_command_or_none() -> None:
    web = change(before=Pin("v1", A))
    assert len(said(web, change(before=Pin("v1", A), file=API))) == 1
    assert said(web, change(before=Pin("v1", C), file=API)) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param("EU West", ["gitops-bot set 'EU West' web=v1 --allow-downgrade"], id="a blank"),
        pytest.param("--dry-run", [], id="like an option"),
        pytest.param("a\nb", [], id="a line break"),
    ],
)
def test_the_environment_is_one_word(environment: str, expected: list[str]) -> None:
    assert said(change(), environment=environment) == expected


def test_many_commands_are_cut_with_a_word() -> None:
    shown = said(*(change(f"web{number}", before=Pin("v1", A)) for number in range(500)))
    assert shown[-1] == f"# … and {501 - len(shown)} more: see the table"
    assert 30 < len(shown) < 60


@given(st.integers(-10, 1_000), st.lists(st.text(max_size=20), max_size=8))
def test_the_room_is_kept(room: int, names: list[str]) -> None:
    assert cost(body.restoring_commands("staging", [change(name) for name in names], room)) <= max(room, 0)
