"""The gate that holds an image which cannot be pulled on every platform that it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.decisions import Change, Failed, Held, is_open

if TYPE_CHECKING:
    from gitops_bot.engine.context import Context
    from gitops_bot.engine.facts import Facts
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Decision


def platforms(decision: Decision, known: Context) -> Decision:
    """Hold an image that cannot be pulled on every platform that it is for. `set` and `rollback` pass.

    Some clean-ups delete manifests without a tag, and those of an index have none; and a build may leave out a platform
    that clusters need. A proposal that has the very pin loses it.
    """
    if not is_open(decision) or (isinstance(decision, Change) and decision.source not in ("policy", "promotion")):
        return decision
    pin = decision.candidate
    if pin is None:
        return decision
    image = ImageName.of(decision.entry.image)
    if image is None:
        return decision  # whoever decided has told
    try:
        reason = _unusable(decision, known.facts, image, pin)
    except RegistryError as error:
        # What waits is asked for again, and fails only once nothing else is in the way.
        return decision if isinstance(decision, Held) else Failed(decision.entry, error.problem)
    if reason is None:
        return decision
    held = decision.held(reason)
    return replace(held, withdraws=held.withdraws or known.state.proposed.get(decision.entry.key) == pin)


def _unusable(decision: Change | Held, facts: Facts, image: ImageName, pin: Pin) -> Reason | None:
    """Why an image cannot be pulled on a platform that it is for; None where it can be pulled on each.

    Raises:
        RegistryError: the registry does not tell.
    """
    entry = decision.entry
    digest = pin.digest or facts.digest(image, pin.tag or "")
    wanted = entry.rules.platforms
    if missing := [platform for platform in facts.missing(image, digest) if not wanted or platform in wanted]:
        lost = choice.incomplete(entry.image, pin, missing)
        advice = "push it again, and keep clean-up jobs from deleting manifests that an index lists"
        return replace(lost, text=f"{lost.text}; {advice}")
    if not wanted and not _may_lose(decision, facts, image, digest):
        return None
    present = None if wanted else entry.pin
    wanted = wanted if present is None else _index_platforms(facts, image, present)
    if not wanted:
        return None
    built_for = facts.index_platforms(image, digest) or facts.describe(image, digest).platforms
    lacking = tuple(platform for platform in wanted if platform not in built_for)
    if not lacking or (present is not None and not built_for):
        return None
    return choice.unbuilt(entry.image, pin, lacking, present)


def _may_lose(decision: Change | Held, facts: Facts, image: ImageName, digest: str) -> bool:
    """Whether an image is compared with what is pinned, where nobody says which platforms are needed.

    What is promoted was compared when its source got it: a single image is not worth a request each.
    """
    polled = isinstance(decision, Change) and decision.source == "policy"
    return polled or bool(facts.index_platforms(image, digest))


def _index_platforms(facts: Facts, image: ImageName, pin: Pin) -> tuple[str, ...]:
    """The platforms that the index of a pin names; none of a single image, or of one that is gone."""
    try:
        digest = pin.digest or (facts.digest(image, pin.tag) if pin.tag is not None else None)
        return facts.index_platforms(image, digest) if digest is not None else ()
    except RegistryError:
        return ()
