"""What a request did, or would do: plain values that the report turns into text and JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.releases.decisions import Failed, Held, Kept
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from gitops_bot.config import Hold
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import Change, Decision, EntryKey
    from gitops_bot.releases.layout.coverage import Coverage

#: Actions that write, or would.
WRITING: tuple[ActionName, ...] = ("open", "refresh", "close", "commit")


@dataclass(frozen=True, slots=True)
class EnvironmentOutcome:
    """One environment: the decisions about its entries (changes are those of the proposals), and its proposals.

    `named` are the keys of the entries that the command named: held ones of them could not be done. `frozen` are the
    freezes of the whole environment that last now.
    """

    name: str
    decisions: tuple[Decision, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    promoted_from: str | None = None
    named: frozenset[EntryKey] = frozenset()
    frozen: tuple[Hold, ...] = ()

    @property
    def held(self) -> tuple[Held, ...]:
        """What waits.

        What only a freeze holds is left out, unless the command named it or it is in a proposal that is left alone.
        """
        left = (proposal for proposal in self.proposals if proposal.action.name == "leave")
        told = self.named.union(change.entry.key for proposal in left for change in proposal.changes)
        return tuple(item for item in self.stopped if not item.only_frozen or item.entry.key in told)

    @property
    def stopped(self) -> tuple[Held, ...]:
        """What is held for whatever reason, also where nothing else could be pinned."""
        return tuple(decision for decision in self.decisions if isinstance(decision, Held))

    @property
    def failed(self) -> tuple[Failed, ...]:
        """What could not be read, looked up or written."""
        return tuple(decision for decision in self.decisions if isinstance(decision, Failed))

    @property
    def all_held(self) -> tuple[Held, ...]:
        """What is held for whatever reason, and what nothing keeps current."""
        kept = (decision for decision in self.decisions if isinstance(decision, Kept))
        unmanaged = (Held(item.entry, None, item.reason) for item in kept if item.reason.code == "unmanaged")
        return (*self.stopped, *unmanaged)

    @property
    def entries(self) -> dict[str, int]:
        """How many entries there are of each kind: a failed file or proposal counts, and what is held is no change.

        What is `frozen` does not wait: only a freeze holds it.
        """
        held = {item.entry.key for item in self.held}
        changed = {change.entry.key for proposal in self.proposals for change in proposal.changes}
        kept = [decision for decision in self.decisions if isinstance(decision, Kept)]
        others = Counter("unchanged" if item.is_current else item.reason.code for item in kept)
        frozen = {item.entry.key for item in self.stopped} - held - changed
        counts = {"changed": len(changed - held), "held": len(held), "frozen": len(frozen), "failed": len(self.failed)}
        return counts | {kind: others[kind] for kind in ("unchanged", "ignored", "unmanaged")}

    @property
    def open_proposals(self) -> int:
        """How many of its pull requests are open now."""
        pulls = (proposal.pull_request for proposal in self.proposals)
        return len({pull.number for pull in pulls if pull is not None and pull.state == "open"})

    def asked(self, proposal: Proposal) -> tuple[Change, ...]:
        """The changes of a proposal that are told in full: not what it carries beside the entries of the command."""
        return tuple(
            change
            for change in proposal.changes
            if not self.named or not change.carried or change.entry.key in self.named
        )

    @property
    def undone(self) -> bool:
        """Whether an entry that the command named could not be done."""
        left = [proposal for proposal in self.proposals if proposal.action.name == "leave"]
        waiting = [item.entry.key for item in self.held]
        waiting += [change.entry.key for proposal in left for change in proposal.changes]
        return not self.named.isdisjoint(waiting)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a whole request. `problems` are those of no single environment."""

    environments: tuple[EnvironmentOutcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    saw_pull_requests: bool = True
    token_variable: str = ""
    #: What people wrote down to be held, and holds nothing any more.
    ended: tuple[Hold, ...] = ()
    #: How much of the repository is kept current, where that was asked.
    coverage: Coverage | None = None

    @property
    def proposals(self) -> tuple[tuple[EnvironmentOutcome, Proposal], ...]:
        """Every proposal with its environment."""
        return tuple((environment, proposal) for environment in self.environments for proposal in environment.proposals)

    @property
    def would_write(self) -> bool:
        """Whether anything was written, or would be."""
        return any(proposal.action.name in WRITING for _, proposal in self.proposals)

    def of(
        self, repository: str | None = None, branch: str | None = None, commit: str | None = None
    ) -> Result[Outcome]:
        """The result, for what was read of this commit. 1 where it failed, or a named entry was not done."""
        failed = (item.problem for environment in self.environments for item in environment.failed)
        problems = tuple(dict.fromkeys([*self.problems, *failed]))
        undone = any(environment.undone for environment in self.environments)
        return Result(Head(repository, branch, commit, problems, self.saw_pull_requests, int(undone)), self)
