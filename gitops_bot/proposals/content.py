"""A plan, written down as what git and the forge will be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.text import body, summary, template
from gitops_bot.proposals.text.markdown import quiet
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.plan import PinChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.text.details import Described
    from gitops_bot.releases.plan import Change, Plan, Source


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that is written for one group of one environment, and what it is written on."""

    branch: str
    base: str
    parent: str
    title: str
    body: str
    message: str
    files: Mapping[str, bytes]
    mark: str

    def is_on(self, branch: Branch) -> bool:
        """Whether the branch already says exactly this: the same bytes in the same files, and no other file.

        Bytes that the base changed meanwhile in one of these files make it untrue; a base that moved elsewhere does
        not, so nobody's review is disturbed for nothing.
        """
        there: dict[str, bytes | None] = {}
        for commit in branch.commits:
            for change in commit.changes:
                if not commit.clean_merge or change.path in there:
                    there[change.path] = change.after
        return there == dict(self.files)


def write(
    plan: Plan,
    files: Mapping[str, bytes],
    *,
    base: str,
    parent: str,
    source: Source,
    group: str = naming.DEFAULT_GROUP,
    title: str | None = None,
    message: str | None = None,
    described: Mapping[tuple[str, str], Described] | None = None,
) -> Content:
    """Put a plan with at least one change into words.

    `base` is the base branch, `parent` its commit. `title` and `message` are templates, None for the bot's own;
    `described` is what is known of the images, by the entries' keys, and has no part in `mark`.

    Raises:
        ValueError: a template with a field that there is none of.
    """
    pins = tuple(_pin_change(change) for change in plan.changes)
    fields = summary.fields(plan, group, source)
    headline = template.title(title, fields)
    text = template.message(message, fields | {"title": headline, "changes": summary.table(plan.changes)})
    if why := summary.because(plan.changes):
        text = f"{text}\n\nWhy: {quiet(why)}"
    block = Trailers(*naming.words(plan.environment, group), source, pins)
    return Content(
        branch=naming.branch(plan.environment, group),
        base=base,
        parent=parent,
        title=headline,
        body=body.render(plan, pins, described or {}),
        message=f"{text}\n\n{trailers.render(block)}\n",
        files=files,
        mark=body.mark(pins),
    )


def _pin_change(change: Change) -> PinChange:
    return PinChange(change.entry.file, change.entry.name, change.before, change.after, change.source, change.new_name)
