"""A file that holds pins, its entries, and what may be asked of them: the same for every target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import ImageName, Pin, is_digest, is_tag, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment

TAG_ADVICE = "A tag has letters, digits, `_`, `.` and `-`, at most 128 of them."
DIGEST_ADVICE = "A digest is `sha256:` and 64 lower-case hexadecimal digits."


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An entry as it stands in its file. All texts are as written, never typed values: `1.10` stays `1.10`.

    `line` and `column` count from 1; `refusal` says why this entry cannot be edited (the others can). `repository` is
    given where the `name` does not tell it. `says` is what its place has room for, where that is not everything.
    `choices`: it is a selector, not an image, and its tag is one of these. `decided_by`: another file pins this image
    and wins, so that this pin changes nothing. `unset`: the variable that holds the image or its tag, which nothing
    here sets, so that it is pinned elsewhere; refused, too.
    """

    name: str
    new_name: str | None
    pin: Pin
    line: int
    column: int
    refusal: Problem | None
    repository: str | None = None
    says: Literal["tag", "digest"] | None = None
    choices: tuple[str, ...] = ()
    decided_by: str | None = None
    unset: str | None = None

    @property
    def image(self) -> ImageName | None:
        """The effective repository: `newName`, else `repository`, else `name` without the tag of a matcher."""
        if self.choices:
            return None
        written = self.new_name if self.new_name is not None else self.repository
        return ImageName.of(written if written is not None else split(self.name)[0])


class PinFile(Protocol):
    """A file that was read."""

    @property
    def file(self) -> str:
        """Its path."""
        ...

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Its entries, in the order of the file."""
        ...

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with other pins for these entries, by their places; proved to differ in nothing else.

        Each pin fits the grammar of OCI, and no entry is one that is refused.

        Raises:
            EditError: a pin cannot be written without touching something else.
        """
        ...

    def mistyped(self, index: int) -> Iterator[Problem]:
        """The values of an entry that programs read as something else than text, though they can be edited."""
        ...


class Target(Protocol):
    """A kind of file that holds pins, with its settings. An immutable value: equal ones read a file alike."""

    @property
    def NOUN(self) -> str:  # noqa: N802 - a class has it as a constant
        """What people call such a file."""
        ...

    @property
    def FILE_NAMES(self) -> tuple[str, ...]:  # noqa: N802
        """How such a file is called, where its name tells what it is; the first is what most people write."""
        ...

    @property
    def ALONE(self) -> bool:  # noqa: N802
        """Whether a directory has one such file at most, which decides what becomes of the others."""
        ...

    def __hash__(self) -> int:
        """Of its settings."""
        ...

    def known_by(self, name: str) -> Literal["name", "content"] | None:
        """What tells that a file of this name is one: its name, its content (it has entries), or only a setting."""
        ...

    def read(self, data: bytes, file: str) -> PinFile:
        r"""Read a file; `file` is its path, for messages.

        Raises:
            EditError: the file as a whole cannot be edited. `\0` alone stands for what git could not show: refuse it.
        """
        ...

    def count(self, data: bytes) -> int:
        """How many entries the file has, 0 where it cannot be read. A repository may have thousands of such files."""
        ...


def edit(file: PinFile, assignments: Sequence[Assignment]) -> bytes:
    """The bytes of the file with these pins for the entries of these names. All of them or none.

    A tag without a digest removes a stale digest, a digest without a tag keeps the tag; `new_name` sets `newName`. What
    is there already changes no byte. A comment on the line of a removed digest goes with the line.

    Raises:
        EditError: a name is of no entry, or of one that is refused; a tag, digest or name outside the OCI grammar; two
            pins for one entry; a result that could not be proved to differ in nothing else.
    """
    wanted: dict[int, Assignment] = {}
    problems: list[Problem] = []
    places = {entry.name: index for index, entry in enumerate(file.entries)}
    for assignment in assignments:
        name = assignment.image
        index = places.get(name)
        if index is None:
            problems.append(Problem("failed.edit", f"there is no entry {name!r}", "Look at its `name`.", file.file))
            continue
        entry = file.entries[index]
        if entry.refusal is not None:
            problems.append(entry.refusal)
        elif unfit := _unfit(assignment) or _no_choice(entry, assignment):
            problems.append(problem(file, entry, *unfit))
        elif wanted.setdefault(index, assignment) != assignment:
            problems.append(problem(file, entry, f"two different edits of the entry {name!r}", "Ask for one of them."))
    if problems:
        raise EditError(*problems)
    return file.edited(wanted)


def pinned(entry: FileEntry, pin: Pin) -> Pin:
    """What `entry` pins once it is given `pin`."""
    return pin if pin.tag is not None else Pin(entry.pin.tag, pin.digest or entry.pin.digest)


def matching(entries: Sequence[FileEntry], image: str) -> tuple[int, ...]:
    """The places of the entries of one file that a person means by `image`.

    Those whose `name` is exactly that, else those whose repository it is: two tags of one repository are told apart
    by name, and one pin is never put into both by accident.
    """
    if by_name := tuple(index for index, entry in enumerate(entries) if entry.name == image):
        return by_name
    repository = ImageName.of(image)
    return tuple(index for index, entry in enumerate(entries) if entry.image == repository) if repository else ()


def problem(file: PinFile, entry: FileEntry, message: str, advice: str) -> Problem:
    """A problem with one entry, where it stands."""
    return Problem("failed.edit", message, advice, file.file, entry.line, entry.column)


def _no_choice(entry: FileEntry, assignment: Assignment) -> tuple[str, str] | None:
    """Why a selector cannot say what is asked."""
    pin = assignment.pin
    if not entry.choices or (pin.tag in entry.choices and pin.digest is None and assignment.new_name is None):
        return None
    return f"{str(pin)[:300]} is not one of the slots", f"Give {' or '.join(entry.choices)}."


def _unfit(assignment: Assignment) -> tuple[str, str] | None:
    """What of it is outside the OCI grammar, and what to do about that."""
    tag, digest = assignment.pin.tag, assignment.pin.digest
    if tag is not None and not is_tag(tag):
        return f"{tag[:300]!r} is not a tag", TAG_ADVICE
    if digest is not None and not is_digest(digest):
        return f"{digest[:300]!r} is not a digest", DIGEST_ADVICE
    if assignment.new_name is not None:
        try:
            ImageName.parse(assignment.new_name)
        except ValueError as error:
            return str(error), "Write it as in ghcr.io/acme/web, without a tag."
    return None
