"""The proof that an edit of a `.env` file did what was asked and nothing else. It knows the texts, not the splices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import dotenv

if TYPE_CHECKING:
    from collections.abc import Mapping


def prove(before: str, after: str, asked: Mapping[str, str], file: str) -> None:
    """Check that docker compose reads `before` and `after` alike but for these values, and that no other text differs.

    Raises:
        EditError: it is not so.
    """
    if (why := _unproved(before, after, asked)) is not None:
        message = f"the edit was not made, because it could not be proved to change nothing else: {why}"
        raise EditError(Problem("failed.edit", message, "Nothing was written. Edit the file by hand.", file))


def _unproved(before: str, after: str, asked: Mapping[str, str]) -> str | None:
    try:
        old, new = dotenv.values(before), dotenv.values(after)
    except ValueError as error:
        return str(error)
    if new != {**old, **asked} or list(new) != list(old):
        return "docker compose would read other values"
    lines = list(zip(before.split("\n"), after.split("\n"), strict=False))
    if before.count("\n") != after.count("\n"):
        return "there are more or fewer lines"
    changed = [(line, other) for line, other in lines if line != other]
    wanted = {key: (old[key], text) for key, text in asked.items() if old[key] != text}
    if len(changed) != len(wanted):
        return "another line differs"
    for key, (value, text) in wanted.items():
        if not any(_replaced(line, other, key, value, text) for line, other in changed):
            return "more than a value differs"
    return None


def _replaced(line: str, other: str, key: str, value: str, text: str) -> bool:
    """Whether a line is another one with one text in the place of a value, behind its key."""
    behind = line.find(key) + len(key)
    return key in line and any(
        line.startswith(value, at) and line[:at] + text + line[at + len(value) :] == other
        for at in range(behind, len(line) - len(value) + 1)
    )
