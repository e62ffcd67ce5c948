"""What each kind of request does with a branch of each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config.propose import Propose
from gitops_bot.engine.policies import look_up, role_of, see
from gitops_bot.engine.request import Request
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming
from gitops_bot.proposals.branches import BotBranch, Competing, Left, Own, Yielding
from gitops_bot.proposals.text import body
from tests.engine.bot_branches import (
    NOW,
    PROXY_ENTRY,
    STAGING,
    WEB_ENTRY,
    WHAT,
    Facts,
    hold,
    proposed,
    run,
    snapshot_of,
    to,
)
from tests.proposals.sample import branch, commit, pull, written
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment, Hold
    from gitops_bot.proposals.branches import Branches, Role
    from gitops_bot.proposals.pull_request import PullRequest

KINDS: tuple[naming.Kind, ...] = ("update", "rollback", "failure")
WEB_V2, PROXY_V2 = to(WEB_ENTRY, "v2"), to(PROXY_ENTRY, "v2")
WHY = Reason("held.label", "on hold")

#: For each request, what it does with an open branch of each kind that still has something to propose.
ROLES: dict[str, tuple[type[Role], type[Role], type[Role]]] = {
    "poll": (Own, Left, Yielding),
    "set": (Own, Left, Left),
    "promote": (Own, Left, Left),
    "roll back": (Competing, Own, Competing),
    "roll back what failed": (Competing, Competing, Own),
    "withdraw": (Own, Yielding, Yielding),
    "withdraw what failed": (Yielding, Yielding, Own),
}


def seen_as(
    what: str, kind: naming.Kind, *, state: str | None = "open", is_pending: bool = True, why: Reason | None = None
) -> Role:
    name = naming.branch("staging", f"{naming.PREFIXES[kind]}all")
    pulls = (pull(state),) if state is not None else ()
    there = BotBranch(name, branch(commit(written(WEB_V2)), name=name), pulls, (WEB_V2.pin_change,), why)
    return role_of(Request(WHAT[what]), there, (WEB_V2.pin_change,), is_pending=is_pending)


@pytest.mark.parametrize("what", WHAT)
def test_each_request_has_a_role_for_each_kind_of_branch(what: str) -> None:
    roles = [seen_as(what, kind) for kind in KINDS]
    assert tuple(map(type, roles)) == ROLES[what]
    for role in roles:
        assert role.branch.pending == (WEB_V2.pin_change,)
        assert getattr(role, "carried", role.branch.pending) == (WEB_V2.pin_change,)


@pytest.mark.parametrize("what", WHAT)
def test_people_keep_a_rollback_of_a_failure_from_giving_way_and_change_no_other_role(what: str) -> None:
    roles = tuple(type(seen_as(what, kind, why=WHY)) for kind in KINDS)
    assert roles == (ROLES[what] if what != "poll" else (Own, Left, Left))


@pytest.mark.parametrize("what", WHAT)
def test_nothing_competes_that_is_not_open(what: str) -> None:
    expected = tuple(Yielding if role is Competing else role for role in ROLES[what])
    for state in (None, "closed", "merged"):
        assert tuple(type(seen_as(what, kind, state=state)) for kind in KINDS) == expected


@pytest.mark.parametrize("what", WHAT)
def test_a_rollback_that_the_base_branch_has_is_planned_by_whoever_comes(what: str) -> None:
    expected = tuple(Own if role is Left else role for role in ROLES[what])
    assert tuple(type(seen_as(what, kind, is_pending=False)) for kind in KINDS) == expected
    kept = seen_as("set", "failure", is_pending=False, why=WHY)  # but not while people keep it open
    assert isinstance(kept, Left)


@pytest.mark.parametrize(
    ("state", "text", "data"),
    [
        ("open", "#7 rolls it back, so it is left alone until that is merged or closed", {"pull_request": 7}),
        (None, "a rollback of it is being proposed, so it is left alone until that is merged or closed", {}),
    ],
)
def test_a_rollback_under_way_says_what_is_waited_for(state: str | None, text: str, data: dict[str, int]) -> None:
    role = seen_as("poll", "rollback", state=state)
    assert isinstance(role, Left)
    assert (role.reason.code, role.reason.text) == ("held.reverted", text)
    assert {key: value for key, value in role.reason.data.items() if key != "url"} == data


# What is read of a branch, and what becomes of it under holds.


def seen(
    what: str, there: dict[str, object], holds: Sequence[Hold] = (), environment: Environment = STAGING
) -> Branches:
    snapshot = snapshot_of(holds)
    known = run(look_up(Facts(snapshot, there), Request(WHAT[what]), environment, sorted(there)))
    return see(snapshot, Request(WHAT[what]), environment, known)


ALL, BACK = "gitops-bot/staging/all", "gitops-bot/staging/rollback-all"


@pytest.mark.parametrize(
    ("facts", "code", "text"),
    [
        ({"labels": ("Hold",)}, "held.label", "has the label `hold`: close it, or remove the label"),
        ({"approved": True}, "held.frozen", "is approved: close it, or dismiss the approval"),
        (
            {"approved": True, "auto_merge": True},
            "held.frozen",
            "is approved and is set to auto-merge: close it, or dismiss the approval and disable auto-merge",
        ),
        (
            {"retargeted": True, "base": "next"},
            "person",
            "merges into next now: close it, or change its base branch back",
        ),
    ],
)
def test_a_rollback_waits_for_what_people_keep_and_says_how_to_go_on(
    facts: dict[str, object], code: str, text: str
) -> None:
    branches = seen("roll back", proposed("all", WEB_V2, **facts))
    (reason,) = branches.waits.values()
    assert branches.waits.keys() == {WEB_ENTRY.key}
    assert reason.code == code
    assert reason.text == f"#7 proposes something else for it and {text}; then roll back again"
    assert seen("roll back", proposed("all", WEB_V2)).waits == {}
    assert seen("poll", proposed("all", WEB_V2, **facts)).waits == {}


def test_a_persons_commit_keeps_a_branch_until_it_is_handed_back() -> None:
    ((name, (ours, pulls)),) = proposed("all", WEB_V2).items()
    assert ours is not None
    theirs = replace(ours, commits=(*ours.commits, replace(ours.commits[0], id="e" * 40, message="fix: by hand")))

    def see_with(*pulls: PullRequest) -> Branches:
        return seen("roll back", {name: (theirs, pulls)})

    (reason,) = see_with(*pulls).waits.values()
    assert "has somebody else's commit: close it, or hand it back (label `hand-back`)" in reason.text
    handed_back = tuple(replace(opened, labels=("hand-back",), head=theirs.head) for opened in pulls)
    assert see_with(*handed_back).waits == {}
    assert seen("poll", {name: (theirs, pulls)}).pins == ()
    assert seen("poll", {name: (theirs, handed_back)}).proposed == {WEB_ENTRY.key: WEB_V2.after}


@pytest.mark.parametrize(
    ("state", "counts"), [("open", True), (None, True), ("closed", False), ("merged", False)], ids=str
)
def test_what_a_branch_has_counts_as_proposed_until_its_pull_request_ends(state: str | None, counts: bool) -> None:
    there = proposed("all", WEB_V2, state=state)
    assert seen("poll", there).proposed == ({WEB_ENTRY.key: WEB_V2.after} if counts else {})
    later = {name: (replace(remote, head="e" * 40), pulls) for name, (remote, pulls) in there.items()}
    assert seen("poll", later).proposed == {WEB_ENTRY.key: WEB_V2.after}  # pushed since, and not opened yet


@pytest.mark.parametrize(
    ("group", "image", "together", "expected"),
    [
        ("all", "web", False, {"proxy"}),
        ("all", "web", True, set()),
        ("all", None, False, {"web", "proxy"}),  # a freeze pauses it whole
        ("all", "other", True, {"web", "proxy"}),
        ("rollback-all", "web", False, {"proxy"}),
        ("rollback-all", None, False, {"web", "proxy"}),
    ],
)
def test_a_branch_goes_on_without_what_is_on_hold(
    group: str, image: str | None, together: bool, expected: set[str]
) -> None:
    environment = replace(STAGING, propose=replace(Propose(), together=together))
    what = "poll" if group == "all" else "roll back"
    branches = seen(what, proposed(group, WEB_V2, PROXY_V2), [hold(image)], environment)
    assert {key.name for key in branches.proposed} == expected
    assert {pin.name for role in branches.going_on for pin in role.branch.pending} == {"web", "proxy"}


WHOLE, BUT_WEB = hold(None), hold(None, "web", days=2)
REVIEWED = {"approved": True}


@rows("what holds together is_paused facts days", {
    "all of it is frozen": ("poll", [WHOLE], False, False, {}, 1),
    "and approved": ("set", [WHOLE], False, False, REVIEWED, 1),
    "until the first of its pins is free": ("poll", [WHOLE, BUT_WEB], False, False, {}, 1),
    "a part is free": ("poll", [BUT_WEB], False, False, {}, None),
    "a part is free, and waits for the rest": ("poll", [BUT_WEB], True, False, {}, 2),
    "a part is frozen, the rest on hold": ("poll", [BUT_WEB, hold("web")], False, False, {}, 2),
    "holds of images": ("poll", [hold("web"), hold("proxy")], False, False, {}, None),
    "a part is free, approved": ("poll", [BUT_WEB], False, False, REVIEWED, None),
    "a part is free by now, approved and paused": ("poll", [BUT_WEB], False, True, REVIEWED, 2),
    "a part is free by now": ("poll", [BUT_WEB], False, True, {}, None),
    "a rollback leaves it paused": ("roll back", [WHOLE], False, True, {}, 1),
    "the freeze is over": ("poll", [], False, True, {}, None),
})  # fmt: skip
def test_a_freeze_pauses_what_is_frozen_as_a_whole(
    what: str, holds: list[Hold], together: bool, is_paused: bool, facts: dict[str, object], days: int | None
) -> None:
    environment = replace(STAGING, propose=replace(Propose(), together=together))
    there = proposed("all", WEB_V2, PROXY_V2, **facts)
    if is_paused:
        there = {
            name: (remote, tuple(replace(each, body=body.with_pause(each.body, "draft", WHOLE)) for each in pulls))
            for name, (remote, pulls) in there.items()
        }
    (role,) = seen(what, there, holds, environment).by_name.values()
    assert (role.branch.freeze and role.branch.freeze.until) == (days and NOW + timedelta(days=days))
    assert (role.branch.left_alone is not None) == (what != "roll back" and (days is not None or bool(facts)))
    lifted = Request(WHAT["set"], release_hold=True)
    (again,) = run(look_up(Facts(snapshot_of(holds), there), lifted, environment, sorted(there)))
    assert again.freeze is None


def test_a_freeze_pauses_no_rollback_and_nothing_that_is_not_open() -> None:
    for there in (proposed("rollback-all", WEB_V2), proposed("all", WEB_V2, state=None)):
        (role,) = seen("poll", there, [WHOLE]).by_name.values()
        assert role.branch.freeze is None
