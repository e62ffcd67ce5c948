"""What is already proposed for the entries of a rollback: two proposals never change one entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, frozen, naming, ownership, reconcile, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest

    Judged = Callable[[Branch, tuple[PullRequest, ...]], Sequence[PullRequest]]


@dataclass(frozen=True, slots=True)
class InTheWay:
    """The entries of the other open proposals, by branch; of those that may not be touched, why a rollback waits."""

    branches: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    waits: Mapping[tuple[str, str], Reason] = field(default_factory=dict)

    @classmethod
    def read(cls, world: World, survey: Survey, environment: Environment, judged: Judged) -> InTheWay:
        """Read it; `judged` tells whether a branch that people gave back is given back as it is.

        Raises:
            GitError, ForgeError: the branches or the pull requests cannot be read.
        """
        name, propose = environment.name, environment.propose
        names = [each for each in survey.branches(name) if not naming.is_rollback(each)]
        pulls, standing = survey.pull_requests(names), survey.standing(name)
        branches: dict[str, frozenset[tuple[str, str]]] = {}
        waits: dict[tuple[str, str], Reason] = {}
        for each in names:
            opened = next((pull for pull in pulls[each] if pull.state == "open"), None)
            branch = world.repository.branch(each, survey.commit) if opened is not None else None
            if opened is None or branch is None:
                continue
            pins = carry.standing_pins(standing, ownership.of(branch).carried)
            branches[each] = frozenset(pin.key for pin in pins)
            action = reconcile.decide(
                None, branch, judged(branch, pulls[each]), refresh_approved=propose.refresh_approved
            )
            if isinstance(action, reconcile.Leave):
                waits |= dict.fromkeys(branches[each], _waits_for(opened, action.reason))
        return cls(branches, waits)


def _waits_for(opened: PullRequest, why: Reason) -> Reason:
    match why.code:
        case "held.label":
            what, undo = f"has the label `{reconcile.HOLD}`", "remove the label"
        case "held.frozen":
            freezes = frozen.freezes(opened)
            what, undo = " and ".join(each.what for each in freezes), " and ".join(each.undo for each in freezes)
        case _:
            what, undo = "has somebody else's commit", f"hand it back (label `{word.HAND_BACK}`)"
    text = f"#{opened.number} proposes something else for it and {what}: close it, or {undo}; then roll back again"
    return Reason(why.code, text, {"pull_request": opened.number, "url": opened.url})
