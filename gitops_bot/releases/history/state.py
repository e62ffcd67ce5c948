"""What an overlay pinned on either side of one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.images.reference import Pin

if TYPE_CHECKING:
    from gitops_bot.releases.history.line import Step


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry as a commit had it. `pin` is None where the entry is one that the bot refuses: nobody knows then."""

    image: str | None
    pin: Pin | None


#: The entries by name; None where a file as a whole cannot be read, or there are two of one target.
State = Mapping[str, Seen] | None


def is_changed(step: Step, overlay: str) -> bool:
    """Whether a commit changed the pins of an overlay, or what stands around them.

    By directory, so that it makes no difference when `kustomization.yml` becomes `kustomization.yaml`.
    """
    return bool(_sides(step, overlay))


def before(step: Step, overlay: str) -> State:
    """The entries that a commit found in an overlay whose file it changed."""
    return _state({path: side for path, (side, _) in _sides(step, overlay).items() if side is not None})


def after(step: Step, overlay: str) -> State:
    """The entries that it left."""
    return _state({path: side for path, (_, side) in _sides(step, overlay).items() if side is not None})


def texts_before(step: Step, overlay: str) -> tuple[bytes, ...]:
    """What a commit found, as it stood in the file; nothing where there was no such file."""
    return tuple(side for side, _ in _sides(step, overlay).values() if side is not None)


def _sides(step: Step, overlay: str) -> Mapping[str, tuple[bytes | None, bytes | None]]:
    """Before and after of the files with pins in an overlay that a commit changed. One may have changed thousands."""
    directory = "" if overlay == "." else f"{overlay}/"
    paths = (directory + name for name in targets.file_names())
    return {path: step.files[path] for path in paths if path in step.files}


def _state(files: Mapping[str, bytes]) -> State:
    states = [_read(path.rpartition("/")[2], data) for path, data in files.items()]
    if len(states) == 1:
        return states[0]
    known = [state for state in states if state is not None]
    if len(known) < len(states) or len({targets.target_of(path) for path in files}) < len(states):
        return None
    return {name: seen for state in known for name, seen in state.items()}


@lru_cache(maxsize=256)  # what one commit leaves is what the next one finds, and every entry asks again
def _read(name: str, data: bytes) -> State:
    try:
        entries = targets.read(data, name).entries
    except EditError:
        return None
    return {
        entry.name: Seen(str(entry.image) if entry.image else None, None if entry.refusal else entry.pin)
        for entry in entries
    }


def agree(one: Pin, other: Pin) -> bool:
    """Whether two pins say the same as far as both say anything: `v1` and `v1@sha256:...` do, `v1` and a digest not."""
    tags = None not in (one.tag, other.tag)
    digests = None not in (one.digest, other.digest)
    if (tags and one.tag != other.tag) or (digests and one.digest != other.digest):
        return False
    return tags or digests


def joined(one: Pin, other: Pin) -> Pin:
    """What two pins that agree say together."""
    return Pin(one.tag or other.tag, one.digest or other.digest)
