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


def kill_at(
    shop: Deploy, wanted: str, *, done: bool, command: Sequence[str] = ("update",), env: Mapping[str, str] | None = None
) -> None:
    """Run a command and kill it when it asks for `wanted` (as in `POST /pulls`), before or after that is done."""
    method, _, path = wanted.partition(" ")
    process: list[subprocess.Popen[str]] = []

    def kill(request: Request, go: Callable[[], Answer]) -> Answer:
        if not process or request.method != method or not request.path.endswith(path):
            return go()
        if done:
            go()
        os.kill(process[0].pid, signal.SIGKILL)
        return GONE

    shop.gate(kill)
    process.append(shop.start(*command, env=env))
    assert ended(process[0]).code == -signal.SIGKILL
    shop.gate(None)
