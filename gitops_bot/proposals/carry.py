"""Every plan keeps the pins that the open proposal carries: base + branch + new.

Ten services that run `set` in one minute share one branch; what one of them put there, the next must not lose.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.images.kinds import Follow, Policy
from gitops_bot.images.order import compare
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName, Pin, is_floating
from gitops_bot.releases.choice.choose import direction
from gitops_bot.releases.decisions import CODE_OF, Change, Decision, EntryKey, Held, Kept, Managed, PinChange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def live_pins(base: Mapping[EntryKey, Managed], carried: Sequence[PinChange]) -> tuple[PinChange, ...]:
    """The carried pins that still apply: not yet on the base, and their `from` is still on the base."""
    kept = []
    for change in carried:
        now = base.get(change.key)
        if now is not None and now.pin == change.before:
            # On the base are the pin, and the repository if that changes too.
            renamed = change.new_name is None or str(ImageName.parse(change.new_name)) == now.image
            if not renamed or now.pin != change.after:
                kept.append(change)
    return tuple(kept)


def combine(
    decisions: Sequence[Decision], carried: Sequence[PinChange], base: Mapping[EntryKey, Managed], *, asked: bool = True
) -> tuple[Change, ...]:
    """The changes of the proposal: what was decided now, and the carried pins that no decision replaces.

    `asked`: somebody asks for these decisions by name; otherwise the bot came to them by itself.
    """
    decided = {decision.entry.key: decision for decision in decisions if decision.entry is not None}
    changes = {key: decision for key, decision in decided.items() if isinstance(decision, Change)}
    for change in live_pins(base, carried):
        now = base[change.key]
        if _survives(change, decided.get(change.key), now.policy, asked=asked):
            way = direction(change.before, change.after, now.policy)
            reason = Reason(CODE_OF[change.source], "carried over from the open proposal")
            carried_over = Change(
                now, change.after, change.source, way, reason, change.new_name, change.info, carried=True
            )
            changes[change.key] = replace(carried_over, despite_checks=change.despite_checks)
    # A decision for what the base already has drops the carried pin and proposes nothing instead.
    return tuple(
        change for _, change in sorted(changes.items()) if change.before != change.after or change.new_name is not None
    )


def _survives(carried: PinChange, decision: Decision | None, policy: Policy | None, *, asked: bool) -> bool:
    match decision:
        case Change(source="policy") if carried.source != "policy":
            # The poll found something, but a person or a pipeline asked for this pin: only something newer replaces it.
            # Without an order, the last one wins.
            return not _newer(decision.after, carried, policy, unordered=True)
        case Change(source="promotion") if not asked and carried.source in ("set", "rollback"):
            # The same for what another environment runs by now. Without an order the carried pin stays: each run finds
            # the same promotion again.
            return not _newer(decision.after, carried, policy, unordered=False)
        case Change():
            return False
        case Held(withdraws=True):
            return carried.source not in ("policy", "promotion")
        case Kept(source=source):
            # The base is as it should be: what an earlier poll, or the same question, proposed has gone back at its
            # source.
            return carried.source not in ("policy", source)
        case _:
            return True


def _newer(pin: Pin, carried: PinChange, policy: Policy | None, *, unordered: bool) -> bool:
    """Whether a pin is newer than a carried one, and `unordered` where nothing orders them."""
    if carried.new_name is not None:
        return False  # the pin was found in another repository
    if pin.tag is None or carried.after.tag is None:
        return unordered
    if pin.tag == carried.after.tag:
        # The same tag with other bytes: only if such a tag may move.
        return unordered and (isinstance(policy, Follow) or is_floating(pin.tag))
    order = compare(policy, pin.tag, carried.after.tag)
    return unordered if order is None else order > 0
