"""What `doctor` examines, and what it asks of a forge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from gitops_bot.config import Config
    from gitops_bot.doctor.notes import Notes
    from gitops_bot.edges.facts import BranchRules, Permission, RepositoryFacts, ServerFacts
    from gitops_bot.edges.git import Repository
    from gitops_bot.edges.registry import Registry
    from gitops_bot.engine.world import Clock
    from gitops_bot.errors import Problem
    from gitops_bot.releases.checks import Reported

    #: Of git: 2.38 is (2, 38).
    Version = tuple[int, int]


class CheckedForge(Protocol):
    """Where pull requests live. Every method raises ForgeError if the forge refuses or does not answer."""

    @property
    def host(self) -> str:
        """The host of its API."""

    def server(self) -> ServerFacts:
        """Its version, its clock, and what it says about the token."""

    def repository(self) -> RepositoryFacts:
        """The settings of the repository."""

    def pull_requests(self) -> None:
        """Check that pull requests can be read."""

    def checks(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        """What was reported of commits and environments, as `engine.world.Forge.checks`."""

    def deploying(self) -> Permission:
        """Whether deployments may be written."""

    def reporting(self) -> Permission:
        """Whether commit statuses may be written."""

    def workflows(self, repository: str) -> Permission:
        """Whether it can be seen which workflow of a repository a job belongs to."""

    def recording(self) -> Permission:
        """Whether artifacts may be recorded."""

    def signing(self) -> Permission:
        """Whether commits that the forge makes for this token are signed; ask `server` first."""

    def tag_rules(self) -> BranchRules:
        """The rules for the tags of releases."""

    def rules(self, branch: str) -> BranchRules:
        """The rules of a branch."""

    def rules_by_name(self, branch: str) -> BranchRules:
        """The rules for a branch of that name, which need not exist."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to examine. A part that is None could not be determined, and the `notes` say why.

    `where` is how the repository is called, `name` its name on a forge, `branch` the base branch where that is said.
    `choose` reads the configuration, given a repository, a commit and its branch. `token` is the environment variable
    that holds it, or what is wrong where there is none that can be used.
    """

    notes: Notes
    clock: Clock
    git: Callable[[], tuple[Version, Version]]
    registry: Callable[[Config], AbstractContextManager[Registry]]
    where: str = "the repository"
    name: str | None = None
    branch: str | None = None
    remote: Callable[[], AbstractContextManager[Repository]] | None = None
    choose: Callable[[Repository, str, str], Config] | None = None
    forge: CheckedForge | None = None
    token: str | Problem | None = None
