"""What failed, for people: each problem once, with everything that it befell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.proposals.markdown import plain
from gitops_bot.report_changes import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.proposals.outcome import EnvironmentOutcome
    from gitops_bot.releases.plan import Entry, Failed
    from gitops_bot.report_screen import Screen

_LONG = 2000
#: How many entries that share a problem are named on a terminal; where it is piped, all are.
_NAMED = 5


@dataclass(slots=True)
class _Shared:
    """One problem, and the environments and entries that have it."""

    problem: Problem
    what: str
    environments: dict[str, None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)


def print_failed(environments: Sequence[EnvironmentOutcome], screen: Screen) -> None:
    """Every failure of every environment; those that share a problem together."""
    shared: dict[tuple[str, ...], _Shared] = {}
    for environment in environments:
        for failed in environment.failed:
            what, problem = _what(failed), failed.problem
            one = shared.setdefault((problem.code, what, problem.next, problem.where), _Shared(problem, what))
            one.environments[environment.name] = None
            if failed.entry is not None:
                one.entries.append(failed.entry)
    if shared:
        screen.say()
        screen.say("failed:", style="bold red")
    for one in shared.values():
        _one(one, screen)


def _what(failed: Failed) -> str:
    """The message; without the image where that is the entry's own, which is told beside it."""
    problem, entry = failed.problem, failed.entry
    return problem.what if entry is not None and problem.about.endswith(entry.image) else problem.message


def print_problems(problems: Iterable[Problem], screen: Screen) -> None:
    """What, where and what to do next."""
    for problem in problems:
        where = f"{plain(problem.where)}: " if problem.where else ""
        screen.say(f" {where}{plain(problem.message, _LONG)}", hang=2, lead="error:", style="bold red")
        _next(problem, screen, indent=2)


def _one(shared: _Shared, screen: Screen) -> None:
    what, problem, entries = plain(shared.what, _LONG), shared.problem, shared.entries
    if len(entries) > 1:
        screen.say(what, indent=2, hang=2)
        files = len({entry.file for entry in entries})
        count = f"{len(entries)} entries in {files} file{'' if files == 1 else 's'}"
        screen.say(f"{count}: {_listed(entries, screen)}", indent=4, hang=2)
    elif entries:
        where = plain(problem.where) or place(entries[0])
        screen.say(f"{_called(entries[0])}: {what} ({where})", indent=2, hang=2)
    elif problem.where:
        screen.say(f"{what} ({plain(problem.where)})", indent=2, hang=2)
    else:
        screen.say(f"{', '.join(map(plain, shared.environments))}: {what}", indent=2, hang=2)
    _next(problem, screen, indent=4)


def _next(problem: Problem, screen: Screen, indent: int) -> None:
    if problem.next:
        screen.say(f"next: {plain(problem.next, _LONG)}", indent=indent, hang=2)


def _listed(entries: Sequence[Entry], screen: Screen) -> str:
    names = list(dict.fromkeys(_called(entry) for entry in entries))
    shown = names if screen.width is None else names[:_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def _called(entry: Entry) -> str:
    """The entry's name, and its repository where that is another."""
    image = "" if entry.image == entry.name else f" ({plain(entry.image)})"
    return f"{plain(entry.name)}{image}"
