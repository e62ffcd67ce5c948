"""A `gitops-bot run` as its operator sees it: its log, its probes, and signals."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import islice
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from tests.counterparts.world import PATIENCE, ended

if TYPE_CHECKING:
    import signal
    import subprocess
    from collections.abc import Iterator, Mapping

    from tests.counterparts.world import Deploy, Done

Event = dict[str, Any]
#: Events that may come before the one that is waited for.
_MOST = 50


@dataclass(slots=True)
class Running:
    """The process, and every event that was read of it so far."""

    process: subprocess.Popen[str]
    events: list[Event] = field(default_factory=list)

    def until(self, name: str) -> Event:
        """Read on until an event of this name comes."""
        assert self.process.stderr is not None
        for line in islice(self.process.stderr, _MOST):
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == name:
                return self.events[-1]
        raise AssertionError((name, self.events[-5:]))

    def named(self, name: str) -> list[Event]:
        """Every event of that name so far."""
        return [each for each in self.events if each["event"] == name]

    @property
    def address(self) -> str:
        """Where its probes are."""
        (started,) = self.named("run.started")
        return str(started["listen"])

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a probe."""
        with closing(HTTPConnection(self.address, timeout=30)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self) -> dict[str, float]:
        """Every sample, as `name{label values}`."""
        status, text = self.get("/metrics")
        assert status == 200
        return {
            sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def end(self, *signals: signal.Signals) -> Done:
        """Send the signals and wait for the end; what it still told is read."""
        for each in signals:
            self.process.send_signal(each)
        done = ended(self.process)
        self.events += [json.loads(line) for line in done.err.splitlines()]
        return done


@contextmanager
def running(deploy: Deploy, *args: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run it on a repository, with probes on a free port; nothing of it outlives the block."""
    process = deploy.start("run", "--every", "1s", "--jitter", "0", "--listen", "127.0.0.1:0", *args, env=env)
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        run = Running(process)
        run.until("run.started")
        yield run
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
            process.communicate()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
