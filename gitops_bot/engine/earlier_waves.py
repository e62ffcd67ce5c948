"""The gate of earlier waves: what failed a check after its release there goes no further, however long ago that was."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from gitops_bot.engine.facts import Asked, ChecksQuestion, ask_all, several
from gitops_bot.engine.required import captures, questions, withdraw_failed
from gitops_bot.errors import BotError
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import promotion, required
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.decisions import Change, Decision, Failed, Held, Managed
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from gitops_bot.engine.context import Context
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.checks import CommitChecks
    from gitops_bot.releases.history.line import Line

_LIFT = "`--release-hold` promotes it anyway"


async def not_failed(decision: Decision, context: Context) -> Decision:
    """Hold a pin whose newest result by `require_after` is a failure in its source, or in any wave before that.

    What is pending or was never reported holds nothing, but what could not be seen does. What failed and is proposed
    already is withdrawn.
    """
    offer = context.basis
    if context.request.release_hold or not isinstance(decision, Change) or not isinstance(offer, Offer):
        return decision
    sources, pin = context.sources.get(decision.entry.key, ()), offer.running.pin
    if offer.artifact is not None and offer.artifact.way == "resolved":
        pin = offer.artifact.pin  # the source pins no digest, and earlier waves may pin nothing else
    earlier = {wave.key: wave for wave in (*sources, *context.before([*sources, decision.entry]))}
    rules = context.snapshot.config.environments
    after = {wave: rules[wave.environment or ""].require_after for wave in earlier.values()}
    if (unread := next(_unread(context, [decision.entry, *after]), None)) is not None:
        text = f"{unread} cannot be read, so nobody knows what was reported of it; correct that file first"
        return decision.hold(Reason("held.check", text).with_more(_LIFT))
    waves = [wave for wave, wanted in after.items() if wanted]
    if not waves:
        return decision
    line = await context.facts.line(lambda line: all(_is_known(context, line, wave, pin) for wave in waves))
    if (blind := _why_unseen(context, line, waves, pin)) is not None:
        return decision.hold(blind.with_more(_LIFT))
    commits_of = {}
    for wave in waves:
        had = {commit for run in _runs(context, line, wave, pin) for commit in required.commits_with(line, run)}
        commits_of[wave] = [commit for commit in reversed(line.commits) if commit in had]
    looked_at = {wave: commits[-required.MOST_COMMITS :] for wave, commits in commits_of.items()}
    try:
        reported = await _reported(decision, context, [*chain.from_iterable(looked_at.values())])
    except BotError as failure:
        return Failed(decision.entry, failure.problem)
    held: Decision = decision
    has_failed = False
    for wave, commits in looked_at.items():
        results = required.by_name((reported[commit] for commit in commits), len(commits_of[wave]), "--release-hold")
        seen = [required.see("checks", check, captures(context, wave), results) for check in after[wave]]
        failed = [result for result in seen if result.state == "failure"]
        unseen = [result for result in seen if results.unseen and result.advice == results.advice]
        of = f"{pin.short} failed `require_after` of {wave.environment}"
        why = required.why_not(failed or unseen, of if failed else f"nobody can tell whether {of}")
        has_failed = has_failed or bool(failed)
        if why is not None and isinstance(held, Change | Held):
            held = replace(held, seen=(*held.seen, *(failed or unseen))).hold(why.with_more(_LIFT))
    return withdraw_failed(held, context) if isinstance(held, Held) and has_failed else held


def _unread(context: Context, entries: Iterable[Managed]) -> Iterator[str]:
    """The files that cannot be read and may have what these entries get their pins from, where checks of it count."""
    requires, config = context.environment.requires, context.snapshot.config
    for entry in entries:
        waves, mine = config.waves_before(entry.environment or ""), captures(context, entry)
        asks = any(its.checks or its.deployment for its in requires)
        is_required = entry.environment == context.environment.name and asks
        if waves and (is_required or any(config.environments[wave].require_after for wave in waves)):
            source = context.snapshot.states[waves[0]]
            read = {overlay.file for overlay in source.overlays}
            for file, its in source.captures.items() if len(read) < len(source.captures) else ():
                if file not in read and all(mine[name] == its[name] for name in mine.keys() & its.keys()):
                    yield file


def _why_unseen(context: Context, line: Line, waves: Sequence[Managed], pin: Pin) -> Reason | None:
    """Why nobody can tell whether a pin failed in these waves; None where the forge can."""
    what = f"whether {pin.short} failed `require_after` of"
    if not context.snapshot.sees_pull_requests:
        names = " and ".join(dict.fromkeys(str(wave.environment) for wave in waves))
        text = f"without a token for the forge, nobody knows {what} {names}; set one"
        return Reason("held.check", text)
    unknown = next((wave for wave in waves if not _is_known(context, line, wave, pin)), None)
    if unknown is None:
        return None
    return Reason("held.history_bound", f"the known history does not show {what} {unknown.environment}; {line.more}")


def _is_known(context: Context, line: Line, wave: Managed, pin: Pin) -> bool:
    runs = _runs(context, line, wave, pin)
    is_found = bool(runs) and all(run.arrived is not None for run in runs)
    return line.complete or (is_found and trail.enough(line, wave.overlay))


async def _reported(decision: Change, context: Context, commits: Sequence[str]) -> Mapping[str, CommitChecks]:
    """What was reported of these commits, asked for in one request with what `require` asks for."""
    wanted = {commit: ChecksQuestion(None, commit) for commit in commits}
    together: list[Asked[Any]] = [*wanted.values()]
    with suppress(BotError):  # `require` tells of it
        together += await questions(decision, context)
    await several(together)
    return await ask_all(wanted)


def _runs(context: Context, line: Line, wave: Managed, pin: Pin) -> list[trail.Run]:
    """The times for which a wave had this image, in either of its slots where it has two."""
    slots = context.snapshot.slots_of(wave)
    entries = (wave, slots.counterpart(wave) if slots is not None else None)
    known = (run for entry in entries if entry is not None for run in trail.runs(line, entry, None))
    return [run for run in known if promotion.is_same(run.pin, pin)]
