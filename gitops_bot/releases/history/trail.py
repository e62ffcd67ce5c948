"""What one entry pinned, from commit to commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gitops_bot.images.reference import Pin
from gitops_bot.releases.history.line import agree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.targets.versions import Seen, State

#: How many of the commits that touch an overlay tell what the environment left.
DEPTH: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """The time for which an entry had a pin.

    `arrived` is the commit that brought it, None if it is older than the known history; `left` the one that replaced
    it, None if none did. `ahead` is how many pins the entry has had since, `number` that of the release that brought
    it, if somebody looked it up.
    """

    entry: Managed
    pin: Pin
    arrived: Step | None = None
    left: Step | None = None
    ahead: int = 0
    number: int | None = None

    @property
    def environment(self) -> str:
        """Where it runs or ran."""
        return self.entry.environment or "the source"


def enough(line: Line, overlay: str) -> bool:
    """Whether all of an overlay's history that counts is known."""
    return line.complete or len(line.touching(overlay)) >= DEPTH


def stays(line: Line, entry: Managed) -> tuple[Run, ...]:
    """The pins of an entry, oldest first, each for as long as nothing contradicted it.

    A digest that was added to the tag is part of the pin. When the entry was gone, empty or unreadable does not count.
    """
    stays: list[Run] = []
    for step, pin in reversed(list(_pins(line.touching(entry.overlay)[:DEPTH], entry))):
        if pin is None:
            continue
        if stays and agree(stays[-1].pin, pin):
            known = stays[-1].pin
            stays[-1] = replace(stays[-1], pin=Pin(known.tag or pin.tag, known.digest or pin.digest))
            continue
        if stays:
            stays[-1] = replace(stays[-1], left=step)
        stays.append(Run(entry, pin, step))
    return tuple(stays)


def runs(line: Line, entry: Managed, depth: int | None = DEPTH) -> Iterator[Run]:
    """The pins of an entry, the newest first, each for as long as the entry certainly had it, without a gap.

    Of the last `depth` commits that touch its overlay; None for all that are known.
    """
    run: Run | None = None
    left: Step | None = None
    ahead = 0
    for step, pin in _pins(line.touching(entry.overlay)[:depth], entry):
        if run is not None and pin is not None and _has(pin, run.pin):
            run = replace(run, arrived=step)
        else:
            if run is not None:
                yield run
                ahead += 1
            run = Run(entry, pin, step, left, ahead) if pin is not None else None
        left = step
    if run is not None:
        yield run


def last(runs: Iterable[Run]) -> Run:
    """Of the pins of several overlays, the one that arrived last, or nobody knows when."""
    return max(runs, key=lambda run: (run.arrived is None, run.arrived.at.timestamp() if run.arrived else 0))


def arrival(line: Line, entry: Managed, pin: Pin) -> Step | None:
    """The commit that brought the present pin of an entry; None if it is older than the known history.

    If the pin has a digest, the arrival of that counts: nobody recorded what the tag meant before. Unless a file
    shows that the pin was there, it was not: in doubt it came later.
    """
    for step in line.touching(entry.overlay):
        if not step.sides(entry.file):
            continue
        if not step.may_hold(entry.file, [pin.digest or pin.tag or ""]):
            return step
        seen = (step.before(entry.file) or {}).get(entry.name)
        if seen is None or seen.pin is None or not _has(seen.pin, pin):
            return step
    return None


def _has(before: Pin, pin: Pin) -> bool:
    return before.digest == pin.digest if pin.digest is not None else before.tag == pin.tag


def _pins(steps: Sequence[Step], entry: Managed) -> Iterator[tuple[Step | None, Pin | None]]:
    """The pin after each commit, the newest first; None if there was none, or it cannot be read.

    An entry that was renamed but kept its repository is followed to its old name.
    """
    name, oldest = entry.name, None
    for step in steps:
        if not step.sides(entry.file):
            continue
        left, oldest = step.after(entry.file), step.before(entry.file)
        yield step, _pin(left, name)
        if left is not None:
            name = _name_before(name, oldest or {}, left)
    # What a commit found is what an older one left; only what the oldest one found comes from no commit.
    yield None, _pin(oldest, name)


def _pin(state: State, name: str) -> Pin | None:
    seen = state.get(name) if state is not None else None
    return seen.pin if seen is not None and seen.pin != Pin() else None


def _name_before(name: str, before: Mapping[str, Seen], after: Mapping[str, Seen]) -> str:
    if name in before or name not in after:
        return name
    image = after[name].image
    gone = [other for other, seen in before.items() if other not in after and seen.image == image is not None]
    return gone[0] if len(gone) == 1 else name


def release_name(number: int | None, commit: str) -> str:
    """The name of a release for people."""
    return f"release {commit[:10]}" if number is None else f"release {number} ({commit[:10]})"
