"""What every environment pins, how far it is behind its source, what is proposed to it, and what is held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, timedelta

    from gitops_bot.config import Hold
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.pull_request import Merge, PullRequest
    from gitops_bot.releases.decisions import Managed, Seen
    from gitops_bot.releases.history.delivery import Delivery, Journey
    from gitops_bot.releases.history.record import Record
    from gitops_bot.releases.history.releases import Release

#: What an entry waits for, the most urgent first: a check that failed, a repair, a review of its pull request, the next
#: run, the end of its soak time, pending checks, the schedule, the end of a hold, room for another proposal, a policy;
#: or nothing.
State = Literal[
    "check_failed", "failed", "review", "next", "soak", "checks", "window", "held", "limit", "untracked", "current"
]
STATES: Final[tuple[State, ...]] = get_args(State)
#: When a pin came that is older than the history that was read.
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """One entry. `image` is the repository as the first environment on its way has it, so that all of them share it.

    `since` is when its pin came, None where that is older than the history that was read. `source_pin` is what the
    environment that it is promoted from pins, of the repository `source_image`, and `drifts_since` when it began to
    differ: None where it does not. `behind_releases` are the pins that the source has had since it had this one,
    `behind_commits` the commits between the builds of both; None where nobody knows.

    `candidate` is what it would move to: the pin of the open `proposal`, else what was decided. `reason` is why it does
    not yet, why it is not tracked, or what failed, and `next` what to do about that failure. `after` is the open
    proposal to merge or close first, where a limit is reached. `seen` is what its gates saw, failures first.
    `goes_back`: its pin is newer than the candidate. It is `ahead` if that is because it is newer than its source's.
    """

    entry: Managed
    image: str
    since: datetime | None = None
    source_pin: Pin | None = None
    source_image: str | None = None
    drifts_since: datetime | None = None
    behind_releases: int | None = None
    behind_commits: int | None = None
    state: State = "current"
    candidate: Pin | None = None
    reason: Reason | None = None
    next: str | None = None
    proposal: PullRequest | None = None
    after: PullRequest | None = None
    goes_back: bool = False
    ahead: bool = False
    seen: tuple[Seen, ...] = ()
    #: Its place in its chain of promotions: 1 where it follows a policy, or nothing.
    wave: int = 1

    @property
    def pin(self) -> Pin:
        """What the base branch pins."""
        return self.entry.pin


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """One environment; `source` is the one that it is promoted from.

    `newest` is its release, as far as history was read. With `only_waiting`, what nothing is to be done about is not
    listed. `frozen` are the freezes of the whole environment that last now. `unstopped` says which pull requests can be
    merged although they are frozen, and what stops each.
    """

    name: str
    source: str | None
    newest: Release | None
    entries: tuple[EntryStatus, ...]
    only_waiting: bool = False
    frozen: tuple[Hold, ...] = ()
    unstopped: tuple[Reason, ...] = ()

    @property
    def listed(self) -> Sequence[EntryStatus]:
        """The entries to list."""
        return [entry for entry in self.entries if entry.state != "current" or not self.only_waiting]

    @property
    def counts(self) -> Mapping[State, int]:
        """How many entries are in each state; no state that none is in."""
        return Counter(entry.state for entry in self.entries)

    @property
    def waiting(self) -> int:
        """How many entries wait for something; those that nobody asked to track do not."""
        return len(self.entries) - self.counts["current"] - self.counts["untracked"]

    @property
    def behind(self) -> int:
        """How many entries have something newer to move to."""
        return sum(entry.candidate not in (None, entry.pin) and not entry.goes_back for entry in self.entries)

    @property
    def ahead(self) -> int:
        """How many entries are newer than their source."""
        return sum(entry.ahead for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Status:
    """All environments that were asked for. Without a token nobody `sees_pull_requests`."""

    at: datetime
    environments: tuple[EnvironmentStatus, ...]
    sees_pull_requests: bool

    def drifts(self, older_than: timedelta) -> bool:
        """Whether anything has differed from its source for longer than that."""
        times = (entry.drifts_since for environment in self.environments for entry in environment.entries)
        return any(since is not None and (since == LONG_AGO or self.at - since > older_than) for since in times)


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page shows: the status, with as much history as was read; `history` is false where none was.

    `releases` are the newest of all environments, the newest first, `per_day` how many each of the last days had.
    `merges` are the pull requests that brought them, by commit. `home` is the address of the repository on its forge.
    """

    status: Status
    history: bool = False
    releases: tuple[Record, ...] = ()
    per_day: Mapping[date, int] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    journeys: tuple[Journey, ...] = ()
    merges: Mapping[str, Merge] = field(default_factory=dict)
    home: str | None = None
