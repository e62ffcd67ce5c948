"""`audit` as text, the list of what to keep, and releases as CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.screen import LONG, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.audit import Audit, Verdict
    from gitops_bot.results.history import ReleaseMerge

_STYLES: Final[dict[Verdict, Style]] = {"missing": "red", "incomplete": "red", "unknown": "yellow"}
#: How a formula starts in a spreadsheet, full-width forms included.
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_COLUMNS: Final = (
    *("environment", "release", "commit", "at", "kind", "author", "approved_by", "merged_by", "pull_request"),
    *("overlay", "image", "from_tag", "from_digest", "to_tag", "to_digest"),
)


def print_audit(audit: Audit, screen: Screen) -> None:
    """Print how many entries of each environment can be pulled, and those that cannot; or the keep list or CSV."""
    if audit.keep is not None:
        screen.out.writelines(f"{kept}\n" for kept in audit.keep)  # nothing else: scripts read it
        return
    if audit.histories is not None:
        writer = csv.writer(screen.out, lineterminator="\r\n")
        writer.writerow(_COLUMNS)
        for history in audit.histories:
            for merged in history.releases:
                for row in _rows(history.environment, merged):
                    writer.writerow([_cell(text) for text in row])
        return
    for environment in audit.environments:
        pinned = [item for item in environment.entries if item.verdict != "unpinned"]
        present = sum(item.verdict == "present" for item in pinned)
        screen.say(f"{plain(environment.name)}: {present} of {len(pinned)} pinned images can be pulled", style="bold")
        for item in pinned:
            if item.verdict != "present":
                absent = f" ({plain(', '.join(item.absent))})" if item.absent else ""
                name = f"{plain(item.entry.name, 300)} in {plain(item.entry.overlay, 300)}"
                line = f"{item.verdict}{absent}: {name}, {short(item.entry.pin)}"
                screen.say(line, indent=2, hang=2, style=_STYLES[item.verdict])
    if not audit.environments:
        screen.say("no environments")


def _rows(environment: str, merged: ReleaseMerge) -> Iterator[tuple[str, ...]]:
    """One row for each changed entry of a release; if it changed no pin, one without an image."""
    record, merge = merged.record, merged.merge
    who = (record.release.step.who, ", ".join(merge.approved_by), merge.merged_by or "")
    url = merge.pull_request.url if merge.pull_request is not None else ""
    at = record.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    number = "" if record.release.number is None else str(record.release.number)
    head = (environment, number, record.release.commit, at, record.kind, *who, url)
    if not record.changes:
        yield (*head, *[""] * (len(_COLUMNS) - len(head)))
    for change in record.changes:
        pins = [
            (pin.tag or "", pin.digest or "") if pin is not None else ("", "") for pin in (change.before, change.after)
        ]
        yield (*head, change.overlay, change.name, *pins[0], *pins[1])


def _cell(text: str) -> str:
    """The text on one line, with an apostrophe in front if a spreadsheet would take it for a formula."""
    shown = plain(redact.strike(text), LONG)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
