from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import body
from tests.proposals.sample import API, A, B, change
from tests.tables import rows

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


@rows("changed name", {
    "a tag": (change(before=Pin("v1")), "web"),
    "a digest": (change(before=Pin(None, A), after=Pin(None, B)), "web"),
    "a quote": (change("it's"), "it's"),
    "words to a shell": (change("$(rm -rf ~);`x`"), "$(rm -rf ~);`x`"),
})  # fmt: skip
def test_the_command_names_what_changed(changed: Change, name: str) -> None:
    line = command(changed)
    assert line is not None
    assert shlex.split(line) == ["gitops-bot", "rollback", "staging", "--image", name]


@rows("changed", {
    "a digest alone: a rollback would keep the new tag": change(before=Pin(None, A)),
    "a new repository": change(before=Pin("v1", A), new_name="ghcr.io/acme/web"),
    "nothing was pinned": change(before=Pin()),
    "no tag": change(before=Pin("1.0+build")),
    "no digest": change(before=Pin("v1", "sha256:x")),
    "a name like an option": change("--output"),
    "what is not seen": change("a\u202eb"),
    "blanks that Markdown would drop": change("a  b"),
    "more than anybody reads": change("x" * 4_000),
})  # fmt: skip
def test_no_command_is_better_than_a_wrong_one(changed: Change) -> None:
    assert command(changed) is None
    assert command(change("api", file=API), changed) is None


@rows("environment expected", {
    "a blank": ("EU West", "gitops-bot rollback 'EU West' --image web"),
    "like an option": ("--dry-run", None),
})  # fmt: skip
def test_the_environment_is_one_word(environment: str, expected: str | None) -> None:
    assert command(change(), change(file=API, before=Pin("v0")), environment=environment) == expected
