from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import people
from tests.proposals.sample import B, branch, change, commit, pull, written
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.releases.decisions import PinChange

WANTED, OLDER = written(change()), written(change(after=Pin("v1.9", B)))
OURS, OURS_OLDER = (branch(commit(each)) for each in (WANTED, OLDER))


NEWER_PINS = "what was reviewed is what merges, and newer pins wait"
BRING_BACK = "which a merge would bring back"
REBUILD = "{undo} to have it rebuilt on the new base"
ANYWAY = "(`refresh_approved: true` refreshes it anyway)"


@rows("facts it undo", {
    "an approval": ({"approved": True}, "is approved", "dismiss the approval"),
    "two of them": (
        {"approved": True, "auto_merge": True}, "is approved and is set to auto-merge",
        "dismiss the approval and disable auto-merge",
    ),
})  # fmt: skip
def test_newer_pins_wait_and_say_for_what(facts: dict[str, object], it: str, undo: str) -> None:
    opened = replace(pull(), **facts)
    reason = people.why_frozen(opened, WANTED.pins, OURS_OLDER, applies=True)
    assert reason.code == "held.frozen"
    assert reason.text == f"#7 {it}: {NEWER_PINS}; merge it, or {undo} to have it refreshed {ANYWAY}"
    assert reason.data == {"pull_request": 7, "url": opened.url, "by": " ".join(facts)}


@rows("pins there applies text", {
    "its files changed": (
        WANTED.pins, OURS, True,
        ", and its files have changed on the base branch since: merge it, or {undo} to have it rebuilt",
    ),
    "the base moved on": (WANTED.pins, OURS_OLDER, False, f", but the base branch has moved on: {REBUILD}"),
    "what a rewritten base dropped comes first": (
        WANTED.pins, replace(OURS_OLDER, former_base="f" * 40), False,
        f", but the base branch was rewritten and no longer has commit {'f' * 10}, {BRING_BACK}: {REBUILD}",
    ),
    "it would not be proposed today": (
        (), OURS, True, ", so it stays open, although it would not be proposed today: close it, or {undo}",
    ),
})  # fmt: skip
def test_what_is_frozen_says_why_it_is_not_as_it_should_be(
    pins: tuple[PinChange, ...], there: Branch, applies: bool, text: str
) -> None:
    reason = people.why_frozen(replace(pull(), approved=True), pins, there, applies=applies)
    assert reason.text == f"#7 is approved{text.format(undo='dismiss the approval')}"
