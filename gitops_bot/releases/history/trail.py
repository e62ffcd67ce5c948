"""What one entry pinned, from commit to commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gitops_bot.images.reference import Pin
from gitops_bot.releases.history.line import agree, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.targets.versions import Seen, State

#: How many of the commits that touch an overlay tell what the environment left.
DEPTH: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """A pin for as long as an entry had it.

    `arrived` is the commit that brought it; None where that is older than what is known. `left` is the one that took it
    away; None where the entry has it still. `ahead` is how many pins the entry has had since, `number` that of the
    release that brought it, as far as somebody looked it up.
    """

    entry: Managed
    pin: Pin
    arrived: Step | None = None
    left: Step | None = None
    ahead: int = 0
    number: int | None = None

    @property
    def environment(self) -> str:
        """Where it ran, or runs."""
        return self.entry.environment or "the source"


def enough(line: Line, overlay: str) -> bool:
    """Whether as much of an overlay's history is known as counts."""
    return line.complete or len(line.touching(overlay)) >= DEPTH


def stays(line: Line, entry: Managed) -> tuple[Run, ...]:
    """The pins of an entry, oldest first, each for as long as nothing contradicted it.

    What came later (a digest for the tag) is part of it. Times when the entry was away, pinned nothing or could not be
    read are left out.
    """
    stays: list[Run] = []
    for step, pin in reversed(list(_pins(line.touching(entry.overlay)[:DEPTH], entry))):
        if pin is None:
            continue
        if stays and agree(stays[-1].pin, pin):
            stays[-1] = replace(stays[-1], pin=join(stays[-1].pin, pin))
            continue
        if stays:
            stays[-1] = replace(stays[-1], left=step)
        stays.append(Run(entry, pin, step))
    return tuple(stays)


def runs(line: Line, entry: Managed) -> Iterator[Run]:
    """The pins of an entry, the newest first, each for as long as the entry certainly had it, without a gap.

    As `arrival` sees them: where it cannot be read, a pin was not there.
    """
    run: Run | None = None
    left: Step | None = None
    ahead = 0
    for step, pin in _pins(line.touching(entry.overlay)[:DEPTH], entry):
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
    """Of pins that several overlays have, the one that came last, or nobody knows when: it speaks for all of them."""
    return max(runs, key=lambda run: (run.arrived is None, run.arrived.at.timestamp() if run.arrived else 0))


def arrival(line: Line, entry: Managed, pin: Pin) -> Step | None:
    """The commit that brought the pin which an entry has now; None where that is older than what is known.

    Where the pin has a digest, its own arrival counts: what a tag meant before that, nobody wrote down. Where it
    cannot be read that the pin was there before, it was not: in doubt it came later.
    """
    texts = [pin.digest or pin.tag or ""]
    for step in line.touching(entry.overlay):
        if not step.sides(entry.file):
            continue
        if not step.may_hold(entry.file, texts):
            return step
        seen = (step.before(entry.file) or {}).get(entry.name)
        if seen is None or seen.pin is None or not _has(seen.pin, pin):
            return step
    return None


def _has(before: Pin, pin: Pin) -> bool:
    return before.digest == pin.digest if pin.digest is not None else before.tag == pin.tag


def _pins(steps: Sequence[Step], entry: Managed) -> Iterator[tuple[Step | None, Pin | None]]:
    """What each commit left, the newest first; None where that is no pin, or cannot be read.

    An entry that got another `name` and kept its repository is followed to the name that it had.
    """
    name, oldest = entry.name, None
    for step in steps:
        if not step.sides(entry.file):
            continue
        left, oldest = step.after(entry.file), step.before(entry.file)
        yield step, _pin(left, name)
        if left is not None:
            name = _name_before(name, oldest or {}, left)
    # What one commit found is what an older one left; nobody's is only what the oldest one found.
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
    """How people are told of a release."""
    return f"release {commit[:10]}" if number is None else f"release {number} ({commit[:10]})"
