"""What a journey needs to know of the configuration, or of what was inferred without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from gitops_bot.images.rules import Rulebook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from gitops_bot.proposals.astray import Mention
    from gitops_bot.proposals.group import Grouping
    from gitops_bot.proposals.schedule import Window
    from gitops_bot.releases.hold import WrittenHold


MergeMethod = Literal["merge", "squash", "rebase"]
#: Whether proposals merge by themselves: never, only past required checks, or even where the base branch asks for none.
AutoMerge = Literal["never", "past-checks", "without-checks"]


class Proposing(Protocol):
    """How an environment's changes are put to people."""

    @property
    def as_(self) -> Literal["pull-request", "commit"]:
        """A pull request, or a commit straight to the base branch."""
        ...

    @property
    def group(self) -> Grouping:
        """Which changes go into one proposal."""
        ...

    @property
    def together(self) -> bool:
        """Whether one entry that is held holds the rest of its group; a named group may say so for itself."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """Labels of its pull requests."""
        ...

    @property
    def reviewers(self) -> Sequence[str]:
        """Logins of people who are asked for a review."""
        ...

    @property
    def teams(self) -> Sequence[str]:
        """Slugs of teams that are asked for a review."""
        ...

    @property
    def assignees(self) -> Sequence[str]:
        """Logins."""
        ...

    @property
    def draft(self) -> bool:
        """Whether pull requests are opened as drafts."""
        ...

    @property
    def refresh_approved(self) -> bool:
        """Whether a proposal that is approved, queued or set to auto-merge gets newer pins all the same."""
        ...

    @property
    def auto_merge(self) -> AutoMerge:
        """Whether proposals merge by themselves."""
        ...

    @property
    def merge_method(self) -> MergeMethod | None:
        """How they are merged then; None: as the repository has it."""
        ...

    @property
    def most_open(self) -> int | None:
        """How many proposals of this environment may be open at once."""
        ...

    @property
    def most_new_per_hour(self) -> int | None:
        """How many proposals of this environment may be opened within an hour."""
        ...

    @property
    def schedule(self) -> Sequence[Window]:
        """When something new may be opened; empty: always."""
        ...

    @property
    def title(self) -> str | None:
        """The template of titles; None: the bot's own."""
        ...

    @property
    def message(self) -> str | None:
        """The template of commit messages, without trailers; None: the bot's own."""
        ...


class Promoting(Protocol):
    """How an environment gets its pins from another one, without anybody asking for it."""

    @property
    def source(self) -> str:
        """The name of that environment."""
        ...

    @property
    def place(self) -> tuple[str, int, int]:
        """File, line and column where it is written."""
        ...

    @property
    def soak(self) -> timedelta:
        """How long the source has to run a pin before it goes on by itself."""
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

    @property
    def match_by(self) -> Literal["digest", "revision"]:
        """What a promotion leaves the same: the bytes, or only the revision that they were built from."""
        ...

    @property
    def release_tag(self) -> bool:
        """Whether a promotion writes the version tag of the same image in the place of the source's tag."""
        ...

    @property
    def promotion(self) -> Promoting | None:
        """Where its pins come from, if from another environment."""
        ...


class Book(Rulebook, Protocol):
    """The environments there are, in order, and the rules for their entries."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """By name."""
        ...

    @property
    def holds(self) -> Sequence[WrittenHold]:
        """What people wrote down to be left as it is for a while."""
        ...

    @property
    def mentions(self) -> Sequence[Mention]:
        """The names of entries and overlays that it says something of."""
        ...


def inferred(tree: Mapping[str, str]) -> Book:
    """The environments that the directories of a tree (path -> git mode) suggest, without a configuration."""
    from gitops_bot.releases import inference

    return inference.infer(tree)
