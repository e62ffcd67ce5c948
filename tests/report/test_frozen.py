"""Freezes of whole environments stand first in every output, once, with what people wrote shown and never obeyed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import Hold
from gitops_bot.images.reason import Reason
from gitops_bot.report.status import markdown
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.status import EnvironmentStatus, Status
from tests.managed import alter
from tests.report import outputs
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2026, 12, 20, tzinfo=UTC)
FAIR = Hold((), datetime(2027, 1, 7, tzinfo=UTC), "closed for the holidays", ("gitops-bot.yaml", 31, 5))
HELD = "all environments until 2027-01-07 (closed for the holidays) by gitops-bot.yaml:31"


def status(*holds: Hold) -> Status:
    names = ("staging", "production")
    return Status(AT, tuple(EnvironmentStatus(name, None, None, (), frozen=holds) for name in names), True)


@pytest.mark.parametrize("output", ["text", "terminal", "markdown", "page", "summary", "json"])
def test_a_pull_request_that_nothing_stops_is_told_once_in_every_output_of_status(output: str) -> None:
    text = "#4 can be merged, although it is frozen until 2027-01-07: it is in the merge queue; to stop it, remove it"
    why = Reason("held.hold", text, {"pull_request": 4})
    found = Status(AT, (EnvironmentStatus("production", None, None, (), frozen=(FAIR,), unstopped=(why,)),), True)
    shown = {
        "text": lambda: outputs.text(found),
        "terminal": lambda: outputs.text(found, 70),
        "markdown": lambda: markdown(found),
        "page": lambda: outputs.as_page(found),
        "summary": lambda: outputs.summary(found),
        "json": lambda: outputs.as_json("status", found),
    }[output]()
    assert outputs.words(shown).count(text) == 1
    assert output != "page" or f'<p class="frozen failed"><b>{text}' in shown
    if output == "json":
        assert json.loads(shown)["environments"][0]["unstopped"] == [
            {"code": "held.hold", "text": text, "data": {"pull_request": 4}}
        ]


def planned(*holds: Hold) -> Outcome:
    return Outcome(tuple(EnvironmentOutcome(name, frozen=holds) for name in ("staging", "production")))


MARKDOWN: dict[str, Callable[[Hold], str]] = {
    "summary of the Action": lambda hold: outputs.summary(planned(hold)),
    "summary of the Action, of status": lambda hold: outputs.summary(status(hold)),
    "status as Markdown": lambda hold: markdown(status(hold)),
}
OUTPUTS: dict[str, Callable[[Hold], str]] = {
    **MARKDOWN,
    "plan, piped": lambda hold: outputs.text(planned(hold)),
    "plan on a terminal": lambda hold: outputs.text(planned(hold), 70),
    "status, piped": lambda hold: outputs.text(status(hold)),
    "status on a terminal": lambda hold: outputs.text(status(hold), 70),
    "headlines of the Action": lambda hold: outputs.headlines(planned(hold)),
    "headlines of the Action, of status": lambda hold: outputs.headlines(status(hold)),
    "page": lambda hold: outputs.as_page(status(hold)),
}
JSON: dict[str, Callable[[Hold], str]] = {
    "update": lambda hold: outputs.as_json("update", planned(hold)),
    "status": lambda hold: outputs.as_json("status", status(hold)),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_says_it_once_and_before_any_environment(output: str) -> None:
    words = outputs.words(OUTPUTS[output](alter(FAIR, excepted=("web", "api"))))
    if output == "page":
        words = words[words.index("</style>") :]
    line = f"frozen: {HELD}, except web, api"
    assert words.count("frozen: ") == words.count(line) == 1
    assert words.index(line) < words.index("staging")
    assert words.index(line) < words.index("production")


@rows("hold line", {
    "all": (FAIR, HELD),
    "several": (alter(FAIR, environments=("b", "a")), HELD.replace("all environments", "b, a")),
    "many": (
        alter(FAIR, environments=tuple("abcdefgh"), excepted=tuple("stuvwxyz")),
        f"{HELD.replace('all environments', 'a, b, c, d, e and 3 more')}, except s, t, u, v, w and 3 more",
    ),
    "not at midnight": (
        alter(FAIR, until=datetime(2027, 1, 6, 23, tzinfo=UTC)), HELD.replace("2027-01-07", "2027-01-06 23:00 UTC"),
    ),
})  # fmt: skip
def test_a_line_says_what_is_frozen_until_when_why_and_by_what(hold: Hold, line: str) -> None:
    assert outputs.text(planned(hold)).splitlines()[1] == f"frozen: {line}"


def test_where_nothing_is_frozen_nothing_is_said() -> None:
    for text in (outputs.summary(planned()), markdown(status()), outputs.as_page(status())):
        assert "frozen:" not in text
    for command, body in (("update", planned()), ("status", status())):
        assert [own["frozen"] for own in json.loads(outputs.as_json(command, body))["environments"]] == [[], []]


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
def test_what_a_reason_says_is_shown_and_never_obeyed(output: str) -> None:
    outputs.check_harmless(lambda text: {**OUTPUTS, **JSON}[output](alter(FAIR, why=text, excepted=(text,))))


def test_in_markdown_and_on_the_page_it_makes_no_element() -> None:
    def output(show: Callable[[Hold], str]) -> Callable[[str], str]:
        return lambda text: show(alter(FAIR, why=text, excepted=(text,)))

    outputs.check_no_elements(output(OUTPUTS["page"]), {name: output(show) for name, show in MARKDOWN.items()})
