"""A proposal in words: what goes to Git and to the forge beside its files.

Title and commit message are made from people's templates or the bot's own.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from itertools import dropwhile
from typing import TYPE_CHECKING

from gitops_bot.config.propose import render
from gitops_bot.images.reason import enumerated
from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.proposal import Proposal, ProposalText
from gitops_bot.proposals.text import body, evidence
from gitops_bot.proposals.text.details import REASONS, DescribedChange, alike, because, is_rollback, name_of
from gitops_bot.proposals.text.markdown import BREAK, clip, cut, plain, quiet, size
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import Change, EntryKey, Held, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Propose

#: The templates where the configuration has none: Conventional Commits 1.0.0.
TITLE = "chore({environment}): {summary}"
MESSAGE = "{title}\n\n{changes}"
#: In characters. A forge that takes less cuts a title itself; a commit message is read in terminals, a line of it at a
#: glance.
TITLE_LIMIT = 200
MESSAGE_LIMIT = 60_000
_LINE_LIMIT = 5_000
#: The most characters that the changes take in a commit message.
_ROOM = 50_000

#: What only the bot's own trailers may begin with, in the words of `trailers`. Git reads them in any case.
_RESERVED = re.compile("gitops-bot-", re.IGNORECASE)


def write(
    environment: str,
    proposal: Proposal,
    propose: Propose,
    base: str | None = None,
    described: Mapping[EntryKey, DescribedChange] | None = None,
    *,
    at: datetime,
) -> ProposalText:
    """Put a proposal, with at least one change, into words by the templates of `propose`.

    `base` is the commit that a branch of the bot is made on; `described` is what is known of the images, by the
    entries' keys. `at` is when all of that was read. What is committed straight to the base branch has no body.
    """
    changes, group, source, pull_request = proposal.changes, proposal.group, proposal.source, proposal.on is not None
    held = [decision for decision in proposal.decisions if isinstance(decision, Held)]
    known = fields(environment, changes, group, source)
    headline = title_of(propose.title, known)
    # A pull request has what gates saw in its description, so that it changes no commit.
    listed = [replace(change, seen=()) for change in changes] if pull_request else changes
    text = message_of(propose.message, known | {"title": headline, "changes": table(listed)})
    if why := because(changes):
        text = f"{text}\n\nWhy: {quiet(why)}"
    block = Trailers(*naming.trailer_names(environment, group), source, tuple(change.pin_change for change in changes))
    return ProposalText(
        title=headline,
        body=body.render(environment, changes, held, described or {}, at) if pull_request else "",
        message=f"{text}\n\n{trailers.render(block, base)}\n",
    )


def title_of(template: str | None, fields: Mapping[str, str]) -> str:
    """One line, never empty. `fields` has TITLE_FIELDS."""
    titles = (" ".join(_clean(" ".join(render(text, fields).split())).split()) for text in (template or TITLE, TITLE))
    shown = next((title for title in titles if title.strip(BREAK)), "")
    return shown if size(shown) <= TITLE_LIMIT else f"{clip(shown, TITLE_LIMIT - 1).rstrip()}…"


def message_of(template: str | None, fields: Mapping[str, str]) -> str:
    """A commit message without any line that could be taken for a trailer of the bot's. `fields` has MESSAGE_FIELDS."""
    shown = ""
    for text in (template or MESSAGE, MESSAGE):
        # One character more than is ever kept: a template that repeats a long field costs no more than that.
        lines = [clip(_clean(line), _LINE_LIMIT) for line in clip(render(text, fields), MESSAGE_LIMIT + 1).splitlines()]
        lines = [f" {line}" if _RESERVED.match(line.replace(BREAK, "")) else line for line in lines]
        lines = list(dropwhile(lambda line: not line.strip(BREAK), lines))
        shown = "\n".join(cut(lines, str, MESSAGE_LIMIT, lambda _left: "…")).rstrip("\n")
        if shown:
            break
    return shown


def _clean(line: str) -> str:
    """The line without control and formatting characters; its indentation stays, and what keeps a field quiet."""
    known = (char for char in line if char in ("\t", BREAK) or unicodedata.category(char)[0] != "C")
    return "".join(" " if char == "\t" else char for char in known).rstrip()


def fields(environment: str, changes: Sequence[Change], group: str, source: Source) -> dict[str, str]:
    """The fields that templates can use, for at least one change."""
    return {
        "environment": quiet(environment),
        "group": quiet(group),
        "summary": quiet(in_words(changes, group)),
        "count": str(len(changes)),
        "images": quiet(", ".join(sorted({change.entry.image for change in changes}))),
        "overlays": quiet(", ".join(sorted({change.entry.overlay or "." for change in changes}))),
        "source": source,
    }


def in_words(changes: Sequence[Change], group: str = naming.DEFAULT_GROUP) -> str:
    """What changes, as the end of a sentence; with the group, unless that is the whole environment or the image."""
    entries = [change.entry for change in changes]
    names = sorted({entry.image.rpartition("/")[2] for entry in entries})
    pins = {change.after.short for change in changes}
    if is_rollback(changes):
        what = " and ".join(names) if len(names) <= 2 else f"{len(names)} images"
        return f"roll back {what} to {pins.pop()}" if len(pins) == 1 else f"roll back {what}"
    if len(names) == 1 and len(pins) == 1:
        what = f"{names[0]} {pins.pop()}"
    elif len(names) <= 3:
        what = f"update {enumerated(names)}"
    else:
        what = f"update {len(names)} images"
    named = all(group in (entry.name, entry.image, entry.image.rpartition("/")[2]) for entry in entries)
    return what if named or group == naming.DEFAULT_GROUP else f"{what} in {group}"


def table(changes: Sequence[Change]) -> str:
    """The changes as indented lines: image and file, from and to, why. No line can be taken for a trailer.

    Changes that are alike share one item; the trailers name every file.
    """
    rows = alike(changes)
    shown = cut(rows, _row, _ROOM, lambda left: f"* … and {sum(map(len, rows[-left:]))} more: see the trailers")
    return "\n".join(shown)


def _row(row: Sequence[Change]) -> str:
    first = row[0]
    where = quiet(first.entry.file) if len(row) == 1 else f"{len(row)} overlays"
    reasons = dict.fromkeys(f"    {quiet(change.reason.text)}" for change in row)
    seen = dict.fromkeys(f"    {quiet(line)}" for change in row for line in evidence.lines(change.seen))
    renamed = f" (now {quiet(first.new_name)})" if first.new_name else ""
    name = "" if name_of(first) == first.entry.image else f" ({quiet(first.entry.name)})"
    # The old text in the file may be anything. A digest alone goes without `@`, which would name a user.
    pins = ((pin, plain(str(pin)).removeprefix("@")) for pin in (first.before, first.after))
    before, after = (quiet(shown) if pin.malformed else shown for pin, shown in pins)
    return "\n".join((
        f"* {quiet(first.entry.image)}{name}{renamed} in {where}",
        f"    {before}",
        f"    -> {after}",
        *list(reasons)[:REASONS],
        *list(seen)[: evidence.MOST],
    ))  # fmt: skip
