"""The text of a pull request: for the person who reviews it, and in hidden comments for the next run.

The hidden comments are a hint only: what is proposed stands in the commit's trailers. A mark counts only as a line of
its own, which no name from a manifest and no word from a registry can be.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from gitops_bot.proposals.text import advice, details, markers
from gitops_bot.proposals.text.details import alike, because, is_rollback, many
from gitops_bot.proposals.text.markdown import LIMIT, clip, code, cost, cut, prose, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.text.details import Described
    from gitops_bot.releases.decisions import Change, EntryKey, Held, PinChange

#: In characters: the reserve for marks and a closing line that are added later; the least room of each part after the
#: table, enough for a note about what was cut; the most room for lost platforms and for held entries.
_SPARE, _WORD, _LOST_ROOM, _HELD_ROOM = 1_000, 150, 3_000, 8_000
#: How many pins get a mark; the rest of the room is for the changes.
_MARKED = 1_400
#: The most characters about what a rollback does not restore.
_NOTES = 2_000
#: The start of the line that says why the bot closed it, and the most characters of the reason.
_CLOSED_BY, _REASON = "Closed by gitops-bot: ", 600
_REBUILT = "**Attention: rebuilt, not the bytes that were tested.**"
_PLAN, _PINS = "plan", "pins"
_PLAN_VALUE = re.compile(r"[0-9a-f]{64}")
_PINS_VALUE = re.compile(r"[0-9a-f ]{16,24000}")


def render(
    environment: str,
    changes: Sequence[Change],
    held: Sequence[Held],
    described: Mapping[EntryKey, Described],
) -> str:
    """The whole body, within GitHub's limit: cut at a whole row or section, with a note.

    Where room is short, the table has it first, then the ways back, what was held, the digests in full, and what is
    known of images.
    """
    back = is_rollback(changes)
    done = "rolled back" if back else "changed"
    head = [
        markers.BEGIN,
        *([_REBUILT, ""] if any(change.rebuilt for change in changes) else []),
        f"**{prose(environment)}**: {many(len(changes), 'pin')}{_values(changes)} {done}, nothing else.",
        *_because(changes),
        *_not_rolled_back(changes),
        "",
        *details.HEAD,
    ]
    after, people = (advice.ROLLED_BACK, advice.PEOPLE_BACK) if back else (advice.ROLL_BACK, advice.PEOPLE)
    pins = [change.pin_change for change in changes]
    marks = ["", markers.marker(_PLAN, mark(pins)), _marked(pins), markers.END]
    known = [(change, described[change.entry.key]) for change in changes if change.entry.key in described]

    room = LIMIT - _SPARE - cost([*head, after, people, *marks])
    rows = alike(changes)
    table = details.table(rows, room - 4 * _WORD)
    room -= cost(table)
    lost = _lost(known, min(room - 3 * _WORD, _LOST_ROOM))
    room -= cost(lost)
    commands = [] if back else advice.commands(environment, changes, room - 2 * _WORD)
    room -= cost(commands)
    waiting = _held(held, min(room - _WORD, _HELD_ROOM))
    room -= cost(waiting)
    full = details.in_full(rows, room - _WORD)
    room -= cost(full)
    sections = cut(_sections(known), str, room, _more_sections)
    return "\n".join([*head, *table, *lost, *full, *sections, *waiting, after, *commands, people, *marks])


def _values(changes: Sequence[Change]) -> str:
    """What else changes: values that follow the pins."""
    count = sum(len(change.info.values) for change in changes if change.info is not None)
    return f" and {many(count, 'value')} of release info" if count else ""


def mark(changes: Sequence[PinChange]) -> str:
    """Identifies a set of changes, regardless of their order and reasons."""
    texts = sorted(json.dumps([c.file, c.name, str(c.before), str(c.after), c.new_name]) for c in changes)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def pin_mark(key: EntryKey, after: Pin, new_name: str | None) -> str:
    """Identifies one proposed pin of one entry, in 16 characters: a body has room for a thousand."""
    text = json.dumps([*key, after.tag, after.digest, new_name])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def within(present: str, new: str) -> str:
    """The new text in place of the old one; what people wrote before and after it stays."""
    ours = markers.block(present)
    if ours is None:
        return new
    before, after = (without_closing_mark(part) for part in (present[: ours[0]], present[ours[1] :]))
    whole = before + new + after.rstrip()
    return whole if size(whole) <= LIMIT else new


def unfinished(text: str) -> str:
    """The text without the mark of its plan: if the run dies before it is complete, the next one rewrites it."""
    return markers.without(text, *(markers.marker(_PLAN, value) for value in _plan_marks(text)))


def plan_mark(text: str) -> str | None:
    """The mark of the plan that a body was written for."""
    return next(_plan_marks(text), None)


def pin_marks(text: str) -> frozenset[str]:
    """The marks of the proposed pins in a body; empty if it has none."""
    values = (value for value in markers.values(text, _PINS) if _PINS_VALUE.fullmatch(value))
    return frozenset(next(values, "").split())


def closed_by_bot(text: str) -> bool:
    """Whether the bot itself closed this pull request."""
    return markers.has(text, markers.CLOSED)


def with_closing_mark(text: str, why: Reason) -> str:
    """The body with the mark that the bot leaves before it closes, and a line that says why.

    A closing without the mark is a person's. Both come in one write and before the end, so whatever kills the bot,
    nothing of its own is closed without a word. They stand first in the bot's own part, or last where people took
    that out; where room is short, the rest of that part goes, never what people wrote.
    """
    text = without_closing_mark(text)
    reason = clip(prose(why.text), _REASON)
    line = f"{_CLOSED_BY}{reason}. This is not a decline; newer versions will be proposed."
    ours = markers.block(text)
    if ours is None:
        return f"{clip(text, LIMIT - cost([markers.CLOSED, line]) - 2)}\n\n{markers.CLOSED}\n{line}"
    before, block, after = text[: ours[0]], text[ours[0] : ours[1]], text[ours[1] :]
    rest = block.removeprefix(markers.BEGIN).lstrip("\r ").removeprefix("\n")
    head = [markers.BEGIN, markers.CLOSED, line, ""]
    for kept in (rest, markers.only(rest)):
        whole = before + "\n".join([*head, kept]) + after
        if size(whole) <= LIMIT:
            break
    return clip(whole, LIMIT)


def without_closing_mark(text: str) -> str:
    """The body as it was before the bot closed it: somebody pushed meanwhile, or it was opened again."""
    lines = text.split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at].rstrip() != markers.CLOSED:
            kept.append(lines[at])
            at += 1
            continue
        at += 1
        if at < len(lines) and lines[at].startswith(_CLOSED_BY):
            at += 1
        if at == len(lines) and kept and not kept[-1].rstrip():
            kept.pop()
        elif at < len(lines) and not lines[at].rstrip():
            at += 1
    return "\n".join(kept)


def _plan_marks(text: str) -> Iterator[str]:
    return (value for value in markers.values(text, _PLAN) if _PLAN_VALUE.fullmatch(value))


def _because(changes: Sequence[Change]) -> list[str]:
    why = because(changes)
    return ["", f"**Why:** {prose(why)}"] if why else []


def _not_rolled_back(changes: Sequence[Change]) -> list[str]:
    """What a rollback does not restore, once for all changes."""
    notes = dict.fromkeys(note for change in changes for note in change.not_rolled_back)
    return ["", f"Not rolled back: {prose('; '.join(notes), _NOTES)}."] if notes else []


def _lost(known: Sequence[tuple[Change, Described]], room: int) -> list[str]:
    lines = [line for line in dict.fromkeys(details.lost(*change) for change in known) if line]
    if not lines:
        return []
    # An alert on GitHub, a plain quotation elsewhere.
    head = ["", "> [!WARNING]"]
    shown = cut(lines, str, room - cost(head), lambda left: f"> - … and {left} more lost platforms")
    return [*head, *shown] if shown else []


def _sections(known: Sequence[tuple[Change, Described]]) -> list[str]:
    """One section for each change; equal ones, of one image in several overlays, are merged."""
    return [text for text in dict.fromkeys(details.section(*change) for change in known) if text]


def _more_sections(left: int) -> str:
    return f"\n… and details of {many(left, 'more change')}, left out to save space."


def _held(held: Sequence[Held], room: int) -> list[str]:
    if not held:
        return []
    head = ["", "Held back, and why:", ""]
    return [*head, *cut(held, _held_item, room - cost(head), lambda left: f"- … and {left} more")]


def _held_item(item: Held) -> str:
    return f"- {code(item.entry.name)} in {code(item.entry.file)}: {prose(item.reason.text)}"


def _marked(pins: Sequence[PinChange]) -> str:
    marks = [pin_mark(pin.key, pin.after, pin.new_name) for pin in pins[:_MARKED]]
    return markers.marker(_PINS, " ".join(marks))
