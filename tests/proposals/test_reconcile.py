from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import body, ownership, reconcile
from gitops_bot.proposals.branch import Branch, FileChange
from gitops_bot.proposals.reconcile import Close, Leave, Nothing, Open, Refresh
from tests.proposals.sample import BASE, HEAD, NEWER, B, branch, change, commit, merge, pull, written

if TYPE_CHECKING:
    from gitops_bot.proposals.pull_request import PullRequest

WANTED = written(change())
OLDER = written(change(after=Pin("v1.9", B)))
DONE = commit(WANTED)
PERSONS = replace(DONE, id=NEWER, message="fix: by hand", author="Ada\x1b[31m <ada@example.test>")

BRANCHES: dict[str, Branch | None] = {
    "none": None,
    "empty": branch(),
    "ours": branch(DONE),
    "outdated": branch(commit(OLDER)),
    "updated": branch(DONE, merge(FileChange("README.md", b"old", b"new"))),
    "person": branch(DONE, PERSONS),
    "unmerged": branch(DONE, merge(FileChange("README.md", b"old", b"new"), clean=False)),
    "cut": Branch("gitops-bot/staging/all", NEWER, None, (), complete=False),
}

OPEN = pull(body=WANTED.body)
OPEN_OLDER = pull(body=OLDER.body)
OPEN_BARE = pull(body="rewritten by a person")
OPEN_MARKED = pull(body=body.with_closing_mark(WANTED.body))
DECLINED = pull("closed", body=WANTED.body, number=5, head="d" * 40)
TIDIED = pull("closed", body=body.with_closing_mark(WANTED.body), number=4, head="e" * 40)
MERGED = pull("merged", body=OLDER.body, number=3, head="f" * 40)
MERGED_HERE = pull("merged", body=OLDER.body, number=6, head=HEAD)
MERGED_PERSONS = pull("merged", body=OLDER.body, number=6, head=NEWER)
DECLINED_HERE = pull("closed", body=OLDER.body, number=6, head=HEAD)
DECLINED_PERSONS = pull("closed", body=OLDER.body, number=6, head=NEWER)


@dataclass(frozen=True)
class Row:
    there: str
    existing: tuple[PullRequest, ...]
    expected: type[reconcile.Action]
    push: bool | None = None
    wanted: bool = True


TABLE = {
    # Nothing is open: what is missing is made, and no more than that.
    "the first time": Row("none", (), Open, push=True),
    "a run died between push and pull request": Row("ours", (), Open, push=False),
    "a run died, and newer pins came since": Row("outdated", (), Open, push=True),
    "a branch at the base": Row("empty", (), Open, push=True),
    "a base that was merged into it meanwhile": Row("updated", (), Open, push=False),
    "a decline was before, the pins are newer": Row("none", (DECLINED,), Open, push=True),
    "a decline left its branch": Row("outdated", (DECLINED_HERE,), Open, push=True),
    "the bot closed the last one": Row("none", (TIDIED,), Open, push=True),
    "the last one was merged": Row("none", (MERGED,), Open, push=True),
    "merged by squashing, its branch is there": Row("outdated", (MERGED_HERE,), Open, push=True),
    "merged with the same bytes, and taken back on the base": Row("ours", (MERGED_HERE,), Open, push=True),
    "several, none of them open": Row("none", (TIDIED, DECLINED, MERGED), Open, push=True),
    # One is open: it is brought up to date in place, and not touched where it is.
    "everything is there": Row("ours", (OPEN,), Nothing),
    "everything is there, and the base merged into it": Row("updated", (OPEN,), Nothing),
    "newer pins": Row("outdated", (OPEN_OLDER,), Refresh, push=True),
    "a run died between push and text": Row("ours", (OPEN_OLDER,), Refresh, push=False),
    "a run died between text and push": Row("outdated", (OPEN,), Refresh, push=True),
    "a person took the hidden comment away": Row("ours", (OPEN_BARE,), Refresh, push=False),
    "a run died between closing mark and closing": Row("ours", (OPEN_MARKED,), Refresh, push=False),
    "its branch vanished this very moment": Row("none", (OPEN,), Refresh, push=True),
    "its branch was put back to the base": Row("empty", (OPEN,), Refresh, push=True),
    "open beside closed and merged ones": Row("ours", (OPEN, DECLINED, TIDIED, MERGED), Nothing),
    "the open one counts wherever it stands": Row("ours", (MERGED, DECLINED, OPEN), Nothing),
    "open, though this head was merged once": Row("ours", (OPEN, MERGED_HERE), Nothing),
    # People win.
    "a person's commit": Row("person", (OPEN,), Leave),
    "a person's commit, newer pins": Row("person", (OPEN_OLDER,), Leave),
    "a person's commit, no pull request": Row("person", (), Leave),
    "a person's commit, closed by that person": Row("person", (DECLINED_PERSONS,), Leave),
    "a person's commit on top of what was merged": Row("person", (MERGED_HERE,), Leave),
    "a person's commit, open again after a merge": Row("person", (OPEN, MERGED_PERSONS), Leave),
    "a merge that git would not make": Row("unmerged", (OPEN,), Leave),
    "a history that ends nowhere": Row("cut", (OPEN,), Leave),
    "a history that ends nowhere, no pull request": Row("cut", (), Leave),
    "a person's commit that was merged": Row("person", (MERGED_PERSONS,), Open, push=True),
    "merged so long ago that the history is cut": Row("cut", (MERGED_PERSONS,), Open, push=True),
    # Nothing is left to propose.
    "nothing to do": Row("none", (), Nothing, wanted=False),
    "nothing to do, after a merge": Row("outdated", (MERGED_HERE,), Nothing, wanted=False),
    "nothing to do, after a decline": Row("ours", (DECLINED_HERE,), Nothing, wanted=False),
    "nothing to do, an orphan of ours": Row("ours", (), Nothing, wanted=False),
    "nothing to do, a person's branch": Row("person", (), Nothing, wanted=False),
    "nothing to do, a history that ends nowhere": Row("cut", (), Nothing, wanted=False),
    "nothing is left of the open one": Row("ours", (OPEN,), Close, wanted=False),
    "nothing is left, and the base was merged into it": Row("updated", (OPEN,), Close, wanted=False),
    "nothing is left, its branch is gone": Row("none", (OPEN,), Close, wanted=False),
    "a run died while it closed": Row("ours", (OPEN_MARKED,), Close, wanted=False),
    "nothing is left, but a person's commit": Row("person", (OPEN,), Leave, wanted=False),
    "nothing is left, but the history is cut": Row("cut", (OPEN,), Leave, wanted=False),
}


@pytest.mark.parametrize("row", [pytest.param(row, id=label) for label, row in TABLE.items()])
def test_the_same_facts_give_the_same_action(row: Row) -> None:
    action = reconcile.decide(WANTED if row.wanted else None, BRANCHES[row.there], row.existing)

    assert type(action) is row.expected
    assert getattr(action, "push", None) is row.push
    opened = next((each for each in row.existing if each.state == "open"), None)
    assert getattr(action, "pull_request", None) == opened
    expected = {Leave: "person", Nothing: "nothing_new", Close: "nothing_new"}.get(row.expected, "chosen")
    assert action.reason.code == expected
    assert action.reason.text


def test_what_an_action_makes_is_left_alone_the_next_time() -> None:
    """From any state that is the bot's, doing what was decided leads to `Nothing`, and stays there."""
    for row in TABLE.values():
        action = reconcile.decide(WANTED, BRANCHES[row.there], row.existing)
        if isinstance(action, Leave):
            continue
        there = branch(DONE) if getattr(action, "push", False) else BRANCHES[row.there]
        opened = replace(getattr(action, "pull_request", None) or OPEN, body=WANTED.body, state="open")
        closed = tuple(each for each in row.existing if each.state != "open")
        assert isinstance(reconcile.decide(WANTED, there, (opened, *closed)), Nothing)


def test_a_persons_commit_is_named_in_plain_words() -> None:
    reason = reconcile.decide(WANTED, BRANCHES["person"], (OPEN,)).reason
    assert reason.text == (
        f"commit {NEWER[:10]} by Ada[31m <ada@example.test> on gitops-bot/staging/all is not the bot's "
        "(it carries no plan of the bot): the branch is left alone until it is merged or deleted"
    )
    assert reason.data == {
        "commit": NEWER,
        "branch": "gitops-bot/staging/all",
        "author": "Ada[31m <ada@example.test>",
    }


@pytest.mark.parametrize(
    ("there", "existing", "expected"),
    [
        pytest.param("none", (), False, id="no branch"),
        pytest.param("none", (OPEN,), False, id="no branch any more"),
        pytest.param("ours", (), True, id="no pull request was ever opened"),
        pytest.param("ours", (OPEN,), True, id="open"),
        pytest.param("ours", (OPEN, DECLINED_HERE), True, id="reopened, or opened again, at the declined commit"),
        pytest.param("ours", (DECLINED, MERGED, TIDIED), True, id="pushed after older ones ended, not opened yet"),
        pytest.param("ours", (DECLINED_HERE,), False, id="closed at this commit"),
        pytest.param("ours", (MERGED_HERE,), False, id="merged at this commit"),
        pytest.param("ours", (DECLINED, MERGED_HERE), False, id="merged at this commit, and others"),
        pytest.param("updated", (replace(DECLINED, head=NEWER),), False, id="closed after the base was merged into it"),
    ],
)
def test_pins_of_a_branch_count_while_it_is_proposed_or_about_to_be(
    there: str, existing: tuple[PullRequest, ...], expected: bool
) -> None:
    assert reconcile.trusted(BRANCHES[there], existing) is expected


def test_every_action_has_the_name_that_scripts_know() -> None:
    assert {Open: "open", Refresh: "refresh", Leave: "leave", Close: "close", Nothing: "none"} == reconcile.NAMES


def test_the_branches_of_the_table_are_what_they_are_called() -> None:
    """The table would prove little if `ours` were not ours."""
    kinds = {name: type(ownership.of(there)).__name__ for name, there in BRANCHES.items() if there is not None}
    assert kinds == {
        "empty": "Ours",
        "ours": "Ours",
        "outdated": "Ours",
        "updated": "Ours",
        "person": "Theirs",
        "unmerged": "Theirs",
        "cut": "Theirs",
    }
    assert BASE not in (HEAD, NEWER)


@pytest.mark.parametrize(
    ("there", "wanted", "expected", "word"),
    [
        pytest.param("none", True, Open, "pull requests were not looked for", id="the first time"),
        pytest.param("empty", True, Open, "pull requests were not looked for", id="a branch at the base"),
        pytest.param("outdated", True, Open, "pull requests were not looked for", id="newer pins"),
        pytest.param("ours", True, Nothing, "was not looked for", id="everything is on the branch"),
        pytest.param("updated", True, Nothing, "was not looked for", id="everything, and the base merged into it"),
        pytest.param("person", True, Leave, "is left alone", id="a person's commit"),
        pytest.param("cut", True, Leave, "is left alone", id="a history that ends nowhere"),
        pytest.param("none", False, Nothing, "nothing to propose", id="nothing to do"),
        pytest.param("ours", False, Nothing, "nothing to propose", id="nothing to do, though a branch is there"),
        pytest.param("person", False, Nothing, "nothing to propose", id="nothing to do, a person's branch"),
    ],
)
def test_without_a_sight_of_pull_requests_only_what_the_branch_lacks_is_to_be_written(
    there: str, wanted: bool, expected: type[reconcile.Action], word: str
) -> None:
    action = reconcile.decide_unseen(WANTED if wanted else None, BRANCHES[there])
    assert type(action) is expected
    assert getattr(action, "pull_request", None) is None
    assert word in action.reason.text
