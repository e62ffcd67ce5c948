from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, Rules
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice.soak import left_behind, newest_of_all, served
from gitops_bot.releases.history.trail import Run
from tests.releases.past import START, WEB, A, B, C, D, step, web
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.history.line import Line

SEMVER, NONE = Rules(NamedPolicy("p", kinds.Semver("*"), "config")), Rules(None)
V1, V2, V3, V4 = Pin("1.0.0", A), Pin("1.1.0", B), Pin("1.2.0", C), Pin("1.3.0", D)
X1, X2, X3, X4 = (Pin(f"sha-{digest[7:14]}", digest) for digest in (A, B, C, D))
TWO_HOURS = timedelta(hours=2)


def found(
    known: Line, rules: Rules, current: Pin | None = None, proposed: Pin | None = None, hours: int = 50
) -> object:
    every = served(
        known,
        replace(WEB, rules=rules),
        now=START + timedelta(hours=hours),
        wait=TWO_HOURS,
        is_current=lambda pin: pin == current,
        is_proposed=lambda pin: pin == proposed,
    )
    return [(one.pin, one.ahead, int(one.arrived.commit, 16), int(one.left.commit, 16)) for one in every]


@rows("pins rules expected", {
    "the one before two that were too short": ((V1, V1, V2, V3), SEMVER, [(V1, 2, 1, 3)]),
    "the newest first": ((V1, V1, V2, V2, V3), SEMVER, [(V2, 1, 3, 5), (V1, 2, 1, 3)]),
    "not what was rolled back, but what it went to": ((V1, V1, V2, V2, V1), SEMVER, [(V1, 2, 1, 3)]),
    "not what was left for an older version that was never there": ((V2, V2, V3, V1), SEMVER, []),
    "without an order": ((X1, X1, X2, X3), NONE, [(X1, 2, 1, 3)]),
    "rolled back behind without an order": ((X1, X2, X2, X3, X1), NONE, []),
    "gone back to without an order": ((X1, X1, X2, X2, X1), NONE, [(X1, 2, 1, 3)]),
    "it was away for a while": ((V1, V1, None, V2), SEMVER, [(V1, 1, 1, 3)]),
    "two short times are no long one": ((V1, None, V1, V2), SEMVER, []),
})  # fmt: skip
def test_an_earlier_pin_that_ran_for_long_enough_is_found(
    pins: Sequence[Pin | None], rules: Rules, expected: object
) -> None:
    assert found(web(*pins), rules) == expected


def test_nothing_older_than_what_the_target_has_or_is_proposed_is_found() -> None:
    known = web(V1, V1, V2, V2, V3, V3, V4)
    every = [(V3, 1, 5, 7), (V2, 2, 3, 5), (V1, 3, 1, 3)]
    assert found(known, SEMVER) == every
    assert found(known, SEMVER, current=V2) == every[:1]
    assert found(known, SEMVER, proposed=V2) == every[:2], "what is proposed is still wanted"
    assert found(known, SEMVER, proposed=V4) == []


def test_history_that_was_cut_tells_of_what_arrived_in_it_where_tags_have_an_order() -> None:
    assert found(web(V1, V2, V2, V3, complete=False), SEMVER) == [(V2, 1, 2, 4)]
    assert found(web(X1, X2, X2, X3, complete=False), NONE) == []


def test_a_commit_of_the_future_has_not_run_yet() -> None:
    assert found(web(V1, V1, V1, V1, V2), SEMVER, hours=2) == []


def one(pin: Pin, at: int, ahead: int) -> Run:
    return Run(WEB, pin, step(at, {}), step(at + 2, {}), ahead)


def test_several_overlays_promote_the_newest_that_all_of_them_ran_and_the_last_to_get_it_speaks() -> None:
    eu, us = [one(V3, 7, 1), one(V2, 4, 2)], [one(V2, 5, 1), one(V1, 1, 2)]
    assert newest_of_all([eu]) == eu[0]
    assert newest_of_all([eu, us]) == Run(WEB, V2, step(5, {}), step(7, {}), 2)
    assert newest_of_all([eu, us[1:]]) is None
    assert newest_of_all([[], us]) is None


@rows("pins pin expected", {
    "back from it": ((V1, V2, V1), V2, True),
    "forward from it, then back behind it": ((V1, V2, V3, V1), V2, True),
    "forward from it": ((V1, V2, V3), V2, False),
    "it never was": ((V1, V2), V3, False),
})  # fmt: skip
def test_what_the_source_went_back_from_is_left_behind(pins: Sequence[Pin], pin: Pin, expected: bool) -> None:
    left = left_behind(web(*pins), replace(WEB, rules=SEMVER), lambda other: other == pin)
    assert (left is not None) is expected
