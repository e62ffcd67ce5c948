"""The configuration of proposals and of holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Literal, assert_never

from gitops_bot.config import times

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from gitops_bot.config.form import HoldForm
    from gitops_bot.config.form_propose import GroupForm, ProposeForm, WindowForm

MergeMethod = Literal["merge", "squash", "rebase"]
#: Whether proposals merge by themselves: never, only past required checks, or even if none are required.
AutoMerge = Literal["never", "past-checks", "without-checks"]

_TEAM = "team:"


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """Changes that share a proposal, by globs of images and of overlays; an empty tuple means all."""

    name: str
    images: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    together: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Some hours on some days (Monday is 0) of each week; if `end` is not after `start`, it is on the next day."""

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Propose:
    """How the changes of an environment are proposed.

    `together`: one entry that is held holds the rest of its group; a named group may say so for itself. `teams` are
    slugs. `refresh_approved`: a proposal that is approved, queued or set to auto-merge gets newer pins all the same.
    `merge_method` None is the repository's own default. `schedule` empty: something new may be opened at any time.
    `title` and `message` are templates; None: the bot's own.
    """

    as_: Literal["pull-request", "commit"] = "pull-request"
    group: Literal["environment", "overlay", "image"] | tuple[NamedGroup, ...] = "environment"
    together: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    refresh_approved: bool = False
    auto_merge: AutoMerge = "never"
    merge_method: MergeMethod | None = None
    most_open: int | None = None
    most_new_per_hour: int | None = None
    schedule: tuple[Window, ...] = ()
    title: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A declared hold until a time in UTC; without `image`, it covers every entry of the environment."""

    environment: str
    image: str | None
    until: datetime
    why: str
    place: tuple[str, int, int]


def hold(form: HoldForm, place: tuple[str, int, int]) -> Hold:
    """The hold of a valid form, with its place."""
    return Hold(form.environment, form.image, times.moment(form.until), form.why, place)


def propose(form: ProposeForm) -> Propose:
    """The settings of a valid form."""
    teams = [each for each in form.reviewers if each.startswith(_TEAM)]
    return Propose(
        as_=form.as_,
        group=form.group if isinstance(form.group, str) else tuple(_group(each, form.together) for each in form.group),
        together=form.together,
        labels=form.labels,
        reviewers=_once(each for each in form.reviewers if each not in teams),
        # Only teams of the organization that owns the repository can be requested.
        teams=_once(each.removeprefix(_TEAM).rpartition("/")[2] for each in teams),
        assignees=_once(form.assignees),
        draft=form.draft,
        refresh_approved=form.refresh_approved,
        auto_merge=_auto_merge(form.auto_merge),
        merge_method=form.merge_method,
        most_open=form.limit.open,
        most_new_per_hour=form.limit.new_per_hour,
        schedule=tuple(map(_window, form.schedule)),
        title=form.title,
        message=form.message,
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _group(form: GroupForm, together: bool) -> NamedGroup:
    return NamedGroup(form.name, form.images, form.overlays, together if form.together is None else form.together)


def _auto_merge(written: bool | Literal["without-checks"]) -> AutoMerge:
    match written:
        case True:
            return "past-checks"
        case False:
            return "never"
        case "without-checks":
            return written
    assert_never(written)


def _window(form: WindowForm) -> Window:
    start, end = times.hours(form.hours) if form.hours is not None else (time(), time())
    return Window(times.days(form.days or ("mon-sun",)), start, end, times.zone(form.timezone))
