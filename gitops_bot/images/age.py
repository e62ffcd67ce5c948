"""Build times: which can be true, what is old enough for `minimum_age`, and which tag's image was built last, as
`order: newest` wants for tags whose texts have no order, such as `sha-3f2a1b4`.

A build time is what the builder claims, or when the registry got the image. Builders that make the same bytes every
time claim a placeholder (1970-01-01, 1980-01-01), and clocks go wrong: such times are unknown, not old. An unknown time
never wins over a known one, and never makes a decision by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitops_bot.images import duration
from gitops_bot.images.kinds import called
from gitops_bot.images.moment import appointment, days
from gitops_bot.images.order import admit, compare, ranked_tag
from gitops_bot.images.policy import BEST, NAMED, Chosen, Current, HeldChoice, best_of, choose, counts, no_candidate
from gitops_bot.images.reason import Reason, rfc3339, shortlist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from gitops_bot.images.kinds import Newest, Pattern, Semver
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


def undated(time: datetime | None) -> str:
    """Why a build time is not usable."""
    if time is None:
        return "its image does not say when it was built"
    (day,) = days(time)
    why = "a reproducible build does not say when it was built" if time < EARLIEST else "that is in the future"
    return f"created {day}: {why}"


def is_old(time: datetime, minimum_age: timedelta, now: datetime) -> bool:
    """Whether a build is as old as a policy wants."""
    return not minimum_age or now - time >= minimum_age


async def choose_aged(
    policy: Semver | Pattern,
    tags: Sequence[str],
    current: Pin,
    built: Callable[[str], Awaitable[datetime | None]],
    now: datetime,
    name: str | None = None,
) -> Choice:
    """The choice of a policy with a `minimum_age`: the best tag that is old enough, and higher than the present one.

    `built` gives the build time of one tag, None where the image does not say. It is asked for as few as possible: the
    best first, and only for those that would be chosen.
    """
    choice = choose(policy, tags, current, name)
    if not isinstance(choice, Chosen) or not policy.minimum_age:
        return choice
    young: dict[str, datetime] = {}
    unknown: dict[str, datetime | None] = {}
    present = ranked_tag(policy, current.tag) if current.tag is not None else None
    for tag in (
        ranked.tag for ranked in admit(policy, tuple(dict.fromkeys(tags)), current.tag).highest(_TRIED, present)
    ):
        if present is not None and compare(policy, tag, present.tag) != 1:
            break
        claimed = await built(tag)
        time = usable(claimed, now)
        if time is None:
            unknown[tag] = claimed
        elif not is_old(time, policy.minimum_age, now):
            young[tag] = time
        elif not young and not unknown:
            return choice
        else:
            facts = {**choice.reason.data, "young": len(young), "unknown": len(unknown), "built": rfc3339(time)}
            text = (
                f"{BEST[policy.order]} that matches {called(policy, name)} and is at least "
                f"{duration.write(policy.minimum_age)} old{skipped_tags(young, unknown)}"
            )
            return Chosen(tag, Reason(choice.reason.code, text, facts))
    facts = {**choice.reason.data, "young": len(young), "unknown": len(unknown)}
    if young:
        return wait(young, policy.minimum_age, facts)
    text = (
        f"{choice.tag} has to be {duration.write(policy.minimum_age)} old (`minimum_age`), but its age is unknown "
        f"({undated(unknown.get(choice.tag))}): let the build set the label `org.opencontainers.image.created`, use a "
        "policy without `minimum_age`, or pin it with `set`"
    )
    return HeldChoice(Reason("held.age_unknown", text, facts), choice.tag)


def wait(young: Mapping[str, datetime], minimum_age: timedelta, facts: Mapping[str, str | int | None]) -> HeldChoice:
    """The hold while all that could be chosen is too young; it ends when the first of them is old enough."""
    built = min(young.values())
    candidate = max(tag for tag, time in young.items() if time == built)
    ends = built + minimum_age
    text = (
        f"{candidate} was built {days(built)[0]}, and has to be {duration.write(minimum_age)} old (`minimum_age`): "
        f"open on {appointment(ends)}"
    )
    return HeldChoice(Reason("held.age", text, {**facts, "built": rfc3339(built)}, ends), candidate)


def skipped_tags(young: Mapping[str, datetime], unknown: Collection[str]) -> str:
    """The text on better tags that were left out."""
    parts = [f"younger: {shortlist(list(young), NAMED)}"] if young else []
    parts += [f"built at an unknown time: {shortlist([*unknown], NAMED)}"] if unknown else []
    return f" ({'; '.join(parts)})" if parts else ""


def timed_tags(policy: Newest, tags: Sequence[str]) -> tuple[str, ...]:
    """The tags whose build times `choose_newest` wants to know, each once, in the order of the list."""
    return tuple(dict.fromkeys(admit(policy, tags).tags))


def newest_order(tag: str, built: datetime, current: Pin) -> tuple[datetime, bool, str]:
    """What tags are sorted by: among those of the same time the present one stays, then comes the later text."""
    return built, tag == current.tag, tag


def choose_newest(
    policy: Newest,
    tags: Sequence[str],
    times: Mapping[str, datetime | None],
    current: Pin,
    built: datetime | None,
    now: datetime,
    name: str | None = None,
) -> Choice:
    """Decide what an entry should pin, given every tag of its repository. The order of `tags` counts for nothing.

    `times` has the build times of the `candidates`, None where the image does not say. One that is not in it is left
    out of the choice: who asked knows that it is older than those that are. `built` is the time of what is pinned, by
    its digest where there is one: the tag may have been moved since.
    """
    candidates = admit(policy, tags)
    known = {tag: time for tag in candidates.tags if (time := usable(times.get(tag), now)) is not None}
    unknown = sorted({tag for tag in candidates.tags if tag in times and tag not in known})
    listed = current.tag is not None and current.tag in tags
    facts = counts(policy, tags, candidates) | {"unknown": len(unknown)}
    if not candidates.tags:
        return no_candidate(policy, name, candidates, current, facts)
    if set(candidates.tags) == {current.tag}:
        return Current(Reason("current", best_of("", 1, called(policy, name)), facts))
    present = usable(built, now)
    if not known and not unknown and present is not None:
        text = f"no tag that matches {called(policy, name)} was built after {current.short} (built {days(present)[0]})"
        return Current(Reason("current", text, facts))
    if not known:
        text = (
            f"no build time is known of any tag that matches {called(policy, name)}: "
            "order them by a number or date in the tag, or let the pipeline `set` what it has pushed"
        )
        return HeldChoice(Reason("held.age_unknown", text, facts), None)
    old = {tag: time for tag, time in known.items() if tag == current.tag or is_old(time, policy.minimum_age, now)}
    young = {tag: time for tag, time in known.items() if tag not in old}
    # Without a known time of what is pinned, the best that is old enough is offered to people, or it stays.
    waiting = {tag: time for tag, time in young.items() if time > (present or max(old.values(), default=time))}
    if not old:
        return wait(waiting or young, policy.minimum_age, facts)
    best = max(old, key=lambda tag: newest_order(tag, old[tag], current))
    facts |= {"built": rfc3339(old[best]), "present": None if built is None else rfc3339(built)}
    left_out = skipped_tags(young, unknown)
    newest = f"{best_of('newest build', len(candidates.tags), called(policy, name))}{left_out}"
    choice = _against_pinned(best, old[best], current, built, present, newest, facts, listed=listed)
    if waiting and not isinstance(choice, Chosen) and choice.reason.code not in ("held.vanished", "held.age_unknown"):
        return wait(waiting, policy.minimum_age, facts)
    return choice


def _against_pinned(
    best: str,
    time: datetime,
    current: Pin,
    built: datetime | None,
    present: datetime | None,
    newest: str,
    facts: Mapping[str, str | int | None],
    *,
    listed: bool,
) -> Choice:
    if best == current.tag:
        return Current(Reason("current", newest, facts))
    if current.tag is None and current.digest is None:
        return Chosen(best, Reason("adopted", f"{newest}; nothing was pinned", facts))
    pinned = current.short
    if present is None and current.tag is not None and not listed:
        text = f"{current.tag} is no longer listed, and when it was built is unknown: {best} may be older"
        return HeldChoice(Reason("held.vanished", text, facts), best)
    if present is None:
        text = f"{newest}, but when {pinned} was built is unknown ({undated(built)}): pin a newer one once with `set`"
        return HeldChoice(Reason("held.age_unknown", text, facts), best)
    if time > present:
        after, before = days(time, present)
        text = f"{newest}: built {after}, after {pinned} (built {before})"
        return Chosen(best, Reason("chosen", text, facts))
    if time < present:
        before, after = days(time, present)
        text = f"{newest}, but built {before}, before {pinned} (built {after})"
        return HeldChoice(Reason("held.older_build", text, facts), best)
    return Current(Reason("current", f"{newest}, built at the same time as {pinned}", facts))
