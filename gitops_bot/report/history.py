"""`history` and `audit`: releases as text, the newest first, or as CSV; pins that can be pulled; the list to keep."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from gitops_bot import redact
from gitops_bot.images.reason import counted, rfc3339
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import LONG, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitops_bot.releases.history.changes import EntryChange
    from gitops_bot.releases.history.record import Between, Kind
    from gitops_bot.releases.history.releases import Content
    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.audit import Audit, Verdict
    from gitops_bot.results.history import History, ReleaseMerge
    from gitops_bot.results.result import Head
    from gitops_bot.targets import WhyUnfollowed

_STYLES: Final[dict[Kind, Style]] = {"rollback": "yellow", "manual": "cyan"}
#: Paths of configuration that are listed for one release.
_SHOWN: Final = 5
#: References that are not reproducible, of one release.
_UNFOLLOWED: Final = 20
_WHY: Final[dict[WhyUnfollowed, str]] = {
    "remote": "on another server",
    "outside": "outside the repository",
    "absent": "not in the commit",
    "link": "a symbolic link or submodule",
    "unreadable": "its references are unknown",
}
_VERDICTS: Final[dict[Verdict, Style]] = {"missing": "red", "no_image": "red", "incomplete": "red", "unknown": "yellow"}
#: How a formula starts in a spreadsheet, full-width forms included.
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_COLUMNS: Final = (
    *("environment", "release", "commit", "at", "kind", "author", "approved_by", "merged_by", "pull_request"),
    *("overlay", "image", "from_tag", "from_digest", "to_tag", "to_digest"),
)


def print_history(head: Head, history: History, screen: Screen) -> None:
    """Each release: when, who, of what kind, and what it changed."""
    screen.say(f"{plain(history.environment)}: releases of {head.where}")
    if not history.releases:
        screen.say("no releases: none of these commits changed a file of its overlays")
    for release in history.releases:
        _print_release(release, screen)
    if history.content is not None:
        _print_content(history.content, history.exported, screen)
    if history.files is not None:
        print_diff(history.files, screen)
    if history.between is not None:
        _print_between(history.between, screen)
    if history.bounded:
        screen.say()
        screen.say(f"older releases are missing, so only tags number these; {history.more}")


def _print_content(content: Content, exported: str | None, screen: Screen) -> None:
    screen.say()
    what = f"{counted(len(content.files), 'file')} of {counted(len(content.overlays), 'overlay')}"
    screen.say(what if exported is None else f"exported {what} to {plain(exported)}")
    for item in content.unfollowed[:_UNFOLLOWED]:
        place = f"{plain(item.file)}:{item.line}"
        screen.say(f"not reproducible: {plain(item.reference)} ({_WHY[item.why]}), {place}", indent=2, hang=2)
    if len(content.unfollowed) > _UNFOLLOWED:
        screen.say(f"not reproducible: {len(content.unfollowed) - _UNFOLLOWED} more", indent=2)


def _print_between(between: Between, screen: Screen) -> None:
    screen.say()
    screen.say(f"from release {between.older.commit[:10]} to {between.newer.commit[:10]}:", style="bold")
    for change in between.changes:
        screen.say(_change(change), indent=2, hang=2)
    for image in between.images:
        name = f"{plain(image.change.name, 300)} in {plain(image.change.overlay, 300)}"
        screen.say(f"{name}: {plain(image.compare_url or image.source, 500)}", indent=2, hang=2)
        for subject in image.commits:
            screen.say(plain(subject), indent=4, hang=2)
    if between.config:
        screen.say(f"configuration: {_config(between.config)}", indent=2, hang=2)
    if not between.changes and not between.config:
        screen.say("nothing changed", indent=2)


def _config(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{plain(', '.join(paths[:_SHOWN]), 1000)}{more}"


def _print_release(merged: ReleaseMerge, screen: Screen) -> None:
    record, merge = merged.record, merged.merge
    release = record.release
    name = release.commit[:10] if release.number is None else f"{release.number}  {release.commit[:10]}"
    who = f"  {release.at:%Y-%m-%d %H:%M} UTC  {record.kind}  by {plain(release.step.who)}"
    screen.say()
    screen.say(who, lead=name, style=_STYLES.get(record.kind, "bold"))
    if merge.pull_request is not None:
        people = f", merged by {plain(merge.merged_by)}" if merge.merged_by else ""
        people += f", approved by {plain(', '.join(merge.approved_by))}" if merge.approved_by else ""
        screen.say(f"#{merge.pull_request.number} {plain(merge.pull_request.url)}{people}", indent=2, hang=2)
    if merged.content_digest is not None:
        screen.say(f"content {merged.content_digest}", indent=2, hang=2)
    for change in record.changes:
        screen.say(_change(change), indent=2, hang=2)
    if record.config:
        screen.say(f"configuration: {_config(record.config)}", indent=2, hang=2)
    if record.from_release is not None:
        screen.say(f"promoted from release {record.from_release[:10]}", indent=2)
    if record.rollback_of is not None:
        screen.say(f"takes back release {record.rollback_of[:10]}", indent=2)


def _change(change: EntryChange) -> str:
    name = f"{plain(change.name, 300)} in {plain(change.overlay, 300)}"
    if change.before is None:
        return f"{name}: new, {short(change.after)}" if change.after is not None else f"{name}: new"
    if change.after is None:
        return f"{name}: removed, was {short(change.before)}"
    return f"{name}: {short(change.before)} -> {short(change.after)}"


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
                writer.writerows(map(_cell, row) for row in _rows(history.environment, merged))
        return
    for environment in audit.environments:
        screen.say(f"{plain(environment.name)}: {environment.headline}", style="bold")
        for item in environment.entries:
            if item.verdict not in ("present", "unpinned"):
                absent = f" ({plain(', '.join(item.absent))})" if item.absent else ""
                name = f"{plain(item.entry.name, 300)} in {plain(item.entry.overlay, 300)}"
                line = f"{item.verdict}{absent}: {name}, {short(item.entry.pin)}"
                screen.say(line, indent=2, hang=2, style=_VERDICTS[item.verdict])
    if not audit.environments:
        screen.say("no environments")


def _rows(environment: str, merged: ReleaseMerge) -> Iterator[tuple[str, ...]]:
    """One row for each changed entry of a release; if it changed no pin, one without an image."""
    record, merge = merged.record, merged.merge
    who = (record.release.step.who, ", ".join(merge.approved_by), merge.merged_by or "")
    url = merge.pull_request.url if merge.pull_request is not None else ""
    number = "" if record.release.number is None else str(record.release.number)
    head = (environment, number, record.release.commit, rfc3339(record.at), record.kind, *who, url)
    if not record.changes:
        yield (*head, *[""] * (len(_COLUMNS) - len(head)))
    for change in record.changes:
        before, after = change.before or Pin(), change.after or Pin()
        pins = (before.tag, before.digest, after.tag, after.digest)
        yield (*head, change.overlay, change.name, *(text or "" for text in pins))


def _cell(text: str) -> str:
    """The text on one line, with an apostrophe in front if a spreadsheet would take it for a formula."""
    shown = plain(redact.strike(text), LONG)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
