from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from gitops_bot import config
from gitops_bot.config import Limit, NamedGroup, Propose, Window
from gitops_bot.config.propose import Span
from gitops_bot.errors import ConfigError

if TYPE_CHECKING:
    from gitops_bot.config import Hold


def text_of(lines: str) -> str:
    """An environment `a` with these lines in its `propose`, of which the first stands in line 6, column 7."""
    indented = "".join(f"      {line}\n" for line in lines.splitlines())
    return f"version: 1\nenvironments:\n  a:\n    overlays: [a]\n    propose:\n{indented}"


def proposed(lines: str) -> Propose:
    return config.read(text_of(lines), "f.yaml").environments["a"].propose


def told(text: str) -> list[str]:
    """Every problem of a text as `line:column message / next`."""
    with pytest.raises(ConfigError) as caught:
        config.read(text, "f.yaml")
    return [f"{each.line}:{each.column} {each.message} / {each.next}" for each in caught.value.problems]


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


WINDOWS = {
    "days alone": (Window(("mon-fri",)), frozenset(range(5)), (time(), time()), ZoneInfo("UTC")),
    "a night, around the end of the week": (
        Window(("sat-mon", "wednesday"), "22:00-06:00", "Europe/Berlin"),
        frozenset({5, 6, 0, 2}),
        (time(22), time(6)),
        BERLIN,
    ),
    "hours alone, until midnight": (Window((), "12:00-24:00"), DAILY, (time(12), time()), ZoneInfo("UTC")),
}


@pytest.mark.parametrize(("window", "weekdays", "span", "zone"), WINDOWS.values(), ids=WINDOWS.keys())
def test_a_window_is_days_and_hours_in_a_zone(
    window: Window, weekdays: frozenset[int], span: tuple[time, time], zone: ZoneInfo
) -> None:
    assert (window.weekdays, window.span, window.zone) == (weekdays, span, zone)


def test_people_and_teams_are_asked_apart() -> None:
    reviewers = ("alice", "team:platform", "bob-2", "team:acme/platform", "team:other_1")
    propose = Propose(reviewers=reviewers)
    assert propose.people == ("alice", "bob-2")
    assert propose.teams == ("platform", "other_1")


SCHEDULE = '`schedule: [{days: [mon-fri], hours: "09:00-16:30", timezone: Europe/Berlin}]`'
#: What stands in `propose`, from line 6 and column 7 -> every problem.
WRONG = {
    "an unknown key": ("reviewrs: [a]", ["6:7 unknown key 'reviewrs' / did you mean `reviewers`?"]),
    "an unknown key in a group": (
        "group: [{name: a, images: [b], image: c}]",
        ["6:38 unknown key 'image' / did you mean `images`?"],
    ),
    "an unknown key in a limit": (
        "limit: {opened: 1}",
        ["6:15 unknown key 'opened' / did you mean `open`?"],
    ),
    "an unknown key in a window": (
        "schedule: [{day: [mon]}]",
        ["6:19 unknown key 'day' / did you mean `days`?"],
    ),
    "another grouping": (
        "group: overlays",
        ["6:14 `group` must be environment, overlay or image, not 'overlays' / did you mean `overlay`?"],
    ),
    "one group without a list": (
        "group: {name: a, images: [b]}",
        ["6:14 `group` must be a single value, not a mapping / as in `group: overlay`"],
    ),
    "a word for a group": (
        "group: [web]",
        ["6:15 an item of `group` must be a mapping of keys to values, not the value 'web' / write it as `key: value`"],
    ),
    "no groups": (
        "group: []",
        [
            (
                "6:14 `group` must not be an empty list / as in "
                '`group: [{images: ["ghcr.io/acme/web*"], name: web, together: true}]`'
            )
        ],
    ),
    "a group without a name": (
        "group:\n  - {images: [b]}",
        ["7:11 an item of `group` has no `name` / add it, as in `name: web`"],
    ),
    "a group of nothing": (
        "group: [{name: a, together: true}]",
        [
            (
                "6:15 this group has neither `images` nor `overlays` / add one or both: "
                '`images: ["ghcr.io/acme/web*"]`, `overlays: ["apps/web/**"]`'
            )
        ],
    ),
    "a group of no images": (
        "group: [{name: a, images: []}]",
        ['6:33 `images` must not be an empty list / as in `images: ["ghcr.io/acme/web*"]`'],
    ),
    "a group of a bad overlay": (
        "group: [{name: a, overlays: [../b]}]",
        [
            (
                "6:36 an item of `overlays` must be a path from the repository root, with `*`, `?`, `**` or `{name}` "
                "(once in a part; no `..`, no `[...]`, no leading `/`), not '../b' / "
                'as in `overlays: ["apps/web/**"]`'
            )
        ],
    ),
    "a group of an overlay that says a name twice": (
        "group: [{name: a, overlays: ['{b}/{b}']}]",
        [('6:36 an item of `overlays` is not valid: `{b}` is in it twice / as in `overlays: ["apps/web/**"]`')],
    ),
    **{
        f"a group called {name}": (
            f"group: [{{name: {name}, images: [b]}}]",
            [
                (
                    "6:22 `name` must be up to 60 letters, digits, `.`, `_` and `-` (not `all`, `rollback-...` or "
                    f"`failed-...`: the bot has these), not '{name}' / as in `name: web`"
                )
            ],
        )
        for name in ("all", "ALL", "rollback-web", "Rollback_web", "rollback.", "failed-web", "a b", "-a", "ä", "a/b")
    },
    "two groups of one name": (
        "group:\n  - {name: web, images: [b]}\n  - {name: web, images: [c]}",
        [
            (
                "8:18 'web': its branch would have the same name as that of 'web' in line 7 / rename or remove one of "
                "the "
                "two"
            ),
        ],
    ),
    "two groups of nearly one name": (
        "group:\n  - {name: web.eu, images: [b]}\n  - {name: x, images: [c]}\n  - {name: Web-EU, images: [c]}",
        [
            (
                "9:18 'Web-EU': its branch would have the same name as that of 'web.eu' in line 7 / rename or remove "
                "one "
                "of the two"
            ),
        ],
    ),
    "together as a word": (
        "together: yes",
        ["6:17 `together` must be true or false; yes is text in YAML 1.2 / write `together: true`"],
    ),
    "a label with a meaning": (
        "labels: [release, Hand-Back]",
        [
            (
                "6:25 an item of `labels` must be a label of 1 to 50 characters (`hold` and `hand-back` are reserved "
                "for people), not 'Hand-Back' / as in `labels: [release]`"
            )
        ],
    ),
    "an endless label": (
        f"labels: [{'x' * 51}]",
        [
            (
                "6:16 an item of `labels` must be a label of 1 to 50 characters (`hold` and `hand-back` are reserved "
                f"for people), not '{'x' * 51}' / as in `labels: [release]`"
            )
        ],
    ),
    "too many labels": (
        f"labels: [{'x, ' * 101}]",
        ["6:15 `labels` has 101 items, and the limit is 100 / keep only the ones you need"],
    ),
    "one reviewer without a list": (
        "reviewers: alice",
        ['6:18 `reviewers` must be a list / as in `reviewers: [alice, "team:platform"]`'],
    ),
    **{
        f"a reviewer {what}": (
            f"reviewers: ['{name}']",
            [
                (
                    "6:19 an item of `reviewers` must be a person's login, or a team as in `team:platform`, not "
                    f"'{name}' / as in `reviewers: [alice, \"team:platform\"]`"
                )
            ],
        )
        for what, name in {
            "with an at sign": "@alice",
            "by name": "Alice A.",
            "that is a team by path": "acme/platform",
            "that is no team": "team:",
            "that is a team with capitals": "team:Platform",
            "that is a team of a team": "team:a/b/c",
            "out of the path": "..",
        }.items()
    },
    "a reviewer as a mapping": (
        "reviewers:\n  - team: platform",
        [
            (
                "7:11 an item of `reviewers` must be a single value, not a mapping / as in "
                '`reviewers: [alice, "team:platform"]`'
            )
        ],
    ),
    "a team for an assignee": (
        "assignees: ['team:platform']",
        ["6:19 an item of `assignees` must be a person's login, not 'team:platform' / as in `assignees: [bob]`"],
    ),
    "too many assignees": (
        f"assignees: [{'x, ' * 11}]",
        ["6:18 `assignees` has 11 items, and the limit is 10 / keep only the ones you need"],
    ),
    "another word for merging": (
        "auto_merge: without-check",
        [
            (
                "6:19 `auto_merge` must be true, false or without-checks, not 'without-check' / did you mean "
                "`without-checks`?"
            ),
        ],
    ),
    "merging in quotes": (
        "auto_merge: 'true'",
        ["6:19 `auto_merge` must be true, false or without-checks; in quotes it is text / remove the quotes"],
    ),
    "merging in the words of YAML 1.1": (
        "auto_merge: on",
        ["6:19 `auto_merge` must be true, false or without-checks; on is text in YAML 1.2 / write `auto_merge: true`"],
    ),
    "another method": (
        "auto_merge: true\nmerge_method: squashed",
        ["7:21 `merge_method` must be merge, squash or rebase, not 'squashed' / did you mean `squash`?"],
    ),
    "a draft that merges": (
        "draft: true\nauto_merge: true",
        [("7:7 a draft does not merge by itself: somebody has to mark it as ready / remove `auto_merge` or `draft`")],
    ),
    "a method that nothing merges by": (
        "merge_method: squash",
        [("6:7 `merge_method` has no effect without `auto_merge` / remove `merge_method`, or set `auto_merge: true`")],
    ),
    "a method beside no merging": (
        "auto_merge: False\nmerge_method: squash",
        [("7:7 `merge_method` has no effect without `auto_merge` / remove `merge_method`, or set `auto_merge: true`")],
    ),
    "a limit of nothing": ("limit: {}", ["6:14 `limit` is empty / set `open`, `new_per_hour` or both"]),
    "a limit without any": (
        "limit:",
        ["6:7 `limit` is empty / indent its contents below it, or remove the line"],
    ),
    "a limit as a number": (
        "limit: 5",
        ["6:14 `limit` must be a mapping of keys to values, not the value '5' / write it as `key: value`"],
    ),
    "a limit of none": (
        "limit: {open: 0, new_per_hour: 1001}",
        [
            "6:21 `open` must be a whole number from 1 to 1000, not '0' / as in `open: 5`",
            "6:38 `new_per_hour` must be a whole number from 1 to 1000, not '1001' / as in `new_per_hour: 2`",
        ],
    ),
    "a schedule of nothing": (
        "schedule: []",
        [f"6:17 `schedule` must not be an empty list / as in {SCHEDULE}"],
    ),
    "a window without a list": (
        "schedule: {days: [mon]}",
        [f"6:17 `schedule` must be a list / as in {SCHEDULE}"],
    ),
    "a window of nothing": (
        "schedule: [{timezone: UTC}]",
        [
            (
                "6:18 this window has neither `days` nor `hours` / "
                'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
            )
        ],
    ),
    "a span of nothing": (
        "schedule: [{not: {timezone: UTC}}]",
        [
            (
                "6:24 this window has neither `days` nor `hours` / "
                'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
            )
        ],
    ),
    "a span in no such zone": (
        "schedule: [{not: {days: [fri], timezone: Europe/Berln}}]",
        ["6:48 there is no time zone 'Europe/Berln' / did you mean `Europe/Berlin`?"],
    ),
    "a span beside a window": (
        "schedule: [{days: [mon], not: {days: [tue]}, timezone: UTC}]",
        ["6:32 `not` stands alone in its item / give the other keys an item of their own"],
    ),
    "a span in a span": (
        "schedule: [{not: {days: [mon], not: {days: [tue]}}}]",
        ["6:38 unknown key 'not' / known here: `days`, `hours`, `timezone`"],
    ),
    "a span of no value": (
        "schedule: [{not: }]",
        ["6:19 `not` is empty / indent its contents below it, or remove the line"],
    ),
    "a day without a list": ("schedule: [{days: mon-fri}]", ["6:25 `days` must be a list / as in `days: [mon-fri]`"]),
    **{
        f"the day {day}": (
            f"schedule: [{{days: [mon, {day}]}}]",
            [
                (
                    f"6:31 an item of `days` must be a day or a range of days, as `mon` or `mon-fri`, not '{day}' / "
                    "as in `days: [mon-fri]`"
                )
            ],
        )
        for day in ("mo", "Mon", "mon-", "mon-fri-sun", "1", "mond", "mon - fri")
    },
    **{
        f"the hours {hours}": (
            f"schedule: [{{hours: '{hours}'}}]",
            [
                (
                    f"6:26 `hours` must be two different times, as in \"09:00-16:30\", not '{hours}' / "
                    'as in `hours: "09:00-16:30"`'
                )
            ],
        )
        for hours in ("9:00-17:00", "09:00", "09:00-25:00", "09:60-10:00", "24:00-09:00", "09:00-24:01", "09:00-09:00")
    },
    "a time zone by its offset": (
        "schedule: [{days: [mon], timezone: +02:00}]",
        [
            (
                "6:42 `timezone` must be the name of a time zone, as in the IANA database, not '+02:00' / "
                "as in `timezone: Europe/Berlin`"
            )
        ],
    ),
    "a misspelt time zone": (
        "schedule: [{days: [mon], timezone: Europe/Berln}]",
        ["6:42 there is no time zone 'Europe/Berln' / did you mean `Europe/Berlin`?"],
    ),
    "a city for a time zone": (
        "schedule: [{days: [mon], timezone: New_York}]",
        ["6:42 there is no time zone 'New_York' / did you mean `America/New_York`?"],
    ),
    "a continent for a time zone": (
        "schedule: [{days: [mon], timezone: Europe}]",
        ["6:42 there is no time zone 'Europe' / use an IANA name, as in `timezone: Europe/Berlin`"],
    ),
    "a file for a time zone": (
        "schedule: [{days: [mon], timezone: ../../../etc/passwd}]",
        [
            (
                "6:42 `timezone` must be the name of a time zone, as in the IANA database, not '../../../etc/passwd' / "
                "as in `timezone: Europe/Berlin`"
            )
        ],
    ),
    "much that is wrong": (
        "group: [{name: all}]\ndraft: maybe\nschedule: [{days: [x], timezone: Yy/Z}]\ntitle: '{x}'",
        [
            (
                "6:15 this group has neither `images` nor `overlays` / add one or both: "
                '`images: ["ghcr.io/acme/web*"]`, `overlays: ["apps/web/**"]`'
            ),
            (
                "6:22 `name` must be up to 60 letters, digits, `.`, `_` and `-` (not `all`, `rollback-...` or "
                "`failed-...`: the bot has these), not 'all' / as in `name: web`"
            ),
            "7:14 `draft` must be true or false, not 'maybe' / as in `draft: true`",
            (
                "8:26 an item of `days` must be a day or a range of days, as `mon` or `mon-fri`, not 'x' / "
                "as in `days: [mon-fri]`"
            ),
            "8:40 there is no time zone 'Yy/Z' / use an IANA name, as in `timezone: Europe/Berlin`",
            (
                "9:14 `title` has no field '{x}' / known here: `{environment}`, `{group}`, `{summary}`, `{count}`, "
                "`{images}`, `{overlays}`, `{source}`; `{{` is a brace"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("lines", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_at_its_place(lines: str, expected: list[str]) -> None:
    assert told(text_of(lines)) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("group", "overlay"),
        ("group", "[{name: a, images: [b]}]"),
        ("together", "true"),
        ("labels", "[a]"),
        ("reviewers", "[a]"),
        ("assignees", "[a]"),
        ("draft", "true"),
        ("refresh_approved", "true"),
        ("auto_merge", "true"),
        ("auto_merge", "without-checks"),
        ("merge_method", "squash"),
        ("limit", "{open: 1}"),
    ],
)
def test_what_only_pull_requests_have_is_refused_beside_a_commit(key: str, value: str) -> None:
    assert told(text_of(f"{key}: {value}\nas: commit")) == [
        (
            f"6:7 `{key}` is for pull requests, and this environment commits directly / remove `{key}`, or set `as: "
            "pull-request`"
        )
    ]


@pytest.mark.parametrize(
    "line",
    ["group: environment", "labels: []", "reviewers: []", "assignees: []"]
    + [f"{key}: false" for key in ("together", "draft", "refresh_approved", "auto_merge")],
)
def test_what_says_nothing_is_taken_beside_a_commit(line: str) -> None:
    assert proposed(f"as: commit\n{line}") == Propose("commit")


def test_a_key_without_a_value_is_told_once_beside_a_commit() -> None:
    assert told(text_of("as: commit\ndraft:")) == ["7:7 `draft` has no value / as in `draft: true`, or remove the line"]


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


def test_a_hold_knows_when_it_ends_and_where_it_stands() -> None:
    text = held("""\
  - environment: production
    until: 2026-12-24
    why: no release before the fair
  - {why: "two: words", until: 2026-12-24T18:00:00+01:00, environment: staging, image: postgres}""")
    expected: tuple[Hold, ...] = (
        config.Hold(
            environments=("production",),
            until=datetime(2026, 12, 24, tzinfo=UTC),
            why="no release before the fair",
            place=("f.yaml", 3, 5),
        ),
        config.Hold(
            environments=("staging",),
            image="postgres",
            until=datetime(2026, 12, 24, 17, tzinfo=UTC),
            why="two: words",
            place=("f.yaml", 6, 5),
        ),
    )
    assert config.read(text, "f.yaml").holds == expected


MOMENT = "`until` must be a date, or a moment with its offset from UTC, not "

HOLD = "{environment: a, until: 2026-12-24, why: x}, "
OFFSET = "/ write it, as in `2026-12-24T18:00+01:00`, or set `timezone`"

WRONG_HOLDS = {
    "no such environment": (
        "{environment: prodction, until: 2026-12-24, why: x}",
        ["3:19 there is no environment 'prodction' / did you mean `production`?"],
    ),
    "nothing like an environment": (
        "{environment: x, until: 2026-12-24, why: x}",
        ["3:19 there is no environment 'x' / `environments` has: `production`, `staging`"],
    ),
    "an unknown key": (
        "{environment: staging, untl: 2026-12-24, why: x}",
        ["3:28 unknown key 'untl' / did you mean `until`?"],
    ),
    "nothing": (
        "{}",
        [
            "3:5 an item of `holds` has no `until` / add it, as in `until: 2026-12-24`",
            "3:5 an item of `holds` has no `why` / add it, as in `why: no release before the fair`",
            (
                "3:5 an item of `holds` has no `environment` / add it, as in `environment: production`, or "
                "`environments: all`"
            ),
        ],
    ),
    "a word": (
        "production",
        [
            (
                "3:5 an item of `holds` must be a mapping of keys to values, not the value 'production' / "
                "write it as `key: value`"
            )
        ],
    ),
    "no reason": (
        "{environment: staging, until: 2026-12-24, why: }",
        ["3:47 `why` has no value / as in `why: no release before the fair`, or remove the line"],
    ),
    "blanks for a reason": (
        "{environment: staging, until: 2026-12-24, why: '  '}",
        ["3:52 `why` must be one line of 1 to 500 characters, not '  ' / as in `why: no release before the fair`"],
    ),
    "two lines of reason": (
        '{environment: staging, until: 2026-12-24, why: "a\\nb"}',
        [("3:52 `why` must be one line of 1 to 500 characters, not 'a\\nb' / as in `why: no release before the fair`")],
    ),
    "too long a reason": (
        f"{{environment: staging, until: 2026-12-24, why: {'x' * 501}}}",
        [
            (
                f"3:52 `why` must be one line of 1 to 500 characters, not '{'x' * 60}'... / "
                "as in `why: no release before the fair`"
            )
        ],
    ),
    "a day that is none": (
        "{environment: staging, until: 2026-02-30, why: x}",
        ["3:35 `until` is not valid: there is no 2026-02-30 / as in `until: 2026-12-24`"],
    ),
    "no environment and no like it, in two ways": (
        "{environment: prodction, environments: [staging, x], until: 2026-12-24, why: x}",
        [
            "3:19 there is no environment 'prodction' / did you mean `production`?",
            "3:30 `environments` and `environment` cannot be used together / remove one of the two",
            "3:54 there is no environment 'x' / `environments` has: `production`, `staging`",
        ],
    ),
    "all beside another": (
        "{environments: [all, staging], until: 2026-12-24, why: x}",
        ["3:21 there is no environment 'all' / write `environments: all` alone"],
    ),
    "all as one": (
        "{environment: all, until: 2026-12-24, why: x}",
        ["3:19 there is no environment 'all' / write `environments: all` alone"],
    ),
    "no environments": (
        "{environments: [], until: 2026-12-24, why: x}",
        ["3:20 `environments` must not be an empty list / as in `environments: [staging, production]`"],
    ),
    "an exception from one image": (
        "{environment: staging, image: web, except: [api], until: 2026-12-24, why: x}",
        [
            (
                "3:40 `except` is for freezes of whole environments, and this one is of an image / remove `except`, or "
                "`image`"
            )
        ],
    ),
    "no exceptions": (
        "{environment: staging, except: [], until: 2026-12-24, why: x}",
        ["3:36 `except` must not be an empty list / as in `except: [ghcr.io/acme/web]`"],
    ),
    "one exception": (
        "{environment: staging, except: web, until: 2026-12-24, why: x}",
        ["3:36 `except` must be a list / as in `except: [ghcr.io/acme/web]`"],
    ),
    "it ends when it begins": (
        "{environment: staging, from: 2026-12-24, until: 2026-12-24T01:00:00+01:00, why: x}",
        ["3:53 `until` is not after `from` / correct one of the two"],
    ),
    "it ends before it begins, by the clock of its zone": (
        "{environment: staging, from: 2026-12-24, until: 2026-12-23T23:00Z, timezone: Europe/Berlin, why: x}",
        ["3:53 `until` is not after `from` / correct one of the two"],
    ),
    "a begin that is none": (
        "{environment: staging, from: now, until: 2026-02-30, why: x}",
        [
            "3:34 `from` must be a date, or a moment with its offset from UTC, not 'now' / as in `from: 2026-12-19`",
            "3:46 `until` is not valid: there is no 2026-02-30 / as in `until: 2026-12-24`",
        ],
    ),
    "times out of range": (
        "{environment: staging, from: 9999-12-31, until: '0001-01-01T00:00+23:59', timezone: America/New_York, why: x}",
        [
            (
                "3:34 `from` must be a date, or a moment with its offset from UTC, not '9999-12-31' / as in "
                "`from: 2026-12-19`"
            ),
            f"3:53 {MOMENT}'0001-01-01T00:00+23:59' / as in `until: 2026-12-24`",
        ],
    ),
    "moments of no offset": (
        "{environment: staging, from: 2026-12-19T18:00, until: '2026-12-24T18:00:00', why: x}",
        [f"3:34 `from` has no offset from UTC {OFFSET}", f"3:59 `until` has no offset from UTC {OFFSET}"],
    ),
    "a zone for nothing": (
        "{environment: staging, from: 2026-12-19T18:00Z, until: 2026-12-24T18:00+01:00, timezone: UTC, why: x}",
        ["3:84 `timezone` has no effect: the times have offsets of their own / remove it"],
    ),
    "no such zone": (
        "{environment: staging, until: 2026-12-24, timezone: Europe/Berln, why: x}",
        ["3:57 there is no time zone 'Europe/Berln' / did you mean `Europe/Berlin`?"],
    ),
    "no name of a zone": (
        "{environment: staging, until: 2026-12-24, timezone: +01:00, why: x}",
        [
            (
                "3:57 `timezone` must be the name of a time zone, as in the IANA database, not '+01:00' / as in "
                "`timezone: Europe/Berlin`"
            )
        ],
    ),
    **{
        f"until {until}": (
            f"{{environment: staging, until: '{until}', why: x}}",
            [f"3:35 {MOMENT}'{until}' / as in `until: 2026-12-24`"],
        )
        for until in (
            "tomorrow",
            "24.12.2026",
            "2026-12",
            "1999-12-31",
            "2026-12-24T18:00:00 Europe/Berlin",
            "2026-12-24+01:00",
            "2026-W52-4",
        )
    },
}


@pytest.mark.parametrize(("lines", "expected"), WRONG_HOLDS.values(), ids=WRONG_HOLDS.keys())
def test_a_wrong_hold_is_told_at_its_place(lines: str, expected: list[str]) -> None:
    assert told(held(f"  - {lines}")) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("holds: {environment: a}", "2:8 `holds` must be a list / as in "),
        ("holds:", "2:1 `holds` has no value / as in "),
        (f"holds: [{HOLD * 1001}]", "2:8 `holds` has 1001 items, and the limit is 1000 / keep only the ones"),
    ],
    ids=["a mapping", "nothing", "too many"],
)
def test_holds_are_a_list(written: str, message: str) -> None:
    (problem,) = told(f"version: 1\n{written}\nenvironments: {{a: {{overlays: [a]}}}}\n")
    assert problem.startswith(message)


def test_a_file_of_nothing_but_wrong_time_zones_is_told_within_bounds() -> None:
    windows = ", ".join(f"{{days: [mon], timezone: Nowhere/A{number}}}" for number in range(3000))
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
