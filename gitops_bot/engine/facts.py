"""What the world has answered, by question. Decisions never ask the world: they read facts, or say what they need."""

from __future__ import annotations

import threading
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from gitops_bot.errors import BotError, GitError
from gitops_bot.images.build import Build, BuildTimes
from gitops_bot.images.reference import Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from gitops_bot.engine.forge import Forge
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import Registry, World
    from gitops_bot.images.build import Child
    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
    from gitops_bot.releases.history.line import Line


Answer = TypeVar("Answer")
Failure = TypeVar("Failure", bound=BotError)


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """One question, known by its `key`, and how the world is asked; what registries answer stays true for a run."""

    key: Hashable
    ask: Callable[[World], Answer] = field(compare=False)
    of_registry: bool = False


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """As much of the base branch's first-parent line as is `enough`; asked once for all who need it."""

    snapshot: Snapshot = field(compare=False)
    enough: Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class PullRequestsQuestion:
    """The pull requests of a branch into the base branch; asked for many branches together."""

    branch: str
    base: str


_RELEASE_TAGS: Final[Question[Mapping[str, str]]] = Question("release tags", lambda world: world.repository.tags())


class Needs(Exception):  # noqa: N818 - a question, not an error
    """A decision that cannot be made before these questions are answered. The engine asks, and decides again."""

    def __init__(self, *questions: Question[Any] | HistoryQuestion | PullRequestsQuestion) -> None:
        super().__init__(*questions)
        self.questions = questions


class Facts:
    """Answers, and the failures of those who were asked: whoever reads one of these gets it raised."""

    def __init__(self) -> None:
        self._answers: dict[Question[Any] | PullRequestsQuestion, Any] = {}
        #: What is being asked now.
        self._asking: dict[Question[Any], threading.Event] = {}
        self._lock = threading.Lock()
        self._lines: dict[str, tuple[Line, bool] | GitError] = {}
        #: What was closed unmerged, by branch: the forge tells it along with the first pull requests.
        self.closed: Mapping[str, tuple[PullRequest, ...]] | None = None

    def ask(self, question: Question[Any], world: World) -> None:
        """Ask, unless that was done already; while another thread asks the same, wait for its answer.

        Where the other one is interrupted there is none, and the question is open as before.
        """
        with self._lock:
            if question in self._answers:
                return
            asking = self._asking.get(question)
            if asking is None:
                done = self._asking[question] = threading.Event()
        if asking is not None:
            asking.wait()
            return
        try:
            self.learn(question, question.ask(world))
        except BotError as failure:
            self.learn(question, failure)
        finally:
            with self._lock:
                del self._asking[question]
            done.set()

    def learn(self, question: Question[Any] | PullRequestsQuestion, answer: object) -> None:
        """Remember an answer, or the `BotError` that came in its place."""
        self._answers[question] = _alone(answer) if isinstance(answer, BotError) else answer

    def learn_line(self, commit: str, line: Line | GitError, *, ended: bool) -> None:
        """Remember the history up to a commit; `ended` where there is no more to be had."""
        self._lines[commit] = _alone(line) if isinstance(line, GitError) else (line, ended)

    def forget_what_moves(self) -> None:
        """Keep what registries said, and the history of each commit; branches and pull requests may have changed."""
        self.closed = None
        self._answers = {
            question: answer
            for question, answer in self._answers.items()
            if isinstance(question, Question) and question.of_registry
        }

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """Every tag of the repository, in the registry's order.

        Raises:
            Needs: this was not asked yet; so do all other methods.
            RegistryError: the registry refused, failed, or its answer could not be trusted; likewise below.
        """
        return self._of_registry(("tags", image), lambda registry: registry.tags(image))

    def digest(self, image: ImageName, tag: str) -> str:
        """The digest that the tag names; an error with `status` 404 where the tag does not exist."""
        return self._of_registry(("digest", image, tag), lambda registry: registry.digest(image, tag))

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest (or index) of that digest."""
        return self._of_registry(("exists", image, digest), lambda registry: registry.exists(image, digest))

    def missing(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms of an index whose own manifests are gone; an error with `status` 404 where the index is."""
        return self._of_registry(("missing", image, digest), lambda registry: registry.missing(image, digest))

    def index_platforms(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms that an index names; none for a single image. An error with `status` 404 where it is gone."""
        return self._of_registry(
            ("index platforms", image, digest), lambda registry: registry.index_platforms(image, digest)
        )

    def children(self, image: ImageName, digest: str) -> tuple[Child, ...]:
        """Every manifest that an index names; none for a single image."""
        return self._of_registry(("children", image, digest), lambda registry: registry.children(image, digest))

    def describe(self, image: ImageName, digest: str) -> Build:
        """What the image says of itself."""
        return self._of_registry(("describe", image, digest), lambda registry: registry.describe(image, digest))

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built."""
        return self._of_registry(("times", image, tags, pin), lambda registry: registry.times(image, tags, pin))

    def line(self, snapshot: Snapshot, enough: Callable[[Line], bool]) -> Line:
        """The history of the base branch, as much of it as is enough, or all there is.

        Raises:
            GitError: it cannot be read.
        """
        match self._lines.get(snapshot.commit):
            case GitError() as failure:
                raise _alone(failure)
            case (line, ended) if ended or line.complete or enough(line):
                return line
            case _:
                raise Needs(HistoryQuestion(snapshot, enough))

    def known_line(self, commit: str) -> Line | None:
        """The history up to a commit, as far as somebody asked for it; None where nobody did, or it cannot be read."""
        known = self._lines.get(commit)
        return known[0] if isinstance(known, tuple) else None

    def release_tags(self) -> Mapping[str, str]:
        """The tags of the manifest repository, each with its commit."""
        return self._answer(_RELEASE_TAGS)

    def known_release_tags(self) -> Mapping[str, str] | None:
        """These, as far as somebody asked for them; None where nobody did, or they cannot be read."""
        known = self._answers.get(_RELEASE_TAGS)
        return known if not isinstance(known, BotError) else None

    def learn_release_tags(self, tags: Mapping[str, str]) -> None:
        """Remember the tags as they are now."""
        self.learn(_RELEASE_TAGS, tags)

    def branches(self, names: Iterable[str], snapshot: Snapshot) -> dict[str, Branch | None]:
        """These branches of the bot as the remote has them, compared with a commit; None where there is none."""

        def question(name: str) -> Question[Branch | None]:
            def ask(world: World) -> Branch | None:
                branch = world.repository.branch(name, snapshot.commit)
                return replace(branch, targets=snapshot.targets) if branch is not None else None

            return Question(("branch", name, snapshot.commit), ask)

        return self._all({name: question(name) for name in names})

    def pull_requests(self, branches: Iterable[str], base: str) -> dict[str, tuple[PullRequest, ...]]:
        """The pull requests of each of these branches, the open one first.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        return self._all({name: PullRequestsQuestion(name, base) for name in branches})

    def hand_back(self, number: int, branch: str, label: str) -> HandBackTimes:
        """When a pull request was handed back, and when its branch was pushed last."""
        key = ("hand back", number, branch, label)
        return self._answer(Question(key, lambda world: _forge(world).hand_back_times(number, branch, label)))

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the commits from one revision of a source repository to another, oldest first."""
        key = ("commits", source, old, new)
        return self._answer(Question(key, lambda world: _forge(world).commits_between(source, old, new)))

    def commits_ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits one revision of a source repository has that the older one lacks."""
        key = ("commits ahead", source, old, new)
        return self._answer(Question(key, lambda world: _forge(world).commits_ahead(source, old, new)))

    def built(self) -> Mapping[str, datetime]:
        """When images were built, by their digests, as far as somebody asked for it."""
        times: dict[str, datetime] = {}
        for question, answer in self._answers.items():
            match question, answer:
                case Question(key=("describe", _, str(digest))), Build(created=datetime() as time):
                    times[digest] = time
                case Question(key=("times", _, _, Pin(digest=str(digest)))), BuildTimes(pinned=datetime() as time):
                    times.setdefault(digest, time)
        return times

    def _of_registry(self, key: Hashable, ask: Callable[[Registry], Answer]) -> Answer:
        return self._answer(Question(key, lambda world: ask(world.registry()), of_registry=True))

    def _answer(self, question: Question[Answer]) -> Answer:
        if question not in self._answers:
            raise Needs(question)
        answer: Answer | BotError = self._answers[question]
        if isinstance(answer, BotError):
            raise _alone(answer)
        return answer

    def _all(self, questions: Mapping[Any, Question[Answer] | PullRequestsQuestion]) -> dict[Any, Any]:
        """The answers; all that are missing are asked for at once."""
        missing = [question for question in questions.values() if question not in self._answers]
        if missing:
            raise Needs(*missing)
        answers = {name: self._answers[question] for name, question in questions.items()}
        for answer in answers.values():
            if isinstance(answer, BotError):
                raise _alone(answer)
        return answers


def _forge(world: World) -> Forge:
    if world.forge is None:
        raise ValueError("without a forge there are no pull requests")
    return world.forge


def _alone(failure: Failure) -> Failure:
    """The failure without what it went through: frames would keep connections open for as long as it is remembered."""
    return copy(failure)
