"""The page: one file that loads nothing, says the same to everybody, and takes nothing foreign for markup."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import Merge, PullRequest
from gitops_bot.releases.history.changes import EntryChange
from gitops_bot.releases.history.delivery import Arrival, Delivery, Journey
from gitops_bot.releases.history.line import Step
from gitops_bot.releases.history.record import Record
from gitops_bot.releases.history.releases import Release
from gitops_bot.report import page
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Overview, Status
from tests.managed import alter, managed

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVIL = "<script>alert('x')</script>"
TURNED = "moc\u202e.evil\u2066\x1b[2J"


class Parsed(HTMLParser):
    """What a browser makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in ("style", "script"):
            self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name in names]


def overview(text: str = "web", url: str = "https://github.com/acme/deploy/pull/7") -> Result[Overview]:
    """Two environments with everything that a page can show; `text` is whatever others may have written."""
    old, new = Pin(text, "sha256:" + "a" * 64), Pin(text, "sha256:" + "b" * 64)
    pull = PullRequest(7, url, "open", text, "main", "c" * 40, text, text)
    step = Step("d" * 40, ("e" * 40,), NOW - DAY, f"{text} <{text}>", text, (), {})
    release = Release("production", 3, step, ())
    record = Record(release, "manual", (EntryChange(f"{text}/kustomization.yaml", text, old, new),), (text,))

    def entry(name: str, pin: Pin) -> Managed:
        return managed(name, text, f"{text}/kustomization.yaml", 3, text, text, pin=pin)

    source = EntryStatus(entry("staging", new), text, NOW - DAY)
    target = EntryStatus(
        entry("production", old),
        text,
        NOW - 9 * DAY,
        source_pin=new,
        drifts_since=NOW - DAY,
        behind_releases=2,
        state="held",
        reason=Reason("held.hold", f"held ({text})"),
        proposal=pull,
    )
    status = Status(
        at=NOW,
        environments=(
            EnvironmentStatus("staging", None, release, (source,)),
            EnvironmentStatus("production", "staging", release, (target,)),
        ),
        sees_pull_requests=True,
    )
    head = Head("acme/deploy", text, "f" * 40, (Problem("failed.git", text, text),))
    shown = Overview(
        status,
        history=True,
        releases=(record,),
        per_day={(NOW - DAY).date(): 1},
        deliveries=(Delivery("production", 30, 4, 1, DAY, None),),
        journeys=(Journey(text, new, (Arrival("staging", NOW - 2 * DAY), Arrival(text, NOW - DAY))),),
        merges={"d" * 40: Merge(alter(pull, state="merged"))},
        home="https://github.com/acme/deploy",
    )
    return Result(head, shown)


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
    assert all(heading.get("scope") in ("col", "row") for heading in parsed.all("th"))
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


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a.test/\u202ex", 'https://a.test/"x', "data:text/html,x", ""]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    links = {link["href"] for link in Parsed(page.html(overview(url=url))).all("a")}
    assert all(link and (link.startswith(("#", "https://github.com/acme/deploy"))) for link in links)


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


def test_the_matrix_has_a_row_for_each_image_and_a_column_for_each_environment() -> None:
    text = page.html(overview())
    matrix = Parsed(text[text.index('<section id="matrix"') : text.index('<section id="drift"')])
    assert [heading["scope"] for heading in matrix.all("th")] == ["col", "col", "col", "row"]
    assert [cell.get("class") for cell in matrix.all("td")] == [None, "d"]


def test_a_hundred_images_in_twenty_environments_are_less_than_400_kilobytes() -> None:
    found = overview()
    shown = found.body
    (target,) = shown.status.environments[1].entries
    entries = tuple(alter(target, image=f"ghcr.io/acme/image-{number}") for number in range(100))
    environments = tuple(
        alter(shown.status.environments[1], name=f"environment-{number}", entries=entries) for number in range(20)
    )
    text = page.html(alter(found, body=alter(shown, status=alter(shown.status, environments=environments))))
    assert len(text.encode()) < 400_000
