"""The one place where questions are put: work goes as far as facts do, the world is asked for the rest, and again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gitops_bot.engine.facts import HistoryQuestion, Needs, PullRequestsQuestion, Question
from gitops_bot.engine.workers import together
from gitops_bot.errors import BotError, ForgeError, GitError
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.world import World
    from gitops_bot.images.reference import ImageName

    Lack = Sequence[Question[Any] | HistoryQuestion | PullRequestsQuestion]

T = TypeVar("T")
Value = TypeVar("Value")
T_co = TypeVar("T_co", covariant=True)
#: Why work comes to nothing. What registries refuse is a decision about one entry.
Failure = GitError | ForgeError


@dataclass(frozen=True, slots=True)
class Work(Generic[T_co]):
    """A pure function of facts, which raises `Needs` for those that it lacks; `image` is what it is about, if anything.

    It is called again from its beginning whenever it has got an answer.
    """

    do: Callable[[], T_co]
    image: ImageName | None = None

    @classmethod
    def of(cls, value: T, image: ImageName | None = None) -> Work[T]:
        """Work that is done already."""
        return Work(lambda: value, image)

    def then(self, go_on: Callable[[T_co], T]) -> Work[T]:
        """The same work, and what is made of its result."""
        return Work(lambda: go_on(self.do()), self.image)


def settle(world: World, facts: Facts, works: Sequence[Work[T]]) -> list[T | Failure]:
    """What every piece of work comes to, in their order, or the failure of git or the forge that it ran into.

    The registries of different pieces of work are asked side by side; what git and the forge have to say is asked
    for all of them together.
    """
    done: dict[int, T | Failure] = {}
    while waiting := [at for at in range(len(works)) if at not in done]:
        lacking = {at: lack for at in waiting if (lack := _attempt(works[at], done, at))}
        if asking := {at: lack for at, lack in lacking.items() if _is_for_registries(lack)}:
            lacking |= _ask_registries(world, facts, works, done, asking)
        _ask_together(world, facts, [lack for at, lack in lacking.items() if at not in done])
    return [done[at] for at in range(len(works))]


def settle_each(
    world: World, facts: Facts, values: Sequence[Value | Failure], do: Callable[[Value], T]
) -> list[T | Failure]:
    """What a step makes of every value, all of them together; a failure of the step before stays what it is."""
    return settle(
        world, facts, [Work.of(value) if isinstance(value, Failure) else Work(partial(do, value)) for value in values]
    )


def settled(world: World, facts: Facts, do: Callable[[], T]) -> T:
    """What one piece of work comes to.

    Raises:
        GitError, ForgeError: what it lacks cannot be had.
    """
    (result,) = settle(world, facts, [Work(do)])
    if isinstance(result, Failure):
        raise result
    return result


def _attempt(work: Work[T], done: dict[int, T | Failure], at: int) -> Lack:
    """Do the work as far as facts go; the questions whose answers it lacks, none where it is done."""
    try:
        done[at] = work.do()
    except Needs as needs:
        return needs.questions
    except (GitError, ForgeError) as failure:
        done[at] = failure
    return ()


def _ask_registries(
    world: World,
    facts: Facts,
    works: Sequence[Work[T]],
    done: dict[int, T | Failure],
    asking: Mapping[int, Lack],
) -> dict[int, Lack]:
    """Ask registries side by side, and go on with the work as long as it lacks nothing else; what it lacks then."""

    def go_on(at: int) -> Lack:
        lack = asking[at]
        while lack and _is_for_registries(lack):
            _learn(world, facts, lack)
            lack = _attempt(works[at], done, at)
        return lack

    registries = len({image.registry for at in asking if (image := works[at].image) is not None})
    what = f"querying {registries} registr{'y' if registries == 1 else 'ies'}"
    left = {}
    with (
        world.progress(what, len(asking)) as advance,
        together(go_on, list(asking), lambda at: works[at].image) as answers,
    ):
        for at, lack in zip(asking, answers, strict=True):
            left[at] = lack
            advance()
    return left


def _is_for_registries(lack: Lack) -> bool:
    return all(isinstance(question, Question) and question.of_registry for question in lack)


def _ask_together(world: World, facts: Facts, lacking: Sequence[Lack]) -> None:
    """Ask git and the forge what several pieces of work lack: all history at once, all pull requests at once."""
    asked = list(dict.fromkeys(question for lack in lacking for question in lack))
    if history := [question for question in asked if isinstance(question, HistoryQuestion)]:
        _read_history(world, facts, history)
    if pulls := [question for question in asked if isinstance(question, PullRequestsQuestion)]:
        _read_pull_requests(world, facts, pulls)
    _learn(world, facts, [question for question in asked if not _is_for_registries([question])])


def _learn(world: World, facts: Facts, asked: Lack) -> None:
    """Ask one by one. A failure takes the place of its answer: who reads it gets it raised, and nobody asks twice."""
    for question in asked:
        if isinstance(question, Question):
            facts.ask(question, world)


def _read_history(world: World, facts: Facts, asked: Sequence[HistoryQuestion]) -> None:
    snapshot = asked[0].snapshot
    try:
        line = world.repository.line(
            snapshot.commit,
            snapshot.directories,
            lambda line: all(question.enough(line) for question in asked),
            snapshot.targets,
        )
    except GitError as failure:
        facts.learn_line(snapshot.commit, failure, ended=True)
    else:
        facts.learn_line(snapshot.commit, line, ended=not all(question.enough(line) for question in asked))


def _read_pull_requests(world: World, facts: Facts, asked: Sequence[PullRequestsQuestion]) -> None:
    branches = [question.branch for question in asked]
    answers: dict[str, tuple[object, ...]] | BotError = {}
    if world.forge is not None:
        closed = f"{naming.PREFIX}/" if facts.closed is None else None
        try:
            pulls = world.forge.find(branches, asked[0].base, closed=closed)
        except ForgeError as failure:
            answers = failure
        else:
            answers = dict(pulls)
            facts.closed = {**pulls, **(facts.closed or {}), **{name: pulls.get(name, ()) for name in branches}}
    for question in asked:
        facts.learn(question, answers if isinstance(answers, BotError) else answers.get(question.branch, ()))
