"""The command `run`: its options, its schedule, and the pages of its probes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import click

from gitops_bot import __version__, log, redact
from gitops_bot.cli.command import command, remote
from gitops_bot.wiring.process import INTERRUPTED, imported, leave

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from gitops_bot.edges.clock import SystemClock
    from gitops_bot.edges.signals import Ending
    from gitops_bot.proposals.overview import Overview
    from gitops_bot.server.health import Page
    from gitops_bot.server.loop import Liveness
    from gitops_bot.server.metrics import Metrics
    from gitops_bot.server.ticks import Schedule
    from gitops_bot.wiring.options import Options


@command("run", dry_run=True)
@remote
@click.option("--every", required=True, metavar="SPAN | CRON", help='How often, such as 5m or "*/10 8-18 * * mon-fri".')
@click.option("--timezone", default="UTC", metavar="ZONE", show_default=True, help="Time zone of the cron expression.")
@click.option(
    "--jitter",
    metavar="SPAN",
    help="Longest random delay before a cycle; default: a tenth of the interval, at most 1m.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve the status page, /healthz, /readyz and /metrics here.")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def run_command(
    environments: tuple[str, ...],
    *,
    every: str,
    timezone: str,
    jitter: str | None,
    listen: str | None,
    options: Options,
    dry_run: bool,
    output: str,
) -> int:
    """Run `update` on a schedule.

    Meant for a container, with probes and metrics. The first cycle starts at once. SIGTERM lets the current write
    finish and exits with 0; a second one exits at once. Everything is logged to standard error.
    """
    from gitops_bot.edges.signals import Ending, Terminated

    _ = output
    try:
        with Ending() as ending:
            _serve(ending, options, environments, _Times(every, timezone, jitter), listen, dry_run=dry_run)
    except Terminated as stopped:
        log.event("run.ended", signal=stopped.signal.name)
        # SIGTERM is how a service ends; Ctrl-C is an interruption.
        return leave(0 if stopped.signal.name == "SIGTERM" else INTERRUPTED)


@dataclass(frozen=True, slots=True)
class _Times:
    """When cycles start: the options."""

    every: str
    timezone: str
    jitter: str | None


def _serve(
    ending: Ending, options: Options, environments: Sequence[str], times: _Times, listen: str | None, *, dry_run: bool
) -> NoReturn:
    """Run cycles and probes until an exception ends them."""
    from gitops_bot.edges.clock import SystemClock
    from gitops_bot.server.cycles import Cycles
    from gitops_bot.server.events import Events
    from gitops_bot.server.health import HealthServer
    from gitops_bot.server.loop import RESULTS, Liveness, run

    clock = SystemClock()
    schedule, spread = _when(times, clock.now())
    from gitops_bot.server.metrics import Metrics  # takes 0.1 s of CPU, so a wrong option is reported before

    imported()  # also where no cycle ever gets so far
    liveness, metrics, last = Liveness(schedule), Metrics(RESULTS), _LastPage()
    with (
        HealthServer(listen, _pages(clock, liveness, metrics, last)) if listen is not None else nullcontext() as server
    ):
        log.event(
            "run.started",
            version=__version__,
            every=times.every,
            timezone=times.timezone,
            environments=list(environments),
            listen=server.address if server is not None else None,
            dry_run=dry_run,
        )
        publish = last.show if listen is not None else None
        cycles = Cycles(options, environments, ending, metrics, Events(), dry_run=dry_run, publish=publish)
        run(schedule, spread, clock, cycles.run, liveness, cycles.report)


def _when(times: _Times, now: datetime) -> tuple[Schedule, timedelta | None]:
    from gitops_bot.errors import Problem, UsageError
    from gitops_bot.images import duration
    from gitops_bot.server import ticks

    option = "--timezone"
    try:
        zone = _zone(times.timezone)
        option = "--every"
        schedule = ticks.parse(times.every, zone, now)
        option = "--jitter"
        return schedule, duration.parse(times.jitter) if times.jitter is not None else None
    except ValueError as error:
        advice = "as in `--every 5m --jitter 30s`, or `--every '0 8 * * mon-fri' --timezone Europe/Berlin`"
        raise UsageError(Problem("failed.usage", f"{option}: {error}", advice)) from error


def _zone(name: str) -> ZoneInfo:
    """The time zone of that name, never one of a file.

    Raises:
        ValueError: there is none.
    """
    from gitops_bot.config import times

    if not times.is_zone(name):
        raise ValueError(f"there is no time zone {name[:100]!r}")
    return times.zone(name)


@dataclass(slots=True)
class _LastPage:
    """The page of the last cycle; another thread reads it."""

    page: Page | None = None

    def show(self, overview: Overview) -> None:
        from gitops_bot.report import page
        from gitops_bot.server.health import Page

        self.page = Page(200, page.html(overview), "text/html; charset=utf-8")


def _pages(clock: SystemClock, liveness: Liveness, metrics: Metrics, last: _LastPage) -> Callable[[str], Page | None]:
    from gitops_bot.server.health import Page

    def answer(problem: str | None, healthy: str) -> Page:
        return Page(200, f"{healthy}\n") if problem is None else Page(503, f"{redact.printable(problem)}\n")

    def page(path: str) -> Page | None:
        match path:
            case "/":
                return last.page or Page(503, "no cycle has completed yet\n")
            case "/healthz":
                return answer(liveness.why_dead(clock.now()), "alive")
            case "/readyz":
                return answer(liveness.why_unready(clock.now()), "ready")
            case "/metrics":
                return Page(200, *metrics.text())
            case _:
                return None

    return page
