"""What is to become of environments: what is proposed already, candidates, decisions, proposals. Nothing is written.

Each step is pure; what it lacks is asked for all environments together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.engine.arrange import arrange
from gitops_bot.engine.ask import settle_each
from gitops_bot.engine.context import Context
from gitops_bot.engine.decide import decided
from gitops_bot.engine.open_proposals import open_proposals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.ask import Failure
    from gitops_bot.engine.decide import Decided
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.results.outcome import EnvironmentOutcome


@dataclass(frozen=True, slots=True)
class Planned:
    """One environment, and what comes of it unless writing goes wrong."""

    decided: Decided
    outcome: EnvironmentOutcome

    @property
    def known(self) -> Context:
        """What it was planned from."""
        return self.decided.known


def plan(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environments: Sequence[Environment]
) -> list[Planned | Failure]:
    """Each environment decided and arranged, in their order, or why it cannot be."""

    def known(environment: Environment) -> Context:
        return Context(snapshot, facts, request, open_proposals(snapshot, facts, request, environment))

    decisions = decided(world, facts, settle_each(world, facts, environments, known))
    return settle_each(world, facts, decisions, lambda decided: Planned(decided, arrange(decided)))
