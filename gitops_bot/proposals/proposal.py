"""One group of an environment: what is proposed, what exists of it already, and what is to be done, or was done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitops_bot.proposals import reconcile
from gitops_bot.releases.decisions import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.content import ProposalText
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, EntryKey, PinChange, Source


@dataclass(frozen=True, slots=True)
class Proposal:
    """The decisions about the entries of one group, and how the changes among them reach the base branch.

    `branch` is the name of its branch, None where it is committed straight to the base branch; `source` is
    where the pins come from that are decided now. `files` holds the bytes
    before and after. `pull_request` is the open one, or what became of it; `commit` is what was written. `remote` is
    the branch as it was read, and `pulls` are its pull requests. `carried` are the pins that the branch proposes as it
    is, `moved` the entries among them that belong to other groups now. `beside` are the pull requests of other branches
    that this rests on. `text` is what people read of it, where it is to be written.
    """

    group: str
    branch: str | None
    source: Source
    action: reconcile.Action
    decisions: tuple[Decision, ...] = ()
    files: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    pull_request: PullRequest | None = None
    commit: str | None = None
    remote: Branch | None = None
    pulls: tuple[PullRequest, ...] = ()
    carried: tuple[PinChange, ...] = ()
    moved: frozenset[EntryKey] = frozenset()
    beside: Mapping[str, tuple[PullRequest, ...]] = field(default_factory=dict)
    text: ProposalText | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it changes."""
        return tuple(decision for decision in self.decisions if isinstance(decision, Change))

    @property
    def after(self) -> dict[str, bytes]:
        """The bytes that the files get."""
        return {path: after for path, (_, after) in self.files.items()}

    @property
    def failed(self) -> bool:
        """Whether it could not be done."""
        return self.action.name == "none" and self.action.reason.code.startswith("failed.")

    def doing(self, action: reconcile.Action) -> Proposal:
        """The same with another action.

        Where that leaves it as it is, every entry is held whose pin the open one does not have as it should be.
        """
        held: list[Decision] = []
        if isinstance(action, reconcile.Leave) and action.reason.code.startswith("held."):
            proposed = {(pin.key, pin.after, pin.new_name) for pin in self.carried}
            held = [
                change.held(action.reason)
                for change in self.changes
                if (change.entry.key, change.after, change.new_name) not in proposed
            ]
        return replace(self, action=action, decisions=(*self.decisions, *held))
