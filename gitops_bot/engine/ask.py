"""The one place where questions are put: work goes as far as facts do, the world is asked for the rest, and again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, assert_never

from gitops_bot.engine import facts as questions
from gitops_bot.engine.facts import Needs
from gitops_bot.engine.workers import together
from gitops_bot.errors import BotError, ForgeError, GitError
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.engine.facts import Facts, Question, RegistryQuestion
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.images.reference import ImageName

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Work(Generic[T_co]):
    """A pure function of facts, which raises `Needs` for those that it lacks; `image` is what it is about, if anything.

    It is called again from its beginning whenever it has got an answer.
    """

    do: Callable[[], T_co]
    image: ImageName | None = None

    @classmethod
    def of(cls, value: T) -> Work[T]:
        """Work that is done already."""
        return Work(partial(_identity, value))

    def then(self, go_on: Callable[[T_co], T]) -> Work[T]:
        """The same work, and what is made of its result."""
        return Work(partial(_chained, self.do, go_on), self.image)


def _identity(value: T) -> T:
    return value


def _chained(do: Callable[[], T_co], go_on: Callable[[T_co], T]) -> T:
    return go_on(do())


def settle(world: World, snapshot: Snapshot, facts: Facts, works: Sequence[Work[T]]) -> list[T | GitError | ForgeError]:
    """What every piece of work comes to, in their order, or the failure of git or the forge that it ran into.

    The registries of different pieces of work are asked side by side; what git and the forge have to say is asked
    for all of them together.
    """
    done: dict[int, T | GitError | ForgeError] = {}
    while waiting := [at for at in range(len(works)) if at not in done]:
        lacking = {at: lack for at in waiting if (lack := _attempt(works[at], done, at))}
        if asking := {at: lack for at, lack in lacking.items() if _is_for_registries(lack)}:
            lacking |= _ask_registries(world, facts, works, done, asking)
        _ask_together(world, snapshot, facts, [lack for at, lack in lacking.items() if at not in done])
    return [done[at] for at in range(len(works))]


def settled(world: World, snapshot: Snapshot, facts: Facts, do: Callable[[], T]) -> T:
    """What one piece of work comes to.

    Raises:
        GitError, ForgeError: what it lacks cannot be had.
    """
    (result,) = settle(world, snapshot, facts, [Work(do)])
    if isinstance(result, GitError | ForgeError):
        raise result
    return result


def _attempt(work: Work[T], done: dict[int, T | GitError | ForgeError], at: int) -> Sequence[Question]:
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
    done: dict[int, T | GitError | ForgeError],
    asking: Mapping[int, Sequence[Question]],
) -> dict[int, Sequence[Question]]:
    """Ask registries side by side, and go on with the work as long as it lacks nothing else; what it lacks then."""

    def go_on(at: int) -> Sequence[Question]:
        lack = asking[at]
        while lack and _is_for_registries(lack):
            for question in lack:
                if isinstance(question, questions.RegistryQuestion):
                    facts.learn(question, _or_failure(partial(_of_registry, world, question)))
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


def _is_for_registries(lack: Sequence[Question]) -> bool:
    return all(isinstance(question, questions.RegistryQuestion) for question in lack)


def _of_registry(world: World, question: RegistryQuestion) -> object:
    match question:
        case questions.Tags(image=image):
            return world.registry.tags(image)
        case questions.Digest(image=image, tag=tag):
            return world.registry.digest(image, tag)
        case questions.Exists(image=image, digest=digest):
            return world.registry.exists(image, digest)
        case questions.MissingPlatforms(image=image, digest=digest):
            return world.registry.missing(image, digest)
        case questions.Description(image=image, digest=digest):
            return world.registry.describe(image, digest)
        case _:
            assert_never(question)


def _ask_together(world: World, snapshot: Snapshot, facts: Facts, lacking: Sequence[Sequence[Question]]) -> None:
    """Ask git and the forge what several pieces of work lack: all history at once, all pull requests at once."""
    asked = list(dict.fromkeys(question for lack in lacking for question in lack))
    history = [question for question in asked if isinstance(question, questions.History)]
    branches = [question.branch for question in asked if isinstance(question, questions.PullRequests)]
    if history:
        _read_history(world, snapshot, facts, history)
    if branches:
        _read_pull_requests(world, snapshot, facts, branches)
    for question in asked:
        if not isinstance(question, questions.History | questions.PullRequests | questions.RegistryQuestion):
            facts.learn(question, _or_failure(partial(_of_git_or_forge, world, question)))


def _read_history(world: World, snapshot: Snapshot, facts: Facts, asked: Sequence[questions.History]) -> None:
    commit = snapshot.commit
    try:
        line = world.repository.line(
            commit, snapshot.directories, lambda line: all(question.enough(line) for question in asked)
        )
    except GitError as failure:
        facts.learn_line(commit, failure, ended=True)
    else:
        facts.learn_line(commit, line, ended=not all(question.enough(line) for question in asked))


def _read_pull_requests(world: World, snapshot: Snapshot, facts: Facts, branches: Sequence[str]) -> None:
    found: dict[str, tuple[object, ...]] | BotError = {}
    if world.forge is not None:
        closed = f"{naming.PREFIX}/" if facts.closed is None else None
        try:
            pulls = world.forge.find(branches, snapshot.branch, closed=closed)
        except ForgeError as failure:
            found = failure
        else:
            found = dict(pulls)
            facts.closed = {**pulls, **(facts.closed or {}), **{name: pulls.get(name, ()) for name in branches}}
    for name in branches:
        facts.learn(questions.PullRequests(name), found if isinstance(found, BotError) else found.get(name, ()))


def _of_git_or_forge(
    world: World,
    question: questions.ReleaseTags | questions.OwnBranch | questions.HandBack | questions.CommitsBetween,
) -> object:
    match question:
        case questions.ReleaseTags():
            return world.repository.tags()
        case questions.OwnBranch(name=name, base=base):
            return world.repository.branch(name, base)
        case questions.HandBack(number=number, branch=branch, label=label) if world.forge is not None:
            return world.forge.hand_back_times(number, branch, label)
        case questions.CommitsBetween(source=source, old=old, new=new) if world.forge is not None:
            return world.forge.commits_between(source, old, new)
        case questions.HandBack() | questions.CommitsBetween():
            raise ValueError("without a forge there are no pull requests")
        case _:
            assert_never(question)


def _or_failure(ask: Callable[[], object]) -> object:
    """The answer, or the failure in its place: whoever reads it gets it raised, and nobody asks twice."""
    try:
        return ask()
    except BotError as failure:
        return failure
