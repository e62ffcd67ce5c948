"""A plan, written down as what git and the forge will be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.proposals import body, naming, trailers
from gitops_bot.proposals.markdown import plain
from gitops_bot.proposals.trailers import PinChange, Trailers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.releases.plan import Change, Plan, Source


@dataclass(frozen=True, slots=True)
class Proposal:
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
    plan: Plan, files: Mapping[str, bytes], *, base: str, parent: str, source: Source, group: str = naming.DEFAULT_GROUP
) -> Proposal:
    """Put a plan with at least one change into words. `base` is the base branch, `parent` its commit."""
    pins = tuple(_said(change) for change in plan.changes)
    title = body.title(plan.environment, plan.changes)
    said = Trailers(naming.word(plan.environment), naming.word(group), source, pins)
    return Proposal(
        branch=naming.branch(plan.environment, group),
        base=base,
        parent=parent,
        title=title,
        body=body.render(plan, pins),
        message=f"{title}\n\n{_table(plan.changes)}\n\n{trailers.render(said)}\n",
        files=files,
        mark=body.mark(pins),
    )


def _said(change: Change) -> PinChange:
    return PinChange(change.entry.file, change.entry.name, change.before, change.after, change.source, change.new_name)


def _table(changes: Sequence[Change]) -> str:
    """The changes as indented lines: image and file, from and to, why. No line can be taken for a trailer."""
    rows = []
    for change in changes:
        renamed = f" (now {change.new_name})" if change.new_name else ""
        # Several entries may have one image: then only the name tells them apart.
        name = "" if change.entry.image.endswith(change.entry.name) else f" ({plain(change.entry.name)})"
        rows.append(f"* {plain(change.entry.image)}{name}{renamed} in {plain(change.entry.file)}")
        rows.append(f"    {_shown(change.before)}")
        rows.append(f"    -> {_shown(change.after)}")
        rows.append(f"    {plain(change.reason.text)}")
    return "\n".join(rows)


def _shown(pin: Pin) -> str:
    # What stood in the file may be any text. A digest alone goes without its `@`, which would name a user.
    return plain(str(pin)).removeprefix("@")
