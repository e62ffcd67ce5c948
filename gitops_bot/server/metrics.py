"""What Prometheus scrapes. Label values are bounded: by the configuration, by closed sets, and by a limit of hosts."""

from __future__ import annotations

import threading
from collections import Counter as Count
from typing import TYPE_CHECKING

import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gitops_bot import __version__
from gitops_bot.server.loop import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from prometheus_client import Metric

    from gitops_bot.results.outcome import Outcome

#: Registries with a label of their own in the life of a process; manifests name them.
HOSTS = 100
_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900)


class Metrics:
    """Counts what happens. Safe to use from many threads; `text` is consistent."""

    def __init__(self) -> None:
        self._registry = registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)
        build = prometheus.Info("gitops_bot_build", "The version that is running.", registry=registry)
        build.info({"version": __version__})
        self._cycles = prometheus.Counter("gitops_bot_cycles", "Cycles by result.", ["result"], registry=registry)
        for result in RESULTS:  # each exists from the start, so that the first one counts as a rise
            self._cycles.labels(result)
        self._seconds = prometheus.Histogram(
            "gitops_bot_cycle_duration_seconds", "Duration of cycles.", buckets=_SECONDS, registry=registry
        )
        self._requests = prometheus.Counter(
            "gitops_bot_registry_requests",
            "Requests to registries by host and status; `none` without an answer.",
            ["host", "status"],
            registry=registry,
        )
        #: Whether the present configuration can be used.
        self.good = prometheus.Gauge(
            "gitops_bot_config_last_reload_successful",
            "0 while the last good configuration is used instead of the current one.",
            registry=registry,
        )
        self.good.set(1)
        self._lock = threading.Lock()
        self._hosts: set[str] = set()
        self._last = _LastCycle()
        registry.register(self._last)

    def count_request(self, host: str, status: int | None) -> None:
        """Count a request to a registry by the status of its answer, None without one."""
        with self._lock:
            if host not in self._hosts and len(self._hosts) >= HOSTS:
                host = "other"
            self._hosts.add(host)
        self._requests.labels(host, "none" if status is None else str(status)).inc()

    def show(self, outcome: Outcome, at: datetime, requests_left: int | None) -> None:
        """Show the outcome of a completed cycle; `requests_left` are what is left in the forge's rate limit."""
        self._last.last = at.timestamp(), outcome, requests_left

    def count_cycle(self, result: str, took: timedelta) -> None:
        """Count a cycle by its result."""
        self._cycles.labels(result).inc()
        self._seconds.observe(took.total_seconds())

    def text(self) -> tuple[str, str]:
        """All of it in Prometheus' text format, and the media type of that."""
        return prometheus.generate_latest(self._registry).decode(), prometheus.CONTENT_TYPE_LATEST


class _LastCycle(Collector):
    """The gauges of the last cycle; an environment or a hold that is gone has no line."""

    #: When the last completed cycle ended, its outcome, and the requests left: replaced as one, so that no scrape
    #: sees half of two.
    last: tuple[float, Outcome, int | None] | None = None

    def collect(self) -> Iterator[Metric]:
        if self.last is None:
            return
        at, outcome, requests_left = self.last
        yield GaugeMetricFamily("gitops_bot_last_cycle_timestamp_seconds", "When the last cycle completed.", at)
        if requests_left is not None:
            text = "Requests left in the forge's rate limit."
            yield GaugeMetricFamily("gitops_bot_api_rate_limit_remaining", text, requests_left)
        entries = GaugeMetricFamily(
            "gitops_bot_entries", "Entries by their outcome in the last cycle.", labels=["environment", "outcome"]
        )
        held = GaugeMetricFamily("gitops_bot_held_entries", "Held entries by reason.", labels=["environment", "reason"])
        proposals = GaugeMetricFamily("gitops_bot_open_proposals", "Open pull requests.", labels=["environment"])
        for environment in outcome.environments:
            for kind, count in environment.entries.items():
                entries.add_metric([environment.name, kind], count)
            for reason, count in sorted(Count(item.reason.code for item in environment.held).items()):
                held.add_metric([environment.name, reason], count)
            proposals.add_metric([environment.name], environment.open_proposals)
        yield from (entries, held, proposals)
