from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from gitops_bot import __version__
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.decisions import Failed, Held
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.server.metrics import HOSTS, Metrics
from tests.proposals.sample import HEAD, carried_out, change, entry, kept

RESULTS = ("done", "partial", "failed", "overran")
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PULL = PullRequest(7, "https://github.com/acme/deploy/pull/7", "open", "gitops-bot/staging/all", "main", HEAD, "t", "b")


def read(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of ours, by its name and the values of its labels."""
    text, kind = metrics.text()
    assert kind.startswith("text/plain; version=")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def held(name: str, code: str) -> Held:
    return Held(entry(name), Pin("v2"), Reason(code, "because"))


STAGING = EnvironmentOutcome(
    "staging",
    (
        held("api", "held.soak"),
        held("db", "held.soak"),
        held("cache", "held.downgrade"),
        Held(entry("frozen"), None, Reason("held.hold", "the fair", {"image": None})),
        Failed(entry("worker"), Problem("failed.registry", "503")),
        *kept(4),
    ),
    (carried_out("open", change(), change("proxy"), pull_request=PULL, commit=HEAD),),
)
OUTCOME = Outcome((STAGING, EnvironmentOutcome("production", kept(3))))


def test_before_the_first_cycle_every_way_to_end_stands_at_nothing() -> None:
    found = read(Metrics())
    assert {key[1]: value for key, value in found.items() if key[0] == "gitops_bot_cycles_total"} == {
        (result,): 0 for result in RESULTS
    }
    assert found["gitops_bot_build_info", (__version__,)] == 1
    assert found["gitops_bot_config_last_reload_successful", ()] == 1
    assert found["process_resident_memory_bytes", ()] > 0
    # What no cycle has seen is not said to be nothing.
    assert not any(name.startswith(("gitops_bot_entries", "gitops_bot_last", "gitops_bot_api")) for name, _ in found)


def test_a_cycle_is_counted_with_its_duration() -> None:
    metrics = Metrics()
    metrics.count_cycle("done", timedelta(seconds=4))
    metrics.count_cycle("failed", timedelta(seconds=0.2))
    found = read(metrics)
    assert (found["gitops_bot_cycles_total", ("done",)], found["gitops_bot_cycles_total", ("failed",)]) == (1, 1)
    assert found["gitops_bot_cycle_duration_seconds_sum", ()] == 4.2
    assert found["gitops_bot_cycle_duration_seconds_bucket", ("0.5",)] == 1
    assert found["gitops_bot_cycle_duration_seconds_bucket", ("5.0",)] == 2


def test_the_last_cycle_is_told_by_environment() -> None:
    metrics = Metrics()
    metrics.show(OUTCOME, AT, 4711)
    found = read(metrics)
    ours = {key: value for key, value in found.items() if key[1][:1] in (("staging",), ("production",))}
    assert ours == {
        ("gitops_bot_entries", ("staging", "changed")): 2,
        ("gitops_bot_entries", ("staging", "held")): 3,
        ("gitops_bot_entries", ("staging", "frozen")): 1,
        ("gitops_bot_entries", ("staging", "failed")): 1,
        ("gitops_bot_entries", ("staging", "unchanged")): 4,
        ("gitops_bot_entries", ("staging", "ignored")): 0,
        ("gitops_bot_entries", ("staging", "unmanaged")): 0,
        ("gitops_bot_entries", ("production", "changed")): 0,
        ("gitops_bot_entries", ("production", "held")): 0,
        ("gitops_bot_entries", ("production", "frozen")): 0,
        ("gitops_bot_entries", ("production", "failed")): 0,
        ("gitops_bot_entries", ("production", "unchanged")): 3,
        ("gitops_bot_entries", ("production", "ignored")): 0,
        ("gitops_bot_entries", ("production", "unmanaged")): 0,
        ("gitops_bot_held_entries", ("staging", "held.soak")): 2,
        ("gitops_bot_held_entries", ("staging", "held.downgrade")): 1,
        ("gitops_bot_open_proposals", ("staging",)): 1,
        ("gitops_bot_open_proposals", ("production",)): 0,
    }
    assert found["gitops_bot_last_cycle_timestamp_seconds", ()] == AT.timestamp()
    assert found["gitops_bot_api_rate_limit_remaining", ()] == 4711


def test_what_is_gone_has_no_line_any_more() -> None:
    metrics = Metrics()
    metrics.show(OUTCOME, AT, 4711)
    metrics.show(replace(OUTCOME, environments=OUTCOME.environments[1:]), AT, None)
    found = read(metrics)
    assert not any("staging" in labels for _, labels in found)
    assert ("gitops_bot_api_rate_limit_remaining", ()) not in found
    assert found["gitops_bot_open_proposals", ("production",)] == 0


def test_requests_are_counted_by_host_and_status_from_many_threads() -> None:
    metrics = Metrics()

    def ask() -> None:
        for _ in range(100):
            metrics.count_request("ghcr.io", 200)
        metrics.count_request("ghcr.io", 429)
        metrics.count_request("localhost:5000", None)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read(metrics)
    assert found["gitops_bot_registry_requests_total", ("ghcr.io", "200")] == 800
    assert found["gitops_bot_registry_requests_total", ("ghcr.io", "429")] == 8
    assert found["gitops_bot_registry_requests_total", ("localhost:5000", "none")] == 8


def test_manifests_that_name_ever_new_registries_cost_no_memory() -> None:
    metrics = Metrics()
    for number in range(HOSTS + 50):
        metrics.count_request(f"registry{number}.test", 200)
    metrics.count_request("registry0.test", 200)
    hosts = {labels[0]: value for (name, labels), value in read(metrics).items() if name.endswith("requests_total")}
    assert len(hosts) == HOSTS + 1
    assert (hosts["other"], hosts["registry0.test"]) == (50, 2)
