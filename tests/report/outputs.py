"""What a plan and a status look like in every output, and that what strangers wrote there is shown and never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from gitops_bot.action import outcome as action
from gitops_bot.report import document, page
from gitops_bot.report.screen import Screen
from gitops_bot.report.show import print_outcome
from gitops_bot.report.status import print_status
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import Overview, Status
from tests.proposals.hostile import HOSTILE
from tests.report.shown import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.results.outcome import Outcome

HEAD = Head("acme/deploy", "main", "f" * 40)
_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})


def text(body: Outcome | Status, width: int | None = None) -> str:
    """Piped, or on a terminal of this width."""
    out = StringIO()
    if isinstance(body, Status):
        print_status(HEAD, body, Screen(out, width))
    else:
        print_outcome(HEAD, body, Screen(out, width), written=False)
    return out.getvalue()


def summary(body: Any) -> str:
    """The summary of a step of the Action."""
    result = Result(HEAD, body)
    rows = action.rows(result, written=False)
    return action.summary(action.title("plan", result, rows, written=False), result, rows, 100_000)


def headlines(body: Any) -> str:
    """What the Action says below its folded log."""
    result = Result(HEAD, body)
    rows = action.rows(result, written=False)
    return "\n".join(action.headlines(action.title("plan", result, rows, written=False), result, rows))


def as_page(status: Status) -> str:
    return page.html(Result(HEAD, Overview(status, home="https://github.com/acme/deploy")))


def as_json(command: str, body: Any) -> str:
    return json.dumps(document.of(command, Result(HEAD, body), datetime(2026, 12, 20, tzinfo=UTC)), ensure_ascii=False)


def words(shown: str) -> str:
    """What a person reads, on one line."""
    return re.sub(r"[\\\u200b]", "", " ".join(shown.split()))


def check_harmless(show: Callable[[str], str]) -> None:
    """Nothing that strangers write moves a cursor, is a command to a runner, or a mark of the bot."""
    for hostile in HOSTILE.values():
        shown = show(hostile)
        kinds = [(char, unicodedata.category(char)) for char in shown if char not in "\n\u200b"]
        assert [char for char, kind in kinds if kind in ("Cc", "Cf", "Cs")] == []
        assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
        assert not re.search(r"^<!-- gitops-bot:(closed|person|late)", shown, re.MULTILINE)


def check_no_elements(page: Callable[[str], str], markdown: Mapping[str, Callable[[str], str]]) -> None:
    """It makes no element of a page, and of Markdown none and no row."""

    def kinds(source: str) -> list[str]:
        tokens = [part for token in _MARKDOWN.parse(source) for part in (token, *(token.children or ()))]
        return [each.type for each in tokens if each.type not in ("text", "text_special", "code_inline", "softbreak")]

    harmless, elements = {name: kinds(show("x")) for name, show in markdown.items()}, Parsed(page("x")).names
    for hostile in HOSTILE.values():
        assert {name: kinds(show(hostile)) for name, show in markdown.items()} == harmless
        assert Parsed(page(hostile)).names == elements
