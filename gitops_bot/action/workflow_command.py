"""Workflow commands: the lines of a log that the runner of GitHub Actions obeys, with every part escaped.

Rules: "Workflow commands for GitHub Actions" of GitHub's documentation, and `ActionCommand` in actions/runner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitops_bot.proposals.text.markdown import plain

if TYPE_CHECKING:
    from gitops_bot.action.outcome import Annotation

Level = Literal["error", "warning", "notice"]

#: Annotations of one level that GitHub shows for one step.
SHOWN = 10


def data(text: str) -> str:
    """Text behind the second `::` of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def value(text: str) -> str:
    """The value of a property of a command, as in `file=`."""
    return data(text).replace(":", "%3A").replace(",", "%2C")


def annotate(level: Level, annotation: Annotation, title: str = "gitops-bot") -> str:
    """What is wrong, on its file and line where they are known."""
    places = (("file", annotation.file), ("line", annotation.line), ("col", annotation.column), ("title", title))
    properties = ",".join(f"{name}={value(plain(str(place)))}" for name, place in places if place is not None)
    message = plain(annotation.message, 2000) + (f"\n{plain(annotation.next, 2000)}" if annotation.next else "")
    return f"::{level} {properties}::{data(message)}"
