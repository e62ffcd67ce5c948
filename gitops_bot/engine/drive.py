"""Drives decisions, many side by side: each runs once, from beginning to end, and equal questions are asked once.

A decision that waits for registries goes on by itself as soon as it has its answers. Git and the forge are asked for
all decisions together.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from gitops_bot.engine.facts import (
    AnyQuestion,
    ChecksQuestion,
    DeploymentsQuestion,
    Facts,
    HistoryQuestion,
    PullRequestsQuestion,
    Question,
    forge_of,
)
from gitops_bot.engine.read import read_line
from gitops_bot.engine.workers import together
from gitops_bot.errors import BotError, ConfigError, ForgeError, GitError, UsageError, bug_of, bugs_as
from gitops_bot.images.reason import counted
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.line import Line

    Questions = Sequence[AnyQuestion]
    #: A decision that is not made yet.
    Deciding = Coroutine[Any, Any, "T"]

T = TypeVar("T")
#: Decisions that are made side by side.
_AT_ONCE: Final = 2_000


def drive(world: World, facts: Facts, decisions: Sequence[Deciding[T] | BotError]) -> list[T | BotError]:
    """The result of every decision, in order, or the failure of git or the forge, or the bug, that stopped it.

    Decisions handle failures of registries themselves. A failure in place of a decision is returned as it is.
    """
    # Each that waits takes 4 KiB, so thousands of them take turns.
    parts = (decisions[at : at + _AT_ONCE] for at in range(0, len(decisions), _AT_ONCE))
    return [result for part in parts for result in _Scheduler(world, facts, part).run()]


def answer(world: World, facts: Facts, deciding: Deciding[T]) -> T:
    """The result of one decision; raises the GitError or ForgeError of a fact that it needs, or a bug's BotError."""
    (result,) = drive(world, facts, [deciding])
    if isinstance(result, BotError):
        raise result
    return result


class _Scheduler(Generic[T]):
    """Drives decisions to their ends. A decision goes by its place among them."""

    def __init__(self, world: World, facts: Facts, decisions: Sequence[Deciding[T] | BotError]) -> None:
        self._world, self._facts = world, facts
        self._deciding = {at: item for at, item in enumerate(decisions) if not isinstance(item, BotError)}
        self._results: list[Any] = list(decisions)  # a decision until it is made, then what came of it
        #: Choosing among many tags takes much memory, and threads would not be done sooner by doing it side by side.
        self._turn = threading.Lock()

    def run(self) -> list[T | BotError]:
        """The results, in order."""
        try:
            waiting = {at: self._advance(at, None) for at in self._deciding}
            while any(waiting.values()):
                waiting |= self._ask_registries(waiting)
                self._ask_together([question for questions in waiting.values() for question in questions])
                answers = {at: self._facts.known(questions) for at, questions in waiting.items() if questions}
                waiting = {at: self._advance(at, known) for at, known in answers.items()}
        finally:
            for unfinished in self._deciding.values():
                with suppress(ValueError):  # after an interrupt, a thread may still be running it
                    unfinished.close()
        return self._results

    def _advance(self, at: int, answers: Sequence[Any] | None) -> Questions:
        """Run a decision as far as answers are known; returns what it asks next, nothing once it has ended."""
        try:
            while True:
                with self._turn:
                    questions: Questions = self._deciding[at].send(answers)
                if (answers := self._facts.known(questions)) is None:
                    return questions
        except StopIteration as result:
            self._results[at] = result.value
        except (UsageError, ConfigError):
            raise
        except BotError as failure:
            self._results[at] = failure
        except Exception as error:  # noqa: BLE001 - a boundary: it costs this decision alone
            self._results[at] = BotError(bug_of(error))
        return ()

    def _ask_registries(self, waiting: Mapping[int, Questions]) -> dict[int, Questions]:
        """Ask registries side by side; run on each decision that waits for them alone. Gives what these ask next."""
        first = {at: questions[0] for at, questions in waiting.items() if _is_for_registries(questions)}
        images = {at: asked.image for at, asked in first.items() if isinstance(asked, Question) and asked.image}
        if not images:
            return {}

        def go_on(at: int) -> Questions:
            questions = waiting[at]
            while _is_for_registries(questions):
                questions = self._advance(at, list(map(ask, questions)))
            return questions

        ask = partial(self._facts.ask_registry, self._world)
        what = f"querying {counted(len({image.registry for image in images.values()}), 'registry')}"
        remaining = {}
        with (
            self._world.progress(what, len(images)) as done,
            together(go_on, list(images), images.__getitem__) as answers,
        ):
            for at, questions in zip(images, answers, strict=True):
                remaining[at] = questions
                done()
        return remaining

    def _ask_together(self, asked: Questions) -> None:
        """Ask git and the forge what several decisions lack: all history at once, all pull requests at once."""
        if history := [question for question in asked if isinstance(question, HistoryQuestion)]:
            self._read_history(history)
        if branches := [question.branch for question in asked if isinstance(question, PullRequestsQuestion)]:
            self._read_pull_requests(list(dict.fromkeys(branches)))
        checks = [question for question in asked if isinstance(question, ChecksQuestion)]
        deployments = [question for question in asked if isinstance(question, DeploymentsQuestion)]
        if checks or deployments:
            self._read_reported(checks, deployments)
        for question in asked:
            if not isinstance(question, Question):
                continue
            if question.image is not None:
                self._facts.ask_registry(self._world, question)
            elif self._facts.known([question]) is None:
                try:
                    with bugs_as(BotError):
                        self._facts.learn({question: question.ask(self._world)})
                except BotError as failure:
                    self._facts.learn({question: failure})

    def _read_history(self, asked: Sequence[HistoryQuestion]) -> None:
        def enough(line: Line) -> bool:
            return all(question.enough(line) for question in asked)

        try:
            with bugs_as(GitError):
                line = read_line(self._world, self._facts.snapshot, enough)
                self._facts.learn_history(line, ends=not enough(line))
        except GitError as failure:
            self._facts.learn_history(failure, ends=True)

    def _read_pull_requests(self, branches: Sequence[str]) -> None:
        facts, forge = self._facts, self._world.forge
        if forge is None:
            facts.learn({PullRequestsQuestion(name): () for name in branches})
            return
        try:
            closed = f"{naming.PREFIX}/" if facts.closed is None else None
            with bugs_as(ForgeError):
                found = forge.find(branches, facts.snapshot.branch, closed=closed)
        except ForgeError as failure:
            facts.learn({PullRequestsQuestion(name): failure for name in branches})
        else:
            facts.learn_pull_requests(branches, found)

    def _read_reported(self, checks: Sequence[ChecksQuestion], deployments: Sequence[DeploymentsQuestion]) -> None:
        commits: dict[str | None, list[str]] = {}
        for question in dict.fromkeys(checks):
            commits.setdefault(question.repository, []).append(question.commit)
        environments: dict[str, set[str]] = {}
        for asked in deployments:
            environments.setdefault(asked.environment, set()).update(asked.commits)
        try:
            with bugs_as(ForgeError):
                reported = forge_of(self._world).checks(commits, environments)
        except ForgeError as failure:
            self._facts.learn(dict.fromkeys((*checks, *deployments), failure))
        else:
            self._facts.learn({ChecksQuestion(*key): answer for key, answer in reported.checks.items()})
            self._facts.learn({asked: reported.deployments[asked.environment] for asked in deployments})


def _is_for_registries(questions: Questions) -> bool:
    return bool(questions) and all(isinstance(asked, Question) and asked.image is not None for asked in questions)
