"""From decisions to proposals: groups, the pins that open proposals carry, and one action for each branch."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from gitops_bot.engine import followers
from gitops_bot.engine.context import Candidate, Context, Decided, Judged, Planned
from gitops_bot.engine.gates import CARRIED, pass_gates
from gitops_bot.engine.policies import see
from gitops_bot.engine.request import Poll, Withdraw
from gitops_bot.errors import BotError, EditError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, limits, naming, reconcile
from gitops_bot.proposals.branches import BotBranch, Competing, Group, Own, Yielding
from gitops_bot.proposals.limits import admit, with_what_waits
from gitops_bot.proposals.people import decline, find_declines
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases import blue_green
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import CODE_OF, Change, Decision, EntryKey, Failed, Held, Kept, Managed
from gitops_bot.releases.history import trail
from gitops_bot.targets.pin_file import edit as edit_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.proposals.people import Declined
    from gitops_bot.releases.decisions import PinChange

#: Ways in which pins cease that a reason names.
_NAMED: Final = 3
_TAKEN: Final = Reason("held.reverted", "it is being rolled back, and is left alone until that is merged or closed")
#: Proposals, and what became of the pins that they carried so far.
Arranged: TypeAlias = "tuple[list[Proposal], list[Judged]]"


async def arrange(decided: Decided, after_failure: Sequence[Decided | BotError] = ()) -> Planned:
    """What becomes of an environment before anything is written, `after_failure` with what failed a check, if known."""
    unknown = [Failed(None, item.problem) for item in after_failure if isinstance(item, BotError)]
    failing = [item for item in after_failure if not isinstance(item, BotError)]
    context, backs = decided.context, [item.decision for failed in failing for item in failed.judged]
    why = {item.entry.key: f"what is pinned now failed: {item.because}" for item in backs if isinstance(item, Change)}
    decisions = [
        followers.add_to_reason(item, text) if isinstance(item, Change) and (text := why.get(item.entry.key)) else item
        for item in (judged.decision for judged in decided.judged)
    ]
    by_commit = context.environment.propose.as_ == "commit"
    proposals, carried = ([_commit(context, decisions)], []) if by_commit else await _propose(context, decisions)
    others = [item for proposal in proposals for item in proposal.decisions if not isinstance(item, Change)]
    if context.request.rolls_back and not by_commit:
        proposals = await _withdraw(context, proposals)
    for failed in failing:
        rollbacks = await _roll_back_failed(failed.context, backs, proposals)
        changed = [item for proposal in rollbacks for item in proposal.decisions if not isinstance(item, Kept)]
        keys = {item.entry.key for item in changed if item.entry is not None}
        others = [item for item in others if not isinstance(item, Kept) or item.entry.key not in keys]
        others += [item for item in changed if not isinstance(item, Change)]
        proposals = [*_beside(proposals, rollbacks), *_beside(rollbacks, proposals)]
    failures = [item for item in (*context.state.failed, *decisions, *others, *unknown) if isinstance(item, Failed)]
    rest = (item for item in others if not isinstance(item, Failed))
    shown = (item for item in proposals if item.changes or item.action.name not in ("commit", "none"))
    remaining = (*dict.fromkeys(failures), *rest, *decided.only_in_source)
    return Planned(context, (decided, *failing), remaining, tuple(shown), tuple(carried))


def whole(context: Context, decisions: Sequence[Decision], branch: str | None, action: reconcile.Action) -> Proposal:
    """All that is decided of an environment, as one proposal."""
    edited_decisions, files = edit(context, blue_green.hold_switches(decisions, context.state.slots))
    source, on = context.request.origin(context.environment).source, BotBranch(branch) if branch is not None else None
    return Proposal(naming.DEFAULT_GROUP, on, source, action, edited_decisions, files)


def _commit(context: Context, decisions: Sequence[Decision]) -> Proposal:
    """All changes as a commit straight to the base branch, unless the schedule is closed now."""
    environment, snapshot = context.environment, context.snapshot
    code = CODE_OF[context.request.origin(environment).source]
    reason = Reason(code, f"straight to {snapshot.branch}, as configured")
    proposal = whole(context, decisions, None, reconcile.Commit(reason))
    schedules = () if context.request.rolls_back else environment.schedules
    closed = limits.why_closed(schedules, snapshot.at) if proposal.changes else None
    return proposal if closed is None else proposal.doing(reconcile.Leave(None, closed))


async def _propose(context: Context, decisions: Sequence[Decision]) -> Arranged:
    branches, facts, request = context.branches, context.facts, context.request
    propose = context.environment.propose
    if propose.limit.new_per_hour is not None:
        names = set(branches.group_of.values())  # what was opened and merged within the hour counts too
    else:
        names = {branches.group_of[item.entry.key] for item in decisions if isinstance(item, Change)}
        names |= {branches.group_of[pin.key] for pin in branches.pins}
    # Of groups without a branch too: one may have been closed, or opened just now.
    wanted = [naming.branch(context.environment.name, name) for name in sorted(names)]
    pulls = await facts.pull_requests([name for name in wanted if name not in branches.by_name])
    known = {name: Yielding(BotBranch(name, pulls=of_branch)) for name, of_branch in pulls.items()}
    branches = replace(branches, by_name={**branches.by_name, **known})
    known_pulls = {name: role.branch.pulls for name, role in branches.by_name.items()}
    beginning = naming.beginning(context.environment.name)
    ended = [
        pull
        for branch, of_branch in {**(facts.closed or {}), **known_pulls}.items()
        if branch.startswith(beginning)
        for pull in of_branch
        # A person who rolls back means it, whatever was closed before: only what is closed while this runs counts.
        if request.what.kind != "rollback" or pull.number not in facts.ended
    ]
    remotes = {role.branch.name: role.branch.remote for role in branches.going_on}
    declines = find_declines(ended, remotes, rollbacks=request.rolls_back)
    proposals, carried = await _propose_groups(replace(context, branches=branches), declines, decisions)
    if request.own_groups:
        proposals = _concerned(proposals, branches.group_of, decisions)
    if request.rolls_back:
        return with_what_waits(proposals), carried
    counted = [role.branch for role in branches.by_name.values() if role.branch.kind != "failure"]
    # What is paused takes no place of a limit.
    every = [pull for branch in counted for pull in branch.pulls if branch.freeze is None or pull != branch.opened]
    return admit(proposals, context.environment, every, context.snapshot.at), carried


async def _propose_groups(context: Context, declines: Declined, decisions: Sequence[Decision]) -> Arranged:
    """The proposals of all groups, the switches last: each of them waits for pins that are proposed for its slot."""
    branches = context.branches
    groups = branches.groups(decisions)
    switches = {branches.group_of[key] for key, entry in branches.entries.items() if entry.choices}
    proposals: dict[str, Proposal] = {}
    carried: list[Judged] = []
    changing: set[EntryKey] = set()
    for group in groups:
        if group.name not in switches:
            proposal, judged = await _proposal(context, declines, group)
            proposals[group.name] = proposal
            carried += judged
            changing |= {change.entry.key for change in proposal.changes}
            if isinstance(proposal.action, reconcile.Leave):
                changing |= {pin.key for pin in group.own.branch.pending}
    if switches:
        waiting = blue_green.waiting_switches(context.state.slots, changing)
        for group in replace(branches, waits={**branches.waits, **waiting}).groups(decisions):
            if group.name in switches:
                proposals[group.name], judged = await _proposal(context, declines, group)
                carried += judged
    return [proposals[group.name] for group in groups], carried


def edit(
    context: Context, decisions: Sequence[Decision]
) -> tuple[tuple[Decision, ...], dict[str, tuple[bytes, bytes]]]:
    """The decisions, and the files that the changes edit, before and after; a file that is refused fails alone."""
    layout, files = context.snapshot.layout, dict[str, bytes]()
    done: list[Change] = []
    by_file: dict[str, list[Change]] = {}
    changing, refused, info_files = followers.edit(context, [item for item in decisions if isinstance(item, Change)])
    for item in changing:
        by_file.setdefault(item.entry.file, []).append(item)
    for file, changes in sorted(by_file.items()):
        try:
            files[file] = edit_file(layout.pin_file(file), [change.pin_change.assignment for change in changes])
        except EditError as error:
            refused += [Failed(change.entry, error.problem) for change in changes]
        else:
            done += changes
            infos = (change.info for change in changes)
            files |= {info.file: info_files[info.file] for info in infos if info is not None}
    others = (item for item in decisions if not isinstance(item, Change))
    return (*done, *others, *refused), {path: (layout.files[path], data) for path, data in files.items()}


def _concerned(
    proposals: Sequence[Proposal], group_of: Mapping[EntryKey, str], decisions: Sequence[Decision]
) -> list[Proposal]:
    """The groups of the decided entries, and every group that exchanges pins with one of them."""
    groups = {group_of[item.entry.key] for item in decisions if item.entry is not None}
    while True:
        kept = [
            proposal
            for proposal in proposals
            if proposal.group in groups or any(group_of.get(key) in groups for key in proposal.moved)
        ]
        reached = {group_of[key] for proposal in kept for key in proposal.moved if key in group_of}
        if reached <= groups:
            return kept
        groups |= reached


async def _proposal(context: Context, declines: Declined, group: Group) -> tuple[Proposal, list[Judged]]:
    """Combine what was decided with what the open proposal carries, and compare that with what exists already."""
    branches, environment, own = context.branches, context.environment, group.own
    combined, judged = await _combine(context, declines, group)
    decisions, files = edit(context, combined)
    pins = [item.pin_change for item in decisions if isinstance(item, Change)]
    refused = {item.entry.file for item in combined if isinstance(item, Change)} - files.keys()
    on_hold = next(filter(None, (context.hold(branches.entries[pin.key]) for pin in own.branch.pending)), None)
    wanted = reconcile.Wanted(
        pins=pins,
        files={path: after for path, (_, after) in files.items()},
        applies=bool(carry.live_pins(branches.entries, own.carried)),
        why_gone=None if pins else _why_gone(context, group, decisions),
        refresh_approved=environment.propose.refresh_approved,
        signs=environment.signer is not None,
        passes_freezes=context.request.passes_freezes,
    )
    action: reconcile.Action
    if own.branch.freeze is None and (unclear := _unclear(context, own, refused)) is not None:
        action = reconcile.Leave(own.branch.opened, unclear)
    elif not context.snapshot.sees_pull_requests:
        action = reconcile.decide_unseen(own.branch.remote, wanted)
    else:
        branch = own.branch
        if on_hold is not None:  # it is as people left it: without auto-merge that the bot has set
            pulls = (replace(pull, auto_merge=pull.auto_merge and not pull.merges_by_bot) for pull in branch.pulls)
            branch = replace(branch, pulls=tuple(pulls))
        action = reconcile.decide(branch, wanted)
    if isinstance(action, reconcile.Leave) and on_hold is not None and (opened := own.branch.opened) is not None:
        reason = action.reason
        if reason.code != "held.hold":
            reason = reason.with_more(f"some of it is {hold.reason(on_hold).text}, and a merge would bring that, too")
        if opened.merges_by_bot:
            reason = reason.with_more("until that ends, gitops-bot takes back the auto-merge that it set")
        action = replace(action, reason=reason, frozen=opened.merges_by_bot)
    proposal = Proposal(
        group=group.name,
        on=own.branch,
        source=context.request.origin(environment).source,
        action=action,
        decisions=decisions,
        files=files,
        carried=own.carried,
        moved=frozenset(pin.key for pin in own.carried if branches.group_of.get(pin.key, group.name) != group.name),
        beside=group.beside,
    )
    return proposal.doing(action), judged


def _unclear(context: Context, own: Own, refused: Collection[str]) -> Reason | None:
    """Why an open proposal waits, where a file that it carries pins of cannot be edited now."""
    failures = (*(item.problem for item in context.state.failed), *context.snapshot.layout.selection.problems)
    unread = {*refused, *(problem.file for problem in failures if problem.file)}
    if not context.request.rolls_back:  # a rollback does not wait for the files that follow its pins
        unread |= {described.path for described in context.state.infos.values() if described.wrong is not None}
    for path in sorted({path for pin in own.carried for path in pin.files}):
        if not unread.isdisjoint((path, posixpath.dirname(path) or ".")):
            text = f"{path} cannot be edited in its present state: its proposal waits until it can"
            return Reason("failed.edit", text, {"file": path})
    return None


async def _combine(context: Context, declines: Declined, group: Group) -> tuple[list[Decision], list[Judged]]:
    """The decisions about a group with the pins that its proposal goes on with, and the gates that those passed."""
    branches, carried = context.branches, group.carried

    async def unless_declined(decision: Decision) -> Decision:
        if not isinstance(decision, Change):
            return decision
        if (reason := group.locked.get(decision.entry.key)) is not None:
            return decision.hold(reason)
        # What an open pull request shows is wanted again: it was reopened, or asked for in another group since. What a
        # push came too late for stays declined.
        since = await _declined_since(context, decision.entry)
        name, there = group.own.branch.name, context.snapshot.own_branches
        return decline(decision, name, declines, group.shown, since, branches=there) or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decided = [await unless_declined(decision) for decision in group.decisions]
    together = naming.is_together(group.name, context.environment.propose)
    if together:
        if any(isinstance(item, Held) and item.withdraws for item in decided):
            carried = ()  # it loses all of them with the first
        decided = list(limits.hold_together(decided, group.name))
    now = set(map(id, decided))
    combined: list[Decision] = []
    judged: list[Judged] = []
    for change in carry.combine(decided, carried, branches.entries, asked=not isinstance(context.request.what, Poll)):
        item = await unless_declined(change)
        if id(item) not in now:
            # A carried pin was looked up when it was proposed; the environment may have left it since.
            passed = await pass_gates(CARRIED, Candidate(item), context)
            item = passed.decision
            judged.append(passed)
        combined.append(item)
    if together:
        combined = list(limits.hold_together(combined, group.name))  # nor does it go on with a part of what it carried
    holds = [(item.entry, item.reason) for item in decided if isinstance(item, Held)]
    # What the base branch has already is kept: it takes the place of what was proposed, and changes nothing.
    same = (item for item in decided if isinstance(item, Change) and item.after == item.before and not item.new_name)
    decisions = [
        *(item for item in decided if not isinstance(item, Change)),
        *(Kept(item.entry, Reason("nothing_new", f"{item.after} is already pinned"), item.source) for item in same),
        *(item for item in combined if not isinstance(item, Held) or (item.entry, item.reason) not in holds),
    ]
    return decisions, judged


async def _declined_since(context: Context, entry: Managed) -> datetime | None:
    """Since when closing a pull request declines: a switch since its slot got its pins, a failure since its release."""
    slots, failed = context.state.slots_of(entry) if entry.choices else None, context.request.what.kind == "failure"
    if slots is None and not failed:
        return None
    line = await context.facts.line(lambda line: trail.enough(line, entry.overlay))
    if slots is not None:
        return blue_green.newest_arrival(slots, line)
    arrived = trail.arrival(line, entry, entry.pin)
    return arrived.at if arrived is not None else None


def _why_gone(context: Context, group: Group, decisions: Sequence[Decision]) -> Reason:
    """Why nothing is left for a group: what became of each pin that its branch proposes."""
    decided = {item.entry.key: item for item in decisions if item.entry is not None}
    held = [item.reason for item in decisions if isinstance(item, Held)]
    if held and naming.is_together(group.name, context.environment.propose):
        return held[0]
    if group.name not in context.branches.group_of.values():
        return Reason("nothing_new", "no entry belongs to this group any more")
    whys = {pin.key: _why_pin_gone(context, group, pin, decided.get(pin.key)) for pin in group.own.branch.changes}
    reasons = list({why.text: why for why in whys.values()}.values())
    if not reasons:
        return Reason("nothing_new", "its branch changes no pin")
    more = [f"and {len(reasons) - _NAMED} more"] if len(reasons) > _NAMED else []
    return replace(reasons[0], text="; ".join([*(why.text for why in reasons[:_NAMED]), *more]))


def _why_pin_gone(context: Context, group: Group, pin: PinChange, decision: Decision | None) -> Reason:
    """Why a pin that a branch proposes is not proposed there any more."""
    entry, of = context.branches.entries.get(pin.key), context.branches.group_of.get(pin.key)
    written = context.hold(entry) if entry is not None else None
    if entry is None:
        name, file = plain(pin.name, 100), plain(pin.file, 200)
        return Reason("nothing_new", f"{context.environment.name} has no entry {name} in {file} any more")
    if entry.pin == pin.after and pin.new_name is None:
        return Reason("nothing_new", f"the base branch already pins {plain(pin.after.short)} for {plain(entry.image)}")
    if entry.pin != pin.before:
        return Reason("nothing_new", f"the base branch pins {plain(entry.pin.short)} for {plain(entry.image)} now")
    if of is not None and of != group.name:
        return Reason("nothing_new", f"{plain(entry.image)} belongs to the group {of} now")
    match decision:
        case _ if (locked := group.locked.get(pin.key)) is not None:
            return locked
        case Held(reason=reason) | Kept(reason=reason):
            return reason
        case Failed(problem=problem):
            return Reason(problem.code, problem.message)
        case None if written is not None:
            return hold.reason(written)
        case Change() | None:
            return Reason("nothing_new", f"this run proposes nothing for {plain(entry.image)} on this branch")


async def _withdraw(context: Context, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals of a rollback, after those that lose entries to them: no entry is ever in two open proposals."""
    taken = {
        entry.key: Held(entry, None, _TAKEN)
        for proposal in proposals
        if not isinstance(proposal.action, reconcile.Leave)
        for change in proposal.changes
        for entry in (change.entry, *_goes_live(context, change))
    }
    if not taken:
        return list(proposals)
    losing, held = list[Proposal](), tuple(taken.values())
    known = [role.branch for role in context.branches.by_name.values()]
    kinds: tuple[naming.Kind, ...] = ("update", "failure")
    for kind in kinds:
        # What else these propose stays as it is.
        request = replace(context.request, what=Withdraw(kind, held), release_hold=True)
        branches = see(context.snapshot, request, context.environment, known)
        branches = replace(branches, waits=dict.fromkeys(taken, _TAKEN))
        others, _ = await _propose(replace(context, request=request, branches=branches, sources={}), held)
        losing += [proposal for proposal in others if _loses(proposal, taken)]
    return [*losing, *_beside(proposals, losing)]


def _beside(proposals: Sequence[Proposal], others: Sequence[Proposal]) -> list[Proposal]:
    """The proposals beside others of the same run, those that it closes being gone."""
    ends = {item.branch for item in others if isinstance(item.action, reconcile.Close)}
    return [
        replace(item, beside={branch: () if branch in ends else pulls for branch, pulls in item.beside.items()})
        for item in proposals
    ]


async def _roll_back_failed(
    context: Context, decisions: Sequence[Decision], others: Sequence[Proposal]
) -> list[Proposal]:
    """What rolls back what failed a check. It gives way to whatever brings another pin, now or in an open proposal."""
    reason = Reason("nothing_new", "another pin is proposed for it, and the rollback gives way to that")
    planned = [item for item in others if not isinstance(item.action, reconcile.Leave)]
    rivals = [role.branch for role in context.branches.by_name.values() if isinstance(role, Competing)]
    moving = {change.entry.key for item in planned for change in item.changes}
    moving |= {pin.key for rival in rivals if rival.freeze is None for pin in rival.pending}
    yielding = [
        Kept(item.entry, reason, "rollback") if item.entry is not None and item.entry.key in moving else item
        for item in decisions
    ]
    proposals, _ = await _propose(context, yielding)
    return proposals


def _goes_live(context: Context, change: Change) -> Sequence[Managed]:
    """What is in a slot that is switched to."""
    slots = context.state.slots_of(change.entry) if change.entry.choices else None
    return slots.entries[change.after.tag or ""] if slots is not None else ()


def _loses(proposal: Proposal, taken: Collection[EntryKey]) -> bool:
    """Whether a proposal loses any of these entries, or an earlier run did not come to say that it has."""
    match proposal.action:
        case reconcile.Refresh(push=False):
            return True
        case reconcile.Refresh() | reconcile.Close():
            return any(pin.key in taken for pin in proposal.carried)
        case _:
            return False
