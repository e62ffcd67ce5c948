"""From decisions to proposals: groups, the pins that they carry on, and one action for each branch. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine import release_info
from gitops_bot.engine.gates import left_before, slot
from gitops_bot.engine.limits import admitted, with_what_waits
from gitops_bot.engine.make_way import make_way
from gitops_bot.errors import EditError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, group, naming, ownership, pull_request, reconcile, schedule
from gitops_bot.proposals.people import decline, declined
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.releases.choice import switch
from gitops_bot.releases.decisions import CODE_OF, Change, Failed, Held
from gitops_bot.releases.history import trail
from gitops_bot.results.outcome import EnvironmentOutcome
from gitops_bot.targets.pin_file import edit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.engine.decide import Decided
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.proposals.people import Declined
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, PinChange


def arrange(decided: Decided) -> EnvironmentOutcome:
    """What becomes of an environment, before anything is written.

    Raises:
        Needs: pull requests or history have to be read first.
        GitError, ForgeError: these cannot be read.
    """
    known, decisions = decided.known, decided.decisions
    name = known.environment.name
    proposals = _proposals(known, decisions) if known.by_pull_request else [_commit(known, decisions)]
    others = [item for proposal in proposals for item in proposal.decisions if not isinstance(item, Change)]
    failed = [item for item in (*known.snapshot.failed(name), *decisions, *others) if isinstance(item, Failed)]
    rest = (item for item in others if not isinstance(item, Failed))
    if known.request.is_rollback and known.by_pull_request:
        proposals = make_way(known, proposals, _proposals)
    return EnvironmentOutcome(
        name,
        (*dict.fromkeys(failed), *rest, *known.only_in_source),
        tuple(proposal for proposal in proposals if not proposal.is_nothing),
        known.request.promoted_from(known.environment),
        decided.named,
    )


def whole(known: Context, decisions: Sequence[Decision], branch: str | None, action: reconcile.Action) -> Proposal:
    """All that is decided of an environment, as one proposal."""
    alone = switch.alone(decisions, known.snapshot.slots(known.environment.name))
    edited_decisions, files = edited(known, alone)
    source = known.request.source(known.environment)
    return Proposal(naming.DEFAULT_GROUP, branch, source, action, edited_decisions, files)


def _commit(known: Context, decisions: Sequence[Decision]) -> Proposal:
    """All changes as a commit straight to the base branch, unless the schedule is closed now."""
    environment, snapshot = known.environment, known.snapshot
    reason = Reason(CODE_OF[known.request.source(environment)], f"straight to {snapshot.branch}, as configured")
    proposal = whole(known, decisions, None, reconcile.Commit(reason))
    windows = () if known.request.exempt.limits else environment.propose.schedule
    closed = schedule.closed(windows, snapshot.at) if proposal.changes else None
    return proposal if closed is None else proposal.doing(reconcile.Leave(None, closed))


def _proposals(known: Context, decisions: Sequence[Decision]) -> list[Proposal]:
    """One proposal for each group, as far as it may be opened now."""
    state, facts, snapshot = known.state, known.facts, known.snapshot
    grouped = state.grouped(decisions)
    # Of groups without a branch too: one may have been closed, or opened just now.
    branches = [branch for name in _may_open(state, grouped) if (branch := state.branch_of(name)) not in state.pulls]
    state = replace(state, pulls={**state.pulls, **facts.pull_requests(branches, snapshot.branch)})
    known = replace(known, state=state)
    declines = declined(_closed(known), state.branches)
    proposals = _in_turn(known, declines, grouped)
    if known.request.own_groups:
        proposals = _own(proposals, state, decisions)
    if known.request.exempt.limits:
        return with_what_waits(proposals)
    pulls = [pull for existing in state.pulls.values() for pull in existing]
    return admitted(proposals, state.environment.propose, pulls, snapshot.at)


def _in_turn(known: Context, declines: Declined, grouped: Mapping[str, Sequence[Decision]]) -> list[Proposal]:
    """The proposals of all groups, the switches last: each of them waits for pins that are proposed for its slot."""
    state = known.state
    switches = {state.group_of[key] for key, entry in state.entries.items() if entry.choices}
    by_group = {name: _proposal(known, declines, name, mine) for name, mine in grouped.items() if name not in switches}
    changing = {change.entry.key for proposal in by_group.values() for change in proposal.changes} | {
        pin.key
        for proposal in by_group.values()
        if isinstance(proposal.action, reconcile.Leave) and proposal.remote is not None
        for pin in carry.live_pins(state.entries, ownership.of(proposal.remote).carried)
    }
    waiting = {
        slots.selector.key: reason
        for slots in known.snapshot.slots(known.environment.name)
        if slots.selector is not None and (reason := switch.waits(slots, changing)) is not None
    }
    known = replace(known, state=replace(state, waits={**state.waits, **waiting}))
    for name in grouped:
        if name in switches:
            by_group[name] = _proposal(known, declines, name, grouped[name])
    return [by_group[name] for name in grouped]


def edited(
    known: Context, decisions: Sequence[Decision]
) -> tuple[tuple[Decision, ...], dict[str, tuple[bytes, bytes]]]:
    """The decisions, and the files that the changes among them edit, before and after.

    A file whose edit is refused fails alone: its changes have failed.
    """
    files: dict[str, bytes] = {}
    done: list[Change] = []
    by_file: dict[str, list[Change]] = {}
    changing, refused, info = release_info.edited(known, [item for item in decisions if isinstance(item, Change)])
    for item in changing:
        by_file.setdefault(item.entry.file, []).append(item)
    snapshot = known.snapshot
    pin_files = {overlay.pin_file.file: overlay.pin_file for overlay in snapshot.overlays(known.environment.name)}
    for file, changes in sorted(by_file.items()):
        try:
            files[file] = edit(pin_files[file], [change.pin_change.assignment for change in changes])
        except EditError as error:
            refused += [Failed(change.entry, error.problem) for change in changes]
        else:
            done += changes
            files |= {item.info.file: info[item.info.file] for item in changes if item.info is not None}
    others = (item for item in decisions if not isinstance(item, Change))
    return (*done, *others, *refused), {path: (snapshot.files[path], data) for path, data in files.items()}


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


def _closed(known: Context) -> list[PullRequest]:
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


def _proposal(known: Context, declines: Declined, name: str, decisions: Sequence[Decision]) -> Proposal:
    """Lay what was decided over what the open proposal carries, and compare that with what exists already."""
    state, snapshot, environment = known.state, known.snapshot, known.environment
    branch = state.branch_of(name)
    remote, pulls, own = state.branches.get(branch), state.pulls.get(branch, ()), state.carried.get(branch, ())
    opened = pull_request.opened(pulls)
    laid = _laid(known, declines, name, decisions)
    done, files = edited(known, laid)
    pins = [item.pin_change for item in done if isinstance(item, Change)]
    after = {path: content for path, (_, content) in files.items()}
    refused = {item.entry.file for item in laid if isinstance(item, Change)} - files.keys()
    unread = refused | {item.problem.file for item in snapshot.failed(environment.name) if item.problem.file}
    action: reconcile.Action
    unread |= release_info.unreadable(known)
    if unclear := sorted(unread & {path for pin in own for path in pin.files}):
        text = f"{unclear[0]} cannot be edited in its present state: its proposal waits until it can"
        action = reconcile.Leave(opened, Reason("failed.edit", text, {"file": unclear[0]}))
    elif not snapshot.sees_pull_requests:
        action = reconcile.decide_unseen(remote, pins, after)
    else:
        action = reconcile.decide(
            remote,
            pulls,
            pins,
            after,
            refresh_approved=environment.propose.refresh_approved,
            stands=bool(carry.live_pins(state.entries, own)),
            why_gone=_why_gone(state, name, own, [item for item in done if isinstance(item, Held)]),
        )
    proposal = Proposal(
        group=name,
        branch=branch,
        source=known.request.source(environment),
        action=action,
        decisions=done,
        files=files,
        pull_request=opened,
        remote=remote,
        pulls=pulls,
        carried=own,
        moved=frozenset(pin.key for pin in own if state.group_of.get(pin.key, name) != name),
        beside=state.beside(name),
    )
    return proposal.doing(action)


def _laid(known: Context, declines: Declined, name: str, decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions about a group, with the pins that its proposal goes on with."""
    state = known.state
    locked, carried, shown = state.locked(name), state.pins_of(name), state.pins_of(name, shown=True)

    def judged(decision: Decision) -> Decision:
        if not isinstance(decision, Change):
            return decision
        if (reason := locked.get(decision.entry.key)) is not None:
            return decision.held(reason)
        if known.request.exempt.declines:
            return decision
        # What an open pull request shows is wanted again: it was reopened, or asked for in another group since. What a
        # push came too late for stays declined.
        meant = _of_this_switch(known, declines, decision)
        return decline(decision, state.branch_of(name), meant, shown) or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decided = [judged(decision) for decision in decisions]
    together = state.is_together(name)
    if together:
        if any(isinstance(item, Held) and item.withdraws for item in decided):
            carried = ()  # it loses all of them with the first
        decided = list(group.hold_together(decided, name))
    laid: list[Decision] = [
        judged(change) for change in carry.lay(decided, carried, state.entries, asked=known.request.by_name)
    ]
    # A pin that is only carried on was looked up when it was proposed; the environment may have left it since.
    now = set(map(id, decided))
    laid = [item if id(item) in now else left_before(slot(item, known), known) for item in laid]
    if together:
        laid = list(group.hold_together(laid, name))  # nor does it go on with a part of what it carried
    holds = [(item.entry, item.reason) for item in decided if isinstance(item, Held)]
    return [
        *(item for item in decided if not isinstance(item, Change)),
        *(item for item in laid if not isinstance(item, Held) or (item.entry, item.reason) not in holds),
    ]


def _of_this_switch(known: Context, declines: Declined, change: Change) -> Declined:
    """What was declined, but for switches that were proposed before the slot got its present pins."""
    slots = known.snapshot.slots_of(change.entry) if change.entry.choices else None
    if slots is None:
        return declines
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, slots.overlay))
    since = switch.arrived_at(slots, line)
    return {
        mark: [pull for pull in pulls if since is None or pull.created_at is None or pull.created_at >= since]
        for mark, pulls in declines.items()
    }


def _why_gone(state: OpenProposals, name: str, own: Sequence[PinChange], held: Sequence[Held]) -> Reason | None:
    """What to say where nothing is left for a group, if it is not that its pins are done or not wanted."""
    if name.startswith(naming.ROLLBACK):
        return _REACHED
    if state.is_gone(name):
        return _GONE
    locked = state.locked(name)
    if own and all(pin.key in locked for pin in own):
        return locked[own[0].key]
    declines = {item.entry.key: item.reason for item in held if item.reason.code == "held.declined"}
    if own and all(pin.key in declines for pin in own):
        return declines[own[0].key]
    return held[0].reason if held and state.is_together(name) else None


_REACHED: Final = Reason("nothing_new", "the base branch already has the requested release")
_GONE: Final = Reason("nothing_new", "no entry belongs to this group any more")
