"""What is written, where something goes wrong or people act in between: the rest is in tests/stateful."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.reconcile import Refresh
from gitops_bot.proposals.text import body
from tests.engine.situations import alone, fails, started, updated
from tests.engine.world import C, Forge, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.pull_request import PullRequest


def test_details_that_a_registry_did_not_give_are_asked_for_again() -> None:
    shop = started(alone(), fails(f"describe {C}", refused()), updated("production"))
    assert shop.forge is not None
    ((pull,),) = shop.forge.pulls.values()
    assert body.lacks(pull.body) == {"details"}
    (proposal,) = shop.plan(None, "production").proposals
    assert proposal.action == Refresh(pull, Reason("chosen", "#1 has the commit, but still lacks details"), push=False)


def test_what_is_put_on_hold_while_it_is_being_finished_is_not_set_to_merge() -> None:
    class Held(Forge):
        def label(self, _: int, __: Sequence[str]) -> bool:
            self.pulls = {name: (replace(pull, labels=("hold",)),) for name, (pull,) in self.pulls.items()}
            return True

        def read(self, _: int) -> PullRequest:
            ((pull,),) = self.pulls.values()
            return pull

        def merge_when_ready(self, number: int, **_: object) -> PullRequest:
            raise AssertionError(f"#{number} is on hold")

    shop = started(alone("policy: releases, propose: {labels: [release], auto_merge: true}"))
    shop.forge = Held()
    updated("production")(shop)
    (proposal,) = shop.plan(None, "production").proposals
    assert (proposal.action.name, proposal.action.reason.code) == ("leave", "held.label")
