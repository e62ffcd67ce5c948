from __future__ import annotations

from dataclasses import replace

import pytest

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import people
from tests.proposals.sample import B, branch, change, commit, pull, written

WANTED, OLDER = written(change()), written(change(after=Pin("v1.9", B)))
OURS, OURS_OLDER = (branch(commit(each)) for each in (WANTED, OLDER))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"approved": True}, ["approved"], id="an approval"),
        pytest.param({"queued": True}, ["queued"], id="a merge queue"),
        pytest.param({"auto_merge": True}, ["auto_merge"], id="auto-merge"),
        pytest.param({"checks_failed": True}, [], id="failed checks alone"),
        pytest.param({"auto_merge": True, "checks_failed": True}, [], id="auto-merge that will not happen"),
        pytest.param({"approved": True, "checks_failed": True}, ["approved"], id="an approval in spite of checks"),
        pytest.param({"queued": True, "checks_failed": True}, ["queued"], id="a queue in spite of checks"),
        pytest.param({"draft": True, "labels": ("release",)}, [], id="neither a draft nor a label"),
        pytest.param(
            {"approved": True, "queued": True, "auto_merge": True}, ["approved", "queued", "auto_merge"], id="all three"
        ),
    ],
)
def test_what_freezes(facts: dict[str, object], expected: list[str]) -> None:
    assert [each.name for each in people.freezes(replace(pull(), **facts))] == expected


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        pytest.param(
            {"approved": True},
            "#7 is approved: what was reviewed is what merges, and newer pins wait; merge it, or dismiss the approval "
            "to have it refreshed (`refresh_approved: true` refreshes it anyway)",
            id="an approval",
        ),
        pytest.param(
            {"queued": True},
            "#7 is in the merge queue: what was reviewed is what merges, and newer pins wait; merge it, or remove it "
            "from the queue to have it refreshed (`refresh_approved: true` refreshes it anyway)",
            id="a queue",
        ),
        pytest.param(
            {"approved": True, "auto_merge": True},
            "#7 is approved and is set to auto-merge: what was reviewed is what merges, and newer pins wait; merge it, "
            "or dismiss the approval and disable auto-merge to have it refreshed (`refresh_approved: true` refreshes "
            "it anyway)",
            id="two of them",
        ),
    ],
)
def test_newer_pins_wait_and_say_for_what(facts: dict[str, object], text: str) -> None:
    opened = replace(pull(), **facts)
    reason = people.why_frozen(opened, WANTED.pins, OURS_OLDER, applies=True)
    assert (reason.code, reason.text) == ("held.frozen", text)
    assert reason.data == {"pull_request": 7, "url": opened.url, "by": " ".join(facts)}


def test_a_base_that_moved_on_is_told_from_newer_pins() -> None:
    opened = replace(pull(), approved=True)
    assert people.why_frozen(opened, WANTED.pins, OURS, applies=True).text == (
        "#7 is approved, and its files have changed on the base branch since: merge it, or dismiss the approval to "
        "have it "
        "rebuilt"
    )
    assert people.why_frozen(opened, WANTED.pins, OURS_OLDER, applies=False).text == (
        "#7 is approved, but the base branch has moved on: dismiss the approval to have it rebuilt on the new base"
    )


def test_what_a_rewritten_base_has_dropped_is_told_before_that() -> None:
    opened = replace(pull(), approved=True)
    rewritten = replace(OURS_OLDER, former_base="f" * 40)
    assert people.why_frozen(opened, WANTED.pins, rewritten, applies=False).text == (
        "#7 is approved, but the base branch was rewritten and no longer has commit ffffffffff, which a merge would "
        "bring back: dismiss the approval to have it rebuilt on the new base"
    )


def test_what_would_not_be_proposed_today_stays_too() -> None:
    assert people.why_frozen(replace(pull(), queued=True), (), OURS, applies=True).text == (
        "#7 is in the merge queue, so it stays open, although it would not be proposed today: close it, or remove it "
        "from the queue"
    )
