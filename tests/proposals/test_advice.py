from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import body
from tests.proposals.sample import API, A, B, change

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Change


def command(*changes: Change, environment: str = "staging") -> str | None:
    """The command that a merge can be rolled back by; None where only a revert is advised."""
    text = body.how_to_roll_back(environment, changes)
    before, fence, rest = text.partition("\n\n```sh\n")
    shown, _, after = rest.partition("\n```\n\n")
    if not fence:
        assert before.startswith("\n**How to roll back**: revert this pull request once it is merged. These pins")
        return None
    assert (before, after[:29]) == ("\n**How to roll back** once this is merged:", "Or revert this pull request. ")
    return shown


def test_the_ways_of_people_are_said_and_that_back_only_to_those_who_took_it_over() -> None:
    for ways in (body.PEOPLE, body.PEOPLE_BACK):
        assert "Close to " in ways
        assert "Add the label `hold`" in ways
        assert "a comment says how to return it" in ways
        assert "hand-back" not in ways
    assert "hand-back" in body.person_comment("0" * 40, "Ada", "it has no trailers")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        pytest.param(change(before=Pin("v1")), "web", id="a tag"),
        pytest.param(change(before=Pin("v1", A)), "web", id="a tag and a digest"),
        pytest.param(change(before=Pin(None, A), after=Pin(None, B)), "web", id="a digest"),
        pytest.param(change("ghcr.io/acme/web"), "ghcr.io/acme/web", id="a name with a registry"),
        pytest.param(change("it's"), "it's", id="a quote"),
        pytest.param(change("$(rm -rf ~);`x`"), "$(rm -rf ~);`x`", id="words to a shell"),
        pytest.param(change("a=b"), "a=b", id="an equals sign"),
    ],
)
def test_the_command_names_what_changed(changed: Change, name: str) -> None:
    line = command(changed)
    assert line is not None
    assert shlex.split(line) == ["gitops-bot", "rollback", "staging", "--image", name]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(change(before=Pin(None, A)), id="a digest alone: a rollback would keep the new tag"),
        pytest.param(change(before=Pin("v1", A), new_name="ghcr.io/acme/web"), id="a new repository"),
        pytest.param(change(before=Pin()), id="nothing was pinned"),
        pytest.param(change(before=Pin("1.0+build")), id="no tag"),
        pytest.param(change(before=Pin("v1", "sha256:x")), id="no digest"),
        pytest.param(change("--output"), id="a name like an option"),
        pytest.param(change("a\nb"), id="a line break"),
        pytest.param(change("a\u202eb"), id="what is not seen"),
        pytest.param(change("a  b"), id="blanks that Markdown would drop"),
        pytest.param(change("x" * 4_000), id="more than anybody reads"),
    ],
)
def test_no_command_is_better_than_a_wrong_one(changed: Change) -> None:
    assert command(changed) is None
    assert command(change("api", file=API), changed) is None


def test_one_name_in_two_overlays_is_named_once() -> None:
    changes = change(before=Pin("v1", A)), change(before=Pin("v0"), file=API), change("api", file=API)
    assert command(*changes) == "gitops-bot rollback staging --image web --image api"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param("EU West", "gitops-bot rollback 'EU West' --image web", id="a blank"),
        pytest.param("--dry-run", None, id="like an option"),
        pytest.param("a\nb", None, id="a line break"),
    ],
)
def test_the_environment_is_one_word(environment: str, expected: str | None) -> None:
    assert command(change(), environment=environment) == expected
