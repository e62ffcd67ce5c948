"""A proposal in words: what git and the forge will be given beside its files.

Title and commit message are made from people's templates or the bot's own.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING

from gitops_bot.config.template import render
from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.text import body, summary
from gitops_bot.proposals.text.markdown import BREAK, clip, cut, quiet, size
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import Change, Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.proposals.text.details import Described
    from gitops_bot.releases.decisions import Decision, EntryKey, Source

#: What is said where people do not say it otherwise: Conventional Commits 1.0.0.
TITLE = "chore({environment}): {summary}"
MESSAGE = "{title}\n\n{changes}"
#: In characters. GitHub takes titles of 256; a commit message is read in terminals, a line of it at a glance.
TITLE_LIMIT = 200
MESSAGE_LIMIT = 60_000
_LINE_LIMIT = 5_000

#: What only the bot's own trailers may begin with, in the words of `trailers`. Git reads them in any case.
_RESERVED = re.compile("gitops-bot-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProposalText:
    """The title and the text of a pull request, and the message of its commit."""

    title: str
    body: str
    message: str


def write(
    environment: str,
    decisions: Sequence[Decision],
    *,
    source: Source,
    group: str = naming.DEFAULT_GROUP,
    title: str | None = None,
    message: str | None = None,
    described: Mapping[EntryKey, Described] | None = None,
) -> ProposalText:
    """Put the decisions about a group into words, with at least one change among them.

    `title` and `message` are templates, None for the bot's own; `described` is what is known of the images, by the
    entries' keys.
    """
    changes = [decision for decision in decisions if isinstance(decision, Change)]
    held = [decision for decision in decisions if isinstance(decision, Held)]
    fields = summary.fields(environment, changes, group, source)
    headline = title_of(title, fields)
    text = message_of(message, fields | {"title": headline, "changes": summary.table(changes)})
    if why := summary.because(changes):
        text = f"{text}\n\nWhy: {quiet(why)}"
    block = Trailers(*naming.trailer_names(environment, group), source, tuple(change.pin_change for change in changes))
    return ProposalText(
        title=headline,
        body=body.render(environment, changes, held, described or {}),
        message=f"{text}\n\n{trailers.render(block)}\n",
    )


def title_of(template: str | None, fields: Mapping[str, str]) -> str:
    """One line, never empty. `fields` has TITLE_FIELDS."""
    shown = _one_line(render(template or TITLE, fields)) or _one_line(render(TITLE, fields))
    return shown if size(shown) <= TITLE_LIMIT else f"{clip(shown, TITLE_LIMIT - 1).rstrip()}…"


def message_of(template: str | None, fields: Mapping[str, str]) -> str:
    """A commit message without any line that could be taken for a trailer of the bot's. `fields` has MESSAGE_FIELDS."""
    return _readable(render(template or MESSAGE, fields)) or _readable(render(MESSAGE, fields))


def _one_line(text: str) -> str:
    shown = " ".join(_clean(" ".join(text.split())).split())
    return shown if shown.strip(BREAK) else ""


def _readable(text: str) -> str:
    # One character more than is ever kept: a template that repeats a long field costs no more than that.
    lines = [clip(_clean(line), _LINE_LIMIT) for line in clip(text, MESSAGE_LIMIT + 1).splitlines()]
    lines = [f" {line}" if _RESERVED.match(line.replace(BREAK, "")) else line for line in lines]
    shown = list(dropwhile(lambda line: not line.strip(BREAK), lines))
    return "\n".join(cut(shown, str, MESSAGE_LIMIT, lambda _left: "…")).rstrip("\n")


def _clean(line: str) -> str:
    """The line without control and formatting characters; its indentation stays, and what keeps a field quiet."""
    known = (char for char in line if char in ("\t", BREAK) or unicodedata.category(char)[0] != "C")
    return "".join(" " if char == "\t" else char for char in known).rstrip()
