"""What a journey needs to know of the configuration, or of what was inferred without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from gitops_bot.images.rules import Rulebook
from gitops_bot.releases import inference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Proposing(Protocol):
    """How an environment's changes are put to people."""

    @property
    def as_(self) -> Literal["pull-request", "commit"]:
        """A pull request, or a commit straight to the base branch."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """Labels of its pull requests."""
        ...


class Environment(Protocol):
    """One environment."""

    @property
    def name(self) -> str:
        """As written."""
        ...

    @property
    def overlays(self) -> Sequence[str]:
        """Globs of its overlays."""
        ...

    @property
    def places(self) -> Sequence[tuple[str, int, int]]:
        """File, line and column of each glob, where they are written down."""
        ...

    @property
    def propose(self) -> Proposing:
        """How its changes are put to people."""
        ...


class Book(Rulebook, Protocol):
    """The environments there are, in order, and the rules for their entries."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """By name."""
        ...


def inferred(tree: Mapping[str, str]) -> Book:
    """The environments that the directories of a tree (path -> git mode) suggest, without a configuration."""
    return inference.infer(tree)
