"""What the commit status on a pull request says of its pins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.gate_status import OPEN, UNSEEN, status_of
from gitops_bot.proposals.pull_request import GateStatus
from gitops_bot.releases.checks import Check
from gitops_bot.releases.decisions import Decision, Failed, Held, Kept, Seen
from tests.proposals.sample import A, B, change, entry
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.checks import CheckState
    from gitops_bot.releases.decisions import EntryKey, Source


def seen(name: str = "e2e", state: CheckState = "success", url: str = "https://ci.test/1", text: str = "") -> Seen:
    return Seen("checks", name, state, Check(name, state, datetime(2026, 11, 24, 14, 2, tzinfo=UTC), "ci", url, text))


PIN, NEWER = Pin("v2", B), Pin("v3", A)
RED, WAITS, MISSING = seen(state="failure", text="2 of 9"), seen(state="pending"), Seen("checks", "e2e", "pending")
SOAKS = Reason("held.soak", "soaks in dev for 2h, since 2026-11-25 11:00 UTC: open on 2026-11-25 13:00 UTC")
CHECK = Reason("held.check", "released to dev by 0123456789: e2e failed")
FROZEN = Reason("held.hold", "held until 2026-12-27 (stocktaking) by gitops-bot.yaml:9", {"image": None})
DECLINED = Reason("held.reverted", "dev went back from it")
PAUSED = f"web v2: {FROZEN.text}"
SAID = "web v2: check e2e: failure since 2026-11-24 14:02 UTC, by ci: 2 of 9"


def held(reason: Reason, pin: Pin | None = PIN, *observed: Seen, withdraws: bool = False) -> Held:
    return Held(entry(), pin, reason, withdraws, seen=observed)


@rows("source decided state text", {
    "what is proposed passes": ("promotion", [change(after=PIN)], "success", OPEN.text),
    "its check failed": ("promotion", [held(CHECK, PIN, seen(), RED)], "failure", SAID),
    "a check of an earlier wave failed": ("promotion", [held(SOAKS, PIN, WAITS, RED)], "failure", SAID),
    "the same image by another tag": ("promotion", [held(CHECK, Pin("x", B), RED)], "failure", SAID),
    "a check of a newer pin failed": ("promotion", [held(CHECK, NEWER, RED)], "pending", UNSEEN.text),
    "a newer pin failed, and it was looked at itself": (
        "promotion", [held(CHECK, NEWER, RED), change(after=PIN)], "success", OPEN.text,
    ),
    "a newer pin goes, and its own check failed": (
        "promotion", [change(after=NEWER), held(CHECK, PIN, RED)], "failure", SAID,
    ),
    "a newer pin goes, and nobody looked at it": ("policy", [change(after=NEWER)], "pending", UNSEEN.text),
    "its check is pending": ("promotion", [held(CHECK, PIN, WAITS)], "pending", "web v2 waits for e2e"),
    "its check was not reported": ("promotion", [held(CHECK, PIN, MISSING)], "pending", "web v2 waits for e2e"),
    "its check was skipped": ("policy", [held(CHECK, PIN, seen(state="skipped"))], "pending", "web v2 waits for e2e"),
    "it soaks": ("promotion", [held(SOAKS)], "pending", f"web v2: {SOAKS.text}"),
    "nobody vouches for it any more": (
        "promotion", [held(DECLINED, withdraws=True)], "failure", "web v2: dev went back from it",
    ),
    "its environment is frozen": ("policy", [held(FROZEN)], "pending", PAUSED),
    "its environment is frozen, and a newer pin waits": ("policy", [held(FROZEN, NEWER)], "pending", PAUSED),
    "its environment is frozen, and nothing is newer": ("policy", [held(FROZEN, None)], "pending", PAUSED),
    "what a pipeline set is frozen, too": ("set", [held(FROZEN, None)], "pending", PAUSED),
    "no check holds what a pipeline set": ("set", [held(CHECK, PIN, RED)], "success", OPEN.text),
    "nothing holds a rollback": ("rollback", [held(FROZEN, PIN, RED, withdraws=True)], "success", OPEN.text),
    "its source went back": (
        "promotion", [Kept(entry(), Reason("current", "dev runs the same pin"))], "pending",
        "web v2 would not be proposed now: dev runs the same pin",
    ),
    "nobody could look": ("policy", [Failed(entry(), Problem("failed.forge", "it is down"))], "pending", UNSEEN.text),
    "nothing was decided": ("policy", [], "pending", UNSEEN.text),
})  # fmt: skip
def test_the_status_is_about_the_pin_that_is_proposed(
    source: Source, decided: Sequence[Decision], state: str, text: str
) -> None:
    pin = change(after=PIN, source=source).pin_change
    assert status_of([pin], {pin.key: decided}, UNSEEN)[:2] == (state, text)


def test_the_worst_of_several_pins_decides_and_says_how_many_more() -> None:
    pins = [change(name, PIN).pin_change for name in ("web", "proxy", "joined")]
    decided: dict[EntryKey, list[Decision]] = {pins[0].key: [held(SOAKS)], pins[2].key: [change(after=PIN)]}
    assert status_of(pins[::2], decided, UNSEEN).text == f"web v2: {SOAKS.text}"
    decided[pins[1].key] = [held(CHECK, PIN, RED)]
    red = status_of(pins, decided, UNSEEN)
    assert (red.state, red.text.partition(":")[0], red.url) == ("failure", "proxy v2", RED.check and RED.check.url)
    decided[pins[2].key] = [held(CHECK, PIN, replace(RED, check=None))]
    assert status_of(pins, decided, UNSEEN).text.endswith(" (and 1 more)")


def test_a_hostile_text_is_one_short_line_and_its_address_no_link() -> None:
    bad = seen("e2e\n\x1b[31m\u202e" + "x" * 500, "failure", url="javascript:alert(1)", text="y" * 900)
    pin = change("r.test/" + "w" * 300, PIN).pin_change
    found = status_of([pin, pin], {pin.key: [held(CHECK, PIN, bad)]}, UNSEEN)
    assert found.text.isprintable()
    assert len(found.text) <= 140
    assert found.text.endswith(" (and 1 more)")
    assert found.url is None


def test_what_was_not_looked_at_keeps_the_status_that_is_given() -> None:
    pin = change(after=PIN).pin_change
    for known in (GateStatus("failure", "it was red"), GateStatus("success", "it was green"), OPEN):
        assert status_of([pin], {}, known)[0] == known.state
