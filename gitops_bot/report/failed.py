"""Prints failures: each problem once, with everything that it affects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.changes import place
from gitops_bot.report.screen import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.releases.decisions import Entry, Failed
    from gitops_bot.report.screen import Screen
    from gitops_bot.results.outcome import EnvironmentOutcome

#: Entries that share a problem and are named on a terminal; piped, all are.
_NAMED = 5


def print_failed(environments: Sequence[EnvironmentOutcome], screen: Screen) -> None:
    """Every failure of every environment, grouped by problem."""
    shared: dict[tuple[str, str, str], list[tuple[str, Failed]]] = {}
    for environment in environments:
        for failed in environment.failed:
            problem = failed.problem
            shared.setdefault((problem.code, _message(failed), problem.next), []).append((environment.name, failed))
    if shared:
        screen.say()
        screen.say("failed:", style="bold red")
    for (_, message, advice), affected in shared.items():
        _affected(plain(message, LONG), affected, screen)
        _next(advice, screen, indent=4)


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
            screen.say(f"also in {_listed((problem.where for problem in others), screen)}", indent=2, hang=2)
        _next(first.next, screen, indent=2)


def _message(failed: Failed) -> str:
    """The message, without the image if it is that of the entry, which is printed anyway."""
    problem, entry = failed.problem, failed.entry
    return problem.what if entry is not None and problem.about.endswith(entry.image) else problem.message


def _affected(message: str, affected: Sequence[tuple[str, Failed]], screen: Screen) -> None:
    """A problem and what it affects: one entry, several, or whole files or environments."""
    entries = [failed.entry for _, failed in affected if failed.entry is not None]
    places = [failed.problem.where for _, failed in affected if failed.problem.where]
    if len(entries) > 1 or len(places) > 1:
        screen.say(message, indent=2, hang=2)
        files = {failed.entry.file if failed.entry else failed.problem.file for _, failed in affected}
        count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        count = f"{len(entries)} entries in {count}" if entries else count
        screen.say(f"{count}: {_listed(places or map(_called, entries), screen)}", indent=4, hang=2)
    elif entries:
        where = places[0] if places else place(entries[0])
        screen.say(f"{plain(_called(entries[0]))}: {message} ({plain(where)})", indent=2, hang=2)
    elif places:
        screen.say(f"{message} ({plain(places[0])})", indent=2, hang=2)
    else:
        names = dict.fromkeys(plain(name) for name, _ in affected)
        screen.say(f"{', '.join(names)}: {message}", indent=2, hang=2)


def _next(advice: str, screen: Screen, indent: int) -> None:
    if advice:
        screen.say(f"next: {plain(advice, LONG)}", indent=indent, hang=2)


def _listed(texts: Iterable[str], screen: Screen) -> str:
    names = list(dict.fromkeys(plain(text) for text in texts))
    shown = names if screen.width is None else names[:_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def _called(entry: Entry) -> str:
    """The entry's name, and its repository where that is another."""
    return entry.name if entry.image == entry.name else f"{entry.name} ({entry.image})"
