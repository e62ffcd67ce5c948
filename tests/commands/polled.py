"""What a poll decides about entries, moved tags included, with nothing of the world but a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gitops_bot.engine.ask import Work, settle
from gitops_bot.engine.candidates.poll import poll
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.gates import moved
from gitops_bot.engine.request import Request
from gitops_bot.engine.world import silent

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.decisions import Decision, Managed


def polled(registry: Any, entries: Sequence[Managed], now: datetime = NOW) -> list[Decision]:
    """A decision for each entry, in their order."""
    world: Any = SimpleNamespace(registry=lambda: registry, progress=silent)
    facts = Facts()
    known: Any = SimpleNamespace(given=None, request=Request(), facts=facts)

    def decide(entry: Managed) -> Decision:
        return moved(poll(facts, entry, now), known)

    works = [Work(partial(decide, entry), entry.repository) for entry in entries]
    return settle(world, facts, works)  # type: ignore[arg-type, return-value]
