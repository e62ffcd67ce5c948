"""`gitops-bot explain --policy POLICY`: what a policy makes of a list of tags, offline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot import config
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images import explain, policy
from gitops_bot.images.kinds import Follow, Newest
from gitops_bot.images.newest import choose_newest
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice.explained import PolicySource, TriedPolicy, kind_of, why_not

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.rules import NamedPolicy
    from gitops_bot.releases.choice.explained import Outcome

_FILE: Final = "--policy"
#: What stands around a policy to make it a configuration, and how far that moves it.
_BEFORE: Final = "policies:\n  tried:\n"
_AFTER: Final = "\nversion: 1\nenvironments: {all: {overlays: [.], policy: tried}}\n"
_AUTO: Final = "version: 1\nenvironments: {all: {overlays: [.], policy: auto}}\n"
_LINES, _COLUMNS = 2, 4


def try_policy(written: str, tags: Sequence[str], current: Pin, tag: str | None, now: datetime) -> TriedPolicy:
    """What the policy chooses from these tags for an entry with the pin `current`, and why not `tag`.

    Raises:
        ConfigError: it is no policy.
    """
    found = _policy(written, current)
    unknown = dict.fromkeys(tags)
    explained = explain.explain(found.policy, tags, current, unknown, now)
    if isinstance(found.policy, Newest):
        choice = choose_newest(found.policy, tags, unknown, current, None, now)
    else:
        choice = policy.choose(found.policy, tags, current)
    outcome: Outcome
    pin: Pin | None
    match choice:
        case policy.Chosen(tag=chosen):
            outcome, pin = "chosen", Pin(chosen)
        case policy.Held(candidate=candidate):
            outcome, pin = "held", Pin(candidate) if candidate is not None else None
        case _:
            outcome, pin = "current", None
    reason = _offline(found.policy, choice.reason)
    asked = None if tag is None else why_not(found.policy, tags, tag, current, explained, (reason, pin))
    source = PolicySource(None, kind_of(found.policy), found.origin, policy.describe(found.policy))
    return TriedPolicy(
        policy=source,
        current=current,
        outcome=outcome,
        reason=reason,
        pin=pin,
        seen=explained.seen,
        steps=explained.steps,
        candidates=explained.candidates,
        asked=asked,
    )


def _offline(policy: Policy, reason: Reason) -> Reason:
    """The reason, and what a list of tags cannot tell: when the images were built."""
    if isinstance(policy, Follow) or (reason.code != "held.age_unknown" and not policy.minimum_age):
        return reason
    lacking = "a list of tags has no build times: `gitops-bot explain ENV IMAGE` asks the registry"
    if isinstance(policy, Newest):
        return replace(reason, text=lacking) if reason.code == "held.age_unknown" else reason
    return replace(reason, text=f"{reason.text}; its `minimum_age` is not checked, {lacking}")


def _policy(written: str, current: Pin) -> NamedPolicy:
    indented = "\n".join(f"{' ' * _COLUMNS}{line}" for line in written.splitlines())
    text = _AUTO if written.strip() == "auto" else f"{_BEFORE}{indented}{_AFTER}"
    try:
        rules = config.read(text, _FILE).environments["all"].rules("tried", None, current)
    except ConfigError as error:
        last = max(len(written.splitlines()), 1)  # what is not closed is noticed below it
        problems = (
            replace(
                problem,
                line=min(max(problem.line - _LINES, 1), last) if problem.line is not None else None,
                column=max(problem.column - _COLUMNS, 1) if problem.column is not None else None,
            )
            for problem in error.problems
        )
        raise ConfigError(*problems) from None
    if rules.policy is None:
        message = rules.unmanaged.text if rules.unmanaged is not None else "there is no policy"
        advice = "give the present tag with --current"
        raise ConfigError(Problem("failed.config", message, advice, _FILE))
    return rules.policy
