"""A person promotes: what holds a pin unless they say that it is to be promoted anyway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
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


def liftable(reason: Reason) -> Reason:
    """The reason, with the option that lifts it if there is one."""
    option = _OPTIONS.get(reason.code)
    return reason if option is None else replace(reason, text=f"{reason.text}; `{option}` promotes it anyway")


def lifted_text(lifted: Reason) -> str:
    """What reviewers are told of a reason that a person lifted."""
    return f"{lifted.text}, promoted anyway (`{_OPTIONS[lifted.code]}`)"
