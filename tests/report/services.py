"""A repository with any number of services in three environments, of which fifteen wait for something in production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.history.changes import EntryChange
from gitops_bot.releases.history.delivery import Arrival, Delivery, Journey
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.record import Record
from gitops_bot.releases.history.releases import Release
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Overview, State, Status
from tests.managed import managed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = (
    *("web", "api", "billing", "search", "worker", "auth", "cart", "checkout", "catalog", "email", "export"),
    *("gateway", "images", "invoices", "ledger"),
)
#: What production's entries wait for, the most urgent last: the rest is up to date.
WAITING: tuple[State, ...] = (*("limit",) * 6, *("held",) * 2, *("soak",) * 2, *("review",) * 5)


def pin(service: int, minor: int) -> Pin:
    return Pin(f"v1.{minor}.{service % 7}", f"sha256:{hash((service, minor)) % 16**12:012x}" + "0" * 52)


def pull(number: int) -> PullRequest:
    url = f"https://github.com/acme/deploy/pull/{number}"
    return PullRequest(number, url, "open", "b", "main", "c" * 40, "", "", created_at=NOW - (number + 2) * DAY)


def services(count: int) -> Result[Overview]:
    """`count` services."""
    names = [NAMES[at] if at < len(NAMES) else f"{NAMES[at % len(NAMES)]}-{at // len(NAMES)}" for at in range(count)]

    def environment(name: str, source: str | None, waiting: tuple[State, ...]) -> EnvironmentStatus:
        entries = []
        for at, service in enumerate(names):
            state: State = waiting[at] if at < len(waiting) else "current"
            image, overlay = f"ghcr.io/acme/{service}", f"apps/{service}/overlays/{name}"
            now, then = pin(at, 4 if state != "current" else 9), pin(at, 9)
            place = managed(name, overlay, f"{overlay}/kustomization.yaml", 3, image, image, pin=now)
            more: dict[str, Any] = {"reason": Reason("current", "the same as in the source")}
            if state != "current":
                more |= {"candidate": then, "drifts_since": NOW - (at + 1) * DAY, "behind_releases": 5}
            if state == "review":
                more["proposal"] = pull(at)
            if state == "limit":
                more["after"] = pull(12)
                more["reason"] = Reason("held.limit", "limit", {"most_open": 5})
            if state == "soak":
                more["reason"] = Reason("held.soak", "soak", {"soak": "48h", "left": 39 * 3600}, NOW + 39 * DAY / 24)
            if state == "held":
                more["reason"] = Reason("held.hold", "held until 2026-12-24 by Ada: trade fair")
            entries.append(EntryStatus(place, image, NOW - (at + 3) * 9 * DAY, source_pin=then, state=state, **more))
        release = Release(name, 41, Step("0a1b2c3d4e" * 4, (), NOW - 2 * DAY / 24, "Ada", "", (), {}), ())
        return EnvironmentStatus(name, source, release, tuple(entries))

    status = Status(
        NOW,
        (
            environment("dev", None, ()),
            environment("staging", "dev", ()),
            environment("production", "staging", WAITING if count > 15 else WAITING[-8::3]),
        ),
        sees_pull_requests=True,
    )
    records, journeys = [], []
    for at in range(20):
        step = Step(f"{at:02d}b2c3d4e1" * 4, (), NOW - at * DAY / 3, "Ada Lovelace", "", (), {})
        name, env = names[at % count], ("dev", "staging", "production")[at % 3]
        release = Release(env, 41 - at, step, ())
        change = EntryChange(
            f"apps/{name}/overlays/{env}/kustomization.yaml", f"ghcr.io/acme/{name}", pin(at, 4), pin(at, 9)
        )
        records.append(Record(release, "promotion", (change,), ()))
    for at in range(min(count, 12)):
        arrivals = tuple(
            Arrival(env, NOW - (30 - at * 2 - gap) * DAY)
            for env, gap in (("dev", 0), ("staging", 1), ("production", 5))
        )
        journeys.append(Journey(f"ghcr.io/acme/{names[at]}", pin(at, 9), arrivals))
    return Result(
        Head("acme/deploy", "main", "f" * 40),
        Overview(
            status,
            history=True,
            releases=tuple(records),
            per_day={(NOW - at * DAY).date(): at * 7 % 5 for at in range(30)},
            deliveries=tuple(Delivery(name, 30, 14, 1, DAY, DAY / 24) for name in ("dev", "staging", "production")),
            journeys=tuple(journeys),
            home="https://github.com/acme/deploy",
        ),
    )
