"""Chooses the tag whose image was built last, for tags whose texts have no order, such as `sha-3f2a1b4`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.age import is_old, skipped, usable, wait
from gitops_bot.images.kinds import describe
from gitops_bot.images.order import admitted
from gitops_bot.images.policy import Choice, Chosen, Current, Held, counted, nothing
from gitops_bot.images.reason import Reason, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.images.kinds import Newest
    from gitops_bot.images.reference import Pin


def candidates(policy: Newest, tags: Sequence[str]) -> tuple[str, ...]:
    """The tags whose build times `choose_newest` wants to know, each once, in the order of the list."""
    return tuple(dict.fromkeys(admitted(policy, tags).tags))


def order(tag: str, built: datetime, current: Pin) -> tuple[datetime, bool, str]:
    """What tags are sorted by: among those of the same time the present one stays, then comes the later text."""
    return built, tag == current.tag, tag


def choose_newest(
    policy: Newest,
    tags: Sequence[str],
    times: Mapping[str, datetime | None],
    current: Pin,
    built: datetime | None,
    now: datetime,
) -> Choice:
    """Decide what an entry should pin, given every tag of its repository. The order of `tags` counts for nothing.

    `times` has the build times of the `candidates`, None where the image does not say. One that is not in it is left
    out of the choice: who asked knows that it is older than those that are. `built` is the time of what is pinned, by
    its digest where there is one: the tag may have been moved since.
    """
    candidates = admitted(policy, tags)
    known = {tag: time for tag in candidates.tags if (time := usable(times.get(tag), now)) is not None}
    unknown = sorted({tag for tag in candidates.tags if tag in times and tag not in known})
    listed = current.tag is not None and current.tag in tags
    facts = counted(policy, tags, candidates) | {"unknown": len(unknown)}
    if not candidates.tags:
        return nothing(policy, candidates, current, listed=listed, facts=facts)
    if set(candidates.tags) == {current.tag}:
        return Current(Reason("current", f"{current.tag} is the only tag that {describe(policy)} admits", facts))
    present = usable(built, now)
    if not known and not unknown and present is not None:
        text = f"no tag that {describe(policy)} admits was built after {_shown(current)} ({rfc3339(present)})"
        return Current(Reason("current", text, facts))
    if not known:
        text = (
            f"no build time is known of the {len(candidates.tags)} tags that {describe(policy)} admits: "
            "order them by a number or date in the tag, or let the pipeline `set` what it has pushed"
        )
        return Held(Reason("held.age_unknown", text, facts), None)
    old = {tag: time for tag, time in known.items() if tag == current.tag or is_old(time, policy.minimum_age, now)}
    young = {tag: time for tag, time in known.items() if tag not in old}
    # Without a known time of what is pinned, the best that is old enough is offered to people, or it stays.
    waiting = {tag: time for tag, time in young.items() if time > (present or max(old.values(), default=time))}
    if not old:
        return wait(waiting or young, policy.minimum_age, facts)
    best = max(old, key=lambda tag: order(tag, old[tag], current))
    facts |= {"built": rfc3339(old[best]), "present": None if built is None else rfc3339(built)}
    newest = (
        f"{best} is the newest of {len(candidates.tags)} tags that {describe(policy)} admits{skipped(young, unknown)}"
    )
    choice = _chosen(best, old[best], current, present, newest, facts, listed=listed)
    if waiting and not isinstance(choice, Chosen) and choice.reason.code not in ("held.vanished", "held.age_unknown"):
        return wait(waiting, policy.minimum_age, facts)
    return choice


def _chosen(
    best: str,
    time: datetime,
    current: Pin,
    present: datetime | None,
    newest: str,
    facts: Mapping[str, str | int | None],
    *,
    listed: bool,
) -> Choice:
    """The decision between the newest build and what is pinned."""
    if best == current.tag:
        return Current(Reason("current", newest, facts))
    if current.tag is None and current.digest is None:
        return Chosen(best, Reason("adopted", f"{newest}; nothing was pinned", facts))
    pinned = _shown(current)
    if present is None and current.tag is not None and not listed:
        text = f"{current.tag} is no longer listed, and when it was built is unknown: {best} may be older"
        return Held(Reason("held.vanished", text, facts), best)
    if present is None:
        text = f"{newest}, but when {pinned} was built is unknown: pin a newer one once with `set`"
        return Held(Reason("held.age_unknown", text, facts), best)
    if time > present:
        text = f"{newest}, and built after {pinned} ({rfc3339(time)}, {rfc3339(present)})"
        return Chosen(best, Reason("chosen", text, facts))
    if time < present:
        text = f"{newest}, but built before {pinned} ({rfc3339(time)}, {rfc3339(present)})"
        return Held(Reason("held.older_build", text, facts), best)
    return Current(Reason("current", f"{newest}, and built at the same time as {pinned}", facts))


def _shown(pin: Pin) -> str:
    return pin.tag or (pin.digest or "")[:19]
