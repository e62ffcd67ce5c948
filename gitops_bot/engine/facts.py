"""What decisions ask about a snapshot and about images, and the answers known so far.

A decision is a coroutine that awaits what it lacks: `tags = await facts.tags(image)`. `drive` answers it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from gitops_bot.errors import BotError, ForgeError, GitError, Problem, RegistryError, bugs_as
from gitops_bot.images.build import Build, BuildTimes, Child, Manifest
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.checks import CommitChecks, Deployments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.world import Forge, World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
    from gitops_bot.releases.history.line import Line

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Key = TypeVar("Key")


class Asked(Generic[T_co]):
    """What a decision can await. It raises a copy (see `kept`) of the `BotError` that came in place of the answer."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, T_co]:
        answer: T_co | BotError
        (answer,) = yield (self,)
        if isinstance(answer, BotError):
            raise copy(answer)
        return answer


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
class ChecksQuestion(Asked[CommitChecks]):
    """What was reported of a commit of a repository (None: the one with the manifests)."""

    repository: str | None
    commit: str


@dataclass(frozen=True, slots=True)
class DeploymentsQuestion(Asked[Deployments]):
    """The newest deployments to an environment of the forge, at least until there is one of these commits."""

    environment: str
    commits: tuple[str, ...]


AnyQuestion = Question[Any] | HistoryQuestion | PullRequestsQuestion | ChecksQuestion | DeploymentsQuestion


@coroutine
def several(questions: Collection[Asked[T]]) -> Generator[Any, Any, list[T | BotError]]:
    """The answers to questions that are asked at once, or the `BotError` in place of one."""
    return list((yield [*questions])) if questions else []


async def ask_all(questions: Mapping[Key, Asked[T]]) -> dict[Key, T]:
    """The answers by the keys of their questions, which are asked at once; raises the first failure among them."""
    answers = {}
    for key, answer in zip(questions, await several(questions.values()), strict=True):
        if isinstance(answer, BotError):
            raise copy(answer)
        answers[key] = answer
    return answers


async def ask_known(questions: Mapping[Key, Asked[T]]) -> dict[Key, T]:
    """As `ask_all`, but without the questions that failed."""
    answers = zip(questions, await several(questions.values()), strict=True)
    return {key: answer for key, answer in answers if not isinstance(answer, BotError)}


_NOT_FOUND: Final = 404
#: The tags of the manifest repository, each with its commit; it raises a GitError.
RELEASE_TAGS: Final[Question[Mapping[str, str]]] = Question("release tags", lambda world: world.repository.tags())


class _History(NamedTuple):
    """A part of the base branch's first-parent line; `ends`: there is no more to read."""

    line: Line
    ends: bool


class Facts:
    """The answers about one `snapshot`, and about images. A failure is an answer, too: nobody asks twice.

    After a lost race, the answers of registries and histories are taken over from those `before`; the rest may differ.
    """

    def __init__(self, snapshot: Snapshot, before: Facts | None = None) -> None:
        self.snapshot = snapshot
        self.registries: dict[Question[Any], Future[Any]] = before.registries if before is not None else {}
        self.lock: threading.Lock = before.lock if before is not None else threading.Lock()
        self.histories: dict[str, _History | GitError] = before.histories if before is not None else {}
        #: The numbers of the pull requests that had ended when the run began.
        self.ended: frozenset[int] = before.ended if before is not None else frozenset()
        #: The pull requests that were closed unmerged, by branch: the forge sends them along with the first ones.
        self.closed: Mapping[str, tuple[PullRequest, ...]] | None = None
        self._is_first = before is None
        self._answers: dict[AnyQuestion, Any] = {}

    def tags(self, image: ImageName) -> Question[Sequence[str]]:
        """Every tag of the repository, in the registry's order; raises a RegistryError, as all about images do."""
        return Question(("tags", image), lambda world: world.registry().tags(image), image)

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> Question[str]:
        """The digest that the tag names; `will_read` lets one request get the manifest too: it is the same question."""
        key = ("digest", image, tag)
        return Question(key, lambda world: world.registry().digest(image, tag, will_read=will_read), image)

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
        return Question(key, lambda world: forge_of(world).hand_back_times(number, branch, label))

    def commits_between(self, source: str, old: str, new: str) -> Question[tuple[str, ...]]:
        """The subjects of the commits from one revision of a source repository to another, oldest first."""
        return Question(("commits", source, old, new), lambda world: forge_of(world).commits_between(source, old, new))

    def commits_ahead(self, source: str, old: str, new: str) -> Question[int | None]:
        """How many commits one revision of a source repository has that the older one lacks."""
        return Question(("ahead", source, old, new), lambda world: forge_of(world).commits_ahead(source, old, new))

    def known(self, questions: Sequence[AnyQuestion]) -> list[Any] | None:
        """The answers to these questions; None where one of them is not known yet."""
        answers: list[Any] = []
        for question in questions:
            match question:
                case HistoryQuestion(enough=enough):
                    match self.histories.get(self.snapshot.commit):
                        case _History(line, ends) if ends or line.complete or enough(line):
                            answers.append(line)
                        case GitError() as failure:
                            answers.append(failure)
                        case _:
                            return None
                case Question(image=image) if image is not None:
                    if (answer := self.registries.get(question)) is None or not answer.done():
                        return None
                    answers.append(answer.result())
                case _:
                    if question not in self._answers:
                        return None
                    answers.append(self._answers[question])
        return answers

    def _by_registries(self) -> Iterator[tuple[Question[Any], Any]]:
        return ((question, answer.result()) for question, answer in self.registries.items() if answer.done())

    @property
    def known_line(self) -> Line | None:
        """The history up to the snapshot, as far as somebody asked for it; None where nobody did, or it failed."""
        known = self.histories.get(self.snapshot.commit)
        return known.line if isinstance(known, _History) else None

    @property
    def more(self) -> str:
        """How to know more of that history, or why nobody can."""
        line = self.known_line
        return (line.more or "all of the history was read") if line is not None else "it was not read"

    @property
    def known_release_tags(self) -> Mapping[str, str] | None:
        """The tags of the repository, as far as somebody asked for them; None where nobody did, or they failed."""
        known = self._answers.get(RELEASE_TAGS)
        return known if not isinstance(known, BotError) else None

    @property
    def built(self) -> Mapping[str, datetime]:
        """When images were built, by their digests, as far as somebody asked for it."""
        times: dict[str, datetime] = {}
        for question, answer in self._by_registries():
            match question.key, answer:
                case ("describe", _, str(digest)), Build(created=datetime() as time):
                    times[digest] = time
                case ("times", _, _, Pin(digest=str(digest))), BuildTimes(pinned=datetime() as time):
                    times.setdefault(digest, time)
        return times

    @property
    def undescribed(self) -> frozenset[str]:
        """The digests of images that a registry could not describe this time, although it may have them."""
        failed = set()
        for question, answer in self._by_registries():
            match question.key, answer:
                case ("describe", _, str(digest)), RegistryError(status=status) if status != _NOT_FOUND:
                    failed.add(digest)
        return frozenset(failed)

    def ask_registry(self, world: World, question: Question[Any]) -> Any:
        """Ask, unless the answer is known or another thread asks: then wait for it, or be interrupted as that is."""
        with self.lock:
            answer = self.registries.get(question)
            if is_first := answer is None:
                answer = self.registries[question] = Future()
        if is_first:
            try:
                with bugs_as(RegistryError, str(question.image)):
                    answer.set_result(question.ask(world))
            except BotError as failure:
                answer.set_result(kept(failure))
            except BaseException as interruption:
                del self.registries[question]
                answer.set_exception(interruption)
                raise
        return answer.result()

    def learn(self, answers: Mapping[AnyQuestion, Any]) -> None:
        """Remember answers of git and the forge, and failures in their place."""
        self._answers |= {question: kept(answer) for question, answer in answers.items()}

    def learn_history(self, line: Line | GitError, *, ends: bool) -> None:
        """Remember the history up to the snapshot, or why it could not be read; `ends`: there is no more to read."""
        self.histories[self.snapshot.commit] = kept(line) if isinstance(line, GitError) else _History(line, ends)

    def learn_pull_requests(self, branches: Sequence[str], found: Mapping[str, tuple[PullRequest, ...]]) -> None:
        """Remember the pull requests of these branches, and of others those that were closed unmerged."""
        asked = {name: found.get(name, ()) for name in branches}
        self.learn({PullRequestsQuestion(name): pulls for name, pulls in asked.items()})
        self.closed = {**found, **(self.closed or {}), **asked}
        if self._is_first:
            pulls = (pull for of_branch in found.values() for pull in of_branch)
            self.ended |= {pull.number for pull in pulls if pull.state != "open"}

    def learn_recorded(self, commit: str, line: Line, tags: Mapping[str, str] | None) -> None:
        """Remember the history up to a later commit, unless it is known, and the present tags of the repository."""
        self.histories.setdefault(commit, _History(line, line.complete))
        if tags is not None:
            self.learn({RELEASE_TAGS: tags})


def kept(answer: T) -> T:
    """An answer to keep: of a failure a copy, since its traceback would keep connections open."""
    return copy(answer) if isinstance(answer, BotError) else answer


def forge_of(world: World) -> Forge:
    """The forge; raises a ForgeError where there is none, or no token for it."""
    if world.forge is None:
        message = "no token for this server: pull requests can be planned, but not opened"
        advice = f"set {world.token_variable} ({world.token_rights}), or set `propose: {{as: commit}}`"
        raise ForgeError(Problem("failed.auth", message, advice))
    return world.forge
