"""One decision for each entry that a request means: its candidate, behind all gates. Pure, but for who asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.ask import Failure, Work, settle, settle_each
from gitops_bot.engine.candidates.pins import assigned
from gitops_bot.engine.candidates.poll import polled
from gitops_bot.engine.candidates.promoted import promoted
from gitops_bot.engine.candidates.roll_back import rolled_back
from gitops_bot.engine.context import Candidate, Candidates
from gitops_bot.engine.gates import through
from gitops_bot.engine.request import Pins, Poll, Promote, RollBack, Withdraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.world import World
    from gitops_bot.releases.decisions import Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions about the entries of one environment, and the candidates that they were made of."""

    known: Context
    candidates: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]
    named: frozenset[tuple[str, str]]


def decided(world: World, facts: Facts, environments: Sequence[Context | Failure]) -> list[Decided | Failure]:
    """The decisions about each environment, given what is proposed already: the candidates, behind all gates."""
    begun = settle_each(world, facts, environments, lambda known: (known, candidates(known)))
    works = [
        [] if isinstance(own, Failure) else [work.then(partial(_judged, known=own[0])) for work in own[1].works]
        for own in begun
    ]
    answers = iter(settle(world, facts, [*chain.from_iterable(works)]))
    return [_together(own, list(islice(answers, len(asked)))) for own, asked in zip(begun, works, strict=True)]


def _judged(candidate: Candidate, known: Context) -> tuple[Candidate, Decision]:
    return candidate, through(candidate, known)


def _together(
    begun: tuple[Context, Candidates] | Failure, answers: Sequence[tuple[Candidate, Decision] | Failure]
) -> Decided | Failure:
    """What the answers about the entries of one environment come to: one that fails fails all of it."""
    if isinstance(begun, Failure):
        return begun
    made = []
    for answer in answers:
        if isinstance(answer, Failure):
            return answer
        made.append(answer)
    known, asked = begun
    judged = tuple(candidate for candidate, _ in made)
    return Decided(known, judged, tuple(decision for _, decision in made), asked.named)


def candidates(known: Context) -> Candidates:
    """Where the candidates of an environment come from.

    Raises:
        Needs: history or pull requests have to be read first.
        UsageError: what is named cannot be meant.
    """
    match known.request.what:
        case Poll():
            return polled(known)
        case Pins() as asked:
            return assigned(known, asked)
        case Promote() as asked:
            return promoted(known, asked)
        case RollBack() as asked:
            return rolled_back(known, asked)
        case Withdraw(entries=entries):
            return Candidates([Work.of(Candidate(held)) for held in entries])
        case _:
            assert_never(known.request.what)
