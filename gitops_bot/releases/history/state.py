"""What a file pinned on either side of one commit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.reference import Pin
from gitops_bot.targets import same_file, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.releases.history.line import Step
    from gitops_bot.targets import Target
    from gitops_bot.targets.versions import State


def is_changed(step: Step, file: str) -> bool:
    """Whether a commit changed the pins of a file, or what stands around them.

    It makes no difference when `kustomization.yml` becomes `kustomization.yaml`.
    """
    return bool(_sides(step, file))


def before(step: Step, file: str) -> State:
    """The entries that a commit found in a file that it changed."""
    return _state(step, file, 0)


def after(step: Step, file: str) -> State:
    """The entries that it left."""
    return _state(step, file, 1)


def texts_before(step: Step, file: str) -> tuple[bytes, ...]:
    """What a commit found, as it stood in the file; nothing where there was no such file."""
    return tuple(side for side, _ in _sides(step, file).values() if side is not None)


def _sides(step: Step, file: str) -> Mapping[str, tuple[bytes | None, bytes | None]]:
    """The file before and after. One commit may have changed thousands."""
    return {path: step.files[path] for path in same_file(file) if path in step.files}


def _state(step: Step, file: str, side: Literal[0, 1]) -> State:
    there = [(path, data) for path, sides in _sides(step, file).items() if (data := sides[side]) is not None]
    if len(there) != 1:
        return None if there else {}
    ((path, data),) = there
    return _read(step.targets[path], data)


@lru_cache(maxsize=256)  # what one commit leaves is what the next one finds, and every entry asks again
def _read(target: Target | None, data: bytes) -> State:
    return versions.state(target, data) if target is not None else None


def agree(pin: Pin, other: Pin) -> bool:
    """Whether two pins say the same as far as both say anything: `v1` and `v1@sha256:...` do, `v1` and a digest not."""
    tags = None not in (pin.tag, other.tag)
    digests = None not in (pin.digest, other.digest)
    if (tags and pin.tag != other.tag) or (digests and pin.digest != other.digest):
        return False
    return tags or digests


def joined(pin: Pin, other: Pin) -> Pin:
    """What two pins that agree say together."""
    return Pin(pin.tag or other.tag, pin.digest or other.digest)
