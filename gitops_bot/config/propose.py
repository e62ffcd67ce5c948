"""How the changes of an environment are proposed: each setting with its type, default, text and examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.config import template, times
from gitops_bot.config.leaves import Listed, about, no_items

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: Mark the branches of the union of groupings in the place of a problem.
GROUP_WORD, GROUP_LIST = "<group>", "<groups>"
#: GitHub's own limits: https://docs.github.com/en/rest/issues/assignees, "Add assignees to an issue", for the second.
MOST_LABELS, MOST_ASSIGNEES = 100, 10
#: Of reviewers, named groups and windows: more are no list that a person keeps.
MOST = 100
_TEAM = "team:"

MergeMethod = Literal["merge", "squash", "rebase"]
GroupBy = Literal["environment", "overlay", "image"]
ProposeAs = Literal["pull-request", "commit"]

_LABEL = leaf.text("must be a label of 1 to 50 characters (`hold` and `hand-back` are reserved for people)", leaf.LABEL)
_REVIEWER = leaf.text("must be a person's login, or a team as in `team:platform`", leaf.REVIEWER)
_LOGIN = leaf.text("must be a person's login", leaf.LOGIN)
_IMAGES = leaf.text("must be the name of an entry or an image repository, with `*` for any text", leaf.WORDS)
_DAY = leaf.text("must be a day or a range of days, as `mon` or `mon-fri`", times.DAYS)
_HOURS = leaf.text('must be two different times, as in "09:00-16:30"', times.HOURS)
_ZONE = leaf.text("must be the name of a time zone, as in the IANA database", times.ZONE)
_GROUP_NAME = leaf.text(
    "must be up to 60 letters, digits, `.`, `_` and `-` (neither `all` nor `rollback-...`, which the bot uses)",
    leaf.GROUP,
)


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """Changes that share one proposal. An entry belongs to the first group that matches it."""

    __pydantic_config__ = ConfigDict(
        **leaf.STRICT, json_schema_extra={"anyOf": [{"required": ["images"]}, {"required": ["overlays"]}]}
    )

    name: Annotated[str, _GROUP_NAME, about("The name of the group, which is also part of the branch name.", "web")]
    images: Annotated[
        tuple[Annotated[str, _IMAGES], ...],
        Listed(least=1),
        about(
            "Entries whose `name` or repository matches one of these, with `*` for any text. Without it, every image.",
            ["ghcr.io/acme/web*"],
        ),
    ] = field(default_factory=no_items)
    overlays: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(least=1),
        about(
            "Entries in these overlays, with the wildcards of `environments.<name>.overlays`. Without it, every "
            "overlay.",
            ["apps/web/**"],
        ),
    ] = field(default_factory=no_items)
    together: Annotated[
        bool | None,
        leaf.truth(),
        about(
            "Propose all of the group or nothing: one held entry holds the rest. Without it, the value of "
            "`propose.together`.",
            True,
        ),
    ] = None


_GroupWord = Annotated[GroupBy, leaf.choice(GroupBy), Tag(GROUP_WORD)]
_GroupList = Annotated[tuple[NamedGroup, ...], Listed(least=1, most=MOST), Tag(GROUP_LIST)]


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits on the proposals of an environment."""

    __pydantic_config__ = ConfigDict(**leaf.STRICT, json_schema_extra={"minProperties": 1})

    open: Annotated[
        int | None, leaf.integer(1, 1000), about("At most this many proposals open at once. Without it, no limit.", 5)
    ] = None
    new_per_hour: Annotated[
        int | None,
        leaf.integer(1, 1000),
        about("At most this many proposals opened within an hour. Without it, no limit.", 2),
    ] = None


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time in each week. It has `days`, `hours` or both."""

    __pydantic_config__ = ConfigDict(
        **leaf.STRICT, json_schema_extra={"anyOf": [{"required": ["days"]}, {"required": ["hours"]}]}
    )

    days: Annotated[
        tuple[Annotated[str, _DAY], ...],
        Listed(least=1),
        about(
            "The days on which the window opens: `mon` or `monday`, or a range, which may wrap around the end of the "
            "week (`sat-mon`). Without it, every day.",
            ["mon-fri"],
            ["monday", "sat-mon"],
        ),
    ] = field(default_factory=no_items)
    hours: Annotated[
        str | None,
        _HOURS,
        about(
            "From the first time up to the second. A window that crosses midnight (`22:00-06:00`) belongs to the day "
            "on which it opens. Without it, the whole day.",
            "09:00-16:30",
            "18:00-24:00",
        ),
    ] = None
    timezone: Annotated[str, _ZONE, about("The time zone of the window, by its IANA name.", "Europe/Berlin")] = "UTC"

    @property
    def weekdays(self) -> frozenset[int]:
        """The days on which it opens; Monday is 0."""
        return times.days(self.days or ("mon-sun",))

    @property
    def span(self) -> tuple[time, time]:
        """When it opens and closes; if the second is not after the first, it is on the next day."""
        return times.hours(self.hours) if self.hours is not None else (time(), time())

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return times.zone(self.timezone)


#: What only pull requests have -> how it may be written beside `as: commit`, where that says nothing.
FOR_PULL_REQUESTS: dict[str, dict[str, Any] | bool] = {
    "group": {"const": "environment"},
    "together": {"const": False},
    "labels": {"maxItems": 0},
    "reviewers": {"maxItems": 0},
    "assignees": {"maxItems": 0},
    "draft": {"const": False},
    "refresh_approved": {"const": False},
    "auto_merge": {"const": False},
    "merge_method": False,
    "limit": False,
}
#: As `checks` has it; the settings cannot say it, since each may be right by itself.
_CONTRADICTIONS: dict[str, Any] = {
    "allOf": [
        {
            "if": {"properties": {"as": {"const": "commit"}}, "required": ["as"]},
            "then": {"properties": dict(FOR_PULL_REQUESTS)},
        },
        {
            "if": {"properties": {"draft": {"const": True}}, "required": ["draft"]},
            "then": {"properties": {"auto_merge": {"const": False}}},
        },
        {
            "if": {"required": ["merge_method"]},
            "then": {"properties": {"auto_merge": {"not": {"const": False}}}, "required": ["auto_merge"]},
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Propose:
    """How the changes of an environment are proposed."""

    __pydantic_config__ = ConfigDict(**leaf.STRICT, json_schema_extra=_CONTRADICTIONS)

    as_: Annotated[
        ProposeAs,
        leaf.choice(ProposeAs),
        Field(alias="as"),
        about("Propose as a `pull-request`, or `commit` straight to the branch.", "pull-request"),
    ] = "pull-request"
    group: Annotated[
        _GroupWord | _GroupList,
        Discriminator(lambda value: GROUP_LIST if isinstance(value, list) else GROUP_WORD),
        about(
            "Which changes share a proposal: all of the `environment`, those of one `overlay`, those of one `image`, "
            "or named groups. Changes that belong to no named group go into the proposal `all`.",
            "overlay",
            [{"name": "web", "images": ["ghcr.io/acme/web*"], "together": True}],
        ),
    ] = "environment"
    together: Annotated[
        bool, leaf.truth(), about("Propose all of a group or nothing: one held entry holds the rest.", True)
    ] = False
    labels: Annotated[
        tuple[Annotated[str, _LABEL], ...],
        Listed(most=MOST_LABELS),
        about("Labels for its pull requests.", ["release"]),
    ] = ()
    reviewers: Annotated[
        tuple[Annotated[str, _REVIEWER], ...],
        Listed(most=MOST, once=True),
        about(
            "Reviewers to request: people by login, teams as `team:SLUG` or `team:ORGANIZATION/SLUG`.",
            ["alice", "team:platform"],
        ),
    ] = ()
    assignees: Annotated[
        tuple[Annotated[str, _LOGIN], ...],
        Listed(most=MOST_ASSIGNEES, once=True),
        about("Assignees, by login.", ["bob"]),
    ] = ()
    draft: Annotated[bool, leaf.truth(), about("Open pull requests as drafts.", True)] = False
    refresh_approved: Annotated[
        bool,
        leaf.truth(),
        about(
            "Add newer pins to a pull request even when it is approved, queued or set to auto-merge. Otherwise such a "
            "pull request is frozen: what was reviewed is what merges.",
            True,
        ),
    ] = False
    auto_merge: Annotated[
        bool | Literal["without-checks"],
        leaf.truth("without-checks"),
        about(
            "Merge pull requests once nothing blocks them. `true` needs a branch that requires checks; "
            "`without-checks` merges where it requires none.",
            True,
            "without-checks",
        ),
    ] = False
    merge_method: Annotated[
        MergeMethod | None,
        leaf.choice(MergeMethod),
        about("How `auto_merge` merges. Without it, the repository's default.", "squash"),
    ] = None
    limit: Annotated[
        Limit, about("Limits on the pull requests of this environment.", {"open": 5, "new_per_hour": 2})
    ] = field(default_factory=Limit)
    schedule: Annotated[
        tuple[Window, ...],
        Listed(least=1, most=MOST),
        about(
            "The time windows in which something new may be opened or committed. Without it, any time.",
            [{"days": ["mon-fri"], "hours": "09:00-16:30", "timezone": "Europe/Berlin"}],
        ),
    ] = field(default_factory=no_items)
    title: Annotated[
        str | None,
        template.title(),
        about(
            "The title of pull requests, and the first line of commit messages without a `message`. It may use "
            f"{template.shown(template.TITLE_FIELDS)}; write braces as `{{{{` and `}}}}`. Without it, "
            "`chore({environment}): {summary}`.",
            "chore({environment}): {summary}",
        ),
    ] = None
    message: Annotated[
        str | None,
        template.message(),
        about(
            "The message of commits, to which the bot adds its trailers. It may use "
            f"{template.shown(template.MESSAGE_FIELDS)}. Without it, `{{title}}`, a blank line and `{{changes}}`.",
            "{title}\n\n{changes}",
        ),
    ] = None

    @property
    def people(self) -> tuple[str, ...]:
        """The logins of the reviewers."""
        return tuple(reviewer for reviewer in self.reviewers if not reviewer.startswith(_TEAM))

    @property
    def teams(self) -> tuple[str, ...]:
        """The slugs of the reviewing teams: only teams of the organization that owns the repository can be asked."""
        teams = (reviewer.removeprefix(_TEAM) for reviewer in self.reviewers if reviewer.startswith(_TEAM))
        return tuple(dict.fromkeys(team.rpartition("/")[2] for team in teams))
