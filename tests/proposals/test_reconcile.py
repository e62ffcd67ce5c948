from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.config import Hold
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import people, reconcile
from gitops_bot.proposals.branch import Branch, FileChange, Theirs, owner_of
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.pull_request import Comment, HandBackTimes
from gitops_bot.proposals.reconcile import Close, Leave, Nothing, Open, Refresh, Wanted
from gitops_bot.proposals.text import body
from tests.proposals.sample import BASE, HEAD, NEWER, B, branch, change, commit, merge, pull, written
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.pull_request import PullRequest
    from tests.proposals.sample import Proposed


def decide(
    wanted: Proposed | None, there: Branch | None, existing: tuple[PullRequest, ...], **more: object
) -> reconcile.Action:
    """The action for a branch on which this is to be proposed, or nothing any more; `freeze` pauses what is open."""
    freeze: Any = more.pop("freeze", None)
    proposed = {"pins": wanted.pins, "files": wanted.files} if wanted is not None else {}
    found = BotBranch("gitops-bot/staging/all", there, existing, freeze=freeze)
    return reconcile.decide(found, Wanted(**proposed, **more))


FAIR = Hold(("staging",), datetime(2999, 12, 24, tzinfo=UTC), "the fair", ("gitops-bot.yaml", 9, 1))


def paused(opened: PullRequest, state: str, *, draft: bool, freeze: Hold = FAIR) -> PullRequest:
    """A pull request whose text says this of a freeze."""
    return replace(opened, body=body.with_pause(opened.body, state, freeze), draft=draft)


WANTED = written(change())
NO_MORE = Reason("nothing_new", "the base branch has it already")
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
    "same": branch(DONE, replace(PERSONS, changes=())),
}

OPEN = pull(body=WANTED.body)
OPEN_OLDER = pull(body=OLDER.body)
OPEN_BARE = pull(body="rewritten by a person")
OPEN_MARKED = pull(body=body.with_closing_mark(WANTED.body, NO_MORE))
LABELLED = replace(OPEN, labels=("release", "Hand-Back"))
ON_HOLD = replace(OPEN, labels=("release", "HOLD"))
ON_HOLD_OLDER = replace(OPEN_OLDER, labels=("hold",))
APPROVED, APPROVED_OLDER = replace(OPEN, approved=True), replace(OPEN_OLDER, approved=True)
APPROVED_MARKED, APPROVED_BARE = replace(OPEN_MARKED, approved=True), replace(OPEN_BARE, approved=True)
QUEUED_OLDER, MERGING_OLDER = replace(OPEN_OLDER, queued=True), replace(OPEN_OLDER, auto_merge=True)
FAILED_OLDER = replace(MERGING_OLDER, checks_failed=True)
PAUSED, PAUSED_OLDER = paused(OPEN, "draft", draft=True), paused(OPEN_OLDER, "draft", draft=True)
TOLD, EARLIER = paused(OPEN, "text", draft=False), replace(FAIR, until=datetime(2998, 12, 24, tzinfo=UTC))
FROZEN = {"freeze": FAIR}
DECLINED = pull("closed", body=WANTED.body, number=5, head="d" * 40)
TIDIED = pull("closed", body=body.with_closing_mark(WANTED.body, NO_MORE), number=4, head="e" * 40)
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
    code: str | None = None
    says: bool = False
    pauses: bool = False
    more: Mapping[str, object] = field(default_factory=dict)


TABLE = {
    # Nothing is open: what is missing is made, and no more than that.
    "the first time": Row("none", (), Open, push=True),
    "a run died between push and pull request": Row("ours", (), Open, push=False),
    "a branch at the base": Row("empty", (), Open, push=True),
    "a base that was merged into it meanwhile": Row("updated", (), Open, push=False),
    "a decline left its branch": Row("outdated", (DECLINED_HERE,), Open, push=True),
    "merged by squashing, its branch is there": Row("outdated", (MERGED_HERE,), Open, push=True),
    "merged with the same bytes, and taken back on the base": Row("ours", (MERGED_HERE,), Open, push=True),
    # One is open: it is brought up to date in place, and not touched where it is.
    "everything is there": Row("ours", (OPEN,), Nothing),
    "newer pins": Row("outdated", (OPEN_OLDER,), Refresh, push=True),
    "a run died between push and text": Row("ours", (OPEN_OLDER,), Refresh, push=False),
    "a run died between text and push": Row("outdated", (OPEN,), Refresh, push=True),
    "a person took the hidden comment away": Row("ours", (OPEN_BARE,), Refresh, push=False),
    "a run died between closing mark and closing": Row("ours", (OPEN_MARKED,), Refresh, push=False),
    "its branch vanished this very moment": Row("none", (OPEN,), Refresh, push=True),
    "open beside closed and merged ones": Row("ours", (OPEN, DECLINED, TIDIED, MERGED), Nothing),
    "open, though this head was merged once": Row("ours", (OPEN, MERGED_HERE), Nothing),
    # People win.
    "a person's commit": Row("person", (OPEN,), Leave, says=True),
    "a person's commit, no pull request": Row("person", (), Leave),
    "a person's commit on top of what was merged": Row("person", (MERGED_HERE,), Leave),
    "a person's commit, open again after a merge": Row("person", (OPEN, MERGED_PERSONS), Leave, says=True),
    "a merge that git would not make": Row("unmerged", (OPEN,), Leave, says=True),
    "a history that ends nowhere": Row("cut", (OPEN,), Leave, says=True),
    "a person's commit that was merged": Row("person", (MERGED_PERSONS,), Open, push=True),
    # A branch that a person handed back is the bot's again, and the word is used up.
    "handed back by the label": Row("person", (LABELLED,), Refresh, push=True),
    "handed back, with no more on it than is proposed": Row("same", (LABELLED,), Refresh, push=True),
    "handed back, nothing is left of it": Row("person", (LABELLED,), Close, wanted=False),
    "handed back, though it was the bot's": Row("ours", (LABELLED,), Refresh, push=False),
    "a closed one was handed back, none is open": Row("person", (replace(LABELLED, state="closed", head=BASE),), Leave),
    # The label `hold` comes before everything else.
    "on hold, newer pins": Row("outdated", (ON_HOLD_OLDER,), Leave, code="held.label"),
    "on hold, a person's commit": Row("person", (ON_HOLD,), Leave, code="held.label"),
    "on hold, refreshed though approved": Row(
        "outdated", (replace(ON_HOLD_OLDER, approved=True),), Leave, code="held.label", more={"refresh_approved": True}
    ),
    "on hold, nothing is left": Row("ours", (ON_HOLD,), Leave, wanted=False, code="held.label"),
    "the closed one is on hold": Row("none", (replace(DECLINED, labels=("hold",)),), Open, push=True),
    # What was reviewed is what merges.
    "approved, and everything is there": Row("ours", (APPROVED,), Nothing),
    "approved, its text is out of date": Row("ours", (APPROVED_OLDER,), Nothing),
    "approved, newer pins": Row("outdated", (APPROVED_OLDER,), Leave, code="held.frozen"),
    "queued, newer pins": Row("outdated", (QUEUED_OLDER,), Leave, code="held.frozen"),
    "auto-merge, newer pins": Row("outdated", (MERGING_OLDER,), Leave, code="held.frozen"),
    "auto-merge, but its checks failed": Row("outdated", (FAILED_OLDER,), Refresh, push=True),
    "approved, though its checks failed": Row(
        "outdated", (replace(FAILED_OLDER, approved=True),), Leave, code="held.frozen"
    ),
    "approved, the base moved into a conflict": Row(
        "outdated", (APPROVED_OLDER,), Leave, code="held.frozen", more={"applies": False}
    ),
    "approved, a person's commit": Row("person", (APPROVED,), Leave, says=True),
    "approved, handed back": Row("person", (replace(LABELLED, approved=True),), Leave, code="held.frozen"),
    "approved, its source went back": Row("ours", (APPROVED,), Leave, wanted=False, code="held.frozen"),
    "approved, the base has it": Row("ours", (APPROVED,), Close, wanted=False, more={"applies": False}),
    "approved, handed back, nothing known of it stands": Row(
        "person", (replace(LABELLED, approved=True),), Leave, wanted=False, code="held.frozen", more={"applies": False}
    ),
    "approved, newer pins, not waiting": Row(
        "outdated", (APPROVED_OLDER,), Refresh, push=True, more={"refresh_approved": True}
    ),
    # A freeze pauses what is open, whatever would be proposed, and says so once.
    "frozen": Row("ours", (OPEN,), Leave, code="held.hold", pauses=True, more=FROZEN),
    "frozen, a draft": Row("ours", (replace(OPEN, draft=True),), Leave, code="held.hold", pauses=True, more=FROZEN),
    "frozen, newer pins": Row("outdated", (OPEN_OLDER,), Leave, code="held.hold", pauses=True, more=FROZEN),
    "frozen, approved": Row("ours", (APPROVED,), Leave, code="held.hold", pauses=True, more=FROZEN),
    "frozen, its source went back": Row(
        "ours", (OPEN,), Leave, wanted=False, code="held.hold", pauses=True, more=FROZEN
    ),
    "paused": Row("ours", (PAUSED,), Leave, code="held.hold", more=FROZEN),
    "paused, its text alone": Row("ours", (TOLD,), Leave, code="held.hold", more=FROZEN),
    "paused, and people marked it ready": Row(
        "ours", (replace(PAUSED, draft=False),), Leave, code="held.hold", pauses=True, more=FROZEN
    ),
    "paused, and the freeze was prolonged": Row(
        "ours", (paused(OPEN, "draft", draft=True, freeze=EARLIER),), Leave, code="held.hold", pauses=True, more=FROZEN
    ),
    "a run died before it made a draft": Row(
        "ours", (paused(OPEN, "switching", draft=False),), Leave, code="held.hold", pauses=True, more=FROZEN
    ),
    "a run died after it made a draft": Row(
        "ours", (paused(OPEN, "switching", draft=True),), Leave, code="held.hold", pauses=True, more=FROZEN
    ),
    "frozen, in the merge queue": Row("outdated", (QUEUED_OLDER,), Leave, code="held.hold", more=FROZEN),
    "frozen, set to merge by people": Row("outdated", (MERGING_OLDER,), Leave, code="held.hold", more=FROZEN),
    "frozen, on hold": Row("ours", (ON_HOLD,), Leave, code="held.label", more=FROZEN),
    "frozen, a person's commit": Row("person", (OPEN,), Leave, says=True, more=FROZEN),
    "frozen, for what passes freezes": Row("ours", (PAUSED,), Nothing, more={"freeze": FAIR, "passes_freezes": True}),
    "paused, and the freeze is over": Row("ours", (PAUSED,), Refresh, push=False),
    "its text says so, and the freeze is over": Row("ours", (TOLD,), Refresh, push=False),
    "paused, a person's commit": Row("person", (PAUSED,), Leave, says=True, more=FROZEN),
    "paused, a person's commit, and the freeze is over": Row("person", (PAUSED,), Leave, says=True, pauses=True),
    "paused and approved, and the freeze is over": Row("ours", (replace(PAUSED, approved=True),), Refresh, push=False),
    "paused and approved, newer pins, the freeze is over": Row(
        "outdated", (replace(PAUSED_OLDER, approved=True),), Leave, code="held.frozen", pauses=True
    ),
    # Nothing is left to propose.
    "nothing to do": Row("none", (), Nothing, wanted=False),
    "nothing to do, an orphan of ours": Row("ours", (), Nothing, wanted=False),
    "nothing to do, a person's branch": Row("person", (), Nothing, wanted=False),
    "nothing is left of the open one": Row("ours", (OPEN,), Close, wanted=False),
    "nothing is left, its branch is gone": Row("none", (OPEN,), Close, wanted=False),
    "a run died while it closed": Row("ours", (OPEN_MARKED,), Close, wanted=False),
    "nothing is left, but a person's commit": Row("person", (OPEN,), Leave, wanted=False, says=True),
}


@pytest.mark.parametrize("row", [pytest.param(row, id=label) for label, row in TABLE.items()])
def test_the_same_facts_give_the_same_action(row: Row) -> None:
    action = decide(WANTED if row.wanted else None, BRANCHES[row.there], row.existing, **row.more)
    assert type(action) is row.expected
    assert getattr(action, "push", None) is row.push
    assert (getattr(action, "comment", None) is not None) is row.says
    assert getattr(action, "pauses", False) is row.pauses
    opened = next((each for each in row.existing if each.state == "open"), None)
    assert getattr(action, "pull_request", None) == opened
    usual = {Leave: "person", Nothing: "nothing_new", Close: "nothing_new"}.get(row.expected, "chosen")
    assert action.reason.code == (row.code or usual)


def carried_out(
    action: reconcile.Action,
    proposal: Proposed | None,
    there: Branch | None,
    existing: tuple[PullRequest, ...],
    freeze: Hold | None = None,
) -> tuple[Branch | None, tuple[PullRequest, ...]]:
    """The world after an action, as far as this room sees it."""
    others = tuple(each for each in existing if each is not getattr(action, "pull_request", None))
    match action:
        case Open(push=push):
            assert proposal is not None
            there = branch(commit(proposal)) if push else there
            assert there is not None
            return there, (pull(body=proposal.body, head=there.head, number=99), *others)
        case Refresh(pull_request=opened, push=push):
            assert proposal is not None
            labels = tuple(each for each in opened.labels if each.lower() != people.HAND_BACK)
            opened = replace(opened, labels=labels)
            there = branch(commit(proposal)) if push else there
            assert there is not None
            text = body.replace_own_part(body.without_pause(opened.body), proposal.body)
            return there, (replace(opened, body=text, head=there.head), *others)
        case Close(pull_request=opened, reason=reason):
            return None, (*others, replace(opened, state="closed", body=body.with_closing_mark(opened.body, reason)))
        case Leave(pull_request=opened, pauses=True) if opened is not None and freeze is not None:
            known = body.pause_of(opened.body)
            by_bot = known in (None, "switching") or (known == "draft" and opened.draft)
            return there, (paused(opened, "draft" if by_bot else "text", draft=by_bot or opened.draft), *others)
        case Leave(pull_request=opened, comment=text, edits=edits, pauses=ends) if opened is not None and (
            text or ends
        ):
            comments = [each for each in opened.comments if each.id != edits]
            comments += [Comment(edits or 1000, text)] if text else []
            opened = replace(opened, comments=tuple(comments))
            if ends:
                opened = replace(opened, body=body.without_pause(opened.body), draft=False)
            return there, (opened, *others)
        case _:
            return there, existing


#: Texts of pull requests in any state that a run, or a person, may leave.
TEXTS = (
    *(WANTED.body, OLDER.body, OPEN_MARKED.body, PAUSED.body, TOLD.body),
    *(body.with_lacks(WANTED.body, ["labels"]), "by a person", ""),
)
REMARKS = (
    body.person_comment(NEWER, "Ada", "it carries no plan"),
    body.person_comment(HEAD, "", "it is another's"),
    "hello",
    "",
)
PULLS = st.builds(
    replace,
    st.builds(pull, st.sampled_from(["closed", "merged"]), head=st.sampled_from([BASE, HEAD, NEWER])),
    number=st.integers(10, 20),
    body=st.sampled_from(TEXTS),
    labels=st.lists(st.sampled_from(["hold", "Hold", "hand-back", "HAND-BACK", "release"]), max_size=2).map(tuple),
    approved=st.booleans(),
    queued=st.booleans(),
    auto_merge=st.booleans(),
    checks_failed=st.booleans(),
    draft=st.booleans(),
    comments=st.lists(st.builds(Comment, st.integers(1, 9), st.sampled_from(REMARKS)), max_size=3).map(tuple),
)


@settings(max_examples=500)
@given(
    st.sampled_from([WANTED, OLDER, None]),
    st.sampled_from(sorted(BRANCHES)),
    st.none() | PULLS,
    st.lists(PULLS, max_size=2),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, FAIR]),
)
def test_whatever_is_there_people_win_and_a_second_run_writes_nothing(
    proposal: Proposed | None,
    name: str,
    opened: PullRequest | None,
    ended: list[PullRequest],
    refresh_approved: bool,
    applies: bool,
    freeze: Hold | None,
) -> None:
    there = BRANCHES[name]
    opened = None if opened is None else replace(opened, state="open", number=7)
    existing = (*([opened] if opened else []), *ended)

    facts = {"refresh_approved": refresh_approved, "freeze": freeze if opened is not None else None}
    action = decide(proposal, there, existing, applies=applies, **facts)
    assert action == decide(proposal, there, existing, applies=applies, **facts), "the same facts give the same action"
    assert not (isinstance(action, Close) and facts["freeze"]), "a freeze closes nothing"

    writes = isinstance(action, Open | Refresh | Close)
    over_the_branch = isinstance(action, Close) or getattr(action, "push", False)
    theirs = there is not None and isinstance(owner_of(there), Theirs)
    if over_the_branch and theirs and there is not None:
        returned = opened is not None and people.is_handed_back(opened)
        merged = opened is None and any(each.state == "merged" and each.head == there.head for each in ended)
        assert returned or merged, "nothing is written over a person's commit"
    if opened is not None and {"hold", "Hold"} & {*opened.labels}:
        assert isinstance(action, Leave), "a pull request on hold is not touched"
        assert action.comment is None
    elif opened is not None and people.freezes(opened) and not refresh_approved:
        thaws = getattr(action, "push", None) is False and body.pause_of(opened.body) is not None
        gone = isinstance(action, Close) and not applies and not theirs
        assert not writes or thaws or gone, "nor is a frozen one"
    assert isinstance(action, Open) <= (opened is None), "there are never two"
    assert (proposal is None) <= (not isinstance(action, Open | Refresh)), "nothing is proposed out of nothing"
    if isinstance(action, Leave):
        assert action.reason.code == "person" or action.comment is None
        assert not (action.pauses and facts["freeze"] and people.merging(opened or OPEN)), "people let it merge"

    branch_then, pulls_then = carried_out(action, proposal, there, existing, freeze)
    again = decide(proposal, branch_then, pulls_then, applies=applies or writes, **facts)
    assert isinstance(again, Nothing | Leave)
    assert getattr(again, "comment", None) is None
    assert not getattr(again, "pauses", False)
    assert type(again) is type(action) or writes


def said(*texts: str) -> tuple[PullRequest]:
    return (replace(OPEN, comments=tuple(Comment(10 + at, text) for at, text in enumerate(texts))),)


ABOUT_THIS = body.person_comment(NEWER, "Ada", "it has no valid gitops-bot trailers")
ABOUT_OTHERS = [body.person_comment(letter * 40, "Bob", "it is another's") for letter in "ab"]


@rows("texts expected", {
    "nothing was said yet": ((), (True, None)),
    "it was said": ((ABOUT_THIS,), None),
    "it was said of another commit": (ABOUT_OTHERS[:1], (True, 10)),
    "it was said of others, and the last one is edited": (ABOUT_OTHERS, (True, 11)),
    "somebody quoted it": ((f"> {ABOUT_THIS}",), (True, None)),
})  # fmt: skip
def test_a_persons_commit_is_told_once(texts: tuple[str, ...], expected: tuple[bool, int | None] | None) -> None:
    action = decide(WANTED, BRANCHES["person"], said(*texts))
    assert isinstance(action, Leave)
    assert action.reason.code == "person"
    if expected is None:
        assert action.comment is None
        return
    assert action.comment is not None
    assert action.edits == expected[1]
    assert body.comment_mark(action.comment) == f"person {NEWER}"
    assert "it has no valid gitops-bot trailers" in action.comment


@rows("more text", {
    "nobody knows more": ({"applies": False}, "nothing is left to propose"),
    "its group is gone": (
        {"applies": False, "why_gone": Reason("nothing_new", "its group is no more")}, "its group is no more",
    ),
})  # fmt: skip
def test_a_closing_says_why(more: Mapping[str, object], text: str) -> None:
    for opened in (OPEN, APPROVED):
        action = decide(None, BRANCHES["ours"], (opened,), **more)
        assert action == Close(opened, Reason("nothing_new", text))


def test_a_persons_commit_is_named_in_plain_words() -> None:
    reason = decide(WANTED, BRANCHES["person"], (OPEN,)).reason
    assert reason.text == (
        f"commit {NEWER[:10]} by Ada[31m <ada@example.test> on gitops-bot/staging/all was not made by gitops-bot (it "
        "has no valid gitops-bot trailers): the branch is left alone until it is merged, deleted or handed back "
        "(label "
        "`hand-back`)"
    )
    closed = decide(WANTED, BRANCHES["person"], ()).reason
    assert closed.text.endswith("the branch is left alone until it is merged or deleted")
    assert reason.data == {"commit": NEWER, "branch": "gitops-bot/staging/all", "author": "Ada[31m <ada@example.test>"}


@rows("there wanted expected word", {
    "the first time": ("none", True, Open, "pull requests were not checked"),
    "a branch at the base": ("empty", True, Open, "pull requests were not checked"),
    "newer pins": ("outdated", True, Open, "pull requests were not checked"),
    "everything is on the branch": ("ours", True, Nothing, "were not checked"),
    "a person's commit": ("person", True, Leave, "is left alone"),
    "a history that ends nowhere": ("cut", True, Leave, "is left alone"),
    "nothing to do": ("none", False, Nothing, "nothing to propose"),
    "nothing to do, a person's branch": ("person", False, Nothing, "nothing to propose"),
})  # fmt: skip
def test_without_a_sight_of_pull_requests_only_what_the_branch_lacks_is_to_be_written(
    there: str, wanted: bool, expected: type[reconcile.Action], word: str
) -> None:
    proposed = Wanted(WANTED.pins, WANTED.files) if wanted else Wanted()
    action = reconcile.decide_unseen(BRANCHES[there], proposed)
    assert action == reconcile.decide_unseen(BRANCHES[there], replace(proposed, signs=True))
    assert type(action) is expected
    assert getattr(action, "pull_request", None) is None
    assert word in action.reason.text


def at(hour: int) -> datetime:
    return datetime(2026, 1, 2, hour, tzinfo=UTC)


@rows("words shown given_as", {
    "nothing was pushed since": (HandBackTimes(at(2), (HEAD, at(1))), HEAD, "counts"),
    "pushed after it": (HandBackTimes(at(1), (HEAD, at(2))), HEAD, "late"),
    "within the same second": (HandBackTimes(at(1), (HEAD, at(1))), HEAD, "late"),
    "nobody knows when": (HandBackTimes(None, (HEAD, at(1))), HEAD, "late"),
    "the forge has not seen the push": (HandBackTimes(at(2), ("e" * 40, at(1))), HEAD, "unsure"),
    "the pull request has not": (HandBackTimes(at(2), (HEAD, at(1))), "e" * 40, "unsure"),
    "no pushes are kept, and the pull request has another head": (HandBackTimes(), "e" * 40, "unsure"),
})  # fmt: skip
def test_a_word_gives_back_what_was_there_when_it_was_given(words: HandBackTimes, shown: str, given_as: str) -> None:
    labelled = replace(pull(head=shown), labels=("Hand-Back",))
    found = people.judge_hand_back(labelled, HEAD, words)
    assert found.hand_back == given_as
    assert people.is_handed_back(found) is (given_as == "counts")


def test_a_word_that_came_before_the_last_push_leaves_the_branch_to_people_and_says_so_once() -> None:
    theirs = BRANCHES["person"]
    assert theirs is not None
    said = (Comment(5, body.person_comment(NEWER, "", "x")),)
    late = replace(pull(head=NEWER), labels=("hand-back",), hand_back="late", comments=said)
    action = decide(WANTED, theirs, (late,))
    assert isinstance(action, Leave)
    assert "given before the last push" in action.reason.text
    assert action.comment is not None
    assert body.comment_mark(action.comment) == f"late {NEWER}"
    assert action.edits is None
    told = replace(late, comments=(*late.comments, Comment(6, action.comment)))
    again = decide(WANTED, theirs, (told,))
    assert isinstance(again, Leave)
    assert again.comment is None
