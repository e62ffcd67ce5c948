"""Branches of the bot, environments and requests as plain values, and decisions that are arranged without a world."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from gitops_bot.config import Environment, Hold
from gitops_bot.engine.arrange import arrange
from gitops_bot.engine.context import Candidate, Context, Decided, Judged
from gitops_bot.engine.policies import look_up, see
from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack, RollBackFailed, Withdraw
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import naming
from gitops_bot.proposals.pull_request import HandBackTimes
from gitops_bot.releases.choice.promotion import ByHand
from gitops_bot.releases.history.line import Line
from gitops_bot.targets import kustomization
from tests.managed import alter
from tests.proposals.sample import API, BASE, FILES, WEB, A, B, branch, change, commit, entry, pull, worded, written

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence

    from gitops_bot.engine.context import Planned
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Change, Decision, EntryKey, Managed

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
STAGING = Environment("staging", ("apps/*/overlays/staging",))
WEB_ENTRY = entry()
PROXY_ENTRY, API_ENTRY = (alter(entry(name, file), pin=Pin("v1", A)) for name, file in (("proxy", WEB), ("api", API)))
ENTRIES = {managed.key: managed for managed in (WEB_ENTRY, PROXY_ENTRY, API_ENTRY)}

#: What can be asked, by names for tables.
WHAT: Mapping[str, Poll | Pins | Promote | RollBack | RollBackFailed | Withdraw] = {
    "poll": Poll(),
    "set": Pins(()),
    "promote": Promote("dev", ByHand()),
    "roll back": RollBack(),
    "roll back what failed": RollBackFailed(),
    "withdraw": Withdraw("update", ()),
    "withdraw what failed": Withdraw("failure", ()),
}


class Facts:
    """What Git and the forge have: the branches and pull requests of a test, and no commit that brought any pin."""

    closed = None

    def __init__(self, snapshot: Any, present: Mapping[str, tuple[Branch | None, tuple[PullRequest, ...]]]) -> None:
        self.snapshot, self._present = snapshot, present
        self.ended = frozenset(pull.number for _, pulls in present.values() for pull in pulls if pull.state != "open")

    async def line(self, _: object) -> Line:
        return Line((), complete=True)

    async def branches(self, names: Iterable[str]) -> dict[str, Branch | None]:
        return {name: self._present[name][0] if name in self._present else None for name in names}

    async def pull_requests(self, names: Iterable[str]) -> dict[str, tuple[PullRequest, ...]]:
        return {name: self._present[name][1] if name in self._present else () for name in names}

    async def hand_back(self, number: int, branch: str, label: str) -> HandBackTimes:
        pulls = [pull for pull in self._present[branch][1] if pull.number == number]
        assert all(label in pull.labels for pull in pulls), "two requests that nobody needs"
        return HandBackTimes()


def run(deciding: Coroutine[Any, Any, T]) -> T:
    """The result of a decision that has to ask nobody."""
    try:
        deciding.send(None)
    except StopIteration as result:
        decided: T = result.value
        return decided
    raise AssertionError("it asked something")


def hold(image: str | None, *excepted: str, days: int = 1) -> Hold:
    """A hold of an image of staging, or a freeze of it all but for these."""
    return Hold(("staging",), NOW + timedelta(days=days), "a fair", ("f.yaml", 1, 1), image, excepted)


def snapshot_of(holds: Sequence[Hold] = (), entries: Mapping[EntryKey, Managed] = ENTRIES) -> Any:
    state = SimpleNamespace(by_key=entries, failed=(), infos={}, slots=(), slots_of=lambda _: None)
    selection = SimpleNamespace(problems=())
    layout = SimpleNamespace(
        files=FILES, selection=selection, pin_file=lambda path: kustomization.read(FILES[path], path)
    )
    return SimpleNamespace(
        commit=BASE,
        branch="main",
        at=NOW,
        config=SimpleNamespace(holds=holds),
        own_branches=(),
        states={"staging": state},
        layout=layout,
        sees_pull_requests=True,
    )


def proposed(
    group: str, *changes: Change, state: str | None = "open", number: int = 7, **facts: object
) -> dict[str, tuple[Branch | None, tuple[PullRequest, ...]]]:
    """The branch on which a group is proposed, and its pull request in a state; None: there is none."""
    words = worded(*changes, group=group)
    whole = replace(written(*changes), title=words.title, body=words.body, message=words.message)
    name = naming.branch("staging", group)
    pulls = (replace(pull(state, body=words.body, number=number), branch=name, **facts),) if state is not None else ()
    return {name: (branch(commit(whole), name=name), pulls)}


def context_of(
    what: str,
    present: Mapping[str, tuple[Branch | None, tuple[PullRequest, ...]]],
    environment: Environment = STAGING,
    holds: Sequence[Hold] = (),
) -> Context:
    """What an environment is decided by for a request, with these branches."""
    snapshot, request = snapshot_of(holds), Request(WHAT[what])
    facts: Any = Facts(snapshot, present)
    known = run(look_up(facts, request, environment, sorted(present)))
    branches = see(snapshot, request, environment, known)
    return Context(snapshot, facts, request, environment, snapshot.states["staging"], branches, {})


def arranged(
    what: str,
    present: Mapping[str, tuple[Branch | None, tuple[PullRequest, ...]]],
    *decisions: Decision,
    environment: Environment = STAGING,
    failed: Sequence[Decision] | None = None,
    holds: Sequence[Hold] = (),
) -> Planned:
    """What becomes of the environment; `failed` is what was decided to roll back, where something failed."""
    after = [] if failed is None else [decided_for("roll back what failed", present, failed, environment, holds)]
    return run(arrange(decided_for(what, present, decisions, environment, holds), after))


def decided_for(
    what: str,
    present: Any,
    decisions: Sequence[Decision],
    environment: Environment = STAGING,
    holds: Sequence[Hold] = (),
) -> Decided:
    judged = tuple(Judged(decision, Candidate(decision)) for decision in decisions)
    return Decided(context_of(what, present, environment, holds), judged, frozenset(), ())


def told(proposal: Proposal) -> str:
    """A proposal in a line for tables: its group, its action, and what it changes."""
    pins = " ".join(f"{change.entry.name}={change.after.tag}" for change in proposal.changes)
    return f"{proposal.group} {proposal.action.name} {pins}".strip()


def to(managed: Managed, tag: str, source: str = "policy", **more: object) -> Change:
    after = Pin(tag, B if managed.pin.digest is not None else None)
    made = change(managed.name, after, managed.pin, file=managed.file, source=source)
    return alter(made, entry=managed, **more)
