"""`status` for people: nothing is torn on a narrow terminal, and nothing foreign is obeyed in Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt
from wcwidth import wcswidth

from gitops_bot.config import Hold
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason, unmanaged
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.checks import Check
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Seen
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.releases import Release
from gitops_bot.report.screen import Screen
from gitops_bot.report.status import attention, headline, markdown, move, next_step, print_status, reached, rows, why
from gitops_bot.results.result import Head
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Status
from tests.managed import managed

if TYPE_CHECKING:
    from gitops_bot.images.reason import Code

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
    assert [line for line in lines if wcswidth(line) > width] == []
    words = (
        "production: 1 of 1 behind: 1 held" if image == IMAGE else "production: 2 of 2 behind: 2 held",
        "release 14 (3f2a1b4c5d), 2 days ago, promoted from staging",
        "v1.4.1 -> v1.5.0 (14 commits)",
        "held: audit",
        URL,
        "v1.5.0 (9 days)",
        *({image, IMAGE} if image != IMAGE else {"images of ghcr.io/acme", "web"}),
    )
    folded = " ".join(" ".join(lines).split())
    assert [word for word in words if word.removeprefix("ghcr.io/acme/") not in folded] == []


def test_a_wide_terminal_has_columns_and_a_narrow_one_a_list() -> None:
    wide, narrow = (shown(status(WIDE), width) for width in (200, 40))
    rows = [line for line in wide if "->" in line]
    assert len(rows) == 2
    assert len({wcswidth(line[: line.index("v1.4.1")]) for line in rows}) == 1
    cells = [line for line in wide if "(9 days)" in line]
    assert len({wcswidth(line[: line.index("v1.4.1 (")]) for line in cells}) == 1
    at = narrow.index("What runs where:")
    assert narrow[at + 1 : at + 4] == ["web", "  staging v1.5.0 (9 days), production", "    v1.4.1 (9 days)"]


def test_entries_that_say_the_same_have_one_row_and_those_of_an_image_that_do_not_their_place() -> None:
    found = status()
    (web,) = found.environments[1].entries
    others = [
        replace(web, entry=managed("production", place, f"{place}/kustomization.yaml", 3, IMAGE, IMAGE, pin=pin))
        for place, pin in (("clusters/a", OLD), ("clusters/b", OLD), ("clusters/c", Pin("v1.3.0")))
    ]
    environment = replace(found.environments[1], entries=tuple(others))
    told = rows(replace(found, environments=(environment,)), environment)
    assert [(row.name, row.place, row.move) for row in told] == [
        ("web", "in 2 overlays", "v1.4.1 -> v1.5.0 (14 commits)"),
        ("web", "clusters/c", "v1.3.0 -> v1.5.0 (14 commits)"),
    ]


def test_all_that_is_not_tracked_for_one_reason_has_one_row() -> None:
    reason = unmanaged("no_policy", "staging")
    entries = tuple(
        replace(entry("staging", OLD, f"ghcr.io/acme/{name}"), state="untracked", reason=reason) for name in "abcd"
    )
    environment = EnvironmentStatus("staging", None, None, entries)
    (row,) = rows(Status(NOW, (environment,), sees_pull_requests=True), environment)
    assert (row.name, row.why, row.next) == (
        "a, b, c and 1 more",
        "not tracked, pinned by `set` or by hand: staging has no `policy`",
        "`gitops-bot explain staging ghcr.io/acme/a`",
    )


def test_what_is_not_tracked_is_counted_and_alarms_nobody() -> None:
    untracked = [entry("staging", OLD, f"{IMAGE}-{at}", state="untracked") for at in range(4)]
    current = entry("staging", OLD, f"{IMAGE}-a", reason=Reason("current", ""))
    failed = entry("staging", OLD, f"{IMAGE}-b", state="failed")
    found = status()

    def told(*entries: EntryStatus) -> str:
        return headline(found, replace(found.environments[0], entries=entries)).partition(", release")[0]

    assert told(*untracked) == "staging: nothing waits, 4 not tracked"
    assert told(*untracked, current) == "staging: 1 up to date, 4 not tracked"
    assert told(*untracked, failed) == "staging: 1 of 5 to look at: 1 failed, 4 not tracked"
    environment = replace(found.environments[0], entries=tuple(untracked))
    out = StringIO()
    shown_to = Screen(out, 80, colours=True)
    print_status(Head("acme/deploy", "main", "3" * 40), replace(found, environments=(environment,)), shown_to)
    (line,) = (line for line in out.getvalue().splitlines() if "nothing waits" in line)
    assert line.startswith("\x1b[32m")


def test_an_open_pull_request_is_what_to_review_also_where_no_policy_is() -> None:
    """`set` opened it."""
    waiting = entry(
        "staging", OLD, state="review", candidate=NEW, proposal=PULL, reason=unmanaged("no_policy", "staging")
    )
    environment = EnvironmentStatus("staging", None, None, (waiting,))
    (row,) = rows(Status(NOW, (environment,), sees_pull_requests=True), environment)
    assert (row.move, row.why, row.next) == ("v1.4.1 -> v1.5.0", "waits for review", "merge #4")


def test_a_history_that_does_not_show_a_release_is_told_in_the_same_calm_line() -> None:
    found = status()
    environment = replace(found.environments[0], newest=None, entries=(entry("staging", OLD),))
    assert headline(found, environment) == "staging: nothing waits, no release in the history that was read"


PULL = PullRequest(4, URL, "open", "gitops-bot/production/all", "main", "c" * 40, "", "")
RED, GREEN = (
    Seen("checks", name, state, Check(name, state, NOW - timedelta(hours=2), "argocd[bot]", f"{URL}#{name}", text))
    for name, state, text in (("e2e", "failure", "it is degraded"), ("scan", "success", ""))
)
OLD_PULL = replace(PULL, created_at=NOW - timedelta(days=20))
#: State, reason and more -> why, and what next.
WORDS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a check of the release failed": (
        {"state": "check_failed", "seen": (RED,), "reason": Reason("held.check", "held", {})},
        "check e2e: failure since 2026-11-23 10:00 UTC, by argocd[bot]: it is degraded",
        "run it again, or release a fix",
    ),
    "one of what is pinned failed": (
        {"state": "check_failed", "seen": (RED,), "reason": Reason("rolled_back", "", {})},
        "check e2e: failure since 2026-11-23 10:00 UTC, by argocd[bot]: it is degraded",
        "`gitops-bot update production`",
    ),
    "and a rollback is open": (
        {"state": "check_failed", "seen": (RED,), "reason": Reason("rolled_back", "", {}), "proposal": OLD_PULL},
        "check e2e: failure since 2026-11-23 10:00 UTC, by argocd[bot]: it is degraded",
        "merge #4",
    ),
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
            "after": OLD_PULL,
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
    "current": ({"reason": Reason("current", "it is the newest")}, "up to date", None),
    "only a registry tells": ({}, "nothing waits", None),
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
        (OLD, "v1.4.1"),
        (None, "v1.4.1"),
        (replace(OLD, digest=NEW.digest), "v1.4.1@sha256:aaaaaaaaaaaa -> v1.4.1@sha256:bbbbbbbbbbbb"),
        (Pin(None, NEW.digest), "v1.4.1@sha256:aaaaaaaaaaaa -> @sha256:bbbbbbbbbbbb"),
    ],
)
def test_versions_tell_what_would_change_and_digests_where_they_do_not(candidate: Pin | None, text: str) -> None:
    assert move(entry("production", OLD, candidate=candidate)) == text


def test_a_headline_counts_what_waits_and_the_most_urgent_comes_first() -> None:
    states = (
        "held",
        "current",
        "check_failed",
        "review",
        "limit",
        "soak",
        "review",
        "untracked",
        "failed",
        "window",
        "next",
    )
    behind = {state: NEW for state in states if state not in ("current", "untracked", "failed")}
    entries = tuple(
        entry("production", OLD, f"{IMAGE}-{at}", state=state, candidate=behind.get(state))
        for at, state in enumerate(states)
    )
    environment = EnvironmentStatus("production", "staging", None, entries)
    found = Status(NOW, (environment,), sees_pull_requests=True)
    assert headline(found, environment) == (
        "production: 8 of 11 behind: 1 failed its check, 1 failed, 2 wait for review, 1 comes next, 1 soaks, "
        "1 waits for the schedule, 1 held, 1 over the limit, 1 not tracked"
    )
    assert [item.state for item in attention(environment)] == [
        *("check_failed", "failed", "review", "review", "next", "soak", "window", "held", "limit", "untracked"),
    ]


@pytest.mark.parametrize("width", [None, 200])
def test_a_failed_check_is_one_line_with_its_link_and_what_to_do(width: int | None) -> None:
    more: dict[str, Any] = {"reason": Reason("held.check", "e2e failed"), "candidate": NEW, "seen": (RED, GREEN)}
    red = entry("production", OLD, state="check_failed", **more)
    found = Status(NOW, (EnvironmentStatus("production", "staging", None, (red,)),), sees_pull_requests=True)
    said = "check e2e: failure since 2026-11-23 10:00 UTC, by argocd[bot]: it is degraded"
    (line,) = (line for line in shown(found, width) if "e2e" in line)
    assert f"{said}{';' if width is None else ''} {URL}#e2e" in line
    assert "run it again, or release a fix" in line
    (row,) = (line for line in markdown(found).splitlines() if "e2e" in line)
    assert row.startswith(f"| **`web`** | `v1.4.1 -> v1.5.0` | check [`e2e`]({URL}#e2e): failure since")
    assert row.endswith(" | run it again, or release a fix |")
    out = StringIO()
    print_status(Head("acme/deploy", "main", "3" * 40), found, Screen(out, 200, colours=True))
    assert re.search("\x1b\\[1;31m[^\x1b]*e2e", out.getvalue())


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (datetime(2026, 11, 28, tzinfo=UTC), "Sat"),
        (datetime(2026, 11, 28, 7, 30, tzinfo=UTC), "Sat 07:30 UTC"),
        (datetime(2027, 1, 7, tzinfo=UTC), "2027-01-07"),
        (datetime(2027, 1, 7, 7, 30, tzinfo=UTC), "2027-01-07 07:30 UTC"),
    ],
)
def test_a_frozen_environment_says_until_when_and_why_in_its_line(until: datetime, told: str) -> None:
    freeze = Hold((), until, "stocktaking", ("gitops-bot.yaml", 31, 5))
    frozen = entry("dev", NEW, reason=hold.reason(freeze))
    found = replace(status().environments[0], name="dev", entries=(frozen,), frozen=(freeze,))
    body = Status(NOW, (found,), sees_pull_requests=True)
    line = f"dev: frozen until {told} (stocktaking); nothing waits, release 14 (3f2a1b4c5d), 2 days ago"
    assert (headline(body, found), rows(body, found)) == (line, [])


def test_what_waits_for_its_review_longest_comes_first() -> None:
    younger, older = (
        entry("production", OLD, image, state="review", proposal=pull)
        for image, pull in (("a", replace(PULL, created_at=NOW)), ("b", OLD_PULL))
    )
    assert attention(EnvironmentStatus("production", None, None, (younger, older))) == [older, younger]


@pytest.mark.parametrize(
    ("codes", "calm"),
    [
        (("current", "current"), "all 2 up to date"),
        (("current", "ignored"), "1 up to date, 1 ignored"),
        (("current", None), "nothing waits"),
        ((), "no images"),
    ],
)
def test_an_environment_in_which_nothing_waits_is_one_calm_line(codes: tuple[Code | None, ...], calm: str) -> None:
    found = status()
    entries = tuple(entry("staging", NEW, reason=Reason(code, "") if code is not None else None) for code in codes)
    environment = replace(found.environments[0], entries=entries)
    assert headline(found, environment) == f"staging: {calm}, release 14 (3f2a1b4c5d), 2 days ago"


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
        markdown(to_review(status(word, name=f"production {word}", pin=Pin(word, OLD.digest), why=word)))
        for word in ("`x`" if "`" in text else "x", text)
    )
    page = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    # The same elements, in the same order: headings, rows and cells, links, and no HTML.
    kinds = [_kinds(page, source) for source in (harmless, foreign)]
    assert kinds[0] == kinds[1]
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", foreign)
    tables = [line for line in foreign.splitlines() if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in tables] == [5] * 4 + [4] * 4
    links = {
        token.attrGet("href")
        for line in page.parse(foreign)
        for token in line.children or ()
        if token.type == "link_open"
    }
    assert links == {URL}


def test_markdown_says_what_could_not_be_read() -> None:
    file = "apps/a\n| owned/kustomization.yaml"
    broken = Problem("failed.edit", "<b>this</b> is not YAML", "Correct it.", file, 4, 1)
    assert markdown(status(), [broken]).splitlines()[:4] == [
        "**Not everything could be read:**",
        "",
        r"- apps/a \| owned/kustomization.yaml:4:1: \<b\>this\</b\> is not YAML. Correct it.",
        "",
    ]
    assert "could not be read" not in markdown(status())


def to_review(found: Status) -> Status:
    """The same, and the first entry waits for its review."""
    staging, production = found.environments
    first, *others = production.entries
    entries = (replace(first, state="review", reason=None), *others)
    return replace(found, environments=(staging, replace(production, entries=entries)))


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


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        pytest.param([("v3", 1), ("v3", 2), ("v2", 3)], "2 of 3 waves", id="it has come so far"),
        pytest.param([("v3", 1), ("v2", 2), ("v3", 3)], "1 of 3 waves", id="a later one that is ahead does not count"),
        pytest.param([("v3", 1), ("v3", 2), ("v2", 2), ("v2", 3)], "1 of 3 waves", id="all overlays of a wave"),
        pytest.param([("v3", 1), ("v2", 1), ("v2", 2), ("v2", 3)], "0 of 3 waves", id="the first one is not done"),
        pytest.param([("v3", 1), ("v3", 2), ("v3", 3)], "3 of 3 waves", id="everywhere"),
        pytest.param([("v3", 1), ("v2", 2)], "", id="a source and its target are no waves"),
        pytest.param([("v3", 2), ("v2", 3)], "", id="the first one was not asked for"),
    ],
)
def test_an_image_says_how_far_its_newest_pin_has_come(pins: list[tuple[str, int]], expected: str) -> None:
    cells = [[(entry("eu", Pin(tag), wave=wave), "")] for tag, wave in pins]
    assert reached(cells) == expected
