from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Final, Literal, get_args

from gitops_bot.errors import FailureCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

#: Every code that a reason or a problem may carry. Scripts rely on them: a later version may add, never rename.
Code = Literal[
    "chosen",
    "current",
    "adopted",
    "promoted",
    "set",
    "rolled_back",
    "ignored",
    "unmanaged",
    "nothing_new",
    "person",
    "held.downgrade",
    "held.older_build",
    "held.reverted",
    "held.declined",
    "held.vanished",
    "held.moved",
    "held.unordered",
    "held.no_release_tag",
    "held.no_digest",
    "held.absent_in_target",
    "held.policy",
    "held.platforms",
    "held.age",
    "held.age_unknown",
    "held.soak",
    "held.slot",
    "held.window",
    "held.limit",
    "held.label",
    "held.hold",
    "held.frozen",
    "held.history_bound",
    FailureCode,
]
CODES: Final[tuple[Code, ...]] = get_args(Code)


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason for a decision: a code for scripts, a sentence for people, and the facts behind it.

    `ends` is when a hold ends by itself; None where something else has to change first.
    """

    code: Code
    text: str
    data: Mapping[str, str | int | None] = field(default_factory=dict)
    ends: datetime | None = None


def shortlist(texts: Sequence[str], most: int) -> str:
    """The first few, and how many more there are: `a, b and 3 more`."""
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def rfc3339(moment: datetime) -> str:
    """A time as scripts read it: in UTC, to the second."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"
