"""What is to be written for one environment, group by group: all is read and decided here, and nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.engine import platforms
from gitops_bot.engine.draft import Draft, admitted, waiting
from gitops_bot.engine.make_way import make_way
from gitops_bot.engine.there import There
from gitops_bot.errors import EditError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, group, naming, proposal, reconcile
from gitops_bot.proposals.declined import decline
from gitops_bot.releases.choice import hold, stepped_back
from gitops_bot.releases.history import trail
from gitops_bot.releases.layout.overlay import edited
from gitops_bot.releases.plan import Change, Failed, Held, Kept, Plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.there import Task
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.text.details import Described
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision


@dataclass(frozen=True, slots=True)
class Prepared:
    """One environment: what is held, failed and unchanged in it, and a draft for each group that has any change."""

    commit: str
    plan: Plan
    drafts: tuple[Draft, ...]


def prepare(world: World, survey: Survey, task: Task) -> Prepared:
    """Read the proposals of the environment, decide its entries, and say what is to be done with each group.

    Raises:
        GitError, ForgeError: the branches or the pull requests cannot be read.
    """
    there = There.read(world, survey, task)
    carried = carry.standing_pins(there.standing, [pin for pins in there.carried.values() for pin in pins])
    decisions = decided(world, survey, task, carried, there.fresh(survey.commit))
    drafts = [_draft(world, survey, task, there, name, mine) for name, mine in there.grouped(decisions).items()]
    if task.own_groups:
        drafts = _own(drafts, there, decisions)
    drafts = admitted(world, task, there, drafts)
    plan = Plan(
        environment=task.environment.name,
        changes=(),
        held=tuple(item for draft in drafts for item in draft.plan.held),
        failed=tuple(
            dict.fromkeys(
                [
                    *survey.failed(task.environment.name),
                    *(item for item in decisions if isinstance(item, Failed)),
                    *(item for draft in drafts for item in draft.plan.failed),
                ]
            )
        ),
        unchanged=sum(draft.plan.unchanged for draft in drafts),
        ignored=sum(draft.plan.ignored for draft in drafts),
        unmanaged=tuple(item for draft in drafts for item in draft.plan.unmanaged),
    )
    if task.source == "rollback":
        drafts = make_way(task, drafts, lambda other: prepare(world, survey, other).drafts)
    worth = (draft for draft in drafts if draft.written or not isinstance(draft.action, reconcile.Nothing))
    return Prepared(survey.commit, plan, tuple(worth))


def _own(drafts: Sequence[Draft], there: There, decisions: Sequence[Decision]) -> list[Draft]:
    """The groups of the decided entries, and every group that exchanges pins with one of them."""
    groups = {there.group_of[item.entry.key] for item in decisions if item.entry is not None}
    while True:
        own = [
            draft
            for draft in drafts
            if draft.group in groups or any(there.group_of.get(key) in groups for key in draft.moved)
        ]
        reached = {there.group_of[key] for draft in own for key in draft.moved if key in there.group_of}
        if reached <= groups:
            return own
        groups |= reached


def decided(
    world: World, survey: Survey, task: Task, carried: Sequence[PinChange], fresh: Collection[PinChange] = ()
) -> list[Decision]:
    """One decision for each entry that the task means.

    What a person wrote down to be held is held, whatever it is, and so is what the environment left by going back, and
    what cannot be pulled on all of its platforms; history is read, and registries are asked, for what would change.
    `fresh` pins were proposed on the very base that there is: they were looked up in history then.

    Raises:
        GitError: history is needed, and the remote cannot be read.
    """
    decisions = task.decide(survey, carried)
    # What only has to wait is looked at too: the reason that lasts longest is the one to tell.
    open_ = [item for item in decisions if isinstance(item, Change) or (isinstance(item, Held) and item.reason.ends)]
    left = _left(survey, task, open_, fresh)
    passing = [item for item in left if isinstance(item, Change) or item.reason.ends]
    checked: dict[tuple[str, str], Decision] = {item.entry.key: item for item in left}
    whole = platforms.whole(world.registry, passing, carried)
    checked |= {item.entry.key: each for item, each in zip(passing, whole, strict=True)}
    found = []
    for each in decisions:
        decision = each if each.entry is None else checked.get(each.entry.key, each)
        written = survey.hold(each.entry) if each.entry is not None and not task.release_hold else None
        found.append(decision if written is None else hold.hold(decision, written))
    return found


def _left(
    survey: Survey, task: Task, items: Sequence[Change | Held], fresh: Collection[PinChange]
) -> list[Change | Held]:
    """The changes, and what only waits, held where the environment left that pin by going back."""
    known = {(pin.key, pin.after) for pin in fresh}
    asked = {each.entry.key for each in items if (each.entry.key, stepped_back.wanted(each)) not in known}
    if not asked or task.release_hold:
        return list(items)
    overlays = {each.entry.overlay for each in items if each.entry.key in asked}
    line = survey.line(lambda line: all(trail.enough(line, overlay) for overlay in overlays))
    rules = {spot.place.key: spot.rules for spot in survey.spots(task.environment.name)}
    return [
        stepped_back.checked(each, line, rules[each.entry.key]) if each.entry.key in asked else each for each in items
    ]


def plan_of(
    survey: Survey, task: Task, decisions: Sequence[Decision], changes: Sequence[Change]
) -> tuple[Plan, Mapping[str, bytes]]:
    """The plan, and the bytes of its files. A file whose edit is refused fails alone."""
    name = task.environment.name
    files: dict[str, bytes] = {}
    failed = [item for item in decisions if isinstance(item, Failed)]
    done: list[Change] = []
    by_file: dict[str, list[Change]] = {}
    for change in changes:
        by_file.setdefault(change.entry.file, []).append(change)
    overlays = {overlay.file: overlay for overlay in survey.overlays(name)}
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
    return Plan(name, tuple(done), held, tuple(failed), unchanged, ignored, unmanaged), files


def _draft(world: World, survey: Survey, task: Task, there: There, name: str, decisions: Sequence[Decision]) -> Draft:
    """Lay what was decided over what the open proposal carries, and compare that with what is there."""
    branch, existing = there.branches.get(there.branch_of(name)), there.pulls.get(there.branch_of(name), ())
    own = there.carried.get(there.branch_of(name), ())
    opened = next((pull for pull in existing if pull.state == "open"), None)
    locked = there.locked(name)
    carried = carry.standing_pins(there.standing, there.pins(name))
    shown = carry.standing_pins(there.standing, there.pins(name, shown=True))

    def judged(decision: Decision) -> Decision:
        if not isinstance(decision, Change):
            return decision
        if (reason := locked.get(decision.entry.key)) is not None:
            return Held(decision.entry, decision.before, decision.after, reason)
        if task.source == "rollback":
            return decision  # a person asks for it now, whatever was declined before
        # What an open pull request shows is wanted again: it was reopened, or asked for in another group since. What a
        # push came too late for stays declined.
        return decline(decision, there.branch_of(name), there.declined, shown) or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decided = [judged(decision) for decision in decisions]
    together = group.is_together(name, task.environment.propose.group, default=task.environment.propose.together)
    if together:
        if any(isinstance(each, Held) and each.withdraws for each in decided):
            carried = ()  # it loses all of them with the first
        decided = list(group.hold_together(decided, name))
    laid = [judged(change) for change in carry.lay(decided, carried, there.standing, asked=task.asked)]
    # A pin that is only carried on was looked up when it was proposed; the environment may have left it since.
    over = [item for item in laid if isinstance(item, Change) and item not in decided]
    stands = {each.entry.key: each for each in _left(survey, task, over, there.fresh(survey.commit))}
    laid = [stands.get(item.entry.key, item) if isinstance(item, Change) else item for item in laid]
    if together:
        laid = list(group.hold_together(laid, name))  # nor does it go on with a part of what it carried
    said = [(item.entry, item.reason) for item in decided if isinstance(item, Held)]
    held = [item for item in laid if isinstance(item, Held) and (item.entry, item.reason) not in said]
    plan, files = plan_of(survey, task, [*decided, *held], [item for item in laid if isinstance(item, Change)])
    written = write(survey, task, name, plan, files) if plan.changes else None
    action: reconcile.Action
    if unread := sorted({pin.file for pin in own} & _unread(survey, plan, laid)):
        text = f"{unread[0]} cannot be edited in its present state: its proposal waits until it can"
        action = reconcile.Leave(opened, Reason("failed.edit", text, {"file": unread[0]}))
    elif world.forge is None:
        action = reconcile.decide_unseen(written, branch)
    else:
        action = reconcile.decide(
            written,
            branch,
            existing,
            refresh_approved=task.environment.propose.refresh_approved,
            stands=bool(carry.standing_pins(there.standing, own)),
            why_gone=_why_gone(there, name, own, locked, plan.held, together=together),
        )
    moved = frozenset(pin.key for pin in own if there.group_of.get(pin.key, name) != name)
    return waiting(Draft(name, plan, files, written, branch, existing, own, moved, action, there.beside(name)))


def _why_gone(
    there: There,
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
        return _THERE
    if there.is_gone(name):
        return _GONE
    if own and all(pin.key in locked for pin in own):
        return locked[own[0].key]
    declines = {item.entry.key: item.reason for item in held if item.reason.code == "held.declined"}
    if own and all(pin.key in declines for pin in own):
        return declines[own[0].key]
    return held[0].reason if together and held else None


_THERE = Reason("nothing_new", "the base branch already has the requested release")
_GONE = Reason("nothing_new", "no entry belongs to this group any more")


def write(
    survey: Survey,
    task: Task,
    name: str,
    plan: Plan,
    files: Mapping[str, bytes],
    described: Mapping[tuple[str, str], Described] | None = None,
) -> Proposal:
    """Put a plan into words."""
    return proposal.write(
        plan,
        files,
        base=survey.branch,
        parent=survey.commit,
        source=task.source,
        group=name,
        title=task.environment.propose.title,
        message=task.environment.propose.message,
        described=described or {},
    )


def _unread(survey: Survey, plan: Plan, laid: Sequence[Decision]) -> set[str]:
    """The files of which nothing can be told: broken on the base branch just now, or an edit of them was refused."""
    done = {change.entry.key for change in plan.changes}
    refused = {item.entry.file for item in laid if isinstance(item, Change) and item.entry.key not in done}
    return refused | {item.problem.file for item in survey.failed(plan.environment) if item.problem.file}
