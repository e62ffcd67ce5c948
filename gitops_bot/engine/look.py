"""Look at one entry: ask the registry what there is, and decide by the entry's policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.absent import digest_of, explained, no_image
from gitops_bot.engine.workers import together
from gitops_bot.engine.world import silent
from gitops_bot.errors import RegistryError
from gitops_bot.images import policy as policies
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.plan import Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.survey import Spot
    from gitops_bot.engine.world import Progress, Registry
    from gitops_bot.images.rules import Rules
    from gitops_bot.releases.plan import Decision

#: How many of the best tags are asked for their digest, to find the place of a pin that only a digest names.
_PLACES = 30


def look(registry: Registry, spots: Sequence[Spot], progress: Progress = silent) -> tuple[Decision, ...]:
    """A decision for each entry, in their order. A registry that fails costs only the entries that need it."""
    if len(spots) <= 1:
        return tuple(_look(registry, spot) for spot in spots)
    registries = len({spot.entry.image.registry for spot in spots if spot.entry.image is not None})
    with (
        progress(f"querying {registries} registr{'y' if registries == 1 else 'ies'}", len(spots)) as done,
        together(lambda spot: _look(registry, spot), spots, lambda spot: spot.entry.image) as decisions,
    ):
        found = []
        for decision in decisions:
            found.append(decision)
            done()
        return tuple(found)


def _look(registry: Registry, spot: Spot) -> Decision:
    place, entry, rules = spot.place, spot.entry, spot.rules
    if rules.ignore:
        return Kept(place, entry.pin, Reason("ignored", "the configuration has `ignore: true`"))
    if rules.policy is None:
        return Kept(place, entry.pin, rules.unmanaged or Reason("unmanaged", "it has no policy"))
    if entry.refusal is not None:
        return Failed(place, entry.refusal)
    image = entry.image
    if image is None:
        return Failed(place, no_image(spot))
    try:
        match rules.policy.policy:
            case policies.Follow(tag=tag):
                return _follow(registry, spot, rules, image, tag)
            case policy:
                return _choose(registry, spot, rules, image, policy)
    except RegistryError as error:
        return Failed(place, explained(error, spot))


def _follow(registry: Registry, spot: Spot, rules: Rules, image: ImageName, tag: str) -> Decision:
    try:
        digest = digest_of(registry, spot, image, tag, rules.policy)
    except RegistryError as error:
        if not error.no_tag or spot.entry.pin.tag != tag:
            raise
        reason = Reason("held.vanished", f"the registry no longer has the tag {tag}: push it again, or follow another")
        return Held(spot.place, spot.entry.pin, None, reason)
    return choice.follow(spot.place, spot.entry.pin, rules, tag, digest)


def _choose(
    registry: Registry, spot: Spot, rules: Rules, image: ImageName, policy: policies.Semver | policies.Pattern
) -> Decision:
    present = spot.entry.pin
    tags = registry.tags(image)
    match policies.choose(policy, tags, present):
        case policies.Chosen() as chosen:
            digest = None if rules.pin == "tag" else registry.digest(image, chosen.tag)
            return choice.advance(spot.place, present, rules, chosen, digest)
        case policies.Current(reason=reason):
            if present.tag is None or present.digest is None:
                return Kept(spot.place, present, reason)
            return choice.stay(spot.place, present, rules, registry.digest(image, present.tag))
        case policies.Held() as held:
            if present.digest is not None and held.reason.code in ("held.unordered", "held.vanished"):
                placed = _by_digest(registry, spot, rules, image, policies.ranked(policy, tags, _PLACES))
                if placed is not None:
                    return placed
            candidate = Pin(held.candidate) if held.candidate else None
            return Held(spot.place, present, candidate, held.reason)


def _by_digest(
    registry: Registry, spot: Spot, rules: Rules, image: ImageName, ranked: Sequence[str]
) -> Decision | None:
    """Place a pin whose tag says nothing by its digest, which may be one that a known tag names; None if it is not."""
    present = spot.entry.pin
    for position, tag in enumerate(ranked):
        if registry.digest(image, tag) != present.digest:
            continue
        best = ranked[0]
        if position == 0 and present.tag is None:
            return Kept(spot.place, present, Reason("current", f"the pinned digest is {best}, the newest"))
        reason = Reason("chosen", f"the pinned digest is {tag}; {best} is newer")
        if position == 0:
            reason = Reason("adopted", f"the pinned digest is {best}, the newest")
        chosen = policies.Chosen(best, reason)
        digest = None if rules.pin == "tag" else registry.digest(image, best)
        return choice.advance(spot.place, present, rules, chosen, digest)
    return None
