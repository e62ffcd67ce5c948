"""Candidates of a poll: the best tag that the registry has by an entry's policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.candidates.absent import digest_of, explained, no_image
from gitops_bot.errors import RegistryError
from gitops_bot.images import policy as policies
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.plan import Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.facts import Facts
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.plan import Decision, Entry

#: How many of the best tags are asked for their digest, to find the place of a pin that only a digest names.
_PLACES = 30


def poll(facts: Facts, entry: Entry) -> Decision:
    """What the registry has for an entry, by its policy."""
    rules = entry.rules
    if rules.ignore:
        return Kept(entry, entry.pin, Reason("ignored", "the configuration has `ignore: true`"))
    if rules.policy is None:
        return Kept(entry, entry.pin, rules.unmanaged or Reason("unmanaged", "it has no policy"))
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    image = entry.repository
    if image is None:
        return Failed(entry, no_image(entry))
    try:
        match rules.policy.policy:
            case policies.Follow(tag=tag):
                return _follow(facts, entry, image, tag)
            case policies.Newest() as policy:
                # No configuration has this policy until registries are asked for build times.
                text = f"no build time is known of the tags that {policies.describe(policy)} admits"
                return Held(entry, entry.pin, None, Reason("held.age_unknown", text))
            case policy:
                return _choose(facts, entry, image, policy)
    except RegistryError as error:
        return Failed(entry, explained(error, entry))


def _follow(facts: Facts, entry: Entry, image: ImageName, tag: str) -> Decision:
    try:
        digest = digest_of(facts, entry, image, tag, entry.rules.policy)
    except RegistryError as error:
        if not error.no_tag or entry.pin.tag != tag:
            raise
        reason = Reason("held.vanished", f"the registry no longer has the tag {tag}: push it again, or follow another")
        return Held(entry, entry.pin, None, reason)
    return choice.follow(entry, entry.pin, entry.rules, tag, digest)


def _choose(facts: Facts, entry: Entry, image: ImageName, policy: policies.Semver | policies.Pattern) -> Decision:
    present, rules = entry.pin, entry.rules
    tags = facts.tags(image)
    match policies.choose(policy, tags, present):
        case policies.Chosen() as chosen:
            digest = None if rules.pin == "tag" else facts.digest(image, chosen.tag)
            return choice.advance(entry, present, rules, chosen, digest)
        case policies.Current(reason=reason):
            if present.tag is None or present.digest is None:
                return Kept(entry, present, reason)
            return choice.stay(entry, present, rules, facts.digest(image, present.tag))
        case policies.Held() as held:
            if present.digest is not None and held.reason.code in ("held.unordered", "held.vanished"):
                placed = _by_digest(facts, entry, image, policies.ranked(policy, tags, _PLACES))
                if placed is not None:
                    return placed
            candidate = Pin(held.candidate) if held.candidate else None
            return Held(entry, present, candidate, held.reason)


def _by_digest(facts: Facts, entry: Entry, image: ImageName, ranked: Sequence[str]) -> Decision | None:
    """Place a pin whose tag says nothing by its digest, which may be one that a known tag names; None if it is not."""
    present, rules = entry.pin, entry.rules
    for position, tag in enumerate(ranked):
        if facts.digest(image, tag) != present.digest:
            continue
        best = ranked[0]
        if position == 0 and present.tag is None:
            return Kept(entry, present, Reason("current", f"the pinned digest is {best}, the newest"))
        reason = Reason("chosen", f"the pinned digest is {tag}; {best} is newer")
        if position == 0:
            reason = Reason("adopted", f"the pinned digest is {best}, the newest")
        chosen = policies.Chosen(best, reason)
        digest = None if rules.pin == "tag" else facts.digest(image, best)
        return choice.advance(entry, present, rules, chosen, digest)
    return None
