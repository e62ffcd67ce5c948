"""What the world has answered, by question. Decisions never ask the world: they read facts, or say what they need."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from gitops_bot.errors import BotError, GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitops_bot.images.build import Build
    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
    from gitops_bot.releases.history.line import Line


Answer = TypeVar("Answer")
Failure = TypeVar("Failure", bound=BotError)


class Asks(Generic[Answer]):
    """A question, and the type of its answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tags(Asks["tuple[str, ...]"]):
    """Every tag of a repository."""

    image: ImageName


@dataclass(frozen=True, slots=True)
class Digest(Asks["str"]):
    """The digest that a tag names."""

    image: ImageName
    tag: str


@dataclass(frozen=True, slots=True)
class Exists(Asks["bool"]):
    """Whether a repository has a manifest or index of that digest."""

    image: ImageName
    digest: str


@dataclass(frozen=True, slots=True)
class MissingPlatforms(Asks["tuple[str, ...]"]):
    """The platforms of an index whose own manifests are gone."""

    image: ImageName
    digest: str


@dataclass(frozen=True, slots=True)
class Description(Asks["Build"]):
    """What an image says of itself."""

    image: ImageName
    digest: str


@dataclass(frozen=True, slots=True)
class History(Asks["Line"]):
    """As much of the base branch's first-parent line, at a commit, as is `enough`."""

    commit: str
    enough: Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class ReleaseTags(Asks["Mapping[str, str]"]):
    """The tags of the manifest repository."""


@dataclass(frozen=True, slots=True)
class OwnBranch(Asks["Branch | None"]):
    """One of the bot's branches, compared with a commit of the base branch."""

    name: str
    base: str


@dataclass(frozen=True, slots=True)
class PullRequests(Asks["tuple[PullRequest, ...]"]):
    """The pull requests of a branch."""

    branch: str


@dataclass(frozen=True, slots=True)
class HandBack(Asks["HandBackTimes"]):
    """When a pull request was handed back, and when its branch was pushed last."""

    number: int
    branch: str
    label: str


@dataclass(frozen=True, slots=True)
class CommitsBetween(Asks["tuple[str, ...]"]):
    """The subjects of the commits from one revision of a source repository to another."""

    source: str
    old: str
    new: str


RegistryQuestion = Tags | Digest | Exists | MissingPlatforms | Description
Question = RegistryQuestion | History | ReleaseTags | OwnBranch | PullRequests | HandBack | CommitsBetween


class Needs(Exception):  # noqa: N818 - a question, not an error
    """A decision that cannot be made before these questions are answered. The engine asks, and decides again."""

    def __init__(self, *questions: Question) -> None:
        super().__init__(*questions)
        self.questions = questions


class Facts:
    """Answers, and the failures of those who were asked: whoever reads one of these gets it raised."""

    def __init__(self) -> None:
        self._answers: dict[Asks[Any], Any] = {}
        self._lines: dict[str, tuple[Line, bool] | GitError] = {}
        #: What was closed unmerged, by branch: the forge tells it along with the first pull requests.
        self.closed: Mapping[str, tuple[PullRequest, ...]] | None = None

    def learn(self, question: Asks[Any], answer: object) -> None:
        """Remember an answer, or the `BotError` that came in its place."""
        self._answers[question] = _alone(answer) if isinstance(answer, BotError) else answer

    def learn_line(self, commit: str, line: Line | GitError, *, ended: bool) -> None:
        """Remember the history up to a commit; `ended` where there is no more to be had."""
        self._lines[commit] = _alone(line) if isinstance(line, GitError) else (line, ended)

    def forget_what_moves(self) -> None:
        """Keep what registries said, and the history of each commit; branches and pull requests may have changed."""
        self.closed = None
        self._answers = {
            question: answer for question, answer in self._answers.items() if isinstance(question, RegistryQuestion)
        }

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """Every tag of the repository, in the registry's order.

        Raises:
            Needs: this was not asked yet; so do all other methods.
            RegistryError: the registry refused, failed, or its answer could not be trusted; likewise below.
        """
        return self._answer(Tags(image))

    def digest(self, image: ImageName, tag: str) -> str:
        """The digest that the tag names; an error with `status` 404 where the tag does not exist."""
        return self._answer(Digest(image, tag))

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest (or index) of that digest."""
        return self._answer(Exists(image, digest))

    def missing(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms of an index whose own manifests are gone; an error with `status` 404 where the index is."""
        return self._answer(MissingPlatforms(image, digest))

    def describe(self, image: ImageName, digest: str) -> Build:
        """What the image says of itself."""
        return self._answer(Description(image, digest))

    def line(self, commit: str, enough: Callable[[Line], bool]) -> Line:
        """The history up to a commit, as much of it as is enough, or all there is.

        Raises:
            GitError: it cannot be read.
        """
        match self._lines.get(commit):
            case GitError() as failure:
                raise _alone(failure)
            case (line, ended) if ended or line.complete or enough(line):
                return line
            case _:
                raise Needs(History(commit, enough))

    def release_tags(self) -> Mapping[str, str]:
        """The tags of the manifest repository, each with its commit."""
        return self._answer(ReleaseTags())

    def branches(self, names: Iterable[str], base: str) -> dict[str, Branch | None]:
        """These branches of the bot as the remote has them; None where there is none."""
        return dict(zip(names, self._all([OwnBranch(name, base) for name in names]), strict=True))

    def pull_requests(self, branches: Iterable[str]) -> dict[str, tuple[PullRequest, ...]]:
        """The pull requests of each of these branches, the open one first.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        names = list(dict.fromkeys(branches))
        return dict(zip(names, self._all([PullRequests(name) for name in names]), strict=True))

    def hand_back(self, number: int, branch: str, label: str) -> HandBackTimes:
        """When a pull request was handed back, and when its branch was pushed last."""
        return self._answer(HandBack(number, branch, label))

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the commits from one revision to another, oldest first."""
        return self._answer(CommitsBetween(source, old, new))

    def _answer(self, question: Asks[Answer]) -> Answer:
        (answer,) = self._all([question])
        return answer

    def _all(self, questions: Sequence[Asks[Answer]]) -> list[Answer]:
        """The answers; all that are missing are asked for at once."""
        missing = [question for question in questions if question not in self._answers]
        if missing:
            raise Needs(*cast("list[Question]", missing))
        answers = [self._answers[question] for question in questions]
        for answer in answers:
            if isinstance(answer, BotError):
                raise _alone(answer)
        return answers


def _alone(failure: Failure) -> Failure:
    """The failure without what it went through: frames would keep connections open for as long as it is remembered."""
    return copy(failure)
