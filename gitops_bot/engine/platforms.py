"""Whether an image that is to be proposed can be pulled on every platform that its index names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.workers import together
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import reasons
from gitops_bot.releases.choice.stepped_back import wanted
from gitops_bot.releases.plan import Change, Failed, Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.world import Registry
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Entry


def whole(
    registry: Registry, items: Sequence[Change | Held], carried: Sequence[PinChange]
) -> list[Change | Held | Failed]:
    """The changes, and what only waits, held where the registry has lost a platform. `set` and `rollback` pass.

    Some clean-ups delete manifests without a tag, and those of an index have none. A proposal that has the very pin
    loses it.
    """
    asked = [item for item in items if not isinstance(item, Change) or item.source in ("policy", "promotion")]
    proposed = {pin.key: pin.after for pin in carried}
    with together(lambda item: _missing(registry, item), asked, lambda item: _image(item.entry)) as found:
        missing = {item.entry.key: platforms for item, platforms in zip(asked, found, strict=True)}
    return [_judged(item, missing.get(item.entry.key, ()), proposed.get(item.entry.key)) for item in items]


def _missing(registry: Registry, item: Change | Held) -> tuple[str, ...] | Problem:
    """The platforms that are gone; what is wrong where the registry does not tell."""
    image, pin = _image(item.entry), wanted(item)
    if image is None or pin is None:
        return ()
    try:
        return registry.missing(image, pin.digest or registry.digest(image, pin.tag or ""))
    except RegistryError as error:
        return error.problem


def _judged(item: Change | Held, missing: Sequence[str] | Problem, proposed: Pin | None) -> Change | Held | Failed:
    pin = wanted(item)
    if isinstance(missing, Problem):
        # What waits is asked for again, and fails only once nothing else is in the way.
        return item if isinstance(item, Held) else Failed(item.entry, missing)
    if not missing or pin is None:
        return item
    lost = choice.incomplete(item.entry.image, pin, missing)
    reason = replace(
        lost, text=f"{lost.text}; push it again, and keep clean-up jobs from deleting manifests that an index lists"
    )
    held = reasons.add(item, reason) if isinstance(item, Held) else Held(item.entry, item.before, pin, reason)
    return replace(held, withdraws=held.withdraws or proposed == pin)


def _image(entry: Entry) -> ImageName | None:
    """The repository of an entry; None where its name is that of none, which whoever decided has told."""
    try:
        return ImageName.parse(entry.image)
    except ValueError:
        return None
