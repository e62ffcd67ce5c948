"""What the versions of a file pin, where most of them differ in nothing but tags and digests.

The values of `newTag`, `tag` and `digest` are cut out of the text, and what is left is read once by the file's target,
with other values in these places; each further version only puts its own there. That is the same as reading each
version in full, because such a value ends its line, holds no character that means anything to YAML, and is a string to
every parser. Whatever is written in another way stands in the text that is left, so another value of it is another text
to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from gitops_bot.errors import EditError, bugs_as
from gitops_bot.images.reference import Pin
from gitops_bot.targets.writing import is_plain_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.targets.pin_file import Target

#: Bytes of a file whose values are cut out; larger ones are read in full.
_LIMIT: Final = 64 * 1024
_TAG, _DIGEST = rb"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", rb"sha256:[0-9a-f]{64}"
_VALUE: Final = re.compile(
    rb"^[ \t]*(?:-[ \t]+)*(?:"
    rb"(?:newTag|tag):[ \t]+(?P<quote>[\"']?)(?P<tag>%(tag)s)(?:@(?P<joined>%(digest)s))?[\"']?"
    rb"|digest:[ \t]+[\"']?(?P<digest>%(digest)s)[\"']?"
    rb")(?=(?:[ \t]+#[^\n]*|[ \t]*)\r?(?:\n|\Z))" % {b"tag": _TAG, b"digest": _DIGEST},
    re.MULTILINE,
)
#: What stands for the values where the rest is read, and in no file; the number of the value follows.
_TAG_MARK, _DIGEST_MARK = "masked-7c1fd3-", "sha256:" + "7c1fd3" * 8
_MARK: Final = b"7c1fd3"
#: The place of a value in the text that is left, and a byte that no YAML holds.
_TAG_PLACE, _DIGEST_PLACE, _PLACE = b"\0t", b"\0d", b"\0"
_PLACES: Final = (("tag", _TAG_PLACE), ("joined", _DIGEST_PLACE), ("digest", _DIGEST_PLACE))


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry as a version had it. `pin` is None where the entry is one that the bot refuses: nobody knows then."""

    image: str | None
    pin: Pin | None


#: The entries of a file by name; None where it cannot be read as a whole, or there are two of one target.
State: TypeAlias = Mapping[str, Seen] | None


class _Pinned(NamedTuple):
    """An entry of the text that is left; `tag` and `digest` are texts, or the numbers of the values that they are."""

    image: str | None
    tag: str | int | None
    digest: str | int | None


class _Form(NamedTuple):
    """What all versions with one text have in common: its entries, and which values make whole pins."""

    entries: Mapping[str, _Pinned | Seen]
    values: frozenset[int]


def state(target: Target, data: bytes) -> State:
    """The entries of a version; `target` reads it."""
    rest, values = _cut(data) if target.CUT else (data, ())
    form = _form(target, rest) if values else None
    if form is None:
        return _read(target, data)
    texts = [value.decode("ascii") for value in values]

    def text(part: str | int | None) -> str | None:
        return texts[part] if isinstance(part, int) else part

    return {
        name: entry if isinstance(entry, Seen) else Seen(entry.image, Pin(text(entry.tag), text(entry.digest)))
        for name, entry in form.entries.items()
    }


def only_pins(target: Target, before: bytes, after: bytes) -> bool:
    """Whether two versions certainly differ in nothing but pins that an edit could have changed.

    False where it takes a full reading to tell.
    """
    if not target.CUT:
        return False
    (rest, old), (other, new) = _cut(before), _cut(after)
    form = _form(target, rest) if rest == other and old != new else None
    return form is not None and all(
        number in form.values for number, (was, now) in enumerate(zip(old, new, strict=True)) if was != now
    )


@lru_cache(maxsize=256)  # each version is read, and then compared with both of its neighbours
def _cut(data: bytes) -> tuple[bytes, Sequence[bytes]]:
    """The text without the values, and the values; none where it has to be read in full."""
    if len(data) > _LIMIT or _PLACE in data or _MARK in data:
        return data, ()
    parts: list[bytes] = []
    values: list[bytes] = []
    at = 0
    for match in _VALUE.finditer(data):
        quote, tag, joined, _ = match.groups()
        if tag is not None and not _is_text(tag, plain=not (quote or joined)):
            continue
        for name, place in _PLACES:
            start, end = match.span(name)
            if start >= 0:
                parts += data[at:start], place
                values.append(data[start:end])
                at = end
    return b"".join((*parts, data[at:])), values


@lru_cache(maxsize=4096)
def _is_text(tag: bytes, *, plain: bool) -> bool:
    """Whether a tag is a string to every parser, also without quotes, and nothing that a template fills in."""
    return b"__" not in tag and (not plain or is_plain_string(tag.decode("ascii")))


@lru_cache(maxsize=2048)
def _form(target: Target, rest: bytes) -> _Form | None:
    """What all versions with this text have in common; None where a value is more than the pin of one entry."""
    first, *parts = rest.split(_PLACE)
    text = [first]
    numbers: dict[str, int] = {}
    for part in parts:
        is_tag = _PLACE + part[:1] == _TAG_PLACE
        mark = f"{_TAG_MARK}{len(numbers)}" if is_tag else f"{_DIGEST_MARK}{len(numbers):016x}"
        numbers[mark] = len(numbers)
        text += mark.encode("ascii"), part[1:]
    known = _read(target, b"".join(text))
    if known is None:
        return None
    entries: dict[str, _Pinned | Seen] = {}
    used: list[int] = []
    editable: set[int] = set()
    for name, seen in known.items():
        pin = seen.pin or Pin()
        tag, digest = (numbers.get(part or "", part) for part in (pin.tag, pin.digest))
        texts = [part for part in (name, seen.image, tag, digest) if isinstance(part, str)]
        if any(_TAG_MARK in part or _DIGEST_MARK in part for part in texts):
            return None
        pins = [part for part in (tag, digest) if isinstance(part, int)]
        entries[name] = _Pinned(seen.image, tag, digest) if pins else seen
        used += pins
        if not isinstance(tag, str) and not isinstance(digest, str):
            editable.update(pins)
    return _Form(entries, frozenset(editable)) if len(used) == len({*used}) else None


def _read(target: Target, data: bytes) -> State:
    try:
        with bugs_as(EditError):  # the version that counts is read elsewhere, where a bug is told
            entries = target.read(data, "").entries
    except EditError:
        return None
    return {
        entry.name: Seen(str(entry.image) if entry.image else None, None if entry.refusal else entry.pin)
        for entry in entries
    }
