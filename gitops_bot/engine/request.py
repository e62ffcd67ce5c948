"""What was asked of the bot: where the candidates come from, and which of its rules a person lifted for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, assert_never

from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.images.reference import Assignment
    from gitops_bot.proposals.naming import Kind
    from gitops_bot.releases.choice.promotion import ByHand
    from gitops_bot.releases.decisions import Held, Managed, Source
    from gitops_bot.releases.layout.glob import Glob


@dataclass(frozen=True, slots=True)
class Poll:
    """`update` and `plan`: what registries have by each entry's policy, and what the source environments run."""

    kind: ClassVar[Kind] = "update"


@dataclass(frozen=True, slots=True)
class Pins:
    """`set`: the pins that a person or a pipeline names."""

    assignments: Sequence[Assignment]
    allow_downgrade: bool = False
    kind: ClassVar[Kind] = "update"


@dataclass(frozen=True, slots=True)
class Promote:
    """`promote`: what another environment runs; `images` and `overlays` narrow it down."""

    source: str
    by_hand: ByHand
    images: Sequence[str] = ()
    overlays: Sequence[Glob] = ()
    kind: ClassVar[Kind] = "update"


@dataclass(frozen=True, slots=True)
class RollBack:
    """`rollback`: what ran before the last release, or at the release `to`; `because` is a person's reason."""

    to: str | None = None
    images: Sequence[str] = ()
    because: str | None = None
    kind: ClassVar[Kind] = "rollback"


@dataclass(frozen=True, slots=True)
class RollBackFailed:
    """`on_failure: rollback`: what the newest release of an overlay brought, if a check of it failed. Nobody asked."""

    kind: ClassVar[Kind] = "failure"


@dataclass(frozen=True, slots=True)
class Withdraw:
    """What a rollback takes from the open proposals of another `kind`, and why."""

    kind: Kind
    entries: Sequence[Held]


class Origin(NamedTuple):
    """Where pins come from; the `environment`, if from another one."""

    source: Source
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, of all environments of a snapshot.

    `release_hold` lifts what the configuration holds, and what an environment left by going back. `offline`: no
    registry is asked, what a source runs or a release had is taken to be there, and what follows a policy is undecided.
    """

    what: Poll | Pins | Promote | RollBack | RollBackFailed | Withdraw = field(default_factory=Poll)
    release_hold: bool = False
    dry_run: bool = False
    offline: bool = False

    @property
    def rolls_back(self) -> bool:
        """Whether it is proposed beside all else, and takes its entries from that.

        At two in the morning nothing but a hold is in its way: no schedule, no limit, no pull request that was closed.
        """
        return self.what.kind != "update"

    @property
    def passes_freezes(self) -> bool:
        """Whether it may change what a freeze pauses, as a rollback may, with all that makes way for it."""
        return self.rolls_back or self.release_hold

    @property
    def own_groups(self) -> bool:
        """Whether only the groups of the decided entries are looked after; the others are left to the next `update`."""
        return isinstance(self.what, Pins | Withdraw) or (isinstance(self.what, Promote) and bool(self.what.images))

    def origin(self, environment: Environment) -> Origin:
        """Where the pins of an environment come from."""
        match self.what:
            case RollBack() | RollBackFailed() | Withdraw(kind="failure" | "rollback"):
                return Origin("rollback")
            case Poll() | Withdraw() if environment.promotion is not None:
                return Origin("promotion", environment.promotion.source)
            case Poll() | Withdraw():
                return Origin("policy")
            case Pins():
                return Origin("set")
            case Promote(source=source):
                return Origin("promotion", source)
            case _:
                assert_never(self.what)

    def group_of(self, environment: Environment, entry: Managed) -> str:
        """The group that an entry is proposed in."""
        # A switch is proposed alone; no group of people has a name with a space.
        name = f"switch {entry.file}" if entry.choices else naming.group_of(entry, environment.propose.group)
        return f"{naming.PREFIXES[self.what.kind]}{name}"
