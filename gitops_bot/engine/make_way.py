"""What is rolled back leaves the other open proposals before the rollback is proposed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gitops_bot.engine.draft import Draft
    from gitops_bot.engine.there import Task

_TAKEN: Final = Reason("held.reverted", "it is being rolled back, and is left alone until that is merged or closed")


def make_way(task: Task, drafts: Sequence[Draft], prepare: Callable[[Task], Sequence[Draft]]) -> list[Draft]:
    """The drafts of a rollback, behind those of the proposals that lose its entries to them."""
    rolled_back = (draft for draft in drafts if not isinstance(draft.action, reconcile.Leave))
    taken = {
        change.entry.key: Held(change.entry, change.before, None, _TAKEN)
        for draft in rolled_back
        for change in draft.plan.changes
    }
    if not taken:
        return list(drafts)
    other = replace(
        beside(task),
        decide=lambda *_: list(taken.values()),
        taken=dict.fromkeys(taken, _TAKEN),
        own_groups=True,
        release_hold=True,  # what else they propose stays as it is
    )
    way = [draft for draft in prepare(other) if _loses(draft, taken)]
    closing = (draft for draft in way if isinstance(draft.action, reconcile.Close))
    ends = {naming.branch(task.environment.name, draft.group) for draft in closing}
    then = [
        replace(draft, beside={branch: () if branch in ends else pulls for branch, pulls in draft.beside.items()})
        for draft in drafts
    ]
    return [*way, *then]


def _loses(draft: Draft, taken: Collection[tuple[str, str]]) -> bool:
    """Whether a proposal loses any of these entries, or an earlier run did not come to say that it has."""
    match draft.action:
        case reconcile.Refresh(push=False):
            return True
        case reconcile.Refresh() | reconcile.Close():
            return any(pin.key in taken for pin in draft.carried)
        case _:
            return False


def makes_way(task: Task, draft: Draft) -> bool:
    """Whether a draft of a rollback's is of another proposal, which loses to it what is rolled back."""
    return task.source == "rollback" and not draft.group.startswith(naming.ROLLBACK)


def beside(task: Task) -> Task:
    """The task of what is proposed beside a rollback, as `update` has it."""
    return replace(task, source="promotion" if task.environment.promotion is not None else "policy")
