"""Whether the pins of an open pull request still pass their gates, for the commit status on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.pull_request import GateStatus
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice.promotion import is_same
from gitops_bot.releases.decisions import Change, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.releases.decisions import Decision, EntryKey, PinChange

OPEN: Final = GateStatus("success", "nothing holds what it proposes")
NO_PINS: Final = GateStatus("success", "no pins of gitops-bot")
UNSEEN: Final = GateStatus("pending", "not all of its gates could be looked at")
#: Characters of a text, which leave room for how many more there are.
_TEXT: Final = 125


def status_of(
    pins: Sequence[PinChange], decided: Mapping[EntryKey, Sequence[Decision]], unseen: GateStatus
) -> GateStatus:
    """The worst that is known of these pins; `unseen` is the status where nothing is decided about one of them."""
    known = [_of(pin, decided.get(pin.key, ())) or unseen for pin in pins]
    for state in ("failure", "pending"):
        if found := [its for its in known if its.state == state]:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            return found[0]._replace(text=plain(found[0].text, _TEXT) + more)
    return OPEN


def _of(pin: PinChange, decisions: Sequence[Decision]) -> GateStatus | None:
    """What is known of a pin. Its decision may be about another one, and checks hold nothing that people ask for."""
    if pin.source == "rollback":
        return OPEN
    name = f"{pin.name.rpartition('/')[2]} {pin.after.short}"
    for item in decisions if pin.source != "set" else ():
        match item:
            case Held(candidate=candidate) | Change(after=candidate) if not candidate or not is_same(
                candidate, pin.after
            ):
                continue
            case Change():
                return OPEN
            case Held(seen=seen, reason=reason):
                open_ones = [its for its in seen if its.state != "success"]
                failed = next((its for its in open_ones if its.state == "failure"), None)
                if failed is not None:
                    return GateStatus("failure", f"{name}: {evidence.sentence(failed)}", evidence.link(failed))
                waits = f" waits for {evidence.name(open_ones[0])}" if open_ones else f": {reason.text}"
                return GateStatus("failure" if item.withdraws else "pending", f"{name}{waits}")
            case Kept(reason=reason):
                return GateStatus("pending", f"{name} would not be proposed now: {reason.text}")
    reasons = (reason for item in decisions if isinstance(item, Held) for reason in item.reasons)
    frozen = next((reason.text for reason in reasons if reason.code == "held.hold"), None)
    return GateStatus("pending", f"{name}: {frozen}") if frozen else OPEN if pin.source == "set" else None
