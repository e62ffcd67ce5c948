"""One proposal on its way to people: what it changes, what is there of it already, and what is to be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.content import Content
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.plan import PinChange, Plan, Source


@dataclass(frozen=True, slots=True)
class Proposal:
    """One group of an environment.

    `plan` has its decisions, `files` their bytes and `content` their words (None where nothing changes). `branch` and
    `pulls` are what is there; `carried` are the pins that the branch proposes as it is, `moved` the entries among them
    that belong to other groups now. `beside` are the pull requests of other branches that this rests on.
    """

    group: str
    source: Source
    plan: Plan
    files: Mapping[str, bytes]
    content: Content | None
    branch: Branch | None
    pulls: tuple[PullRequest, ...]
    carried: tuple[PinChange, ...]
    moved: frozenset[tuple[str, str]]
    action: reconcile.Action
    beside: Mapping[str, tuple[PullRequest, ...]]

    @property
    def name(self) -> str:
        """The branch on which it is proposed."""
        return naming.branch(self.plan.environment, self.group)

    @property
    def opened(self) -> PullRequest | None:
        """The open pull request."""
        return next((pull for pull in self.pulls if pull.state == "open"), None)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to propose and nothing to do."""
        return self.content is None and isinstance(self.action, reconcile.Nothing)

    def doing(self, action: reconcile.Action) -> Proposal:
        """The same with another action.

        Where that leaves it as it is, every entry is held whose pin the open one does not have as it should be.
        """
        match action:
            case reconcile.Leave(reason=reason) if reason.code.startswith("held."):
                proposed = {(pin.key, pin.after, pin.new_name) for pin in self.carried}
                held = [
                    Held(change.entry, change.before, change.after, reason)
                    for change in self.plan.changes
                    if (change.entry.key, change.after, change.new_name) not in proposed
                ]
                return replace(self, action=action, plan=replace(self.plan, held=(*self.plan.held, *held)))
            case _:
                return replace(self, action=action)
