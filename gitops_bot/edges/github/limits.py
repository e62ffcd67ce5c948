"""What GitHub says of its rate limit for REST; GraphQL has a limit of its own, in points."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitops_bot.proposals.pull_request import RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping


def told(headers: Mapping[str, str]) -> RateLimit | None:
    """What the headers of an answer tell; None where they tell nothing, or of another limit than the usual."""
    if headers.get("x-ratelimit-resource", "core") != "core":
        return None
    return _left(headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", ""))


def is_number(text: str) -> bool:
    """Whether a header's text is a number of seconds that a moment can be made of."""
    return text.isascii() and text.isdigit() and len(text) <= 10


def read(document: Any) -> RateLimit | None:
    """What the answer to `GET /rate_limit` tells."""
    try:
        core = document["resources"]["core"]
        return _left(str(core["remaining"]), str(core["reset"]))
    except (KeyError, TypeError):
        return None


def _left(remaining: str, reset: str) -> RateLimit | None:
    if not is_number(remaining) or not is_number(reset):
        return None
    return RateLimit(int(remaining), datetime.fromtimestamp(int(reset), UTC))
