"""`gitops-bot run` as a process: what it tells, what it answers, how it ends."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot import __version__
from tests.commands.conftest import CONFIG, WEB
from tests.commands.running import running
from tests.commands.stages import Stages
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy, World

#: What every event may have beside its own.
_OF_ALL = {"event", "timestamp", "level", "run_id"}
_ENTRY = {"cycle", "environment", "code", "message", "file", "entry", "image"}
#: The contract of the log: the facts of each event.
EVENTS = {
    "run.started": {"version", "every", "timezone", "environments", "listen", "dry_run"},
    "proposal.written": {
        *("cycle", "environment", "group", "action", "branch", "commit", "pull_request", "url", "changes", "reason"),
    },
    "entry.failed": {*_ENTRY, "line", "next"},
    "entry.held": {*_ENTRY, "candidate"},
    "configuration.bad": {"cycle", "used", "code", "message", "next", "where"},
    "configuration.good": {"cycle"},
    "environment.unknown": {"cycle", "environment", "next"},
    "cycle.ended": {
        *("cycle", "result", "seconds", "next_at", "commit", "written"),
        *("changed", "held", "frozen", "failed", "unchanged", "ignored", "unmanaged"),
        *("open_proposals", "rate_limit_left"),
    },
    "cycle.failed": {"cycle", "result", "seconds", "next_at", "code", "message", "next", "where"},
    "run.ended": {"signal"},
}


def keep_the_contract(events: list[dict[str, Any]]) -> None:
    for each in events:
        assert each.keys() - _OF_ALL == EVENTS[each["event"]], each


def test_the_first_cycle_proposes_at_once_and_a_quiet_one_tells_its_end_alone(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases", staging="policy: releases")
    stages.push("web", "1.1.0")
    with running(stages.deploy) as bot:
        first = bot.until("cycle.ended")
        assert (first["cycle"], first["result"], first["written"], first["open_proposals"]) == (1, "done", 2, 2)
        assert {each["environment"] for each in bot.named("proposal.written")} == {"staging", "production"}
        assert len(stages.deploy.pulls()) == 2
        assert bot.get("/healthz") == (200, "alive\n")
        assert bot.get("/readyz") == (200, "ready\n")
        assert bot.get("/elsewhere")[0] == 404
        status, page = bot.get("/")
        assert (status, page.startswith("<!DOCTYPE html>")) == (200, True)
        assert all(f">merge #{pull['number']}</a>" in page for pull in stages.deploy.pulls())
        numbers = bot.metrics()
        assert numbers["gitops_bot_cycles_total{done}"] >= 1
        assert numbers["gitops_bot_entries{staging,changed}"] == 1
        assert numbers["gitops_bot_open_proposals{production}"] == 1
        assert numbers[f"gitops_bot_registry_requests_total{{{worldwide.registry.host},200}}"] >= 2
        assert 0 < numbers["gitops_bot_api_rate_limit_remaining"] <= 5000
        assert numbers["gitops_bot_config_last_reload_successful"] == 1

        assert bot.until("cycle.ended")["written"] == 0
        assert bot.events[-2]["event"] == "cycle.ended"
        done = bot.end(signal.SIGTERM)
    assert (done.code, done.out) == (0, "")
    assert bot.events[0]["version"] == __version__
    assert bot.events[-1]["event"] == "run.ended"
    keep_the_contract(bot.events)


def test_a_bad_configuration_keeps_the_last_good_one_and_no_configuration_keeps_none(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases", staging="policy: releases")
    deploy = stages.deploy
    good = deploy.files("main")["gitops-bot.yaml"]
    with running(deploy, "staging", "production") as bot:
        bot.until("cycle.ended")
        deploy.remote.commit("main", {"gitops-bot.yaml": good.replace(b"releases: {semver", b"releases: {semwer")})
        bad = bot.until("configuration.bad")
        assert (bad["used"], bad["where"]) == ("the last good one", "gitops-bot.yaml:2:23")
        stages.push("web", "1.1.0")
        assert bot.until("proposal.written")["cycle"] >= bad["cycle"]
        assert bot.until("cycle.ended")["open_proposals"] == 2
        assert bot.metrics()["gitops_bot_config_last_reload_successful"] == 0
        assert bot.get("/readyz")[0] == 200

        # A good one again, which has one environment less: that is what it says now, and the other goes on.
        deploy.remote.commit("main", {"gitops-bot.yaml": good[: good.index(b"  production:")]})
        bot.until("configuration.good")
        after = bot.until("cycle.ended")
        assert (after["result"], after["open_proposals"]) == ("done", 1)
        assert [each["environment"] for each in bot.named("environment.unknown")] == ["production"]
        assert bot.metrics()["gitops_bot_config_last_reload_successful"] == 1

        # Whoever takes it away wants nothing to be done any more.
        deploy.remote.commit("main", {"gitops-bot.yaml": None})
        assert "there is no gitops-bot.yaml" in bot.until("cycle.failed")["message"]
        before = deploy.branches
        stages.push("web", "1.2.0")
        bot.until("cycle.failed")
        assert deploy.branches == before
        assert bot.end(signal.SIGTERM).code == 0
    # Each is said once, however many cycles it lasted.
    assert (len(bot.named("configuration.bad")), len(bot.named("environment.unknown"))) == (1, 1)
    keep_the_contract(bot.events)


def gated(deploy: Deploy, at: str, then: Callable[[], None]) -> None:
    """Do something while the first API request of that kind is under way."""
    seen: list[str] = []

    def gate(request: Request, go: Callable[[], Answer]) -> Answer:
        if f"{request.method} {request.path}".endswith(at) and not seen:
            seen.append(at)
            then()
        return go()

    deploy.gate(gate)


def test_a_write_under_way_is_finished_before_it_ends(worldwide: World) -> None:
    propose = "policy: releases\npropose: {labels: [release]}"
    stages = Stages.start(worldwide, propose, staging=propose)
    deploy = stages.deploy
    stages.push("web", "1.1.0")
    with running(deploy) as bot:
        gated(deploy, "/pulls", lambda: bot.process.send_signal(signal.SIGTERM))
        done = bot.end()
    assert done.code == 0
    # The pull request has all that belongs to it; the next environment was not begun.
    pull = deploy.pull()
    assert [label["name"] for label in pull["labels"]] == ["release"]
    assert deploy.branches.keys() == {"main", pull["head"]["ref"]}
    assert bot.events[-1]["event"] == "run.ended"

    # The next start goes on where it ended.
    with running(deploy) as bot:
        assert bot.until("cycle.ended")["open_proposals"] == 2
        assert bot.end(signal.SIGTERM).code == 0


def test_a_second_signal_does_not_wait_for_the_write(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    with running(shop) as bot:

        def twice() -> None:
            bot.process.send_signal(signal.SIGTERM)
            bot.process.send_signal(signal.SIGINT)
            bot.process.wait()

        gated(shop, "/pulls", twice)
        done = bot.end()
    assert done.code in (0, 130)  # two signals that come at once are one to the system, in any order
    assert "gitops-bot/production/all" in shop.branches
    assert bot.events[-1]["event"] == "run.ended"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_questions_that_nobody_answers_do_not_keep_it(worldwide: World, number: signal.Signals, code: int) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        entries = "".join(f"- name: 127.0.0.1:{each.getsockname()[1]}/acme/web\n  newTag: 1.0.0\n" for each in silent)
        deploy = worldwide.deploy(lambda _: {"gitops-bot.yaml": CONFIG, WEB: f"images:\n{entries}".encode()})
        scratch = deploy.folder / "scratch"
        scratch.mkdir()
        bot = stack.enter_context(running(deploy, env=deploy.env | {"TMPDIR": str(scratch)}))
        for each in silent:
            stack.enter_context(each.accept()[0])
        # Alive all the while, and not ready yet.
        assert bot.get("/healthz")[0] == 200
        status, why = bot.get("/readyz")
        assert (status, why.startswith("no cycle has completed yet; one has been running since 20")) == (503, True)
        done = bot.end(number)
    assert (done.code, bot.events[-1]["signal"]) == (code, number.name)
    assert list(scratch.iterdir()) == []


WRONG = {
    "no schedule": ([], "Missing option '--every'"),
    "a time without a unit": (["--every", "5"], "--every: '5' is not a duration"),
    "a path as a zone": (["--every", "5m", "--timezone", "../etc/passwd"], "--timezone: there is no time zone"),
    "an address that is none": (["--every", "5m", "--listen", ":8080"], "--listen ':8080' is not HOST:PORT"),
}


@pytest.mark.parametrize(("args", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_ends_it_at_once(tmp_path: Path, args: list[str], said: str) -> None:
    done = run("run", *args, cwd=tmp_path)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_configuration_that_was_never_good_ends_it(shop: Deploy) -> None:
    shop.remote.commit("main", {"gitops-bot.yaml": b"version: 2\n"})
    done = shop.bot("run", "--every", "5m")
    assert done.code == 2
    assert "gitops-bot.yaml:1:" in done.err
