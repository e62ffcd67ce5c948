"""What of a cycle is told: all that was written, and what fails or is held and was not told by the last one.

A process that polls every five minutes would say the same all night otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from gitops_bot.proposals.outcome import WRITING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.proposals.outcome import EnvironmentOutcome, Outcome
    from gitops_bot.releases.plan import Entry, Failed, Held

#: Failures, and holds, that one cycle tells at most: a registry that is gone fails a thousand entries at once.
MOST = 100


#: The events there may be, each with the level of the log that it belongs to.
LEVELS: Final[Mapping[str, Literal["info", "warning"]]] = {
    "proposal.written": "info",
    "proposal.planned": "info",
    "entry.failed": "warning",
    "entry.failed.more": "warning",
    "entry.held": "info",
    "entry.held.more": "info",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One event: its name, and what belongs to it."""

    name: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class News:
    """Remembers what the last cycle had to tell."""

    _known: frozenset[object] = field(default_factory=frozenset)

    def of(self, outcome: Outcome, *, written: bool) -> Iterator[Fact]:
        """What is new; `written` is false where a cycle only says what it would write."""
        known: set[object] = set()
        for environment in outcome.environments:
            yield from _proposals(environment, "proposal.written" if written else "proposal.planned")
        new = [found for found in _standing(outcome) if found[0] not in self._known and not _seen(found[0], known)]
        known.update(key for key, _ in _standing(outcome))
        self._known = frozenset(known)
        for name in ("entry.failed", "entry.held"):
            mine = [fact for _, fact in new if fact.name == name]
            yield from mine[:MOST]
            if len(mine) > MOST:
                yield Fact(f"{name}.more", {"count": len(mine) - MOST})


def counts(outcome: Outcome, *, written: bool) -> dict[str, int]:
    """What came of the whole cycle; `written` is false where it only says what it would write."""
    proposed = [each for environment in outcome.environments for each in environment.proposals]
    entries = dict.fromkeys(("changed", "held", "failed", "unchanged", "ignored", "unmanaged"), 0)
    for environment in outcome.environments:
        for name, count in environment.entries.items():
            entries[name] += count
    return {
        "written": sum(each.action in WRITING for each in proposed) if written else 0,
        **entries,
        "open_proposals": sum(environment.open_proposals for environment in outcome.environments),
    }


def _seen(key: object, seen: set[object]) -> bool:
    if key in seen:
        return True
    seen.add(key)
    return False


def _proposals(environment: EnvironmentOutcome, name: str) -> Iterator[Fact]:
    for proposed in environment.proposals:
        if proposed.action not in WRITING:
            continue
        pull = proposed.pull_request
        yield Fact(
            name,
            {
                "environment": environment.name,
                "group": proposed.group,
                "action": proposed.action,
                "branch": proposed.branch,
                "commit": proposed.commit,
                "pull_request": pull.number if pull is not None else None,
                "url": pull.url if pull is not None else None,
                "changes": len(proposed.changes),
                "reason": proposed.reason.text,
            },
        )


def _standing(outcome: Outcome) -> Iterator[tuple[object, Fact]]:
    """What fails and what is held, each by what tells it from others."""
    for problem in outcome.problems:
        facts = {"environment": None, "code": problem.code, "message": problem.message, "next": problem.next}
        yield problem, Fact("entry.failed", {**facts, **_place(None, problem.file)})
    for environment in outcome.environments:
        for failed in environment.failed:
            yield (environment.name, failed), _failed(environment.name, failed)
        for held in environment.held:
            # Its text may count hours; the code and the candidate are what it is about.
            key = (environment.name, held.entry.key, held.reason.code, held.candidate)
            yield key, _held(environment.name, held)


def _failed(environment: str, failed: Failed) -> Fact:
    problem = failed.problem
    facts = {"environment": environment, "code": problem.code, "message": problem.message, "next": problem.next}
    return Fact("entry.failed", {**facts, **_place(failed.entry, problem.file), "line": problem.line})


def _held(environment: str, held: Held) -> Fact:
    facts = {"environment": environment, "code": held.reason.code, "message": held.reason.text}
    tag = held.candidate.tag if held.candidate is not None else None
    return Fact("entry.held", {**facts, **_place(held.entry, held.entry.file), "candidate": tag})


def _place(entry: Entry | None, file: str | None) -> dict[str, object]:
    if entry is None:
        return {"file": file, "entry": None, "image": None}
    return {"file": entry.file, "entry": entry.name, "image": entry.image}
