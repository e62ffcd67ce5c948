"""What a poll decides about entries, moved tags included, with nothing of the world but a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gitops_bot.engine.candidates.poll import poll
from gitops_bot.engine.drive import answer, drive
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.gates import tag_moved
from gitops_bot.engine.request import Request
from gitops_bot.engine.world import silent

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.decisions import Decision, Managed


def polled(registry: Any, entries: Sequence[Managed], now: datetime = NOW) -> list[Decision]:
    """A decision for each entry, in their order."""
    facts = facts_of(registry)
    context: Any = SimpleNamespace(basis=None, request=Request(), facts=facts)

    async def decide(entry: Managed) -> Decision:
        return await tag_moved((await poll(facts, entry, now)).decision, context)

    return facts.drive([decide(entry) for entry in entries])


class FactsOfWorld(Facts):
    """Facts with the world that decisions about them are driven in."""

    def __init__(self, world: Any, snapshot: Any) -> None:
        super().__init__(snapshot)
        self._world = world

    def drive(self, decisions: Sequence[Any]) -> list[Any]:
        return drive(self._world, self, decisions)

    def answer(self, deciding: Any) -> Any:
        return answer(self._world, self, deciding)


def facts_of(registry: Any) -> FactsOfWorld:
    """Facts of a world that has nothing but this registry."""
    world: Any = SimpleNamespace(registry=lambda: registry, progress=silent)
    snapshot: Any = SimpleNamespace(commit="c0")
    return FactsOfWorld(world, snapshot)
