"""`history` as text: the releases of an environment, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.history.changes import EntryChange
    from gitops_bot.releases.history.record import Between, Kind
    from gitops_bot.releases.history.releases import Content
    from gitops_bot.report.screen import Screen, Style
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


def print_history(head: Head, history: History, screen: Screen) -> None:
    """Each release: when, who, of what kind, and what it changed."""
    screen.say(f"{plain(history.environment)}: releases of {head.where}")
    if not history.records:
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
        screen.say("older releases are missing; fetch the full history (`fetch-depth: 0`) to number these")


def _print_content(content: Content, exported: str | None, screen: Screen) -> None:
    screen.say()
    what = f"{len(content.files)} files of {len(content.overlays)} overlays"
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
    screen.say()
    screen.say(
        f"  {release.at:%Y-%m-%d %H:%M} UTC  {record.kind}  by {plain(release.step.who)}",
        lead=name,
        style=_STYLES.get(record.kind, "bold"),
    )
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
