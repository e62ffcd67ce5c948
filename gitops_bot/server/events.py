"""The events of a cycle: everything that was written, and what fails or is held unless the last cycle logged it.

A process that polls every five minutes would repeat itself all night otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from gitops_bot.results.outcome import WRITING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.releases.decisions import Failed, Held, Managed
    from gitops_bot.results.outcome import EnvironmentOutcome, Outcome

#: Failures, and holds, that one cycle logs at most: a registry that is down fails a thousand entries at once.
MOST = 100


#: Every event, with its log level.
LEVELS: Final[Mapping[str, Literal["info", "warning"]]] = {
    "proposal.written": "info",
    "proposal.planned": "info",
    "entry.failed": "warning",
    "entry.failed.more": "warning",
    "entry.held": "info",
    "entry.held.more": "info",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its facts."""

    name: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Events:
    """Remembers what the last cycle logged."""

    _known: frozenset[object] = field(default_factory=frozenset)

    def of(self, outcome: Outcome, *, written: bool) -> Iterator[Event]:
        """What is new; `written` is false for a dry run."""
        for environment in outcome.environments:
            yield from _proposal_events(environment, "proposal.written" if written else "proposal.planned")
        present: dict[object, Event] = {}
        for key, event in _failed_and_held(outcome):
            present.setdefault(key, event)
        new = [event for key, event in present.items() if key not in self._known]
        self._known = frozenset(present)
        for name in ("entry.failed", "entry.held"):
            own = [event for event in new if event.name == name]
            yield from own[:MOST]
            if len(own) > MOST:
                yield Event(f"{name}.more", {"count": len(own) - MOST})


def counts(outcome: Outcome, *, written: bool) -> dict[str, int]:
    """The outcome of the whole cycle in numbers; `written` is false for a dry run."""
    entries = dict.fromkeys(("changed", "held", "failed", "unchanged", "ignored", "unmanaged"), 0)
    for environment in outcome.environments:
        for name, count in environment.entries.items():
            entries[name] += count
    return {
        "written": sum(proposed.action.name in WRITING for _, proposed in outcome.proposals) if written else 0,
        **entries,
        "open_proposals": sum(environment.open_proposals for environment in outcome.environments),
    }


def _proposal_events(environment: EnvironmentOutcome, name: str) -> Iterator[Event]:
    for proposed in environment.proposals:
        if proposed.action.name not in WRITING:
            continue
        pull = proposed.pull_request
        yield Event(
            name,
            {
                "environment": environment.name,
                "group": proposed.group,
                "action": proposed.action.name,
                "branch": proposed.branch,
                "commit": proposed.commit,
                "pull_request": pull.number if pull is not None else None,
                "url": pull.url if pull is not None else None,
                "changes": len(proposed.changes),
                "reason": proposed.action.reason.text,
            },
        )


def _failed_and_held(outcome: Outcome) -> Iterator[tuple[object, Event]]:
    """Failures and holds, each with a key that stays the same while nothing changes."""
    for problem in outcome.problems:
        facts = {"environment": None, "code": problem.code, "message": problem.message, "next": problem.next}
        yield problem, Event("entry.failed", {**facts, **_place(None, problem.file)})
    for environment in outcome.environments:
        for failed in environment.failed:
            yield (environment.name, failed), _failed_event(environment.name, failed)
        for held in environment.held:
            # Not by its text, which may count hours.
            key = (environment.name, held.entry.key, held.reason.code, held.candidate)
            yield key, _held_event(environment.name, held)


def _failed_event(environment: str, failed: Failed) -> Event:
    problem = failed.problem
    facts = {"environment": environment, "code": problem.code, "message": problem.message, "next": problem.next}
    return Event("entry.failed", {**facts, **_place(failed.entry, problem.file), "line": problem.line})


def _held_event(environment: str, held: Held) -> Event:
    facts = {"environment": environment, "code": held.reason.code, "message": held.reason.text}
    tag = held.candidate.tag if held.candidate is not None else None
    return Event("entry.held", {**facts, **_place(held.entry, held.entry.file), "candidate": tag})


def _place(entry: Managed | None, file: str | None) -> dict[str, object]:
    if entry is None:
        return {"file": file, "entry": None, "image": None}
    return {"file": entry.file, "entry": entry.name, "image": entry.image}
