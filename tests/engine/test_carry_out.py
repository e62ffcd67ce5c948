"""What is written, where something goes wrong or people act in between: the rest is in tests/stateful."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.engine.describe import describe
from gitops_bot.engine.request import Poll, Request
from gitops_bot.engine.update import update
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.images.build import Build
from gitops_bot.images.reason import Reason
from gitops_bot.proposals.reconcile import Refresh
from gitops_bot.proposals.text import body
from tests.engine.situations import THREE, alone, chain, described, fails, started, updated
from tests.engine.told import BRANCH, PROMOTED, Told
from tests.engine.world import NOW, C, Forge, forge_down, refused
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from gitops_bot.errors import FailureCode
    from gitops_bot.proposals.pull_request import PullRequest


def test_details_that_a_registry_did_not_give_are_asked_for_again() -> None:
    shop = started(alone(), fails(f"describe {C}", refused()), updated("production"))
    assert shop.forge is not None
    ((pull,),) = shop.forge.pulls.values()
    assert body.lacks(pull.body) == {"details"}
    (proposal,) = shop.plan(None, "production").proposals
    assert proposal.action == Refresh(pull, Reason("chosen", "#1 has the commit, but still lacks details"), push=False)


def test_subjects_that_the_forge_did_not_give_are_asked_for_again_for_a_day() -> None:
    class Silent(Forge):
        def commits_between(self, *_: str) -> NoReturn:
            raise forge_down()

    source = "https://f.test/acme/web"
    builds = {"a": Build(source=source, revision="a" * 40), "c": Build(source=source, revision="c" * 40)}
    shop = started(alone(), described(**builds))
    shop.forge = Silent()
    updated("production")(shop)
    ((branch, (pull,)),) = shop.forge.pulls.items()
    assert body.lacks(pull.body) == {"details"}
    lacking = {}
    for hours in (23, 24):
        shop.forge.pulls[branch] = (replace(pull, created_at=NOW - timedelta(hours=hours)),)
        (proposal,) = describe(shop.world, shop.plan(None, "production")).proposals
        assert proposal.text is not None
        lacking[hours] = body.lacks(proposal.text.body)
    assert lacking == {23: {"details"}, 24: frozenset()}


def test_a_text_that_only_became_older_stays() -> None:
    class Unlabelled(Told):
        def label(self, _: int, __: Sequence[str]) -> bool:
            return False

    shop = started(chain(production=", require: {checks: [e2e]}, propose: {labels: [release]}"))
    shop.forge = told = Unlabelled(shop=shop)
    for event in (*PROMOTED, updated("production")):
        event(shop)
    (pull,) = told.pulls[BRANCH]
    said = "\nChecks, as they were read on 2026-11-25 12:00 UTC:\n"
    assert said in pull.body
    older = pull.body.replace(said, said.replace("12:00", "11:55"))
    for present, then in ((older, older), (older.replace("gitops-bot:plan ", "gitops-bot:plan 0"), pull.body)):
        told.change(body=present)
        shop.update(None, "production")
        assert told.pulls[BRANCH][0].body == then


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


def test_a_comment_on_a_closing_that_was_not_done_is_taken_back() -> None:
    class Held(Forge):
        def comment(self, _: int, text: str, **__: object) -> int:
            said.append(text)
            return 7

        def take_back(self, comment: int) -> None:
            assert comment == 7
            said.clear()

        def read(self, _: int) -> PullRequest:
            ((pull,),) = self.pulls.values()
            return pull

        def refresh(self, _: int, *, title: str, body: str) -> PullRequest:
            """A person puts it on hold meanwhile."""
            self.pulls = {
                name: (replace(pull, title=title, body=body, labels=("hold",)),) for name, (pull,) in self.pulls.items()
            }
            return self.read(1)

    said: list[str] = []
    shop = started(alone())
    shop.forge = Held()
    updated("production")(shop)
    shop.run(THREE, "production", days=0)
    updated("production")(shop)
    ((pull,),) = shop.forge.pulls.values()
    assert (said, pull.state, body.is_closed_by_bot(pull.body)) == ([], "open", False)


@rows("moves code fails", {
    "the base has moved, and has it": (True, "failed.forge", False),
    "nothing has moved": (False, "failed.forge", True),
    "the token may not do it, wherever the base is": (True, "failed.auth", True),
})  # fmt: skip
def test_what_cannot_be_opened_since_it_was_merged_meanwhile_is_no_failure(
    moves: bool, code: FailureCode, fails: bool
) -> None:
    problem, asked = Problem(code, "there are no commits between them"), []

    class Refuses(Forge):
        def open(self, *, branch: str, **_: object) -> NoReturn:
            asked.append(branch)
            if moves:
                shop.run(THREE, "production", days=0)
            raise ForgeError(problem)

    shop = started(alone())
    shop.forge = Refuses()
    (environment,) = update(shop.world, shop.facts("production").snapshot, Request(Poll())).body.environments
    assert [failed.problem for failed in environment.failed] == [problem] * fails
    assert len(asked) == 1
