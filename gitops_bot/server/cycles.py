"""The cycles of `run`: each goes through the door of `update`, and what came of it is told and counted."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot import log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from gitops_bot.config import Config
    from gitops_bot.edges.ending import Ending
    from gitops_bot.edges.registry.presence import Indexes
    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.server.loop import Ended
    from gitops_bot.server.metrics import Metrics
    from gitops_bot.server.news import News
    from gitops_bot.wiring.options import Options


@dataclass(slots=True)
class Cycles:
    """Each cycle goes through the door of `update`, and reads everything anew.

    What stays is the last configuration that could be used, what was told already, and what registries said of digests.
    """

    options: Options
    environments: Sequence[str]
    ending: Ending
    metrics: Metrics
    news: News
    dry_run: bool
    _good: Config | None = None
    _bad: tuple[Problem, ...] = ()
    _gone: Sequence[str] = ()
    _warned: dict[Problem, int] = field(default_factory=dict)
    _indexes: Indexes = field(default_factory=dict)

    def run(self, number: int, limit: timedelta) -> Ended:
        """One cycle, and how it ended. What nobody expected costs this cycle alone.

        Raises:
            UsageError, ConfigError: it could never work, for there was no good configuration yet.
        """
        from gitops_bot.edges.ending import Overran
        from gitops_bot.errors import BotError, ConfigError, UsageError, limit_of
        from gitops_bot.server.loop import Ended, overran

        try:
            with self.ending.within(limit.total_seconds()):
                return self._cycle(number)
        except Overran:
            return overran(limit)
        except BotError as error:
            if self._good is None and isinstance(error, UsageError | ConfigError):
                raise
            return _failed(error.problem)
        except Exception as bug:  # noqa: BLE001 - it may lie in what one commit holds, and the next is without it
            import traceback

            if (lack := limit_of(bug)) is not None:
                return _failed(lack)
            message = f"a bug: {type(bug).__name__}"
            advice = "please report the traceback; the next cycle begins from scratch"
            return Ended("failed", message, {"message": message, "next": advice, "traceback": traceback.format_exc()})

    def tell(self, number: int, ended: Ended, took: timedelta, begin: datetime) -> None:
        """Log and count how a cycle ended."""
        self.metrics.ended(ended.result, took)
        facts = {
            "cycle": number,
            "result": ended.result,
            "seconds": round(took.total_seconds(), 3),
            "next_at": begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **ended.facts,
        }
        if ended.through:
            log.event("cycle.ended", **facts)
        else:
            log.event("cycle.failed", level="error", **facts)

    def _cycle(self, number: int) -> Ended:
        from gitops_bot.commands.update import update
        from gitops_bot.server.loop import Ended
        from gitops_bot.server.news import LEVELS, counts

        _reap()
        with ExitStack() as stack:
            world, survey = self._opened(stack, number)
            outcome = update(world, survey, dry_run=self.dry_run)
            left = _left(world)
        self.metrics.looked(outcome, datetime.now(UTC), left)
        for fact in self.news.of(outcome, written=not self.dry_run):
            log.event(fact.name, level=LEVELS[fact.name], cycle=number, **fact.facts)
        facts = {"commit": outcome.commit, **counts(outcome, written=not self.dry_run)}
        return Ended("partial" if outcome.exit_code else "done", facts={**facts, "rate_limit_left": left})

    def _opened(self, stack: ExitStack, number: int) -> tuple[World, Survey]:
        """The world by the present configuration; by the last good one where that cannot be used."""
        from gitops_bot.errors import ConfigError
        from gitops_bot.wiring.world import Again, opened

        def world(config: Config | None) -> tuple[World, Survey]:
            absent = partial(self._absent, number) if self._good is not None else None
            again = Again(
                self.ending.whole, self.metrics.asked, partial(self._warn, number), config, absent, self._indexes
            )
            return stack.enter_context(opened(self.options, self.environments, infer=False, writes=True, again=again))

        try:
            found = world(None)
            self._read(number, ())
        except ConfigError as bad:
            if self._good is None:
                raise
            self._read(number, bad.problems)
            found = world(self._good)
        config = found[1].config
        self._good = config if config.file is not None else None
        return found

    def _read(self, number: int, problems: tuple[Problem, ...]) -> None:
        """Tell of a configuration that cannot be used, once, and of the next one that can."""
        self.metrics.configured(good=not problems)
        if problems != self._bad:
            for each in problems:
                log.event(
                    "configuration.bad",
                    level="error",
                    cycle=number,
                    used="the last good one",
                    code=each.code,
                    message=each.message,
                    next=each.next,
                    where=each.where or None,
                )
            if not problems:
                log.event("configuration.good", cycle=number)
        self._bad = problems

    def _absent(self, number: int, names: Sequence[str]) -> None:
        """Tell of environments that the command names and the configuration has no more, once."""
        for name in names:
            if name not in self._gone:
                advice = "correct the command line, or put it back"
                log.event("environment.unknown", level="warning", cycle=number, environment=name, next=advice)
        self._gone = names

    def _warn(self, number: int, problem: Problem) -> None:
        """Tell of what the forge could not do, unless the last cycle did."""
        if self._warned.get(problem, -1) < number - 1:
            log.event("github.warning", level="warning", cycle=number, message=problem.message, next=problem.next)
        self._warned[problem] = number
        self._warned = {each: last for each, last in self._warned.items() if last >= number - 1}


def _failed(said: Problem) -> Ended:
    from gitops_bot.server.loop import Ended

    facts = {"code": said.code, "message": said.message, "next": said.next, "where": said.where or None}
    return Ended("failed", said.message, facts)


def _left(world: World) -> int | None:
    """What the forge's rate limit has left, which costs nothing of it; no cycle fails over that."""
    from gitops_bot.errors import ForgeError

    try:
        left = world.forge.left() if world.forge is not None else None
    except ForgeError:
        return None
    return left.remaining if left is not None else None


def _reap() -> None:
    """As process 1 of a container one inherits the helpers of what was killed; between two cycles none is ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
