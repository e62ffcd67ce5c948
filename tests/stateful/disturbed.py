"""A run of which one request is answered late, cut off or twice: the next run comes to the end of an undisturbed one.

Git, the API and the registry are asked over HTTP. The server has done what it was asked each time: only the answer does
not arrive, or it does it twice.
"""

from __future__ import annotations

import difflib
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from gitops_bot.demo.http import Answer, Refused
from gitops_bot.edges.git import process
from gitops_bot.edges.github import wire
from gitops_bot.edges.http import client
from gitops_bot.errors import BotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from gitops_bot.demo.http import Request
    from tests.stateful.again import State
    from tests.stateful.world import Command, Shop

#: `late`: after the client has given up; `cut`: nothing arrives, `half`: half of it; `twice`: done twice, as by a proxy
#: that repeats what it lost the answer to.
Kind = Literal["late", "cut", "half", "twice"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Seconds for which clients wait here, and after which a late answer comes.
_PATIENCE, _LATE = 2, 3.0

#: One request: what it is, and how many like it came before.
Asked = tuple[str, int]


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no client wait for an answer as long as it would elsewhere."""
    monkeypatch.setattr(wire, "_TIMEOUT", _PATIENCE)
    monkeypatch.setattr(client, "_TIMEOUTS", dict.fromkeys(("connect", "read", "write", "pool"), float(_PATIENCE)))
    slow = {"http.lowSpeedTime": str(_PATIENCE)}
    settings = tuple((name, slow.get(name, value)) for name, value in process._SETTINGS)
    monkeypatch.setattr(process, "_SETTINGS", settings)


@dataclass(slots=True)
class Traffic:
    """The requests of a run, in the order of their arrival; `act` answers each of them."""

    act: Callable[[Asked, Callable[[], Answer]], Answer] | None = None
    asked: list[Asked] = field(default_factory=list)
    _count: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def gate(self, request: Request, go: Callable[[], Answer]) -> Answer:
        what = label(request)
        with self._lock:
            asked = (what, self._count[what])
            self._count[what] += 1
            self.asked.append(asked)
        return go() if self.act is None else self.act(asked, go)


def label(request: Request) -> str:
    """Method, path, and what tells requests of one path apart."""
    operation = ""
    if request.path.endswith("/graphql"):
        operation = " " + re.findall(r"\w+", json.loads(request.body)["query"])[1]
    service = request.query.get("service", "")
    return f"{request.method} {request.path}{operation}{' ' if service else ''}{service}"


def is_write(asked: Asked) -> bool:
    """Whether it changes anything: GraphQL has mutations, which are called after what they do."""
    method, path, *more = asked[0].split()
    if path.endswith("/graphql"):
        return more[0] in ("EnableAutoMerge", "Enqueue")
    return method not in ("GET", "HEAD") and not path.endswith("/git-upload-pack")


@contextmanager
def through(shop: Shop, traffic: Traffic) -> Iterator[None]:
    shop.forge.gate = shop.images.gate = traffic.gate
    try:
        yield
    finally:
        shop.forge.gate = shop.images.gate = None


def disturb(kind: Kind, at: Asked) -> Callable[[Asked, Callable[[], Answer]], Answer]:
    """What answers each request, and that one as `kind` says."""

    def act(asked: Asked, go: Callable[[], Answer]) -> Answer:
        if asked != at:
            return go()
        answer = _answer(go)
        match kind:
            case "late":
                threading.Event().wait(_LATE)
                raise ConnectionResetError
            case "half" if len(answer.body) > 1 and answer.status not in (204, 304):
                headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
                return replace(answer, body=answer.body[: len(answer.body) // 2], headers=headers)
            case "cut" | "half":
                raise ConnectionResetError
            case "twice":
                return _answer(go)

    return act


def _answer(go: Callable[[], Answer]) -> Answer:
    try:
        return go()
    except Refused as refused:
        return refused.answer


def ends(shop: Shop, command: Command, traffic: Traffic) -> str:
    """Run the command as this traffic; says how it failed, if it did."""
    with through(shop, traffic):
        try:
            ran = shop.run(command)
        except BotError as error:
            return str(error)
    assert ran.outcome is not None
    failed = [failed for environment in ran.outcome.environments for failed in environment.failed]
    return "; ".join(f"{each.problem.code}: {each.problem.message}" for each in failed)


def differences(expected: State, found: State) -> list[str]:
    """Where two states differ, one line for each."""
    told = []
    for part in expected.keys() | found.keys():
        one, other = expected.get(part, {}), found.get(part, {})
        for key in sorted(one.keys() | other.keys(), key=str):
            wanted, there = one.get(key), other.get(key)
            if isinstance(wanted, str) and isinstance(there, str):
                lines = difflib.unified_diff(wanted.splitlines(), there.splitlines(), n=0, lineterm="")
                told += [f"{part} {key}: {line}" for line in lines if not line.startswith(("---", "+++", "@@"))]
            elif wanted != there:
                told.append(f"{part} {key}: {wanted!r} != {there!r}")
    return told
