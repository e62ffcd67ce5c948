"""What reviewers want to read of the changes before they merge: a table, and of each what its images say.

The table has one row for equal changes; a folded list has what it shortens. What comes from images is never obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from gitops_bot.images import version
from gitops_bot.images.reference import ImageName, is_digest
from gitops_bot.proposals.text import links
from gitops_bot.proposals.text.markdown import code, cost, cut, html_code, prose
from gitops_bot.proposals.text.summary import REASONS, alike, many, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from gitops_bot.images.build import Build
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Change

    Row = Sequence[Change]

HEAD: Final = ("| image | from | to | digest | why |", "| --- | --- | --- | --- | --- |")
_DIGEST: Final = len("sha256:") + 12
#: How many subjects and platforms are shown, and how many characters of each.
_SUBJECTS, _SUBJECT = 20, 120
_PLATFORMS, _PLATFORM = 12, 60
#: As many characters of a revision as tell commits apart.
_SHORT = 10
_SIZES = range(1 << 63)
#: The first images of containers: a time before that is what reproducible builds write in place of one.
_FIRST_YEAR = 2013


@dataclass(frozen=True, slots=True)
class Described:
    """What is known about the two images of a change; None if nothing is.

    `subjects` are those of the commits between their revisions, oldest first, whichever image is the newer one.
    """

    before: Build | None = None
    after: Build | None = None
    subjects: tuple[str, ...] = ()


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
    more = [f"… and {many(len(reasons) - REASONS, 'more reason')}"] if len(reasons) > REASONS else []
    cells = (
        f"{code(name_of(first))}{renamed}<br>{where}",
        code(_present(first.before)),
        code(first.after.tag or "(by digest)"),
        code(_short(first.after.digest or "")),
        "<br>".join([*reasons[:REASONS], *more]),
    )
    return f"| {' | '.join(cells)} |"


def _present(pin: Pin) -> str:
    if pin.tag or not pin.digest:
        return pin.tag or str(pin)
    return f"@{_short(pin.digest)}"


def _short(digest: str) -> str:
    """A digest, shortened; any other text stays as it is in the file."""
    return digest[:_DIGEST] if is_digest(digest) else digest


def _full(row: Row) -> Iterator[str]:
    first = row[0]
    step = f"{code(str(first.before))} → {code(str(first.after))}"
    if len(row) == 1:
        yield f"- {code(name_of(first))} in {code(first.entry.file)}: {step}"
        return
    yield f"- {code(name_of(first))}: {step}, in"
    for change in row:
        yield f"  - {code(change.entry.file)}"


def section(change: Change, described: Described) -> str:
    """A folded section of Markdown; empty if nothing is known."""
    lines = list(_lines(change, described))
    if not lines:
        return ""
    step = f"{html_code(change.before.short)} → {html_code(change.after.short)}"
    head = f"<details><summary>{html_code(name_of(change))} {step}</summary>"
    inside = "\n".join(lines).strip("\n")
    return f"\n{head}\n\n{inside}\n\n</details>"


def _lines(change: Change, described: Described) -> Iterator[str]:
    before, after, tag = described.before, described.after, change.after.tag
    if after is not None:
        now, then = _moment(after.created), _moment(before.created) if before else None
        if now:
            yield f"- built {now}" + (f", previously {then}" if then else "")
        yield from _source(change, before, after)
    yield from _subjects(change, described.subjects)
    if after is not None:
        repository, read = links.read(after.source), version.parse(tag) if tag else None
        if tag and repository is not None and read is not None and read.parts == 3:
            yield f"- [release notes of {prose(tag)}]({repository.release(tag)})"
        if after.platforms:
            gone = _gone(described)
            yield f"- platforms: {_list(after.platforms)}" + (f"; **no longer {_list(gone)}**" if gone else "")
        yield from _size(before, after)
    if command := pull_command(change.new_name or change.entry.image, change.after.digest):
        yield from ("", "```sh", command, "```")


def lost(change: Change, described: Described) -> str:
    """A warning about platforms that the new image no longer has; empty if there are none."""
    gone = _gone(described)
    if not gone:
        return ""
    return f"> - {code(name_of(change))} {code(change.after.short)} is no longer built for {_list(gone)}"


def _gone(described: Described) -> list[str]:
    before, after = described.before, described.after
    if before is None or after is None or not after.platforms:
        return []
    return sorted(set(before.platforms) - set(after.platforms))


def _moment(when: datetime | None) -> str | None:
    if when is None or not _FIRST_YEAR <= when.year < 9999:
        return None
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _source(change: Change, before: Build | None, after: Build) -> Iterator[str]:
    repository, new = links.read(after.source), links.revision(after.revision)
    old = (
        links.revision(before.revision)
        if before is not None and links.read(before.source) in (repository, None)
        else None
    )
    if repository is None:
        commit = f"commit `{new[:_SHORT]}`" if new else ""
        where = code(after.source, 200) if after.source else ""
        if commit or where:
            yield f"- source: {' of '.join(filter(None, (commit, where)))}"
    elif new is None:
        yield f"- source: [`{repository.name}`]({repository.home})"
    elif old is None or old == new:
        again = ", built again from the same commit" if old else ""
        yield f"- source: [`{new[:_SHORT]}`]({repository.commit(new)}) of `{repository.name}`{again}"
    else:
        # A forge compares from the older to the newer commit, and shows nothing the other way round.
        first, last = (new, old) if change.goes_back else (old, new)
        what = "source rolled back" if change.goes_back else "source"
        commits = f"`{first[:_SHORT]}...{last[:_SHORT]}`"
        yield f"- {what}: [{commits}]({repository.compare(first, last)}) of `{repository.name}`"


def _subjects(change: Change, subjects: Sequence[str]) -> Iterator[str]:
    shown = [text for text in (prose(subject, _SUBJECT) for subject in subjects[-_SUBJECTS:]) if text]
    if shown:
        yield f"- commits {'rolled back' if change.goes_back else 'in between'}, oldest first:"
    if len(subjects) > _SUBJECTS:
        yield f"  - … {len(subjects) - _SUBJECTS} older ones"
    for text in shown:
        yield f"  - {text}"


def _list(platforms: Sequence[str]) -> str:
    shown = ", ".join(filter(None, (code(platform, _PLATFORM) for platform in platforms[:_PLATFORMS])))
    left = len(platforms) - _PLATFORMS
    return f"{shown} and {left} more" if left > 0 else shown


def _size(before: Build | None, after: Build) -> Iterator[str]:
    if after.size is None or after.size not in _SIZES:
        return
    of = f" for {code(after.sized, _PLATFORM)}" if after.sized else ""
    was = before.size if before is not None and before.sized == after.sized else None
    if was is None or was not in _SIZES:
        yield f"- size: {_bytes(after.size)} to pull{of}"
        return
    step = after.size - was
    changed = f"{'+' if step > 0 else '-'}{_bytes(abs(step))}" if step else "the same"
    yield f"- size: {_bytes(after.size)} to pull{of}, previously {_bytes(was)} ({changed})"


def _bytes(number: int) -> str:
    """In decimal units with one decimal place, as container tools print it."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"


def pull_command(image: str, digest: str | None) -> str | None:
    """The command that pulls exactly these bytes; None if a part is not safe for a shell."""
    repository = ImageName.of(image)
    if repository is None or digest is None or not is_digest(digest):
        return None
    return f"docker pull {repository}@{digest}"
