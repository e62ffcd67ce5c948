"""Checks how the bot can read from a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.doctor.finding import good, warning, wrong
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from gitops_bot.doctor.finding import Finding
    from gitops_bot.edges.facts import Served
    from gitops_bot.images.reference import ImageName, Pin

#: Pulls. Docker Hub allows a hundred or two in six hours, and counts everyone behind one address together.
_FEW = 10


def registry(image: ImageName, pin: Pin, served: Served) -> Finding:
    """Whether the bot can read there, with which login, and whether the pinned image exists."""
    host = image.registry
    text = f"{image.path} can be read {served.login}"
    if served.left == 0:
        message = f"{text}, but its rate limit has no pulls left"
        advice = "log in (`docker login`), because anonymous pulls are counted by IP address, or run again later"
        return wrong("registry", host, Problem("failed.registry", message, advice))
    if not served.present:
        advice = "push it again, or pin one that exists: the running image can no longer be pulled"
        return warning("registry", host, f"{text}, but it does not have the pinned {pin}", advice)
    if served.left is not None:
        text = f"{text}; {served.left} pulls left"
        if served.left < _FEW:
            return warning("registry", host, text, "log in (`docker login`): anonymous pulls are counted by IP address")
    return good("registry", host, text)
