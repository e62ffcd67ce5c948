"""The page: everything that `status` knows as one self-contained HTML file, readable without scripts.

The template gets the plain values of an overview, and what it needs besides: groups, links, texts, and where charts are
drawn.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.images.reference import is_digest
from gitops_bot.proposals.text.markdown import plain, source_repository
from gitops_bot.report.screen import short
from gitops_bot.report.status import age, behind, by_image
from gitops_bot.results.status import LONG_AGO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.delivery import Delivery, Journey
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import EntryStatus, Overview, Status

_HERE: Final = Path(__file__).parent
_STYLE, _SCRIPT = "page.css", "page.js"
#: Characters of one text on the page.
_LONG: Final = 1000
#: Rows of a list, and different pins in one cell; what is left out is counted.
_ROWS, _PINS = 50, 3
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}(?:/[A-Za-z0-9._~/#@!$&*+,;=%-]{0,200})?\Z")

#: Where the line of time begins and ends, and the height of one environment; in the units of the picture.
_LEFT, _RIGHT, _STEP = 95, 372, 22
#: The height of the highest bar.
_HEIGHT = 60
#: How many journeys are drawn.
_DRAWN: Final = 12


class _Part(NamedTuple):
    """One pin in a cell of the matrix: an entry that has it, how far it is behind, and in how many overlays it is."""

    entry: EntryStatus
    lag: str
    overlays: int


class _Stop(NamedTuple):
    """Where one environment got the pin."""

    name: str
    at: str
    x: int
    y: int


class _Bar(NamedTuple):
    """The releases of one day."""

    day: date
    releases: int
    height: int


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
    status, source = overview.status, source_repository(overview.home)
    templates.globals.update(
        rows=_ROWS,
        pins=_PINS,
        address=_address,
        age=partial(age, status),
        behind=behind,
        commit_url=source.commit if source is not None else lambda _commit: None,
        day=lambda date: f"{date:%b} {date.day}",
        described=_describe,
        digest=_digest,
        failures=_failures,
        moment=_moment,
        short=short,
        since=partial(_since, status),
        span=_span,
    )
    # The journeys that are drawn: preferably those through several environments.
    ways = [journey for journey in overview.journeys if len(journey.arrivals) > 1] or overview.journeys
    entries = [(environment, entry) for environment in status.environments for entry in environment.entries]
    return templates.get_template("page.html.j2").render(
        head=head,
        overview=overview,
        status=status,
        title=head.repository or "Environments",
        matrix=_matrix(status),
        drift=sorted(
            (item for item in entries if item[1].drifts_since), key=lambda item: item[1].drifts_since or LONG_AGO
        ),
        proposals=[item for item in entries if item[1].proposal],
        holds=[item for item in entries if item[1].hold],
        journeys=[(journey, _stops(journey, status.at)) for journey in ways[:_DRAWN]],
        bars=_bars(overview),
        # The content security policy: nothing from outside, and only this page's own style and script.
        policy=f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; base-uri 'none'; "
        "form-action 'none'",
    )


def _hash(name: str) -> str:
    # The template includes a file without its last line break.
    text = (_HERE / name).read_text(encoding="utf-8").removesuffix("\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _matrix(status: Status) -> Iterator[tuple[str, Sequence[Sequence[_Part]]]]:
    """Each image, with the different pins of it in every environment."""
    for image, pinned in by_image(status).items():
        groups = groupby(pinned, lambda item: item.environment.name)
        entries = {name: [item.entry for item in items] for name, items in groups}
        yield image, [_parts(entries.get(environment.name, ())) for environment in status.environments]


def _parts(entries: Sequence[EntryStatus]) -> list[_Part]:
    alike: dict[tuple[object, ...], list[EntryStatus]] = {}
    for entry in entries:
        key = entry.pin, behind(entry), entry.drifts_since is None, entry.proposal, entry.hold is None
        alike.setdefault(key, []).append(entry)
    return [_Part(same[0], str(key[1]), len(same)) for key, same in alike.items()]


def _digest(pin: Pin) -> str:
    """The first digits of a digest; a file may pin any text."""
    digest = pin.digest or ""
    return digest.partition(":")[2][:12] if is_digest(digest) else digest[:12]


def _since(status: Status, entry: EntryStatus) -> str:
    if entry.drifts_since is None or entry.drifts_since == LONG_AGO:
        return "longer than the history"
    return duration.roughly(status.at - entry.drifts_since)


def _describe(record: Record) -> list[str]:
    """What a release changed."""
    return [
        f"{change.name}: {short(change.before) if change.before else 'new'} → "
        f"{short(change.after) if change.after else 'removed'}"
        for change in record.changes
    ] or [f"configuration: {path}" for path in record.config]


def _failures(delivery: Delivery) -> str:
    if not delivery.deployments:
        return "none released"
    share = delivery.failures / delivery.deployments
    return f"{share:.0%} ({delivery.failures} of {delivery.deployments})"


def _span(span: timedelta | None) -> str:
    return duration.roughly(span) if span is not None else "not known"


def _address(url: str | None) -> str | None:
    """The address if it may be a link: a plain web address that every browser reads the same way."""
    return url if url is not None and _ADDRESS.match(url) else None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _bars(overview: Overview) -> Sequence[_Bar]:
    """Releases per day, where there is a history."""
    days = overview.deliveries[0].days if overview.deliveries else -1
    today = overview.status.at.date()
    counts = {day: overview.per_day.get(day, 0) for day in (today - timedelta(back) for back in range(days, -1, -1))}
    highest = max(counts.values(), default=0)
    return [_Bar(day, count, round(_HEIGHT * count / highest) if highest else 0) for day, count in counts.items()]


def _stops(journey: Journey, now: datetime) -> list[_Stop]:
    first = journey.arrivals[0].at
    span = max((now - first).total_seconds(), 1)
    return [
        _Stop(
            plain(redact.strike(arrival.environment), 15),
            f"{arrival.at:%Y-%m-%d %H:%M}",
            _LEFT + round((_RIGHT - _LEFT) * min(1, max(0, (arrival.at - first).total_seconds() / span))),
            _STEP * at + _STEP // 2,
        )
        for at, arrival in enumerate(journey.arrivals)
    ]
