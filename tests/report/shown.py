"""A status page with everything that it can show, and what a browser makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import Merge, PullRequest
from gitops_bot.releases.checks import Check, CheckState
from gitops_bot.releases.decisions import Seen
from gitops_bot.releases.history.changes import EntryChange
from gitops_bot.releases.history.delivery import Arrival, Delivery, Journey
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.record import Record
from gitops_bot.releases.history.releases import Release
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Overview, Status
from tests.managed import alter, managed

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed

EVIL = "<script>alert('x')</script>"

TURNED = "moc\u202e.evil\u2066\x1b[2J"

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

DAY = timedelta(days=1)

STATES: tuple[CheckState, ...] = ("success", "pending", "failure")


class Parsed(HTMLParser):
    """What a browser makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in ("style", "script"):
            self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.elements]

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name in names]


def overview(text: str = "web", url: str = "https://github.com/acme/deploy/pull/7") -> Result[Overview]:
    """Two environments with everything that a page can show; `text` is whatever others may have written."""
    old, new = Pin(text, "sha256:" + "a" * 64), Pin(text, "sha256:" + "b" * 64)
    pull = PullRequest(7, url, "open", text, "main", "c" * 40, text, text, created_at=NOW - DAY)
    step = Step("d" * 40, ("e" * 40,), NOW - DAY, f"{text} <{text}>", text, (), {})
    release = Release("production", 3, step, ())
    record = Record(release, "manual", (EntryChange(f"{text}/kustomization.yaml", text, old, new),), (text,))

    def entry(name: str, pin: Pin) -> Managed:
        return managed(name, text, f"{text}/kustomization.yaml", 3, text, text, pin=pin)

    source = EntryStatus(entry("staging", new), text, NOW - DAY)
    target = EntryStatus(
        entry("production", old),
        text,
        NOW - 9 * DAY,
        source_pin=new,
        drifts_since=NOW - DAY,
        behind_releases=2,
        state="review",
        candidate=new,
        proposal=pull,
    )
    checks = tuple(Seen("checks", text, state, Check(text, state, NOW, text, url, text)) for state in STATES)
    held = alter(target, state="held", reason=Reason("held.hold", f"held ({text})"), proposal=None, seen=checks)
    failed = alter(held, state="failed", reason=Reason("failed.registry", text), next=text)
    status = Status(
        at=NOW,
        environments=(
            EnvironmentStatus("staging", None, release, (source,)),
            EnvironmentStatus("production", "staging", release, (target, held, failed)),
        ),
        sees_pull_requests=True,
    )
    head = Head("acme/deploy", text, "f" * 40, (Problem("failed.git", text, text),))
    shown = Overview(
        status,
        history=True,
        releases=(record,),
        per_day={(NOW - DAY).date(): 1},
        deliveries=(Delivery("production", 30, 4, 1, DAY, None),),
        journeys=(Journey(text, new, (Arrival("staging", NOW - 2 * DAY), Arrival(text, NOW - DAY))),),
        merges={"d" * 40: Merge(alter(pull, state="merged"))},
        home="https://github.com/acme/deploy",
    )
    return Result(head, shown)
