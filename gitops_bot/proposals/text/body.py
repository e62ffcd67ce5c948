"""The texts on a pull request: its description, and the bot's comments.

Both are for the person who reviews it, and in hidden HTML comments for the next run. These marks are a hint only: what
is proposed is in the commit's trailers. A mark counts only as a line of its own, which no name from a manifest and
no word from a registry can be. Anybody may edit the text, so it is read line by line, in time linear in its length.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from datetime import UTC
from shlex import quote
from typing import TYPE_CHECKING, Final, Literal, get_args

from gitops_bot.images.reason import Reason, counted
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import details, evidence
from gitops_bot.proposals.text.details import DescribedChange, alike, because, is_rollback, name_of
from gitops_bot.proposals.text.markdown import LIMIT, clip, code, cost, cut, enclose, plain, prose, size
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Hold
    from gitops_bot.releases.decisions import Change, EntryKey, Held, PinChange

#: What people can do with a proposal: merge, decline, hold, take over, and roll back once it is merged. How to hand a
#: branch back is in the comment for those who took one over.
_TAKE_OVER: Final = """\
Add the label `hold` to keep everything as it is. Push a commit to this branch to take it over: from then on, the bot \
leaves it alone, and a comment says how to return it."""
PEOPLE: Final = f"""
Merge to release. Close to decline exactly these pins; newer ones will be proposed again. {_TAKE_OVER}"""
PEOPLE_BACK: Final = f"""
Merge to roll back. Close to keep what runs now. {_TAKE_OVER}"""
ROLLED_BACK: Final = """
Once this is merged, what it rolls back is not proposed again until something newer is available; `--release-hold` \
allows it again."""
_REBUILT: Final = "**Attention: rebuilt, not the bytes that were tested.**"
#: In characters: the reserve for marks and lines that are added later, on closing and in a freeze; the least room of
#: each part after the table, enough for a note about what was cut; the most for lost platforms and for held entries.
_SPARE, _WORD, _LOST_ROOM, _HELD_ROOM = 1_600, 150, 3_000, 8_000
#: The longest command; a longer one is no longer read before it is run.
_COMMAND = 4_000
#: How many pins get a mark; the rest of the room is for the changes.
_MARKED = 1_400
#: The most characters about what a rollback does not restore.
_NOTES = 2_000
#: The start of the line that says why the bot closed it, and the most characters of the reason: each may take three.
_CLOSED_BY, _REASON = "Closed by gitops-bot: ", 250
_PAUSED: Final = "**Paused until "
_NO_DECLINE: Final = "This is not a decline; newer versions will be proposed."

#: What a pull request may lack for a while, and its description say so; `details` are those of its images.
Lack = Literal["labels", "assignees", "reviewers", "details"]
_LACKS: Final[tuple[Lack, ...]] = get_args(Lack)

_BEGIN: Final = "<!-- gitops-bot:begin -->"
_END: Final = "<!-- gitops-bot:end -->"
_CLOSED: Final = "<!-- gitops-bot:closed -->"
_CLOSED_MARK = re.compile(re.escape(_CLOSED))
#: What the bot changed for a freeze: it made it a draft, its text alone, or was about to switch from draft to ready.
_PAUSE_MARK = re.compile(r"<!-- gitops-bot:pause (draft|text|switching) -->")
_PLAN_MARK = re.compile(r"<!-- gitops-bot:plan ([0-9a-f]{64}) -->")
_LACKS_MARK = re.compile(r"<!-- gitops-bot:lacks ([a-z ]{1,60}) -->")
_PINS_MARK = re.compile(r"<!-- gitops-bot:pins ([0-9a-f ]{16,24000}) -->")
#: The mark of the comment that says why the bot closes a pull request.
CLOSING: Final = "closing"
_COMMENT_MARK = re.compile(rf"<!-- gitops-bot:((?:person|late) [0-9a-f]{{7,64}}|{CLOSING}) -->")


def render(
    environment: str,
    changes: Sequence[Change],
    held: Sequence[Held],
    described: Mapping[EntryKey, DescribedChange],
    at: datetime,
) -> str:
    """The whole description, as things were at a time, within the limit: cut at a whole row or section, with a note.

    Where room is short, the table has it first, then the ways back, what was held, the digests in full, what its gates
    saw, and what is known of images. What they saw is shown as it was then: it refreshes no description by itself.
    """
    back = is_rollback(changes)
    head = _head(environment, changes, back=back)
    after, people = (ROLLED_BACK, PEOPLE_BACK) if back else (how_to_roll_back(environment, changes), PEOPLE)
    pins = [change.pin_change for change in changes]
    pin_marks = (pin_mark(pin.key, pin.after, pin.new_name) for pin in pins[:_MARKED])
    marks = ["", f"<!-- gitops-bot:plan {mark(pins)} -->", f"<!-- gitops-bot:pins {' '.join(pin_marks)} -->", _END]
    known = [(change, described[change.entry.key]) for change in changes if change.entry.key in described]

    room = LIMIT - _SPARE - cost([*head, after, people, *marks])
    rows = alike(changes)
    table = cut(
        rows,
        lambda row: details.row_of_table(row, described.get(row[0].entry.key)),
        room - 3 * _WORD,
        lambda left: f"\n… and {counted(sum(map(len, rows[-left:])), 'more change')}: see the commit.",
    )
    room -= cost(table)
    lost = enclose(
        ["", "> [!WARNING]"],  # an alert on GitHub, a plain quotation elsewhere
        [line for line in dict.fromkeys(details.lost_platforms(*item) for item in known) if line],
        min(room - 2 * _WORD, _LOST_ROOM),
        lambda left: f"> - … and {counted(left, 'more image')} with lost platforms",
    )
    room -= cost(lost)
    waiting = enclose(
        ["", "Held back, and why:", ""],
        [f"- {code(item.entry.name)} in {code(item.entry.file)}: {prose(item.reason.text)}" for item in held],
        min(room - _WORD, _HELD_ROOM),
        lambda left: f"- … and {left} more",
    )
    room -= cost(waiting)
    full = details.in_full(rows, room - _WORD)
    room -= cost(full)
    checks = enclose(
        ["", f"Checks, as they were read on {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC:", ""],
        list(dict.fromkeys(f"- {code(name_of(c))}: {line}" for c in changes for line in evidence.markdown(c.seen))),
        min(room - _WORD, _HELD_ROOM),
        lambda left: f"- … and {left} more",
    )
    room -= cost(checks)
    # Equal ones, of one image in several overlays, are merged.
    sections = [text for text in dict.fromkeys(details.section(*item) for item in known) if text]
    shown = cut(
        sections, str, room, lambda left: f"\n… and details of {counted(left, 'more change')}, left out to save space."
    )
    return "\n".join([*head, *table, *lost, *checks, *full, *shown, *waiting, after, people, *marks])


def _head(environment: str, changes: Sequence[Change], *, back: bool) -> list[str]:
    lines = [_BEGIN, *([_REBUILT, ""] if any(change.rebuilt for change in changes) else [])]
    values = sum(len(info.values) for change in changes if (info := change.info) is not None)
    what = counted(len(changes), "pin") + (f" and {counted(values, 'value')} of release info" if values else "")
    lines.append(f"**{prose(environment)}**: {what} {'rolled back' if back else 'changed'}, nothing else.")
    if why := because(changes):
        lines += ["", f"**Why:** {prose(why)}"]
    # What a rollback does not restore, once for all changes.
    if notes := dict.fromkeys(note for change in changes for note in change.not_rolled_back):
        lines += ["", f"Not rolled back: {prose('; '.join(notes), _NOTES)}."]
    return [*lines, "", *details.HEAD]


def how_to_roll_back(environment: str, changes: Sequence[Change]) -> str:
    """How to restore the previous pins once this is merged: by a command, where one restores exactly these."""
    names = dict.fromkeys(change.entry.name for change in changes)
    command = " ".join(["gitops-bot rollback", quote(environment), *(f"--image {quote(name)}" for name in names)])
    is_safe = not any(word.startswith("-") or plain(word, len(word)) != word for word in (environment, *names))
    if is_safe and size(command) <= _COMMAND and all(map(_can_be_rolled_back, changes)):
        way = f" once this is merged:\n\n```sh\n{command}\n```\n\nOr revert this pull request."
    else:
        way = ": revert this pull request once it is merged."
    return f"\n**How to roll back**{way} These pins are not proposed again then, until something newer is available."


def _can_be_rolled_back(change: Change) -> bool:
    """Whether `rollback` restores exactly what was there: it writes no repository, and takes no tag away."""
    before = change.before
    keeps_tag = before.tag is None and change.after.tag is not None
    return change.new_name is None and before != Pin() and before.malformed is None and not keeps_tag


def mark(changes: Sequence[PinChange]) -> str:
    """Identifies a set of changes, regardless of their order and reasons."""
    texts = sorted(json.dumps([c.file, c.name, str(c.before), str(c.after), c.new_name]) for c in changes)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def pin_mark(key: EntryKey, after: Pin, new_name: str | None) -> str:
    """Identifies one proposed pin of one entry, in 16 characters: a body has room for a thousand."""
    return hashlib.sha256(json.dumps([*key, after.tag, after.digest, new_name]).encode()).hexdigest()[:16]


def plan_mark(text: str) -> str | None:
    """The mark of the plan that a description was written for."""
    return next(_values(text, _PLAN_MARK), None)


def pin_marks(text: str) -> frozenset[str]:
    """The marks of the proposed pins in a description; empty if it has none."""
    return frozenset(next(_values(text, _PINS_MARK), "").split())


def _values(text: str, mark: re.Pattern[str]) -> Iterator[str]:
    """The values of all marks of a kind, in the order of the text; one saved in a browser has CRLF line breaks."""
    return (found[1] for line in text.split("\n") if (found := mark.fullmatch(line.rstrip())))


def lacks(text: str) -> frozenset[Lack]:
    """What a pull request still lacks, according to its description: everything, if that is not the bot's any more."""
    if plan_mark(text) is None:
        return frozenset(_LACKS)
    return frozenset(_LACKS).intersection(next(_values(text, _LACKS_MARK), "").split())


def with_lacks(text: str, what: Collection[Lack]) -> str:
    """A description of the bot's that says that its pull request lacks this, too: a later run makes up for it."""
    missing = sorted(lacks(text).union(what))
    lines = [line for line in text.split("\n") if not _LACKS_MARK.fullmatch(line)]
    mark = [f"<!-- gitops-bot:lacks {' '.join(missing)} -->"] if missing else []
    return "\n".join([*lines[:-1], *mark, lines[-1]])


def tells_the_same(present: str, new: str) -> bool:
    """Whether two descriptions are of the same plan and lack the same: then they differ in how old they are."""
    done = [(plan_mark(text), lacks(text), is_closed_by_bot(text)) for text in (present, new)]
    return done[0] == done[1]


def replace_own_part(present: str, new: str) -> str:
    """The new text in place of the old one; what people wrote before and after it stays."""
    if (parts := _parts(present)) is None:
        return new
    before, _, after = (without_pause(without_closing_mark(part)) for part in parts)
    whole = before + new + after.rstrip()
    return whole if size(whole) <= LIMIT else new


def _parts(text: str) -> tuple[str, str, str] | None:
    """The bot's own part, its two marks included, between what people wrote; None where they took a mark out."""
    at, start = 0, None
    for line in text.split("\n"):
        if start is None and line.rstrip() == _BEGIN:
            start = at
        elif start is not None and line.rstrip() == _END:
            end = at + len(_END)
            return text[:start], text[start:end], text[end:]
        at += len(line) + 1
    return None


def is_closed_by_bot(text: str) -> bool:
    """Whether the bot itself closed this pull request."""
    return any(line.rstrip() == _CLOSED for line in text.split("\n"))


def with_closing_mark(text: str, why: Reason) -> str:
    """The description with the mark that the bot leaves before it closes, and a line that says why.

    A closing without the mark is a person's. Both come in one write and before the end, so whatever kills the bot,
    nothing of its own is closed without a word.
    """
    line = f"{_CLOSED_BY}{prose(why.text, _REASON)}. {_NO_DECLINE}"
    return _marked(without_closing_mark(text), _CLOSED, line)


def without_closing_mark(text: str) -> str:
    """The description as it was before the bot closed it: somebody pushed meanwhile, or it was opened again."""
    return _unmarked(text, _CLOSED_MARK, _CLOSED_BY)


def pause_of(text: str) -> str | None:
    """What the bot changed for a freeze, by the description: `draft`, `text`, or it was `switching`; None: nothing."""
    return next(_values(text, _PAUSE_MARK), None)


def with_pause(text: str, state: str, freeze: Hold | None) -> str:
    """The description that begins with the freeze, and has in a mark what the bot changes for it, or takes back."""
    until = f"{hold.end_text(freeze.until)} ({prose(freeze.why, _WORD)})" if freeze is not None else "it is ready"
    line = f"{_PAUSED}{until}.** What it changes is frozen until then: merge it after that."
    return _marked(without_pause(text), f"<!-- gitops-bot:pause {state} -->", line)


def without_pause(text: str) -> str:
    """The description as it was before the freeze."""
    return _unmarked(text, _PAUSE_MARK, _PAUSED)


def _marked(text: str, mark: str, line: str) -> str:
    """The description with a mark and a line: first in the bot's own part, or last where people took that out.

    Where room is short, the rest of that part goes, never what people wrote.
    """
    if (parts := _parts(text)) is None:
        return f"{clip(text, LIMIT - cost([mark, line]) - 2)}\n\n{mark}\n{line}"
    before, own, after = parts
    rest = own.removeprefix(_BEGIN).lstrip("\r ").removeprefix("\n")
    lines = (line.rstrip() for line in rest.split("\n"))
    marks = "\n".join(line for line in lines if line.startswith("<!-- gitops-bot:") and line.endswith("-->"))
    for kept in (rest, marks):
        whole = f"{before}{_BEGIN}\n{mark}\n{line}\n\n{kept}{after}"
        if size(whole) <= LIMIT:
            break
    return clip(whole, LIMIT)


def _unmarked(text: str, mark: re.Pattern[str], begins: str) -> str:
    """The description without such a mark and its line."""
    left, kept = deque(text.split("\n")), list[str]()
    while left:
        line = left.popleft()
        if not mark.fullmatch(line.rstrip()):
            kept.append(line)
            continue
        if left and left[0].startswith(begins):
            left.popleft()
        if left and not left[0].rstrip():
            left.popleft()
        elif not left and kept and not kept[-1].rstrip():
            kept.pop()
    return "\n".join(kept)


def person_comment(commit: str, author: str, why: str) -> str:
    """Says that somebody else pushed a commit. `why` is half a sentence, such as "it has no valid trailers"."""
    who = f" by {prose(author, 100)}" if author else ""
    return (
        f"<!-- gitops-bot:person {commit} -->\n"
        f"Commit {commit[:10]}{who} was not made by gitops-bot: {prose(why)}. People win: the bot leaves this branch "
        "alone from now on. Merge or close it as you see fit.\n\n"
        "To hand the branch back, add the label `hand-back`: the bot then rewrites it on top of the base branch, "
        "without this commit."
    )


def late_comment(head: str) -> str:
    """Says that a branch was pushed to after it was handed back, so that the hand-back does not apply."""
    return (
        f"<!-- gitops-bot:late {head} -->\n"
        f"This branch was handed back, and then somebody pushed commit {head[:10]} to it. People win: the bot leaves "
        "it alone, because it drops only commits that were there when the branch was handed back.\n\n"
        "To hand it back as it is now, remove the label `hand-back` and add it again."
    )


def closing_comment(reason: Reason) -> str:
    """Says why the bot closes a pull request."""
    return f"<!-- gitops-bot:{CLOSING} -->\nClosing: {prose(reason.text)}. {_NO_DECLINE}"


def comment_mark(body: str) -> str | None:
    """The hidden mark of a comment: `person <commit>`, `late <commit>`, `closing`; None if it has none.

    Only the first line counts: the rest quotes people.
    """
    mark = _COMMENT_MARK.fullmatch(body.partition("\n")[0].rstrip())
    return mark[1] if mark else None
