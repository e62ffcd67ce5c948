"""A file that holds pins, its entries, where their pins stand, and what an edit makes of them: for every target."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, NamedTuple, Protocol, TypeVar

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import DOCKER_HUB, ImageName, Pin, split
from gitops_bot.targets import encryption
from gitops_bot.targets.memo import Memo
from gitops_bot.targets.writing import Splice, apply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.document import Block

#: The highest `reads`: what `init` writes, and what holds without a configuration.
NEWEST_READS: Final = 2
#: What a bare digest leaves out.
BARE: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An entry as it stands in its file. All texts are as written, never typed values: `1.10` stays `1.10`.

    `line` and `column` count from 1; `refusal` says why this entry cannot be edited (the others can). `repository` is
    given where the names do not tell it. `says` is what its place has room for, where that is not everything.
    `choices`: it is a selector, not an image, and its tag is one of these. `decided_by`: another file pins this image
    and wins, so that this pin changes nothing. `unset`: the variable that holds the image or its tag, which nothing
    here sets, so that it is pinned elsewhere; refused, too. `major`: its file says that it has this major version.
    `runs_once`: it is of a Job, which gets no other image once it is there.
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
    major: str | None = None
    runs_once: bool = False

    def is_within(self, tag: str) -> bool:
        """Whether a tag may stand there: it begins with the major version that the file says."""
        return self.major is None or re.match(f"v?{re.escape(self.major)}(?![0-9])", tag) is not None

    def of_major(self, tags: Sequence[str]) -> Sequence[str]:
        """Those of these tags that may stand there."""
        return tags if self.major is None else [tag for tag in tags if self.is_within(tag)]

    @property
    def image(self) -> ImageName | None:
        """The effective repository: `repository`, else `newName`, else `name` without the tag of a matcher."""
        if self.choices:
            return None
        written = self.repository if self.repository is not None else self.new_name
        return ImageName.of(written if written is not None else split(self.name)[0])


class Value(Protocol):
    """A value in a file."""

    @property
    def text(self) -> str | None:
        """What stands there."""

    @property
    def bare(self) -> bool:
        """Whether a digest is written without its `sha256:`."""


ValueT = TypeVar("ValueT", bound=Value)


class Span(NamedTuple):
    """A value from `start` to `end` of a text; of a statement also its `key`, and the place of the value."""

    start: int
    text: str
    bare: bool = False
    key: str = ""
    line: int = 1
    column: int = 1

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


class Frame(NamedTuple):
    """What of a text stays around an image, or around a tag and a digest where the `repository` is None."""

    before: str
    repository: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Place(Generic[ValueT]):
    """An entry and where its pin stands: all of it in `reference`, or in `tag` and `digest` by themselves.

    `repository` is where a person's new name goes, where the pin stands apart from it; its host goes to `registry`,
    where there is one. A key that is missing is added behind the one in front of it, of which `name` is the first.
    `frame` is what stays of the `reference`, where that is not the repository alone. `digest_stays`: there must be one.
    `block` is the text inside of a YAML file that holds them all.
    """

    entry: FileEntry
    reference: ValueT | None = None
    name: ValueT | None = None
    registry: ValueT | None = None
    repository: ValueT | None = None
    tag: ValueT | None = None
    digest: ValueT | None = None
    frame: Frame | None = None
    digest_stays: bool = False
    block: Block | None = None

    def with_entry(self, **fields: Any) -> Place[ValueT]:
        """The same place, with these fields of its entry."""
        return replace(self, entry=replace(self.entry, **fields))


@dataclass(frozen=True, slots=True)
class PinFile(ABC):
    """A file that was read: its path, and its entries in the order of the file."""

    file: str
    entries: tuple[FileEntry, ...]

    @abstractmethod
    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with other pins for these entries, by their places; proved to differ in nothing else.

        Each pin fits the grammar of OCI, and no entry is one that is refused.

        Raises:
            EditError: a pin cannot be written without touching something else.
        """

    def type_mistakes(self) -> Iterator[tuple[int, Problem]]:
        """The values that programs read as something else than text, though they can be edited: entry and problem."""
        return iter(())


@dataclass(frozen=True, slots=True)
class TextPins(PinFile):
    """A file whose values are spans of its text. The text may hold secrets."""

    places: tuple[Place[Span], ...] = field(repr=False)
    text: str = field(repr=False, compare=False)

    def spliced(self, wanted: Mapping[int, Assignment]) -> tuple[str, dict[Span, str]]:
        """The text with other pins for these entries, by their places; and what became of each value that changes."""
        changed = {
            span: new
            for index, assignment in wanted.items()
            for span, new in texts(self, self.places[index], assignment)
            if new != span.text
        }
        return apply(self.text, (Splice(span.start, span.end, new) for span, new in changed.items())), changed


#: The files that were read last. What is known of one takes some five times its bytes.
_READ: Final = Memo["PinFile | tuple[Problem, ...]"](8 << 20)


@dataclass(frozen=True, slots=True)
class Target(ABC):
    """A kind of file that holds pins, with its settings. An immutable value: equal ones read a file alike.

    `reads` is that of the configuration: the places that a version of the bot learned later are entries from 2 on.
    """

    reads: int = field(default=1, kw_only=True)

    #: What people call such a file.
    NOUN: ClassVar[str]
    #: How such a file is called, where its name tells what it is; the first is what most people write.
    FILE_NAMES: ClassVar[tuple[str, ...]] = ()
    #: What the names of such files look like, where a name tells it. Of two that fit, the first reads it.
    NAMES: ClassVar[re.Pattern[str] | None] = None
    #: The names of further files that may be one: that a file has entries tells it.
    POSSIBLE_NAMES: ClassVar[re.Pattern[str] | None] = None
    #: The same, from `reads` 2 on.
    MORE_NAMES: ClassVar[re.Pattern[str] | None] = None
    #: Whether a directory has one such file at most, which decides what becomes of the others.
    ALONE: ClassVar[bool] = False
    #: Whether `versions` may put other pins for its own before it is read: not where certain ones are looked for.
    CUT: ClassVar[bool] = False
    #: What pins it again in a kustomization that is built from it; empty where nothing of its own does.
    PINNED_AGAIN_BY: ClassVar[str] = ""
    #: The names of other files of the directory that it takes something from: see `beside`.
    READS: ClassVar[re.Pattern[str] | None] = None

    def read(self, data: bytes, file: str) -> PinFile:
        """Read a file; `file` is its path, for messages. What was read lately is not parsed again.

        Raises:
            EditError: the file as a whole cannot be edited.
        """
        how = (self, file)
        if (known := _READ.get(how, data)) is None:
            try:
                known = _without_key(self.parse(data, file), data)
            except EditError as error:
                known = error.problems
            _READ.put(how, data, known)
        if isinstance(known, tuple):
            raise EditError(*known)
        return known

    @abstractmethod
    def parse(self, data: bytes, file: str) -> PinFile:
        r"""Parse a file; see `read`. `\0` alone stands for what git could not show: refuse it."""

    def may_read(self, name: str) -> bool:
        """Whether a file of that name may be one by its content."""
        names = (self.POSSIBLE_NAMES, self.MORE_NAMES if self.reads >= 2 else None)
        return any(pattern is not None and pattern.fullmatch(name) for pattern in names)

    def count(self, data: bytes) -> int:
        """How many entries the file has, 0 where it cannot be read. A repository may have thousands of such files.

        A target that can tell it, or that there are none, by less than reading all of it says so first.
        """
        try:
            return len(self.read(data, "").entries)
        except EditError:
            return 0

    def beside(self, files: Mapping[str, bytes]) -> Target:
        """The target with what it takes from `files`: all of the directory that were read, by their names."""
        del files
        return self


def _without_key(file: PinFile, data: bytes) -> PinFile:
    """The file, with its entries refused where SOPS would refuse to decrypt it after an edit of them."""
    mac = encryption.covering_mac(data, file.file) if file.entries else None
    if mac is None:
        return file
    return replace(
        file,
        entries=tuple(
            replace(entry, refusal=encryption.refusal(file.file, mac, entry.line, entry.column))
            for entry in file.entries
        ),
    )


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
        elif unfit := _unfit(entry, assignment):
            problems.append(problem(file, entry, *unfit))
        elif wanted.setdefault(index, assignment) != assignment:
            problems.append(problem(file, entry, f"two different edits of the entry {name!r}", "Ask for one of them."))
    if problems:
        raise EditError(*problems)
    return file.with_pins(wanted)


def pin_after(entry: FileEntry, pin: Pin) -> Pin:
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


def is_short(image: str, entry: FileEntry) -> bool:
    """Whether a text is the last part of an entry's name or repository: `web` or `shop/web` of `ghcr.io/shop/web`."""
    return not entry.choices and any(name.endswith(f"/{image}") for name in (entry.name, str(entry.image or "")))


def problem(file: PinFile, entry: FileEntry, message: str, advice: str) -> Problem:
    """A problem with one entry, where it stands."""
    return Problem("failed.edit", message, advice, file.file, entry.line, entry.column)


def _unfit(entry: FileEntry, assignment: Assignment) -> tuple[str, str] | None:
    """What of it is outside the OCI grammar, or no choice of a selector; and what to do about that."""
    tag, digest = assignment.pin.tag, assignment.pin.digest
    if malformed := assignment.pin.malformed:
        return malformed
    if assignment.new_name is not None:
        try:
            ImageName.parse(assignment.new_name)
        except ValueError as error:
            return str(error), "Write it as in ghcr.io/acme/web, without a tag."
    if entry.choices and (tag not in entry.choices or digest is not None or assignment.new_name is not None):
        return f"{str(assignment.pin)[:300]} is not one of the slots", f"Give {' or '.join(entry.choices)}."
    if tag is not None and not entry.is_within(tag):
        return f"{tag[:100]} is not of major version {entry.major}", "Change the `major` beside it, by hand."
    return None


def pin_of(tag: str | None, digest: str | None) -> tuple[Pin, Literal["tag", "digest"] | None]:
    """What a tag and a digest by themselves pin, and which of them alone has a place; None for one that has none.

    The tag may carry its digest: `1.2@sha256:...`.
    """
    name, joint, behind = (tag or "").partition("@")
    says: Literal["tag", "digest"] | None = "tag" if digest is None and not joint else "digest" if tag is None else None
    return Pin(name or None, behind or digest or None), says


def texts(file: PinFile, place: Place[ValueT], assignment: Assignment) -> Iterator[tuple[ValueT, str]]:
    """The values that an assignment is about, and what they become.

    Raises:
        EditError: the entry has no place for what is wanted.
    """
    pin, name, tag, digest = pin_after(place.entry, assignment.pin), assignment.new_name, place.tag, place.digest
    if why := _no_room(place, pin, name):
        what, advice = why
        raise EditError(problem(file, place.entry, f"the entry {place.entry.name!r} {what}", advice))
    if place.reference is not None:
        frame = place.frame or Frame("", split(place.reference.text or "")[0], "")
        inner = str(pin) if frame.repository is None else _join(name or frame.repository, pin)
        yield place.reference, frame.before + inner + frame.after
        return
    if name is not None and place.registry is not None:
        host, slash, path = name.partition("/")
        has_host = slash != "" and ("." in host or ":" in host or host == "localhost")
        yield place.registry, host if has_host else DOCKER_HUB
        name = path if has_host else name
    if name is not None and place.repository is not None:
        yield place.repository, name
    if tag is not None and "@" in (tag.text or ""):
        yield tag, str(pin)
        return
    if pin.tag is not None and tag is not None:
        yield tag, pin.tag
    if digest is not None:
        yield digest, (pin.digest or "").removeprefix(BARE if digest.bare else "")


def _no_room(place: Place[ValueT], pin: Pin, name: str | None) -> tuple[str, str] | None:
    """What of a pin and a new name an entry has no place for, and what to do about it."""
    nameless = place.repository is None if place.reference is None else place.frame and place.frame.repository is None
    if name is not None and nameless:
        return "has no place for a new name", "Change the repository by hand."
    if place.reference is not None or (place.tag is not None and "@" in (place.tag.text or "")):
        return None
    if pin.tag is not None and place.tag is None:
        return "has no place for a tag", "Give a digest alone, or add a place for the tag."
    if pin.digest is None:
        advice = "Give it too, as in v1.4.2@sha256:..."
        return ("has a digest, which a tag alone would leave empty", advice) if place.digest_stays else None
    if place.digest is None:
        return "has no place for a digest", "Give a tag alone, or add a place for the digest."
    if place.digest.bare and not pin.digest.startswith(BARE):
        return "has no place for such a digest", "Give one that begins with `sha256:`."
    return None


def _join(repository: str, pin: Pin) -> str:
    tag = f":{pin.tag}" if pin.tag is not None else ""
    return f"{repository}{tag}{f'@{pin.digest}' if pin.digest is not None else ''}"
