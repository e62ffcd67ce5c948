"""Outcomes as text: what would change (a table and a diff), what is held, what failed, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold
from gitops_bot.report.changes import place, print_changes, print_diff, renamed, short
from gitops_bot.report.failed import print_failed
from gitops_bot.report.screen import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config.values import Hold
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import Held
    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.checkout import Checked, Edited
    from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
    from gitops_bot.results.result import Head

_NO_ENVIRONMENT = (
    "No environments found: there is no gitops-bot.yaml, and no overlay is in a directory named like an environment",
    "(dev, staging, production, ...). Name environments and their overlays in gitops-bot.yaml.",
)
#: What an action is called before it is done, and after.
LABELS: Mapping[ActionName, tuple[str, str]] = {
    "open": ("would open a pull request", "opened"),
    "refresh": ("would refresh the pull request", "refreshed"),
    "close": ("would close the pull request", "closed"),
    "leave": ("would leave it alone", "left alone"),
    "commit": ("would commit", "committed"),
    "none": ("nothing to write", "nothing to write"),
}
#: Others are green.
_STYLES: Mapping[ActionName, Style | None] = {"close": "yellow", "leave": "yellow", "none": None}


def print_outcome(head: Head, outcome: Outcome, screen: Screen, *, written: bool) -> None:
    """Print a plan with its diff (`written` is false), or what came of it."""
    if head.commit:
        screen.say(head.where)
    if not outcome.environments:
        for line in _NO_ENVIRONMENT:
            screen.say(line)
    for environment in outcome.environments:
        screen.say()
        _environment(environment, screen, written=written)
    for _, proposed in () if written else outcome.proposals:
        print_diff(proposed.files, screen)
    print_failed(outcome.environments, screen)
    if not outcome.saw_pull_requests and not _lacks_token(outcome):
        screen.say()
        screen.say("No token is set, so open pull requests were not read. Set GITHUB_TOKEN to include them.")


def _lacks_token(outcome: Outcome) -> bool:
    """Whether a proposal failed because there is no token."""
    failures = (failed for environment in outcome.environments for failed in environment.failed)
    return any(failed.entry is None and failed.problem.code == "failed.auth" for failed in failures)


def print_notice(message: str, advice: str, screen: Screen) -> None:
    """A note above the outcome, with the next step."""
    screen.say(f" {plain(message, LONG)}", hang=2, lead="note:", style="yellow")
    screen.say(f"next: {plain(advice, LONG)}", indent=2, hang=2)
    screen.say()


def print_ended(holds: Iterable[Hold], screen: Screen) -> None:
    """Print the holds that have ended: no failure, but their authors want to know."""
    for written in holds:
        file, line, column = written.place
        subject = f"{written.environment} {written.image}" if written.image else written.environment
        why = f"the hold on {plain(subject)} ended {hold.shown(written.until)} ({plain(written.why)})"
        screen.say(f" {plain(file)}:{line}:{column}: {why}", hang=2, lead="warning:", style="yellow")
        screen.say("next: remove it, or give it a later `until`", indent=2, hang=2)


def print_edit(edited: Edited, screen: Screen, *, diff: bool) -> None:
    """Print one line per change, and the diff."""
    for change in edited.changes:
        pins = f"{plain(str(change.before))} -> {plain(str(change.after))}"
        screen.say(f"{place(change.entry)}: {plain(change.entry.name)}{renamed(change)} {pins}", hang=2)
    if edited.unchanged:
        screen.say(f"{edited.unchanged} already pinned as given")
    if diff:
        print_diff({edited.file: (edited.before, edited.after)}, screen)


def print_checked(head: Head, checked: Checked, screen: Screen) -> None:
    """Print how much was checked; `print_problems` prints the problems."""
    verdict = f"{len(head.problems)} wrong" if head.problems else "all good"
    screen.say(f"{checked.files} files, {checked.coverage.entries} entries: {verdict}")


def _environment(environment: EnvironmentOutcome, screen: Screen, *, written: bool) -> None:
    source = f" (from {plain(environment.promoted_from)})" if environment.promoted_from else ""
    screen.say(f"{plain(environment.name)}{source}", style="bold")
    for proposed in environment.proposals:
        _proposed(proposed, screen, written=written)
    _held(environment.held, screen)
    if environment.failed:
        screen.say(f"{len(environment.failed)} failed: see below", indent=2, style="red")
    others = {"ignored": environment.ignored, "unmanaged": len(environment.unmanaged)}
    kept = [f"{environment.unchanged} unchanged", *(f"{count} {what}" for what, count in others.items() if count)]
    screen.say(", ".join(kept), indent=2)


def _held(held: Sequence[Held], screen: Screen) -> None:
    """Print the held entries, grouped by their reason."""
    reasons: dict[tuple[str, str], list[Held]] = {}
    for item in held:
        reasons.setdefault((item.reason.code, item.reason.text), []).append(item)
    if held:
        screen.say("held:", indent=2, style="yellow")
    for (code, text), entries in reasons.items():
        for item in entries:
            candidate = f" -> {short(item.candidate)}" if item.candidate else ""
            pins = f"{plain(item.entry.name)} {short(item.current)}{candidate}"
            screen.say(f"{pins}  {place(item.entry)}", indent=4, hang=2)
        screen.say(f" {plain(text)}", indent=6, hang=2, lead=f"{code}:", style="yellow")


def _proposed(proposed: Proposal, screen: Screen, *, written: bool) -> None:
    lead = "not done" if proposed.failed else LABELS[proposed.action.name][written]
    target = f" {proposed.branch}" if proposed.branch else ""
    pull = f" #{proposed.pull_request.number} {proposed.pull_request.url}" if proposed.pull_request else ""
    commit = f" {proposed.commit[:10]}" if proposed.commit and proposed.action.name == "commit" else ""
    # Each change says why something was opened, refreshed or committed, and `failed` below says why it was not done.
    explained = proposed.failed or (written and proposed.action.name in ("open", "refresh", "commit"))
    why = "" if explained else f": {plain(proposed.action.reason.text)}"
    style = "red" if proposed.failed else _STYLES.get(proposed.action.name, "green")
    screen.say(f"{commit}{pull}{target}{why}", indent=2, hang=2, lead=lead, style=style)
    if proposed.changes:
        print_changes(proposed.changes, screen)
    for note in dict.fromkeys(note for change in proposed.changes for note in change.not_rolled_back):
        screen.say(f"not rolled back: {plain(note, LONG)}", indent=4, hang=2)
