"""The command `run`: its options, its schedule, and the pages of its probes."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from gitops_bot import __version__
from gitops_bot.cli.command import command, reading, remote
from gitops_bot.wiring.process import INTERRUPTED

if TYPE_CHECKING:
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview
    from gitops_bot.server.health import Response
    from gitops_bot.server.loop import Liveness
    from gitops_bot.server.metrics import Metrics
    from gitops_bot.wiring.options import Options


_EXAMPLE = "as in `--every 5m --jitter 30s`, or `--every '0 8 * * mon-fri' --timezone Europe/Berlin`"


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
    from gitops_bot import log
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.signals import Ending, Terminated

    _ = output
    clock = Clock()
    try:
        with Ending() as ending:
            from gitops_bot.config import times
            from gitops_bot.images import duration
            from gitops_bot.server import loop

            with reading("--timezone", _EXAMPLE):
                zone = times.zone(timezone)
            with reading("--every", _EXAMPLE):
                schedule = loop.parse(every, zone, clock.now())
            with reading("--jitter", _EXAMPLE):
                spread = duration.parse(jitter) if jitter is not None else None
            # These take 0.3 s of CPU, so a wrong option is reported before.
            from gitops_bot.server.cycles import Cycles
            from gitops_bot.server.health import HealthServer
            from gitops_bot.server.metrics import Metrics

            liveness, metrics = loop.Liveness(schedule, clock), Metrics()
            pages = _Pages(liveness, metrics)
            publish = pages.show if listen is not None else None
            cycles = Cycles(options, environments, ending, metrics, dry_run=dry_run, publish=publish)
            with HealthServer(listen, pages.page) if listen is not None else nullcontext() as server:
                log.event(
                    "run.started",
                    version=__version__,
                    every=every,
                    timezone=timezone,
                    environments=list(environments),
                    listen=server.address if server is not None else None,
                    dry_run=dry_run,
                )
                loop.run(schedule, spread, clock, cycles.run, liveness, cycles.report)
    except Terminated as stopped:
        log.event("run.ended", signal=stopped.signal.name)
        # SIGTERM is how a service ends; Ctrl-C is an interruption.
        return 0 if stopped.signal.name == "SIGTERM" else INTERRUPTED


class _Pages:
    """What each path answers, in the thread that serves it; the status page is that of the last cycle."""

    def __init__(self, liveness: Liveness, metrics: Metrics) -> None:
        self._liveness, self._metrics = liveness, metrics
        self._status: Response | None = None

    def show(self, overview: Result[Overview]) -> None:
        from gitops_bot.report import page
        from gitops_bot.server.health import Response

        self._status = Response(200, page.html(overview), "text/html; charset=utf-8")

    def page(self, path: str) -> Response | None:
        from gitops_bot import redact
        from gitops_bot.server.health import Response

        match path:
            case "/":
                return self._status or Response(503, "no cycle has completed yet\n")
            case "/healthz":
                problem, healthy = self._liveness.why_dead(), "alive"
            case "/readyz":
                problem, healthy = self._liveness.why_unready(), "ready"
            case "/metrics":
                return Response(200, *self._metrics.text())
            case _:
                return None
        return Response(200, f"{healthy}\n") if problem is None else Response(503, f"{redact.printable(problem)}\n")
