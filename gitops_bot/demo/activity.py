"""What happened when: pushes to branches, and words of people, each at a moment of its own.

On GitHub people are slower than its clock. Here a script is not, so the moments are told to the microsecond, and no two
are the same: what came after what is known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gitops_bot.demo.hub import Pushed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.hub import Hub

_NOTHING = "0" * 40
_KEPT = 1_000


def moment(hub: Hub, now: datetime) -> str:
    """The next moment."""
    if hub.last_moment:
        now = max(now, datetime.fromisoformat(hub.last_moment) + timedelta(microseconds=1))
    hub.last_moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hub.last_moment


def note(hub: Hub, branches: Mapping[str, str], now: datetime) -> None:
    """Write down what was pushed since the last look."""
    for branch in sorted({*branches, *hub.refs}):
        before, after = hub.refs.get(branch), branches.get(branch)
        if before == after:
            continue
        kind = "branch_creation" if before is None else "branch_deletion" if after is None else "push"
        at = moment(hub, now)
        hub.activity.append(Pushed(hub.next_id(), branch, before or _NOTHING, after or _NOTHING, at, kind))
    hub.refs = dict(branches)
    del hub.activity[:-_KEPT]
