"""Shows results as text, with problems on standard error, or as one JSON object.

What `plan`, `update` and the like did is told here: what changes, what is held, what failed, and what to do next.
Most other commands have a report of their own, which is imported with it: all take 30 ms.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from gitops_bot import redact
from gitops_bot.images.reason import counted, shortlist
from gitops_bot.proposals.reconcile import Open
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import GAP, LONG, Screen, align, frozen, place, short
from gitops_bot.results.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import Change, Failed, Held, Managed
    from gitops_bot.report.screen import Style
    from gitops_bot.results.checkout import Diagnosis, Edited, Verdict
    from gitops_bot.results.outcome import EnvironmentOutcome
    from gitops_bot.results.result import Head, Result
    from gitops_bot.results.shape import JsonObject

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
#: The mark of a finding of `doctor`, and its colour on a terminal.
_MARKS: Mapping[Verdict, tuple[str, Style]] = {
    "good": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "unknown": ("unknown", "cyan"),
    "wrong": ("error", "bold red"),
}
_HEADINGS = ("IMAGE", "FROM", "TO", "WHERE", "WHY")
_INDENT = 4
#: A terminal with fewer columns has no table.
_TABLE = 100
#: Entries that share a problem and are named on a terminal; piped, all are.
_NAMED = 5


def show(command: str, result: Result[Any], output: str, at: datetime, *, written: bool = True) -> None:
    """Show what a command did or found. If nothing was `written`, include the diff of what would be."""
    for ended in result.body.ended if command == "check" or isinstance(result.body, Outcome) else ():
        # A hold that has ended is no failure, but its author wants to know.
        file, line, column = ended.place
        why = f"the hold on {plain(hold.subject(ended))} ended {hold.end_text(ended.until)} ({plain(ended.why)})"
        errors = Screen.of(sys.stderr)
        errors.say(f" {plain(file)}:{line}:{column}: {why}", hang=2, lead="warning:", style="yellow")
        errors.say("next: remove it, or give it a later `until`", indent=2, hang=2)
    screen = Screen.of(sys.stdout)
    match output:
        case "json":
            from gitops_bot.report import document  # the shapes of all commands take 20 ms

            _print(document.of(command, result, at))
        case "markdown":
            from gitops_bot.report.status import markdown

            screen.out.write(redact.strike(markdown(result.body, result.head.problems)))
            show_problems(result.head.problems)
        case "html":
            from gitops_bot.report import page  # takes 0.1 s of CPU, and is needed only here

            screen.out.write(page.html(result))
            show_problems(result.head.problems)
        case _:
            _print_text(command, result, screen, written=written)


def _print_text(command: str, result: Result[Any], screen: Screen, *, written: bool) -> None:
    head, body = result.head, result.body
    match command:
        case "audit":
            from gitops_bot.report.history import print_audit

            print_audit(body, screen)
        case "check":
            from gitops_bot.report.configuration import print_coverage

            entries = f"{counted(body.files, 'file')}, {counted(body.coverage.entries, 'entry')}"
            screen.say(f"{entries}: {body.verdict(len(head.problems))}")
            print_coverage(body.coverage, screen)
        case "doctor":
            _print_diagnosis(body, screen)
            return  # the problems are among its findings
        case "edit":
            _print_edit(body, screen, diff=not written)
        case "explain":
            from gitops_bot.report.explain import print_explanations

            print_explanations(head, body, screen)
        case "history":
            from gitops_bot.report.history import print_history

            print_history(head, body, screen)
        case "init":
            from gitops_bot.report.configuration import print_initialised

            print_initialised(body, screen)
        case "status":
            from gitops_bot.report.status import print_status

            print_status(head, body, screen)
        case _:
            print_outcome(head, body, screen, written=written)
            _print_sums(body, screen, written=written)
            show_problems(body.problems)  # those of environments are among the failures
            return
    show_problems(head.problems)


def _print_sums(outcome: Outcome, screen: Screen, *, written: bool) -> None:
    if outcome.coverage is not None:
        from gitops_bot.report.configuration import print_coverage

        print_coverage(outcome.coverage, screen)
    if outcome.environments:
        screen.say()
        screen.say(totals(outcome, written=written), style="bold")


def _print_diagnosis(diagnosis: Diagnosis, screen: Screen) -> None:
    counts = Counter(_MARKS[finding.verdict][0] for finding in diagnosis)
    column = max(map(len, counts), default=0) + 2
    for finding in diagnosis:
        mark, style = _MARKS[finding.verdict]
        subject = "" if finding.subject == finding.name else f" {plain(finding.subject)}"
        text = f"{finding.name}{subject}: {plain(finding.text, LONG)}"
        screen.say(text, hang=column, lead=mark.ljust(column), style=style)
        if finding.next:
            screen.say(f"next: {plain(finding.next, LONG)}", indent=column)
    in_order = ((counts[mark], mark) for mark, _ in _MARKS.values() if counts[mark])
    nouns = ("warning", "error")
    screen.say(", ".join(counted(count, mark) if mark in nouns else f"{count} {mark}" for count, mark in in_order))


def show_notice(output: str, message: str, advice: str) -> None:
    """A note above the plan, with the next step; with JSON it goes to standard error."""
    screen = Screen.of(sys.stderr if output == "json" else sys.stdout)
    screen.say(f" {plain(message, LONG)}", hang=2, lead="note:", style="yellow")
    screen.say(f"next: {plain(advice, LONG)}", indent=2, hang=2)
    screen.say()


def show_json_failure(command: str, problems: Sequence[Problem], at: datetime) -> None:
    """Why a command could not start, as JSON."""
    from gitops_bot.report import document

    _print(document.of_failure(command, problems, at))


def _print(shown: JsonObject) -> None:
    shown = redact.strike_all(shown)
    # On one line for a program: indenting thousands of releases or pins takes 0.03 s.
    # Never whole: the text of 20,000 pins would be held twice.
    parts = chain(json.JSONEncoder(indent=2 if sys.stdout.isatty() else None).iterencode(shown), "\n")
    # In large pieces: if Python's output is unbuffered, as in the container, each piece is a system call.
    while piece := "".join(islice(parts, 10_000)):
        sys.stdout.write(piece)


def print_outcome(head: Head, outcome: Outcome, screen: Screen, *, written: bool) -> None:
    """Print a plan with its diff (`written` is false), or what came of it."""
    if head.commit:
        screen.say(head.where)
    for text in frozen(outcome.environments):
        screen.say(text, hang=2, style="yellow")
    if not outcome.environments:
        for line in _NO_ENVIRONMENT:
            screen.say(line)
    for environment in outcome.environments:
        screen.say()
        _print_environment(environment, screen, written=written)
    for environment, proposed in () if written else outcome.proposals:
        asked = {file for change in environment.asked(proposed) for file in change.pin_change.files}
        print_diff({file: texts for file, texts in proposed.files.items() if file in asked}, screen)
    print_failed(outcome.environments, screen)
    failures = (failed for environment in outcome.environments for failed in environment.failed)
    told = any(failed.entry is None and failed.problem.code == "failed.auth" for failed in failures)
    if not outcome.saw_pull_requests and not told:
        screen.say()
        why = "No token is set, so open pull requests were not read"
        screen.say(f"{why}. Set {outcome.token_variable} to include them.")


def totals(outcome: Outcome, *, written: bool) -> str:
    """What is written, or would be, and what is not, in numbers: `13 changes in 3 pull requests, 4 held`."""
    changes, proposals = Counter[str](), Counter[str]()
    for environment, proposed in outcome.proposals:
        held = {item.entry.key for item in environment.held}
        kind = "pull request" if proposed.action.name in ("open", "refresh") else proposed.action.name
        if not proposed.failed:
            proposals[kind] += 1
            changes[kind] += sum(change.entry.key not in held for change in environment.asked(proposed))
    parts = [
        f"{counted(changes[kind], 'change')} in {counted(proposals[kind], kind)}"
        for kind in ("pull request", "commit")
        if proposals[kind]
    ]
    if proposals["close"]:
        parts.append(f"{counted(proposals['close'], 'pull request')} {'closed' if written else 'to close'}")
    others = {
        "proposed already": changes["none"],
        "left alone": changes["leave"],
        "held": sum(len(environment.held) for environment in outcome.environments),
        "failed": sum(len(environment.failed) for environment in outcome.environments) + len(outcome.problems),
    }
    parts = [*(parts or ["no changes"]), *(f"{number} {what}" for what, number in others.items() if number)]
    return f"{'written: ' if written else ''}{', '.join(parts)}"


def _print_edit(edited: Edited, screen: Screen, *, diff: bool) -> None:
    for change in edited.changes:
        pins = f"{plain(str(change.before))} -> {plain(str(change.after))}"
        name = f" (now {plain(change.new_name)})" if change.new_name else ""
        screen.say(f"{place(change.entry)}: {plain(change.entry.name)}{name} {pins}", hang=2)
    if edited.unchanged:
        screen.say(f"{edited.unchanged} already pinned as given")
    if diff:
        print_diff({edited.file: (edited.before, edited.after)}, screen)


def _print_environment(environment: EnvironmentOutcome, screen: Screen, *, written: bool) -> None:
    source = f" (from {plain(environment.promoted_from)})" if environment.promoted_from else ""
    screen.say(f"{plain(environment.name)}{source}", style="bold")
    for proposed in environment.proposals:
        _print_proposal(proposed, environment, screen, written=written)
    if environment.held:
        screen.say("held:", indent=2, style="yellow")
        _print_held(environment.held, screen)
    counts = environment.entries
    if counts["failed"]:
        screen.say(f"{counts['failed']} failed: see below", indent=2, style="red")
    others = (f"{counts[kind]} {kind}" for kind in ("frozen", "ignored", "unmanaged") if counts[kind])
    screen.say(", ".join([f"{counts['unchanged']} unchanged", *others]), indent=2)


def _print_held(held: Sequence[Held], screen: Screen) -> None:
    """Each held entry; a terminal shows a reason once, below its entries."""
    rows: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for item in held:
        candidate = short(item.candidate) if item.candidate else "-"
        told = (f"{item.reason.code}: {plain(item.reason.text)}", *evidence.lines(item.seen, item.reason.text))
        row = (plain(item.entry.name), short(item.entry.pin), candidate, place(item.entry), "; ".join(told))
        rows.setdefault(told, []).append(row)
    if screen.width is None:
        screen.say_rows(chain(*rows.values()), _INDENT)
        return
    for (why, *seen), alike in rows.items():
        for name, before, after, where, _ in alike:
            screen.say(f"{name} {before}{'' if after == '-' else f' -> {after}'}  {where}", indent=4, hang=2)
        code, _, text = why.partition(":")
        screen.say(text, indent=6, hang=2, lead=f"{code}:", style="yellow")
        for line in seen:
            screen.say(line, indent=6, hang=2)


def _print_proposal(proposed: Proposal, environment: EnvironmentOutcome, screen: Screen, *, written: bool) -> None:
    lead = "not done" if proposed.failed else LABELS[proposed.action.name][written]
    target = f" {proposed.branch}" if proposed.branch else ""
    pull = f" #{proposed.pull_request.number} {proposed.pull_request.url}" if proposed.pull_request else ""
    commit = f" {proposed.commit[:10]}" if proposed.commit and proposed.action.name == "commit" else ""
    # Each change says why something was opened, refreshed or committed, and `failed` below says why it was not done.
    told_below = ("open", "refresh", "commit") if written else ()
    is_new = isinstance(proposed.action, Open) and proposed.action.push
    explained = proposed.failed or is_new or proposed.action.name in told_below
    why = "" if explained else f": {plain(proposed.action.reason.text)}"
    style = "red" if proposed.failed else _STYLES.get(proposed.action.name, "green")
    screen.say(f"{commit}{pull}{target}{why}", indent=2, hang=2, lead=lead, style=style)
    asked = environment.asked(proposed)
    if asked:
        print_changes(asked, screen)
    told = {change.entry.key for change in asked}
    if others := [change.entry.image for change in proposed.changes if change.entry.key not in told]:
        screen.say(f"it also has, from before: {_list(others, screen)}", indent=4, hang=2)
    for note in dict.fromkeys(note for change in proposed.changes for note in change.not_rolled_back):
        screen.say(f"not rolled back: {plain(note, LONG)}", indent=4, hang=2)


def print_changes(changes: Sequence[Change], screen: Screen) -> None:
    """Print a table. On a terminal, file and reason are on lines below each row; piped, a change is one line.

    A terminal that is too narrow for the table gets a block for each change. Words are never broken.
    """
    rows = []
    for change in changes:
        image = plain(change.entry.image) + (f" (now {plain(change.new_name)})" if change.new_name else "")
        why = plain(change.reason.text), *evidence.lines(change.seen)
        row = image, short(change.before), short(change.after), place(change.entry), *why
        # Secrets are struck before padding and folding: half of one would not be recognised.
        rows.append(tuple(map(redact.printable, row)))
    if screen.width is None:
        screen.say_rows([_HEADINGS, *((*row[:4], "; ".join(row[4:])) for row in rows)], _INDENT)
        return
    (heading, *lines), width = align([row[:3] for row in (_HEADINGS, *rows)])
    table = screen.width >= max(_TABLE, _INDENT + width - GAP)
    if table:
        screen.say(heading, indent=_INDENT)
    for line, (image, before, after, *told) in zip(lines, rows, strict=True):
        if table:
            screen.say(line, indent=_INDENT)
        else:
            screen.say(image, indent=_INDENT, style="bold")
            screen.say(f"{before} -> {after}", indent=_INDENT + 2, hang=2)
        for below in told:
            screen.say(below, indent=_INDENT + 2, hang=2)


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
    for (_, text, advice), affected in shared.items():
        message = plain(text, LONG)
        entries = [failed.entry for _, failed in affected if failed.entry is not None]
        places = [failed.problem.where for _, failed in affected if failed.problem.where]
        if screen.width is None:
            screen.say_rows([(*_subject(name, failed), message) for name, failed in affected], 2)
        elif max(len(entries), len(places)) > 1:
            screen.say(message, indent=2, hang=2)
            files = {failed.entry.file if failed.entry else failed.problem.file for _, failed in affected}
            count = counted(len(files), "file")
            count = f"{counted(len(entries), 'entry')} in {count}" if entries else count
            screen.say(f"{count}: {_list(places or map(_name_of, entries), screen)}", indent=4, hang=2)
        elif entries or places:
            subject = f"{plain(_name_of(entries[0]))}: " if entries else ""
            where = places[0] if places else place(entries[0])
            screen.say(f"{subject}{message} ({plain(where)})", indent=2, hang=2)
        else:
            names = dict.fromkeys(plain(name) for name, _ in affected)
            screen.say(f"{', '.join(names)}: {message}", indent=2, hang=2)
        _print_next(advice, screen, indent=4)


def show_problems(problems: Iterable[Problem], screen: Screen | None = None) -> None:
    """Print what, where and what to do next. A terminal shows a problem once, with all its places."""
    screen = screen or Screen.of(sys.stderr)
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


def _print_next(advice: str, screen: Screen, indent: int) -> None:
    if advice:
        screen.say(f"next: {plain(advice, LONG)}", indent=indent, hang=2)


def _list(texts: Iterable[str], screen: Screen) -> str:
    names = list(dict.fromkeys(plain(text) for text in texts))
    return shortlist(names, len(names) if screen.width is None else _NAMED)


def _subject(environment: str, failed: Failed) -> tuple[str, str]:
    """The entry that failed, else the environment; and where that is."""
    where = failed.problem.where or (place(failed.entry) if failed.entry else "-")
    return plain(_name_of(failed.entry) if failed.entry else environment), plain(where)


def _name_of(entry: Managed) -> str:
    """The entry's name, and its repository where that is another."""
    return entry.name if entry.image == entry.name else f"{entry.name} ({entry.image})"
