"""Chooses the tag whose image was built last, for tags whose texts have no order, such as `sha-3f2a1b4`.

A build time is what the builder claims, or when the registry got the image. Builders that make the same bytes every
time claim a placeholder (1970-01-01, 1980-01-01), and clocks go wrong: such times are unknown, which is not the same as
old. An unknown time never wins over a known one, and never makes a decision by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitops_bot.images.kinds import describe
from gitops_bot.images.order import admitted
from gitops_bot.images.policy import Choice, Chosen, Current, Held, first_names, nothing
from gitops_bot.images.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.images.kinds import Newest
    from gitops_bot.images.reference import Pin

#: No image is older: an earlier time is a placeholder.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Clocks differ by a little. A later time is wrong.
CLOCK_SKEW: Final = timedelta(minutes=5)


def usable(time: datetime | None, now: datetime) -> datetime | None:
    """The time if an image may have been built then; None for placeholders and for the future."""
    return time if time is not None and EARLIEST <= time <= now + CLOCK_SKEW else None


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
    found = admitted(policy, tags)
    known = {tag: time for tag in found.tags if (time := usable(times.get(tag), now)) is not None}
    unknown = sorted({tag for tag in found.tags if tag in times and tag not in known})
    listed = current.tag is not None and current.tag in tags
    facts: dict[str, str | int | None] = {
        "policy": describe(policy),
        "seen": len(tags),
        "matched": found.matched,
        "admitted": len(found.tags),
        "unknown": len(unknown),
    }
    if not found.tags:
        return nothing(policy, found, current, listed=listed, facts=facts)
    if set(found.tags) == {current.tag}:
        return Current(Reason("current", f"{current.tag} is the only tag that {describe(policy)} admits", facts))
    if not known:
        text = (
            f"no build time is known of the {len(found.tags)} tags that {describe(policy)} admits: "
            "order them by a number or date in the tag, or let the pipeline `set` what it has pushed"
        )
        return Held(Reason("held.age_unknown", text, facts), None)
    best = max(known, key=lambda tag: order(tag, known[tag], current))
    newest = f"{best} is the newest of {len(found.tags)} tags that {describe(policy)} admits{_left_out(unknown)}"
    if best == current.tag:
        return Current(Reason("current", newest, facts))
    if current.tag is None and current.digest is None:
        return Chosen(best, Reason("adopted", f"{newest}; nothing was pinned", facts))
    facts |= {"built": written(known[best]), "present": None if built is None else written(built)}
    present = usable(built, now)
    if present is None and current.tag is not None and not listed:
        text = f"{current.tag} is no longer listed, and when it was built is unknown: {best} may be older"
        return Held(Reason("held.vanished", text, facts), best)
    if present is None:
        text = f"{newest}, but when {_shown(current)} was built is unknown: pin a newer one once with `set`"
        return Held(Reason("held.age_unknown", text, facts), best)
    return _compared(best, known[best], current, present, newest, facts)


def _compared(
    best: str, time: datetime, current: Pin, present: datetime, newest: str, facts: Mapping[str, str | int | None]
) -> Choice:
    """The decision between two builds whose times are known."""
    if time > present:
        text = f"{newest}, and built after {_shown(current)} ({written(time)}, {written(present)})"
        return Chosen(best, Reason("chosen", text, facts))
    if time < present:
        text = f"{newest}, but built before {_shown(current)} ({written(time)}, {written(present)})"
        return Held(Reason("held.older_build", text, facts), best)
    return Current(Reason("current", f"{newest}, and built at the same time as {_shown(current)}", facts))


def written(time: datetime) -> str:
    """A time for people and scripts, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(pin: Pin) -> str:
    return pin.tag or (pin.digest or "")[:19]


def _left_out(unknown: Sequence[str]) -> str:
    """What is said about tags without a time. They might be newer, so people should know of them."""
    if not unknown:
        return ""
    return f" (the build time of {first_names(unknown)} is unknown)"
