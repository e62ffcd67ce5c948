"""The commit statuses on open pull requests, where they are configured. What fails here fails nothing else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from gitops_bot.engine.facts import forge_of
from gitops_bot.engine.request import Poll
from gitops_bot.errors import ForgeError, Problem, bugs_as
from gitops_bot.proposals import naming
from gitops_bot.proposals.gate_status import NO_PINS, OPEN, UNSEEN, status_of
from gitops_bot.releases.decisions import Decision, EntryKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitops_bot.engine.context import Planned
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.branches import BotBranch
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import GateStatus

#: A commit, what its status says already, and what it is to say.
Said: TypeAlias = "tuple[str, GateStatus | None, GateStatus]"


@dataclass(slots=True)
class Statuses:
    """Writes the statuses of one run, up to the first that the forge refuses, which is among the `problems`."""

    world: World
    problems: list[Problem] = field(default_factory=list)

    def write(self, planned: Planned, done: Mapping[str, Proposal]) -> None:
        """Say of each open pull request of an environment that was carried out whether its gates are open."""
        if planned.context.snapshot.config.writes_status(planned.context.environment.name):
            self._write(_of_proposals(planned, done))

    def write_elsewhere(self, base: str) -> None:
        """Say on all other open pull requests into a branch that they have no pins of the bot."""
        self._write(_elsewhere(self.world, base))

    def _write(self, statuses: Iterable[Said]) -> None:
        if any(problem.code != "failed.bug" for problem in self.problems):
            return  # a token or a forge that refused one refuses the next: the next run goes on
        try:
            with bugs_as(ForgeError):
                for said in statuses:
                    forge_of(self.world).write_gates(*said)
        except ForgeError as error:
            self.problems.append(error.problem)


def _elsewhere(world: World, base: str) -> Iterator[Said]:
    heads = forge_of(world).heads(base)
    # A branch of somebody else may have the very commit of a proposal.
    own = {head.commit for head in heads if (head.branch or "").startswith(f"{naming.PREFIX}/")}
    yield from ((head.commit, head.gates, NO_PINS) for head in heads if head.commit not in own)


def _of_proposals(planned: Planned, done: Mapping[str, Proposal]) -> Iterator[Said]:
    """What to say of proposals. A request for a part leaves what it did not push to: nobody looked at all the gates."""
    context, decided = planned.context, defaultdict[EntryKey, list[Decision]](list)
    for judged in planned.decided[0].judged:
        for item in (judged.decision, judged.proposed):
            if item is not None and item.entry is not None:
                decided[item.entry.key].append(item)
    unseen = UNSEEN if context.snapshot.config.is_gated(context.environment.name) else OPEN
    roles = (role for its in planned.decided for role in its.context.branches.by_name.values())
    pairs: dict[str, tuple[BotBranch, Proposal | None]] = {its.branch.name: (its.branch, None) for its in roles}
    pairs |= {item.on.name: (item.on, item) for item in done.values() if item.on is not None}
    for branch, proposal in pairs.values():
        before = branch.opened
        opened = proposal.pull_request if proposal is not None else before
        if opened is None or opened.state != "open":
            continue
        commit, pins, known = opened.head, branch.pending, before.gates if before is not None else None
        if proposal is not None and proposal.commit is not None:
            commit, pins = proposal.commit, tuple(change.pin_change for change in proposal.changes)
        is_new = before is None or before.head != commit
        if isinstance(context.request.what, Poll):
            yield commit, None if is_new else known, status_of(pins, decided, unseen)
        elif is_new:
            yield commit, None, status_of(pins, decided, known or unseen)
