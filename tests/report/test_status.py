"""`status` for people: nothing is torn on a narrow terminal, and nothing foreign is obeyed in Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.releases import Release
from gitops_bot.report.screen import Screen
from gitops_bot.report.status import attention, headline, markdown, move, next_step, print_status, why
from gitops_bot.results.result import Head
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Status
from tests.managed import managed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW = (Pin(tag, f"sha256:{letter * 64}") for tag, letter in (("v1.4.1", "a"), ("v1.5.0", "b")))
IMAGE, WIDE = "ghcr.io/acme/web", "registry.example.com/平台/" + "服务" * 6
URL = "https://github.com/acme/deploy/pull/31"


def entry(environment: str, pin: Pin, image: str = IMAGE, **more: Any) -> EntryStatus:
    overlay = f"apps/{image.rpartition('/')[2]}/overlays/{environment}"
    place = managed(environment, overlay, f"{overlay}/kustomization.yaml", 3, image, image, pin=pin)
    return replace(EntryStatus(place, image, NOW - timedelta(days=9)), **more)


def status(image: str = IMAGE, *, name: str = "production", pin: Pin = OLD, why: str = "audit") -> Status:
    """Production is held two pins behind staging, with an open pull request; `image` is beside web."""
    release = Release("staging", 14, Step("3f2a1b4c5d" * 4, (), NOW - timedelta(days=2), "Ada", "", (), {}), ())
    proposal = PullRequest(31, URL, "open", "gitops-bot/production/all", "main", "c" * 40, "", "")
    behind: dict[str, Any] = {
        "source_pin": NEW,
        "drifts_since": NOW - timedelta(days=2),
        "behind_releases": 2,
        "behind_commits": 14,
        "state": "held",
        "candidate": NEW,
        "reason": Reason("held.hold", why),
        "proposal": proposal,
    }
    images = dict.fromkeys((IMAGE, image))
    staging = tuple(entry("staging", NEW, image) for image in images)
    production = tuple(entry(name, pin, image, **behind) for image in images)
    environments = (
        EnvironmentStatus("staging", None, release, staging),
        EnvironmentStatus(name, "staging", release, production),
    )
    return Status(NOW, environments, sees_pull_requests=True)


def shown(found: Status, width: int | None) -> list[str]:
    out = StringIO()
    print_status(Head("acme/deploy", "main", "3f2a1b4c5d" * 4), found, Screen(out, width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("image", [IMAGE, WIDE], ids=["latin", "wide characters"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_torn_and_nothing_is_left_out(width: int, image: str) -> None:
    lines = shown(status(image), width)
    assert [line for line in lines if cell_len(line) > width] == []
    text = "\n".join(lines)
    words = (
        "v1.4.1@sha256:" + "a" * 12,
        "v1.5.0@sha256:" + "b" * 12,
        "2 behind (14 commits)",
        URL,
        image,
        "held: audit",
    )
    folded = " ".join(text.split())
    assert [word for word in words if word not in folded] == []


def test_a_wide_terminal_has_columns_and_a_narrow_one_a_list() -> None:
    wide, narrow = (shown(status(WIDE), width) for width in (200, 60))
    rows = [line for line in wide if "@sha256:" in line]
    assert len(rows) == 4
    assert len({cell_len(line[: line.index("@sha256:")]) for line in rows}) == 1
    assert len({cell_len(line[: line.index("9 days")]) for line in rows}) == 1
    at = narrow.index("  production, v1.4.1@sha256:aaaaaaaaaaaa, 9 days, 2 behind")
    assert narrow[at + 1 : at + 3] == ["    (14 commits)", "    apps/web/overlays/production"]


@pytest.mark.parametrize("width", [79, 80])
def test_from_eighty_columns_on_there_is_a_table(width: int) -> None:
    found = status()
    short = replace(found, environments=found.environments[:1])
    assert any(line == "  staging  v1.5.0@sha256:bbbbbbbbbbbb  9 days" for line in shown(short, width)) == (width == 80)


def test_a_table_that_does_not_fit_is_a_list() -> None:
    lines = shown(status(name="production-" + "x" * 40), 80)
    at = lines.index(f"  production-{'x' * 40},")
    assert lines[at + 1] == "    v1.4.1@sha256:aaaaaaaaaaaa, 9 days, 2 behind (14 commits)"
    assert "  staging, v1.5.0@sha256:bbbbbbbbbbbb, 9 days" in lines


PULL = PullRequest(4, URL, "open", "gitops-bot/production/all", "main", "c" * 40, "", "")
OLD_PULL = replace(PULL, created_at=NOW - timedelta(days=20))
#: State, reason and more -> why, and what next.
WORDS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "review": ({"state": "review", "proposal": OLD_PULL}, "waits 20 days", "merge #4"),
    "next": ({"state": "next"}, "nothing holds it", "`gitops-bot update production`"),
    "soak": (
        {
            "state": "soak",
            "reason": Reason("held.soak", "", {"soak": "2d", "left": 39 * 3600}, NOW + timedelta(hours=39)),
        },
        "soaks until Wed 03:00 UTC (9 of 48 h)",
        None,
    ),
    "a long soak": (
        {"state": "soak", "reason": Reason("held.age", "", {}, NOW + timedelta(days=20))},
        "soaks until 2026-12-13 12:00 UTC",
        None,
    ),
    "window": (
        {"state": "window", "reason": Reason("held.window", "", {"opens_at": "2026-11-24T09:00:00Z"})},
        "waits for the schedule, which opens Tue 09:00 UTC",
        None,
    ),
    "never": (
        {"state": "window", "reason": Reason("held.window", "the schedule leaves no time", {"opens_at": None})},
        "the schedule leaves no time",
        None,
    ),
    "hold": (
        {"state": "held", "reason": Reason("held.hold", "held until 2026-12-24 (fair) by gitops-bot.yaml:9")},
        "held until 2026-12-24 (fair) by gitops-bot.yaml:9",
        None,
    ),
    "rolled back": (
        {"state": "held", "reason": Reason("held.reverted", "rolled back to v1")},
        "held: rolled back to v1",
        "`gitops-bot explain production ghcr.io/acme/web`",
    ),
    "limit": (
        {"state": "limit", "reason": Reason("held.limit", "", {"most_open": 6}), "after": OLD_PULL},
        "limit of 6 open reached",
        "after #4",
    ),
    "limit an hour": (
        {
            "state": "limit",
            "reason": Reason("held.limit", "", {"most_new_per_hour": 3, "opens_at": "2026-11-23T12:40:00Z"}),
        },
        "limit of 3 an hour reached until Mon 12:40 UTC",
        None,
    ),
    "untracked": (
        {"state": "untracked", "reason": Reason("unmanaged", "it has no policy")},
        "not tracked: it has no policy",
        "`gitops-bot explain production ghcr.io/acme/web`",
    ),
    "failed": (
        {"state": "failed", "reason": Reason("failed.registry", "it is down"), "next": "wait"},
        "it is down",
        "wait",
    ),
    "current": ({}, "up to date", None),
    "ignored": ({"reason": Reason("ignored", "the configuration says so")}, "ignored", None),
}


@pytest.mark.parametrize(("more", "reason", "step"), WORDS.values(), ids=WORDS)
def test_an_entry_says_why_it_waits_and_what_is_next(more: dict[str, Any], reason: str, step: str | None) -> None:
    waiting = entry("production", OLD, **more)
    found = Status(NOW, (EnvironmentStatus("production", "staging", None, (waiting,)),), sees_pull_requests=True)
    assert (why(found, waiting), next_step(waiting)) == (reason, step)


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (NEW, "v1.4.1 -> v1.5.0"),
        (OLD, "v1.4.1@sha256:aaaaaaaaaaaa"),
        (None, "v1.4.1@sha256:aaaaaaaaaaaa"),
        (replace(OLD, digest=NEW.digest), "v1.4.1@sha256:aaaaaaaaaaaa -> v1.4.1@sha256:bbbbbbbbbbbb"),
        (Pin(None, NEW.digest), "v1.4.1@sha256:aaaaaaaaaaaa -> @sha256:bbbbbbbbbbbb"),
    ],
)
def test_versions_tell_what_would_change_and_digests_where_they_do_not(candidate: Pin | None, text: str) -> None:
    assert move(entry("production", OLD, candidate=candidate)) == text


def test_a_headline_counts_what_waits_and_the_most_urgent_comes_first() -> None:
    states = ("held", "current", "review", "limit", "soak", "review", "untracked", "failed", "window", "next")
    behind = {state: NEW for state in states if state not in ("current", "untracked", "failed")}
    entries = tuple(
        entry("production", OLD, f"{IMAGE}-{at}", state=state, candidate=behind.get(state))
        for at, state in enumerate(states)
    )
    environment = EnvironmentStatus("production", "staging", None, entries)
    found = Status(NOW, (environment,), sees_pull_requests=True)
    assert headline(found, environment) == (
        "production: 7 of 10 behind: 1 failed, 2 wait for review, 1 comes next, 1 soaks, 1 waits for the schedule, "
        "1 held, 1 over the limit, 1 not tracked"
    )
    assert [item.state for item in attention(environment)] == [
        *("failed", "review", "review", "next", "soak", "window", "held", "limit", "untracked"),
    ]


def test_what_waits_for_its_review_longest_comes_first() -> None:
    younger, older = (
        entry("production", OLD, image, state="review", proposal=pull)
        for image, pull in (("a", replace(PULL, created_at=NOW)), ("b", OLD_PULL))
    )
    assert attention(EnvironmentStatus("production", None, None, (younger, older))) == [older, younger]


def test_an_environment_in_which_nothing_waits_is_one_calm_line() -> None:
    found = status()
    assert headline(found, found.environments[0]) == ("staging: all 1 up to date, release 14 (3f2a1b4c5d), 2 days ago")


FOREIGN = {
    "markup": "<script>alert(1)</script>",
    "a column": "v1|v2",
    "a formula": '=HYPERLINK("https://evil.example","x")',
    "text that runs backwards": "moc\u202e.evil\u2066",
    "a link": "[x](javascript:alert(1))",
    "a picture": "![x](https://evil.example/x.png)",
    "a code span that ends": "`</code>` **x**",
    "a mention": "@acme/owners fixes #1",
    "another line": "x\n\n# owned\n| a | b |",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=label) for label, text in FOREIGN.items()])
def test_what_others_wrote_is_shown_in_markdown_and_never_obeyed(text: str) -> None:
    harmless, foreign = (
        markdown(status(word, name=f"production {word}", pin=Pin(word, OLD.digest), why=word))
        for word in ("`x`" if "`" in text else "x", text)
    )
    page = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    # The same elements, in the same order: headings, rows and cells, links, and no HTML.
    kinds = [_kinds(page, source) for source in (harmless, foreign)]
    assert kinds[0] == kinds[1]
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", foreign)
    rows = [line for line in foreign.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    links = {
        token.attrGet("href")
        for line in page.parse(foreign)
        for token in line.children or ()
        if token.type == "link_open"
    }
    assert links == {URL}


def _kinds(page: MarkdownIt, source: str) -> list[str]:
    """What a reader of Markdown sees, but for the words; the bot's own line breaks are the only HTML."""
    kinds = []
    for token in page.parse(source):
        kinds.append(token.type)
        kinds += [
            child.content if child.type == "html_inline" else child.type
            for child in token.children or ()
            if child.type not in ("text", "text_special", "softbreak", "hardbreak")
        ]
    return kinds
