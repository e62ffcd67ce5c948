from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from gitops_bot.config import Hold
from gitops_bot.errors import Problem
from gitops_bot.proposals.unmatched import Unmatched, find_unmatched
from gitops_bot.releases.layout.overlays import OverlayFile
from tests.managed import managed
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed

NOW = datetime(2026, 11, 22, tzinfo=UTC)
Kind = Literal["rule", "release info", "hold", "group images", "group overlays"]


@dataclass(frozen=True)
class Mention:
    text: str
    kind: Kind = "rule"
    environments: tuple[str, ...] = ("production",)
    hold: Hold | None = None
    place: tuple[str, int, int] = ("gitops-bot.yaml", 9, 7)


def hold(text: str, until: datetime = NOW + timedelta(days=1), begins: datetime | None = None) -> Mention:
    place = ("gitops-bot.yaml", 9, 3)
    return Mention(text, "hold", hold=Hold(("production",), until, "why", place, image=text, begins=begins))


def entry(name: str, image: str | None = None) -> Managed:
    folder = f"apps/{name.rpartition('/')[2]}/production"
    return managed("production", folder, f"{folder}/kustomization.yaml", 2, name, image or name)


WEB, API = entry("ghcr.io/acme/web"), entry("ghcr.io/acme/api")
DB = entry("postgres", "docker.io/library/postgres")
ENTRIES = (WEB, API, DB)
OVERLAYS = [OverlayFile(each.overlay, each.file, "apps/*/production", {}) for each in ENTRIES]


def look(*mentions: Mention, entries: tuple[Managed, ...] = ENTRIES, unread: bool = False) -> Unmatched:
    return find_unmatched(("production",), mentions, entries, OVERLAYS, NOW, unread=unread)


@rows("mention", {
    "a name": Mention("ghcr.io/acme/web"),
    "a repository in another spelling": Mention("index.docker.io/library/postgres"),
    "a name of another environment": Mention("wbe", environments=("staging",)),
    "a hold": hold("postgres"),
    "a hold that has ended": hold("wbe", NOW),
    "a glob of images": Mention("ghcr.io/acme/*", "group images"),
    "a glob of overlays": Mention("apps/*/production", "group overlays"),
    "a file of an overlay": Mention("apps/web/production/kustomization.yaml", "group overlays"),
})  # fmt: skip
def test_a_name_that_means_something_is_no_mistake(mention: Mention) -> None:
    assert look(mention) == Unmatched()


CLOSE = {
    "two letters change places": ("ghcr.io/acme/wbe", WEB),
    "the name without its registry": ("web", WEB),
    "another owner": ("ghcr.io/acme-inc/api", API),
    "a word more": ("acme-web", WEB),
    "a tag beside the name": ("ghcr.io/acme/web:v1", WEB),
}


@pytest.mark.parametrize(("text", "meant"), CLOSE.values(), ids=CLOSE)
def test_a_rule_with_a_slip_is_told_with_what_it_may_mean(text: str, meant: Managed) -> None:
    found = look(Mention(text))
    problem = Problem(
        "failed.config",
        f"`images` of production names `{text}`, but there is no such entry",
        f"did you mean `{meant.name}`?",
        "gitops-bot.yaml",
        9,
        7,
    )
    assert found == Unmatched((problem,))
    assert look(Mention(text, "release info")).problems[0].next == problem.next


def test_what_has_a_rule_of_its_own_was_not_meant_by_another() -> None:
    found = look(Mention("ghcr.io/acme/web"), Mention("ghcr.io/acme/web2"), Mention("docker.io/library/postgres"))
    assert [problem.next.partition(" ")[0] for problem in found.problems] == ["remove"]
    assert look(Mention("pstgres"), Mention("postgres")).problems[0].next.startswith("remove it")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("ghcr.io/acme/wbe", "did you mean `ghcr.io/acme/web`? "),
        ("ghcr.io/acme/*", "write one exact name: `*` is not a wildcard here. "),
        ("redis", "remove it if it is obsolete, or correct it (production has "),
    ],
)
def test_a_hold_that_holds_nothing_stops_its_environment(text: str, advice: str) -> None:
    found = look(hold(text))
    assert found.problems == (found.stops,)
    assert found.stops is not None
    assert found.stops.message == f"a hold of production names `{text}`, but there is no such entry"
    assert found.stops.next.startswith(advice)
    assert found.stops.next.endswith("Until this is corrected, nothing is written for production")


def test_a_glob_of_a_group_that_matches_nothing_is_told_and_stops_nothing() -> None:
    found = look(Mention("ghcr.io/acme/wbe*", "group images"), Mention("apps/x/**", "group overlays"))
    assert (found.problems, found.stops) == ((), None)
    assert [(each.message, each.next) for each in found.groups] == [
        (
            "a group of production names `ghcr.io/acme/wbe*`, but there is no such entry",
            "did you mean `ghcr.io/acme/web`?",
        ),
        (
            "a group of production names `apps/x/**`, but there is no such overlay",
            "remove it if it is obsolete, or correct it",
        ),
    ]


def test_where_files_cannot_be_read_nobody_is_told_to_remove_anything() -> None:
    (left,) = look(Mention("ghcr.io/acme/cron")).problems
    assert left.next == (
        "remove it if it is obsolete, or correct it "
        "(production has `ghcr.io/acme/web`, `ghcr.io/acme/api` and `postgres`)"
    )
    (alone,) = look(Mention("web"), entries=()).problems
    assert alone.next == "remove it if it is obsolete, or correct it"
    first, second = look(Mention("redis"), hold("redis"), unread=True).problems
    assert first.next == "fix the unreadable files first: one of them may contain it"
    assert second.next == f"{first.next}. Until this is corrected, nothing is written for production"


def test_a_configuration_for_something_else_is_not_compared_name_by_name() -> None:
    entries = tuple(entry(f"ghcr.io/acme/app{number}") for number in range(300))
    found = look(*(Mention(f"service{number}") for number in range(100)), entries=entries)
    assert (len(found.problems), found.stops) == (100, None)
    assert found.problems[99].next.startswith("remove it if it is obsolete, or correct it (production has `")


def test_a_name_of_several_environments_is_told_of_all_of_them() -> None:
    names = ("staging", "production")
    wrong = replace(hold("wbe"), environments=names)
    assert look(wrong) == Unmatched()
    found = find_unmatched(names, [wrong, hold("wbe")], ENTRIES, (), NOW)
    assert found.problems == (found.stops,)
    assert found.stops == Problem(
        "failed.config",
        "a hold of staging, production names `wbe`, but there is no such entry",
        "did you mean `ghcr.io/acme/web`? Until this is corrected, nothing is written for staging, production",
        "gitops-bot.yaml",
        9,
        7,
    )
    assert find_unmatched(names, [replace(hold("postgres"), environments=names)], ENTRIES, (), NOW) == Unmatched()


def test_an_exception_of_a_freeze_stops_all_but_rollbacks() -> None:
    wrong = hold("wbe")
    assert wrong.hold is not None
    found = look(replace(wrong, hold=replace(wrong.hold, image=None, excepted=("wbe",))))
    assert (found.stops, found.problems) == (None, (found.freezes,))
    assert (look(wrong) + found) == Unmatched(
        (*look(wrong).problems, *found.problems), (), look(wrong).stops, found.freezes
    )
    assert found + Unmatched() == Unmatched() + found == found


def test_a_hold_that_has_not_begun_is_reported_and_stops_nothing() -> None:
    for begins, stops in ((NOW + timedelta(seconds=1), False), (NOW, True)):
        found = look(hold("wbe", begins=begins))
        (problem,) = found.problems
        assert (found.stops is not None, "nothing is written" in problem.next) == (stops, stops)
