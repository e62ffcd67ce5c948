"""From decisions to proposals: groups, the pins that they carry on, and one action for each branch. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine.gates import left_before
from gitops_bot.engine.limits import admitted, with_what_waits
from gitops_bot.engine.make_way import make_way
from gitops_bot.errors import EditError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, content, group, naming, reconcile
from gitops_bot.proposals.people import decline, declined
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.releases.layout.overlay import edited
from gitops_bot.releases.plan import Change, Failed, Held, Kept, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.gates import Known
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.proposals.people import Declined
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.text.details import Described
    from gitops_bot.releases.plan import Decision, PinChange, Source


@dataclass(frozen=True, slots=True)
class Arranged:
    """One environment: what is held, failed and unchanged in it (`plan`, without changes), and its proposals."""

    plan: Plan
    proposals: tuple[Proposal, ...]


def arrange(known: Known, decisions: Sequence[Decision]) -> Arranged:
    """What becomes of an environment that is proposed to by pull requests.

    Raises:
        Needs: pull requests or history have to be read first.
        GitError, ForgeError: these cannot be read.
    """
    snapshot, name = known.snapshot, known.environment.name
    proposals = _proposals(known, decisions)
    failed = [
        *snapshot.failed(name),
        *(item for item in decisions if isinstance(item, Failed)),
        *(item for proposal in proposals for item in proposal.plan.failed),
    ]
    plan = Plan(
        environment=name,
        changes=(),
        held=tuple(item for proposal in proposals for item in proposal.plan.held),
        failed=tuple(dict.fromkeys(failed)),
        unchanged=sum(proposal.plan.unchanged for proposal in proposals),
        ignored=sum(proposal.plan.ignored for proposal in proposals),
        unmanaged=tuple(item for proposal in proposals for item in proposal.plan.unmanaged),
    )
    if known.request.is_rollback:
        proposals = make_way(known, proposals, _proposals)
    return Arranged(plan, tuple(proposal for proposal in proposals if not proposal.is_nothing))


def _proposals(known: Known, decisions: Sequence[Decision]) -> list[Proposal]:
    """One proposal for each group, as far as it may be opened now."""
    state, facts, snapshot = known.state, known.facts, known.snapshot
    grouped = state.grouped(decisions)
    # Of groups without a branch too: one may have been closed, or opened just now.
    branches = [branch for name in _may_open(state, grouped) if (branch := state.branch_of(name)) not in state.pulls]
    state = replace(state, pulls={**state.pulls, **facts.pull_requests(branches, snapshot.branch)})
    known = replace(known, state=state)
    declines = declined(_closed(known), state.branches)
    proposals = [_proposal(known, declines, name, mine) for name, mine in grouped.items()]
    if known.request.own_groups:
        proposals = _own(proposals, state, decisions)
    if known.request.exempt.limits:
        return with_what_waits(proposals)
    pulls = [pull for existing in state.pulls.values() for pull in existing]
    return admitted(proposals, state.environment.propose, pulls, snapshot.at)


def planned(
    known: Known, environment: str, decisions: Sequence[Decision], changes: Sequence[Change]
) -> tuple[Plan, Mapping[str, bytes]]:
    """The plan of these decisions, and the bytes of its files. A file whose edit is refused fails alone."""
    files: dict[str, bytes] = {}
    failed = [item for item in decisions if isinstance(item, Failed)]
    done: list[Change] = []
    by_file: dict[str, list[Change]] = {}
    for change in changes:
        by_file.setdefault(change.entry.file, []).append(change)
    overlays = {overlay.file: overlay for overlay in known.snapshot.overlays(environment)}
    for file, mine in sorted(by_file.items()):
        try:
            files |= edited([overlays[file]], mine)
        except EditError as error:
            failed += [Failed(change.entry, error.problem) for change in mine]
        else:
            done += mine
    held = tuple(item for item in decisions if isinstance(item, Held))
    kept = [item for item in decisions if isinstance(item, Kept)]
    ignored = sum(item.reason.code == "ignored" for item in kept)
    unmanaged = tuple(item for item in kept if item.reason.code == "unmanaged")
    unchanged = len(kept) - ignored - len(unmanaged)
    return Plan(environment, tuple(done), held, tuple(failed), unchanged, ignored, unmanaged), files


def written(
    snapshot: Snapshot,
    environment: Environment,
    source: Source,
    name: str,
    plan: Plan,
    files: Mapping[str, bytes],
    described: Mapping[tuple[str, str], Described] | None = None,
) -> content.Content:
    """Put the plan of a group into words."""
    return content.write(
        plan,
        files,
        base=snapshot.branch,
        parent=snapshot.commit,
        source=source,
        group=name,
        title=environment.propose.title,
        message=environment.propose.message,
        described=described or {},
    )


def _may_open(state: OpenProposals, grouped: Mapping[str, Sequence[Decision]]) -> list[str]:
    """The groups whose pull requests have to be known, beside those that have a branch."""
    if state.environment.propose.limit.new_per_hour is not None:
        return sorted(set(state.group_of.values()))  # what was opened and merged within the hour counts too
    carried = {state.group_of.get(pin.key) for pin in state.pins}
    return [
        name
        for name, decisions in grouped.items()
        if name in carried or any(isinstance(item, Change) for item in decisions)
    ]


def _closed(known: Known) -> list[PullRequest]:
    """What was closed unmerged of the environment's proposals."""
    beginning = naming.beginning(known.environment.name)
    return [
        pull
        for branch, pulls in {**(known.facts.closed or {}), **known.state.pulls}.items()
        if branch.startswith(beginning)
        for pull in pulls
        if pull.state == "closed"
    ]


def _own(proposals: Sequence[Proposal], state: OpenProposals, decisions: Sequence[Decision]) -> list[Proposal]:
    """The groups of the decided entries, and every group that exchanges pins with one of them."""
    groups = {state.group_of[item.entry.key] for item in decisions if item.entry is not None}
    while True:
        own = [
            proposal
            for proposal in proposals
            if proposal.group in groups or any(state.group_of.get(key) in groups for key in proposal.moved)
        ]
        reached = {state.group_of[key] for proposal in own for key in proposal.moved if key in state.group_of}
        if reached <= groups:
            return own
        groups |= reached


def _proposal(known: Known, declines: Declined, name: str, decisions: Sequence[Decision]) -> Proposal:
    """Lay what was decided over what the open proposal carries, and compare that with what is there."""
    state, snapshot, environment = known.state, known.snapshot, known.environment
    branch, existing = state.branches.get(state.branch_of(name)), state.pulls.get(state.branch_of(name), ())
    own = state.carried.get(state.branch_of(name), ())
    opened = next((pull for pull in existing if pull.state == "open"), None)
    locked = state.locked(name)
    carried, shown = state.pins_of(name), state.pins_of(name, shown=True)

    def judged(decision: Decision) -> Decision:
        if not isinstance(decision, Change):
            return decision
        if (reason := locked.get(decision.entry.key)) is not None:
            return Held(decision.entry, decision.before, decision.after, reason)
        if known.request.exempt.declines:
            return decision
        # What an open pull request shows is wanted again: it was reopened, or asked for in another group since. What a
        # push came too late for stays declined.
        return decline(decision, state.branch_of(name), declines, shown) or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decided = [judged(decision) for decision in decisions]
    together = group.is_together(name, environment.propose.group, default=environment.propose.together)
    if together:
        if any(isinstance(item, Held) and item.withdraws for item in decided):
            carried = ()  # it loses all of them with the first
        decided = list(group.hold_together(decided, name))
    laid: list[Decision] = [
        judged(change) for change in carry.lay(decided, carried, state.entries, asked=known.request.by_name)
    ]
    # A pin that is only carried on was looked up when it was proposed; the environment may have left it since.
    now = set(map(id, decided))
    laid = [item if id(item) in now else left_before(item, known) for item in laid]
    if together:
        laid = list(group.hold_together(laid, name))  # nor does it go on with a part of what it carried
    told = [(item.entry, item.reason) for item in decided if isinstance(item, Held)]
    held = [item for item in laid if isinstance(item, Held) and (item.entry, item.reason) not in told]
    changes = [item for item in laid if isinstance(item, Change)]
    plan, files = planned(known, environment.name, [*decided, *held], changes)
    source = known.request.source(environment)
    words = written(snapshot, environment, source, name, plan, files) if plan.changes else None
    action: reconcile.Action
    if unread := sorted({pin.file for pin in own} & _unread(known, plan, changes)):
        text = f"{unread[0]} cannot be edited in its present state: its proposal waits until it can"
        action = reconcile.Leave(opened, Reason("failed.edit", text, {"file": unread[0]}))
    elif not snapshot.sees_pull_requests:
        action = reconcile.decide_unseen(words, branch)
    else:
        action = reconcile.decide(
            words,
            branch,
            existing,
            refresh_approved=environment.propose.refresh_approved,
            stands=bool(carry.standing_pins(state.entries, own)),
            why_gone=_why_gone(state, name, own, locked, plan.held, together=together),
        )
    moved = frozenset(pin.key for pin in own if state.group_of.get(pin.key, name) != name)
    proposal = Proposal(name, source, plan, files, words, branch, existing, own, moved, action, state.beside(name))
    return proposal.doing(action)


def _why_gone(
    state: OpenProposals,
    name: str,
    own: Sequence[PinChange],
    locked: Mapping[tuple[str, str], Reason],
    held: Sequence[Held],
    *,
    together: bool,
) -> Reason | None:
    """What to say where nothing is left for a group, if it is not that its pins are done or not wanted.

    `together`: it goes as a whole or not at all.
    """
    if name.startswith(naming.ROLLBACK):
        return _REACHED
    if state.is_gone(name):
        return _GONE
    if own and all(pin.key in locked for pin in own):
        return locked[own[0].key]
    declines = {item.entry.key: item.reason for item in held if item.reason.code == "held.declined"}
    if own and all(pin.key in declines for pin in own):
        return declines[own[0].key]
    return held[0].reason if together and held else None


_REACHED: Final = Reason("nothing_new", "the base branch already has the requested release")
_GONE: Final = Reason("nothing_new", "no entry belongs to this group any more")


def _unread(known: Known, plan: Plan, changes: Sequence[Change]) -> set[str]:
    """The files of which nothing can be told: broken on the base branch just now, or an edit of them was refused."""
    done = {change.entry.key for change in plan.changes}
    refused = {change.entry.file for change in changes if change.entry.key not in done}
    return refused | {item.problem.file for item in known.snapshot.failed(plan.environment) if item.problem.file}
