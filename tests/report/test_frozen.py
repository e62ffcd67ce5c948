"""Freezes of whole environments stand first in every output, once, with what people wrote shown and never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from gitops_bot.action import outcome as action
from gitops_bot.config import Hold
from gitops_bot.report import document, page
from gitops_bot.report.screen import Screen
from gitops_bot.report.show import print_outcome
from gitops_bot.report.status import markdown, print_status
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import EnvironmentStatus, Overview, Status
from tests.managed import alter
from tests.proposals.hostile import HOSTILE
from tests.report.shown import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2026, 12, 20, tzinfo=UTC)
HEAD = Head("acme/deploy", "main", "f" * 40)
FAIR = Hold((), datetime(2027, 1, 7, tzinfo=UTC), "closed for the holidays", ("gitops-bot.yaml", 31, 5))
HELD = "all environments until 2027-01-07 (closed for the holidays) by gitops-bot.yaml:31"


def status(*holds: Hold) -> Status:
    names = ("staging", "production")
    return Status(AT, tuple(EnvironmentStatus(name, None, None, (), frozen=holds) for name in names), True)


def planned(*holds: Hold) -> Outcome:
    return Outcome(tuple(EnvironmentOutcome(name, frozen=holds) for name in ("staging", "production")))


def plan(hold: Hold, width: int | None) -> str:
    out = StringIO()
    print_outcome(HEAD, planned(hold), Screen(out, width), written=False)
    return out.getvalue()


def shown(hold: Hold, width: int | None) -> str:
    out = StringIO()
    print_status(HEAD, status(hold), Screen(out, width))
    return out.getvalue()


def in_action(body: Any) -> tuple[str, list[str]]:
    result = Result(HEAD, body)
    rows = action.rows(result, written=False)
    title = action.title("plan", result, rows, written=False)
    return action.summary(title, result, rows, 100_000), action.headlines(title, result, rows)


def as_json(command: str, body: Any) -> str:
    return json.dumps(document.of(command, Result(HEAD, body), AT), ensure_ascii=False)


MARKDOWN: dict[str, Callable[[Hold], str]] = {
    "summary of the Action": lambda hold: in_action(planned(hold))[0],
    "summary of the Action, of status": lambda hold: in_action(status(hold))[0],
    "status as Markdown": lambda hold: markdown(status(hold)),
}
OUTPUTS: dict[str, Callable[[Hold], str]] = {
    **MARKDOWN,
    "plan, piped": lambda hold: plan(hold, None),
    "plan on a terminal": lambda hold: plan(hold, 70),
    "status, piped": lambda hold: shown(hold, None),
    "status on a terminal": lambda hold: shown(hold, 70),
    "headlines of the Action": lambda hold: "\n".join(in_action(planned(hold))[1]),
    "headlines of the Action, of status": lambda hold: "\n".join(in_action(status(hold))[1]),
    "page": lambda hold: page.html(Result(HEAD, Overview(status(hold), home=None))),
}
JSON: dict[str, Callable[[Hold], str]] = {
    "update": lambda hold: as_json("update", planned(hold)),
    "status": lambda hold: as_json("status", status(hold)),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_says_it_once_and_before_any_environment(output: str) -> None:
    words = " ".join(re.sub(r"[\\\u200b]", "", OUTPUTS[output](alter(FAIR, excepted=("web", "api")))).split())
    if output == "page":
        words = words[words.index("</style>") :]
    line = f"frozen: {HELD}, except web, api"
    assert words.count("frozen: ") == words.count(line) == 1
    assert words.index(line) < words.index("staging")
    assert words.index(line) < words.index("production")


@pytest.mark.parametrize(
    ("hold", "line"),
    [
        pytest.param(FAIR, HELD, id="all"),
        pytest.param(alter(FAIR, environments=("b", "a")), HELD.replace("all environments", "b, a"), id="several"),
        pytest.param(
            alter(FAIR, environments=tuple("abcdefgh"), excepted=tuple("stuvwxyz")),
            f"{HELD.replace('all environments', 'a, b, c, d, e and 3 more')}, except s, t, u, v, w and 3 more",
            id="many",
        ),
        pytest.param(
            alter(FAIR, until=datetime(2027, 1, 6, 23, tzinfo=UTC)),
            HELD.replace("2027-01-07", "2027-01-06 23:00 UTC"),
            id="not at midnight",
        ),
    ],
)
def test_a_line_says_what_is_frozen_until_when_why_and_by_what(hold: Hold, line: str) -> None:
    assert plan(hold, None).splitlines()[1] == f"frozen: {line}"


def test_where_nothing_is_frozen_nothing_is_said() -> None:
    for text in (in_action(planned())[0], markdown(status()), page.html(Result(HEAD, Overview(status())))):
        assert "frozen:" not in text
    for command, body in (("update", planned()), ("status", status())):
        assert [own["frozen"] for own in json.loads(as_json(command, body))["environments"]] == [[], []]


@pytest.mark.parametrize("command", JSON)
def test_in_json_each_environment_has_its_freezes(command: str) -> None:
    begins = datetime(2026, 12, 18, 23, tzinfo=UTC)
    for own in json.loads(JSON[command](alter(FAIR, begins=begins, excepted=("web",))))["environments"]:
        assert own["frozen"] == [
            {
                "from": "2026-12-18T23:00:00Z",
                "until": "2027-01-07T00:00:00Z",
                "why": "closed for the holidays",
                "except": ["web"],
                "file": "gitops-bot.yaml",
                "line": 31,
            }
        ]
    assert json.loads(JSON[command](FAIR))["environments"][0]["frozen"][0]["from"] is None


@pytest.mark.parametrize("output", {**OUTPUTS, **JSON})
@pytest.mark.parametrize("text", [pytest.param(text, id=label) for label, text in HOSTILE.items()])
def test_what_a_reason_says_is_shown_and_never_obeyed(text: str, output: str) -> None:
    foreign = {**OUTPUTS, **JSON}[output](alter(FAIR, why=text, excepted=(text,)))
    assert [
        char for char in foreign if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\u200b"
    ] == []
    assert not [line for line in foreign.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("output", MARKDOWN)
@pytest.mark.parametrize("text", [pytest.param(text, id=label) for label, text in HOSTILE.items()])
def test_in_markdown_and_on_the_page_it_makes_no_element(text: str, output: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False, "html": True})

    def kinds(word: str) -> list[str]:
        source = MARKDOWN[output](alter(FAIR, why=word, excepted=(word,)))
        tokens = [part for token in parser.parse(source) for part in (token, *(token.children or ()))]
        return [
            token.type for token in tokens if token.type not in ("text", "text_special", "code_inline", "softbreak")
        ]

    def elements(word: str) -> list[str]:
        return [name for name, _ in Parsed(OUTPUTS["page"](alter(FAIR, why=word, excepted=(word,)))).elements]

    assert kinds(text) == kinds("x")
    assert elements(text) == elements("x")
