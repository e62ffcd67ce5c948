"""What becomes of a cycle that does not go well; `tests/server/test_run_command.py` has the whole way."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest

from gitops_bot.config import read
from gitops_bot.edges.signals import Ending
from gitops_bot.errors import ConfigError, GitError, Problem, UsageError
from gitops_bot.server import cycles
from gitops_bot.server.cycles import Cycles
from gitops_bot.server.metrics import Metrics
from gitops_bot.wiring.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitops_bot.server.loop import CycleResult

HOUR = timedelta(hours=1)
PROBLEM = Problem("failed.edit", "it is wrong", "correct it")
GOOD = read("version: 1\nenvironments: {dev: {overlays: [dev]}}\n", "gitops-bot.yaml")


@dataclass
class Door:
    """Stands for the way into the world: it never leads there."""

    then: Callable[[], NoReturn]

    @contextmanager
    def open_world(self, *_: object, **__: object) -> Iterator[None]:
        self.then()
        yield


def fails(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


def cycle(
    monkeypatch: pytest.MonkeyPatch, then: Callable[[], object], *, good: bool = True, limit: timedelta = HOUR
) -> CycleResult:
    monkeypatch.setattr(cycles, "open_world", Door(then).open_world)
    with Ending() as ending:
        running = Cycles(Options("acme/deploy", None, None), (), ending, Metrics(), dry_run=False)
        running._good = GOOD if good else None
        return running.run(1, limit)


@pytest.mark.parametrize("error", [ConfigError(PROBLEM), UsageError(PROBLEM), GitError(PROBLEM)], ids=repr)
def test_what_worked_once_may_work_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    ended = cycle(monkeypatch, fails(error))
    assert (ended.result, ended.why) == ("failed", "it is wrong")
    assert ended.facts == {"code": "failed.edit", "message": "it is wrong", "next": "correct it", "where": None}


@pytest.mark.parametrize("error", [ConfigError(PROBLEM), UsageError(PROBLEM)], ids=repr)
def test_what_never_worked_ends_the_process(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    with pytest.raises(type(error)):
        cycle(monkeypatch, fails(error), good=False)


def test_a_network_that_is_not_there_yet_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cycle(monkeypatch, fails(GitError(PROBLEM)), good=False).result == "failed"


def test_a_bug_costs_its_cycle_and_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = cycle(monkeypatch, fails(KeyError("secret")))
    message = "this is a bug in gitops-bot, please report it (KeyError)"
    assert (ended.result, ended.facts["code"], ended.facts["message"]) == ("failed", "failed.bug", message)
    assert "test_cycles.py" in str(ended.facts["traceback"])


def test_a_limit_of_the_machine_costs_its_cycle_and_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = cycle(monkeypatch, fails(RuntimeError("can't start new thread")))
    assert (ended.result, ended.why) == ("failed", "this machine cannot start more threads")
    assert "traceback" not in ended.facts


def test_a_cycle_that_takes_too_long_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = cycle(monkeypatch, threading.Event().wait, limit=timedelta(milliseconds=1))
    assert (ended.result, ended.completed) == ("overran", False)


def test_a_warning_is_told_when_the_last_cycle_did_not_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Ending() as ending:
        running = Cycles(Options("acme/deploy", None, None), (), ending, Metrics(), dry_run=False)
        other = Problem("failed.forge", "no label", "allow it")
        told = []
        for number, problems in enumerate([[PROBLEM], [PROBLEM, other], [other], [], [PROBLEM]], start=1):
            for problem in problems:
                running._warn(number, problem)
            told.append(capsys.readouterr().err.count("github.warning"))
    assert told == [1, 1, 0, 0, 1]


def test_as_process_1_it_takes_the_dead_in() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    cycles._reap()
    with pytest.raises(ChildProcessError):
        os.waitpid(child, 0)
    cycles._reap()
