"""What commands need from the world: Protocols that the edges fulfil. The engine knows nothing else of edges."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config.commits import SigningKey
    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.errors import LostRace, Problem
    from gitops_bot.images.build import Build, BuildTimes, Child, Manifest
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import (
        Deployed,
        Deployment,
        GateStatus,
        HandBackTimes,
        Head,
        Issue,
        Merge,
        PullRequest,
        RateLimit,
    )
    from gitops_bot.releases.checks import Reported
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import NewTag
    from gitops_bot.targets import FileTargets

#: A race is abandoned after so many losses, each of which let somebody else through, or after so many seconds.
MOST_LOST, MOST_SECONDS = 100, 600.0
#: The longest wait before the next try, as a multiple of what the last one took. The more of them compete for a
#: machine, the longer a try takes, and the longer each of them stays out of the others' way.
_LONGEST_WAIT = 16


class Progress(Protocol):
    """Shows that long work is under way."""

    def __call__(self, what: str, of: int | None = None) -> AbstractContextManager[Callable[[], None]]:
        """Lasts as long as the block; each call of what it yields says that one more of `of` is done."""


def silent(what: str, of: int | None = None) -> AbstractContextManager[Callable[[], None]]:  # noqa: ARG001 - nobody is told
    """No progress is shown."""
    return nullcontext(lambda: None)


class Registry(Protocol):
    """Every OCI registry. Each question is asked once per run, however often it is put.

    Unless a method says otherwise, it raises a RegistryError where the registry refused or failed, or its answer could
    not be trusted; the error's `status` is 404 where the tag or the digest does not exist.
    """

    def tags(self, image: ImageName) -> Sequence[str]:
        """Every tag of the repository, in the registry's order."""

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> str:
        """The digest of the manifest (or index) that the tag names now; `will_read`: `manifest` is asked for next."""

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest (or index) of that digest; one that is not there raises nothing."""

    def manifest(self, image: ImageName, digest: str) -> Manifest:
        """What the digest names: an image, an index with its manifests, or something else.

        It may be known from before, or from another repository, and be gone here: `exists` tells.
        """

    def referrers(self, image: ImageName, digest: str) -> tuple[Child, ...]:
        """What refers to a digest, such as signatures; none where the registry has no API for that."""

    def describe(self, image: ImageName, digest: str) -> Build:
        """What the image says of itself: for the text of a proposal, never for a decision."""

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built. Tags that are left out are older.

        The time of an image that is not there is unknown; that raises nothing.
        """


class Repository(Protocol):
    """The Git repository that holds the manifests: branches are read and written without a work tree.

    A method raises a GitError where the remote is out of reach, refuses (protected branch, rules, no permission), or
    lacks what is named.
    """

    def default_branch(self) -> str:
        """The branch that the remote's HEAD names."""

    def head(self, branch: str) -> str:
        """The commit that the remote branch has now (asked anew at each call)."""

    def tree(self, commit: str) -> Mapping[str, str]:
        """Every path below a commit with its git mode: 100644, 100755, 120000 (symbolic link), 160000 (submodule)."""

    def read(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of these paths at that commit, fetched in one go; paths that do not exist are left out."""

    def blobs(self, commit: str) -> Mapping[str, str]:
        """Every path below a commit with the id of its object."""

    def whole(self, ids: Collection[str]) -> dict[str, bytes]:
        """The whole bytes of these blobs, by their ids; a GitError where they are more than 128 MiB."""

    def branches(self) -> tuple[str, ...]:
        """The names of the bot's own remote branches, sorted, as the last `head` saw them."""

    def branch(self, name: str, base: str) -> Branch | None:
        """The remote branch as it is now, with its commits since it left `base` (a commit); None if there is none."""

    def line(
        self, commit: str, directories: Sequence[str], enough: Callable[[Line], bool], targets: FileTargets
    ) -> Line:
        """The commits of the first-parent line that changed a file below one of the directories (`.` is all).

        `targets` tell which files hold pins. Each commit is compared with its first parent. History is read in steps,
        the newest first, until it is `enough` or complete; where it is cut off, it ends there and is not complete.
        """

    def tags(self) -> Mapping[str, str]:
        """The tags of the remote, each with the commit that it names.

        They are asked anew at each call; where history is fetched at once, the first may get those of the beginning of
        the run. Whoever writes tags loses a race to newer ones, and asks again.
        """

    def tag_texts(self, names: Collection[str]) -> Mapping[str, str | None]:
        """The texts of those of these tags that exist; None for one that is not annotated, or is not UTF-8.

        A text over 4 MiB is left out, and so is what would make more than 64 MiB together. The commits must be on a
        line that was read.
        """

    def create_tags(self, tags: Sequence[NewTag]) -> None:
        """Create these annotated tags, all of them or none.

        Raises:
            LostRace: one of them exists; nothing was written.
        """

    def commit_of(self, branch: str) -> str | None:
        """The commit that the remote branch has at this moment; nothing else is read anew."""

    def publish(
        self,
        branch: str,
        *,
        parent: str,
        files: Mapping[str, bytes],
        message: str,
        expected: str | None,
        look: Callable[[], None] | None = None,
        signed_by: SigningKey | Callable[..., bytes] | None = None,
    ) -> str:
        """Commit `files` on top of `parent` and move the remote branch there, only if it still is at `expected`.

        `expected=None` means that the branch must not exist yet. Modes of the files stay as in `parent`. `look` is
        called as late as can be before the branch moves, and each time that this is tried again. `signed_by` is the key
        that signs the commit, or `Forge.commit`, which makes it.

        Raises:
            LostRace: the branch is not at `expected` any more; nothing was written.
            BaseException: what `look` raises; nothing was written.
        """

    def delete(self, branch: str, *, expected: str) -> None:
        """Delete the remote branch, only if it still is at `expected`; raises as `publish`."""


class Forge(Protocol):
    """Where pull requests live.

    Unless a method says otherwise, it raises a ForgeError where the forge refused or did not answer.
    """

    def disconnect(self) -> None:
        """Close every connection."""

    def find(
        self, branches: Sequence[str], base: str, *, closed: str | None = None
    ) -> dict[str, tuple[PullRequest, ...]]:
        """Pull requests from each of these branches into `base`: open ones first, then the newest closed ones.

        `closed`: also from every other branch that begins so, of those that were closed unmerged, the newest.
        """

    def rate_limit(self) -> RateLimit | None:
        """How many requests the rate limit has left; None where the forge has no limit."""

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the newest commits from one revision of a source repository to another, oldest first.

        Empty if the source is elsewhere or the token cannot read it: this is for readers. An error is for now only.
        """

    def commits_ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits one revision has that the older one lacks; None if that cannot be read. Never an error."""

    def merges(self, base: str, commits: Sequence[str]) -> dict[str, Merge]:
        """The pull requests that made these commits of a base branch, as far as they are among the newest thousand."""

    def commit(self, *, parent: str, tree: str, files: Mapping[str, tuple[str, bytes]], message: str) -> bytes:
        """The object of a commit that the forge makes and signs: on top of `parent`, whose tree is `tree`.

        `files` are those that change, with mode and content. No branch moves.
        """

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        """Open a pull request, or find and refresh the one that is open for the branch already."""

    def read(self, number: int) -> PullRequest:
        """A pull request as it is at this moment; of reviews, queues, checks and comments what was known before."""

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        """Give a pull request a new title and body; writes only what differs."""

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        """When that label was put on last, and the branch pushed, by the forge's own clock."""

    def label(self, number: int, labels: Sequence[str]) -> bool:
        """Add the labels that are missing. If that is refused, it warns, and the proposal goes on.

        False where the permission is missing, which may be given later; so do the next two.
        """

    def unlabel(self, number: int, label: str) -> None:
        """Take a label away, if it is there."""

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> bool:
        """Request reviews of people (logins) and teams (slugs). It warns of what is not possible, as with labels."""

    def assign(self, number: int, people: Sequence[str]) -> bool:
        """Assign people. It warns of what is not possible, as with labels."""

    def comment(self, number: int, body: str, *, edits: int | None = None) -> int | None:
        """Comment on a pull request, once, or give the comment `edits` this text; returns the id of a new one."""

    def take_back(self, comment: int) -> None:
        """Delete a comment of the bot's own, if it is there."""

    def comments(self, number: int) -> Sequence[str]:
        """What was said on a pull request, by anybody; the first few hundred comments."""

    def merge_when_ready(
        self, number: int, *, head: str, method: MergeMethod | None, without_checks: bool
    ) -> PullRequest:
        """Let an open pull request merge by itself, by whatever way its base branch has: auto-merge, queue, at once.

        Only at `head`, and only where the base branch asks for checks, unless `without_checks`. `method` None is the
        repository's own default. It warns of what is not possible, as with labels. Returns the pull request as it is
        then: merged, queued, set to auto-merge, or as it was. If this set it to auto-merge, title and text are those of
        that moment.
        """

    def merge_by_hand(self, number: int) -> PullRequest:
        """Take auto-merge back from a pull request. It warns of what is not possible, as with labels."""

    def convert(self, number: int, *, draft: bool) -> PullRequest:
        """Make a pull request a draft, or ready for review. It warns where that is refused, and leaves it as it was."""

    def close(self, number: int, *, body: str) -> PullRequest:
        """Close a pull request, with this body; writes only what differs."""

    def heads(self, base: str) -> Sequence[Head]:
        """The newest commits of the open pull requests into `base`, anybody's; a bounded number."""

    def write_gates(self, commit: str, present: GateStatus | None, status: GateStatus) -> None:
        """Write the bot's own status on a commit, unless state and text are those of the `present` one."""

    def find_issue(self, mark: str) -> Issue | None:
        """The newest issue of the bot's own whose text begins with this line."""

    def write_issue(self, issue: Issue | None, title: str, body: str, comment: str | None) -> None:
        """Comment on an issue, open again, and then give it this text where it differs; None: open a new one.

        Of several that runs open at once, the newest stays open.
        """

    def deployments(self, environments: Sequence[str]) -> Mapping[str, tuple[Deployed, ...]]:
        """The newest deployments of each of these environments, the newest first: a bounded number."""

    def checks(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        """What was reported of these commits, by repository (None: this one), and deployed to these environments.

        Of an environment, the newest deployments are read until there is one of its commits. All is asked together, and
        bounded. Our own records of deployments are left out.
        """

    def deploy(self, deployment: Deployment) -> Problem | None:
        """Record a deployment with its artifacts, unless that was done; returns why an artifact is not recorded."""


class Clock(Protocol):
    """Time, which only the edges may ask for."""

    def now(self) -> datetime:
        """The present moment, in UTC. It may be set forward and back: no limit is measured by it."""

    def monotonic(self) -> float:
        """Seconds since some moment; they go on evenly, whatever the present moment is set to."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class World:
    """All that a command may touch; `registry` connects at its first call. Without a token there is no forge."""

    repository: Repository
    registry: Callable[[], Registry]
    forge: Forge | None
    clock: Clock
    progress: Progress = silent
    #: Encloses what is written together, such as a branch and its pull request: a process that is to end waits for it.
    whole: Callable[[], AbstractContextManager[None]] = nullcontext
    #: Receives problems that people should know of, but that make nothing fail.
    warn: Callable[[Problem], None] = lambda _: None
    #: Where a token for the forge would be set, and what it must be allowed to do.
    token_variable: str = ""
    token_rights: str = ""


class Race:
    """The tries of one environment: how long to wait after a lost race before the next one, and when to give up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = self._tried = clock.monotonic()
        self._lost = 0

    def wait(self, lost: LostRace) -> None:
        """Stay out of the others' way for a while.

        Raises:
            LostRace: `lost` itself, once it makes no sense to try again.
        """
        now = self._clock.monotonic()
        self._lost += 1
        if self._lost > MOST_LOST or now - self._started > MOST_SECONDS:
            raise lost
        longest = (now - self._tried) * min(2**self._lost, _LONGEST_WAIT)
        self._clock.sleep(random.uniform(0, longest))  # noqa: S311 - spreads the racers, guards no secret
        self._tried = self._clock.monotonic()
