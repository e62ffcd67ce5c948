"""Build times: which of them can be true, and whether a build is old enough for `minimum_age`.

A build time is what the builder claims, or when the registry got the image. Builders that make the same bytes every
time claim a placeholder (1970-01-01, 1980-01-01), and clocks go wrong: such times are unknown, which is not the same as
old. An unknown time never wins over a known one, and never makes a decision by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitops_bot.images import duration
from gitops_bot.images.kinds import describe
from gitops_bot.images.order import admitted, compare, ranked_tag
from gitops_bot.images.policy import NAMED, Chosen, Held, choose
from gitops_bot.images.reason import Reason, rfc3339, shortlist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from gitops_bot.images.kinds import Pattern, Semver
    from gitops_bot.images.policy import Choice
    from gitops_bot.images.reference import Pin

#: No image is older: an earlier time is a placeholder.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Clocks differ by a little. A later time is wrong.
CLOCK_SKEW: Final = timedelta(minutes=5)
#: Tags that are tried, the best first, until one is old enough.
_TRIED: Final = 100


def usable(time: datetime | None, now: datetime) -> datetime | None:
    """The time if an image may have been built then; None for placeholders and for the future."""
    return time if time is not None and EARLIEST <= time <= now + CLOCK_SKEW else None


def is_old(time: datetime, minimum_age: timedelta, now: datetime) -> bool:
    """Whether a build is as old as a policy wants."""
    return not minimum_age or now - time >= minimum_age


async def choose_aged(
    policy: Semver | Pattern,
    tags: Sequence[str],
    current: Pin,
    built: Callable[[str], Awaitable[datetime | None]],
    now: datetime,
) -> Choice:
    """The choice of a policy with a `minimum_age`: the best tag that is old enough, and higher than the present one.

    `built` gives the build time of one tag, None where the image does not say. It is asked for as few as possible: the
    best first, and only for those that would be chosen.
    """
    choice = choose(policy, tags, current)
    if not isinstance(choice, Chosen) or not policy.minimum_age:
        return choice
    young: dict[str, datetime] = {}
    unknown: list[str] = []
    for tag in _higher(policy, tags, current):
        time = usable(await built(tag), now)
        if time is None:
            unknown.append(tag)
        elif not is_old(time, policy.minimum_age, now):
            young[tag] = time
        elif not young and not unknown:
            return choice
        else:
            facts = {**choice.reason.data, **_counts(young, unknown), "built": rfc3339(time)}
            text = (
                f"{tag} is the highest tag that {describe(policy)} admits and that is at least "
                f"{duration.written(policy.minimum_age)} old{skipped(young, unknown)}"
            )
            return Chosen(tag, Reason(choice.reason.code, text, facts))
    facts = {**choice.reason.data, **_counts(young, unknown)}
    return wait(young, policy.minimum_age, facts) if young else unknown_age(choice.tag, policy.minimum_age, facts)


def _higher(policy: Semver | Pattern, tags: Sequence[str], current: Pin) -> Iterator[str]:
    """The tags that could be chosen instead of the present one, best first."""
    present = ranked_tag(policy, current.tag) if current.tag is not None else None
    for candidate in admitted(policy, tuple(dict.fromkeys(tags))).ranked(_TRIED, present):
        if present is not None and compare(policy, candidate.tag, present.tag) != 1:
            return
        yield candidate.tag


def wait(young: Mapping[str, datetime], minimum_age: timedelta, facts: Mapping[str, str | int | None]) -> Held:
    """The hold while all that could be chosen is too young; it ends when the first of them is old enough."""
    built = min(young.values())
    candidate = max(tag for tag, time in young.items() if time == built)
    ends = built + minimum_age
    text = (
        f"{candidate} was built at {rfc3339(built)}, and the policy wants a `minimum_age` of "
        f"{duration.written(minimum_age)}: it can be chosen from {rfc3339(ends)}"
    )
    return Held(Reason("held.age", text, {**facts, "built": rfc3339(built)}, ends), candidate)


def unknown_age(tag: str, minimum_age: timedelta, facts: Mapping[str, str | int | None]) -> Held:
    """The hold of a candidate whose build time is unknown; it does not end by itself."""
    text = (
        f"when {tag} was built is unknown, and the policy wants a `minimum_age` of {duration.written(minimum_age)}: "
        "let the build set the label `org.opencontainers.image.created`, use a policy without `minimum_age`, or pin it "
        "with `set`"
    )
    return Held(Reason("held.age_unknown", text, facts), tag)


def skipped(young: Mapping[str, datetime], unknown: Sequence[str]) -> str:
    """The text on better tags that were left out."""
    parts = [f"younger: {shortlist(list(young), NAMED)}"] if young else []
    parts += [f"built at an unknown time: {shortlist(unknown, NAMED)}"] if unknown else []
    return f" ({'; '.join(parts)})" if parts else ""


def _counts(young: Mapping[str, datetime], unknown: Sequence[str]) -> dict[str, str | int | None]:
    return {"young": len(young), "unknown": len(unknown)}
