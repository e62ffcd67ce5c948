"""What Git tells of how an environment is delivered to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gitops_bot.images.reference import Pin
from gitops_bot.releases.history.changes import EntryChange
from gitops_bot.releases.history.delivery import Arrival, delivery, first_arrivals, journeys
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.record import Kind, Record
from gitops_bot.releases.history.releases import Release
from tests.tables import rows

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def record(environment: str, day: int, before: str | None, after: str | None, kind: Kind = "manual") -> Record:
    """A release on a day that gave the one entry another tag; None for both changed configuration."""
    step = Step(f"{day:040x}", (), START + day * DAY, "Ada <a@example.test>", "", (), {})
    pins = [Pin(tag) if tag is not None else None for tag in (before, after)]
    changes = () if before == after else (EntryChange("apps/web/kustomization.yaml", "web", *pins),)
    return Record(Release(environment, None, step, ()), kind, changes, ())


#: The newest first: v2 was taken back on day 6, and came again on day 9.
STAGING = (record("staging", 7, "v2", "v3"), record("staging", 2, "v1", "v2"), record("staging", 0, None, "v1"))
PRODUCTION = (
    record("production", 9, "v1", "v2"),
    record("production", 8, "x", "x"),
    record("production", 6, "v2", "v1"),
    record("production", 4, "v1", "v2"),
    record("production", 1, None, "v1"),
)
WAYS = journeys({"staging": STAGING, "production": PRODUCTION})


def test_figures_are_those_of_the_releases_that_changed_a_pin() -> None:
    found = delivery("production", PRODUCTION, first_arrivals(WAYS), START, 30, {})
    assert (found.deployments, found.failures) == (4, 1)
    assert (found.lead, found.restore) == (2 * DAY, 2 * DAY)


def test_releases_before_the_days_tell_where_a_pin_came_from_and_do_not_count() -> None:
    found = delivery("production", PRODUCTION, first_arrivals(WAYS), START + 5 * DAY, 30, {})
    assert (found.deployments, found.failures, found.lead) == (2, 1, 7 * DAY)


def test_the_first_environment_has_no_lead_time() -> None:
    found = delivery("staging", STAGING, first_arrivals(WAYS), START, 30, {})
    assert (found.deployments, found.failures, found.lead, found.restore) == (3, 0, None, None)


@rows("built lead", {
    "known": (START - DAY, 3 * DAY),
    "a placeholder": (datetime(1970, 1, 1, tzinfo=UTC), None),
    "in the future": (START + 20 * DAY, None),
})  # fmt: skip
def test_lead_time_begins_with_the_build_where_its_time_can_be_true(built: datetime, lead: timedelta | None) -> None:
    releases = STAGING[1:2]
    assert delivery("staging", releases, {}, START, 30, {"v2": built}).lead == lead


def test_a_rollback_to_what_nobody_remembers_is_one_all_the_same() -> None:
    found = delivery("production", (record("production", 3, "v2", "v1", "rollback"),), {}, START, 30, {})
    assert (found.deployments, found.failures, found.restore) == (1, 1, None)


def test_a_pin_goes_through_the_environments_in_the_order_of_its_arrivals() -> None:
    ways = {way.pin.tag: way.arrivals for way in WAYS}
    assert ways["v2"] == (Arrival("staging", START + 2 * DAY), Arrival("production", START + 4 * DAY))
    assert [way.pin.tag for way in WAYS] == ["v3", "v2", "v1"]
