"""Which releases are still to be recorded, be it by a tag or by the forge."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from gitops_bot.releases.history.releases import Release


def unrecorded(known: Sequence[Release], recorded: Container[str], *, first: int, most: int) -> tuple[Release, ...]:
    """Those behind the newest one whose commit is recorded, the oldest first, so many at once.

    Without any that is recorded, the newest, as many as `first`: nobody asked for the whole past. `known` are the
    newest first.
    """
    newest = next((at for at, release in enumerate(known) if release.commit in recorded), first)
    return tuple(islice(reversed(known[:newest]), most))
