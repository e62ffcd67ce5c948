from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, OnMove, Rules
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice.stepped_back import check, stepped_back, went_past
from gitops_bot.releases.decisions import Held, Managed, Source
from gitops_bot.releases.history.trail import DEPTH
from tests.managed import alter, change_of
from tests.releases.past import FILE, OVERLAY, START, WEB, A, B, C, D, Files, commit, images, line, web
from tests.tables import rows


def rules(policy: kinds.Policy | None, on_move: OnMove | None = None) -> Rules:
    return Rules(NamedPolicy("p", policy, "config") if policy else None, on_move=on_move)


def web_with(applies: Rules) -> Managed:
    return alter(WEB, rules=applies)


SEMVER = rules(kinds.Semver(">=0"))
MAIN = rules(kinds.Follow("main"))
NONE = rules(None)
V1, V2, V3 = Pin("1.0.0", A), Pin("1.1.0", B), Pin("1.2.0", C)
MAIN_A, MAIN_B, MAIN_C = (Pin("main", digest) for digest in (A, B, C))
SHA_A, SHA_B, SHA_C = (Pin(f"sha-{digest[7:14]}", digest) for digest in (A, B, C))

Pins = tuple[Pin | str | None, ...]


@rows("applies pins candidate held_by", {
    "back to the pin before": (SEMVER, (V1, V2, V1), V2, 3),
    "to an older one that was never there": (SEMVER, (V2, V1), V2, 2),
    "twice: the last time is told": (SEMVER, (V1, V2, V1, V2, V1), V2, 5),
    "without an order": (NONE, (SHA_A, SHA_B, SHA_A), SHA_B, 3),
    "full versions have an order without a policy": (NONE, (V2, V1), V2, 2),
    "a tag alone, and now its digest is known": (SEMVER, ("1.0.0", "1.1.0", "1.0.0"), V2, 3),
    "a digest was there, and only the tag is asked for": (SEMVER, (V1, V2, V1), Pin("1.1.0"), 3),
    "the bytes that were left, by a newer name": (SEMVER, (V1, V2, V1), Pin("1.3.0", B), 3),
    "a digest that came later is no step": (SEMVER, ("1.0.0", V1, V2, "1.0.0"), V2, 4),
    "another tag for the same bytes": (SEMVER, (V1, Pin("2.0.0", A), V1), Pin("2.0.0", A), 3),
    "it may have been these bytes": (NONE, (Pin("dev", A), "main", Pin("dev", A)), MAIN_B, 3),
    "left for something newer": (SEMVER, (V1, V2, V3), V2, None),
    "a moving tag that moved on": (MAIN, (MAIN_A, MAIN_B, MAIN_A), MAIN_C, None),
    "a tag that may move, moved": (rules(None, "follow"), (V1, V2, V1), Pin("1.1.0", D), None),
    "a digest for the tag": (SEMVER, ("1.0.0", V1), V1, None),
    "the bytes that still run": (SEMVER, (V1, Pin("2.0.0", A), V1), Pin("3.0.0", A), None),
    "the order says forward, though it was there before": (SEMVER, (V1, V2, V1, V2), V1, None),
    "a digest, and now by its tag": (NONE, (SHA_A, Pin(None, B), SHA_A), SHA_B, 3),
})  # fmt: skip
def test_what_was_left_by_going_backwards_is_held(
    applies: Rules, pins: Pins, candidate: Pin, held_by: int | None
) -> None:
    reason = stepped_back(web(*pins), web_with(applies), candidate)
    if held_by is None:
        assert reason is None
    else:
        assert reason is not None
        assert reason.code == "held.reverted"
        assert reason.data["commit"] == commit(held_by)


def test_people_are_told_where_when_and_by_whom() -> None:
    reason = stepped_back(web(V1, V2, V1), web_with(SEMVER), V2)
    assert reason == Reason(
        "held.reverted",
        "rolled back to 1.0.0 in 0000000000 on 2026-08-01 by Ada 3 (`--release-hold` allows it again)",
        {"commit": commit(3), "author": "Ada 3", "at": "2026-08-01T13:00:00Z"},
    )


def test_an_entry_keeps_its_holds_under_another_name() -> None:
    def named(name: str, tag: str) -> Files:
        return {FILE: f"images:\n  - name: {name}\n    newName: web\n    newTag: {tag}\n".encode()}

    known = line(named("old", "1.0.0"), named("old", "1.1.0"), named("old", "1.0.0"), named("web", "1.0.0"))
    reason = stepped_back(known, web_with(SEMVER), V2)
    assert reason is not None
    assert reason.data["commit"] == commit(3)


def test_a_commit_that_cannot_be_read_hides_no_step_back() -> None:
    known = line({FILE: images(web=V1)}, {FILE: images(web=V2)}, {FILE: b"images: ["}, {FILE: images(web=V1)})
    reason = stepped_back(known, web_with(SEMVER), V2)
    assert reason is not None
    assert reason.data["commit"] == commit(4)


@rows("applies pins candidate code", {
    "nothing tells": (SEMVER, (V1, V3), V2, "held.history_bound"),
    "what is known tells": (SEMVER, (V1, V2, V1), V2, "held.reverted"),
    "the order tells": (SEMVER, (V2, V1), V2, "held.reverted"),
    "what came before may have been the same": (NONE, (SHA_B, SHA_A), SHA_B, "held.history_bound"),
})  # fmt: skip
def test_too_little_history_holds_unless_it_tells(applies: Rules, pins: Pins, candidate: Pin, code: str | None) -> None:
    known = web(*pins, complete=False) if pins else line({}, complete=False)
    reason = stepped_back(known, web_with(applies), candidate)
    assert (reason.code if reason else None) == code


def test_a_hold_ends_after_two_hundred_commits_of_the_overlay() -> None:
    def later(count: int) -> list[Files]:
        return [{f"{OVERLAY}/config": str(at).encode()} for at in range(count)]

    past: list[Files] = [{FILE: images(web=pin)} for pin in (V1, V2, V1)]
    for complete in (True, False):
        assert stepped_back(line({}, *past, *later(DEPTH - 1), complete=complete), web_with(SEMVER), V2) is not None
        assert stepped_back(line({}, *past, *later(DEPTH), complete=complete), web_with(SEMVER), V2) is None


@rows("applies pins candidate is_held", {
    "the environment has been there": (NONE, (SHA_A, SHA_B), SHA_A, True),
    "the tags tell: that is another's to say": (SEMVER, (V1, V2), V1, False),
    "it was left backwards: likewise": (NONE, (SHA_A, SHA_B, SHA_A), SHA_B, False),
})  # fmt: skip
def test_a_promotion_goes_back_to_nothing_that_was_there(
    applies: Rules, pins: tuple[Pin, ...], candidate: Pin, is_held: bool
) -> None:
    reason = went_past(web(*pins), web_with(applies), pins[-1], candidate)
    assert (reason is not None) == is_held
    if reason is not None:
        assert reason.code == "held.downgrade"
        assert reason.text.startswith("production already ran sha-aaaaaaa and moved on to ")


@rows("source pins after code", {
    "a promotion back": ("promotion", (SHA_A, SHA_B), SHA_A, "held.downgrade"),
    "a policy goes where its tag goes": ("policy", (SHA_A, SHA_B), SHA_A, None),
    "a rollback is what goes back": ("rollback", (SHA_A, SHA_B), SHA_A, None),
    "nor does a pin by hand": ("set", (V1, V2, V1), V2, "held.reverted"),
    "nor a policy": ("policy", (V1, V2, V1), V2, "held.reverted"),
})  # fmt: skip
def test_a_change_is_held_or_as_it_was(source: Source, pins: tuple[Pin, ...], after: Pin, code: str | None) -> None:
    entry = web_with(NONE if after in (SHA_A, SHA_B) else SEMVER)
    change = change_of(alter(entry, pin=pins[-1]), after, source, "forward", Reason("chosen", "because"))
    found = check(change, web(*pins))
    if code is None:
        assert found is change
    else:
        assert isinstance(found, Held)
        assert (found.entry.key, found.entry.pin) == (WEB.key, pins[-1])
        assert (found.candidate, found.reason.code) == (after, code)


@rows("pins after code", {
    "a digest for what was taken up again": ((V1, V2, V1, "1.1.0"), V2, None),
    "a digest for what was returned to": ((V1, V2, "1.0.0"), V1, None),
    "a moving tag may be any bytes": ((MAIN_A, MAIN_B, MAIN_A, "main"), MAIN_B, "held.reverted"),
})  # fmt: skip
@pytest.mark.parametrize("source", ["policy", "promotion"])
def test_to_say_more_of_what_is_there_is_no_step(source: Source, pins: Pins, after: Pin, code: str | None) -> None:
    present = pins[-1] if isinstance(pins[-1], Pin) else Pin(pins[-1])
    change = change_of(alter(web_with(NONE), pin=present), after, source, "adopted", Reason("chosen", "because"))
    for known in (web(*pins), web("0.1.0", *pins, complete=False)):
        found = check(change, known)
        assert (found.reason.code if isinstance(found, Held) else None) == code


@rows("pins after codes", {
    "left by going back": ((V1, V2, V1), V2, ["held.reverted", "held.soak"]),
    "been there, without an order": ((SHA_A, SHA_B), SHA_A, ["held.downgrade", "held.soak"]),
    "never there": ((V1,), V2, ["held.soak"]),
})  # fmt: skip
def test_what_only_has_to_soak_is_held_for_that_too(pins: tuple[Pin, ...], after: Pin, codes: list[str]) -> None:
    entry = web_with(NONE if after == SHA_A else SEMVER)
    soaks = Held(alter(entry, pin=pins[-1]), after, Reason("held.soak", "1h left", {}, START))
    found = check(soaks, web(*pins))
    assert isinstance(found, Held)
    assert [reason.code for reason in found.reasons] == codes


NUMBERS = st.lists(st.integers(1, 4), min_size=1, max_size=8)


@given(NUMBERS, st.integers(1, 4), st.booleans())
def test_a_model_that_remembers_everything_agrees(numbers: list[int], wanted: int, ordered: bool) -> None:
    """Pins without doubt: one tag and one digest each. The model goes through all moves, the last word counts."""

    def pin(number: int) -> Pin:
        return Pin(f"1.{number}.0" if ordered else f"branch-{'abcd'[number - 1]}", f"sha256:{number:064x}")

    held: dict[int, bool] = {}
    for at, (one, successor) in enumerate(pairwise(numbers)):
        if one != successor:
            held[one] = successor < one if ordered else successor in numbers[:at]
    applies = SEMVER if ordered else NONE
    reason = stepped_back(web(*map(pin, numbers)), web_with(applies), pin(wanted))
    assert (reason is not None) == held.get(wanted, False)


@given(NUMBERS, st.integers(1, 4), st.integers(1, 7), st.booleans())
def test_less_history_never_frees_what_more_would_hold(
    numbers: list[int], wanted: int, cut: int, ordered: bool
) -> None:
    def pin(number: int) -> Pin:
        return Pin(f"1.{number}.0" if ordered else f"branch-{'abcd'[number - 1]}", f"sha256:{number:064x}")

    applies = SEMVER if ordered else NONE
    whole = stepped_back(web(*map(pin, numbers)), web_with(applies), pin(wanted))
    part = stepped_back(web(*map(pin, numbers[-cut:]), complete=False), web_with(applies), pin(wanted))
    if whole is not None:
        assert part is not None
    if part is not None and part.code == "held.reverted":
        assert whole is not None
