"""The cycles of `run`: each runs `update` anew, logs what is new and counts it.

A cycle logs everything that was written, and what fails or is held unless the last cycle logged it, or a process that
polls every five minutes would repeat itself all night.
"""

from __future__ import annotations

import os
import traceback
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from gitops_bot import log
from gitops_bot.commands.status import overview_of_cycle
from gitops_bot.edges.signals import Overran
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.read import read
from gitops_bot.engine.request import Request
from gitops_bot.engine.update import update
from gitops_bot.errors import ConfigError, ForgeError, UsageError, to_bot_error
from gitops_bot.images.reason import rfc3339
from gitops_bot.results.outcome import WRITING
from gitops_bot.server.loop import CycleResult, overran
from gitops_bot.wiring.forge import log_warning
from gitops_bot.wiring.world import CycleContext, open_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from gitops_bot.config import Config
    from gitops_bot.edges.registry.cloud import LoginCache
    from gitops_bot.edges.registry.documents import Memory
    from gitops_bot.edges.signals import Ending
    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.results.outcome import Outcome
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview
    from gitops_bot.server.metrics import Metrics
    from gitops_bot.wiring.options import Options


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


class Event(NamedTuple):
    """One event: its name and its facts."""

    name: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Events:
    """Remembers what the last cycle logged."""

    _known: frozenset[object] = field(default_factory=frozenset)

    def of(self, outcome: Outcome, *, written: bool) -> Iterator[Event]:
        """What is new; `written` is false for a dry run."""
        for environment, proposed in outcome.proposals:
            if proposed.action.name in WRITING:
                pull = proposed.pull_request
                facts = {
                    "environment": environment.name,
                    "group": proposed.group,
                    "action": proposed.action.name,
                    "branch": proposed.branch,
                    "commit": proposed.commit,
                    "pull_request": pull.number if pull is not None else None,
                    "url": pull.url if pull is not None else None,
                    "changes": len(proposed.changes),
                    "reason": proposed.action.reason.text,
                }
                yield Event("proposal.written" if written else "proposal.planned", facts)
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
    kinds = ("changed", "held", "frozen", "failed", "unchanged", "ignored", "unmanaged")
    entries = Counter(dict.fromkeys(kinds, 0))
    for environment in outcome.environments:
        entries.update(environment.entries)
    return {
        "written": sum(proposed.action.name in WRITING for _, proposed in outcome.proposals) if written else 0,
        **entries,
        "open_proposals": sum(environment.open_proposals for environment in outcome.environments),
    }


def _failed_and_held(outcome: Outcome) -> Iterator[tuple[object, Event]]:
    """Failures and holds, each with a key that stays the same while nothing changes."""
    for problem in outcome.problems:
        facts = {"environment": None, **_told(problem), **_place(None, problem.file), **_traceback(problem)}
        yield problem, Event("entry.failed", facts)
    for environment in outcome.environments:
        name = environment.name
        for failed in environment.failed:
            problem = failed.problem
            facts = {"environment": name, **_told(problem), **_place(failed.entry, problem.file), "line": problem.line}
            facts |= _traceback(problem)
            yield (name, failed), Event("entry.failed", facts)
        for held in environment.held:
            facts = {"environment": name, "code": held.reason.code, "message": held.reason.text}
            tag = held.candidate.tag if held.candidate is not None else None
            facts |= {**_place(held.entry, held.entry.file), "candidate": tag}
            # Not by its text, which may count hours.
            yield (name, held.entry.key, held.reason.code, held.candidate), Event("entry.held", facts)


def _place(entry: Managed | None, file: str | None) -> dict[str, object]:
    if entry is None:
        return {"file": file, "entry": None, "image": None}
    return {"file": entry.file, "entry": entry.name, "image": entry.image}


@dataclass(slots=True)
class Cycles:
    """Runs each cycle. Only the last good configuration, what was logged already, what registries answered about
    digests, the logins that clouds gave, and for the page the tags of releases that were read last stay.
    """

    options: Options
    environments: Sequence[str]
    ending: Ending
    metrics: Metrics
    dry_run: bool
    #: Called with what each completed cycle saw.
    publish: Callable[[Result[Overview]], None] | None = None
    _events: Events = field(default_factory=Events)
    _good: Config | None = None
    _bad: tuple[Problem, ...] = ()
    _gone: Sequence[str] = ()
    _warned: dict[Problem, int] = field(default_factory=dict)
    _documents: Memory = field(default_factory=dict)
    _logins: LoginCache = field(default_factory=dict)
    _tags: Mapping[str, str] | None = None

    def run(self, number: int, limit: timedelta) -> CycleResult:
        """One cycle, and how it ended. A bug costs this cycle alone.

        Raises:
            UsageError, ConfigError: there was no good configuration yet, so it cannot work.
        """
        try:
            with self.ending.within(limit.total_seconds()):
                return self._cycle(number)
        except Overran:
            return overran(limit)
        except Exception as error:  # one commit may provoke it, and the next may not
            if self._good is None and isinstance(error, UsageError | ConfigError):
                raise
            return _failure(to_bot_error(error).problem)

    def report(self, number: int, result: CycleResult, took: timedelta, next_start: datetime) -> None:
        """Log and count how a cycle ended."""
        self.metrics.count_cycle(result.result, took)
        facts = {
            "cycle": number,
            "result": result.result,
            "seconds": round(took.total_seconds(), 3),
            "next_at": rfc3339(next_start),
            **result.facts,
        }
        if result.completed:
            log.event("cycle.ended", **facts)
        else:
            log.event("cycle.failed", level="error", **facts)

    def _cycle(self, number: int) -> CycleResult:
        _reap()
        with ExitStack() as stack:
            request = Request(dry_run=self.dry_run)
            world, scope, snapshot = self._read(stack, request, number)
            facts = Facts(snapshot)
            result = update(world, snapshot, request, facts)
            outcome = result.body
            requests_left = None
            with suppress(ForgeError):  # asking costs no request, and an error does not fail the cycle
                limit = world.forge.rate_limit() if world.forge is not None else None
                requests_left = limit.remaining if limit is not None else None
        self.metrics.show(outcome, datetime.now(UTC), requests_left)
        written = not self.dry_run
        for event in self._events.of(outcome, written=written):
            log.event(event.name, level=LEVELS[event.name], cycle=number, **event.facts)
        self._publish(number, scope, snapshot, facts, outcome)
        told = {"commit": result.head.commit, **counts(outcome, written=written), "rate_limit_left": requests_left}
        return CycleResult("partial" if result.head.exit_code else "done", facts=told)

    def _publish(self, number: int, scope: Scope, snapshot: Snapshot, facts: Facts, outcome: Outcome) -> None:
        """Publish what this cycle saw. A bug there is logged: everything else is done."""
        if self.publish is None:
            return
        try:
            if (tags := facts.known_release_tags) is not None:
                self._tags = tags
            self.publish(overview_of_cycle(snapshot, facts, outcome, scope.home, self._tags))
        except Exception:  # noqa: BLE001 - what one commit provokes there must not stop the cycles
            advice = "please report the traceback; the page still shows an earlier cycle"
            log.event("page.failed", level="error", cycle=number, next=advice, traceback=traceback.format_exc())

    def _read(self, stack: ExitStack, request: Request, number: int) -> tuple[World, Scope, Snapshot]:
        """Read with the present configuration, or with the last good one where that cannot be used."""

        def attempt(config: Config | None) -> tuple[World, Scope, Snapshot]:
            warn, count = partial(self._warn, number), self.metrics.count_request
            cycle = CycleContext(self.ending.whole, count, warn, config, self._documents, self._logins)
            world, scope = stack.enter_context(open_world(self.options, self.environments, request, cycle=cycle))
            if self._good is not None:
                scope = self._without_unknown(scope, number)
            return world, scope, read(world, scope)

        try:
            world, scope, snapshot = attempt(None)
            self._log_configuration(number, ())
        except ConfigError as bad:
            if self._good is None:
                raise
            self._log_configuration(number, bad.problems)
            stack.close()
            world, scope, snapshot = attempt(self._good)
        self._good = scope.config if scope.config.file is not None else None
        return world, scope, snapshot

    def _log_configuration(self, number: int, problems: tuple[Problem, ...]) -> None:
        """Log a configuration that cannot be used, once, and the next one that can."""
        self.metrics.good.set(not problems)
        if problems != self._bad:
            for problem in problems:
                facts = {"used": "the last good one", **_told(problem), "where": problem.where or None}
                log.event("configuration.bad", level="error", cycle=number, **facts)
            if not problems:
                log.event("configuration.good", cycle=number)
        self._bad = problems

    def _without_unknown(self, scope: Scope, number: int) -> Scope:
        """Log named environments that the configuration no longer has, once; where none is left, that fails later."""
        unknown = [name for name in scope.names if name not in scope.config.environments]
        for name in unknown:
            if name not in self._gone:
                advice = "correct the command line, or add the environment again"
                log.event("environment.unknown", level="warning", cycle=number, environment=name, next=advice)
        self._gone = unknown
        known = [name for name in scope.names if name in scope.config.environments]
        return replace(scope, names=known or scope.names)

    def _warn(self, number: int, problem: Problem) -> None:
        """Log a warning, unless the last cycle did."""
        if self._warned.get(problem, -1) < number - 1:
            log_warning(problem, cycle=number)
        self._warned[problem] = number
        self._warned = {known: last for known, last in self._warned.items() if last >= number - 1}


def _told(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "message": problem.message, "next": problem.next}


def _traceback(problem: Problem) -> dict[str, str]:
    return {"traceback": problem.traceback} if problem.traceback else {}


def _failure(problem: Problem) -> CycleResult:
    facts = {**_told(problem), "where": problem.where or None, **_traceback(problem)}
    return CycleResult("failed", problem.message, facts)


def _reap() -> None:
    """Reap the children of killed processes, which process 1 of a container inherits; between cycles none is ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
