"""Hidden HTML comments that the bot leaves in what it writes on GitHub, and reads again on the next run.

A marker counts only on a line of its own; names from manifests and text from registries never get one. Anybody may
edit the text, so it is read line by line, in time linear in its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN: Final = "<!-- gitops-bot:begin -->"
END: Final = "<!-- gitops-bot:end -->"
CLOSED: Final = "<!-- gitops-bot:closed -->"


def marker(name: str, value: str) -> str:
    """The marker that carries a value."""
    return f"<!-- gitops-bot:{name} {value} -->"


def block(text: str) -> tuple[int, int] | None:
    """Where the bot's own part begins and ends, its two markers included; None where people took one of them out."""
    start = None
    for at, line in _lines(text):
        if start is None and line == BEGIN:
            start = at
        elif start is not None and line == END:
            return start, at + len(END)
    return None


def has(text: str, wanted: str) -> bool:
    """Whether the text has this marker."""
    return any(line == wanted for _, line in _lines(text))


def values(text: str, name: str) -> Iterator[str]:
    """The values of all markers of this name, in the order of the text."""
    head, tail = f"<!-- gitops-bot:{name} ", " -->"
    for _, line in _lines(text):
        if line.startswith(head) and line.endswith(tail) and len(line) >= len(head) + len(tail):
            yield line[len(head) : -len(tail)]


def without(text: str, *unwanted: str) -> str:
    """The text with the lines of these markers left empty."""
    return "\n".join("" if line.rstrip() in unwanted else line for line in text.split("\n"))


def only(text: str) -> str:
    """The markers of a text alone, without what people see of it."""
    return "\n".join(line for _, line in _lines(text) if line.startswith("<!-- gitops-bot:") and line.endswith("-->"))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Where each line begins, and the line without trailing blanks: a text saved in a browser has CRLF line breaks."""
    at = 0
    for line in text.split("\n"):
        yield at, line.rstrip()
        at += len(line) + 1
