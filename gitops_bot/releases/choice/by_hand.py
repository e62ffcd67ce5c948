"""A person promotes: what holds a pin unless they say that it is to be promoted anyway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reason import Code, Reason

_POLICY, _NOW = "--beyond-policy", "--now"
#: The option that lifts a hold, by the code of its reason.
_OPTIONS: Final[dict[Code, str]] = {"held.policy": _POLICY, "held.soak": _NOW, "held.history_bound": _NOW}


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person who promotes may go beyond: the policy of the target, and its soak time."""

    beyond_policy: bool = False
    now: bool = False

    def lifts(self, reason: Reason) -> bool:
        """Whether they said to promote in spite of this reason."""
        option = _OPTIONS.get(reason.code)
        return (option == _POLICY and self.beyond_policy) or (option == _NOW and self.now)


def withheld(against: Sequence[Reason], by_hand: ByHand | None) -> list[Reason]:
    """The reasons that nobody lifted. A person is told how; what the bot promotes by itself nobody can lift."""
    if by_hand is None:
        return list(against)
    return [
        replace(reason, text=f"{reason.text}; `{_OPTIONS[reason.code]}` promotes it anyway")
        if reason.code in _OPTIONS
        else reason
        for reason in against
        if not by_hand.lifts(reason)
    ]


def told(lifted: Reason) -> str:
    """What reviewers are told of a reason that a person lifted."""
    return f"{lifted.text}, promoted anyway (`{_OPTIONS[lifted.code]}`)"
