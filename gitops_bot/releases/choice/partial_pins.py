"""Promotions between pins of which one says less than the other: without a tag, or without room for the digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.trail import Run


def untagged(entry: Managed, running: Run) -> Reason | None:
    """An edit keeps the tag, which would then stand beside bytes that it never named."""
    if running.pin.tag is not None or entry.pin.tag is None:
        return None
    text = (
        f"{running.environment} pins a digest without a tag, so the tag {entry.pin.tag} would be wrong for it; pin the "
        f"tag in {running.environment} too, or set `tag: release` for {entry.environment}"
    )
    return Reason("held.no_release_tag", text, {"source": running.environment})


def no_room(entry: Managed, running: Run) -> Reason | None:
    """A tag alone may point to something else when it is deployed."""
    if not entry.rules.no_room or running.pin.digest is None:
        return None
    text = (
        f"{running.environment} runs {running.pin.short} by its digest, and {entry.file}:{entry.line} has no "
        f"place for one; add one, or set `pin: tag` for {entry.environment} to copy the tag alone"
    )
    return Reason("held.no_digest", text, {"source": running.environment, "digest": running.pin.digest})
