"""How the changes of an environment are proposed: each setting with its type, default, text and examples.

Titles and messages are templates: text with `{field}` for values, and `{{` and `}}` for braces. That is a language of
its own: `str.format` would let a template look into objects and pad without bound. Templates hold no trailers
(`Gitops-Bot-...`): those are how the bot knows its own commits again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from gitops_bot.config import leaves as leaf
from gitops_bot.config import times
from gitops_bot.config.leaves import Either, Listed, about

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

#: GitHub's own limits: https://docs.github.com/en/rest/issues/assignees, "Add assignees to an issue", for the second.
MOST_LABELS, MOST_ASSIGNEES = 100, 10
#: Of reviewers, named groups and windows: more are no list that a person keeps.
MOST = 100
_TEAM = "team:"
#: The name of the commit status that the bot writes on proposals. It counts for nothing of its own.
STATUS: Final = "gitops-bot/gates"

MergeMethod = Literal["merge", "squash", "rebase"]
GroupBy = Literal["environment", "overlay", "image"]
ProposeAs = Literal["pull-request", "commit"]

_LABEL = leaf.text("must be a label of 1 to 50 characters (`hold` and `hand-back` are reserved for people)", leaf.LABEL)
_REVIEWER = leaf.text("must be a person's login, or a team as in `team:platform`", leaf.REVIEWER)
_LOGIN = leaf.text("must be a person's login", leaf.LOGIN)
_IMAGES = leaf.text("must be the name of an entry or an image repository, with `*` for any text", leaf.WORDS)
_DAY = leaf.text("must be a day or a range of days, as `mon` or `mon-fri`", times.DAYS)
_HOURS = leaf.text('must be two different times, as in "09:00-16:30"', times.HOURS)
ZONE = leaf.text("must be the name of a time zone, as in the IANA database", times.ZONE)
_GROUP_NAME = leaf.text(
    "must be up to 60 letters, digits, `.`, `_` and `-` (not `all`, `rollback-...` or `failed-...`: the bot has these)",
    leaf.GROUP,
)


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """Changes that share one proposal. An entry belongs to the first group that matches it."""

    MORE: ClassVar[dict[str, Any]] = {"anyOf": [{"required": ["images"]}, {"required": ["overlays"]}]}

    name: Annotated[str, _GROUP_NAME, about("The name of the group, which is also part of the branch name.", "web")]
    images: Annotated[
        tuple[Annotated[str, _IMAGES], ...],
        Listed(least=1),
        about(
            "Entries whose `name` or repository matches one of these, with `*` for any text. Without it, every image.",
            ["ghcr.io/acme/web*"],
        ),
    ] = field(default_factory=tuple)
    overlays: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(least=1),
        about(
            "Entries in these overlays, with the wildcards of `environments.<name>.overlays`. Without it, every "
            "overlay.",
            ["apps/web/**"],
        ),
    ] = field(default_factory=tuple)
    together: Annotated[
        bool | None,
        about(
            "Propose all of the group or nothing: one held entry holds the rest. Without it, the value of "
            "`propose.together`.",
            True,
        ),
    ] = None


_GroupList = Annotated[tuple[NamedGroup, ...], Listed(least=1, most=MOST)]


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits on the proposals of an environment."""

    MORE: ClassVar[dict[str, Any]] = {"minProperties": 1}

    open: Annotated[
        int | None, leaf.number(1, 1000), about("At most this many proposals open at once. Without it, no limit.", 5)
    ] = None
    new_per_hour: Annotated[
        int | None,
        leaf.number(1, 1000),
        about("At most this many proposals opened within an hour. Without it, no limit.", 2),
    ] = None


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in each week. It has `days`, `hours` or both."""

    MORE: ClassVar[dict[str, Any]] = {"anyOf": [{"required": ["days"]}, {"required": ["hours"]}]}

    days: Annotated[
        tuple[Annotated[str, _DAY], ...],
        Listed(least=1),
        about(
            "The days on which it begins: `mon` or `monday`, or a range, which may wrap around the end of the week "
            "(`sat-mon`). Without it, every day.",
            ["mon-fri"],
            ["monday", "sat-mon"],
        ),
    ] = field(default_factory=tuple)
    hours: Annotated[
        str | None,
        _HOURS,
        about(
            "From the first time up to the second. A span that crosses midnight (`22:00-06:00`) belongs to the day on "
            "which it begins. Without it, the whole day.",
            "09:00-16:30",
            "18:00-24:00",
        ),
    ] = None
    timezone: Annotated[str, ZONE, about("Its time zone, by its IANA name.", "Europe/Berlin")] = "UTC"

    @property
    def weekdays(self) -> frozenset[int]:
        """The days on which it begins; Monday is 0."""
        return times.days(self.days or ("mon-sun",))

    @property
    def span(self) -> tuple[time, time]:
        """When it begins and ends; if the second is not after the first, it is on the next day."""
        return times.hours(self.hours) if self.hours is not None else (time(), time())

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return times.zone(self.timezone)


@dataclass(frozen=True, slots=True)
class Window(Span):
    """A window of time in each week, with `days`, `hours` or both, or alone `not`, a span in which none is open."""

    MORE: ClassVar[dict[str, Any]] = {
        "anyOf": [{"required": [key]} for key in ("days", "hours", "not")],
        "dependentSchemas": {"not": {"maxProperties": 1}},
    }

    not_: Annotated[
        Span | None,
        about(
            "A span in which nothing new may be opened or committed, whatever window is open. It stands alone in its "
            "item. Without it, the item is a window.",
            {"days": ["fri"], "hours": "15:00-24:00"},
        ),
    ] = None


TITLE_FIELDS: Final = ("environment", "group", "summary", "count", "images", "overlays", "source")
MESSAGE_FIELDS: Final = (*TITLE_FIELDS, "title", "changes")
MOST_OF_A_TITLE = 200
MOST_OF_A_MESSAGE = 10_000

#: The tokens of a template, from left to right; each `{` and `}` is in one of them or stray.
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<stray>[{}])")
_TRAILER = "Gitops-Bot-"
_NOT_IN_LINES = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
#: A message may have tabs and line feeds.
_NOT_IN_TEXTS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"
_FIRST_LINE = r"(?=[^\n]*\S)"


def _names(fields: Sequence[str]) -> str:
    """The fields, written as in a template."""
    return ", ".join(f"`{{{field}}}`" for field in fields)


def _template(requirement: str, fields: Sequence[str], characters: str) -> leaf.Leaf:
    return leaf.text(
        requirement,
        rf"^{_FIRST_LINE}{characters}",
        parse=lambda written: check_template(written, fields),
        schema={
            "pattern": rf"^{_FIRST_LINE}(?![\s\S]*{_TRAILER})(?={characters})"
            rf"(?:[^{{}}]|\{{\{{|\}}\}}|\{{(?:{'|'.join(fields)})\}})+$"
        },
    )


def render(template: str, fields: Mapping[str, str]) -> str:
    """A template that was checked, with the text of each field in its place. What a field holds is not read again."""
    return _TOKEN.sub(lambda token: token[0][0] if (field := token["field"]) is None else fields[field], template)


def check_template(written: str, fields: Sequence[str]) -> str:
    """The template, if it has no fields but these, no stray brace and no trailer.

    Raises:
        ValueError: it has; the error has the message and the next step.
    """
    if _TRAILER in written:
        raise leaf.WrongError(
            f"has `{_TRAILER}`, which starts the trailers that the bot writes", "choose another wording"
        )
    for token in _TOKEN.finditer(written):
        field = token["field"]
        if token["stray"]:
            raise leaf.WrongError(
                f"has a `{token['stray']}` that does not belong to a field", "write `{{` and `}}` for braces"
            )
        if field is not None and field not in fields:
            close = leaf.nearest(field, fields)
            advice = f"did you mean `{{{close}}}`?" if close else f"known here: {_names(fields)}; `{{{{` is a brace"
            raise leaf.WrongError(f"has no field {leaf.quote(f'{{{field}}}')}", advice)
    return written


#: One line.
_TITLE = _template(
    f"must be one line of at most {MOST_OF_A_TITLE} characters",
    TITLE_FIELDS,
    rf"[^{_NOT_IN_LINES}]{{1,{MOST_OF_A_TITLE}}}$",
)
#: Lines, the first of which must not be blank.
_MESSAGE = _template(
    f"must be text of at most {MOST_OF_A_MESSAGE:,} characters whose first line is not empty",
    MESSAGE_FIELDS,
    rf"[^{_NOT_IN_TEXTS}]{{1,{MOST_OF_A_MESSAGE}}}$",
)


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
    "status": {"const": False},
    "limit": False,
}
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

    MORE: ClassVar[dict[str, Any]] = _CONTRADICTIONS

    as_: Annotated[
        ProposeAs, about("Propose as a `pull-request`, or `commit` straight to the branch.", "pull-request")
    ] = "pull-request"
    group: Annotated[
        GroupBy | _GroupList,
        Either(lambda value: 1 if isinstance(value, list) else 0),
        about(
            "Which changes share a proposal: all of the `environment`, those of one `overlay`, those of one `image`, "
            "or named groups. Changes that belong to no named group go into the proposal `all`.",
            "overlay",
            [{"name": "web", "images": ["ghcr.io/acme/web*"], "together": True}],
        ),
    ] = "environment"
    together: Annotated[bool, about("Propose all of a group or nothing: one held entry holds the rest.", True)] = False
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
    draft: Annotated[bool, about("Open pull requests as drafts.", True)] = False
    refresh_approved: Annotated[
        bool,
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
        MergeMethod | None, about("How `auto_merge` merges. Without it, the repository's default.", "squash")
    ] = None
    status: Annotated[
        bool | Literal["all"],
        leaf.truth("all"),
        about(
            f"Write the commit status `{STATUS}` on each open pull request of the bot: whether its pins still pass "
            "their gates. `all` does it for all environments, and writes a success on every other open pull request "
            "to the branch, so that the branch can require it.",
            True,
            "all",
        ),
    ] = False
    limit: Annotated[
        Limit, about("Limits on the pull requests of this environment.", {"open": 5, "new_per_hour": 2})
    ] = field(default_factory=Limit)
    schedule: Annotated[
        tuple[Window, ...],
        Listed(least=1, most=MOST),
        about(
            "The time windows in which something new may be opened or committed, and the spans in which it may `not`. "
            "Without a window, any time but these. Without it, any time.",
            [{"days": ["mon-fri"], "hours": "09:00-16:30", "timezone": "Europe/Berlin"}],
            [{"not": {"days": ["fri"], "hours": "15:00-24:00"}}, {"not": {"days": ["sat-sun"]}}],
        ),
    ] = field(default_factory=tuple)
    title: Annotated[
        str | None,
        _TITLE,
        about(
            "The title of pull requests, and the first line of commit messages without a `message`. It may use "
            f"{_names(TITLE_FIELDS)}; write braces as `{{{{` and `}}}}`. Without it, "
            "`chore({environment}): {summary}`.",
            "chore({environment}): {summary}",
        ),
    ] = None
    message: Annotated[
        str | None,
        _MESSAGE,
        about(
            "The message of commits, to which the bot adds its trailers. It may use "
            f"{_names(MESSAGE_FIELDS)}. Without it, `{{title}}`, a blank line and `{{changes}}`.",
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
