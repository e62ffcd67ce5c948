"""Where the parts of an entry stand in its file, and what they become with another pin: the same for every target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, Protocol, TypeVar

from gitops_bot.errors import EditError
from gitops_bot.images.reference import DOCKER_HUB, Pin, split
from gitops_bot.targets.pin_file import pinned, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.blocks import Block
    from gitops_bot.targets.pin_file import FileEntry, PinFile

#: What a bare digest leaves out.
BARE: Final = "sha256:"


class Value(Protocol):
    """A value in a file."""

    @property
    def text(self) -> str | None:
        """What stands there."""
        ...

    @property
    def bare(self) -> bool:
        """Whether a digest is written without its `sha256:`."""
        ...


ValueT = TypeVar("ValueT", bound=Value)


class Span(Value, Protocol):
    """A value from `start` to `end` of a text."""

    @property
    def start(self) -> int:
        """Its first character."""
        ...

    @property
    def end(self) -> int:
        """The one behind its last."""
        ...


SpanT = TypeVar("SpanT", bound=Span)


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


def pin_of(tag: str | None, digest: str | None) -> tuple[Pin, Literal["tag", "digest"] | None]:
    """What a tag and a digest by themselves pin, and which of them alone has a place; None for one that has none.

    The tag may carry its digest: `1.2@sha256:...`.
    """
    name, joint, behind = (tag or "").partition("@")
    says: Literal["tag", "digest"] | None = None if tag is not None else "digest"
    if digest is None and not joint:
        says = "tag"
    return Pin(name or None, behind or digest or None), says


def texts(file: PinFile, place: Place[ValueT], assignment: Assignment) -> Iterator[tuple[ValueT, str]]:
    """The values that an assignment is about, and what they become.

    Raises:
        EditError: the entry has no place for what is wanted.
    """
    pin, name, tag, digest = pinned(place.entry, assignment.pin), assignment.new_name, place.tag, place.digest
    if why := _no_room(place, pin, name):
        what, advice = why
        raise EditError(problem(file, place.entry, f"the entry {place.entry.name!r} {what}", advice))
    if place.reference is not None:
        frame = place.frame or Frame("", split(place.reference.text or "")[0], "")
        inner = str(pin) if frame.repository is None else _joined(name or frame.repository, pin)
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


def spliced(
    file: PinFile, text: str, places: Sequence[Place[SpanT]], wanted: Mapping[int, Assignment]
) -> tuple[str, dict[SpanT, str]]:
    """The text of a file with other pins for these entries, by their places; and what each value became.

    Raises:
        EditError: an entry has no place for what is wanted.
    """
    from gitops_bot.targets.spans import Splice, apply

    changed = {
        span: new
        for index, assignment in wanted.items()
        for span, new in texts(file, places[index], assignment)
        if new != span.text
    }
    return apply(text, (Splice(span.start, span.end, new) for span, new in changed.items())), changed


def _joined(repository: str, pin: Pin) -> str:
    tag = f":{pin.tag}" if pin.tag is not None else ""
    return f"{repository}{tag}{f'@{pin.digest}' if pin.digest is not None else ''}"
