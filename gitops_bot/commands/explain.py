"""Why entries get the pins that they get: the decisions of `update`, told step by step by their own traces, and offline
with `--policy`, what a policy makes of a list of tags.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot import config
from gitops_bot.engine import pullable
from gitops_bot.engine.candidates.poll import MOST_LEFT_OUT, times_for
from gitops_bot.engine.drive import drive
from gitops_bot.engine.facts import Facts, ask_known
from gitops_bot.engine.read import read
from gitops_bot.engine.request import Request
from gitops_bot.engine.update import plan
from gitops_bot.errors import BotError, ConfigError, Problem, RegistryError, UsageError
from gitops_bot.images import age, inference
from gitops_bot.images import explain as images
from gitops_bot.images import policy as policies
from gitops_bot.images.explain import PolicySelection, removed_by
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver, describe
from gitops_bot.images.reason import Reason, Unmanaged
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Change, Failed, Held, Kept, has_failed
from gitops_bot.results.explained import AskedTag, Explained, Explanations, PassedGate, PolicySource
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Promotion
    from gitops_bot.engine.context import Context, Judged, Planned
    from gitops_bot.engine.read import Scope
    from gitops_bot.engine.world import World
    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed
    from gitops_bot.results.explained import EntryOutcome, Kind

#: How problems name the text of the policy.
_FILE: Final = "--policy"


def explain(world: World, scope: Scope, image: str, tag: str | None = None) -> Result[Explanations]:
    """Explain the entries of the only environment of the scope that `image` means, and why `tag` is not chosen.

    Raises:
        UsageError, ConfigError: no entry is meant; or a hold names nothing, so nothing of the environment is decided.
        GitError, ForgeError: the environment cannot be decided.
    """
    (name,), known = scope.names, scope.config.environments
    if name not in known and image in known:
        advice = f"the environment comes first: `gitops-bot explain {image} {name[:100]}`"
        raise UsageError(Problem("failed.usage", f"there is no environment {name[:100]!r}", advice))
    snapshot = read(world, scope)
    (environment,) = snapshot.environments
    state = snapshot.states[environment.name]
    entries, unread = state.matching(image), [*snapshot.layout.selection.problems]
    unread += [failed.problem for each in snapshot.states.values() for failed in each.failed]
    if not entries:
        raise UsageError(*unread, *([] if unread and not state.entries else [state.unknown(image)]))
    facts, request = Facts(snapshot), Request(dry_run=True)
    (planned,) = plan(world, facts, request, [environment])
    if isinstance(planned, BotError):
        raise type(planned)(*dict.fromkeys([*unread, *planned.problems]))
    asked, *after_failure = planned.decided
    judged: defaultdict[EntryKey, list[Judged]] = defaultdict(list)
    for item in (*asked.judged, *planned.carried):
        if item.decision.entry is not None:
            judged[item.decision.entry.key].append(item)
    failed = {item.candidate.decision.entry: item for decided in after_failure for item in decided.judged}
    final = _final_decisions(planned)
    explanations: list[Explained] = []
    problems: list[Problem] = []
    telling = [_explain(planned.context, entry, judged[entry.key], final.get(entry.key), tag) for entry in entries]
    for explained in drive(world, facts, telling):
        if isinstance(explained, BotError):
            problems += explained.problems
            continue
        after = failed.get(explained.entry)
        explanations.append(explained if after is None else _with_failures(explained, after))
        problems += [explained.problem] if explained.problem is not None else []
    if any(explained.reason.code == "unmanaged" for explained in explanations):
        problems += unread  # its source may have the entry where nothing was found
    head = Head(snapshot.repository, snapshot.branch, snapshot.commit, tuple(dict.fromkeys(problems)))
    return Result(head, tuple(explanations))


def _final_decisions(planned: Planned) -> Mapping[EntryKey, Decision]:
    """What becomes of each entry once pull requests have their say; nothing where it is committed to the branch."""
    if planned.context.environment.propose.as_ == "commit":
        return {}
    decisions: list[Decision] = [item for item in planned.decisions if isinstance(item, Held | Failed)]
    for proposal in planned.proposals:
        decisions += proposal.changes if proposal.kind != "failure" else ()
    return {item.entry.key: item for item in decisions if item.entry is not None}


async def _explain(
    context: Context, entry: Managed, judged: Sequence[Judged], final: Decision | None, tag: str | None
) -> Explained:
    """`judged`: what was decided, and the pin that an open proposal carries, if one does."""
    gates, decision = [gate for passed in judged for gate in _gates(passed)], judged[0].decision
    if final is not None and isinstance(decision, Change):  # pull requests decide after all gates
        stopped = isinstance(final, Held | Failed)
        decision = final if stopped else decision
        gates.append(_passed("proposal", "no pull request is in its way", final, stopped=stopped))
    promoted = entry.key in context.state.partners
    policy = source_of(entry, context.environment.promotion if promoted else None)
    left_out = judged[0].candidate.left_out
    selection = None if promoted else await select(context.facts, entry, context.snapshot.at, left_out)
    outcome, pin = _outcome(decision)
    explained = Explained(
        policy=policy,
        current=entry.pin,
        outcome=outcome,
        reason=_reason(decision),
        pin=pin,
        selection=selection or PolicySelection(),
        entry=entry,
        gates=tuple(gates),
        seen=decision.seen if isinstance(decision, Change | Held) else (),
        problem=decision.problem if isinstance(decision, Failed) else None,
    )
    if tag is not None:
        explained = replace(explained, asked=await _answer(context, entry, explained, selection, tag))
    return explained


def _with_failures(explained: Explained, after: Judged) -> Explained:
    """With what its checks said after its release."""
    stopped = not isinstance(after.decision, Kept) or has_failed(after.candidate.seen)
    gate = _passed("afterwards", "no check failed after its release", after.decision, stopped=stopped)
    return replace(explained, gates=(*explained.gates, gate), seen=(*explained.seen, *after.candidate.seen))


def _gates(judged: Judged) -> list[PassedGate]:
    """The gates that the decision went through, those of the choice as one with it."""
    before, gates = judged.candidate.decision, []
    if chosen := [after for gate, after in judged.trace if gate.shown == "choice"]:
        before = chosen[-1]
        gates.append(_passed("choice", "may be chosen", before, stopped=isinstance(before, Held | Failed)))
    for gate, after in judged.trace[len(chosen) :]:
        stopped = after != before and not isinstance(after, Change)
        if stopped or gate.shown != "stop":
            gates.append(_passed(gate.name, gate.words, after, stopped=stopped))
        before = after
    return gates


def _passed(name: str, words: str, decision: Decision, *, stopped: bool) -> PassedGate:
    """A gate with what it made of the decision."""
    return PassedGate(name, words, passed=not stopped, reason=_reason(decision) if stopped else None)


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


async def select(facts: Facts, entry: Managed, at: datetime, left_out: Mapping[str, str]) -> PolicySelection | None:
    """What the policy made of the registry's list; None where there is no policy, or no list.

    `left_out` are the tags that were found to name no image, each with why; the others of the best are looked at, too.
    """
    policy, image = entry.policy, entry.repository
    if policy is None or image is None or entry.rules.ignore:
        return None
    try:
        tags = entry.entry.of_major(await facts.tags(image))
        if isinstance(policy, Newest):
            times = (await times_for(facts, image, policy, tags, entry.pin)).times
            return images.explain(policy, tags, entry.pin, times, at, left_out)
    except RegistryError:
        return None
    others: Mapping[str, str] | None = None
    while others is None or (others and len(left_out) <= MOST_LEFT_OUT):
        left_out = {**left_out, **(others or {})}
        selection = images.explain(policy, tags, entry.pin, {}, at, left_out)
        digests = await ask_known(
            {best.tag: facts.digest(image, best.tag, will_read=True) for best in selection.candidates}
        )
        others = await _left_out(facts, entry, image, [best.tag for best in selection.candidates])
    # When each of the best was built, as far as its image says.
    builds = await ask_known({tag: facts.describe(image, digest) for tag, digest in digests.items()})
    claims = {tag: build.created for tag, build in builds.items()}
    timed = (
        replace(best, built=age.usable(claims.get(best.tag), at), claimed=claims.get(best.tag))
        for best in selection.candidates
    )
    return replace(selection, candidates=tuple(timed))


async def _left_out(facts: Facts, entry: Managed, image: ImageName, tags: Sequence[str]) -> Mapping[str, str]:
    """Those of these tags that name no image, as far as it can be told, each with why."""
    found = {}
    for tag in tags:
        with suppress(RegistryError):
            if (why := await pullable.why_left_out(facts, entry, image, tag)) is not None:
                found[tag] = why
    return found


async def _answer(
    context: Context, entry: Managed, explained: Explained, selection: PolicySelection | None, tag: str
) -> AskedTag:
    """Why this tag is chosen, or why not."""
    if explained.pin is not None and explained.pin.tag == tag and explained.outcome == "chosen":
        return AskedTag(tag, None, "it is chosen")
    if explained.policy.kind == "promotion" and (explained.pin is None or explained.pin.tag != tag):
        source = context.environment.promotion.source if context.environment.promotion is not None else ""
        return AskedTag(tag, None, f"only what {source} runs is promoted, and it does not run this tag")
    if selection is None or entry.policy is None or entry.repository is None:
        return AskedTag(tag, None, explained.reason.text)
    if not entry.entry.is_within(tag):
        return AskedTag(tag, None, f"beside the image stands `major: {entry.entry.major}`")
    decided = (explained.reason, explained.pin)
    return why_not(entry.policy, await context.facts.tags(entry.repository), tag, entry.pin, selection, decided)


def source_of(entry: Managed, promotion: Promotion | None) -> PolicySource:
    """What chooses for an entry: the promotion, where its environment gets it from another one, else its policy."""
    if promotion is not None:
        file, line, _ = promotion.place
        return PolicySource(None, "promotion", "config", f"promoted from {promotion.source}", f"{file}:{line}")
    named = entry.rules.policy
    if named is None:
        return PolicySource(None, "none", "config", entry.rules.unmanaged.text if entry.rules.unmanaged else "none")
    return PolicySource(named.name, kind_of(named.policy), named.origin, describe(named.policy), named.place)


def kind_of(policy: Policy) -> Kind:
    """The kind of a policy, as scripts know it."""
    match policy:
        case Semver():
            return "semver"
        case Pattern():
            return "pattern"
        case Newest():
            return "newest"
        case Follow():
            return "digest"
    assert_never(policy)


def why_not(
    policy: Policy,
    tags: Sequence[str],
    tag: str,
    current: Pin,
    selection: PolicySelection,
    decided: tuple[Reason, Pin | None],
) -> AskedTag:
    """Why this tag is not what was `decided`, which is the reason, with what is chosen or held back."""
    reason, pin = decided
    if pin is not None and pin.tag == tag:
        return AskedTag(tag, None, f"it is held: {reason.text}" if reason.code.startswith("held.") else "it is chosen")
    rule = removed_by(policy, tags, tag, current.tag)
    if rule == "listed":
        return AskedTag(tag, rule, "the registry does not list it")
    if rule is not None:
        return AskedTag(tag, rule, f"it does not pass `{rule}`")
    if tag == current.tag:
        return AskedTag(tag, None, "it is pinned now")
    if tag in selection.left_out:
        return AskedTag(tag, *selection.left_out[tag])
    best = [candidate.tag for candidate in selection.candidates]
    rank = best.index(tag) if tag in best else len(best)
    end = pin.tag if pin is not None else current.tag
    if rank < (best.index(end) if end in best else 1):
        first = "it is the first in the order" if rank == 0 else f"it comes before {end}"
        return AskedTag(tag, None, f"{first}, but not chosen: {reason.text}")
    if rank == 1:
        others = f"{best[0]} comes first"
    else:
        least = "" if rank < len(best) else "at least "
        others = f"{least}{rank} others come first, {best[0]} the first of them"
    return AskedTag(tag, None, f"it is admitted, but {others}")


def try_policy(written: str, tags: Sequence[str], current: Pin, tag: str | None, now: datetime) -> Result[Explanations]:
    """What a policy makes of these tags for the pin `current`, and why not `tag`; a ConfigError if it is none."""
    read = config.read_policy(written, _FILE)
    tried = inference.infer(current) if read == "auto" else read
    if isinstance(tried, Unmanaged):
        raise ConfigError(Problem("failed.config", tried.text, "give the present tag with --current", _FILE))
    unknown = dict.fromkeys(tags) if isinstance(tried, Newest) else {}
    selection = images.explain(tried, tags, current, unknown, now)
    if isinstance(tried, Newest):
        choice = age.choose_newest(tried, tags, unknown, current, None, now)
    else:
        choice = policies.choose(tried, tags, current)
    outcome: EntryOutcome
    pin: Pin | None
    match choice:
        case policies.Chosen(tag=chosen):
            outcome, pin = "chosen", Pin(chosen)
        case policies.HeldChoice(candidate=candidate):
            outcome, pin = "held", Pin(candidate) if candidate is not None else None
        case policies.Current():
            outcome, pin = "current", None
        case _:
            assert_never(choice)
    reason = _offline(tried, choice.reason)
    asked = None if tag is None else why_not(tried, tags, tag, current, selection, (reason, pin))
    source = PolicySource(None, kind_of(tried), "inferred" if read == "auto" else "config", describe(tried))
    return Result(Head(), (Explained(source, current, outcome, reason, pin, selection, asked),))


def _offline(policy: Policy, reason: Reason) -> Reason:
    """The reason, with the note that a list of tags has no build times."""
    if isinstance(policy, Follow) or (reason.code != "held.age_unknown" and not policy.minimum_age):
        return reason
    lacking = "a list of tags has no build times: `gitops-bot explain ENV IMAGE` asks the registry"
    if isinstance(policy, Newest):
        return replace(reason, text=lacking) if reason.code == "held.age_unknown" else reason
    return reason.with_more(f"its `minimum_age` is not checked, {lacking}")
