"""What one environment is decided by, and what its decisions come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitops_bot.engine.request import Promote, Request
from gitops_bot.errors import LostRace, Problem, UsageError
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gitops_bot.config import Environment, Hold
    from gitops_bot.engine.drive import Deciding
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.read import EnvironmentState, Snapshot
    from gitops_bot.images.reference import Assignment
    from gitops_bot.proposals.branches import Branches
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.releases.choice.promotion import ByHand, Offer
    from gitops_bot.releases.decisions import Decision, EntryKey, Held, Managed, Seen


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of one environment: what decides its entries, and what they are arranged by.

    `branches` are the bot's, as the request sees them. `sources` are the entries of the source that each promoted entry
    gets its pin from, by its key. `basis` is what the candidate that is judged comes from: a pin that a person or a
    pipeline names, or the offer of a source.
    """

    snapshot: Snapshot
    facts: Facts
    request: Request
    environment: Environment
    state: EnvironmentState
    branches: Branches
    sources: Mapping[EntryKey, Sequence[Managed]]
    basis: Assignment | Offer | None = None

    @property
    def by_hand(self) -> ByHand | None:
        """What a person who promotes goes beyond; None where the bot promotes by itself."""
        return self.request.what.by_hand if isinstance(self.request.what, Promote) else None

    @property
    def despite_checks(self) -> bool:
        """Whether a person promotes whatever checks of the release, or of earlier waves, say."""
        return self.by_hand is not None and (self.by_hand.beyond_checks or self.request.release_hold)

    def before(self, wave: Sequence[Managed]) -> list[Managed]:
        """The entries of all waves before this one that its entries get their pins through."""
        states, level = self.snapshot.states, {entry.key: entry for entry in wave}
        earlier: dict[EntryKey, Managed] = {}
        while level:
            before = (states[entry.environment or ""].partners.get(key, ()) for key, entry in level.items())
            level = {source.key: source for sources in before for source in sources}
            earlier |= level
        return [*earlier.values()]

    def unknown(self, image: str, among: Sequence[Managed] | None = None) -> Problem:
        """An `image` of the command line that is no entry of the environment, or none of some of these."""
        name, states = self.environment.name, self.snapshot.states
        for other in self.snapshot.config.shared_with(name):
            if other in states and states[other].matching(image):
                message = f"{image[:300]} of {name} is pinned in {other}, and takes effect in all that {other} reaches"
                return Problem("failed.usage", message, f"name {other} instead of {name}")
        return self.state.unknown(image, among)

    def refuse(self, unknown: Sequence[Problem]) -> None:
        """Raises a UsageError for names of nothing, where all could be read that might have it."""
        if unknown and not self.state.failed and not self.snapshot.layout.selection.problems:
            raise UsageError(*unknown)

    def causes(self, unknown: Sequence[Problem]) -> list[Failed]:
        """Names of nothing as failures; none where nothing at all was found, since that is told with its cause."""
        lost = not self.state.entries and (self.state.failed or self.snapshot.layout.selection.problems)
        return [] if lost else [Failed(None, problem) for problem in unknown]

    def hold(self, entry: Managed, *, travels: bool = False) -> Hold | None:
        """The hold that somebody wrote down for an entry, unless the request lifts holds, or passes this one.

        `travels`: only one of an image, which holds what leaves the environment too; a freeze holds what comes in.
        """
        holds, at, request = self.snapshot.config.holds, self.snapshot.at, self.request
        passes = travels or request.rolls_back
        return None if request.release_hold else hold.lasting(holds, entry, at, passes_freezes=passes)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an entry would become if no gate held it; `basis` as in `Context`.

    `left_out` are tags which would have been chosen if they named images, with why not. `seen` are checks that
    a rollback without a person is decided by.
    """

    decision: Decision
    basis: Assignment | Offer | None = None
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


class Candidates(NamedTuple):
    """The candidates of the entries that a request means; `named` are the keys of those that the command line names.

    `only_in_source` are reported, and nobody decides them: the environment that is promoted to does not have them.
    """

    context: Context
    entrants: Sequence[Entrant]
    named: frozenset[EntryKey] = frozenset()
    only_in_source: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A rule that lets a decision pass, or holds it.

    `words` are for people: what is true of a decision that passes. `explain` shows it `always`, in its `data` alone
    until it stops something, or only if it does; those of the `choice` are shown as one.
    """

    name: str
    judge: Callable[[Decision, Context], Awaitable[Decision]]
    words: str = ""
    shown: Literal["always", "choice", "data", "stop"] = "always"


@dataclass(frozen=True, slots=True)
class Judged:
    """The decision about an entry after all gates, and what it was after each of them.

    `proposed` is the one about the pin that an open proposal has, where that is another and a status tells of it.
    """

    decision: Decision
    candidate: Candidate
    trace: tuple[tuple[Gate, Decision], ...] = ()
    proposed: Decision | None = None


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

    `decided` has what was decided for the request itself, then what was decided to roll back after a failure. `carried`
    are the pins of open proposals, after the gates that they pass again.
    """

    context: Context
    decided: tuple[Decided, ...]
    decisions: tuple[Decision, ...]
    proposals: tuple[Proposal, ...]
    carried: tuple[Judged, ...] = ()


class CarriedOut(NamedTuple):
    """What came of the proposals of an environment, by group, and what failed; or of those before a `lost` race."""

    by_group: Mapping[str, Proposal]
    failed: Sequence[Failed] = ()
    lost: LostRace | None = None
