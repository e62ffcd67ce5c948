"""Events with key-values on standard error. structlog is loaded for the first that is shown: most runs have none.

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
#: Characters of one text that are shown: servers may send long ones.
_LONGEST = 4000

#: Tells the events of this process from those of others in the same stream.
RUN_ID = os.urandom(6).hex()


@dataclass(frozen=True, slots=True)
class _Chosen:
    log_format: str = "auto"
    least: Level = "info"


_chosen = _Chosen()
#: What `once` has logged, with its facts.
_logged: set[tuple[str, ...]] = set()


def use(log_format: str, *, least: Level = "info") -> None:
    """Choose `text`, `json`, or `auto` (text on a terminal, else JSON), and the least level that is shown."""
    global _chosen  # noqa: PLW0603 - the format belongs to the process and is set once
    _chosen = _Chosen(log_format, least)


def event(name: str, /, *, level: Level = "info", **facts: Any) -> None:
    """Log one event with its facts."""
    if _RANKS[level] < _RANKS[_chosen.least]:
        return
    # A closed standard error does not stop the work.
    with suppress(OSError, ValueError):
        as_json = _chosen.log_format == "json" or (_chosen.log_format == "auto" and not sys.stderr.isatty())
        _logger(as_json=as_json).msg(name, level=level, run_id=RUN_ID, **facts)


def once(name: str, /, *, level: Level = "info", **facts: str) -> None:
    """Log an event the first time only: `run` meets it again in every cycle."""
    if (name, *facts.values()) not in _logged:
        _logged.add((name, *facts.values()))
        event(name, level=level, **facts)


def debug(name: str, /, *, since: float | None = None, **facts: Any) -> None:
    """Log an event that only `--verbose` shows; `since` a reading of `time.perf_counter`, with its milliseconds."""
    if _chosen.least == "debug":
        took = {} if since is None else {"ms": round((time.perf_counter() - since) * 1000)}
        event(name, level="debug", **facts, **took)


def is_watched() -> bool:
    """Whether a person watches standard error, without --quiet or --verbose."""
    return _chosen.least == "info" and _chosen.log_format != "json" and sys.stderr.isatty()


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
    # The end says most: the last line of a traceback, the last words of a server.
    if len(shown) <= _LONGEST:
        return shown
    head = _LONGEST // 4
    return f"{shown[:head]} … {shown[head + 3 - _LONGEST :]}"


def _json(facts: dict[str, Any], **how: Any) -> str:
    # JSON escapes every control character, and a line that begins with a brace is no workflow command. What Actions and
    # its relatives obey anywhere in a line (`##[error]`) is escaped, too.
    return json.dumps(facts, **how).replace("##", "#\\u0023")
