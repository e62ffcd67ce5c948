"""The changes of a pull request: a table with one row for equal ones, and a folded list of what it shortens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.images.reference import is_digest
from gitops_bot.proposals.text.limit import cost, cut
from gitops_bot.proposals.text.markdown import code, prose
from gitops_bot.proposals.text.summary import alike, called, many

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Change

    Row = Sequence[Change]

HEAD: Final = ("| image | from | to | digest | why |", "| --- | --- | --- | --- | --- |")
_SHORT = len("sha256:") + 12
#: How many reasons of equal changes are shown.
_REASONS = 3


def rows(changes: Sequence[Change], room: int) -> list[str]:
    """A row for each change, or for equal ones together; a note about those that do not fit."""
    grouped = alike(changes)

    def more(left: int) -> str:
        return f"\n… and {many(sum(map(len, grouped[-left:])), 'more change')}: see the commit."

    return cut(grouped, _row, room, more)


def in_full(changes: Sequence[Change], room: int) -> list[str]:
    """What the table shortens, in a folded list; empty if it shortens nothing."""
    shortened = [row for row in alike(changes) if len(row) > 1 or row[0].before.digest or row[0].after.digest]
    head, foot = ["", "<details><summary>Files and full digests</summary>", ""], ["", "</details>"]
    lines = [line for row in shortened for line in _full(row)]

    def more(left: int) -> str:
        return f"- … and {many(left, 'more line')}: see the commit"

    shown = cut(lines, str, room - cost([*head, *foot]), more)
    return [*head, *shown, *foot] if shown else []


def _row(row: Row) -> str:
    first = row[0]
    renamed = f" → {code(first.new_name)}" if first.new_name else ""
    where = code(first.entry.file) if len(row) == 1 else f"in {len(row)} overlays"
    reasons = list(dict.fromkeys(prose(change.reason.text) for change in row))
    more = [f"… and {many(len(reasons) - _REASONS, 'more reason')}"] if len(reasons) > _REASONS else []
    cells = (
        f"{code(called(first))}{renamed}<br>{where}",
        code(_shown(first.before)),
        code(first.after.tag or "(by digest)"),
        code(_short(first.after.digest or "")),
        "<br>".join([*reasons[:_REASONS], *more]),
    )
    return f"| {' | '.join(cells)} |"


def _shown(pin: Pin) -> str:
    if pin.tag or not pin.digest:
        return pin.tag or str(pin)
    return f"@{_short(pin.digest)}"


def _short(digest: str) -> str:
    """A digest, shortened; any other text stays as it is in the file."""
    return digest[:_SHORT] if is_digest(digest) else digest


def _full(row: Row) -> Iterator[str]:
    first = row[0]
    step = f"{code(str(first.before))} → {code(str(first.after))}"
    if len(row) == 1:
        yield f"- {code(called(first))} in {code(first.entry.file)}: {step}"
        return
    yield f"- {code(called(first))}: {step}, in"
    for change in row:
        yield f"  - {code(change.entry.file)}"
