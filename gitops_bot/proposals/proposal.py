"""One group of an environment: what is proposed, what exists of it already, what is to be done, and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.decisions import Change, Decision, EntryKey, Held, Kept, PinChange, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.branches import BotBranch
    from gitops_bot.proposals.pull_request import PullRequest


class ProposalText(NamedTuple):
    """The title and the text of a pull request, and the message of its commit."""

    title: str
    body: str
    message: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The decisions about the entries of one group, and how the changes among them reach the base branch.

    `on` is its branch as it was read, None where the changes are committed straight to the base branch; `source` is
    where the pins come from that are decided now. `files` holds the bytes before and after. `carried` are the pins that
    the branch proposes as it is, `moved` the entries among them that belong to other groups now. `beside` are the pull
    requests of other branches that this depends on. `text` is what people read of it, where it is to be written.

    Once it was carried out, `action` is what was done: none, and why, where that was not possible. `commit` is what was
    pushed, and `written` what became of its pull request.
    """

    group: str
    on: BotBranch | None
    source: Source
    action: reconcile.Action
    decisions: tuple[Decision, ...] = ()
    files: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    carried: tuple[PinChange, ...] = ()
    moved: frozenset[EntryKey] = frozenset()
    beside: Mapping[str, tuple[PullRequest, ...]] = field(default_factory=dict)
    text: ProposalText | None = None
    commit: str | None = None
    written: PullRequest | None = None

    @property
    def kind(self) -> naming.Kind:
        """Whether it updates pins or rolls them back."""
        return naming.kind_of(self.group)

    @property
    def branch(self) -> str | None:
        """The name of its branch."""
        return self.on.name if self.on is not None else None

    @property
    def pull_request(self) -> PullRequest | None:
        """Its open pull request, or what became of that."""
        return self.written or (self.on.opened if self.on is not None else None)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it changes."""
        return tuple(decision for decision in self.decisions if isinstance(decision, Change))

    @property
    def failed(self) -> bool:
        """Whether it could not be done."""
        return self.action.name == "none" and self.action.reason.code.startswith("failed.")

    def doing(self, action: reconcile.Action) -> Proposal:
        """The same with another action.

        Where that leaves it as it is, every entry is held whose pin the open one does not have as it should be.
        """
        if not isinstance(action, reconcile.Leave) or not action.reason.code.startswith("held."):
            return replace(self, action=action)
        proposed = {pin.key: (pin.after, pin.new_name) for pin in self.carried}
        held = [
            change.hold(action.reason)
            for change in self.changes
            if (change.after, change.new_name) != proposed.get(change.entry.key)
        ]
        # What was set to the pin of the base branch should have left the open one.
        decisions = (
            Held(item.entry, None, action.reason)
            if isinstance(item, Kept) and item.source == "set" and item.entry.key in proposed
            else item
            for item in self.decisions
        )
        return replace(self, action=action, decisions=(*decisions, *held))
