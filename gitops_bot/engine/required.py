"""The gates of `require`: checks of the release that a pin comes from, of its source, and a deployment.

Everything that they ask of the forge is asked at once, and only for what would go on otherwise.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine.ask import ChecksQuestion, DeploymentsQuestion, Several
from gitops_bot.errors import BotError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import promotion, required
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.decisions import Change, Failed, Held
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.images.reason import Code
    from gitops_bot.releases.decisions import Decision, Managed, Seen

#: The id of a commit in full.
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


async def checks(decision: Decision, context: Context) -> Decision:
    """Hold what the forge does not tell to have succeeded on the commit that brought it to the source, or later."""
    wanted = context.environment.require.checks
    if not wanted or not isinstance(decision, Change) or not isinstance(context.given, Offer):
        return decision
    if (unknown := _unknown(decision, context, "held.check")) is not None:
        return unknown
    await _ask_together(decision, context)
    seen = []
    try:
        for source, commits in (await _stood(decision, context, context.given)).items():
            reported = [check for commit in commits for check in await ChecksQuestion(None, commit)]
            captures = {**_captures(context, source), **_captures(context, decision.entry)}
            seen += [required.see("checks", check, captures, reported) for check in wanted]
    except BotError as failure:
        return Failed(decision.entry, failure.problem)
    return _judged(decision, context, seen, _release(context.given))


async def source_checks(decision: Decision, context: Context) -> Decision:
    """Hold an image if checks of the commit that it was built from have not succeeded.

    Which commit that is, the image claims; of which repository, the configuration says.
    """
    wanted = context.environment.require.source_checks
    if wanted is None or not isinstance(decision, Change):
        return decision
    repository = wanted.repository_of(decision.entry.name, decision.entry.image)
    if repository is None:
        return decision
    if (unknown := _unknown(decision, context, "held.source_check")) is not None:
        return unknown
    if context.request.offline:
        text = "the checks of its source are not asked for here; `plan` asks for them"
        return _hold(decision, context, Reason("held.source_check", text))
    try:
        revision = await _revision(decision, context)
        if revision is None:
            text = (
                f"{decision.entry.image} does not say from which commit of {repository} it was built; label it with "
                "org.opencontainers.image.revision"
            )
            return _hold(decision, context, Reason("held.source_check", text))
        await _ask_together(decision, context)
        reported = await ChecksQuestion(repository, revision)
    except BotError as failure:
        return Failed(decision.entry, failure.problem)
    captures = _captures(context, decision.entry)
    seen = [required.see("source_checks", check, captures, reported) for check in wanted.checks]
    return _judged(decision, context, seen, f"built from {revision[:10]} of {repository}, as the image claims")


async def deployment(decision: Decision, context: Context) -> Decision:
    """Hold what the newest deployment to an environment of the forge has not brought there."""
    name = context.environment.require.deployment
    if name is None or not isinstance(decision, Change) or not isinstance(context.given, Offer):
        return decision
    if (unknown := _unknown(decision, context, "held.deployment")) is not None:
        return unknown
    await _ask_together(decision, context)
    try:
        deployed = await DeploymentsQuestion(name)
        stood = await _stood(decision, context, context.given)
    except BotError as failure:
        return Failed(decision.entry, failure.problem)
    seen = [required.see_deployment(name, commits, deployed) for commits in stood.values()]
    return _judged(decision, context, seen, _release(context.given))


async def _ask_together(decision: Change, context: Context) -> None:
    """Ask for all that the gates of a decision need, at once; failures are told where an answer is used."""
    require = context.environment.require
    questions: list[ChecksQuestion | DeploymentsQuestion] = []
    if isinstance(context.given, Offer):
        if require.checks:
            stood = await _stood(decision, context, context.given)
            questions += (ChecksQuestion(None, commit) for commits in stood.values() for commit in commits)
        if require.deployment is not None:
            questions.append(DeploymentsQuestion(require.deployment))
    source = require.source_checks
    repository = source.repository_of(decision.entry.name, decision.entry.image) if source is not None else None
    if repository is not None and not context.request.offline:
        try:
            revision = await _revision(decision, context)
        except BotError:
            revision = None
        if revision is not None:
            questions.append(ChecksQuestion(repository, revision))
    await Several(list(dict.fromkeys(questions)))


async def _stood(decision: Change, context: Context, offer: Offer) -> Mapping[Managed, Sequence[str]]:
    """The commits on which the pin that is offered stood in each overlay of the source, by the entry there."""
    running, stood = offer.running, {}
    line = await context.facts.line(lambda line: offer.running.arrived is not None or line.complete)
    for source in context.sources.get(decision.entry.key) or (running.entry,):
        in_slot = context.snapshot.slots_of(source) is not None
        own = None if in_slot else next((run for run in trail.runs(line, source) if run.pin == running.pin), None)
        stood[source] = required.commits_with(line, own or running)
    return stood


async def _revision(decision: Change, context: Context) -> str | None:
    """The commit that the image says it was built from; None where it names none."""
    image = ImageName.of(decision.new_name or decision.entry.image)
    pin = decision.after
    if image is None or (pin.digest is None and pin.tag is None):
        return None
    digest = pin.digest or await context.facts.digest(image, pin.tag or "")
    revision = (await context.facts.describe(image, digest)).revision or ""
    return revision if _COMMIT.fullmatch(revision) else None


def _captures(context: Context, entry: Managed) -> Mapping[str, str]:
    state = context.snapshot.states.get(entry.environment or "")
    return state.captures.get(entry.file, {}) if state is not None else {}


def _release(offer: Offer) -> str:
    """The release that is asked about, for people."""
    running = offer.running
    if running.arrived is None:
        return f"{running.environment} runs it since before the known history (fetch more: `fetch-depth: 0`)"
    return f"released to {running.environment} by {running.arrived.commit[:10]}"


def _unknown(decision: Change, context: Context, code: Code) -> Decision | None:
    """What becomes of it where there is nobody to ask; None where there is."""
    if context.facts.has_forge:
        return None
    text = "without a token for the forge, nobody knows whether what `require` asks for has succeeded; set one"
    return _hold(decision, context, Reason(code, text))


def _judged(decision: Change, context: Context, seen: Sequence[Seen], of: str) -> Decision:
    decision, reason = replace(decision, seen=(*decision.seen, *seen)), required.why_not(seen, of)
    return decision if reason is None else _hold(decision, context, reason)


def _hold(decision: Change, context: Context, reason: Reason) -> Decision:
    """Hold it, unless a person lifts that. What is proposed already is withdrawn once it failed."""
    given = context.given
    held = (
        promotion.hold_for(decision, given, reason, context.by_hand, context.snapshot.at)
        if isinstance(given, Offer)
        else decision.hold(reason)
    )
    proposed = context.existing.proposed.get(decision.entry.key)
    if not isinstance(held, Held) or reason.data.get("state") != "failure" or proposed is None:
        return held
    return replace(held, withdraws=held.withdraws or promotion.is_same(proposed, decision.after))
