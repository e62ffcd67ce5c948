"""From a policy's choice and the registry's digest to a decision about one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.kinds import Follow, called, describe
from gitops_bot.images.order import admits, compare
from gitops_bot.images.reason import Reason, shortlist
from gitops_bot.images.reference import Pin, is_floating
from gitops_bot.releases.decisions import Change, Kept

#: Platforms that a text names.
_NAMED = 10

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.kinds import NamedPolicy, PinShape, Policy, Rules
    from gitops_bot.images.policy import Chosen
    from gitops_bot.releases.decisions import Decision, Direction, Managed


def shaped(shape: PinShape, present: Pin, tag: str, digest: str | None) -> Pin:
    """The pin to write. A tag that is there is updated too, even if only digests are wanted."""
    match shape:
        case "tag":
            return Pin(tag, None)
        case "digest" if present.tag is None:
            return Pin(None, digest)
        case _:
            return Pin(tag, digest)


def advance(entry: Managed, chosen: Chosen, digest: str | None) -> Decision:
    """Move to the tag that the policy chose; `digest` is what it points to now (None if only tags are pinned)."""
    after = shaped(entry.rules.pin, entry.pin, chosen.tag, digest)
    if after == entry.pin:
        return Kept(entry, Reason("current", chosen.reason.text))
    direction: Direction = "adopted" if chosen.reason.code == "adopted" else "forward"
    return Change(entry, after, "policy", direction, chosen.reason)


def follow(entry: Managed, tag: str, digest: str) -> Decision:
    """Follow one moving tag: adopt it first, then go along with it."""
    present, rules = entry.pin, entry.rules
    if rules.pin == "tag" and present == Pin(tag):
        return Kept(entry, Reason("current", f"{tag} is followed by tag, not by digest"))
    if present.digest == digest and present.tag in (None, tag):
        return Kept(entry, Reason("current", f"{tag} still points to {digest[:19]}"))
    after = shaped(rules.pin, present, tag, digest)
    if present.digest is not None and present.tag in (None, tag):
        return Change(entry, after, "policy", "moved", Reason("chosen", f"{tag} now points to {digest[:19]}"))
    reason = Reason("adopted", f"{tag} is the tag to follow; it points to {digest[:19]}")
    return Change(entry, after, "policy", "adopted", reason)


def stay(entry: Managed, digest: str) -> Decision:
    """Keep the tag, unless it was moved to another digest."""
    present, tag = entry.pin, entry.pin.tag or ""
    if digest == present.digest:
        return Kept(entry, Reason("current", f"{tag} is the newest and still points to the same digest"))
    reason = Reason("chosen", f"{tag} was moved: it now points to {digest[:19]}")
    return Change(entry, Pin(tag, digest), "policy", "moved", reason)


def follows_moves(rules: Rules, tag: str) -> bool:
    """Whether to follow a tag that now points to another digest; full versions and SHA tags should never move."""
    if rules.on_move is not None:
        return rules.on_move == "follow"
    return is_floating(tag) or (rules.policy is not None and isinstance(rules.policy.policy, Follow))


def downgrade(policy: Policy | None, present: Pin, after: Pin, *, by: str = "") -> Reason | None:
    """Why going from `present` to `after` would be a step back; None if it would not, or if nobody can tell.

    `by` names the policy in the text if it is not the entry's own.
    """
    if present.tag is None or after.tag is None or present.tag == after.tag:
        return None
    order = compare(policy, after.tag, present.tag)
    if order is None or order >= 0:
        return None
    text = f"{after.tag} is older than {present.tag}{by}, and downgrades are never automatic"
    return Reason("held.downgrade", text, {"present": present.tag, "asked": after.tag})


def steps_back(change: Change, proposed: Pin | None) -> Reason | None:
    """Why a pin that a person sets is older than the present or the proposed one; None if it is not."""
    after = change.after
    for pin, where in ((change.before, "is pinned"), (proposed, "is already proposed")):
        if pin is not None and downgrade(change.entry.policy, pin, after) is not None:
            text = f"{after.tag} is older than {pin.tag}, which {where}; `--allow-downgrade` sets it anyway"
            return Reason("held.downgrade", text, {"present": pin.tag, "asked": after.tag})
    return None


def outside(policy: NamedPolicy, entry: Managed, tag: str | None) -> Reason | None:
    """Why a policy would not choose a tag; None if it might, or if there is only a digest."""
    if tag is None or admits(policy.policy, tag):
        return None
    text = f"{tag} does not match {called(policy.policy, policy.name)} of {entry.name} in {entry.environment}"
    return Reason("held.policy", text, {"tag": tag, "policy": describe(policy.policy)})


def no_image(image: str, pin: Pin, artifact: str) -> Reason:
    """Why to hold what is not an image: no cluster could run it."""
    text = f"{pin.short} of {image} is no image, but {artifact}: push such things to a repository of their own"
    return Reason("held.no_image", text, {"artifact": artifact})


def incomplete(image: str, pin: Pin, missing: Sequence[str]) -> Reason:
    """Why to hold an image whose index lists manifests that are gone: nobody can pull it on those platforms."""
    text = f"{image} has lost {shortlist(missing, _NAMED)} of {pin}"
    return Reason("held.platforms", text, {"platforms": ", ".join(missing)})


def unbuilt(image: str, pin: Pin, built: Sequence[str], lacking: Sequence[str], present: Pin | None) -> Reason:
    """Why to hold an image that is not built for a platform: one that is wanted, or that the present pin has."""
    if not built:
        text = f"{pin.short} of {image} does not say what it is built for, and `platforms` asks for "
        return Reason("held.platforms", text + shortlist(lacking, _NAMED), {"platforms": ", ".join(lacking)})
    missing = f"{pin.short} of {image} is not built for {shortlist(lacking, _NAMED)}"
    text = f"{missing}, which `platforms` asks for: build it for that, too"
    if present is not None:
        text = (
            f"{missing}, and what is pinned ({present.short}) is: build it for that, too, or say in `platforms` which "
            "ones are needed"
        )
    return Reason("held.platforms", text, {"platforms": ", ".join(lacking)})


def direction(before: Pin, after: Pin, policy: Policy | None) -> Direction:
    """How a requested pin relates to the present one, as far as the tags tell."""
    if before.tag == after.tag:
        return "moved" if before.digest is not None and before.malformed is None else "adopted"
    if before.tag is None and before.digest is None:
        return "adopted"
    if before.tag is None or after.tag is None:
        return "forward"
    order = compare(policy, after.tag, before.tag)
    return "backward" if order is not None and order < 0 else "forward"


def moves(present: Pin, after: Pin) -> bool:
    """Whether the tag stays and its digest changes; a malformed digest does not count."""
    if present.tag is None or present.tag != after.tag or present.malformed is not None:
        return False
    return None not in (present.digest, after.digest) and present.digest != after.digest


def moved(entry: Managed, now: Pin) -> Reason | None:
    """Why to hold a tag that was moved away from the pinned digest; None if such a tag may move."""
    tag, pinned, digest = now.tag or "", entry.pin.digest or "", now.digest or ""
    if follows_moves(entry.rules, tag):
        return None
    text = (
        f"{tag} was moved in the registry: the pinned digest is {pinned[:19]}, it now points to {digest[:19]}; "
        "publish a new tag, or set `on_move: follow`"
    )
    return Reason("held.moved", text, {"pinned": pinned, "now": digest})
