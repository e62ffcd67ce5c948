"""The gate of `require`: checks of the release that a pin comes from, those of its source, and a deployment."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gitops_bot.engine.facts import Asked, ChecksQuestion, DeploymentsQuestion, ask_all
from gitops_bot.errors import BotError
from gitops_bot.images.reason import Code, Reason
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import promotion, required
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.decisions import Change, Decision, Failed, Held, Managed, Seen
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.config.require import Require
    from gitops_bot.engine.context import Context

#: The id of a commit in full.
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class _Requirement(NamedTuple):
    """What a part of `require` asks of the forge, how answers are read, what it is about, and the code of a hold."""

    code: Code
    of: str
    questions: Sequence[Asked[Any]]
    see: Callable[[Mapping[Asked[Any], Any]], list[Seen]]


async def require(decision: Decision, context: Context) -> Decision:
    """Hold what has not succeeded as far as the forge knows, with a reason for each part of `require`."""
    if not isinstance(decision, Change):
        return decision
    if not isinstance(context.basis, Offer) and (early := _at_once(context.environment)) is not None:
        return decision.hold(early)
    if not context.environment.requires:
        return decision
    try:
        parts = await _parts(decision, context)
        asked = [part for part in parts if isinstance(part, _Requirement)]
        if asked and not context.snapshot.sees_pull_requests:
            text = "without a token for the forge, nobody knows whether what `require` asks for has succeeded; set one"
            return _hold(decision, context, Reason(asked[0].code, text))
        answers = await ask_all({question: question for part in asked for question in part.questions})
    except BotError as failure:
        return Failed(decision.entry, failure.problem)
    seen = [part.see(answers) for part in asked]
    held: Decision = replace(decision, seen=(*decision.seen, *chain.from_iterable(seen)))
    for reason in parts:
        if isinstance(reason, Reason):
            held = _hold(held, context, reason)
    for part, results in zip(asked, seen, strict=True):
        if (why := required.why_not(results, part.of)) is not None:
            held = _hold(held, context, why, failed=any(result.state == "failure" for result in results))
    return held


def _at_once(environment: Environment) -> Reason | None:
    """Why no policy chooses a pin here: an environment that it reaches wants an earlier one to have run it first."""
    for its in environment.reaches:
        if its.promotion is not None and (its.promotion.soak or its.require.checks or its.require.deployment):
            text = (
                f"it takes effect in {its.name} at once, which asks for what {its.promotion.source} has run first; "
                f"pin it in the overlays of each, or use `gitops-bot set {environment.name}`"
            )
            return Reason("held.check", text)
    return None


async def _parts(decision: Change, context: Context) -> list[_Requirement | Reason | None]:
    wanted, parts = context.environment.requires, (_checks, _source_checks, _deployment)
    return [await part(decision, context, require) for require in wanted for part in parts]


async def questions(decision: Change, context: Context) -> list[Asked[Any]]:
    """What `require` is going to ask of the forge."""
    parts = await _parts(decision, context)
    return [question for part in parts if isinstance(part, _Requirement) for question in part.questions]


async def _checks(decision: Change, context: Context, require: Require) -> _Requirement | None:
    """Checks of the commit that brought the pin to the source, and of later ones that still had it."""
    wanted, offer = require.checks, context.basis
    if not wanted or not isinstance(offer, Offer):
        return None
    commits_of = await _commits_with(decision, context, offer)

    def see(answers: Mapping[Asked[Any], Any]) -> list[Seen]:
        reported = {
            commits: required.by_name(
                (answers[ChecksQuestion(None, commit)] for commit in commits[-required.MOST_COMMITS :]), len(commits)
            )
            for commits in dict.fromkeys(commits_of.values())
        }
        seen = []
        for source, commits in commits_of.items():
            named = {**captures(context, source), **captures(context, decision.entry)}
            seen += [required.see("checks", check, named, reported[commits]) for check in wanted]
        return seen

    looked_at = [commits[-required.MOST_COMMITS :] for commits in dict.fromkeys(commits_of.values())]
    questions = [ChecksQuestion(None, commit) for commits in looked_at for commit in commits]
    return _Requirement("held.check", _release(offer, context), questions, see)


async def _source_checks(decision: Change, context: Context, require: Require) -> _Requirement | Reason | None:
    """Checks of the commit that the image claims to be built from, in the repository that the configuration names."""
    wanted = require.source_checks
    repository = wanted.repository_of(decision.entry.name, decision.entry.image) if wanted is not None else None
    if wanted is None or repository is None:
        return None
    if context.request.offline:
        return Reason("held.source_check", "the checks of its source are not asked for here; `plan` asks for them")
    if (revision := await _revision(decision, context)) is None:
        text = (
            f"{decision.entry.image} does not say from which commit of {repository} it was built; label it with "
            "org.opencontainers.image.revision"
        )
        return Reason("held.source_check", text)
    named, question = captures(context, decision.entry), ChecksQuestion(repository, revision)

    def see(answers: Mapping[Asked[Any], Any]) -> list[Seen]:
        reported = required.by_name([answers[question]])
        return [required.see("source_checks", check, named, reported) for check in wanted.checks]

    of = f"built from {revision[:10]} of {repository}, as the image claims"
    return _Requirement("held.source_check", of, [question], see)


async def _deployment(decision: Change, context: Context, require: Require) -> _Requirement | None:
    """The newest deployment, to an environment of the forge, of a commit on which the source had the pin."""
    wanted, offer = require.deployment, context.basis
    if wanted is None or not isinstance(offer, Offer):
        return None
    commits_of = await _commits_with(decision, context, offer)
    asked = {}
    for source, commits in commits_of.items():
        name = required.deployed_to(wanted, {**captures(context, source), **captures(context, decision.entry)})
        asked[source] = DeploymentsQuestion(name, commits)

    def see(answers: Mapping[Asked[Any], Any]) -> list[Seen]:
        return [required.see_deployment(wanted, its.environment, its.commits, answers[its]) for its in asked.values()]

    return _Requirement("held.deployment", _release(offer, context), list(asked.values()), see)


async def _commits_with(decision: Change, context: Context, offer: Offer) -> Mapping[Managed, tuple[str, ...]]:
    """The commits on which each overlay of the source had the pin that is offered, by the entry there."""
    running, commits_of = offer.running, {}
    line = await context.facts.line(lambda line: offer.running.arrived is not None or line.complete)
    for source in context.sources.get(decision.entry.key) or (running.entry,):
        runs = trail.runs(line, source, None) if context.snapshot.slots_of(source) is None else ()
        commits_of[source] = required.commits_with(line, next((run for run in runs if run.pin == running.pin), running))
    return commits_of


async def _revision(decision: Change, context: Context) -> str | None:
    """The commit that the image says it was built from; None where it names none."""
    image = ImageName.of(decision.new_name or decision.entry.image)
    pin = decision.after
    if image is None or (pin.digest is None and pin.tag is None):
        return None
    digest = pin.digest or await context.facts.digest(image, pin.tag or "", will_read=True)
    revision = (await context.facts.describe(image, digest)).revision or ""
    return revision if _COMMIT.fullmatch(revision) else None


def captures(context: Context, entry: Managed) -> Mapping[str, str]:
    """What the overlay of an entry captured."""
    state = context.snapshot.states.get(entry.environment or "")
    return state.captures.get(entry.file, {}) if state is not None else {}


def _release(offer: Offer, context: Context) -> str:
    running = offer.running
    if running.arrived is None:
        return f"no known commit brought it to {running.environment}; {context.facts.more}"
    return f"released to {running.environment} by {running.arrived.commit[:10]}"


def _hold(decision: Decision, context: Context, reason: Reason, *, failed: bool = False) -> Decision:
    """Hold it, unless a person lifts that. What is proposed already is withdrawn once it `failed`."""
    offer = context.basis
    if isinstance(offer, Offer):
        held = promotion.hold_for(decision, offer, reason, context.by_hand, context.snapshot.at)
    else:
        held = decision.hold(reason) if isinstance(decision, Change | Held) else decision
    return withdraw_failed(held, context) if isinstance(held, Held) and failed else held


def withdraw_failed(held: Held, context: Context) -> Held:
    """An entry whose candidate failed: if the open proposal has that very image, it goes too.

    One that a person promoted whatever checks say stays.
    """
    proposed, key = context.branches.proposed.get(held.entry.key), held.entry.key
    is_proposed = proposed is not None and held.candidate is not None and promotion.is_same(proposed, held.candidate)
    return replace(held, withdraws=held.withdraws or (is_proposed and key not in context.branches.despite_checks))
