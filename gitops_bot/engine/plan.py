"""What is to become of environments: what is proposed already, candidates, decisions, proposals. Nothing is written.

Each step is pure; what it lacks is asked for all environments together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.engine.arrange import arrange
from gitops_bot.engine.ask import Work, settle
from gitops_bot.engine.decide import candidates, decisions
from gitops_bot.engine.gates import Known
from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.errors import ForgeError, GitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.arrange import Arranged
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.plan import Decision, Held

T = TypeVar("T")
Failure = GitError | ForgeError


@dataclass(frozen=True, slots=True)
class Planned:
    """One environment, decided and arranged (not where it is committed to), from one snapshot."""

    known: Known
    state: OpenProposals
    decisions: tuple[Decision, ...]
    named: frozenset[tuple[str, str]]
    beside: tuple[Held, ...]
    arranged: Arranged | None


def plan(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environments: Sequence[Environment]
) -> dict[str, Planned | Failure]:
    """Each environment decided and arranged, or why it cannot be."""
    found = _settled(
        world,
        snapshot,
        facts,
        {one.name: Work(partial(open_proposals, snapshot, facts, request, one)) for one in environments},
    )
    states = {name: state for name, state in found.items() if not isinstance(state, Failure)}
    failed = {name: state for name, state in found.items() if isinstance(state, Failure)}
    return failed | decided(world, snapshot, facts, request, states)


def decided(
    world: World,
    snapshot: Snapshot,
    facts: Facts,
    request: Request,
    states: Mapping[str, OpenProposals],
    *,
    arranges: bool = True,
) -> dict[str, Planned | Failure]:
    """What becomes of each environment, given what is proposed already; only decisions without `arranges`."""
    done: dict[str, Planned | Failure] = {}
    works = {
        name: Work(partial(candidates, snapshot, facts, request, state.environment, state.pins()))
        for name, state in states.items()
    }
    deciding: list[tuple[str, Work[Decision]]] = []
    for name, found in _settled(world, snapshot, facts, works).items():
        if isinstance(found, Failure):
            done[name] = found
            continue
        state = states[name]
        proposed = {pin.key: pin.after for pin in state.pins()}
        known = Known(snapshot, facts, request, proposed, state.fresh(snapshot.commit))
        done[name] = Planned(known, state, (), found.named, found.beside, None)
        deciding += [(name, work) for work in decisions(known, found)]
    made: dict[str, list[Decision]] = {name: [] for name in done}
    for (name, _), decision in zip(
        deciding, settle(world, snapshot, facts, [work for _, work in deciding]), strict=True
    ):
        if isinstance(decision, Failure):
            done[name] = decision
        else:
            made[name].append(decision)
    done = {
        name: replace(one, decisions=tuple(made[name])) if isinstance(one, Planned) else one
        for name, one in done.items()
    }
    arranging = {
        name: Work(partial(arrange, one.known, one.state, one.decisions))
        for name, one in done.items()
        if arranges and isinstance(one, Planned) and one.state.environment.propose.as_ == "pull-request"
    }
    for name, arranged in _settled(world, snapshot, facts, arranging).items():
        one = done[name]
        if isinstance(arranged, Failure):
            done[name] = arranged
        elif isinstance(one, Planned):
            done[name] = replace(one, arranged=arranged)
    return done


def _settled(world: World, snapshot: Snapshot, facts: Facts, works: Mapping[str, Work[T]]) -> dict[str, T | Failure]:
    return dict(zip(works, settle(world, snapshot, facts, list(works.values())), strict=True))
