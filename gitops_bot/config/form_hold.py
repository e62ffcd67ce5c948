"""The settings of holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - pydantic reads it from here
from typing import Annotated

from gitops_bot.config import leaves as leaf
from gitops_bot.config import times
from gitops_bot.config.leaves import about

IMAGE_WORDS = "must be the name of an entry or an image repository"
_UNTIL = leaf.text("must be a date, or a moment with its offset from UTC", times.MOMENT, parse=times.moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldForm:
    """A freeze: what stays as it is for a while, and why."""

    __pydantic_config__ = leaf.STRICT

    environment: Annotated[
        str,
        leaf.text("must be the name of an environment", leaf.NAME),
        about("The environment to freeze.", "production"),
    ]
    image: Annotated[
        str | None,
        leaf.text(IMAGE_WORDS, leaf.LINE),
        about(
            "The image to freeze, by the `name` of an entry or by its repository. Without it, the whole environment.",
            "ghcr.io/acme/web",
        ),
    ] = None
    until: Annotated[
        datetime,
        _UNTIL,
        about(
            "When the freeze ends: at the start of that day in UTC, or at that moment (RFC 3339).",
            "2026-12-24",
            "2026-12-24T18:00:00+01:00",
        ),
    ]
    why: Annotated[
        str,
        leaf.text("must be one line of 1 to 500 characters", leaf.WORDS),
        about("The reason, shown in plans and pull requests.", "no release before the fair"),
    ]
