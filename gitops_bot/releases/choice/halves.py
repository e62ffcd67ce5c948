"""Promotions between pins of which one says less than the other: without a tag, without a digest, or no room for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import choose as choice

if TYPE_CHECKING:
    from gitops_bot.releases.choice.running import Running
    from gitops_bot.releases.plan import Entry


def untagged(entry: Entry, running: Running) -> Reason | None:
    """An edit keeps the tag, which would then stand beside bytes that it never named."""
    if running.pin.tag is not None or entry.pin.tag is None:
        return None
    text = (
        f"{running.environment} pins a digest without a tag, so the tag {entry.pin.tag} would be wrong for it; pin the "
        f"tag in {running.environment} too, or set `tag: release` for {entry.environment}"
    )
    return Reason("held.no_release_tag", text, {"source": running.environment})


def lacks_digest(entry: Entry, running: Running, *, release_tag: bool, resolves: bool) -> bool:
    """Whether the target needs a digest and the source pins none.

    Where both pin tags alone, the tag is copied and none is needed, unless a person promotes, who `resolves` it.
    """
    if running.pin.digest is not None or (entry.rules.pin == "tag" and not release_tag):
        return False
    tags_alone = entry.pin.tag is not None and entry.pin.digest is None and entry.rules.pin != "digest"
    return resolves or release_tag or not tags_alone


def same_tag(entry: Entry, running: Running) -> bool:
    """Whether the source pins the target's tag without a digest, and that tag is none that moves."""
    tag = running.pin.tag
    return running.pin.digest is None and tag == entry.pin.tag and not choice.follows_moves(entry.rules, tag or "")


def undigested(entry: Entry, running: Running, *, release_tag: bool) -> Reason | None:
    """What the tag points to now may be something else than what was tested."""
    if not lacks_digest(entry, running, release_tag=release_tag, resolves=False):
        return None
    source = running.entry
    text = (
        f"{running.environment} pins {running.pin} without a digest ({source.file}:{source.line}), so nobody knows "
        f"which image it tested; pin the digest there, or set `pin: tag` for {entry.environment}, or take what the tag "
        f"points to now with `gitops-bot promote {running.environment} {entry.environment}`"
    )
    return Reason("held.no_digest", text, {"source": running.environment, "tag": running.pin.tag})


def no_room(entry: Entry, running: Running) -> Reason | None:
    """A tag alone may point to something else when it is deployed."""
    if not entry.rules.no_room or running.pin.digest is None:
        return None
    text = (
        f"{running.environment} runs {choice.short(running.pin)} by its digest, and {entry.file}:{entry.line} has no "
        f"place for one; add one, or set `pin: tag` for {entry.environment} to copy the tag alone"
    )
    return Reason("held.no_digest", text, {"source": running.environment, "digest": running.pin.digest})
