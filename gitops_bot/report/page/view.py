"""What the template needs besides the plain values of an overview: groups, links and texts."""

from __future__ import annotations

import re
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_bot.images import duration
from gitops_bot.images.reference import is_digest
from gitops_bot.proposals.text import links
from gitops_bot.report.changes import short
from gitops_bot.report.status import age, behind, by_image
from gitops_bot.results.status import LONG_AGO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.delivery import Delivery
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.status import EntryStatus, Overview, Status

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}(?:/[A-Za-z0-9._~/#@!$&*+,;=%-]{0,200})?\Z")


class Part(NamedTuple):
    """One pin in a cell of the matrix: an entry that has it, how far it is behind, and in how many overlays it is."""

    entry: EntryStatus
    lag: str
    overlays: int


def functions(overview: Overview) -> Mapping[str, Callable[..., Any]]:
    """The functions of the template, by name."""
    source = links.read(overview.home)
    return {
        "address": _address,
        "age": partial(age, overview.status),
        "behind": behind,
        "commit_url": source.commit if source is not None else lambda _commit: None,
        "day": lambda date: f"{date:%b} {date.day}",
        "described": _described,
        "digest": _digest,
        "failures": _failures,
        "moment": _moment,
        "short": short,
        "since": partial(_since, overview.status),
        "span": _span,
    }


def matrix(status: Status) -> Iterator[tuple[str, Sequence[Sequence[Part]]]]:
    """Each image, with the different pins of it in every environment."""
    for image, pinned in by_image(status).items():
        groups = groupby(pinned, lambda item: item.environment.name)
        entries = {name: [item.entry for item in items] for name, items in groups}
        yield image, [_parts(entries.get(environment.name, ())) for environment in status.environments]


def _parts(entries: Sequence[EntryStatus]) -> list[Part]:
    alike: dict[tuple[object, ...], list[EntryStatus]] = {}
    for entry in entries:
        key = entry.pin, behind(entry), entry.drifts_since is None, entry.proposal, entry.hold is None
        alike.setdefault(key, []).append(entry)
    return [Part(same[0], str(key[1]), len(same)) for key, same in alike.items()]


def _digest(pin: Pin) -> str:
    """The first digits of a digest; a file may pin any text."""
    digest = pin.digest or ""
    return digest.partition(":")[2][:12] if is_digest(digest) else digest[:12]


def _since(status: Status, entry: EntryStatus) -> str:
    if entry.drifts_since is None or entry.drifts_since == LONG_AGO:
        return "longer than the history"
    return duration.roughly(status.at - entry.drifts_since)


def _described(record: Record) -> list[str]:
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
