"""What each part of the page says, as plain values: the template only puts them into their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.images import duration
from gitops_bot.images.reference import is_digest
from gitops_bot.proposals.status import LONG_AGO
from gitops_bot.proposals.text import links
from gitops_bot.report.changes import short
from gitops_bot.report.status import age, behind, by_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.overview import Overview
    from gitops_bot.proposals.status import EntryStatus, EnvironmentStatus, Status
    from gitops_bot.releases.history.delivery import Delivery
    from gitops_bot.releases.history.record import Record
    from gitops_bot.report.status import Pinned

#: Rows of a list, different pins in one cell, and changes of one release; what is left out is counted.
_ROWS: Final = 50
_PINS: Final = 3
_CHANGES: Final = 5
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}(?:/[A-Za-z0-9._~/#@!$&*+,;=%-]{0,200})?\Z")


class Link(NamedTuple):
    """A text, and where it leads; None: nowhere."""

    text: str
    url: str | None


class Part(NamedTuple):
    """One pin in a cell of the matrix, and in how many overlays it is."""

    tag: str
    digest: str
    age: str
    behind: str
    drifts: bool
    proposal: Link | None
    held: bool
    overlays: int


class Cell(NamedTuple):
    """What an environment pins of an image; `more` are the different pins that are left out."""

    parts: Sequence[Part]
    more: int


class Row(NamedTuple):
    """One image."""

    image: str
    cells: Sequence[Cell]


class Head(NamedTuple):
    """One environment."""

    name: str
    source: str | None
    release: Link | None
    number: int | None
    released: str
    drifts: int


class Item(NamedTuple):
    """One entry in a list: where it is, and what there is to say of it."""

    image: str
    environment: str
    overlay: str
    pin: str
    other: str
    text: str
    since: str
    link: Link | None = None


class Released(NamedTuple):
    """One of the last releases."""

    at: str
    environment: str
    number: int | None
    commit: Link
    kind: str
    author: str
    pull: Link | None
    changes: Sequence[str]
    more: int


class Figures(NamedTuple):
    """How one environment was delivered to."""

    environment: str
    deployments: int
    a_day: str
    lead: str
    failures: str
    restore: str


@dataclass(frozen=True, slots=True)
class View:
    """All of the page but its pictures. A list is followed by how many of it are left out."""

    title: str
    home: str | None
    branch: str
    commit: Link
    at: str
    sees_pull_requests: bool
    history: bool
    days: int
    heads: Sequence[Head]
    rows: Sequence[Row]
    drift: tuple[Sequence[Item], int]
    proposals: tuple[Sequence[Item], int]
    holds: tuple[Sequence[Item], int]
    releases: Sequence[Released]
    figures: Sequence[Figures]
    problems: Sequence[tuple[str, str]]


def of(overview: Overview) -> View:
    """The page of an overview."""
    status = overview.status
    entries = [(environment, entry) for environment in status.environments for entry in environment.entries]
    drifting = sorted(
        (item for item in entries if item[1].drifts_since is not None),
        key=lambda item: item[1].drifts_since or LONG_AGO,
    )
    days = overview.deliveries[0].days if overview.deliveries else 0
    return View(
        title=status.repository or "Environments",
        home=_address(overview.home),
        branch=status.branch,
        commit=_commit(overview, status.commit),
        at=_moment(status.at),
        sees_pull_requests=status.sees_pull_requests,
        history=overview.history,
        days=days,
        heads=[_head(overview, environment) for environment in status.environments],
        rows=[_row(status, image, pinned) for image, pinned in by_image(status).items()],
        drift=_first([_item(*item, text=behind(item[1]), since=_since(status, item[1])) for item in drifting]),
        proposals=_first(
            [
                _item(*item, link=Link(f"#{pull.number}", _address(pull.url)))
                for item in entries
                if (pull := item[1].proposal) is not None
            ]
        ),
        holds=_first([_item(*item, text=hold.text) for item in entries if (hold := item[1].hold) is not None]),
        releases=[_released(overview, record) for record in overview.releases],
        figures=[_figures(delivery) for delivery in overview.deliveries],
        problems=[(problem.message, problem.next) for problem in status.problems],
    )


def _first(items: Sequence[Item]) -> tuple[Sequence[Item], int]:
    return items[:_ROWS], max(0, len(items) - _ROWS)


def _head(overview: Overview, environment: EnvironmentStatus) -> Head:
    newest = environment.newest
    return Head(
        name=environment.name,
        source=environment.source,
        release=_commit(overview, newest.commit) if newest is not None else None,
        number=newest.number if newest is not None else None,
        released=_moment(newest.at) if newest is not None else "",
        drifts=sum(entry.drifts_since is not None for entry in environment.entries),
    )


def _row(status: Status, image: str, pinned: Sequence[Pinned]) -> Row:
    by_environment = {
        environment: [item.entry for item in items]
        for environment, items in groupby(pinned, key=lambda item: item.environment.name)
    }
    return Row(image, [_cell(status, by_environment.get(environment.name, ())) for environment in status.environments])


def _cell(status: Status, entries: Sequence[EntryStatus]) -> Cell:
    alike: dict[tuple[object, ...], list[EntryStatus]] = {}
    for entry in entries:
        key = entry.pin, behind(entry), entry.drifts_since is None, entry.proposal, entry.hold is None
        alike.setdefault(key, []).append(entry)
    parts = [
        Part(
            tag=first.pin.tag or "",
            digest=_short(first.pin),
            age=age(status, first),
            behind=behind(first),
            drifts=first.drifts_since is not None,
            proposal=_pull(first),
            held=first.hold is not None,
            overlays=len(same),
        )
        for same in alike.values()
        for first in same[:1]
    ]
    return Cell(parts[:_PINS], max(0, len(parts) - _PINS))


def _pull(entry: EntryStatus) -> Link | None:
    pull = entry.proposal
    return Link(f"#{pull.number}", _address(pull.url)) if pull is not None else None


def _short(pin: Pin) -> str:
    """The first digits of a digest; a file may pin any text."""
    digest = pin.digest or ""
    return digest.partition(":")[2][:12] if is_digest(digest) else digest[:12]


def _item(
    environment: EnvironmentStatus, entry: EntryStatus, *, text: str = "", since: str = "", link: Link | None = None
) -> Item:
    other = short(entry.source_pin) if entry.source_pin is not None else ""
    return Item(entry.image, environment.name, entry.entry.overlay, short(entry.pin), other, text, since, link)


def _since(status: Status, entry: EntryStatus) -> str:
    if entry.drifts_since is None or entry.drifts_since == LONG_AGO:
        return "longer than the history"
    return duration.roughly(status.at - entry.drifts_since)


def _released(overview: Overview, record: Record) -> Released:
    release = record.release
    merge = overview.merges.get(record.id)
    pull = merge.pull_request if merge is not None else None
    changes = [
        f"{change.name}: {short(change.before) if change.before else 'new'} → "
        f"{short(change.after) if change.after else 'removed'}"
        for change in record.changes
    ] or [f"configuration: {path}" for path in record.config]
    return Released(
        at=_moment(record.at),
        environment=release.environment,
        number=release.number,
        commit=_commit(overview, record.id),
        kind=record.kind,
        author=release.step.who,
        pull=Link(f"#{pull.number}", _address(pull.url)) if pull is not None else None,
        changes=changes[:_CHANGES],
        more=max(0, len(changes) - _CHANGES),
    )


def _figures(delivery: Delivery) -> Figures:
    share = f"{delivery.failures / delivery.deployments:.0%}" if delivery.deployments else ""
    return Figures(
        environment=delivery.environment,
        deployments=delivery.deployments,
        a_day=f"{delivery.deployments / delivery.days:.1f}",
        lead=_span(delivery.lead),
        failures=f"{share} ({delivery.failures} of {delivery.deployments})" if share else "none released",
        restore=_span(delivery.restore),
    )


def _span(span: timedelta | None) -> str:
    return duration.roughly(span) if span is not None else "not known"


def _commit(overview: Overview, commit: str) -> Link:
    source = links.read(overview.home)
    return Link(commit[:10], source.commit(commit) if source is not None else None)


def _address(url: str | None) -> str | None:
    """An address that may be a link: of the web, and nothing in it that a browser would read in another way."""
    return url if url is not None and _ADDRESS.match(url) else None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
