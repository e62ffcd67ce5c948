"""Outcomes as text: what would change (a table and a diff), what is held, what failed, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import GAP, LONG, pad, place, short, widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config.values import Hold
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import Change, Failed, Held, Managed
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
_HEADINGS = ("IMAGE", "FROM", "TO", "WHERE AND WHY")
_INDENT = 4
#: A terminal with fewer columns has no table.
_TABLE = 100
#: Entries that share a problem and are named on a terminal; piped, all are.
_NAMED = 5


def print_outcome(head: Head, outcome: Outcome, screen: Screen, *, written: bool) -> None:
    """Print a plan with its diff (`written` is false), or what came of it."""
    if head.commit:
        screen.say(head.where)
    if not outcome.environments:
        for line in _NO_ENVIRONMENT:
            screen.say(line)
    for environment in outcome.environments:
        screen.say()
        _print_environment(environment, screen, written=written)
    for _, proposed in () if written else outcome.proposals:
        print_diff(proposed.files, screen)
    print_failed(outcome.environments, screen)
    failures = (failed for environment in outcome.environments for failed in environment.failed)
    told = any(failed.entry is None and failed.problem.code == "failed.auth" for failed in failures)
    if not outcome.saw_pull_requests and not told:
        screen.say()
        screen.say("No token is set, so open pull requests were not read. Set GITHUB_TOKEN to include them.")


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
        screen.say(f"{place(change.entry)}: {plain(change.entry.name)}{_new_name(change)} {pins}", hang=2)
    if edited.unchanged:
        screen.say(f"{edited.unchanged} already pinned as given")
    if diff:
        print_diff({edited.file: (edited.before, edited.after)}, screen)


def print_checked(head: Head, checked: Checked, screen: Screen) -> None:
    """Print how much was checked; `print_problems` prints the problems."""
    verdict = f"{len(head.problems)} wrong" if head.problems else "all good"
    screen.say(f"{checked.files} files, {checked.coverage.entries} entries: {verdict}")


def _print_environment(environment: EnvironmentOutcome, screen: Screen, *, written: bool) -> None:
    source = f" (from {plain(environment.promoted_from)})" if environment.promoted_from else ""
    screen.say(f"{plain(environment.name)}{source}", style="bold")
    for proposed in environment.proposals:
        _print_proposal(proposed, screen, written=written)
    _print_held(environment.held, screen)
    if environment.failed:
        screen.say(f"{len(environment.failed)} failed: see below", indent=2, style="red")
    others = {"ignored": environment.ignored, "unmanaged": len(environment.unmanaged)}
    kept = [f"{environment.unchanged} unchanged", *(f"{count} {what}" for what, count in others.items() if count)]
    screen.say(", ".join(kept), indent=2)


def _print_held(held: Sequence[Held], screen: Screen) -> None:
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


def _print_proposal(proposed: Proposal, screen: Screen, *, written: bool) -> None:
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


def print_changes(changes: Sequence[Change], screen: Screen) -> None:
    """Print a table. On a terminal, file and reason are on lines below each row.

    A terminal that is too narrow for the table gets a block for each change. Words are never broken.
    """
    cells = (
        (
            plain(change.entry.image) + _new_name(change),
            short(change.before),
            short(change.after),
            place(change.entry),
            plain(change.reason.text),
        )
        for change in changes
    )
    # Secrets are struck before padding and folding: half of one would not be recognised.
    rows = [tuple(map(redact.printable, row)) for row in cells]
    columns = widths([row[:3] for row in (_HEADINGS, *rows)])
    if screen.width is None:
        screen.say(pad(_HEADINGS, columns), indent=_INDENT)
        for *row, why in rows:
            screen.say(pad(row, columns), indent=_INDENT)
            screen.say(why, indent=_INDENT + sum(columns))
        return
    table = screen.width >= max(_TABLE, _INDENT + sum(columns) - GAP)
    if table:
        screen.say(pad(_HEADINGS[:3], columns), indent=_INDENT)
    for image, before, after, where, why in rows:
        if table:
            screen.say(pad((image, before, after), columns), indent=_INDENT)
        else:
            screen.say(image, indent=_INDENT, style="bold")
            screen.say(f"{before} -> {after}", indent=_INDENT + 2, hang=2)
        for line in (where, why):
            screen.say(line, indent=_INDENT + 2, hang=2)


def _new_name(change: Change) -> str:
    """The new name, where a person gave one."""
    return f" (now {plain(change.new_name)})" if change.new_name else ""


def print_failed(environments: Sequence[EnvironmentOutcome], screen: Screen) -> None:
    """Every failure of every environment, grouped by problem."""
    shared: dict[tuple[str, str, str], list[tuple[str, Failed]]] = {}
    for environment in environments:
        for failed in environment.failed:
            problem, entry = failed.problem, failed.entry
            # Without the image if it is that of the entry, which is printed anyway.
            named = entry is not None and problem.about.endswith(entry.image)
            key = (problem.code, problem.what if named else problem.message, problem.next)
            shared.setdefault(key, []).append((environment.name, failed))
    if shared:
        screen.say()
        screen.say("failed:", style="bold red")
    for (_, message, advice), affected in shared.items():
        _print_affected(plain(message, LONG), affected, screen)
        _print_next(advice, screen, indent=4)


def print_problems(problems: Iterable[Problem], screen: Screen) -> None:
    """Print what, where and what to do next. A terminal shows a problem once, with all its places."""
    shared: dict[object, list[Problem]] = {}
    for number, problem in enumerate(problems):
        # Piped, each place keeps its own line: other programs read them.
        key = number if screen.width is None else (problem.code, problem.message, problem.next)
        shared.setdefault(key, []).append(problem)
    for first, *others in shared.values():
        where = f"{plain(first.where)}: " if first.where else ""
        screen.say(f" {where}{plain(first.message, LONG)}", hang=2, lead="error:", style="bold red")
        if others:
            screen.say(f"also in {_list((problem.where for problem in others), screen)}", indent=2, hang=2)
        _print_next(first.next, screen, indent=2)


def _print_affected(message: str, affected: Sequence[tuple[str, Failed]], screen: Screen) -> None:
    """A problem and what it affects: one entry, several, or whole files or environments."""
    entries = [failed.entry for _, failed in affected if failed.entry is not None]
    places = [failed.problem.where for _, failed in affected if failed.problem.where]
    if len(entries) > 1 or len(places) > 1:
        screen.say(message, indent=2, hang=2)
        files = {failed.entry.file if failed.entry else failed.problem.file for _, failed in affected}
        count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        count = f"{len(entries)} entries in {count}" if entries else count
        screen.say(f"{count}: {_list(places or map(_name_of, entries), screen)}", indent=4, hang=2)
    elif entries:
        where = places[0] if places else place(entries[0])
        screen.say(f"{plain(_name_of(entries[0]))}: {message} ({plain(where)})", indent=2, hang=2)
    elif places:
        screen.say(f"{message} ({plain(places[0])})", indent=2, hang=2)
    else:
        names = dict.fromkeys(plain(name) for name, _ in affected)
        screen.say(f"{', '.join(names)}: {message}", indent=2, hang=2)


def _print_next(advice: str, screen: Screen, indent: int) -> None:
    if advice:
        screen.say(f"next: {plain(advice, LONG)}", indent=indent, hang=2)


def _list(texts: Iterable[str], screen: Screen) -> str:
    names = list(dict.fromkeys(plain(text) for text in texts))
    shown = names if screen.width is None else names[:_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def _name_of(entry: Managed) -> str:
    """The entry's name, and its repository where that is another."""
    return entry.name if entry.image == entry.name else f"{entry.name} ({entry.image})"
