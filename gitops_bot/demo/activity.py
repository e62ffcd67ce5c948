"""The activity of a repository: pushes, and unique timestamps for events.

Scripts can act several times within one second of GitHub's clock. Here times have microseconds and each is unique, so
the order of events is always known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gitops_bot.demo.hub import Pushed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.hub import Hub

_ZEROS = "0" * 40
_KEPT = 1_000


def moment(hub: Hub, now: datetime) -> str:
    """A timestamp later than all before."""
    if hub.last_moment:
        now = max(now, datetime.fromisoformat(hub.last_moment) + timedelta(microseconds=1))
    hub.last_moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hub.last_moment


def note(hub: Hub, branches: Mapping[str, str], now: datetime) -> None:
    """Record the pushes since the last call."""
    for branch in sorted({*branches, *hub.refs}):
        before, after = hub.refs.get(branch), branches.get(branch)
        if before == after:
            continue
        kind = "branch_creation" if before is None else "branch_deletion" if after is None else "push"
        at = moment(hub, now)
        hub.activity.append(Pushed(hub.next_id(), branch, before or _ZEROS, after or _ZEROS, at, kind))
    hub.refs = dict(branches)
    del hub.activity[:-_KEPT]
