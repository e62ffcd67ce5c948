from __future__ import annotations

import pytest

from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, Rules
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice.rollback import Goal, check, goal, roll_back
from gitops_bot.releases.decisions import Change, Held, Kept
from gitops_bot.releases.history.releases import Release
from tests.managed import alter, change_of
from tests.releases.past import FILE, OVERLAY, WEB, A, B, C, Files, commit, images, line
from tests.tables import rows

RULES = Rules(None)
BUILDS = Rules(NamedPolicy("builds", kinds.Pattern(r"^b(?P<key>\d+)$", order="numerical"), "config"))
V1, V2, V3 = Pin("1.0.0", A), Pin("1.1.0", B), Pin("1.2.0", C)
KEY = (FILE, "web")


def history(*commits: Files) -> tuple[Release, ...]:
    steps = line(*commits).steps
    return tuple(Release("production", len(steps) - at, step, step.changed) for at, step in enumerate(steps))


KNOWN = history(
    {FILE: images(web=V1, job=V1)},
    {FILE: images(web=V2, job=V1), f"{OVERLAY}/limits.yaml": b"1"},
    {FILE: images(web=V2)},
    {FILE: images(web=V3, cron=V3)},
    {f"{OVERLAY}/limits.yaml": b"2"},
)
PRESENT = {KEY: V3, (FILE, "cron"): V3}


def test_the_goal_is_what_was_pinned_then_and_what_a_rollback_leaves() -> None:
    assert goal(KNOWN, KNOWN[4], PRESENT) == Goal(
        KNOWN[4],
        {KEY: V1, (FILE, "job"): V1},
        (
            f"job in {OVERLAY} ({V1}) was removed since; it stays removed",
            f"cron in {OVERLAY} did not exist then; it stays as it is",
            f"configuration that changed since is not reverted: {FILE}, {OVERLAY}/limits.yaml",
        ),
    )


@pytest.mark.parametrize(("count", "end"), [(10, "/09"), (13, "/09 and 3 more")])
def test_of_many_files_the_first_are_named(count: int, end: str) -> None:
    many = history({FILE: images(web=V1)}, {f"{OVERLAY}/{at:02}": b"" for at in range(count)})
    (note,) = goal(many, many[1], {KEY: V1}).notes
    assert note.endswith(f"{OVERLAY}{end}")


def test_a_file_is_what_the_oldest_newer_release_found() -> None:
    info = f"{OVERLAY}/info.yaml"
    steps = [alter(release.step, files={}) for release in KNOWN[:3]]
    steps[1] = alter(steps[1], files={info: (b"then", b"later")})
    steps[0] = alter(steps[0], files={info: (b"later", b"now")})
    goal = Goal(KNOWN[4], {}, (), tuple(steps))
    assert (goal.content(info, b"now"), goal.content("other", b"now")) == (b"then", b"now")
    assert Goal(KNOWN[4], {}, (), (alter(steps[0], files={info: (None, b"now")}),)).content(info, b"now") is None


def to(pin: Pin | None) -> Goal:
    return Goal(KNOWN[4], {KEY: pin} if pin is not None else {}, ())


@rows("present then applies direction after", {
    "an older version": (V2, V1, RULES, "backward", V1),
    "without an order": (Pin("sha-b", B), Pin("sha-a", A), RULES, "backward", Pin("sha-a", A)),
    "forward by the policy": (Pin("b9", B), Pin("b10", A), BUILDS, "forward", Pin("b10", A)),
    "the tag, with its old digest": (Pin("main", B), Pin("main", A), RULES, "moved", Pin("main", A)),
    "a tag alone takes the digest away": (V2, Pin("1.0.0"), RULES, "backward", Pin("1.0.0")),
    "a digest alone keeps the tag": (V2, Pin(None, A), RULES, "moved", Pin("1.1.0", A)),
    "over nothing": (Pin(), V1, RULES, "adopted", V1),
})  # fmt: skip
def test_an_entry_goes_back(present: Pin, then: Pin, applies: Rules, direction: str, after: Pin) -> None:
    change = roll_back(alter(WEB, pin=present, rules=applies), to(then))
    assert isinstance(change, Change)
    assert (change.entry.key, change.before, change.after, change.source, change.direction) == (
        WEB.key,
        present,
        after,
        "rollback",
        direction,
    )


def test_the_reason_names_the_release() -> None:
    change = roll_back(alter(WEB, pin=V2, rules=RULES), to(V1))
    assert change.reason == Reason(
        "rolled_back",
        "back to release 1 (0000000000) of 2026-08-01 11:00 UTC, by Ada 1",
        {"release": commit(1), "number": 1},
    )


@rows("present then said", {
    "a tag alone may name other bytes by now": (V2, Pin("1.0.0"), "it pinned no digest"),
    "a tag that the digest never had": (V2, Pin(None, A), "the tag 1.1.0 stays"),
})  # fmt: skip
def test_what_does_not_come_back_exactly_is_said(present: Pin, then: Pin, said: str) -> None:
    assert said in roll_back(alter(WEB, pin=present, rules=RULES), to(then)).reason.text


@rows("present then code", {
    "the same then and now": (V1, V1, "current"),
    "not there yet": (V1, None, "nothing_new"),
    "nothing was pinned": (V1, Pin(), "nothing_new"),
})  # fmt: skip
def test_an_entry_stays(present: Pin, then: Pin | None, code: str) -> None:
    kept = roll_back(alter(WEB, pin=present, rules=RULES), to(then))
    assert isinstance(kept, Kept)
    assert (kept.entry.pin, kept.reason.code) == (present, code)


def test_an_entry_of_another_overlay_is_another_entry() -> None:
    other = alter(WEB, overlay="elsewhere", file="elsewhere/kustomization.yaml", pin=V2)
    assert isinstance(roll_back(other, to(V1)), Kept)


CHANGE = change_of(alter(WEB, pin=V2), V1, "rollback", "backward", Reason("rolled_back", "back"))


@rows("exists missing code", {
    "the image is gone": (False, (), "held.vanished"),
    "a platform is gone": (True, ("linux/arm64",), "held.platforms"),
})  # fmt: skip
def test_what_the_registry_lost_is_not_gone_back_to(exists: bool, missing: tuple[str, ...], code: str) -> None:
    held = check(CHANGE, exists=exists, missing=missing)
    assert isinstance(held, Held)
    assert (held.entry.pin, held.candidate, held.reason.code) == (V2, V1, code)
    assert "--to" in held.reason.text
