"""From decisions to proposals: groups, the pins that they carry on, and one action for each branch. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine import followers
from gitops_bot.engine.context import Planned
from gitops_bot.engine.existing import ExistingProposal, find_existing
from gitops_bot.engine.gates import left_before, slot
from gitops_bot.engine.request import Poll, Withdraw
from gitops_bot.errors import BotError, EditError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, limits, naming, people, reconcile
from gitops_bot.proposals.branch import owner_of
from gitops_bot.proposals.limits import admit, with_what_waits
from gitops_bot.proposals.people import decline, find_declines
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.releases import blue_green
from gitops_bot.releases.decisions import CODE_OF, Change, Failed, Held, Kept
from gitops_bot.releases.history import trail
from gitops_bot.targets.pin_file import edit as edit_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitops_bot.engine.context import Context, Decided
    from gitops_bot.engine.existing import Existing
    from gitops_bot.proposals.people import Declined
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed, PinChange


async def arrange(decided: Decided, after_failure: Sequence[Decided | BotError] = ()) -> Planned:
    """What becomes of an environment before anything is written, `after_failure` with what failed a check in it.

    Where nobody can tell what failed, that is reported, and stops nothing else.
    """
    unknown = [Failed(None, item.problem) for item in after_failure if isinstance(item, BotError)]
    failing = [item for item in after_failure if not isinstance(item, BotError)]
    context, decisions = decided.context, [item.decision for item in decided.judged]
    backs = [item.decision for failed in failing for item in failed.judged]
    why = {item.entry.key: f"what is pinned now failed: {item.because}" for item in backs if isinstance(item, Change)}
    decisions = [
        followers.add_to_reason(item, text) if isinstance(item, Change) and (text := why.get(item.entry.key)) else item
        for item in decisions
    ]
    by_commit = context.environment.propose.as_ == "commit"
    proposals = [_commit(context, decisions)] if by_commit else await _proposals(context, decisions)
    others = [item for proposal in proposals for item in proposal.decisions if not isinstance(item, Change)]
    if context.request.rolls_back and not by_commit:
        proposals = await _withdraw(context, proposals)
    for failed in failing:
        rollbacks = await _roll_back_failed(failed.context, backs, proposals)
        told = [item for proposal in rollbacks for item in proposal.decisions if not isinstance(item, Kept)]
        keys = {item.entry.key for item in told if item.entry is not None}
        others = [item for item in others if not isinstance(item, Kept) or item.entry.key not in keys]
        others += [item for item in told if not isinstance(item, Change)]
        proposals = [*_beside(proposals, rollbacks), *_beside(rollbacks, proposals)]
    failures = [item for item in (*context.state.failed, *decisions, *others, *unknown) if isinstance(item, Failed)]
    rest = (item for item in others if not isinstance(item, Failed))
    shown = (item for item in proposals if item.changes or item.action.name not in ("commit", "none"))
    return Planned((decided, *failing), (*dict.fromkeys(failures), *rest, *decided.only_in_source), tuple(shown))


def whole(context: Context, decisions: Sequence[Decision], branch: str | None, action: reconcile.Action) -> Proposal:
    """All that is decided of an environment, as one proposal."""
    edited_decisions, files = edit(context, blue_green.hold_switches(decisions, context.state.slots))
    source = context.request.origin(context.environment).source
    return Proposal(naming.DEFAULT_GROUP, branch, source, action, edited_decisions, files)


def _commit(context: Context, decisions: Sequence[Decision]) -> Proposal:
    """All changes as a commit straight to the base branch, unless the schedule is closed now."""
    environment, snapshot = context.environment, context.snapshot
    code = CODE_OF[context.request.origin(environment).source]
    reason = Reason(code, f"straight to {snapshot.branch}, as configured")
    proposal = whole(context, decisions, None, reconcile.Commit(reason))
    windows = () if context.request.rolls_back else environment.propose.schedule
    closed = limits.why_closed(windows, snapshot.at) if proposal.changes else None
    return proposal if closed is None else proposal.doing(reconcile.Leave(None, closed))


async def _proposals(context: Context, decisions: Sequence[Decision]) -> list[Proposal]:
    """One proposal for each group, as far as it may be opened now."""
    existing, facts, request = context.existing, context.facts, context.request
    grouped = existing.by_group(decisions)
    if existing.environment.propose.limit.new_per_hour is not None:
        names = sorted(set(existing.group_of.values()))  # what was opened and merged within the hour counts too
    else:
        carried = {existing.group_of.get(pin.key) for pin in existing.pins}
        changed = {name for name, own in grouped.items() if any(isinstance(item, Change) for item in own)}
        names = [name for name in grouped if name in carried | changed]
    # Of groups without a branch too: one may have been closed, or opened just now.
    branches = [branch for name in names if (branch := existing.branch_of(name)) not in existing.by_branch]
    pulls = await facts.pull_requests(branches)
    known = {branch: ExistingProposal(branch, None, own, "other") for branch, own in pulls.items()}
    existing = replace(existing, by_branch={**existing.by_branch, **known})
    context = replace(context, existing=existing)
    closed = {**(facts.closed or {}), **{branch: item.pulls for branch, item in existing.by_branch.items()}}
    beginning = naming.beginning(context.environment.name)
    ended = [pull for branch, own in closed.items() if branch.startswith(beginning) for pull in own]
    anew = request.kind == "rollback"  # whatever people closed before; what they close while it runs counts
    declines = find_declines(
        (pull for pull in ended if not anew or pull.number not in facts.ended),
        {item.branch: item.remote for item in existing.own},
        rollbacks=request.rolls_back,
    )
    proposals = await _propose_groups(context, declines, grouped)
    if request.own_groups:
        proposals = _own(proposals, existing, decisions)
    if request.rolls_back:
        return with_what_waits(proposals)
    counted = [item for item in existing.by_branch.values() if naming.kind_of_branch(item.branch) != "failure"]
    every = [pull for item in counted for pull in item.pulls]
    return admit(proposals, context.environment.propose, every, context.snapshot.at)


async def _propose_groups(
    context: Context, declines: Declined, grouped: Mapping[str, Sequence[Decision]]
) -> list[Proposal]:
    """The proposals of all groups, the switches last: each of them waits for pins that are proposed for its slot."""
    existing = context.existing
    switches = {existing.group_of[key] for key, entry in existing.entries.items() if entry.choices}
    by_group = {
        name: await _proposal(context, declines, name, mine) for name, mine in grouped.items() if name not in switches
    }
    changing = {change.entry.key for proposal in by_group.values() for change in proposal.changes}
    for proposal in by_group.values():
        if isinstance(proposal.action, reconcile.Leave) and proposal.remote is not None:
            live = carry.live_pins(existing.entries, owner_of(proposal.remote).carried)
            changing |= {pin.key for pin in live}
    waiting = {
        slots.selector.key: reason
        for slots in context.state.slots
        if slots.selector is not None and (reason := blue_green.switch_waits(slots, changing)) is not None
    }
    context = replace(context, existing=replace(existing, waits={**existing.waits, **waiting}))
    for name in grouped:
        if name in switches:
            by_group[name] = await _proposal(context, declines, name, grouped[name])
    return [by_group[name] for name in grouped]


def edit(
    context: Context, decisions: Sequence[Decision]
) -> tuple[tuple[Decision, ...], dict[str, tuple[bytes, bytes]]]:
    """The decisions, and the files that the changes among them edit, before and after.

    A file whose edit is refused fails alone: its changes have failed.
    """
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
            infos = (change.pin_change.info for change in changes)
            files |= {info.file: info_files[info.file] for info in infos if info is not None}
    others = (item for item in decisions if not isinstance(item, Change))
    return (*done, *others, *refused), {path: (layout.files[path], data) for path, data in files.items()}


def _own(proposals: Sequence[Proposal], existing: Existing, decisions: Sequence[Decision]) -> list[Proposal]:
    """The groups of the decided entries, and every group that exchanges pins with one of them."""
    groups = {existing.group_of[item.entry.key] for item in decisions if item.entry is not None}
    while True:
        own = [
            proposal
            for proposal in proposals
            if proposal.group in groups or any(existing.group_of.get(key) in groups for key in proposal.moved)
        ]
        reached = {existing.group_of[key] for proposal in own for key in proposal.moved if key in existing.group_of}
        if reached <= groups:
            return own
        groups |= reached


async def _proposal(context: Context, declines: Declined, name: str, decisions: Sequence[Decision]) -> Proposal:
    """Lay what was decided over what the open proposal carries, and compare that with what exists already."""
    existing, snapshot, environment = context.existing, context.snapshot, context.environment
    branch = existing.branch_of(name)
    present = existing.by_branch.get(branch) or ExistingProposal(branch, None, (), "other")
    laid = await _lay(context, declines, name, decisions)
    done, files = edit(context, laid)
    pins = [item.pin_change for item in done if isinstance(item, Change)]
    after = {path: content for path, (_, content) in files.items()}
    refused = {item.entry.file for item in laid if isinstance(item, Change)} - files.keys()
    failures = (*(item.problem for item in context.state.failed), *snapshot.layout.selection.problems)
    unread = refused | {problem.file for problem in failures if problem.file}
    if not context.request.rolls_back:  # a rollback does not wait for the files that follow its pins
        unread |= {described.path for described in context.state.infos.values() if described.wrong is not None}
    on_hold = any(context.hold(existing.entries[key]) is not None for key in present.changes)
    action: reconcile.Action
    carried = {path for pin in present.carried for path in pin.files}
    if unclear := sorted(path for path in carried if not unread.isdisjoint((path, posixpath.dirname(path) or "."))):
        text = f"{unclear[0]} cannot be edited in its present state: its proposal waits until it can"
        action = reconcile.Leave(present.opened, Reason("failed.edit", text, {"file": unclear[0]}))
    elif not snapshot.sees_pull_requests:
        action = reconcile.decide_unseen(present.remote, pins, after)
    else:
        action = reconcile.decide(
            present.remote,
            tuple(map(people.without_bot, present.pulls)) if on_hold else present.pulls,
            pins,
            after,
            refresh_approved=environment.propose.refresh_approved,
            stands=bool(carry.live_pins(existing.entries, present.carried)),
            why_gone=None if pins else _why_gone(existing, name, present.carried, done),
            signs=environment.signer is not None,
        )
    if isinstance(action, reconcile.Leave) and on_hold and present.opened is not None and present.opened.merges_by_bot:
        text = "some of it is on hold, and until that ends, gitops-bot takes back the auto-merge that it set"
        reason = replace(action.reason, text=f"{action.reason.text}; {text}")
        action = replace(action, reason=reason, frozen=True)
    proposal = Proposal(
        group=name,
        branch=branch,
        source=context.request.origin(environment).source,
        action=action,
        decisions=done,
        files=files,
        pull_request=present.opened,
        remote=present.remote,
        pulls=present.pulls,
        carried=present.carried,
        moved=frozenset(pin.key for pin in present.carried if existing.group_of.get(pin.key, name) != name),
        beside=existing.beside(name),
    )
    return proposal.doing(action)


async def _lay(context: Context, declines: Declined, name: str, decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions about a group, with the pins that its proposal goes on with."""
    existing = context.existing
    locked = existing.locks.get(name, {})
    carried, shown = existing.pins_of(name), existing.pins_of(name, shown=True)

    async def unless_declined(decision: Decision) -> Decision:
        if not isinstance(decision, Change):
            return decision
        if (reason := locked.get(decision.entry.key)) is not None:
            return decision.hold(reason)
        # What an open pull request shows is wanted again: it was reopened, or asked for in another group since. What a
        # push came too late for stays declined.
        meant = await _since_then(context, declines, decision)
        return decline(decision, existing.branch_of(name), meant, shown) or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decided = [await unless_declined(decision) for decision in decisions]
    together = naming.is_together(name, existing.environment.propose)
    if together:
        if any(isinstance(item, Held) and item.withdraws for item in decided):
            carried = ()  # it loses all of them with the first
        decided = list(limits.hold_together(decided, name))
    now = set(map(id, decided))
    laid: list[Decision] = []
    for change in carry.lay(decided, carried, existing.entries, asked=not isinstance(context.request.what, Poll)):
        item = await unless_declined(change)
        # A pin that is only carried on was looked up when it was proposed; the environment may have left it since.
        laid.append(item if id(item) in now else await left_before(await slot(item, context), context))
    if together:
        laid = list(limits.hold_together(laid, name))  # nor does it go on with a part of what it carried
    holds = [(item.entry, item.reason) for item in decided if isinstance(item, Held)]
    # What the base branch has already is kept: it takes the place of what was proposed, and changes nothing.
    stays = (item for item in decided if isinstance(item, Change) and item.after == item.before and not item.new_name)
    return [
        *(item for item in decided if not isinstance(item, Change)),
        *(Kept(item.entry, Reason("nothing_new", f"{item.after} is already pinned"), item.source) for item in stays),
        *(item for item in laid if not isinstance(item, Held) or (item.entry, item.reason) not in holds),
    ]


async def _since_then(context: Context, declines: Declined, change: Change) -> Declined:
    """What was declined; of switches, since the slot got its present pins, of what failed since it was released."""
    entry = change.entry
    slots, failed = context.state.slots_of(entry) if entry.choices else None, context.request.kind == "failure"
    if slots is None and not failed:
        return declines
    line = await context.facts.line(lambda line: trail.enough(line, entry.overlay))
    arrived = trail.arrival(line, entry, entry.pin) if failed else None
    since = blue_green.newest_arrival(slots, line) if slots is not None else arrived.at if arrived is not None else None
    return {
        mark: [pull for pull in pulls if since is None or pull.created_at is None or pull.created_at >= since]
        for mark, pulls in declines.items()
    }


def _why_gone(existing: Existing, name: str, own: Sequence[PinChange], decisions: Sequence[Decision]) -> Reason | None:
    """What to say where nothing is left for a group, if it is not that its pins are done or not wanted."""
    kept = [item.reason for item in decisions if isinstance(item, Kept)]
    if naming.kind_of(name) == "failure" and kept:
        return kept[0]
    if naming.kind_of(name) == "rollback":
        return Reason("nothing_new", "the base branch already has the requested release")
    if name not in existing.group_of.values():
        return Reason("nothing_new", "no entry belongs to this group any more")
    locked = existing.locks.get(name, {})
    if own and all(pin.key in locked for pin in own):
        return locked[own[0].key]
    held = [item for item in decisions if isinstance(item, Held)]
    declines = {item.entry.key: item.reason for item in held if item.reason.code == "held.declined"}
    if own and all(pin.key in declines for pin in own):
        return declines[own[0].key]
    return held[0].reason if held and naming.is_together(name, existing.environment.propose) else None


async def _withdraw(context: Context, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals of a rollback, behind those that lose its entries to them: never two on one entry."""
    taken = {
        entry.key: Held(entry, None, _TAKEN)
        for proposal in proposals
        if not isinstance(proposal.action, reconcile.Leave)
        for change in proposal.changes
        for entry in (change.entry, *_goes_live(context, change))
    }
    if not taken:
        return list(proposals)
    losing: list[Proposal] = []
    names = tuple(context.existing.by_branch)
    kinds: tuple[naming.Kind, ...] = ("update", "failure")
    for kind in kinds:
        # What else these propose stays as it is.
        request = replace(context.request, what=Withdraw(kind, tuple(taken.values())), release_hold=True)
        existing = await find_existing(context.facts, request, context.environment, names)
        other = replace(
            context, request=request, existing=replace(existing, waits=dict.fromkeys(taken, _TAKEN)), sources={}
        )
        losing += [proposal for proposal in await _proposals(other, list(taken.values())) if _loses(proposal, taken)]
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
    going = [item for item in others if not isinstance(item.action, reconcile.Leave)]
    moving = {change.entry.key for item in going for change in item.changes}
    moving = moving.union(*(item.changes for item in context.existing.by_branch.values() if item.role == "competing"))
    return await _proposals(
        context,
        [Kept(own, reason, "rollback") if (own := item.entry) and own.key in moving else item for item in decisions],
    )


def _goes_live(context: Context, change: Change) -> Sequence[Managed]:
    """The pins of a slot that is switched to."""
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


_TAKEN: Final = Reason("held.reverted", "it is being rolled back, and is left alone until that is merged or closed")
