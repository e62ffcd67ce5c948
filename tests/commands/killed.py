"""Runs that are killed at a request."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.counterparts.world import ended

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

GONE = Answer(500, b"nobody is there to read this")


class Killer:
    """A gate that kills the bot when it asks for `wanted` (as in `POST /pulls`), before or after it is done."""

    def __init__(self, wanted: str, *, done: bool) -> None:
        self.method, _, self.path = wanted.partition(" ")
        self.done, self.kills = done, 0
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, request: Request, go: Callable[[], Answer]) -> Answer:
        if self.process is None or request.method != self.method or not request.path.endswith(self.path):
            return go()
        if self.done:
            go()
        self.kills += 1
        os.kill(self.process.pid, signal.SIGKILL)
        return GONE


def kill_at(
    shop: Deploy, wanted: str, *, done: bool, command: Sequence[str] = ("update",), env: Mapping[str, str] | None = None
) -> None:
    """Run a command and kill it at that request."""
    killer = Killer(wanted, done=done)
    shop.gate(killer)
    killer.process = shop.start(*command, env=env)
    assert ended(killer.process).code == -signal.SIGKILL
    assert killer.kills == 1
    shop.gate(None)
