"""`gitops-bot explain --policy POLICY`: what a policy makes of a list of tags, offline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot import config
from gitops_bot.commands.explain import kind_of, why_not
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images import explain, inference, kinds
from gitops_bot.images.age import choose_newest
from gitops_bot.images.kinds import Follow, Newest
from gitops_bot.images.policy import Chosen, Current, Held, choose
from gitops_bot.images.reason import Unmanaged
from gitops_bot.images.reference import Pin
from gitops_bot.results.explained import Explained, PolicySource
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reason import Reason
    from gitops_bot.results.explained import EntryOutcome, Explanations

#: How problems name the text of the policy.
_FILE: Final = "--policy"


def try_policy(written: str, tags: Sequence[str], current: Pin, tag: str | None, now: datetime) -> Result[Explanations]:
    """What the policy chooses from these tags for an entry with the pin `current`, and why not `tag`.

    Raises:
        ConfigError: the text is not a policy, or no policy can be inferred from `current`.
    """
    read = config.read_policy(written, _FILE)
    tried = inference.infer(current) if read == "auto" else read
    if isinstance(tried, Unmanaged):
        raise ConfigError(Problem("failed.config", tried.text, "give the present tag with --current", _FILE))
    unknown = dict.fromkeys(tags) if isinstance(tried, Newest) else {}
    selection = explain.explain(tried, tags, current, unknown, now)
    if isinstance(tried, Newest):
        choice = choose_newest(tried, tags, unknown, current, None, now)
    else:
        choice = choose(tried, tags, current)
    outcome: EntryOutcome
    pin: Pin | None
    match choice:
        case Chosen(tag=chosen):
            outcome, pin = "chosen", Pin(chosen)
        case Held(candidate=candidate):
            outcome, pin = "held", Pin(candidate) if candidate is not None else None
        case Current():
            outcome, pin = "current", None
        case _:
            assert_never(choice)
    reason = _offline(tried, choice.reason)
    asked = None if tag is None else why_not(tried, tags, tag, current, selection, (reason, pin))
    source = PolicySource(None, kind_of(tried), "inferred" if read == "auto" else "config", kinds.describe(tried))
    return Result(Head(), (Explained(source, current, outcome, reason, pin, selection, asked),))


def _offline(policy: Policy, reason: Reason) -> Reason:
    """The reason, with the note that a list of tags has no build times."""
    if isinstance(policy, Follow) or (reason.code != "held.age_unknown" and not policy.minimum_age):
        return reason
    lacking = "a list of tags has no build times: `gitops-bot explain ENV IMAGE` asks the registry"
    if isinstance(policy, Newest):
        return replace(reason, text=lacking) if reason.code == "held.age_unknown" else reason
    return replace(reason, text=f"{reason.text}; its `minimum_age` is not checked, {lacking}")
