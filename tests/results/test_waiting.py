"""What the one issue tells people as days pass: its comments, its memory, and its text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import Hold
from gitops_bot.images.reason import Reason
from gitops_bot.releases.decisions import Held
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.waiting import Item, State, follow, is_calm, render, waiting
from tests.proposals.sample import entry, proposal, pull

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2026, 11, 25, 12, 30, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
STARTED, STUCK, RECOVERED = "Started to fail", "Stuck for a day", "Recovered"


def failed(name: str) -> Item:
    return Item("failed", "production", name, "it is gone", commands=(("explain", "production"),))


WEB, API = failed("web"), failed("api")
FILE = Item("failed", "production", "web.yaml", "it is not YAML")
HELD = Item("held", "production", "web", "its check failed", commands=(("explain", "production"),))
WAITS = HELD._replace(kind="waits", why="it soaks")
REVIEW = Item("review", "production", "", "update web", "#1", since=NOW)


def heads(comment: str | None) -> list[str]:
    return re.findall(r"^\*\*(.*)\*\*$", comment or "", re.MULTILINE)


#: Hours after the first run, what waits then, when people closed the issue, and the parts of the comment.
STORIES: dict[str, list[tuple[float, list[Item], float | None, list[str]]]] = {
    "noop": [(0, [], None, []), (1, [], None, []), (30, [], None, [])],
    "one comment when it fails in two runs, one when it recovers": [
        (0, [], None, []),
        (1, [WEB, API], None, []),
        (2, [WEB, API], None, [STARTED]),
        (3, [WEB, API], None, []),
        (4, [], None, [RECOVERED]),
        (5, [], None, []),
    ],
    "one bad answer is no news, and neither is its end": [
        (0, [], None, []),
        (1, [WEB], None, []),
        (2, [], None, []),
        (3, [WEB], None, []),
        (4, [], None, []),
        (5, [WEB], None, []),
        (6, [WEB], None, [STARTED]),
    ],
    "one that recovers while another fails": [
        (0, [API], None, []),
        (1, [API, WEB], None, []),
        (2, [WEB], None, [STARTED, RECOVERED]),
    ],
    "what fails in two runs of two days is stuck by then": [
        (0, [], None, []),
        (1, [WEB], None, []),
        (25, [WEB], None, [STUCK]),
        (49, [], None, [RECOVERED]),
    ],
    "what people saw once and closed is told no more": [
        (0, [], None, []),
        (1, [WEB], None, []),
        (2, [WEB], 1.5, []),
        (3, [WEB, API], 1.5, []),
        (4, [WEB, API], 1.5, [STARTED]),
    ],
    "what the first text says is not told again": [(0, [WEB], None, []), (1, [WEB], None, [])],
    "what fails now and then is told once a day": [
        (0, [WEB], None, []),
        (1, [], None, [RECOVERED]),
        (2, [WEB], None, []),
        (3, [], None, []),
        (4, [WEB], None, []),
        (28.1, [WEB], None, [STUCK]),
        (29, [], None, [RECOVERED]),
        (54, [WEB], None, []),
        (55, [WEB], None, [STARTED]),
    ],
    "stuck is told once, and then what recovered": [
        (0, [WEB, HELD], None, []),
        (23.9, [WEB, HELD], None, []),
        (24, [WEB, HELD], None, [STUCK]),
        (99, [WEB, HELD], None, []),
        (100, [], None, [RECOVERED]),
    ],
    "what was only held for a while is no recovery": [(0, [HELD], None, []), (1, [], None, [])],
    "what waits for its time is never stuck": [(0, [WAITS], None, []), (90, [WAITS], None, []), (91, [], None, [])],
    "what waits for review is never stuck": [(0, [REVIEW], None, []), (90, [REVIEW], None, []), (91, [], None, [])],
    "closed by people, it is quiet until something new begins": [
        (0, [WEB, HELD], None, []),
        (30, [WEB, HELD], 29, []),
        (31, [HELD], 29, []),
        (32, [HELD, API], 29, []),
        (33, [HELD, API], 29, [STARTED]),
    ],
    "closed by people, it tells of what is stuck since": [(0, [HELD], -9, []), (24, [HELD], -9, [STUCK])],
    "what a broken file hides has not recovered": [
        (0, [WEB], None, []),
        (1, [FILE], None, []),
        (2, [FILE], None, [STARTED]),
        (3, [WEB], None, [RECOVERED]),  # the file
        (4, [], None, [RECOVERED]),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_people_are_told_once_of_what_begins_is_stuck_or_recovers(
    story: Sequence[tuple[float, list[Item], float | None, list[str]]],
) -> None:
    state, number = State(whole=True), 0
    for at, (hours, items, closed, expected) in enumerate(story):
        when = NOW + hours * HOUR
        first = State() if at == 0 and items else state
        state, comment = follow(first, items, when, None if closed is None else NOW + closed * HOUR)
        assert heads(comment) == expected, hours
        number += comment is not None
        assert state.number == number
        # What is remembered is what the text says, and the comment as well.
        assert State.read([render(items, state)], when) == state
        assert comment is None or State.read([comment, state.line.replace(f"[{number}", "[0")], when) == state


def test_a_recovery_names_what_recovered_alone() -> None:
    state, _ = follow(State(), [WEB, API, FILE], NOW, None)
    state, comment = follow(state, [API], NOW + HOUR, None)
    assert comment is not None
    recovered = [f"- **production** `{name}`" for name in ("web", "web.yaml")]
    assert comment.splitlines() == [state.line, "**Recovered**", "", *recovered]


NONSENSE: dict[str, Callable[[str], str]] = {
    "cut off": lambda line: line.replace("]", "", 1),
    "other words": lambda line: re.sub(r"state .*", "state [1, 2, 3] -->", line),
    "a number without end": lambda line: re.sub(r"state .*", f"state [{'9' * 5000}] -->", line),
    "as many digits as JSON reads": lambda line: re.sub(r"state .*", f"state [{'9' * 4300}] -->", line),
    "no number": lambda line: re.sub(r"state .*", "state [Infinity] -->", line),
    "nested": lambda line: re.sub(r"state .*", f"state {'[' * 20_000} -->", line),
    "no such time": lambda line: re.sub(r"T..:..Z", "T99:99Z", line),
    "no line": lambda line: "Look here.",
}


@pytest.mark.parametrize("edit", NONSENSE.values(), ids=NONSENSE)
def test_a_memory_that_people_edited_is_none_and_nothing_counts_as_new(edit: Callable[[str], str]) -> None:
    state, _ = follow(State(), [WEB], NOW, None)
    read = State.read([edit(state.line)], NOW + HOUR)
    assert read == State()
    after, comment = follow(read, [WEB, API], NOW + HOUR, None)
    assert (comment, after.whole) == (None, True)
    assert heads(follow(after, [API], NOW + 2 * HOUR, None)[1]) == [RECOVERED]


def test_a_memory_with_the_line_ends_of_a_browser_or_of_the_future_is_read() -> None:
    state, _ = follow(State(), [WEB], NOW, None)
    assert State.read([render([WEB], state).replace("\n", "\r\n") + "\r\n"], NOW) == state
    early = NOW.replace(second=0) - 5 * HOUR
    assert State.read([state.line], early).things == {WEB.key: (early, False)}


def test_a_memory_in_the_middle_of_a_text_is_none_as_it_may_be_a_copy() -> None:
    state, _ = follow(State(), [WEB], NOW, None)
    copied = state._replace(number=99).line
    assert State.read([render([WEB], state), f"Look:\n\n{copied}"], NOW) == state
    assert State.read([f"Look:\n\n{copied}"], NOW) == State()


def test_a_thousand_things_are_a_short_text_and_what_there_is_no_room_for_is_not_told_as_new() -> None:
    many = [failed(f"{'x' * 60}{number}")._replace(why=f"gone {number}") for number in range(1000)]
    state, _ = follow(State(), many, NOW, None)
    text = render(many, state)
    assert "### Failed (1,000)" in text
    assert len(text) < 65_536
    assert not state.whole
    read = State.read([text], NOW + HOUR)
    assert follow(read, [*many, WEB], NOW + HOUR, None)[1] is None


def test_what_fails_alike_is_one_line_with_the_command_of_the_first() -> None:
    many = [failed(f"web-{number:02}") for number in range(12)]
    once, nothing = follow(State(whole=True), many, NOW, None)
    assert nothing is None
    _, comment = follow(once, many, NOW + HOUR, None)
    named = ", ".join(f"`web-{number:02}`" for number in range(10))
    line = f"- **production** {named} and 2 more: it is gone. Since 2026-11-25 12:30 UTC."
    assert comment is not None
    assert comment.splitlines()[3:] == [line, "  - `gitops-bot explain production web-00`"]


NAMES = ["@acme/team #1", "fixes #1 GH-2 <!-- gitops-bot:state [9] -->", "-->`<b>` | x", "www.evil.test https://e.test"]


def test_a_name_that_looks_like_markdown_is_text() -> None:
    items = [failed(name)._replace(why=f"no {name}") for name in NAMES]
    state, _ = follow(State(), items, NOW, None)
    lines = render(items, state).splitlines()
    outside = re.sub(r"(`+).*?\1", "", "\n".join(lines[2:]))
    assert not re.search(r"(?<!\\)@\w|(?<!\\)#[0-9]|GH-[0-9]|<b>|://|www\.", outside), outside
    assert [line for line in lines if line.startswith("<!--")] == lines[:2]
    assert [line.count(">") for line in lines[:2]] == [1, 1], "nothing ends a comment early"
    assert all(json.dumps(name).replace(">", "\\u003e") in lines[1] for name in NAMES)


@pytest.mark.parametrize(("frozen", "draft", "waits"), [(True, True, 0), (True, False, 1), (False, True, 1)])
def test_what_a_freeze_paused_waits_for_no_review(frozen: bool, draft: bool, waits: int) -> None:
    freeze = Hold(("staging",), NOW + HOUR, "the fair", ("gitops-bot.yaml", 9, 1)) if frozen else None
    left = proposal("leave", pull_request=replace(pull(), draft=draft))
    assert left.on is not None
    outcome = Outcome((EnvironmentOutcome("staging", proposals=(replace(left, on=replace(left.on, freeze=freeze)),)),))
    assert [item.kind for item in waiting(outcome)] == ["review"] * waits


def test_of_a_freeze_alone_nothing_waits() -> None:
    freeze = Hold(("staging",), NOW + HOUR, "the fair", ("gitops-bot.yaml", 9, 1))
    calm = Held(entry(), None, Reason("held.hold", "the fair", {"image": None}))
    red = Held(entry(), None, Reason("held.vanished", "the tag is gone"))
    for held, kinds in ((calm, ["frozen"]), (red, ["frozen", "held"])):
        outcome = Outcome((EnvironmentOutcome("staging", (held,), frozen=(freeze,)),))
        items = [*waiting(outcome)]
        assert [item.kind for item in items] == kinds
        assert is_calm(items) == ("Nothing waits: " in render(items, State())) == (held is calm)
