"""From decisions and branches to one action for each branch: what each kind of request does, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.config.propose import Propose
from gitops_bot.engine.arrange import arrange
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.releases.decisions import Failed, Held, Kept
from tests.engine.bot_branches import (
    API_ENTRY,
    PROXY_ENTRY,
    STAGING,
    WEB_ENTRY,
    arranged,
    decided_for,
    hold,
    proposed,
    run,
    to,
    told,
)
from tests.managed import alter
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Decision

WEB_V2, WEB_V3, API_V2 = to(WEB_ENTRY, "v2"), to(WEB_ENTRY, "v3"), to(API_ENTRY, "v2")
WEB_SET, PROXY_SET = to(WEB_ENTRY, "v3", "set"), to(PROXY_ENTRY, "v2", "set")
WEB_BACK = to(WEB_ENTRY, "v0", "rollback")
CURRENT = Kept(WEB_ENTRY, Reason("current", "v1 is the newest"))
WELL = Kept(WEB_ENTRY, Reason("nothing_new", "none of its checks fails any more"), "rollback")
WAITS = Held(WEB_ENTRY, None, Reason("held.soak", "too new"))
GONE = Held(WEB_ENTRY, None, Reason("held.check", "it failed"), withdraws=True)
BY_OVERLAY = replace(STAGING, propose=replace(Propose(), group="overlay"))
BACK, FAILED = "rollback-all", "rollback-failed-all"


@pytest.mark.parametrize(
    ("what", "present", "decisions", "expected"),
    [
        # A poll.
        ("poll", {}, [CURRENT], []),
        ("poll", {}, [WEB_V2, API_V2], ["all open api=v2 web=v2"]),
        ("poll", proposed("all", WEB_V2), [WEB_V2], ["all none web=v2"]),
        ("poll", proposed("all", WEB_V2), [WEB_V3], ["all refresh web=v3"]),
        ("poll", proposed("all", WEB_V2), [WAITS], ["all none web=v2"]),
        ("poll", proposed("all", WEB_V2), [GONE], ["all close"]),
        ("poll", proposed("all", WEB_V2), [CURRENT], ["all close"]),
        ("poll", proposed("all", WEB_V2), [API_V2], ["all refresh api=v2 web=v2"]),
        ("poll", proposed("all", WEB_V2, state="closed"), [WEB_V2], []),
        ("poll", proposed("all", WEB_V2, state="closed"), [WEB_V3], ["all open web=v3"]),
        ("poll", proposed("all", WEB_V2, state=None), [WEB_V2], ["all open web=v2"]),
        ("poll", proposed("all", WEB_V2, labels=("hold",)), [WEB_V3], ["all leave web=v3"]),
        ("poll", proposed(BACK, WEB_BACK), [WEB_V2, API_V2], ["all open api=v2"]),
        ("poll", proposed(FAILED, WEB_BACK), [WEB_V2], ["all open web=v2"]),
        ("poll", proposed(FAILED, WEB_BACK, approved=True), [WEB_V2], []),
        # What a person or a pipeline names.
        ("set", proposed("all", WEB_V2), [PROXY_SET], ["all refresh proxy=v2 web=v2"]),
        ("set", proposed("all", WEB_V2), [WEB_SET], ["all refresh web=v3"]),
        ("set", proposed(BACK, WEB_BACK), [WEB_SET], []),
        ("set", proposed(FAILED, WEB_BACK), [WEB_SET], []),
        # The pins of what was another group's move along with it.
        ("set", proposed("old", API_V2), [WEB_SET], ["all open api=v2 web=v3", "old close"]),
        ("poll", proposed("old", API_V2), [WEB_V2], ["all open api=v2 web=v2", "old close"]),
        # A rollback by a person.
        ("roll back", {}, [WEB_BACK], [f"{BACK} open web=v0"]),
        ("roll back", proposed("all", WEB_V2), [WEB_BACK], ["all close", f"{BACK} open web=v0"]),
        ("roll back", proposed("all", WEB_V2, API_V2), [WEB_BACK], ["all refresh api=v2", f"{BACK} open web=v0"]),
        ("roll back", proposed("all", API_V2), [WEB_BACK], [f"{BACK} open web=v0"]),
        ("roll back", proposed("all", WEB_V2, approved=True), [WEB_BACK], []),
        ("roll back", proposed(FAILED, WEB_BACK), [WEB_BACK], [f"{FAILED} close", f"{BACK} open web=v0"]),
        (
            "roll back",
            proposed(FAILED, WEB_BACK, API_V2),
            [WEB_BACK],
            [f"{FAILED} refresh api=v2", f"{BACK} open web=v0"],
        ),
        ("roll back", proposed(BACK, WEB_BACK), [WEB_BACK], [f"{BACK} none web=v0"]),
        ("roll back", proposed(BACK, WEB_BACK, state="closed"), [WEB_BACK], [f"{BACK} open web=v0"]),
    ],
)
def test_each_request_acts_on_branches_in_its_own_way(
    what: str, present: dict[str, object], decisions: list[Decision], expected: list[str]
) -> None:
    planned = arranged(what, present, *decisions)
    assert [told(proposal) for proposal in planned.proposals] == expected


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("poll", ["apps/api/overlays/staging none api=v2", "apps/web/overlays/staging open web=v3"]),
        ("set", ["apps/web/overlays/staging open web=v3"]),
        (
            "set, and both moved",
            ["apps/api/overlays/staging open api=v2", "apps/web/overlays/staging open web=v3", "all close"],
        ),
    ],
)
def test_whoever_names_an_entry_leaves_the_other_groups_to_the_next_update(what: str, expected: list[str]) -> None:
    what, _, moved = what.partition(",")
    present = proposed("all", WEB_V2, API_V2) if moved else proposed("apps/api/overlays/staging", API_V2)
    planned = arranged(what, present, WEB_SET, environment=BY_OVERLAY)
    assert [told(proposal) for proposal in planned.proposals] == expected


@pytest.mark.parametrize(
    ("present", "decisions", "environment", "code", "text"),
    [
        pytest.param(proposed("all", WEB_V2), [GONE], STAGING, "held.check", "it failed", id="its source failed"),
        pytest.param(proposed("all", WEB_V2), [CURRENT], STAGING, "current", "v1 is the newest", id="none is newer"),
        pytest.param(proposed("all", WEB_V2, API_V2), [GONE, Kept(API_ENTRY, CURRENT.reason)], STAGING, "held.check",
            "it failed; v1 is the newest", id="each pin for a reason of its own"),
        pytest.param(proposed("all", WEB_V2, API_V2), [CURRENT, Kept(API_ENTRY, CURRENT.reason)], STAGING, "current",
            "v1 is the newest", id="both for one"),
        pytest.param(proposed("all", WEB_V2), [WEB_V2], BY_OVERLAY, "nothing_new",
            "no entry belongs to this group any more", id="its group is gone"),
        pytest.param(proposed(BACK, WEB_BACK), [Kept(WEB_ENTRY, CURRENT.reason, "rollback")], STAGING, "current",
            "v1 is the newest", id="a rollback"),
    ],
)  # fmt: skip
def test_what_is_closed_says_what_became_of_its_pins(
    present: Any, decisions: list[Decision], environment: Any, code: str, text: str
) -> None:
    what = "roll back" if BACK in next(iter(present)) else "poll"
    planned = arranged(what, present, *decisions, environment=environment)
    (reason,) = (proposal.action.reason for proposal in planned.proposals if proposal.action.name == "close")
    assert (reason.code, reason.text) == (code, text)


def test_where_nobody_can_tell_what_failed_that_is_reported_and_the_rest_goes_on() -> None:
    failure = ForgeError(Problem("failed.forge", "no", "run again"))
    decided = decided_for("poll", {}, [WEB_V2])
    planned = run(arrange(decided, [failure]))
    assert [told(proposal) for proposal in planned.proposals] == ["all open web=v2"]
    assert planned.decisions == (Failed(None, failure.problem),)


def test_a_newer_pin_says_what_failed_of_the_present_one() -> None:
    planned = arranged("poll", {}, WEB_V2, failed=[alter(WEB_BACK, because="e2e failed")])
    (change,) = planned.proposals[0].changes
    assert change.reason.text == f"{WEB_V2.reason.text}; what is pinned now failed: e2e failed"


def test_pins_that_a_proposal_carries_pass_two_gates_again() -> None:
    planned = arranged("poll", proposed("all", WEB_V2, API_V2), WEB_V3)
    (carried,) = planned.carried
    assert carried.decision.entry == API_ENTRY
    assert [gate.name for gate, _ in carried.trace] == ["carried slot", "carried left before"]
    assert all(decision == carried.candidate.decision for _, decision in carried.trace)


@rows("present asked failed expected", {
    "it is rolled back": ({}, [CURRENT], [WEB_BACK], [f"{FAILED} open web=v0"]),
    "it gives way to a newer pin": ({}, [WEB_V2], [WEB_BACK], ["all open web=v2"]),
    "beside other pins": ({}, [API_V2, CURRENT], [WEB_BACK], ["all open api=v2", f"{FAILED} open web=v0"]),
    "an open one gives way": (proposed(FAILED, WEB_BACK), [WEB_V2], [WEB_BACK], ["all open web=v2", f"{FAILED} close"]),
    "it gives way to what people keep": (
        proposed("all", WEB_V2, labels=("hold",)), [WEB_V3], [WEB_BACK], ["all leave web=v3"],
    ),
    "it gives way to what is proposed already": (proposed("all", WEB_SET), [WAITS], [WEB_BACK], ["all none web=v3"]),
    "it stays": (proposed(FAILED, WEB_BACK), [CURRENT], [WEB_BACK], [f"{FAILED} none web=v0"]),
    "its check succeeded": (proposed(FAILED, WEB_BACK), [CURRENT], [WELL], [f"{FAILED} close"]),
    "a person closed it": (proposed(FAILED, WEB_BACK, state="closed"), [CURRENT], [WEB_BACK], []),
})  # fmt: skip
def test_what_failed_is_rolled_back_beside_what_was_asked(
    present: dict[str, object], asked: list[Decision], failed: list[Decision], expected: list[str]
) -> None:
    watched = replace(STAGING, on_failure="rollback")
    planned = arranged("poll", present, *asked, environment=watched, failed=failed)
    assert [told(proposal) for proposal in planned.proposals] == expected
    assert [decided.context.request.what.kind for decided in planned.decided] == ["update", "failure"]


FROZEN = Held(WEB_ENTRY, WEB_V3.after, Reason("held.hold", "held until tomorrow"))
GONE_TOO = replace(FROZEN, withdraws=True)


@pytest.mark.parametrize(
    ("what", "present", "asked", "environment", "failed", "expected"),
    [
        pytest.param("poll", proposed("all", WEB_V2), [FROZEN], STAGING, None, ["all leave web=v2"], id="newer waits"),
        pytest.param("poll", proposed("all", WEB_V2), [GONE_TOO], STAGING, None, ["all leave"], id="withdrawn"),
        pytest.param("poll", {}, [FROZEN], STAGING, None, [], id="nothing is opened"),
        pytest.param("set", proposed("all", WEB_V2), [FROZEN], STAGING, None, ["all leave web=v2"], id="by hand, too"),
        pytest.param("poll", proposed("all", WEB_V2, API_V2), [FROZEN], BY_OVERLAY, None, ["all leave"],
            id="nothing moves to another group"),
        pytest.param("poll", proposed("all", WEB_V2), [FROZEN], STAGING, [WEB_BACK],
            ["all leave web=v2", f"{FAILED} open web=v0"], id="what failed is rolled back beside it"),
        pytest.param("roll back", proposed("all", WEB_V2, API_V2), [WEB_BACK], STAGING, None,
            ["all refresh api=v2", f"{BACK} open web=v0"], id="a rollback takes its entries"),
        pytest.param("roll back", proposed("all", WEB_V2), [WEB_BACK], STAGING, None,
            ["all close", f"{BACK} open web=v0"], id="or all of it"),
    ],
)  # fmt: skip
def test_a_freeze_leaves_what_is_proposed_as_it_is(
    what: str, present: Any, asked: list[Decision], environment: Any, failed: list[Decision] | None, expected: list[str]
) -> None:
    watched, freeze = replace(environment, on_failure="rollback" if failed else None), hold(None)
    planned = arranged(what, present, *asked, environment=watched, failed=failed, holds=[freeze])
    assert [told(proposal) for proposal in planned.proposals] == expected
