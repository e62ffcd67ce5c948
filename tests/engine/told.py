"""A forge that remembers which commit statuses were written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gitops_bot.proposals.pull_request import GateStatus, Head
from tests.engine.situations import TWO, reported, runs
from tests.engine.world import Forge, Shop

if TYPE_CHECKING:
    from gitops_bot.errors import ForgeError
    from gitops_bot.proposals.pull_request import PullRequest

BRANCH = "gitops-bot/production/all"
PROMOTED = (runs("staging", TWO, 10), reported(2, "e2e", "success"))


@dataclass(slots=True)
class Told(Forge):
    """What was written, in order, on pull requests whose branches a shop has; and what `others` have open."""

    shop: Shop = field(default_factory=Shop)
    written: list[tuple[str, GateStatus]] = field(default_factory=list)
    others: tuple[Head, ...] = ()
    refusal: ForgeError | None = None

    def write_gates(self, commit: str, present: GateStatus | None, status: GateStatus) -> None:
        if present is not None and present[:2] == status[:2]:
            return
        self.written.append((commit, status))
        if self.refusal is not None:
            raise self.refusal
        self.change(gates=status, only=commit)

    def heads(self, _: str) -> list[Head]:
        return [*self.others, *(Head(pull.head, name, pull.gates) for name, (pull,) in self.pulls.items())]

    def read(self, _: int) -> PullRequest:
        self.change(head=self.shop.repository.own[BRANCH].head)
        return self.pulls[BRANCH][0]

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        self.change(title=title, body=body)
        return self.read(number)

    def change(self, *, only: str | None = None, **changes: Any) -> None:
        for name, (pull,) in self.pulls.items():
            if only in (None, pull.head):
                moved = changes.get("head", pull.head) != pull.head
                self.pulls[name] = (replace(pull, **({"gates": None} if moved else {}) | changes),)
