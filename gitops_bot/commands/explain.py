"""Why entries get the pins that they get: the decisions of `update`, told step by step. Nothing is written.

The decision is made as always; what led to it is read again from the same facts, so the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, assert_never

from gitops_bot.engine.ask import Failure, Work, settle
from gitops_bot.engine.candidates.poll import times_for
from gitops_bot.engine.facts import Facts, Needs
from gitops_bot.engine.gates import CHOICE, GATES
from gitops_bot.engine.pipe import lost_hold
from gitops_bot.engine.plan import plan
from gitops_bot.engine.request import Request
from gitops_bot.errors import ConfigError, RegistryError, UsageError
from gitops_bot.images import explain as images
from gitops_bot.images.age import usable
from gitops_bot.images.explain import Selection
from gitops_bot.images.kinds import Newest
from gitops_bot.images.reason import Reason
from gitops_bot.releases.decisions import Change, Failed, Held, Kept
from gitops_bot.results.explained import (
    AskedTag,
    Explained,
    Explanations,
    PassedGate,
    source_of,
    why_not,
)
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.context import Candidate, Context
    from gitops_bot.engine.plan import Planned
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.releases.decisions import Decision, Managed
    from gitops_bot.results.explained import EntryOutcome

#: What pull requests decide, after all gates.
_PROPOSAL: Final = "proposal"


def explain(world: World, snapshot: Snapshot, image: str, tag: str | None = None) -> Result[Explanations]:
    """Explain the entries of the only environment of the snapshot that `image` means, and why `tag` is not chosen.

    Raises:
        UsageError: no entry is meant.
        ConfigError: a hold names nothing, so nothing of the environment is decided.
        GitError, ForgeError: the environment cannot be decided.
    """
    (environment,) = snapshot.environments
    entries = snapshot.matching(environment.name, image)
    if not entries:
        raise UsageError(snapshot.unknown(environment.name, image))
    facts, request = Facts(), Request(dry_run=True)
    if (problem := lost_hold(snapshot, request, environment)) is not None:
        raise ConfigError(problem)
    (planned,) = plan(world, snapshot, facts, request, [environment])
    if isinstance(planned, Failure):
        raise planned
    decided = zip(planned.decided.candidates, planned.decided.decisions, strict=True)
    by_key = {item.entry.key: (candidate, item) for candidate, item in decided if item.entry is not None}
    final = _proposed(planned)
    works = [
        Work(
            partial(_explained, planned.known, *by_key[entry.key], final.get(entry.key), tag),
            entry.repository,
        )
        for entry in entries
    ]
    explanations = []
    for explained in settle(world, facts, works):
        if isinstance(explained, Failure):
            raise explained
        explanations.append(explained)
    problems = tuple(dict.fromkeys(item.problem for item in explanations if item.problem is not None))
    return Result(Head(snapshot.repository, snapshot.branch, snapshot.commit, problems), tuple(explanations))


def _proposed(planned: Planned) -> Mapping[tuple[str, str], Decision]:
    """What becomes of each entry once pull requests have their say; nothing where it is committed to the branch."""
    if not planned.known.by_pull_request:
        return {}
    decisions: list[Decision] = [*planned.outcome.held, *planned.outcome.failed]
    for proposal in planned.outcome.proposals:
        decisions += proposal.changes
    return {item.entry.key: item for item in decisions if item.entry is not None}


def _explained(
    known: Context, candidate: Candidate, after: Decision, final: Decision | None, tag: str | None
) -> Explained:
    entry = candidate.decision.entry
    assert entry is not None  # noqa: S101 - it was found by its entry
    gates = _gates(known, candidate)
    decision = after
    if final is not None and isinstance(after, Change):
        if isinstance(final, Held | Failed):
            decision = final
            gates.append(PassedGate(_PROPOSAL, passed=False, reason=_reason(final)))
        else:
            gates.append(PassedGate(_PROPOSAL, passed=True))
    promoted = entry.key in known.snapshot.promoted(known.environment.name)
    policy = source_of(entry, known.environment.promotion if promoted else None)
    selection = None if promoted else select(known.facts, entry, known.snapshot.at)
    outcome, pin = _outcome(decision)
    explained = Explained(
        policy=policy,
        current=entry.pin,
        outcome=outcome,
        reason=_reason(decision),
        pin=pin,
        selection=selection or Selection(),
        entry=entry,
        gates=tuple(gates),
        problem=decision.problem if isinstance(decision, Failed) else None,
    )
    if tag is not None:
        explained = replace(explained, asked=_asked(known, entry, explained, selection, tag))
    return explained


def _gates(known: Context, candidate: Candidate) -> list[PassedGate]:
    """Each gate in its order, and those that belong to the choice as one with it."""
    decision, known = candidate.decision, replace(known, given=candidate.given)
    gates = []
    for (name, quiet), group in groupby(GATES, lambda gate: (gate.name, gate.quiet)):
        before = decision
        for gate in group:
            decision = gate.judge(decision, known)
        is_choice = name == CHOICE and isinstance(decision, Held | Failed)
        stopped = is_choice or (name != CHOICE and decision != before and not isinstance(decision, Change))
        if stopped or not quiet:
            gates.append(PassedGate(name, passed=not stopped, reason=_reason(decision) if stopped else None))
    return gates


def _reason(decision: Decision) -> Reason:
    if isinstance(decision, Failed):
        return Reason(decision.problem.code, decision.problem.message)
    return decision.reason


def _outcome(decision: Decision) -> tuple[EntryOutcome, Pin | None]:
    match decision:
        case Change(after=after):
            return "chosen", after
        case Held(candidate=candidate):
            return "held", candidate
        case Failed():
            return "failed", None
        case Kept(reason=reason):
            return ("ignored" if reason.code in ("ignored", "unmanaged") else "current"), None
        case _:
            assert_never(decision)


def select(facts: Facts, entry: Managed, at: datetime) -> Selection | None:
    """What the policy made of the registry's list; None where there is no policy, or no list."""
    policy, image = entry.policy, entry.repository
    if policy is None or image is None or entry.rules.ignore:
        return None
    try:
        tags = facts.tags(image)
    except RegistryError:
        return None
    if isinstance(policy, Newest):
        try:
            times = times_for(facts, image, policy, tags, entry.pin).times
        except RegistryError:
            return None
        return images.explain(policy, tags, entry.pin, times, at)
    selection = images.explain(policy, tags, entry.pin, {}, at)
    built = _built(facts, image, [candidate.tag for candidate in selection.candidates], at)
    timed = tuple(replace(candidate, built=built[candidate.tag]) for candidate in selection.candidates)
    return replace(selection, candidates=timed)


def _built(facts: Facts, image: ImageName, tags: Sequence[str], at: datetime) -> dict[str, datetime | None]:
    """When each of these tags was built, as far as its image says."""
    times: dict[str, datetime | None] = dict.fromkeys(tags)
    lacking: list[Any] = []
    for tag in tags:
        try:
            times[tag] = usable(facts.describe(image, facts.digest(image, tag)).created, at)
        except Needs as needs:
            lacking += needs.questions
        except RegistryError:
            continue
    if lacking:
        raise Needs(*lacking)
    return times


def _asked(known: Context, entry: Managed, explained: Explained, selection: Selection | None, tag: str) -> AskedTag:
    """Why this tag is chosen, or why not."""
    if explained.pin is not None and explained.pin.tag == tag and explained.outcome == "chosen":
        return AskedTag(tag, None, "it is chosen")
    if explained.policy.kind == "promotion" and (explained.pin is None or explained.pin.tag != tag):
        source = known.environment.promotion.source if known.environment.promotion is not None else ""
        return AskedTag(tag, None, f"only what {source} runs is promoted, and it does not run this tag")
    if selection is None or entry.policy is None or entry.repository is None:
        return AskedTag(tag, None, explained.reason.text)
    decided = (explained.reason, explained.pin)
    return why_not(entry.policy, known.facts.tags(entry.repository), tag, entry.pin, selection, decided)
