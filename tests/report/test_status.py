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
from gitops_bot.report.status import markdown, print_status
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
        "hold": Reason("held.hold", why),
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
