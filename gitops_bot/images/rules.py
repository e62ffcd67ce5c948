"""The rules for an entry, from the configuration or inferred from its tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reason import Unmanaged

#: What is written for a chosen tag. `tag` writes no digest, `digest` no tag where there is none.
PinShape = Literal["tag+digest", "tag", "digest"]
#: What to do when the present tag points to a digest other than the pinned one.
OnMove = Literal["hold", "follow"]


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy, its name in the configuration (None for an inline or inferred one), and who decided on it.

    `place` is where it is written, as file:line.
    """

    name: str | None
    policy: Policy
    origin: Literal["config", "inferred"]
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies to one entry.

    `on_move` is None where the kind of the tag decides. An image has to be built for all `platforms`; where none are
    said, for those of the present one. `unmanaged` says why there is no policy, where there is none. `own_policy`: the
    policy is said of this very image, and so beats a promotion. `no_room`: digests are wanted, and `pin` is `tag` only
    since the file has no place for one.
    """

    policy: NamedPolicy | None
    pin: PinShape = "tag+digest"
    on_move: OnMove | None = None
    platforms: tuple[str, ...] = ()
    ignore: bool = False
    unmanaged: Unmanaged | None = None
    own_policy: bool = False
    no_room: bool = False

    @property
    def takes_promotions(self) -> bool:
        """Whether pins come from another environment, where that has the entry."""
        elsewhere = self.unmanaged is not None and self.unmanaged.why in ("decided_elsewhere", "unset")
        return not self.own_policy and not elsewhere
