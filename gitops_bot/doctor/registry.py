"""Judges how a registry let the bot in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.doctor.finding import good, warning, wrong
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from gitops_bot.doctor.finding import Finding
    from gitops_bot.edges.facts import Served
    from gitops_bot.images.reference import ImageName, Pin

#: Pulls: Docker Hub gives a hundred or two in six hours, and counts those of a whole office together.
_FEW = 10


def registry(image: ImageName, pin: Pin, served: Served) -> Finding:
    """Whether the bot may read there, as who, and whether the image that was asked for is there."""
    host = image.registry
    text = f"{image.path} can be read {served.login}"
    if served.left == 0:
        message = f"{text}, but its rate limit has no pulls left"
        advice = "log in (`docker login`), because anonymous pulls are counted by IP address, or run again later"
        return wrong("registry", host, Problem("failed.registry", message, advice))
    if not served.there:
        advice = "push it again, or pin one that exists: the running image can no longer be pulled"
        return warning("registry", host, f"{text}, but it does not have the pinned {pin}", advice)
    if served.left is not None:
        text = f"{text}; {served.left} pulls left"
        if served.left < _FEW:
            return warning("registry", host, text, "log in (`docker login`): anonymous pulls are counted by IP address")
    return good("registry", host, text)
