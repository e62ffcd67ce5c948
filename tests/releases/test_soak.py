from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gitops_bot.releases.choice import soak
from tests.tables import rows

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)


@rows("since expected", {
    "half an hour left": (NOW - timedelta(minutes=90), timedelta(minutes=30)),
    "just over": (NOW - TWO_HOURS, timedelta(0)),
    "a commit from the future waits no longer than all": (NOW + timedelta(days=9), TWO_HOURS),
})  # fmt: skip
def test_what_is_left_counts_from_the_commit(since: datetime, expected: timedelta) -> None:
    assert soak.left(since, NOW, TWO_HOURS) == expected


def test_a_pin_that_has_not_run_long_enough_is_held_with_what_is_left() -> None:
    reason = soak.reason_to_wait("staging", NOW - timedelta(minutes=90), NOW, TWO_HOURS, "")
    assert reason is not None
    assert (reason.code, dict(reason.data)) == ("held.soak", {"soak": "2h", "left": 1800})
    assert reason.text == "soaks in staging for 2h, since 2026-08-01 10:30 UTC: open on Sat 2026-08-01 12:30 UTC"
    assert reason.ends == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("since", "wanted"),
    [
        pytest.param(NOW, timedelta(0), id="no soak"),
    ],
)
def test_a_pin_passes(since: datetime | None, wanted: timedelta) -> None:
    assert soak.reason_to_wait("staging", since, NOW, wanted, "") is None


def test_without_a_known_beginning_nothing_passes() -> None:
    reason = soak.reason_to_wait("staging", None, NOW, TWO_HOURS, "nothing before commit abc can be read")
    assert reason is not None
    assert (reason.code, reason.ends) == ("held.history_bound", None)
    assert reason.text.endswith("does not show when it started; nothing before commit abc can be read")
