"""What is to become of environments: what is proposed already, candidates, decisions, proposals. Nothing is written.

Each step is pure; what it lacks is asked for all environments together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.engine.arrange import arrange
from gitops_bot.engine.ask import Work, settle
from gitops_bot.engine.decide import candidates
from gitops_bot.engine.gates import through
from gitops_bot.engine.known import Known
from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.errors import ForgeError, GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.outcome import EnvironmentOutcome
    from gitops_bot.releases.plan import Decision, Held

Before = TypeVar("Before")
After = TypeVar("After")
Failure = GitError | ForgeError


@dataclass(frozen=True, slots=True)
class Planned:
    """One environment, decided and arranged (not where it is committed to), from one snapshot."""

    known: Known
    decisions: tuple[Decision, ...]
    named: frozenset[tuple[str, str]]
    beside: tuple[Held, ...]
    arranged: EnvironmentOutcome | None = None

    def is_of(self, snapshot: Snapshot) -> bool:
        """Whether the base branch is still as it was planned from."""
        return self.known.snapshot.commit == snapshot.commit


def plan(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environments: Sequence[Environment]
) -> dict[str, Planned | Failure]:
    """Each environment decided and arranged, or why it cannot be."""

    def known(environment: Environment) -> Known:
        return Known(snapshot, facts, request, open_proposals(snapshot, facts, request, environment))

    named: dict[str, Environment | Failure] = {environment.name: environment for environment in environments}
    return _step(world, facts, decided(world, facts, _step(world, facts, named, known)), _arranged)


def decided(world: World, facts: Facts, known: Mapping[str, Known | Failure]) -> dict[str, Planned | Failure]:
    """What is decided of each environment, given what is proposed already: the candidates, behind all gates."""

    def begun(known: Known) -> tuple[Planned, Sequence[Work[Decision]]]:
        candidate = candidates(known)
        works = [work.then(partial(through, known=known)) for work in candidate.works]
        return Planned(known, (), candidate.named, candidate.beside), works

    done: dict[str, Planned | Failure] = {}
    deciding: list[tuple[str, Work[Decision]]] = []
    for name, begin in _step(world, facts, known, begun).items():
        if isinstance(begin, Failure):
            done[name] = begin
        else:
            done[name], works = begin
            deciding += [(name, work) for work in works]
    made: dict[str, list[Decision]] = {name: [] for name in done}
    answers = settle(world, facts, [work for _, work in deciding])
    for (name, _), decision in zip(deciding, answers, strict=True):
        if isinstance(decision, Failure):
            done[name] = decision
        else:
            made[name].append(decision)
    return {
        name: planned if isinstance(planned, Failure) else replace(planned, decisions=tuple(made[name]))
        for name, planned in done.items()
    }


def _arranged(planned: Planned) -> Planned:
    if planned.known.environment.propose.as_ != "pull-request":
        return planned
    return replace(planned, arranged=arrange(planned.known, planned.decisions))


def _step(
    world: World, facts: Facts, before: Mapping[str, Before | Failure], do: Callable[[Before], After]
) -> dict[str, After | Failure]:
    """What a step makes of each environment that has not failed before, all of them together."""
    failed = {name: value for name, value in before.items() if isinstance(value, Failure)}
    works = {name: Work(partial(do, value)) for name, value in before.items() if not isinstance(value, Failure)}
    return {**failed, **dict(zip(works, settle(world, facts, list(works.values())), strict=True))}
