"""What decisions ask of the world, and how they are driven: each runs once, from beginning to end.

A decision is a coroutine. Where it lacks a fact it awaits a question: `tags = await facts.tags(image)`. `Facts.drive`
runs many of them side by side: those that wait for registries go on by themselves, in threads, as soon as their own
answers are there; what is asked of git and the forge is asked for all of them together. Equal questions are asked once.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from gitops_bot.engine.read import read_line
from gitops_bot.engine.workers import together
from gitops_bot.errors import BotError, ConfigError, ForgeError, GitError, RegistryError, UsageError, bug_of, bugs_as
from gitops_bot.images.build import Build, BuildTimes
from gitops_bot.images.reason import counted
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import naming
from gitops_bot.releases.checks import Check, DeploymentState, Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Hashable, Iterable, Mapping, Sequence

    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.world import Forge, World
    from gitops_bot.images.build import Child, Manifest
    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
    from gitops_bot.releases.history.line import Line

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Key = TypeVar("Key")
#: Decisions that are made side by side.
_AT_ONCE: Final = 2_000


class Asked(Generic[T_co]):
    """What a decision can await. It raises the `BotError` that came in place of the answer.

    A failure is kept and raised as a copy: its traceback would keep connections open for as long as it is kept.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, T_co]:
        (answer,) = yield (self,)
        if isinstance(answer, BotError):
            raise copy(answer)
        answered: T_co = answer
        return answered


@dataclass(frozen=True, slots=True)
class Question(Asked[T_co]):
    """One question, identified by its `key`, and how to ask it. With an `image`, it is for that image's registry."""

    key: Hashable
    ask: Callable[[World], T_co] = field(compare=False)
    image: ImageName | None = None


@dataclass(frozen=True, slots=True)
class HistoryQuestion(Asked["Line"]):
    """As much of the base branch's first-parent line as is `enough`, or all there is."""

    enough: Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class PullRequestsQuestion(Asked["tuple[PullRequest, ...]"]):
    """The pull requests from a branch into the base branch, the open one first."""

    branch: str


@dataclass(frozen=True, slots=True)
class ChecksQuestion(Asked[tuple[Check, ...]]):
    """What was reported of a commit of a repository (None: the one with the manifests)."""

    repository: str | None
    commit: str


@dataclass(frozen=True, slots=True)
class DeploymentsQuestion(Asked[tuple[DeploymentState, ...]]):
    """The newest deployments to an environment of the forge."""

    environment: str


if TYPE_CHECKING:
    Questions = Sequence[Question[Any] | HistoryQuestion | PullRequestsQuestion | ChecksQuestion | DeploymentsQuestion]
    #: A decision that is not made yet.
    Deciding = Coroutine[Any, Any, T]


@dataclass(frozen=True, slots=True)
class Several(Generic[T]):
    """Several questions that are asked at once; each answer is the answer, or the `BotError` in its place."""

    questions: Sequence[Asked[T]]

    def __await__(self) -> Generator[Any, Any, list[T | BotError]]:
        return list((yield self.questions)) if self.questions else []


async def ask_all(questions: Mapping[Key, Asked[T]]) -> dict[Key, T]:
    """The answers by the keys of their questions, which are asked at once; raises the first failure among them."""
    answers = {}
    for key, answer in zip(questions, await Several(list(questions.values())), strict=True):
        if isinstance(answer, BotError):
            raise copy(answer)
        answers[key] = answer
    return answers


async def ask_known(questions: Mapping[Key, Asked[T]]) -> dict[Key, T]:
    """As `ask_all`, but without the questions that failed."""
    answers = zip(questions, await Several(list(questions.values())), strict=True)
    return {key: answer for key, answer in answers if not isinstance(answer, BotError)}


_NOT_FOUND: Final = 404
_RELEASE_TAGS: Final[Question[Mapping[str, str]]] = Question("release tags", lambda world: world.repository.tags())


class Facts:
    """Answers about one `snapshot`, and about images. Failures are answers, too: nobody asks twice.

    After a lost race, what registries said and the histories of commits are taken over from the facts `before`;
    branches and pull requests may have changed.
    """

    def __init__(self, world: World, snapshot: Snapshot, before: Facts | None = None) -> None:
        self._world, self.snapshot = world, snapshot
        self._lock = threading.Lock()
        self._of_registries: dict[Question[Any], Future[Any]] = {}
        self._lines: dict[str, tuple[Line, bool] | GitError] = {}
        #: The numbers of the pull requests that had ended when the run began.
        self.ended: frozenset[int] = frozenset()
        self._begins = before is None
        if before is not None:
            self._of_registries, self._lines = before._of_registries, before._lines  # noqa: SLF001 - of the same class
            self.ended = before.ended
        self._others: dict[Question[Any] | ChecksQuestion | DeploymentsQuestion, Any] = {}
        self._pulls: dict[str, tuple[PullRequest, ...] | ForgeError] = {}
        #: What was closed unmerged, by branch: the forge tells it along with the first pull requests.
        self.closed: Mapping[str, tuple[PullRequest, ...]] | None = None

    # --- what can be asked -------------------------------------------------------------------------------------------

    def tags(self, image: ImageName) -> Question[tuple[str, ...]]:
        """Every tag of the repository, in the registry's order; raises a RegistryError, as all about images do."""
        return Question(("tags", image), lambda world: world.registry().tags(image), image)

    def digest(self, image: ImageName, tag: str) -> Question[str]:
        """The digest that the tag names; an error with `status` 404 where the tag does not exist."""
        return Question(("digest", image, tag), lambda world: world.registry().digest(image, tag), image)

    def exists(self, image: ImageName, digest: str) -> Question[bool]:
        """Whether the repository has a manifest (or index) of that digest."""
        return Question(("exists", image, digest), lambda world: world.registry().exists(image, digest), image)

    def manifest(self, image: ImageName, digest: str) -> Question[Manifest]:
        """What the digest names; an error with `status` 404 where it is gone, unless it is known already."""
        return Question(("manifest", image, digest), lambda world: world.registry().manifest(image, digest), image)

    def referrers(self, image: ImageName, digest: str) -> Question[tuple[Child, ...]]:
        """What refers to a digest, by the API of its registry; none where that has no such API."""
        return Question(("referrers", image, digest), lambda world: world.registry().referrers(image, digest), image)

    def describe(self, image: ImageName, digest: str) -> Question[Build]:
        """What the image says of itself."""
        return Question(("describe", image, digest), lambda world: world.registry().describe(image, digest), image)

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> Question[BuildTimes]:
        """When the images of these tags, and of what is pinned, were built."""
        return Question(("times", image, tags, pin), lambda world: world.registry().times(image, tags, pin), image)

    def line(self, enough: Callable[[Line], bool]) -> HistoryQuestion:
        """The history of the base branch, as much of it as is enough, or all there is; raises a GitError."""
        return HistoryQuestion(enough)

    def release_tags(self) -> Question[Mapping[str, str]]:
        """The tags of the manifest repository, each with its commit; raises a GitError."""
        return _RELEASE_TAGS

    async def branches(self, names: Iterable[str]) -> dict[str, Branch | None]:
        """These branches of the bot as the remote has them, compared with the snapshot; None where there is none."""
        return await ask_all({name: Question(("branch", name), partial(self._branch, name)) for name in names})

    def _branch(self, name: str, world: World) -> Branch | None:
        branch = world.repository.branch(name, self.snapshot.commit)
        return replace(branch, targets=self.snapshot.layout.targets) if branch is not None else None

    async def pull_requests(self, branches: Iterable[str]) -> dict[str, tuple[PullRequest, ...]]:
        """The pull requests of each of these branches, the open one first; raises a ForgeError."""
        return await ask_all({name: PullRequestsQuestion(name) for name in branches})

    def hand_back(self, number: int, branch: str, label: str) -> Question[HandBackTimes]:
        """When a pull request was handed back, and when its branch was pushed last."""
        key = ("hand back", number, branch, label)
        return Question(key, lambda world: _forge(world).hand_back_times(number, branch, label))

    def commits_between(self, source: str, old: str, new: str) -> Question[tuple[str, ...]]:
        """The subjects of the commits from one revision of a source repository to another, oldest first."""
        return Question(("commits", source, old, new), lambda world: _forge(world).commits_between(source, old, new))

    def commits_ahead(self, source: str, old: str, new: str) -> Question[int | None]:
        """How many commits one revision of a source repository has that the older one lacks."""
        return Question(("ahead", source, old, new), lambda world: _forge(world).commits_ahead(source, old, new))

    @property
    def has_forge(self) -> bool:
        """Whether there is a forge to ask about checks: without a token there is none."""
        return self._world.forge is not None

    # --- what was answered -------------------------------------------------------------------------------------------

    @property
    def known_line(self) -> Line | None:
        """The history up to the snapshot, as far as somebody asked for it; None where nobody did, or it failed."""
        known = self._lines.get(self.snapshot.commit)
        return known[0] if isinstance(known, tuple) else None

    @property
    def known_release_tags(self) -> Mapping[str, str] | None:
        """The tags of the repository, as far as somebody asked for them; None where nobody did, or they failed."""
        known = self._others.get(_RELEASE_TAGS)
        return known if not isinstance(known, BotError) else None

    @property
    def built(self) -> Mapping[str, datetime]:
        """When images were built, by their digests, as far as somebody asked for it."""
        times: dict[str, datetime] = {}
        for question, answer in self._of_registries.items():
            match question.key, answer.result() if answer.done() else None:
                case ("describe", _, str(digest)), Build(created=datetime() as time):
                    times[digest] = time
                case ("times", _, _, Pin(digest=str(digest))), BuildTimes(pinned=datetime() as time):
                    times.setdefault(digest, time)
        return times

    @property
    def undescribed(self) -> frozenset[str]:
        """The digests of images that a registry could not describe this time, although it may have them."""
        failed = set()
        for question, answer in self._of_registries.items():
            match question.key, answer.result() if answer.done() else None:
                case ("describe", _, str(digest)), RegistryError(status=status) if status != _NOT_FOUND:
                    failed.add(digest)
        return frozenset(failed)

    def learn(self, commit: str, line: Line, tags: Mapping[str, str] | None) -> None:
        """Remember the history up to a commit, unless it is known, and the tags of the repository as they are."""
        self._lines.setdefault(commit, (line, line.complete))
        if tags is not None:
            self._others[_RELEASE_TAGS] = tags

    # --- how it is asked ---------------------------------------------------------------------------------------------

    def drive(self, decisions: Sequence[Deciding[T] | BotError]) -> list[T | BotError]:
        """The result of every decision, in order, or the failure of git or the forge, or the bug, that stopped it.

        Decisions handle failures of registries themselves. A failure in place of a decision is returned as it is.
        """
        # Each that waits takes 4 KiB, so thousands of them take turns.
        parts = (decisions[at : at + _AT_ONCE] for at in range(0, len(decisions), _AT_ONCE))
        return [result for part in parts for result in self._drive(part)]

    def _drive(self, decisions: Sequence[Deciding[T] | BotError]) -> list[T | BotError]:
        deciding = {at: item for at, item in enumerate(decisions) if not isinstance(item, BotError)}
        done: dict[int, T | BotError] = {at: item for at, item in enumerate(decisions) if isinstance(item, BotError)}

        advance = partial(self._advance, deciding, done)
        try:
            waiting = {at: advance(at, None) for at in deciding}
            while waiting := {at: questions for at, questions in waiting.items() if questions}:
                if asking := {at: questions for at, questions in waiting.items() if _is_for_registries(questions)}:
                    waiting |= self._ask_registries(asking, advance)
                rest = {at: questions for at, questions in waiting.items() if questions}
                self._ask_together([question for questions in rest.values() for question in questions])
                waiting = {at: advance(at, self._known(questions)) for at, questions in rest.items()}
        finally:
            for unfinished in deciding.values():
                with suppress(ValueError):  # after an interrupt, a thread may still be running it
                    unfinished.close()
        return [done[at] for at in range(len(decisions))]

    def answer(self, deciding: Deciding[T]) -> T:
        """The result of one decision.

        Raises:
            GitError, ForgeError: a fact that it needs is not available.
            BotError: a bug.
        """
        (result,) = self.drive([deciding])
        if isinstance(result, BotError):
            raise result
        return result

    def _advance(
        self, deciding: Mapping[int, Deciding[T]], done: dict[int, T | BotError], at: int, answers: Sequence[Any] | None
    ) -> Questions:
        """Run a decision as far as answers are known; returns what it asks next, nothing once it is at its end."""
        try:
            while True:
                questions: Questions = deciding[at].send(answers)
                if (answers := self._known(questions)) is None:
                    return questions
        except StopIteration as result:
            done[at] = result.value
        except (UsageError, ConfigError):
            raise
        except BotError as failure:
            done[at] = failure
        except Exception as error:  # noqa: BLE001 - a boundary: it costs this decision alone
            done[at] = BotError(bug_of(error))
        return ()

    def _known(self, questions: Questions) -> list[Any] | None:
        """The answers to these questions; None where one of them is not there yet."""
        answers: list[Any] = []
        for question in questions:
            match question:
                case HistoryQuestion(enough=enough):
                    match self._lines.get(self.snapshot.commit):
                        case (line, ended) if ended or line.complete or enough(line):
                            answers.append(line)
                        case GitError() as failure:
                            answers.append(failure)
                        case _:
                            return None
                case PullRequestsQuestion(branch=branch):
                    if branch not in self._pulls:
                        return None
                    answers.append(self._pulls[branch])
                case Question(image=None) | ChecksQuestion() | DeploymentsQuestion():
                    if question not in self._others:
                        return None
                    answers.append(self._others[question])
                case _:
                    answer = self._of_registries.get(question)
                    if answer is None or not answer.done():
                        return None
                    answers.append(answer.result())
        return answers

    def _ask_registries(
        self, asking: Mapping[int, Questions], advance: Callable[[int, Sequence[Any]], Questions]
    ) -> dict[int, Questions]:
        """Ask registries side by side, and run each decision on for as long as it asks only registries."""

        def go_on(at: int) -> Questions:
            questions = asking[at]
            while questions and _is_for_registries(questions):
                questions = advance(at, list(map(self._ask_registry, questions)))
            return questions

        first = {at: questions[0] for at, questions in asking.items()}
        images = {at: asked.image for at, asked in first.items() if isinstance(asked, Question) and asked.image}
        registries = len({image.registry for image in images.values()})
        what = f"querying {counted(registries, 'registry')}"
        remaining = {}
        with (
            self._world.progress(what, len(asking)) as done,
            together(go_on, list(asking), images.__getitem__) as answers,
        ):
            for at, questions in zip(asking, answers, strict=True):
                remaining[at] = questions
                done()
        return remaining

    def _ask_registry(self, question: Any) -> Any:
        """Ask, unless it is asked already: then return that answer, or wait for it.

        If the thread that asks is interrupted, so are those that wait, and the question counts as not asked.
        """
        with self._lock:
            answer = self._of_registries.get(question)
            if is_first := answer is None:
                answer = self._of_registries[question] = Future()
        if is_first:
            try:
                with bugs_as(RegistryError, str(question.image)):
                    answered = question.ask(self._world)
                answer.set_result(answered)
            except BotError as failure:
                answer.set_result(copy(failure))
            except BaseException as interruption:
                del self._of_registries[question]
                answer.set_exception(interruption)
                raise
        return answer.result()

    def _ask_together(self, asked: Questions) -> None:
        """Ask git and the forge what several decisions lack: all history at once, all pull requests at once."""
        if history := [question.enough for question in asked if isinstance(question, HistoryQuestion)]:
            self._read_history(lambda line: all(enough(line) for enough in history))
        if branches := [question.branch for question in asked if isinstance(question, PullRequestsQuestion)]:
            self._read_pull_requests(list(dict.fromkeys(branches)))
        if any(isinstance(question, ChecksQuestion | DeploymentsQuestion) for question in asked):
            self._read_reported(asked)
        for question in asked:
            if isinstance(question, Question) and question.image is not None:
                self._ask_registry(question)
            elif isinstance(question, Question) and question not in self._others:
                try:
                    with bugs_as(BotError):
                        self._others[question] = question.ask(self._world)
                except BotError as failure:
                    self._others[question] = copy(failure)

    def _read_reported(self, asked: Questions) -> None:
        commits: dict[str | None, dict[str, None]] = {}
        environments: dict[str, None] = {}
        for question in asked:
            match question:
                case ChecksQuestion(repository, commit):
                    commits.setdefault(repository, {})[commit] = None
                case DeploymentsQuestion(environment):
                    environments[environment] = None
        try:
            with bugs_as(ForgeError):
                told = _forge(self._world).checks({name: list(each) for name, each in commits.items()}, [*environments])
        except ForgeError as failure:
            told = Reported(
                {(name, commit): copy(failure) for name, each in commits.items() for commit in each},
                {name: copy(failure) for name in environments},
            )
        self._others |= {ChecksQuestion(*key): answer for key, answer in told.checks.items()}
        self._others |= {DeploymentsQuestion(name): answer for name, answer in told.deployments.items()}

    def _read_history(self, enough: Callable[[Line], bool]) -> None:
        snapshot = self.snapshot
        try:
            with bugs_as(GitError):
                line = read_line(self._world, snapshot, enough)
        except GitError as failure:
            self._lines[snapshot.commit] = copy(failure)
        else:
            self._lines[snapshot.commit] = (line, not enough(line))

    def _read_pull_requests(self, branches: Sequence[str]) -> None:
        if self._world.forge is None:
            self._pulls |= dict.fromkeys(branches, ())
            return
        try:
            closed = f"{naming.PREFIX}/" if self.closed is None else None
            with bugs_as(ForgeError):
                pulls = self._world.forge.find(branches, self.snapshot.branch, closed=closed)
        except ForgeError as failure:
            self._pulls |= dict.fromkeys(branches, copy(failure))
        else:
            own = {name: pulls.get(name, ()) for name in branches}
            self._pulls |= own
            self.closed = {**pulls, **(self.closed or {}), **own}
            if self._begins:
                found = (pull for of_branch in pulls.values() for pull in of_branch)
                self.ended |= {pull.number for pull in found if pull.state != "open"}


def _is_for_registries(questions: Questions) -> bool:
    return all(isinstance(question, Question) and question.image is not None for question in questions)


def _forge(world: World) -> Forge:
    if world.forge is None:
        raise ValueError("without a forge there are no pull requests")
    return world.forge
