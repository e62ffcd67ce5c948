"""The text of a pull request: for the person who reviews it, and in hidden comments for the next run.

The hidden comments are a hint only: what is proposed stands in the commit's trailers. A mark counts only as a line of
its own, which no name from a manifest and no word from a registry can be.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from gitops_bot.proposals.markdown import code, plain, prose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Change, Held, Plan

#: GitHub's limit of a body, in characters.
LIMIT = 65_536
TITLE_LIMIT = 200
#: What the held entries may take of it, in characters, and how many pins are marked: the rest is for the changes.
_HELD_ROOM = 8_000
_MARKED = 1_400
_PLAN = re.compile(r"^<!-- gitops-bot:plan ([0-9a-f]{64}) -->\s*$", re.MULTILINE)
_PINS = re.compile(r"^<!-- gitops-bot:pins ([0-9a-f ]{16,24000}) -->\s*$", re.MULTILINE)
_CLOSED = "<!-- gitops-bot:closed -->"
_BEGIN, _END = "<!-- gitops-bot:begin -->", "<!-- gitops-bot:end -->"
_OURS = re.compile(rf"^{_BEGIN}\s*?$.*?^{_END}(?=\s*?$)", re.MULTILINE | re.DOTALL)
_IS_CLOSED = re.compile(rf"^{_CLOSED}\s*$", re.MULTILINE)


def title(environment: str, changes: Sequence[Change]) -> str:
    """One line in the form of Conventional Commits."""
    names = sorted({_short(change) for change in changes})
    targets = {str(change.after.tag or (change.after.digest or "")[:19]) for change in changes}
    if len(names) == 1 and len(targets) == 1:
        what = f"{names[0]} {targets.pop()}"
    elif len(names) <= 3:
        what = f"update {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
    else:
        what = f"update {len(names)} images"
    return plain(f"chore({environment}): {what}", TITLE_LIMIT)


def mark(changes: Sequence[PinChange]) -> str:
    """What identifies a set of changes, whatever their order and their reasons."""
    said = sorted(json.dumps([c.file, c.name, str(c.before), str(c.after), c.new_name]) for c in changes)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def pin_mark(key: tuple[str, str], after: Pin, new_name: str | None) -> str:
    """What identifies one proposed pin of one entry, in 16 characters: a body has room for a thousand of these."""
    said = json.dumps([*key, after.tag, after.digest, new_name])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def render(plan: Plan, pins: Sequence[PinChange]) -> str:
    """The whole body; never over GitHub's limit, cut at a whole row with a word."""
    head = [
        _BEGIN,
        f"**{prose(plan.environment)}**: {_count(len(plan.changes), 'pin')} changed, nothing else.",
        "",
        "| image | from | to | digest | why |",
        "| --- | --- | --- | --- | --- |",
    ]
    tail = [*_held(plan.held), "", _ADVICE, "", f"<!-- gitops-bot:plan {mark(pins)} -->", _marked(pins), _END]
    room = LIMIT - len("\n".join([*head, *tail])) - 200
    rows = _fitting(map(_row, plan.changes), room)
    left = len(plan.changes) - len(rows)
    more = ["", f"… and {_count(left, 'more change')}: see the commit."] if left else []
    return "\n".join([*head, *rows, *more, *tail])


def within(found: str, new: str) -> str:
    """The new text in the place of the old one: what people wrote before and after it stays."""
    ours = _OURS.search(found)
    if ours is None:
        return new
    before, after = (_IS_CLOSED.sub("", part) for part in (found[: ours.start()], found[ours.end() :]))
    whole = before + new + after.rstrip()
    return whole if len(whole) <= LIMIT else new


def unfinished(text: str) -> str:
    """The text without the mark of its plan: a run that dies before it is whole leaves it to be written again."""
    return _PLAN.sub("", text)


def plan_mark(text: str) -> str | None:
    """The mark of the plan that a body was written for."""
    found = _PLAN.search(text)
    return found.group(1) if found else None


def pin_marks(text: str) -> frozenset[str]:
    """The marks of the pins that a body says were proposed; empty where it says nothing."""
    found = _PINS.search(text)
    return frozenset(found.group(1).split()) if found else frozenset()


def closed_by_bot(text: str) -> bool:
    """Whether the bot itself closed this pull request."""
    return _IS_CLOSED.search(text) is not None


def with_closing_mark(text: str) -> str:
    """The body with the mark that the bot leaves before it closes; a closing without it is a person's."""
    return text if closed_by_bot(text) else f"{text[: LIMIT - len(_CLOSED) - 2]}\n\n{_CLOSED}"


_ADVICE = (
    "Merge to release. Close to decline exactly these pins; newer ones will be proposed again. "
    "Push a commit to this branch to take it over: from then on the bot leaves it alone."
)


def _short(change: Change) -> str:
    return change.entry.image.rpartition("/")[2]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _row(change: Change) -> str:
    name = change.entry.image if change.entry.image.endswith(change.entry.name) else change.entry.name
    renamed = f" → {code(change.new_name)}" if change.new_name else ""
    cells = (
        f"{code(name)}{renamed}<br>{code(change.entry.file)}",
        code(change.before.tag or str(change.before)),
        code(change.after.tag or "(by digest)"),
        code(change.after.digest or ""),
        prose(change.reason.text),
    )
    return f"| {' | '.join(cells)} |"


def _fitting(rows: Iterable[str], room: int) -> list[str]:
    """The first rows that fit into so many characters."""
    shown = []
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    return shown


def _held(held: Sequence[Held]) -> list[str]:
    if not held:
        return []
    rows = _fitting(
        (f"- {code(item.entry.name)} in {code(item.entry.file)}: {prose(item.reason.text)}" for item in held),
        _HELD_ROOM,
    )
    left = len(held) - len(rows)
    return ["", "Held back, and why:", "", *rows, *([f"- … and {left} more"] if left else [])]


def _marked(pins: Sequence[PinChange]) -> str:
    marks = [pin_mark(pin.key, pin.after, pin.new_name) for pin in pins[:_MARKED]]
    return f"<!-- gitops-bot:pins {' '.join(marks)} -->"
