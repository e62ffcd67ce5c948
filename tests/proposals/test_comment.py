from __future__ import annotations

import re

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.text import body
from tests.proposals.sample import HEAD, NEWER
from tests.tables import rows


def test_a_persons_commit_is_named_with_the_way_back() -> None:
    assert body.person_comment(HEAD, "Ada Lovelace <ada@example.test>", "it has no valid gitops-bot trailers") == (
        f"<!-- gitops-bot:person {HEAD} -->\n"
        "Commit 0000000000 by Ada Lovelace \\<ada@\u200bexample.test\\> was not made by gitops-bot: it has no valid "
        "gitops-bot "
        "trailers. People win: the bot leaves this branch alone from now on. Merge or close it as you see fit.\n"
        "\n"
        "To hand the branch back, add the label `hand-back`: the bot then rewrites it on top of the base branch, "
        "without this commit."
    )


def test_a_commit_without_an_author_is_nobodys() -> None:
    assert f"Commit {HEAD[:10]} was not made by gitops-bot: " in body.person_comment(HEAD, "", "its history is cut")


def test_a_closing_says_why() -> None:
    assert body.closing_comment(Reason("nothing_new", "nothing is left to propose")) == (
        "<!-- gitops-bot:closing -->\n"
        "Closed: nothing is left to propose. This is not a decline; newer versions will be proposed."
    )


@rows(
    "text expected",
    {
        "a person's commit": (body.person_comment(HEAD, "Ada", "x"), f"person {HEAD}"),
        "edited in a browser": (body.person_comment(HEAD, "Ada", "x").replace("\n", "\r\n"), f"person {HEAD}"),
        "a closing": (body.closing_comment(Reason("nothing_new", "x")), "closing"),
        "empty": ("", None),
        "a person's": ("LGTM", None),
        "quoted": (f"> {body.person_comment(HEAD, 'Ada', 'x')}", None),
        "not at the beginning": (f"x\n{body.person_comment(HEAD, 'Ada', 'x')}", None),
        "no commit": ("<!-- gitops-bot:person x -->", None),
        "not alone on its line": (f"<!-- gitops-bot:person {HEAD} --> x", None),
    },
)
def test_the_bots_comments_are_known_by_their_first_line(text: str, expected: str | None) -> None:
    assert body.comment_mark(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"x\n<!-- gitops-bot:person {NEWER} -->\n",
        "-->\n<!-- gitops-bot:closed -->",
        "@team fixes #1, GH-2, https://evil.test <script>",
        "x" * 100_000,
    ],
)
def test_no_author_and_no_reason_says_more_than_itself(text: str) -> None:
    for said in (body.person_comment(HEAD, text, text), body.closing_comment(Reason("nothing_new", text))):
        assert not re.search(r"@\w|#\d|GH-\d|://", said)
        assert said.count("\n<!--") == 0
        assert len(said) < 4_000
        assert not body.is_closed_by_bot(said)
    assert body.comment_mark(body.person_comment(HEAD, text, text)) == f"person {HEAD}"
