"""What a journey did, or would do: plain values that the report turns into text and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.errors import Problem
    from gitops_bot.images.reason import Reason
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.releases.plan import Change, Failed, Kept

ActionName = Literal["open", "refresh", "leave", "close", "commit", "none"]

#: Actions that write, or would.
WRITING: tuple[ActionName, ...] = ("open", "refresh", "close", "commit")


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of one group of an environment. `files` holds the bytes before and after, for the diff."""

    group: str
    branch: str | None
    action: ActionName
    reason: Reason
    pull_request: PullRequest | None = None
    commit: str | None = None
    changes: tuple[Change, ...] = ()
    files: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether it could not be done."""
        return self.action == "none" and self.reason.code.startswith("failed.")


@dataclass(frozen=True, slots=True)
class EnvironmentOutcome:
    """One environment after a journey. `unchanged` counts the entries that are kept current, and are."""

    name: str
    proposals: tuple[Proposed, ...] = ()
    held: tuple[Held, ...] = ()
    failed: tuple[Failed, ...] = ()
    unchanged: int = 0
    promoted_from: str | None = None
    ignored: int = 0
    unmanaged: tuple[Kept, ...] = ()

    @property
    def all_held(self) -> tuple[Held, ...]:
        """What is held, and what nothing keeps current."""
        return (*self.held, *(Held(kept.entry, kept.pin, None, kept.reason) for kept in self.unmanaged))

    @property
    def entries(self) -> dict[str, int]:
        """How many entries there are of each kind. A file or a proposal that failed counts as one of those that failed.

        One that is held while an open proposal carries another pin for it is held.
        """
        held = {item.entry.key for item in self.held}
        changed = {change.entry.key for proposed in self.proposals for change in proposed.changes}
        return {
            "changed": len(changed - held),
            "held": len(held),
            "failed": len(self.failed),
            "unchanged": self.unchanged,
            "ignored": self.ignored,
            "unmanaged": len(self.unmanaged),
        }

    @property
    def open_proposals(self) -> int:
        """How many of its pull requests are open now."""
        pulls = (proposed.pull_request for proposed in self.proposals)
        return len({pull.number for pull in pulls if pull is not None and pull.state == "open"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole journey. `complete` is false when something could not be seen, read or done."""

    repository: str | None
    branch: str | None
    commit: str | None
    environments: tuple[EnvironmentOutcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    saw_pull_requests: bool = True
    #: The keys of the entries that the command named: held ones of them could not be done. None: it names none.
    named: frozenset[tuple[str, str]] | None = None
    #: What people wrote down to be held, and holds nothing any more.
    ended: tuple[WrittenHold, ...] = ()
    #: How much of the repository is kept current, where that was asked.
    coverage: Coverage | None = None

    @property
    def proposals(self) -> tuple[tuple[EnvironmentOutcome, Proposed], ...]:
        """Every proposal with its environment."""
        return tuple((environment, proposed) for environment in self.environments for proposed in environment.proposals)

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Every problem once: those of the whole run, then those of the environments."""
        failed = [item.problem for env in self.environments for item in env.failed]
        return tuple(dict.fromkeys([*self.problems, *failed]))

    @property
    def complete(self) -> bool:
        """Whether everything was seen, read and done."""
        return self.saw_pull_requests and not self.problems and not any(env.failed for env in self.environments)

    @property
    def would_write(self) -> bool:
        """Whether anything was written, or would be."""
        return any(proposed.action in WRITING for _, proposed in self.proposals)

    @property
    def exit_code(self) -> int:
        """0 done, held or nothing to do; 1 some item failed, or a named item could not be done."""
        failed = bool(self.problems) or any(env.failed for env in self.environments)
        return 1 if failed or self._undone() else 0

    def _undone(self) -> bool:
        if self.named is None:
            return False
        held = {item.entry.key for env in self.environments for item in env.held}
        left = {change.entry.key for _, one in self.proposals if one.action == "leave" for change in one.changes}
        return not self.named.isdisjoint(held | left)


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """The edit of one file. `unchanged` counts the entries meant that had their pin already."""

    file: str
    changes: tuple[Change, ...]
    unchanged: int
    before: bytes
    after: bytes
