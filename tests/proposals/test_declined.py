from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.people import decline as judged
from gitops_bot.proposals.people import find_declines as known
from gitops_bot.proposals.text import body
from gitops_bot.releases.decisions import PinChange
from tests.managed import alter
from tests.proposals.sample import API, NEWER, WEB, A, B, C, branch, change, commit, pull, written
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Change, Held

WEB_V2 = change()
API_V2 = change("api", Pin("v2", B), Pin("v1", A), file=API)
PROPOSED = written(WEB_V2, API_V2)
DONE = commit(PROPOSED)
NO_MORE = Reason("nothing_new", "the base branch has it already")
CLOSED = pull("closed", body=PROPOSED.body)
#: The branch has moved on since, or is gone: only the body tells what was proposed.
ELSEWHERE = branch(commit(written(change(after=Pin("v3", C))), name=NEWER))


def decline(
    change: Change,
    there: Branch | None,
    existing: Sequence[PullRequest],
    carried: Sequence[PinChange],
    name: str = CLOSED.branch,
) -> Held | None:
    """What becomes of a change of the group whose branch has this name."""
    branches = () if there is None else (CLOSED.branch,)
    return judged(change, name, known(existing, {CLOSED.branch: there}), carried, branches=branches)


@rows("there existing", {
    "the branch is as it was": (branch(DONE), (CLOSED,)),
    "the commit counts, not the body": (branch(DONE), (alter(CLOSED, body=""),)),
    "a person committed on top": (
        branch(DONE, alter(DONE, id=NEWER, message="fix: by hand")), (alter(CLOSED, head=NEWER, body=""),),
    ),
    "the branch is gone": (None, (CLOSED,)),
    "the branch has moved on": (ELSEWHERE, (CLOSED,)),
    "the branch could not be read": (branch(DONE, complete=False), (CLOSED,)),
    "somebody quotes the closing mark": (
        None, (alter(CLOSED, body=f"<!-- gitops-bot:closed --> is what the bot writes\n\n{PROPOSED.body}"),),
    ),
})  # fmt: skip
@pytest.mark.parametrize("declined", [WEB_V2, API_V2], ids=["web", "api"])
def test_what_a_person_closed_unmerged_is_not_proposed_again(
    declined: Change, there: Branch | None, existing: tuple[PullRequest, ...]
) -> None:
    held = decline(declined, there, existing, ())
    assert held is not None
    assert (held.entry, held.entry.pin, held.candidate) == (declined.entry, declined.before, declined.after)
    assert held.reason.code == "held.declined"
    gone = f"restore its branch {CLOSED.branch}, then reopen it,"
    way = "reopen it" if there is not None else gone
    assert held.reason.text == f"v2@{B} was declined: #7 was closed unmerged; {way} to undo that"
    assert held.reason.data == {"pull_request": 7, "url": "https://github.test/acme/deploy/pull/7"}


@pytest.mark.parametrize("there", [branch(DONE), None], ids=["by its commit", "by its body"])
@rows("other", {
    "a newer tag": change(after=Pin("v3", B)),
    "another digest": change(after=Pin("v2", C)),
    "the tag without its digest": change(after=Pin("v2")),
    "an entry of that name in another file": change(file=API),
    "another repository": change(new_name="r.test/web"),
})  # fmt: skip
def test_exactly_these_pins_are_declined(other: Change, there: Branch | None) -> None:
    assert decline(other, there, (CLOSED,), ()) is None


@rows("existing", {
    "it was merged": (pull("merged", body=PROPOSED.body),),
    "the bot closed it": (alter(CLOSED, body=body.with_closing_mark(PROPOSED.body, NO_MORE)),),
    "it was about something else": (alter(CLOSED, head=NEWER, body=written(API_V2).body),),
    "nothing tells what it was": (alter(CLOSED, head=NEWER, body="rewritten by a person"),),
})  # fmt: skip
def test_nothing_else_is_a_decline(existing: tuple[PullRequest, ...]) -> None:
    assert decline(WEB_V2, branch(DONE), existing, ()) is None
    assert decline(WEB_V2, None, existing, ()) is None


def test_what_the_open_proposal_carries_is_not_declined() -> None:
    carried = (PinChange(WEB, "web", Pin("v1"), Pin("v2", B), "policy"),)
    assert decline(WEB_V2, branch(DONE), (CLOSED,), carried) is None
    assert decline(API_V2, branch(DONE), (CLOSED,), carried) is not None
    older = (alter(carried[0], after=Pin("v1.5")),)
    assert decline(WEB_V2, branch(DONE), (CLOSED,), older) is not None


def test_a_decline_in_another_group_stands_although_the_open_proposal_carries_the_pin() -> None:
    """It was closed just while the pin was moved. To reopen that one takes it back."""
    carried = (PinChange(WEB, "web", Pin("v1"), Pin("v2", B), "policy"),)
    assert decline(WEB_V2, branch(DONE), (CLOSED,), (), name="gitops-bot/staging/web") is not None
    assert decline(WEB_V2, None, (CLOSED,), carried, name="gitops-bot/staging/web") is not None
    assert decline(WEB_V2, None, (alter(CLOSED, state="open"),), carried, name="gitops-bot/staging/web") is None


def test_a_rollback_that_nobody_wanted_declines_nothing() -> None:
    rollback = alter(CLOSED, branch="gitops-bot/staging/rollback-all")
    assert decline(WEB_V2, None, (rollback,), (), name=rollback.branch) is None


def test_the_newest_of_those_that_declined_it_is_named() -> None:
    older = alter(CLOSED, number=5, branch="gitops-bot/staging/web")
    for closed in ((older, CLOSED), (CLOSED, older)):
        held = decline(WEB_V2, None, closed, ())
        assert held is not None
        assert held.reason.data["pull_request"] == 7
