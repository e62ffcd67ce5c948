from __future__ import annotations

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.text import body
from tests.proposals.sample import HEAD
from tests.tables import rows


def test_a_persons_commit_is_named_with_the_way_back_and_a_closing_says_why() -> None:
    assert body.person_comment(HEAD, "Ada Lovelace <ada@example.test>", "it has no valid gitops-bot trailers") == (
        f"<!-- gitops-bot:person {HEAD} -->\n"
        "Commit 0000000000 by Ada Lovelace \\<ada@\u200bexample.test\\> was not made by gitops-bot: it has no valid "
        "gitops-bot "
        "trailers. People win: the bot leaves this branch alone from now on. Merge or close it as you see fit.\n"
        "\n"
        "To hand the branch back, add the label `hand-back`: the bot then rewrites it on top of the base branch, "
        "without this commit."
    )
    assert f"Commit {HEAD[:10]} was not made by gitops-bot: " in body.person_comment(HEAD, "", "its history is cut")
    assert body.closing_comment(Reason("nothing_new", "nothing is left to propose")) == (
        "<!-- gitops-bot:closing -->\n"
        "Closing: nothing is left to propose. This is not a decline; newer versions will be proposed."
    )


@rows("text expected", {
    "a person's commit": (body.person_comment(HEAD, "Ada", "x"), f"person {HEAD}"),
    "edited in a browser": (body.person_comment(HEAD, "Ada", "x").replace("\n", "\r\n"), f"person {HEAD}"),
    "a closing": (body.closing_comment(Reason("nothing_new", "x")), "closing"),
    "a person's": ("LGTM", None),
    "not at the beginning": (f"x\n{body.person_comment(HEAD, 'Ada', 'x')}", None),
    "not alone on its line": (f"<!-- gitops-bot:person {HEAD} --> x", None),
})  # fmt: skip
def test_the_bots_comments_are_known_by_their_first_line(text: str, expected: str | None) -> None:
    assert body.comment_mark(text) == expected
