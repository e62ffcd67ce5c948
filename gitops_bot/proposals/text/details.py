"""What reviewers want to read of the changes before they merge: a table, and of each what its images say.

The table has one row for equal changes; a folded list has what it shortens. What comes from images is never obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from gitops_bot.images import version
from gitops_bot.images.reason import counted
from gitops_bot.images.reference import ImageName, is_digest
from gitops_bot.proposals.text.markdown import code, enclose, git_revision, html_code, plain, prose, source_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.build import Build
    from gitops_bot.releases.decisions import Change

    #: Changes that differ only in their file.
    Row = Sequence[Change]

HEAD: Final = ("| image | from → to | digest | why |", "| --- | --- | --- | --- |")
#: How many reasons of equal changes are shown.
REASONS: Final = 3
_DIGEST: Final = len("sha256:") + 12
#: The most characters of the reasons.
_BECAUSE = 500
#: How many subjects and platforms are shown, and how many characters of each.
_SUBJECTS, _SUBJECT = 20, 120
_PLATFORMS, _PLATFORM = 12, 60
#: As many characters of a revision as tell commits apart.
_SHORT = 10
_SIZES = range(1 << 63)
#: The first images of containers: a time before that is what reproducible builds write in place of one.
_FIRST_YEAR = 2013


@dataclass(frozen=True, slots=True)
class DescribedChange:
    """What is known about the two images of a change; None if nothing is.

    `subjects` are those of the commits between their revisions, oldest first, whichever image is the newer one;
    `unread`: the forge did not give them this time, although it may have them.
    """

    before: Build | None = None
    after: Build | None = None
    subjects: tuple[str, ...] = ()
    unread: bool = False

    @property
    def lost_platforms(self) -> list[str]:
        """The platforms that the new image no longer has; none where one of both does not say."""
        before, after = self.before, self.after
        if before is None or after is None or not after.platforms:
            return []
        return sorted(set(before.platforms) - set(after.platforms))


def alike(changes: Sequence[Change]) -> list[Row]:
    """The changes, grouped if they differ only in their file, in the order of the first of each group."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        key = (change.entry.name, change.entry.image, change.before, change.after, change.new_name)
        groups.setdefault(key, []).append(change)
    return list(groups.values())


def name_of(change: Change) -> str:
    """What people call the entry: its repository, unless its name says something else."""
    # Several entries may have one image: then only the name tells them apart.
    return change.entry.image if change.entry.image.endswith(change.entry.name) else change.entry.name


def is_rollback(changes: Sequence[Change]) -> bool:
    """Whether all of it goes back to an earlier release."""
    return all(change.source == "rollback" for change in changes)


def because(changes: Sequence[Change]) -> str | None:
    """The reasons of people for the changes, or the checks that failed, on one line; None if there are none."""
    return plain("; ".join(dict.fromkeys(change.because for change in changes if change.because)), _BECAUSE) or None


def row_of_table(row: Row, described: DescribedChange | None = None) -> str:
    """Image, from and to (linked to the commits in between, where they are known), digest and why."""
    first, before = row[0], row[0].before
    renamed = f" → {code(first.new_name)}" if first.new_name else ""
    where = code(first.entry.file) if len(row) == 1 else f"in {len(row)} overlays"
    reasons = list(dict.fromkeys(prose(change.reason.text) for change in row))
    more = [f"… and {counted(len(reasons) - REASONS, 'more reason')}"] if len(reasons) > REASONS else []
    was = code(before.tag or (f"@{_short(before.digest)}" if before.digest else str(before)))
    step = f"{was} → {code(first.after.tag or '(by digest)')}"
    compared = _comparison(first, described.before, described.after) if described and described.after else None
    cells = (
        f"{code(name_of(first))}{renamed}<br>{where}",
        f"[{step}]({compared[1]})" if compared is not None else step,
        code(_short(first.after.digest or "")),
        "<br>".join([*reasons[:REASONS], *more]),
    )
    return f"| {' | '.join(cells)} |"


def _short(digest: str) -> str:
    return digest[:_DIGEST] if is_digest(digest) else digest


def in_full(rows: Sequence[Row], room: int) -> list[str]:
    """What the table shortens, in a folded list; empty if it shortens nothing."""
    lines = []
    for row in rows:
        first = row[0]
        step = f"{code(str(first.before))} → {code(str(first.after))}"
        if len(row) > 1:
            lines += [f"- {code(name_of(first))}: {step}, in", *(f"  - {code(change.entry.file)}" for change in row)]
        elif first.before.digest or first.after.digest:
            lines.append(f"- {code(name_of(first))} in {code(first.entry.file)}: {step}")
    head, foot = ["", "<details><summary>Files and full digests</summary>", ""], ["", "</details>"]
    return enclose(head, lines, room, lambda left: f"- … and {counted(left, 'more line')}: see the commit", foot)


def lost_platforms(change: Change, described: DescribedChange) -> str:
    """A warning about platforms that the new image no longer has; empty if there are none."""
    if not (gone := described.lost_platforms):
        return ""
    return f"> - {code(name_of(change))} {code(change.after.short)} is no longer built for {_list(gone)}"


def section(change: Change, described: DescribedChange) -> str:
    """A folded section of Markdown; empty if nothing is known."""
    after, tag = described.after, change.after.tag
    lines: list[str] = []
    if after is not None:
        now, then = (_moment(build) for build in (after, described.before))
        if now:
            lines.append(f"- built {now}" + (f", previously {then}" if then else ""))
        lines.append(_source(change, described.before, after))
    subjects = described.subjects
    shown = [text for text in (prose(subject, _SUBJECT) for subject in subjects[-_SUBJECTS:]) if text]
    if shown:
        lines.append(f"- commits {'rolled back' if change.goes_back else 'in between'}, oldest first:")
    if len(subjects) > _SUBJECTS:
        lines.append(f"  - … {counted(len(subjects) - _SUBJECTS, 'older commit')}")
    lines += [f"  - {text}" for text in shown]
    if after is not None:
        repository, read = source_repository(after.source), version.parse(tag) if tag else None
        if tag and repository is not None and read is not None and read.parts == 3:
            lines.append(f"- [release notes of {prose(tag)}]({repository.release(tag)})")
        if after.platforms:
            gone = described.lost_platforms
            lines.append(f"- platforms: {_list(after.platforms)}" + (f"; **no longer {_list(gone)}**" if gone else ""))
        lines.append(_size(described.before, after))
    inside = [line for line in lines if line]
    if command := pull_command(change.new_name or change.entry.image, change.after.digest):
        inside += [*([""] if inside else []), "```sh", command, "```"]
    if not inside:
        return ""
    step = f"{html_code(change.before.short)} → {html_code(change.after.short)}"
    head = f"<details><summary>{html_code(name_of(change))} {step}</summary>"
    return "\n".join(["", head, "", *inside, "", "</details>"])


def _moment(build: Build | None) -> str | None:
    when = build.created if build is not None else None
    if when is None or not _FIRST_YEAR <= when.year < 9999:
        return None
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _commits(before: Build | None, after: Build) -> tuple[str | None, str | None]:
    """The commits of both images; that of the old one only if it is of the same source."""
    if before is None or source_repository(before.source) not in (source_repository(after.source), None):
        return None, git_revision(after.revision)
    return git_revision(before.revision), git_revision(after.revision)


def _comparison(change: Change, before: Build | None, after: Build) -> tuple[str, str] | None:
    """The commits between both images, as a forge names them, and their page; None where that is not known."""
    repository, (old, new) = source_repository(after.source), _commits(before, after)
    if repository is None or old is None or new is None or old == new:
        return None
    # A forge compares from the older to the newer commit, and shows nothing the other way round.
    first, last = (new, old) if change.goes_back else (old, new)
    return f"`{first[:_SHORT]}...{last[:_SHORT]}`", repository.compare(first, last)


def _source(change: Change, before: Build | None, after: Build) -> str:
    repository, (old, new) = source_repository(after.source), _commits(before, after)
    if repository is None:
        commit = f"commit `{new[:_SHORT]}`" if new else ""
        where = code(after.source, 200) if after.source else ""
        return f"- source: {' of '.join(filter(None, (commit, where)))}" if commit or where else ""
    if new is None:
        return f"- source: [`{repository.name}`]({repository.home})"
    if (compared := _comparison(change, before, after)) is not None:
        what = "source rolled back" if change.goes_back else "source"
        return f"- {what}: [{compared[0]}]({compared[1]}) of `{repository.name}`"
    again = ", built again from the same commit" if old else ""
    return f"- source: [`{new[:_SHORT]}`]({repository.commit(new)}) of `{repository.name}`{again}"


def _list(platforms: Sequence[str]) -> str:
    shown = ", ".join(filter(None, (code(platform, _PLATFORM) for platform in platforms[:_PLATFORMS])))
    left = len(platforms) - _PLATFORMS
    return f"{shown} and {left} more" if left > 0 else shown


def _size(before: Build | None, after: Build) -> str:
    if after.size is None or after.size not in _SIZES:
        return ""
    of = f" for {code(after.sized, _PLATFORM)}" if after.sized else ""
    if before is None or before.size is None or before.size not in _SIZES or before.sized != after.sized:
        return f"- size: {_pulled(after)} to pull{of}"
    step = after.size - before.size
    changed = f"{'+' if step > 0 else '-'}{_bytes(abs(step))}" if step else "the same"
    return f"- size: {_pulled(after)} to pull{of}, previously {_pulled(before)} ({changed})"


def _pulled(build: Build) -> str:
    layers = [counted(build.layers, "layer")] if build.layers is not None else []
    return ", ".join([*layers, _bytes(build.size or 0)])


def _bytes(number: int) -> str:
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
