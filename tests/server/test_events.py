from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.decisions import Failed, Held
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.server.cycles import MOST, Events, counts
from tests.managed import alter
from tests.proposals.sample import HEAD, WEB, action, carried_out, change, entry, kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.server.cycles import Event

HELD = Held(entry(), Pin("v2"), Reason("held.soak", "staging has run v2 for 3 hours, and 4 are wanted"))
FAILED = Failed(entry("api"), Problem("failed.registry", "ghcr.io answered 503", "run again later"))
BROKEN = Failed(None, Problem("failed.edit", "no YAML", "correct it", WEB, 3, 1))
PULL = PullRequest(7, "https://github.com/acme/deploy/pull/7", "open", "gitops-bot/staging/all", "main", HEAD, "t", "b")
OPENED = carried_out(
    "open", change(), change("proxy"), reason=Reason("chosen", "none is open"), pull_request=PULL, commit=HEAD
)


def outcome(
    *proposals: Proposal, held: Sequence[Held] = (), failed: Sequence[Failed] = (), unchanged: int = 0
) -> Outcome:
    staging = EnvironmentOutcome("staging", (*held, *failed, *kept(unchanged)), proposals)
    return Outcome((staging,))


def told(events: Events, found: Outcome) -> list[Event]:
    return list(events.of(found, written=True))


def names(facts: list[Event]) -> list[str]:
    return [fact.name for fact in facts]


def test_what_was_written_is_told_with_all_that_leads_to_it() -> None:
    (fact,) = told(Events(), outcome(OPENED))
    assert fact.name == "proposal.written"
    assert fact.facts == {
        "environment": "staging",
        "group": "all",
        "action": "open",
        "branch": "gitops-bot/staging/all",
        "commit": HEAD,
        "pull_request": 7,
        "url": "https://github.com/acme/deploy/pull/7",
        "changes": 2,
        "reason": "none is open",
    }


def test_each_writing_is_told_and_what_was_left_alone_is_not() -> None:
    events = Events()
    assert names(told(events, outcome(OPENED))) == ["proposal.written"]
    refreshed, same, left = (
        alter(OPENED, action=action(name, OPENED.action.reason)) for name in ("refresh", "none", "leave")
    )
    assert names(told(events, outcome(refreshed))) == ["proposal.written"]
    assert told(events, outcome(same, left)) == []


def test_failures_and_holds_are_told_with_their_place_and_the_way_out() -> None:
    facts = {fact.name: fact.facts for fact in told(Events(), outcome(held=[HELD], failed=[FAILED]))}
    assert facts == {
        "entry.failed": {
            "environment": "staging",
            "code": "failed.registry",
            "message": "ghcr.io answered 503",
            "next": "run again later",
            "file": WEB,
            "entry": "api",
            "image": "docker.io/library/api",
            "line": None,
        },
        "entry.held": {
            "environment": "staging",
            "code": "held.soak",
            "message": "staging has run v2 for 3 hours, and 4 are wanted",
            "file": WEB,
            "entry": "web",
            "image": "docker.io/library/web",
            "candidate": "v2",
        },
    }


def test_a_claim_of_nobody_is_told_too() -> None:
    problem = Problem("failed.edit", "no overlay matches apps/*/prod", "correct the glob")
    (fact,) = told(Events(), alter(outcome(), problems=(problem,)))
    assert (fact.name, fact.facts["environment"], fact.facts["message"]) == ("entry.failed", None, problem.message)


LATER = Held(HELD.entry, HELD.candidate, Reason("held.soak", "staging has run v2 for 4 hours"))
NEWER = Held(HELD.entry, Pin("v3"), HELD.reason)
OTHER = Held(HELD.entry, HELD.candidate, Reason("held.downgrade", "v2 is older"))
SECOND: dict[str, tuple[Outcome, list[str]]] = {
    "the same": (outcome(held=[HELD], failed=[FAILED]), []),
    "the hold counts hours": (outcome(held=[LATER], failed=[FAILED]), []),
    "another candidate": (outcome(held=[NEWER], failed=[FAILED]), ["entry.held"]),
    "another reason": (outcome(held=[OTHER], failed=[FAILED]), ["entry.held"]),
    "another failure beside it": (outcome(held=[HELD], failed=[FAILED, BROKEN]), ["entry.failed"]),
    "nothing any more": (outcome(), []),
}


@pytest.mark.parametrize(("second", "expected"), SECOND.values(), ids=SECOND)
def test_what_the_last_cycle_told_is_not_told_again(second: Outcome, expected: list[str]) -> None:
    events = Events()
    assert names(told(events, outcome(held=[HELD], failed=[FAILED]))) == ["entry.failed", "entry.held"]
    assert names(told(events, second)) == expected


def test_a_registry_that_is_gone_makes_no_flood() -> None:
    failed = [Failed(entry(f"image{number}"), FAILED.problem) for number in range(MOST + 7)]
    events = Events()
    facts = told(events, outcome(failed=failed))
    assert names(facts) == ["entry.failed"] * MOST + ["entry.failed.more"]
    assert facts[-1].facts == {"count": 7}
    assert told(events, outcome(failed=failed)) == []


def test_the_counts_of_a_cycle_count_each_entry_once() -> None:
    waiting = Held(alter(OPENED.changes[0].entry, pin=Pin("v1")), Pin("v3"), HELD.reason)
    frozen = Held(entry("frozen"), None, Reason("held.hold", "the fair", {"image": None}))
    found = outcome(OPENED, held=[waiting, frozen], failed=[FAILED], unchanged=5)
    assert counts(found, written=False)["written"] == 0
    assert counts(found, written=True) == {
        "written": 1,
        "changed": 1,
        "held": 1,
        "frozen": 1,
        "failed": 1,
        "unchanged": 5,
        "ignored": 0,
        "unmanaged": 0,
        "open_proposals": 1,
    }
    assert set(counts(alter(found, environments=()), written=True).values()) == {0}
