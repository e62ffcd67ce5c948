"""What is known of one environment when its entries are decided, and the candidate of one entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.engine.request import Poll, Promote
from gitops_bot.images.reason import Reason
from gitops_bot.releases.decisions import Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.config.values import Hold
    from gitops_bot.engine.ask import Work
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import Assignment
    from gitops_bot.releases.choice.by_hand import ByHand
    from gitops_bot.releases.choice.promotion import Offer
    from gitops_bot.releases.decisions import Decision, Managed


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an entry would become if no gate held it: by the pin that it is given or offered, where it is by one."""

    decision: Decision
    given: Assignment | Offer | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The work that gives the candidate of each entry that a request means.

    `named` are the keys of the entries that the command line names.
    """

    works: Sequence[Work[Candidate]]
    named: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of one environment: what decides it, and what it is arranged by.

    `given` is the pin that is given or offered to the entry that the gates judge.
    """

    snapshot: Snapshot
    facts: Facts
    request: Request
    state: OpenProposals
    given: Assignment | Offer | None = None

    @property
    def environment(self) -> Environment:
        """The environment itself."""
        return self.state.environment

    @property
    def by_pull_request(self) -> bool:
        """Whether it is proposed to, or else committed to the base branch."""
        return self.environment.propose.as_ == "pull-request"

    @property
    def by_hand(self) -> ByHand | None:
        """What a person who promotes goes beyond; None where the bot promotes by itself."""
        return self.request.what.by_hand if isinstance(self.request.what, Promote) else None

    @property
    def soak(self) -> timedelta:
        """How long a pin has to run in the source before it is promoted."""
        return self.environment.promotion.soak if self.environment.promotion is not None else timedelta(0)

    @property
    def sources(self) -> Mapping[tuple[str, str], Sequence[Managed]]:
        """The entries of the source that each promoted entry stands for, by its key."""
        match self.request.what:
            case Poll():
                return self.snapshot.promoted(self.environment.name)
            case Promote(source=source):
                return self.snapshot.partners(source, self.environment.name)
            case _:
                return {}

    @property
    def only_in_source(self) -> tuple[Held, ...]:
        """The entries that only the source has, where somebody promotes all of it: told, and decided by nobody."""
        what, target = self.request.what, self.environment.name
        if not isinstance(what, Promote) or what.images or what.overlays:
            return ()
        matched = {partner.key for sources in self.sources.values() for partner in sources}
        reason = Reason("unmanaged", f"{target} has no such entry")
        return tuple(
            Held(entry, None, reason)
            for entry in self.snapshot.entries(what.source)
            if entry.key not in matched and not entry.choices
        )

    def hold(self, entry: Managed) -> Hold | None:
        """The hold that somebody wrote down for an entry, unless the request lifts holds."""
        return None if self.request.exempt.holds else self.snapshot.hold(entry)
