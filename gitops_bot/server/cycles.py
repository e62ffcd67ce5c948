"""The cycles of `run`: each runs `update` anew, logs what is new and counts it."""

from __future__ import annotations

import os
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot import log
from gitops_bot.commands.status import overview_of_cycle
from gitops_bot.edges.signals import Overran
from gitops_bot.engine.ask import Facts
from gitops_bot.engine.read import read
from gitops_bot.engine.request import Request
from gitops_bot.engine.update import update
from gitops_bot.errors import BotError, ConfigError, ForgeError, UsageError, limit_of
from gitops_bot.server.events import LEVELS, counts
from gitops_bot.server.loop import CycleResult, overran
from gitops_bot.wiring.world import CycleContext, log_warning, open_world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from gitops_bot.config import Config
    from gitops_bot.edges.registry.cloud import LoginCache
    from gitops_bot.edges.registry.describe import Builds
    from gitops_bot.edges.registry.manifest import Indexes
    from gitops_bot.edges.signals import Ending
    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.results.outcome import Outcome
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview
    from gitops_bot.server.events import Events
    from gitops_bot.server.metrics import Metrics
    from gitops_bot.wiring.options import Options


@dataclass(slots=True)
class Cycles:
    """Runs each cycle. Only the last good configuration, what was logged already, what registries answered about
    digests, the logins that clouds gave, and for the page the tags of releases that were read last stay.
    """

    options: Options
    environments: Sequence[str]
    ending: Ending
    metrics: Metrics
    events: Events
    dry_run: bool
    #: Called with what each completed cycle saw.
    publish: Callable[[Result[Overview]], None] | None = None
    _good: Config | None = None
    _bad: tuple[Problem, ...] = ()
    _gone: Sequence[str] = ()
    _warned: dict[Problem, int] = field(default_factory=dict)
    _indexes: Indexes = field(default_factory=dict)
    _builds: Builds = field(default_factory=dict)
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
        except BotError as error:
            if self._good is None and isinstance(error, UsageError | ConfigError):
                raise
            return _failure(error.problem)
        except Exception as bug:  # noqa: BLE001 - one commit may provoke it, and the next may not
            if (limit_hit := limit_of(bug)) is not None:
                return _failure(limit_hit)
            message = f"a bug: {type(bug).__name__}"
            advice = "please report the traceback; the next cycle starts from scratch"
            return CycleResult(
                "failed", message, {"message": message, "next": advice, "traceback": traceback.format_exc()}
            )

    def report(self, number: int, result: CycleResult, took: timedelta, next_start: datetime) -> None:
        """Log and count how a cycle ended."""
        self.metrics.count_cycle(result.result, took)
        facts = {
            "cycle": number,
            "result": result.result,
            "seconds": round(took.total_seconds(), 3),
            "next_at": next_start.strftime("%Y-%m-%dT%H:%M:%SZ"),
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
            facts = Facts(world, snapshot)
            result = update(world, snapshot, request, facts)
            outcome = result.body
            requests_left = _rate_limit_left(world)
        self.metrics.show(outcome, datetime.now(UTC), requests_left)
        for event in self.events.of(outcome, written=not self.dry_run):
            log.event(event.name, level=LEVELS[event.name], cycle=number, **event.facts)
        self._publish(number, scope, snapshot, facts, outcome)
        counted = {"commit": result.head.commit, **counts(outcome, written=not self.dry_run)}
        return CycleResult(
            "partial" if result.head.exit_code else "done", facts={**counted, "rate_limit_left": requests_left}
        )

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
            cycle = CycleContext(
                self.ending.whole,
                self.metrics.count_request,
                partial(self._warn, number),
                config,
                self._indexes,
                self._builds,
                self._logins,
            )
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
        self.metrics.config_loaded(good=not problems)
        if problems != self._bad:
            for problem in problems:
                log.event(
                    "configuration.bad",
                    level="error",
                    cycle=number,
                    used="the last good one",
                    code=problem.code,
                    message=problem.message,
                    next=problem.next,
                    where=problem.where or None,
                )
            if not problems:
                log.event("configuration.good", cycle=number)
        self._bad = problems

    def _without_unknown(self, scope: Scope, number: int) -> Scope:
        """Log environments that the command names and the configuration no longer has, once, and do the others.

        Where none is left, that is an error later.
        """
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


def _failure(problem: Problem) -> CycleResult:
    facts = {"code": problem.code, "message": problem.message, "next": problem.next, "where": problem.where or None}
    return CycleResult("failed", problem.message, facts)


def _rate_limit_left(world: World) -> int | None:
    """Requests left in the forge's rate limit. Asking costs none, and an error does not fail the cycle."""
    try:
        limit = world.forge.rate_limit() if world.forge is not None else None
    except ForgeError:
        return None
    return limit.remaining if limit is not None else None


def _reap() -> None:
    """Reap the children of killed processes, which process 1 of a container inherits; between cycles none is ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
