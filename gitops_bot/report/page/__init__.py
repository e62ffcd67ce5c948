"""The page: everything that `status` knows as one self-contained HTML file, readable without scripts.

What needs attention comes first, the last environment first. The template gets the plain values of an overview, and
what it needs besides: groups, links, texts, and where charts are drawn.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import address, plain, source_repository
from gitops_bot.report.screen import frozen, short, unstopped
from gitops_bot.report.status import common_registry, counted, failed_check, matrix, reached, rows, summary

if TYPE_CHECKING:
    from datetime import datetime

    from gitops_bot.releases.history.delivery import Arrival, Journey
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview

_HERE: Final = Path(__file__).parent
#: Characters of one text on the page.
_LONG: Final = 1000
#: Rows of what needs attention, at least so many of each state, and different pins in one cell; others are counted.
_ROWS, _FEWEST, _PINS = 300, 10, 3
#: Where the line of time begins and ends, in the units of the picture: beside it are names and times.
_LEFT, _RIGHT = 150, 270
#: How many journeys are drawn.
_DRAWN: Final = 12


def html(result: Result[Overview]) -> str:
    """The page as text.

    All values lose secrets and control and formatting characters, and are escaped. The browser may load nothing and
    run only the one script whose hash is given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    @cache
    def clean(text: str) -> str:
        return plain(redact.strike(text), _LONG)

    templates = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        # Values with the method `__html__` are the template's own markup.
        finalize=lambda value: clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    head, overview = result.head, result.body
    source = source_repository(overview.home)
    status = replace(overview.status, environments=overview.status.environments[::-1])
    to_do = []
    for environment in status.environments:
        groups = groupby(rows(status, environment), lambda row: row.first.state)
        to_do.append((environment, {state: list(own) for state, own in groups}))

    def split(image: str) -> tuple[str, str]:
        directory, slash, name = clean(image).rpartition("/")
        return directory + slash, name

    # The journeys that are drawn: preferably those through several environments.
    ways = [journey for journey in overview.journeys if len(journey.arrivals) > 1] or overview.journeys
    # There is a bar for each day, where there is a history.
    back = range(overview.deliveries[0].days, -1, -1) if overview.deliveries else ()
    days = (status.at.date() - timedelta(number) for number in back)
    return templates.get_template("page.html.j2").render(
        head=head,
        overview=overview,
        status=status,
        title=head.repository or "Environments",
        to_do=to_do,
        matrix=matrix(status),
        journeys=[(journey, _stops(journey, status.at)) for journey in ways[:_DRAWN]],
        bars=[(day, overview.per_day.get(day, 0)) for day in days],
        rows=max(_FEWEST, _ROWS // max(1, sum(len(groups) for _, groups in to_do))),
        pins=_PINS,
        place=common_registry(overview.status),
        address=address,
        checks=evidence,
        failed_check=failed_check,
        clean=clean,
        commit_url=source.commit if source is not None else lambda _commit: None,
        day=lambda date: f"{date:%b} {date.day}",
        counted=counted,
        described=_describe,
        frozen=frozen(status.environments[::-1]),
        unstopped=unstopped(status.environments[::-1]),
        moment=lambda at: f"{at:%Y-%m-%d %H:%M} UTC",
        reached=reached,
        roughly=duration.roughly,
        split=split,
        summary=partial(summary, status),
        # The content security policy: nothing from outside, and only this page's own style and script.
        policy=f"default-src 'none'; style-src {_hash('page.css')}; script-src {_hash('page.js')}; base-uri 'none'; "
        "form-action 'none'",
    )


def _hash(name: str) -> str:
    # The template includes a file without its last line break.
    text = (_HERE / name).read_text(encoding="utf-8").removesuffix("\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _describe(record: Record) -> list[str]:
    """What a release changed."""
    return [
        f"{change.name}: {short(change.before) if change.before else 'new'} → "
        f"{short(change.after) if change.after else 'removed'}"
        for change in record.changes
    ] or [f"configuration: {path}" for path in record.config]


def _stops(journey: Journey, now: datetime) -> list[tuple[Arrival, int]]:
    """When each environment got the pin, and where that is on the line of time."""
    first = journey.arrivals[0].at
    span = max((now - first).total_seconds(), 1)
    return [
        (arrival, _LEFT + round((_RIGHT - _LEFT) * min(1, max(0, (arrival.at - first).total_seconds() / span))))
        for arrival in journey.arrivals
    ]
