"""Events with key-values, on standard error. structlog is loaded with the first event: most runs have none."""

from __future__ import annotations

import sys
from typing import Any

_chosen = "auto"


def use(log_format: str) -> None:
    """Choose `text`, `json`, or `auto` (text on a terminal, else JSON)."""
    global _chosen  # noqa: PLW0603 - the form of the log is a fact of the process, set once by the door
    _chosen = log_format


def event(name: str, **facts: Any) -> None:
    """Log one fact: the event's name and what belongs to it."""
    import structlog

    as_json = _chosen == "json" or (_chosen == "auto" and not sys.stderr.isatty())
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), renderer],
    )
    logger.msg(name, **facts)
