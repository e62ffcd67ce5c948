"""The page: one file that loads nothing, says the same to everybody, and takes nothing foreign for markup."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from html import unescape
from itertools import pairwise

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.report import page
from gitops_bot.results.result import Result
from gitops_bot.results.status import Overview
from tests.managed import alter
from tests.report.services import services
from tests.report.shown import EVIL, TURNED, Parsed, overview


def test_nothing_comes_from_outside_and_only_its_own_script_and_style_count() -> None:
    text = page.html(overview())
    parsed = Parsed(text)
    assert not parsed.all("link", "img", "iframe", "object", "embed", "form", "base")
    assert [name for name, attributes in parsed.elements if "src" in attributes or "style" in attributes] == []
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    (policy,) = (meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(parsed.texts[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_a_screen_reader_finds_its_way() -> None:
    parsed = Parsed(page.html(overview()))
    assert parsed.all("html") == [{"lang": "en"}]
    levels = [int(name[1]) for name, _ in parsed.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(heading.get("scope") in ("col", "row", "rowgroup") for heading in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    pictures = parsed.all("svg")
    assert pictures
    assert all(picture.get("role") == "img" and picture.get("aria-label") for picture in pictures)
    names = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for _, attributes in parsed.elements:
        target = attributes.get("aria-labelledby") or (attributes.get("href") or "").partition("#")[2]
        assert not target or target in names


@pytest.mark.parametrize(
    "text", [EVIL, TURNED, '" onclick="x', "{{ 7 * 7 }}", "javascript:alert(1)", "ghp_" + "a" * 36]
)
def test_what_others_wrote_is_shown_and_never_obeyed(text: str) -> None:
    plain, shown = Parsed(page.html(overview())), page.html(overview(text))
    hostile = Parsed(shown)
    assert [name for name, _ in hostile.elements] == [name for name, _ in plain.elements]
    assert [attributes.keys() for _, attributes in hostile.elements] == [each.keys() for _, each in plain.elements]
    assert not set("\u202e\u2066\x1b") & set(shown)
    assert "ghp_" not in shown
    assert ">49<" not in shown


def test_releases_lead_to_their_commits_and_pull_requests() -> None:
    links = {link["href"] for link in Parsed(page.html(overview())).all("a")}
    home = "https://github.com/acme/deploy"
    assert {home, f"{home}/commit/{'d' * 40}", f"{home}/commit/{'f' * 40}", f"{home}/pull/7"} <= links


def test_it_says_what_is_not_known() -> None:
    found = overview()
    status = alter(found.body.status, environments=(), sees_pull_requests=False)
    text = page.html(Result(alter(found.head, problems=()), Overview(status)))
    assert "The history was not read." in text
    assert "No token is set, so pull requests were not read." in text
    assert Parsed(text).all("svg") == []


def attention(text: str) -> list[list[str]]:
    """The rows of what needs attention, as text: the cells of each."""
    begin = text.index('<section id="attention"')
    lines = re.findall("<tr>(.*?)</tr>", text[begin : text.index("</section>", begin)], re.DOTALL)
    return [[unescape(re.sub("<[^>]*>", "", cell)) for cell in re.split("(?<=</t[hd]>)", line)[:-1]] for line in lines]


def environments(text: str) -> list[tuple[str, str]]:
    """The environments at the top: the name of each, and its line."""
    begin = text.index('<section id="environments"')
    found = re.findall("<h2>(.*?)</h2>\n<p>(.*?)</p>", text[begin : text.index("</section>", begin)])
    return [(name, re.sub("<[^>]*>", "", line)) for name, line in found]


def test_the_first_screen_says_what_waits_for_whom_and_the_last_environment_comes_first() -> None:
    text = page.html(services(33))
    release = "release 41 (0a1b2c3d4e), 2 hours ago"
    assert environments(text) == [
        (
            "production",
            f"15 of 33 behind 5 wait for review 2 soak 2 held 6 over the limit {release}, promoted from staging",
        ),
        ("staging", f"all 33 up to date {release}, promoted from dev"),
        ("dev", f"all 33 up to date {release}"),
    ]
    heading, review, *rest = attention(text)
    assert heading == ["Image", "Pinned", "Next", "Why, and what to do"]
    assert review == ["production: 5 wait for review"]
    assert rest[0] == ["ledger", "v1.4.0 4dd427a4e185", "→ v1.9.0 2ba62a5f5134", "waits 16 days · merge #14"]
    assert [row for row in rest if len(row) == 1] == [
        ["production: 2 soak"],
        ["production: 2 held"],
        ["production: 6 over the limit"],
    ]
    assert len(rest) == 15 + 3
    said = {row[-1] for row in rest}
    assert {"soaks until Wed 03:00 UTC (9 of 48 h)", "limit of 5 open reached · after #12"} <= said


def test_each_count_leads_to_its_entries_without_a_script() -> None:
    text = page.html(services(33))
    chips = re.findall('<a class="chip [a-z]+" href="#([^"]*)">([0-9]+)', text)
    assert [name for name, _ in chips] == [
        "review-production",
        "soak-production",
        "held-production",
        "limit-production",
    ]
    for name, count in chips:
        (body,) = re.findall(f'<tbody id="{name}".*?</tbody>', text, re.DOTALL)
        assert body.count('<tr><th scope="row">') == int(count)
    # Only those show then: the style sheet hides the others.
    assert ":has(tbody:target) tbody:not(:target)" in Parsed(text).texts["style"]


def test_a_failed_check_is_first_with_its_link_and_what_to_do() -> None:
    found = overview()
    staging, production = found.body.status.environments
    target, held, _ = production.entries
    seen = held.seen[::-1]  # the failure first
    red = alter(held, state="check_failed", seen=seen, reason=Reason("held.check", ""))
    status = alter(found.body.status, environments=(staging, alter(production, entries=(target, red))))
    text = page.html(alter(found, body=alter(found.body, status=status)))
    rows = [row[0] if len(row) == 1 else row[-1] for row in attention(text)[1:3]]
    assert rows[0] == "production: 1 failed its check"
    assert rows[1].startswith("check web: failure since 2026-11-23 12:00 UTC, by web: web · run it again, or release a")
    (body,) = re.findall('<tbody id="check_failed-production" class="check_failed">.*?</tbody>', text, re.DOTALL)
    assert body.count("failure since") == 1
    assert f'<a href="{seen[0].check.url}">check web: failure' in body if seen[0].check else False
    assert ".failed,.check_failed{--state:var(--failed)}" in text


def test_nothing_to_do_is_said_in_calm_lines() -> None:
    found = services(3)
    status = found.body.status
    calm = alter(status, environments=status.environments[:2])
    text = page.html(alter(found, body=alter(found.body, status=calm)))
    assert [line.partition(" release")[0] for _, line in environments(text)] == ["all 3 up to date"] * 2
    assert '<p class="current">Nothing.</p>' in text
    assert 'class="chip' not in text


def test_each_relative_time_has_the_exact_one() -> None:
    text = page.html(services(33))
    times = Parsed(text).all("time")
    assert len(times) == 3 + 5 + 2 + 20
    assert all(
        datetime.fromisoformat(time["datetime"] or "").strftime("%Y-%m-%d %H:%M UTC") == time["title"] for time in times
    )
    matrix = text[text.index('<section id="matrix"') : text.index("</details>")]
    assert matrix.count('<td title="20') == 3 * 33


@pytest.mark.parametrize("name", ["dev", "w" * 60])
def test_nothing_crosses_the_labels_of_a_timeline(name: str) -> None:
    found = services(3)
    ways = tuple(
        alter(way, arrivals=tuple(alter(stop, environment=name) for stop in way.arrivals))
        for way in found.body.journeys
    )
    text = page.html(alter(found, body=alter(found.body, journeys=ways)))
    #: What a wide letter and a digit take of the 11 pixels that the style sheet gives them.
    wide, digit, radius = 9, 7, 5
    for picture in re.findall('<svg viewBox="0 0 380.*?</svg>', text, re.DOTALL):
        begin, end = (function(map(int, re.findall(' cx="([0-9]+)"', picture))) for function in (min, max))
        names = re.findall('<text x="0" y="[0-9]+">([^<]*)<', picture)
        times = re.findall('<text x="380" y="[0-9]+" class="e">([^<]*)<', picture)
        assert len(names) == len(times) == 3
        assert all(len(shown) * wide < begin - radius for shown in names)
        assert all(380 - len(shown) * digit > end - radius for shown in times)


def test_a_long_list_is_cut_and_says_how_much_is_left_out() -> None:
    found = services(3)
    status = found.body.status
    production = status.environments[2]
    many = tuple(alter(production.entries[0], image=f"ghcr.io/acme/image-{number}") for number in range(1000))
    longer = alter(status, environments=(alter(production, entries=many),))
    text = page.html(alter(found, body=alter(found.body, status=longer)))
    assert attention(text)[-1] == ["… and 700 more"]


def test_three_hundred_services_are_about_a_hundred_kilobytes() -> None:
    assert len(page.html(services(300)).encode()) < 103_000
