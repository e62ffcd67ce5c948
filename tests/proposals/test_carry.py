from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.errors import Problem
from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, Rules
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import carry
from gitops_bot.releases.decisions import Change, Failed, Held, Kept, PinChange
from tests.managed import alter
from tests.proposals.sample import WEB, A, B, C, change, entry
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.kinds import Policy
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed, Source

SEMVER = kinds.Semver(">=0")
LETTERS = kinds.Pattern("^v", order="alphabetical")
MAIN = kinds.Follow("main")
V1, V2, V3 = Pin("v1.0.0"), Pin("v2.0.0"), Pin("v3.0.0")


def carried(
    after: Pin = V2, before: Pin = V1, *, name: str = "web", source: str = "policy", new_name: str | None = None
) -> PinChange:
    return PinChange(WEB, name, before, after, source, new_name)


def found(after: Pin, before: Pin = V1, *, source: str = "policy", new_name: str | None = None) -> Change:
    return change(after=after, before=before, source=source, new_name=new_name)


def pinned(entry: Managed, pin: Pin, policy: Policy | None) -> Managed:
    return alter(entry, pin=pin, rules=Rules(NamedPolicy("releases", policy, "config") if policy else None))


def standing(pin: Pin = V1, policy: Policy | None = SEMVER, image: str | None = None) -> dict[EntryKey, Managed]:
    return {(WEB, "web"): pinned(entry(image=image), pin, policy)}


def pins(changes: Sequence[Change]) -> list[tuple[str, Pin, str]]:
    return [(each.entry.name, each.after, each.source) for each in changes]


# What is carried counts only as long as it means something.


@rows("pin base stands", {
    "the base is as it was": (carried(), standing(), True),
    "the base has it": (carried(), standing(V2), False),
    "the base has something newer": (carried(), standing(V3), False),
    "the entry is gone": (carried(), {}, False),
    "it changes nothing": (carried(V1), standing(), False),
    "only another repository": (carried(V1, new_name="r.test/web"), standing(), True),
    "the base has the repository": (carried(V1, new_name="r.test/web"), standing(image="r.test/web"), False),
    "the base has the repository, spelt otherwise": (
        carried(V1, new_name="nginx"), standing(image="docker.io/library/nginx"), False,
    ),
    "the base has the repository, but not the pin": (
        carried(V2, new_name="r.test/web"), standing(image="r.test/web"), True,
    ),
})  # fmt: skip
def test_a_carried_pin_stands_while_the_base_has_its_from_and_not_its_to(
    pin: PinChange, base: dict[EntryKey, Managed], stands: bool
) -> None:
    assert carry.live_pins(base, (pin,)) == ((pin,) if stands else ())


# What becomes of a carried pin, given what was decided for its entry now.

HELD = Held(entry(), V3, Reason("held.moved", "moved"))
FAILED = Failed(entry(), Problem("failed.registry", "out of reach"))
KEPT = Kept(entry(), Reason("current", "v1.0.0 is the newest"))


def kept(source: Source) -> Kept:
    return Kept(entry(), KEPT.reason, source)


MOVES, MOVED = Pin("main", B), Pin("main", C)


@rows("pin decision policy expected", {
    # Nothing was decided: nothing is lost.
    "not looked at": (carried(), None, SEMVER, V2),
    "the registry failed": (carried(), FAILED, SEMVER, V2),
    "something else was held": (carried(), HELD, SEMVER, V2),
    # A poll over what a poll proposed.
    "a newer one is found": (carried(), found(V3), SEMVER, V3),
    "the only newer one was taken back": (carried(), KEPT, SEMVER, None),
    "moved": (carried(Pin("v2.0.0", B)), found(Pin("v2.0.0", C)), SEMVER, Pin("v2.0.0", C)),
    # A poll over what was asked for.
    "set, a newer one is found": (carried(source="set"), found(V3), SEMVER, V3),
    "set to what the policy does not admit": (carried(source="set"), KEPT, SEMVER, V2),
    "set, older by letters": (carried(V3, source="set"), found(V2), LETTERS, V3),
    "set, older by version without a policy": (carried(V3, source="set"), found(V2), None, V3),
    "set, an equal one is found": (carried(Pin("2.0.0"), source="set"), found(V2), SEMVER, Pin("2.0.0")),
    "set, without an order": (carried(Pin("fix"), source="set"), found(V2), SEMVER, V2),
    "a digest is found": (carried(V2, source="set"), found(Pin(None, B)), SEMVER, Pin(None, B)),
    "set, and its tag was moved": (
        carried(Pin("v2.0.0", B), source="set"), found(Pin("v2.0.0", C)), SEMVER, Pin("v2.0.0", B),
    ),
    "set, and a tag that moves moved on": (carried(MOVES, source="set"), found(MOVED), MAIN, MOVED),
    "set, and the followed tag moved on": (
        carried(Pin("v2.0.0", B), source="set"), found(Pin("v2.0.0", C)), kinds.Follow("v2.0.0"), Pin("v2.0.0", C),
    ),
    "set with another repository, which the poll does not know": (
        carried(V2, source="set", new_name="r.test/web"), found(V3), SEMVER, V2,
    ),
    # The same question again says that the base is as it should be.
    "promoted, the source went back": (carried(source="promotion"), kept("promotion"), SEMVER, None),
    "polled, and promoted by now": (carried(), kept("promotion"), SEMVER, None),
    "set to what the source does not run": (carried(source="set"), kept("promotion"), SEMVER, V2),
    # What is asked for now replaces whatever was there.
    "set over a poll": (carried(V3), found(V2, source="set"), SEMVER, V2),
    "promoted over set": (carried(V3, source="set"), found(V2, source="promotion"), SEMVER, V2),
    "set to what the base has": (carried(), found(V1, source="set"), SEMVER, None),
})  # fmt: skip
def test_a_carried_pin_goes_only_where_its_entry_was_decided(
    pin: PinChange, decision: Decision | None, policy: Policy | None, expected: Pin | None
) -> None:
    laid = carry.combine([decision] if decision else [], (pin,), standing(policy=policy))
    assert [each.after for each in laid] == ([expected] if expected else [])
    for each in laid:
        assert each.before == V1
        if decision is not each:
            assert (each.entry.key, each.source, each.new_name) == (entry().key, pin.source, pin.new_name)
            assert each.reason.text == "carried over from the open proposal"


# A run that nobody asked, over what an open proposal has.

WITHDRAWN = Held(entry(), V3, HELD.reason, withdraws=True)


@rows("pin decision policy expected", {
    "set, older promoted": (carried(V3, source="set"), found(V2, source="promotion"), SEMVER, V3),
    "set, newer promoted": (carried(V2, source="set"), found(V3, source="promotion"), SEMVER, V3),
    "no order": (carried(Pin("sha-2"), source="set"), found(Pin("sha-3"), source="promotion"), None, Pin("sha-2")),
    "set with another repository": (
        carried(V2, source="set", new_name="r.test/web"), found(V3, source="promotion"), SEMVER, V2,
    ),
    "its source went back": (carried(V3, source="promotion"), found(V2, source="promotion"), SEMVER, V2),
    "polled once, promoted by now": (carried(V3), found(V2, source="promotion"), SEMVER, V2),
    "promoted, and something newer waits": (carried(V2, source="promotion"), HELD, SEMVER, V2),
    "promoted, and withdrawn": (carried(V2, source="promotion"), WITHDRAWN, SEMVER, None),
    "set, which no source withdraws": (carried(V2, source="set"), WITHDRAWN, SEMVER, V2),
})  # fmt: skip
def test_what_a_run_finds_by_itself_gives_way_to_what_somebody_asked_for(
    pin: PinChange, decision: Decision, policy: Policy | None, expected: Pin | None
) -> None:
    laid = carry.combine([decision], (pin,), standing(policy=policy), asked=False)
    assert [each.after for each in laid] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("source", "code"), [("policy", "chosen"), ("promotion", "promoted"), ("set", "set"), ("rollback", "rolled_back")]
)
def test_the_reason_of_a_carried_pin_says_where_it_came_from(source: str, code: str) -> None:
    (laid,) = carry.combine([], (carried(source=source),), standing())
    assert (laid.reason.code, laid.direction) == (code, "forward")
    (back,) = carry.combine([], (carried(V1, V2, source=source),), standing(V2))
    assert back.direction == "backward"


def test_without_anything_carried_the_decisions_are_the_plan() -> None:
    new_name = change("renamed", V1, V1, source="set", new_name="r.test/x")
    nothing = change("same", V1, V1, source="set")
    assert carry.combine([found(V2), HELD, KEPT, FAILED, new_name, nothing], (), {}) == (new_name,)
    assert carry.combine([found(V2), new_name, nothing], (), standing()) == (new_name, found(V2))


# Properties.

NAMES = ("a", "b", "c", "d")
some_pins = st.sampled_from([V1, V2, V3, Pin("main"), MOVES, MOVED, Pin(None, A), Pin()])
some_policies = st.sampled_from([SEMVER, LETTERS, MAIN, None])
sources = st.sampled_from(["policy", "promotion", "set", "rollback"])
names = st.sampled_from([None, None, None, "r.test/other"])
bases = st.dictionaries(st.sampled_from(NAMES), st.tuples(some_pins, some_policies))
carriages = st.dictionaries(st.sampled_from(NAMES), st.tuples(some_pins, some_pins, sources, names))


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Decision], list[PinChange], dict[EntryKey, Managed]]:
    base = {(WEB, name): pinned(entry(name), pin, policy) for name, (pin, policy) in draw(bases).items()}
    pins_carried = [
        PinChange(WEB, name, before, after, source, new_name)
        for name, (before, after, source, new_name) in draw(carriages).items()
    ]
    decisions: list[Decision] = []
    for (_, name), now in base.items():
        kind = draw(st.sampled_from(["none", "change", "held", "failed", "kept"]))
        match kind:
            case "change":
                decisions.append(change(name, draw(some_pins), now.pin, source=draw(sources), new_name=draw(names)))
            case "held":
                decisions.append(Held(now, None, HELD.reason))
            case "failed":
                decisions.append(Failed(now, FAILED.problem))
            case "kept":
                decisions.append(Kept(now, KEPT.reason))
            case _:
                pass
    return decisions, pins_carried, base


@settings(deadline=None)
@given(situations())
def test_nothing_carried_is_lost_without_one_of_three_reasons(
    situation: tuple[list[Decision], list[PinChange], dict[EntryKey, Managed]],
) -> None:
    decisions, said, base = situation
    laid = {each.entry.key: each for each in carry.combine(decisions, said, base)}
    decided = {each.entry.key: each for each in decisions if isinstance(each, Change | Kept)}
    known = {(pin.key, pin.before, pin.after) for pin in said}
    for each in laid.values():  # nothing appears that was neither decided nor carried
        assert each in decisions or (each.entry.key, each.before, each.after) in known
        assert each.before == base[each.entry.key].pin
        assert each.before != each.after or each.new_name is not None
    assert [*laid] == sorted(laid)
    assert carry.combine(decisions[::-1], said[::-1], base) == (*laid.values(),)
    for pin in said:
        kept = laid.get(pin.key)
        if kept is not None and (kept.after, kept.new_name) == (pin.after, pin.new_name):
            continue
        now = base.get(pin.key)
        from_is_gone = now is None or now.pin != pin.before
        base_has_it = now is not None and now.pin == pin.after
        assert pin.key in decided or from_is_gone or base_has_it
