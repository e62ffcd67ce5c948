"""`gitops-bot edit PATH IMAGE=PIN...`: edit a file on disk, byte-exact; no git, no network."""

from __future__ import annotations

import posixpath
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from gitops_bot import targets
from gitops_bot.errors import EditError, Problem, UsageError
from gitops_bot.images.reason import Reason, shortlist
from gitops_bot.releases.choice.choose import direction
from gitops_bot.releases.decisions import Change, Managed
from gitops_bot.results.checkout import Edited
from gitops_bot.results.result import Head, Result
from gitops_bot.targets import pin_file
from gitops_bot.targets.pin_file import NEWEST_READS, matching, pin_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.pin_file import FileEntry, PinFile


#: Entries that a message names.
_SHOWN: Final = 10


class Disk(Protocol):
    """The files that the command edits, as `edges.disk` has them; an EditError says why one cannot be used."""

    def pin_files(self, path: str) -> Sequence[str]:
        """The files that `path` may mean: itself, or those in that directory that hold pins."""

    def beside(self, file: str) -> Mapping[str, bytes]:
        """Other files with pins in its directory, by their names."""

    def read(self, file: str) -> bytes:
        """The bytes of a file."""

    def replace(self, file: str, *, before: bytes, after: bytes) -> None:
        """Put `after` in the place of `before` in one step, if that is still there; mode and owner stay."""


def edit(disk: Disk, path: str, assignments: Sequence[Assignment], *, dry_run: bool = False) -> Result[Edited]:
    """Pin these images in the file at `path`, or in the one that holds pins in a directory. All pins or none.

    A tag alone removes a stale digest, a digest alone keeps the tag. Nothing is written where nothing changes.

    Raises:
        EditError: the file or an entry cannot be edited, or some IMAGE matches no entry; nothing was written.
        UsageError: no IMAGE matches an entry, or two assignments ask for different pins of one.
    """
    file, before, present = _choose_file(disk, path, assignments)
    asked = _match(present, assignments, _elsewhere(disk, file, before))
    after = pin_file.edit(present, [assignment for _, assignment in asked])
    changes = tuple(change for entry, assignment in asked if (change := _change(file, entry, assignment)))
    if after != before and not dry_run:
        disk.replace(file, before=before, after=after)
    return Result(Head(), Edited(file, changes, len(asked) - len(changes), before, after))


def _choose_file(disk: Disk, path: str, assignments: Sequence[Assignment]) -> tuple[str, bytes, PinFile]:
    """The file to edit; in a directory with several, the only one that has one of the entries."""
    read = [(file, disk.read(file)) for file in disk.pin_files(path)]
    for reads in range(1, NEWEST_READS + 1):  # what has more entries may give one name to several
        try:
            files = [(file, data, targets.read(data, file, disk.beside(file), reads)) for file, data in read]
        except EditError:
            if reads == NEWEST_READS:
                raise
            continue
        meant = [its for its in files if any(matching(its[2].entries, assignment.image) for assignment in assignments)]
        if meant or reads == NEWEST_READS:
            break
    if len(meant) == 1 or len(files) == 1:
        return (meant or files)[0]
    names = " and ".join(posixpath.basename(file) for file, _, _ in meant or files)
    if meant:
        message, advice = f"the directory has {names}, and each of them has such an entry", "Name the file."
    else:
        entries = [
            f"{posixpath.basename(file)}: {entry.name}" for file, _, present in files for entry in present.entries
        ]
        message = f"the directory has {names}, and none of them has such an entry"
        advice = f"They have: {shortlist(entries, _SHOWN)}." if entries else "They have no entries: name another file."
    raise (EditError if meant else UsageError)(Problem("failed.usage", message, advice, path))


def _elsewhere(disk: Disk, file: str, data: bytes) -> list[str]:
    """What the files beside it have, as `.env: WEB_TAG`: a variable there may decide what this file says."""
    files = {**disk.beside(file), posixpath.basename(file): data}
    names: list[str] = []
    for name, other in files.items():
        if name != posixpath.basename(file):
            with suppress(EditError):
                names += [f"{name}: {entry.name}" for entry in targets.read(other, name, files).entries]
    return names


def _match(
    present: PinFile, assignments: Sequence[Assignment], elsewhere: Sequence[str]
) -> list[tuple[FileEntry, Assignment]]:
    """The entries that the assignments mean, in the order of the file; `elsewhere` are entries of other files."""
    asked: dict[int, Assignment] = {}
    problems: list[Problem] = []
    for assignment in assignments:
        meant = matching(present.entries, assignment.image)
        if not meant:
            problems.append(_matches_nothing(present, assignment.image, elsewhere))
        for index in meant:
            own = replace(assignment, image=present.entries[index].name)
            if asked.setdefault(index, own) != own:
                entry = present.entries[index]
                message = f"two arguments set different pins for the entry {entry.name!r}"
                where = (present.file, entry.line, entry.column)
                raise UsageError(Problem("failed.usage", message, "Keep one of them.", *where))
    # Each where it stands: the editor knows entries by their names, and of two with one name only the last.
    problems += [refusal for index in sorted(asked) if (refusal := present.entries[index].refusal)]
    if problems:
        raise (EditError if asked else UsageError)(*problems)
    return [(present.entries[index], asked[index]) for index in sorted(asked)]


def _matches_nothing(present: PinFile, image: str, elsewhere: Sequence[str]) -> Problem:
    names = ", ".join(entry.name for entry in present.entries[:_SHOWN] if entry.name)
    more = f" and {len(present.entries) - _SHOWN} more" if len(present.entries) > _SHOWN else ""
    advice = f"It has: {names}{more}." if names else "It has no entries: pin the image in it first."
    if elsewhere:
        advice = f"{advice} Files beside it have {', '.join(elsewhere[:_SHOWN])}: edit the one that is meant."
    return Problem("failed.usage", f"no entry has the name {image!r} or that repository", advice, present.file)


def _change(file: str, entry: FileEntry, assignment: Assignment) -> Change | None:
    after = pin_after(entry, assignment.pin)
    new_name = assignment.new_name if assignment.new_name != entry.new_name else None
    if after == entry.pin and new_name is None:
        return None
    edited = Managed(entry, file, posixpath.dirname(file) or ".", None)
    reason = Reason("set", "given on the command line")
    return Change(edited, after, "set", direction(entry.pin, after, None), reason, new_name)
