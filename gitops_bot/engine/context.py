"""What one environment is decided by, and what its decisions come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.engine.request import Promote
from gitops_bot.errors import UsageError
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gitops_bot.config import Environment, Hold
    from gitops_bot.engine.ask import Deciding, Facts
    from gitops_bot.engine.existing import Existing
    from gitops_bot.engine.read import EnvironmentState, Snapshot
    from gitops_bot.engine.request import Request
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Assignment
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.releases.choice.promotion import ByHand, Offer
    from gitops_bot.releases.decisions import Decision, EntryKey, Held, Managed, Seen


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of one environment: what decides its entries, and what they are arranged by.

    `existing` is what is proposed already. `sources` are the entries of the source that each promoted entry stands for,
    by its key. `given` is the pin that is given or offered to the entry that is judged.
    """

    snapshot: Snapshot
    facts: Facts
    request: Request
    environment: Environment
    state: EnvironmentState
    existing: Existing
    sources: Mapping[EntryKey, Sequence[Managed]]
    given: Assignment | Offer | None = None

    @property
    def by_hand(self) -> ByHand | None:
        """What a person who promotes goes beyond; None where the bot promotes by itself."""
        return self.request.what.by_hand if isinstance(self.request.what, Promote) else None

    def before(self, wave: Sequence[Managed]) -> list[Managed]:
        """The entries that those of a wave get their pins through: of all waves before it."""
        states, level = self.snapshot.states, {its.key: its for its in wave}
        found: dict[EntryKey, Managed] = {}
        while level:
            before = (states[its.environment or ""].partners.get(key, ()) for key, its in level.items())
            level = {source.key: source for sources in before for source in sources}
            found |= level
        return [*found.values()]

    def refuse(self, unknown: Sequence[Problem]) -> None:
        """Refuse a command line that names nothing that is there.

        Raises:
            UsageError: all could be read that might have it; else that is what is wrong.
        """
        if unknown and not self.state.failed and not self.snapshot.layout.selection.problems:
            raise UsageError(*unknown)

    def hold(self, entry: Managed) -> Hold | None:
        """The hold that somebody wrote down for an entry, unless the request lifts holds, or passes this one."""
        holds, at, request = self.snapshot.config.holds, self.snapshot.at, self.request
        return None if request.release_hold else hold.lasting(holds, entry, at, rolls_back=request.rolls_back)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an entry would become if no gate held it: by the pin that it is given or offered, where it is by one.

    `left_out` are the tags that would have been chosen but name no image, each with what it names. `seen` is what came
    of the checks that a rollback without a person is decided by.
    """

    decision: Decision
    given: Assignment | Offer | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    seen: tuple[Seen, ...] = ()


class Entrant(NamedTuple):
    """A candidate that is not looked up yet, and the entry that it is for, where it is for one."""

    entry: Managed | None
    candidate: Deciding[Candidate]


def as_it_is(decision: Decision) -> Entrant:
    """A candidate that needs no looking up."""

    async def known() -> Candidate:
        return Candidate(decision)

    return Entrant(decision.entry, known())


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of the entries that a request means.

    `named` are the keys of the entries that the command line names. `only_in_source` are told, and decided by nobody:
    the environment that is promoted to does not have them.
    """

    context: Context
    entrants: Sequence[Entrant]
    named: frozenset[EntryKey] = frozenset()
    only_in_source: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A rule that lets a decision pass, or holds it.

    `words` are its name as a person says it: what is true of a decision that passes; empty where few have to do with
    it. `explain` shows the gates that choose as one, `choice`. `quiet`: it is shown only where it stops something.
    """

    words: str
    judge: Callable[[Decision, Context], Awaitable[Decision]]
    name: str = "choice"
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The decision about an entry behind all gates, and what it was behind each of them."""

    decision: Decision
    candidate: Candidate
    trace: tuple[tuple[Gate, Decision], ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions about the entries of one environment; the rest as in `Candidates`."""

    context: Context
    judged: tuple[Judged, ...]
    named: frozenset[EntryKey]
    only_in_source: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one environment: its proposals, and the decisions that are in none of them.

    `decided` has what was decided for the request itself, then what was decided to roll back after a failure.
    """

    decided: tuple[Decided, ...]
    decisions: tuple[Decision, ...]
    proposals: tuple[Proposal, ...]

    @property
    def context(self) -> Context:
        """What the environment was decided by."""
        return self.decided[0].context
