"""How the changes of an environment are proposed, as `gitops-bot.yaml` writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.config import template, times
from gitops_bot.config.form_base import Form, Overlay

#: Mark the branches of the union of groupings in the place of a problem.
GROUP_WORD, GROUP_LIST = "<group>", "<groups>"
#: GitHub's own limits: https://docs.github.com/en/rest/issues/assignees, "Add assignees to an issue", for the second.
MOST_LABELS, MOST_ASSIGNEES = 100, 10
#: Of reviewers, named groups and windows: more are no list that a person keeps.
MOST = 100

Label = Annotated[
    str,
    *leaf.text(
        "must be a label of 1 to 50 characters (`hold` and `hand-back` are reserved for people)",
        "labels: [release]",
        leaf.LABEL,
    ),
]
Reviewer = Annotated[
    str,
    *leaf.text(
        "must be a person's login, or a team as in `team:platform`",
        'reviewers: [alice, "team:platform"]',
        leaf.REVIEWER,
    ),
]
Login = Annotated[str, *leaf.text("must be a person's login", "assignees: [alice]", leaf.LOGIN)]
ImageGlob = Annotated[
    str,
    *leaf.text(
        "must be the name of an entry or an image repository, with `*` for any text",
        'images: ["ghcr.io/acme/web*"]',
        leaf.WORDS,
    ),
]
Day = Annotated[
    str, *leaf.text("must be a day or a range of days, as `mon` or `mon-fri`", "days: [mon-fri, sun]", times.DAYS)
]


class GroupForm(Form):
    """Changes that share one proposal. An entry belongs to the first group that matches it."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["images"]}, {"required": ["overlays"]}]})

    name: Annotated[
        str,
        *leaf.text(
            "must be up to 60 letters, digits, `.`, `_` and `-` (neither `all` nor `rollback-...`, which the bot uses)",
            "name: web",
            leaf.GROUP,
        ),
    ] = Field(description="The name of the group, which is also part of the branch name.", examples=["web"])
    images: Annotated[tuple[ImageGlob, ...], leaf.listed('images: ["ghcr.io/acme/web*"]', least=1)] = Field(
        default_factory=tuple,
        json_schema_extra={"minItems": 1},
        description="Entries whose `name` or repository matches one of these, with `*` for any text. Without it, every "
        "image.",
        examples=[["ghcr.io/acme/web*"]],
    )
    overlays: Annotated[tuple[Overlay, ...], leaf.listed('overlays: ["apps/web/**"]', least=1)] = Field(
        default_factory=tuple,
        json_schema_extra={"minItems": 1},
        description="Entries in these overlays, with the wildcards of `environments.<name>.overlays`. Without it, "
        "every overlay.",
        examples=[["apps/web/**"]],
    )
    together: Annotated[bool | None, *leaf.truth("together: true")] = Field(
        default=None,
        description="Propose all of the group or nothing: one held entry holds the rest. Without it, the value of "
        "`propose.together`.",
        examples=[True],
    )


GroupWord = Annotated[
    Literal["environment", "overlay", "image"], *leaf.choice("group: overlay", "environment", "overlay", "image")
]
GroupList = Annotated[
    tuple[GroupForm, ...],
    Field(json_schema_extra={"minItems": 1, "maxItems": MOST}),
    leaf.listed('group: [{name: web, images: ["ghcr.io/acme/web*"]}]', least=1, most=MOST),
]
Group = Annotated[
    Annotated[GroupWord, Tag(GROUP_WORD)] | Annotated[GroupList, Tag(GROUP_LIST)],
    Discriminator(lambda value: GROUP_LIST if isinstance(value, list) else GROUP_WORD),
]


class LimitForm(Form):
    """Limits on the proposals of an environment."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    open: Annotated[int | None, *leaf.integer("open: 5", 1, 1000)] = Field(
        default=None, description="At most this many proposals open at once. Without it, no limit.", examples=[5]
    )
    new_per_hour: Annotated[int | None, *leaf.integer("new_per_hour: 2", 1, 1000)] = Field(
        default=None,
        description="At most this many proposals opened within an hour. Without it, no limit.",
        examples=[2],
    )


class WindowForm(Form):
    """A window of time in each week. It has `days`, `hours` or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["days"]}, {"required": ["hours"]}]})

    days: Annotated[tuple[Day, ...], leaf.listed("days: [mon-fri]", least=1)] = Field(
        default_factory=tuple,
        json_schema_extra={"minItems": 1},
        description="The days on which the window opens: `mon` or `monday`, or a range, which may wrap around the "
        "end of the week (`sat-mon`). Without it, every day.",
        examples=[["mon-fri"], ["monday", "sat-mon"]],
    )
    hours: Annotated[
        str | None,
        *leaf.text('must be two different times, as in "09:00-16:30"', 'hours: "09:00-16:30"', times.HOURS),
    ] = Field(
        default=None,
        description="From the first time up to the second. A window that crosses midnight (`22:00-06:00`) belongs to "
        "the day on which it opens. Without it, the whole day.",
        examples=["09:00-16:30", "18:00-24:00"],
    )
    timezone: Annotated[
        str,
        *leaf.text("must be the name of a time zone, as in the IANA database", "timezone: Europe/Berlin", times.ZONE),
    ] = Field(default="UTC", description="The time zone of the window, by its IANA name.", examples=["Europe/Berlin"])


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


class ProposeForm(Form):
    """How the changes of an environment are proposed."""

    # As `check_propose` has it; the models cannot say it, since each key may be right by itself.
    model_config = ConfigDict(
        json_schema_extra={
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
    )

    as_: Annotated[Literal["pull-request", "commit"], *leaf.choice("as: pull-request", "pull-request", "commit")] = (
        Field(
            default="pull-request",
            alias="as",
            description="Propose as a `pull-request`, or `commit` straight to the branch.",
            examples=["pull-request"],
        )
    )
    group: Group = Field(
        default="environment",
        description="Which changes share a proposal: all of the `environment`, those of one `overlay`, those of one "
        "`image`, or named groups. Changes that belong to no named group go into the proposal `all`.",
        examples=["overlay", [{"name": "web", "images": ["ghcr.io/acme/web*"], "together": True}]],
    )
    together: Annotated[bool, *leaf.truth("together: true")] = Field(
        default=False,
        description="Propose all of a group or nothing: one held entry holds the rest.",
        examples=[True],
    )
    labels: Annotated[tuple[Label, ...], leaf.listed("labels: [release]", most=MOST_LABELS)] = Field(
        default=(),
        json_schema_extra={"maxItems": MOST_LABELS},
        description="Labels for its pull requests.",
        examples=[["release"]],
    )
    reviewers: Annotated[tuple[Reviewer, ...], leaf.listed("reviewers: [alice]", most=MOST)] = Field(
        default=(),
        json_schema_extra={"maxItems": MOST},
        description="Reviewers to request: people by login, teams as `team:SLUG` or `team:ORGANIZATION/SLUG`.",
        examples=[["alice", "team:platform"]],
    )
    assignees: Annotated[tuple[Login, ...], leaf.listed("assignees: [bob]", most=MOST_ASSIGNEES)] = Field(
        default=(),
        json_schema_extra={"maxItems": MOST_ASSIGNEES},
        description="Assignees, by login.",
        examples=[["bob"]],
    )
    draft: Annotated[bool, *leaf.truth("draft: true")] = Field(
        default=False, description="Open pull requests as drafts.", examples=[True]
    )
    refresh_approved: Annotated[bool, *leaf.truth("refresh_approved: true")] = Field(
        default=False,
        description="Add newer pins to a pull request even when it is approved, queued or set to auto-merge. "
        "Otherwise such a pull request is frozen: what was reviewed is what merges.",
        examples=[True],
    )
    auto_merge: Annotated[bool | Literal["without-checks"], *leaf.truth("auto_merge: true", "without-checks")] = Field(
        default=False,
        description="Merge pull requests once nothing blocks them. `true` needs a branch that requires checks; "
        "`without-checks` merges where it requires none.",
        examples=[True, "without-checks"],
    )
    merge_method: Annotated[
        Literal["merge", "squash", "rebase"] | None, *leaf.choice("merge_method: squash", "merge", "squash", "rebase")
    ] = Field(
        default=None,
        description="How `auto_merge` merges. Without it, the repository's default.",
        examples=["squash"],
    )
    limit: LimitForm = Field(
        default_factory=LimitForm,
        description="Limits on the pull requests of this environment.",
        examples=[{"open": 5, "new_per_hour": 2}],
    )
    schedule: Annotated[
        tuple[WindowForm, ...], leaf.listed('schedule: [{days: [mon-fri], hours: "09:00-16:30"}]', least=1, most=MOST)
    ] = Field(
        default_factory=tuple,
        json_schema_extra={"minItems": 1, "maxItems": MOST},
        description="The time windows in which something new may be opened or committed. Without it, any time.",
        examples=[[{"days": ["mon-fri"], "hours": "09:00-16:30", "timezone": "Europe/Berlin"}]],
    )
    title: Annotated[str | None, *template.title('title: "chore({environment}): {summary}"')] = Field(
        default=None,
        description="The title of pull requests, and the first line of commit messages without a `message`. "
        f"It may use {template.shown(template.TITLE_FIELDS)}; write braces as `{{{{` and `}}}}`. Without "
        "it, `chore({environment}): {summary}`.",
        examples=["chore({environment}): {summary}"],
    )
    message: Annotated[str | None, *template.message('message: "{title}\\n\\n{changes}"')] = Field(
        default=None,
        description="The message of commits, to which the bot adds its trailers. It may use "
        f"{template.shown(template.MESSAGE_FIELDS)}. Without it, `{{title}}`, a blank line and `{{changes}}`.",
        examples=["{title}\n\n{changes}"],
    )
