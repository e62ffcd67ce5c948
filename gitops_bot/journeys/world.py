"""What a journey needs from the world. The edges fulfil these; the journeys know nothing else of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.images.reference import ImageName
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest


class Registry(Protocol):
    """Every OCI registry. Each question is asked once per run, however often it is put."""

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """Every tag of the repository, in the registry's order.

        Raises:
            RegistryError: the registry refused, failed, or its answer could not be trusted.
        """
        ...

    def digest(self, image: ImageName, tag: str) -> str:
        """The digest of the manifest (or index) that the tag names now.

        Raises:
            RegistryError: as above; `status` is 404 where the tag does not exist.
        """
        ...


class Repository(Protocol):
    """The Git repository that holds the manifests: branches are read and written without a work tree."""

    def default_branch(self) -> str:
        """The branch that the remote's HEAD names.

        Raises:
            GitError: the remote cannot be read.
        """
        ...

    def head(self, branch: str) -> str:
        """The commit that the remote branch has now (asked anew at each call).

        Raises:
            GitError: the branch does not exist or the remote cannot be read.
        """
        ...

    def tree(self, commit: str) -> Mapping[str, str]:
        """Every path below a commit with its git mode: 100644, 100755, 120000 (symbolic link), 160000 (submodule)."""
        ...

    def read(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of these paths at that commit, fetched in one go; paths that do not exist are left out."""
        ...

    def branch(self, name: str, base: str) -> Branch | None:
        """The remote branch as it is now, with its commits since it left `base` (a commit); None if there is none."""
        ...

    def commit_of(self, branch: str) -> str | None:
        """The commit that the remote branch has at this moment; nothing else is read anew.

        Raises:
            GitError: the remote cannot be read.
        """
        ...

    def publish(
        self, branch: str, *, parent: str, files: Mapping[str, bytes], message: str, expected: str | None
    ) -> str:
        """Commit `files` on top of `parent` and move the remote branch there, only if it still is at `expected`.

        `expected=None` means that the branch must not exist yet. Modes of the files stay as in `parent`.

        Raises:
            LostRace: the branch is not at `expected` any more; nothing was written.
            GitError: the remote refused (protected branch, no permission) or is out of reach.
        """
        ...

    def delete(self, branch: str, *, expected: str) -> None:
        """Delete the remote branch, only if it still is at `expected`; raises as `publish`."""
        ...


class Forge(Protocol):
    """Where pull requests live."""

    def find(self, branches: Sequence[str], base: str) -> dict[str, tuple[PullRequest, ...]]:
        """Pull requests from each of these branches into `base`: open ones first, then the newest closed ones.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...

    def open(self, *, branch: str, base: str, title: str, body: str, labels: Sequence[str]) -> PullRequest:
        """Open a pull request, or find and refresh the one that already exists for the branch."""
        ...

    def refresh(self, number: int, *, title: str, body: str, labels: Sequence[str]) -> PullRequest:
        """Give an open pull request a new title and body, and add missing labels; writes only what differs."""
        ...

    def close(self, number: int, *, body: str, comment: str) -> PullRequest:
        """Put the closing mark into the body, say why in a comment, then close."""
        ...


class Clock(Protocol):
    """Time, which only the edges may ask for."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """All that a journey may touch. Without a token, or with a plain path, there is no forge."""

    repository: Repository
    registry: Registry
    forge: Forge | None
    clock: Clock
