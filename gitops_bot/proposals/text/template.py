"""Titles and commit messages, from the templates of people or the bot's own."""

from __future__ import annotations

import re
import unicodedata
from itertools import dropwhile
from typing import TYPE_CHECKING

from gitops_bot.config.template import render
from gitops_bot.proposals.text.limit import clip, cut, size
from gitops_bot.proposals.text.markdown import BREAK

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is said where people do not say it otherwise: Conventional Commits 1.0.0.
TITLE = "chore({environment}): {summary}"
MESSAGE = "{title}\n\n{changes}"
#: In characters. GitHub takes titles of 256; a commit message is read in terminals, a line of it at a glance.
TITLE_LIMIT = 200
MESSAGE_LIMIT = 60_000
_LINE_LIMIT = 5_000

#: What only the bot's own trailers may begin with, in the words of `trailers`. Git reads them in any case.
_RESERVED = re.compile("gitops-bot-", re.IGNORECASE)


def title(template: str | None, fields: Mapping[str, str]) -> str:
    """One line, never empty. `fields` has TITLE_FIELDS."""
    shown = _one_line(render(template or TITLE, fields)) or _one_line(render(TITLE, fields))
    return shown if size(shown) <= TITLE_LIMIT else f"{clip(shown, TITLE_LIMIT - 1).rstrip()}…"


def message(template: str | None, fields: Mapping[str, str]) -> str:
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
    return "".join(" " if char == "\t" else char for char in line if _is_text(char)).rstrip()


def _is_text(char: str) -> bool:
    return char in ("\t", BREAK) or unicodedata.category(char)[0] != "C"
