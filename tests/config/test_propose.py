from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gitops_bot import config
from gitops_bot.config import Limit, NamedGroup, Propose, Window
from gitops_bot.config.propose import Span
from tests.config.reading import told


def text_of(lines: str) -> str:
    """An environment `a` with these lines in its `propose`, of which the first stands in line 6, column 7."""
    indented = "".join(f"      {line}\n" for line in lines.splitlines())
    return f"version: 1\nenvironments:\n  a:\n    overlays: [a]\n    propose:\n{indented}"


def proposed(lines: str) -> Propose:
    return config.read(text_of(lines), "f.yaml").environments["a"].propose


DAILY = frozenset(range(7))
BERLIN = ZoneInfo("Europe/Berlin")

GOOD = {
    "nothing but how": ("as: pull-request", Propose()),
    "a commit": ("as: commit\ntitle: a\nmessage: b", Propose("commit", title="a", message="b")),
    "a commit on workdays": (
        "as: commit\nschedule: [{days: [mon-fri]}]",
        Propose("commit", schedule=(Window(("mon-fri",)),)),
    ),
    "by overlay": ("group: overlay", Propose(group="overlay")),
    "by image, atomic": ("group: image\ntogether: true", Propose(group="image", together=True)),
    "the whole environment, atomic": ("group: environment\ntogether: true", Propose(together=True)),
    "groups, one of which says for itself": (
        (
            "together: true\n"
            'group:\n  - {name: web, images: ["ghcr.io/acme/web*"]}\n'
            "  - {name: Rest.2, overlays: [apps/**, .], together: false}"
        ),
        Propose(
            group=(
                NamedGroup("web", images=("ghcr.io/acme/web*",)),
                NamedGroup("Rest.2", overlays=("apps/**", "."), together=False),
            ),
            together=True,
        ),
    ),
    "people and teams, none twice": (
        'reviewers: [alice, "team:platform", bob-2, team:acme/platform, alice, team:other_1]\nassignees: [bob, bob]',
        Propose(
            reviewers=("alice", "team:platform", "bob-2", "team:acme/platform", "team:other_1"),
            assignees=("bob",),
        ),
    ),
    "a login that is a number": ("reviewers: [0123]", Propose(reviewers=("0123",))),
    "drafts, refreshed": (
        "draft: true\nrefresh_approved: true\nauto_merge: false",
        Propose(draft=True, refresh_approved=True),
    ),
    "merged past checks": ("auto_merge: true", Propose(auto_merge=True)),
    "merged without checks": (
        "auto_merge: without-checks\nmerge_method: rebase",
        Propose(auto_merge="without-checks", merge_method="rebase"),
    ),
    "a status": ("status: true", Propose(status=True)),
    "a status on everything": ("status: all", Propose(status="all")),
    "one limit": ("limit: {open: 1}", Propose(limit=Limit(open=1))),
    "the other limit": ("limit: {new_per_hour: 1000}", Propose(limit=Limit(new_per_hour=1000))),
    "windows": (
        (
            "schedule:\n"
            "  - {days: [sat-mon, wednesday], hours: 22:00-06:00, timezone: Europe/Berlin}\n"
            '  - {hours: "12:00-24:00"}\n'
            "  - not: {days: [fri], timezone: Asia/Tokyo}"
        ),
        Propose(
            schedule=(
                Window(("sat-mon", "wednesday"), "22:00-06:00", "Europe/Berlin"),
                Window((), "12:00-24:00"),
                Window(not_=Span(("fri",), timezone="Asia/Tokyo")),
            )
        ),
    ),
}


@pytest.mark.parametrize(("lines", "expected"), GOOD.values(), ids=GOOD.keys())
def test_what_is_written_is_what_is_meant(lines: str, expected: Propose) -> None:
    assert proposed(lines) == expected


def test_people_and_teams_are_asked_apart() -> None:
    reviewers = ("alice", "team:platform", "bob-2", "team:acme/platform", "team:other_1")
    propose = Propose(reviewers=reviewers)
    assert propose.people == ("alice", "bob-2")
    assert propose.teams == ("platform", "other_1")


@pytest.mark.parametrize(
    "line",
    ["group: environment", "labels: []", "reviewers: []", "assignees: []"]
    + [f"{key}: false" for key in ("together", "draft", "refresh_approved", "auto_merge", "status")],
)
def test_what_says_nothing_is_taken_beside_a_commit(line: str) -> None:
    assert proposed(f"as: commit\n{line}") == Propose("commit")


# --- holds -----------------------------------------------------------------------------------------------------------


def held(lines: str) -> str:
    return f"version: 1\nholds:\n{lines}\nenvironments: {{production: {{overlays: [a]}}, staging: {{overlays: [b]}}}}\n"


def test_a_freeze_knows_its_environments_its_exceptions_and_when_it_begins_by_the_clock_of_its_zone() -> None:
    text = held("""\
  - {environments: [staging, production, staging], from: 2026-12-19, until: 2026-12-24T18:00, why: x,
     except: [web, api], timezone: Europe/Berlin}
  - {environments: all, from: 2026-12-19T08:00:00-05:00, until: 2027-01-07, why: y, timezone: America/New_York}
  - {environments: [all], until: 2026-12-24, why: z}
  - {environments: staging, until: 2026-12-24, why: z}""")
    first, second, third, fourth = config.read(text, "f.yaml").holds
    assert first == config.Hold(
        environments=("staging", "production"),
        begins=datetime(2026, 12, 18, 23, tzinfo=UTC),
        until=datetime(2026, 12, 24, 17, tzinfo=UTC),
        why="x",
        place=("f.yaml", 3, 5),
        excepted=("web", "api"),
    )
    assert (second.environments, second.begins, second.until) == (
        (),
        datetime(2026, 12, 19, 13, tzinfo=UTC),
        datetime(2027, 1, 7, 5, tzinfo=UTC),
    )
    assert (third.environments, third.begins, fourth.environments) == ((), None, ("staging",))


def test_a_file_of_nothing_but_wrong_time_zones_is_told_within_bounds() -> None:
    windows = ", ".join(f"{{days: [mon], timezone: Nowhere/A{number}}}" for number in range(300))
    assert len(told(text_of(f"schedule: [{windows}]"))) == 201


def test_every_name_of_an_entry_is_known_with_its_place() -> None:
    text = """\
version: 1
environments:
  production:
    overlays: [a]
    images:
      ghcr.io/acme/web: {ignore: true}
      "10": {pin: tag}
    propose:
      group:
        - {name: web, images: ["web*", api], overlays: [a/b]}
        - name: rest
          overlays:
            - "c/**"
holds:
  - {environment: production, until: 2026-12-24, why: all of it}
  - environment: production
    image: postgres
    until: 2026-12-24
    why: one of it
  - {environments: all, except: [web], until: 2026-12-24, why: the rest}
  - {environments: all, image: api, until: 2026-12-24, why: everywhere}
"""
    end = datetime(2026, 12, 24, tzinfo=UTC)
    assert [
        (each.kind, each.text, each.place[1:], each.hold and each.hold.until)
        for each in config.read(text, "f.yaml").mentions
    ] == [
        ("rule", "ghcr.io/acme/web", (6, 7), None),
        ("rule", "10", (7, 7), None),
        ("group images", "web*", (10, 32), None),
        ("group images", "api", (10, 40), None),
        ("group overlays", "a/b", (10, 57), None),
        ("group overlays", "c/**", (13, 15), None),
        ("hold", "postgres", (17, 5), end),
        ("hold", "web", (20, 34), end),
        ("hold", "api", (21, 25), end),
    ]
