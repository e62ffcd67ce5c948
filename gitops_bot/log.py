"""Events with key-values, on standard error. structlog is loaded with the first that is shown: most runs have none.

Each has a time, a level, a name, and the id of the run: the same for all events of one process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.redact import printable, strike

if TYPE_CHECKING:
    from collections.abc import MutableMapping

Level = Literal["debug", "info", "warning", "error"]

_RANKS: dict[Level, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3}
#: Characters of one text that are shown: what a server says may be long.
_LONGEST = 4000

#: Tells the events of this process from those of another in one stream.
RUN_ID = os.urandom(6).hex()


@dataclass(frozen=True, slots=True)
class _Chosen:
    log_format: str = "auto"
    least: Level = "info"


_chosen = _Chosen()
#: What `once` has told, each with its facts.
_told: set[tuple[str, ...]] = set()


def use(log_format: str, *, least: Level = "info") -> None:
    """Choose `text`, `json`, or `auto` (text on a terminal, else JSON), and the least level that is shown."""
    global _chosen  # noqa: PLW0603 - the form of the log is a fact of the process, set once by the door
    _chosen = _Chosen(log_format, least)


def event(name: str, /, *, level: Level = "info", **facts: Any) -> None:
    """Log one fact: the event's name and what belongs to it."""
    if _RANKS[level] < _RANKS[_chosen.least]:
        return
    # Whoever does not listen any more misses nothing: the work goes on.
    with suppress(OSError, ValueError):
        _logger(as_json=_as_json()).msg(name, level=level, run_id=RUN_ID, **facts)


def once(name: str, /, *, level: Level = "info", **facts: str) -> None:
    """Log a fact that stays as it is, the first time that it is met: a process that stays meets it in every cycle."""
    if (name, *facts.values()) not in _told:
        _told.add((name, *facts.values()))
        event(name, level=level, **facts)


def debug(name: str, /, **facts: Any) -> None:
    """Log one fact that only `--verbose` shows."""
    event(name, level="debug", **facts)


def milliseconds(since: float) -> int:
    """How long it is since a reading of `time.perf_counter`."""
    return round((time.perf_counter() - since) * 1000)


def is_watched() -> bool:
    """Whether a person looks at standard error, and wants to see neither more nor less than usual."""
    return _chosen.least == "info" and not _as_json() and sys.stderr.isatty()


def _as_json() -> bool:
    return _chosen.log_format == "json" or (_chosen.log_format == "auto" and not sys.stderr.isatty())


def _logger(*, as_json: bool) -> Any:
    import structlog

    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), _harmless, _renderer(as_json=as_json)],
    )


@cache
def _renderer(*, as_json: bool) -> Any:
    import structlog

    if as_json:
        return structlog.processors.JSONRenderer(serializer=_json)
    shown = structlog.dev.ConsoleRenderer(colors=False, sort_keys=False)
    return lambda logger, method, facts: printable(shown(logger, method, facts))


def _harmless(_logger: Any, _method: str, facts: MutableMapping[str, Any]) -> dict[str, Any]:
    """The facts without secrets, in the order that people read them in."""
    first = {name: facts[name] for name in ("timestamp", "level", "event", "run_id")}
    return first | {name: _plain(value) for name, value in facts.items() if name not in first}


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {_text(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return _text(value)


def _text(value: Any) -> str:
    shown = strike(str(value))
    # The end says most: a traceback's last line, the last word of a server.
    if len(shown) <= _LONGEST:
        return shown
    head = _LONGEST // 4
    return f"{shown[:head]} … {shown[head + 3 - _LONGEST :]}"


def _json(facts: dict[str, Any], **how: Any) -> str:
    # JSON escapes every control character, and a line that begins with a brace is no command. What Actions and its
    # relatives obey anywhere in a line (`##[error]`) is written so that JSON still reads the same.
    return json.dumps(facts, **how).replace("##", "#\\u0023")
