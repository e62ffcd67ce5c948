"""Blue-green: two slots of one application, of which the selector of a Service makes one live; the other is idle.

The idle slot gets new pins, the live one none. The switch comes alone, when the idle slot has had its pins for the soak
time. A slot that was switched away from without anything newer in the other one was taken back: it waits for new pins.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import soak
from gitops_bot.releases.decisions import Change, Held, Kept
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.line import agree
from gitops_bot.releases.layout.glob import any_means

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from gitops_bot.config.form_target import BlueGreenForm
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed
    from gitops_bot.releases.history.line import Line, Step


@dataclass(frozen=True, slots=True)
class Slots:
    """Two slots in one overlay, by name, and the paths of their files and of the Service.

    `wrong`: why nobody can tell which of them is live; then neither changes.
    """

    overlay: str
    selector: Managed | None
    entries: Mapping[str, tuple[Managed, ...]]
    soak: timedelta
    wrong: Problem | None = None
    files: tuple[str, ...] = ()

    @property
    def live(self) -> str:
        """The slot that the Service selects."""
        return (self.selector.pin.tag or "") if self.selector is not None else ""

    @property
    def idle(self) -> str:
        """The other one."""
        return next(name for name in self.entries if name != self.live)

    def slot_of(self, entry: Managed) -> str | None:
        """The slot that an entry belongs to."""
        return next((name for name, own in self.entries.items() if entry.key in [other.key for other in own]), None)

    def counterpart(self, entry: Managed) -> Managed | None:
        """The entry of the other slot that stands for this one: by container, else by repository if that is clear."""
        own = self.slot_of(entry)
        others = [other for name, entries in self.entries.items() if name != own for other in entries]
        for alike in (
            [other for other in others if other.name == entry.name],
            [other for other in others if _container(other) == _container(entry)],
            [other for other in others if other.image == entry.image],
        ):
            if len(alike) == 1:
                return alike[0]
        return None


def find(setting: BlueGreenForm, files: Mapping[str, str], entries: Mapping[str, Sequence[Managed]]) -> Iterator[Slots]:
    """The slots of an environment: `files` are all with pins and their overlays, `entries` those that could be read."""
    wanted = {setting.service, *setting.slots.values()}
    overlays: dict[str, set[str]] = {}
    for path, overlay in files.items():
        name = posixpath.basename(path)
        if name in wanted and any_means(setting.overlays, overlay, path):
            overlays.setdefault(overlay, set()).add(name)
    for overlay, names in sorted(overlays.items()):
        paths = {name: posixpath.join(overlay, name).removeprefix("./") for name in wanted}
        selectors = [entry for entry in entries.get(paths[setting.service], ()) if entry.choices]
        if names == {setting.service} and not selectors:
            continue  # a Service of its own
        by_slot = {name: tuple(entries.get(paths[file], ())) for name, file in setting.slots.items()}
        wrong = _wrong(setting, paths, names, {path for path in paths.values() if path in entries}, selectors, by_slot)
        selector = selectors[0] if len(selectors) == 1 else None
        yield Slots(overlay, selector, by_slot, setting.soak, wrong, tuple(paths.values()))


def _wrong(
    setting: BlueGreenForm,
    paths: Mapping[str, str],
    names: set[str],
    read: set[str],
    selectors: Sequence[Managed],
    by_slot: Mapping[str, Sequence[Managed]],
) -> Problem | None:
    """Why the slots of one overlay cannot be used; the first thing only."""
    service = paths[setting.service]
    for name in (setting.service, *setting.slots.values()):
        if name not in names:
            advice = "add it, or narrow the `overlays` of `blue_green` to those that have all three files"
            path = paths[min(names)]
            return Problem("failed.edit", f"{paths[name]} is missing, which `blue_green` needs", advice, path)
    if unread := sorted(set(paths.values()) - read):
        return Problem("failed.edit", f"{unread[0]} cannot be read", "correct it", unread[0])
    if not selectors:
        message = f"no Service in it has `{setting.selector}` in its selector"
        return Problem("failed.edit", message, f"add `{setting.selector}: {next(iter(setting.slots))}` there", service)
    if len(selectors) > 1:
        message = f"{len(selectors)} Services in it have `{setting.selector}` in their selectors"
        return Problem("failed.edit", message, "keep one of them in this file", service, selectors[1].line)
    for name, file in setting.slots.items():
        if not by_slot[name]:
            return Problem("failed.edit", f"the slot {name} pins no image", "add its workload", paths[file])
    return selectors[0].refusal


def _container(entry: Managed) -> str:
    return entry.name.rpartition("/")[2]


def decide_pin(change: Change, slots: Slots, *, switching: bool) -> Decision:
    """What becomes of a new pin for a slot. `switching`: a switch is proposed already."""
    entry, slot = change.entry, slots.slot_of(change.entry)
    if slot is None:
        return change  # the selector itself
    if slots.wrong is not None:
        return _held(change, f"nobody can tell which slot is live: {slots.wrong.message}")
    if slot == slots.live:
        place = f"{slots.selector.file}:{slots.selector.line}" if slots.selector is not None else slots.overlay
        return _held(change, f"{slot} is live ({place}), and a live slot stays as it is: {slots.idle} gets new pins")
    if switching:
        return _held(change, f"a proposal switches to {slot}: merge or close it before {slot} gets another pin")
    if change.source not in ("policy", "promotion") or (other := slots.counterpart(entry)) is None:
        return change
    if agree(other.pin, change.after):
        text = f"{slots.live} is live and has {change.after.short}; {slot} keeps {entry.pin.short} to go back to"
        return Kept(entry, Reason("current", text), change.source)
    older = choice.downgrade(entry.policy, other.pin, change.after)
    return change if older is None else change.hold(older)


def decide_switch(
    slots: Slots, selector: Managed, line: Line, now: datetime, *, released: bool
) -> Change | Held | Kept:
    """Whether the Service is switched to the idle slot now. `released`: a person allows what was taken back."""
    live, idle = slots.live, slots.idle
    changed = _differing_entries(slots, idle)
    if not changed:
        return Kept(selector, Reason("current", f"{idle} has the pins of {live}, which is live"))
    arrived, switched = _newest(line, selector.overlay, changed), _newest(line, selector.overlay, [selector])
    if arrived is None and not trail.enough(line, selector.overlay):
        text = f"the known history does not show when {idle} got its pins; {line.more}"
        return _waiting(selector, idle, Reason("held.history_bound", text))
    back = switch_back(slots, selector, line)
    if back is not None and not released:
        return _waiting(selector, idle, _reason_to_stay(slots, back))
    if back is None and (arrived is None or (switched is not None and arrived[0] >= switched[0])):
        text = f"{idle} got nothing new since {live} is live, and is there to go back to"
        return Kept(selector, Reason("current", text))
    since = arrived[1].at if arrived is not None else None
    if (waits := soak.reason_to_wait(idle, since, now, slots.soak, line.more)) is not None:
        return _waiting(selector, idle, waits)
    text = f"{idle} has {', '.join(dict.fromkeys(entry.pin.short for entry in changed[:5]))}"
    if arrived is not None:
        text += f" since {arrived[1].at:%Y-%m-%d %H:%M} UTC (commit {arrived[1].commit[:10]})"
    return Change(selector, Pin(idle), "policy", "forward", Reason("chosen", f"{text}; {live} stays to go back to"))


def hold_if_taken_back(item: Change | Held, slots: Slots, line: Line) -> Change | Held:
    """Hold a switch to a slot that was taken back, whoever asks for it."""
    if isinstance(item, Held) or item.after.tag != slots.idle or slots.wrong is not None:
        return item
    back = switch_back(slots, item.entry, line)
    return item if back is None else item.hold(_reason_to_stay(slots, back))


def switch_back(slots: Slots, selector: Managed, line: Line) -> Step | None:
    """The commit that switched away from the idle slot although it had the newer pins; None where none did."""
    arrived = _newest(line, selector.overlay, _differing_entries(slots, slots.idle))
    before = _newest(line, selector.overlay, _differing_entries(slots, slots.live))
    switched = _newest(line, selector.overlay, [selector])
    if arrived is None or switched is None or arrived[0] <= switched[0]:
        return None
    return switched[1] if before is None or before[0] > arrived[0] else None


def live_since(slots: Slots, entry: Managed, line: Line) -> Step | None:
    """The commit since which the live slot runs the pin of an entry: it brought the pin, or switched to the slot."""
    newest = _newest(line, entry.overlay, [pinned for pinned in (entry, slots.selector) if pinned is not None])
    return newest[1] if newest is not None else None


def newest_arrival(slots: Slots, line: Line) -> datetime | None:
    """When the idle slot got the newest of its pins; what was declined before that was another switch."""
    arrived = _newest(line, slots.overlay, _differing_entries(slots, slots.idle))
    return arrived[1].at if arrived is not None else None


def waiting_switches(known: Iterable[Slots], changing: Collection[EntryKey]) -> dict[EntryKey, Reason]:
    """The selectors whose switch waits, and why: never a switch and a pin for the slot that it leads to at once."""
    waiting: dict[EntryKey, Reason] = {}
    for slots in known:
        if slots.selector is None or slots.wrong is not None:
            continue
        idle = slots.idle
        if any(entry.key in changing for entry in slots.entries[idle]):
            advice = "merge or close that proposal first, and the switch comes after it"
            text = f"{idle} is about to get another pin: {advice}"
            waiting[slots.selector.key] = Reason("held.slot", text, {"slot": idle})
    return waiting


def hold_switches(decisions: Sequence[Decision], known: Sequence[Slots]) -> tuple[Decision, ...]:
    """The decisions, with every switch held whose slot gets a pin by one of the others."""
    reasons = waiting_switches(known, {item.entry.key for item in decisions if isinstance(item, Change)})
    return tuple(
        replace(item.hold(reasons[item.entry.key]), withdraws=True)
        if isinstance(item, Change) and item.entry.key in reasons
        else item
        for item in decisions
    )


def _differing_entries(slots: Slots, slot: str) -> list[Managed]:
    """The entries of a slot that have another pin than those of the other one."""
    entries = [(entry, slots.counterpart(entry)) for entry in slots.entries[slot]]
    return [entry for entry, other in entries if other is None or not agree(entry.pin, other.pin)]


def _newest(line: Line, overlay: str, entries: Sequence[Managed]) -> tuple[int, Step] | None:
    """The last commit that brought a pin which one of these entries has, and how many of the overlay came after it."""
    steps = {step.commit: at for at, step in enumerate(line.touching(overlay))}
    brought = (trail.arrival(line, entry, entry.pin) for entry in entries)
    return min(
        ((steps[step.commit], step) for step in brought if step is not None), key=lambda item: item[0], default=None
    )


def _waiting(selector: Managed, idle: str, reason: Reason) -> Held:
    # What an open proposal has is no longer what soaked.
    return Held(selector, Pin(idle), reason, withdraws=True)


def _reason_to_stay(slots: Slots, step: Step) -> Reason:
    waits = f"{slots.idle} waits for a new pin (`--release-hold` switches to it again)"
    return Reason("held.reverted", f"switched back to {slots.live} {step.occasion}; {waits}", step.data)


def _held(change: Change, text: str) -> Held:
    return change.hold(Reason("held.slot", text))
