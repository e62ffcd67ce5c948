"""What people can do with a proposal: merge, decline, hold, take over, hand back, and roll back once it is merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.images.reference import Assignment
from gitops_bot.proposals.text.markdown import cost, cut, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.decisions import Change

_TAKE_OVER: Final = """\
Add the label `hold` to keep everything as it is. Push a commit to this branch to take it over: from then on, the bot \
leaves it alone. Add the label `hand-back` to return a branch that was taken over to the bot: it rewrites the branch \
and drops everybody else's commits."""
PEOPLE: Final = f"""
Merge to release. Close to decline exactly these pins; newer ones will be proposed again. {_TAKE_OVER}"""
PEOPLE_BACK: Final = f"""
Merge to roll back. Close to keep what runs now. {_TAKE_OVER}"""
ROLL_BACK: Final = """
**How to roll back:** run `gitops-bot rollback` with the name of this environment, or revert this pull request once \
it is merged. After that, these pins are not proposed again until something newer is available."""
ROLLED_BACK: Final = """
Once this is merged, what it rolls back is not proposed again until something newer is available; `--release-hold` \
allows it again."""
#: The most room for the commands, in characters.
_ROOM = 6_000
_SAFE = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")


def commands(environment: str, changes: Sequence[Change], room: int) -> list[str]:
    """A section with the commands that restore the previous pins, as many as fit into `room`."""
    head = [
        "",
        "<details><summary>Or restore the previous pins</summary>",
        "",
        "Each command applies to every overlay of the environment that has the image.",
        "",
        "```sh",
    ]
    foot = ["```", "", "</details>"]
    shown = cut(
        _commands(environment, changes),
        str,
        min(room, _ROOM) - cost([*head, *foot]),
        lambda left: f"# … and {left} more: see the table",
    )
    return [*head, *shown, *foot] if shown else []


def _commands(environment: str, changes: Sequence[Change]) -> list[str]:
    if environment.startswith("-") or plain(environment) != environment:
        return []
    wanted: dict[str, set[str | None]] = {}
    for change in changes:
        wanted.setdefault(change.entry.name, set()).add(_assignment(change))
    # `set` applies to all overlays, so it cannot restore one name that had two different pins.
    assignments = [next(iter(texts)) for texts in wanted.values() if len(texts) == 1]
    return [f"gitops-bot set {_quoted(environment)} {_quoted(text)} --allow-downgrade" for text in assignments if text]


def _assignment(change: Change) -> str | None:
    """The argument of `set` that restores the previous pin; None if it cannot express exactly that."""
    name, before = change.entry.name, change.before
    old_name = change.entry.image if change.new_name is not None else None
    if before.tag is None and change.after.tag is not None:
        return None  # a digest alone would keep the new tag
    tag = before.tag or ""
    pin = (f"{old_name}:{tag}" if tag else old_name) if old_name else tag
    text = f"{name}={pin}" + (f"@{before.digest}" if before.digest else "")
    try:
        parsed = Assignment.parse(text)
    except ValueError:
        return None
    if parsed != Assignment(name, before, old_name) or name.startswith("-") or plain(text, len(text)) != text:
        return None
    return text


def _quoted(text: str) -> str:
    """Any text, quoted as one word for a POSIX shell."""
    return text if _SAFE.fullmatch(text) else "'" + text.replace("'", "'\"'\"'") + "'"
