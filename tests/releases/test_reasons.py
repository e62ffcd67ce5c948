from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Held
from tests.managed import managed
from tests.tables import rows

NOW = datetime(2026, 8, 1, tzinfo=UTC)
WEB = managed("production", "apps/web", "apps/web/kustomization.yaml", 3, "web", "ghcr.io/acme/web")
OLDER, GONE = Reason("held.downgrade", "older", {"asked": "1"}), Reason("held.absent_in_target", "gone")
SOAK = Reason("held.soak", "2h left", {"left": 7200}, NOW + timedelta(hours=2))
HOLD = Reason("held.hold", "held until the fair", {}, NOW + timedelta(days=9))


def held(*found: Reason) -> Held:
    first, *others = found
    return reduce(Held.hold, others, Held(WEB, Pin("1"), first))


@rows("given expected", {
    "what does not end by itself": ((SOAK, OLDER), (OLDER, SOAK)),
    "the later end": ((SOAK, HOLD), (HOLD, SOAK)),
    "as given where neither ends": ((SOAK, OLDER, HOLD, GONE), (OLDER, GONE, HOLD, SOAK)),
})  # fmt: skip
def test_the_reason_that_lasts_longest_comes_first(given: tuple[Reason, ...], expected: tuple[Reason, ...]) -> None:
    assert held(*given).reasons == expected


def test_several_reasons_are_one_text_and_the_facts_of_the_first_with_the_codes_of_the_others() -> None:
    found = held(SOAK, OLDER, HOLD).reason
    assert found == Reason(
        "held.downgrade",
        "older; also: held until the fair; also: 2h left",
        {"asked": "1", "also": "held.hold, held.soak"},
    )
