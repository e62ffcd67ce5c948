"""Blue-green, decided from history alone: over any history the live slot stays, and a pin and a switch never meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases import blue_green
from gitops_bot.releases.blue_green import Slots
from gitops_bot.releases.decisions import Change, Decision, Held, Kept
from gitops_bot.releases.history.line import Line, Step
from gitops_bot.targets import FileTargets
from gitops_bot.targets.blue_green import SelectorTarget
from gitops_bot.targets.manifests import ManifestsTarget
from tests.managed import change_of, managed

SERVICE, BLUE, GREEN = "shop/service.yaml", "shop/blue.yaml", "shop/green.yaml"
TARGETS = FileTargets.of(
    {SERVICE: SelectorTarget("version", ("blue", "green")), BLUE: ManifestsTarget(), GREEN: ManifestsTarget()}
)
START, SOAK = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=2)
HOUR = timedelta(hours=1)


def written(path: str, value: str) -> bytes:
    if path == SERVICE:
        return f"kind: Service\nmetadata: {{name: shop}}\nspec: {{selector: {{version: {value}}}}}\n".encode()
    return f"kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: 'shop:{value}'}}]}}\n".encode()


@dataclass(slots=True)
class History:
    """A base branch: what each file says, and the commits that made it so."""

    said: dict[str, str] = field(default_factory=lambda: {SERVICE: "blue", BLUE: "1.0.0", GREEN: "1.0.0"})
    steps: list[Step] = field(default_factory=list)
    now: datetime = START

    def __post_init__(self) -> None:
        self.step({path: (None, written(path, value)) for path, value in self.said.items()})

    def step(self, files: dict[str, tuple[bytes | None, bytes | None]]) -> None:
        commit = f"{len(self.steps):040x}"
        self.steps.insert(0, Step(commit, (), self.now, "Ada <a@b.c>", "", tuple(files), files, TARGETS))

    def commit(self, **values: str) -> None:
        paths = {"service": SERVICE, "blue": BLUE, "green": GREEN}
        changed = {paths[name]: value for name, value in values.items() if self.said[paths[name]] != value}
        files = {path: (written(path, self.said[path]), written(path, value)) for path, value in changed.items()}
        self.said |= changed
        if files:
            self.step(dict(files))

    @property
    def line(self) -> Line:
        return Line(tuple(self.steps), complete=True)

    @property
    def slots(self) -> Slots:
        selector = managed("p", "shop", SERVICE, 3, "Service/shop", "Service/shop", pin=Pin(self.said[SERVICE]))
        entries = {
            slot: (managed("p", "shop", path, 3, "Pod/p/c", str(IMAGE), pin=Pin(self.said[path])),)
            for slot, path in (("blue", BLUE), ("green", GREEN))
        }
        return Slots("shop", selector, MappingProxyType(entries), SOAK)

    def decided(self) -> Change | Held | Kept:
        slots = self.slots
        assert slots.selector is not None
        return blue_green.decide_switch(slots, slots.selector, self.line, self.now, released=False)

    def run(self, newest: str) -> tuple[Decision, ...]:
        """What a poll decides where `newest` is the best tag."""
        slots = self.slots
        decisions: list[Decision] = []
        for (entry,) in slots.entries.values():
            if entry.pin.tag != newest:
                change = change_of(entry, Pin(newest), "policy", "forward", Reason("chosen", ""))
                decisions.append(blue_green.decide_pin(change, slots, switching=False))
        return blue_green.hold_switches([*decisions, self.decided()], [slots])


IMAGE = ImageName.parse("shop")
EVENTS = st.lists(st.sampled_from(["image", "hour", "run", "person switches", "person pins live"]), max_size=15)


@given(EVENTS)
def test_the_live_slot_stays_and_a_pin_and_a_switch_are_never_proposed_together(events: list[str]) -> None:
    history, newest = History(), 0
    for event in events:
        history.now += timedelta(minutes=1)
        match event:
            case "image":
                newest += 1
            case "hour":
                history.now += HOUR
            case "person switches":
                history.commit(service=history.slots.idle)
            case "person pins live":
                history.commit(**{history.slots.live: f"0.9.{newest}"})
            case _:
                slots = history.slots
                changes = [item for item in history.run(f"1.{newest}.0") if isinstance(item, Change)]
                assert len(changes) <= 1
                for change in changes:
                    if change.entry.name == "Service/shop":
                        assert change.after == Pin(slots.idle)
                        arrived = blue_green.newest_arrival(slots, history.line)
                        assert arrived is not None
                        assert history.now - arrived >= SOAK
                        history.commit(service=slots.idle)
                    else:
                        assert slots.slot_of(change.entry) == slots.idle
                        history.commit(**{slots.idle: change.after.tag or ""})
                # A switch that was just made, or a pin, is not followed by a switch at the same moment.
                assert not isinstance(history.decided(), Change)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [pytest.param(1, "held.soak", id="soaks"), pytest.param(2, "chosen", id="soaked")],
)
def test_the_switch_follows_the_soak(hours: int, expected: str) -> None:
    history = History()
    history.commit(green="1.1.0")
    history.now += hours * HOUR
    assert history.decided().reason.code == expected


def test_what_was_switched_away_from_is_old_or_was_taken_back() -> None:
    history = History()
    for tag in ("1.1.0", "1.2.0", "1.3.0"):
        history.now += HOUR
        history.commit(**{history.slots.idle: tag})
        history.now += SOAK
        assert history.decided().reason.code == "chosen"
        history.commit(service=history.slots.idle)
        assert history.decided().reason.code == "current"  # the older one stays to go back to
    history.now += HOUR
    history.commit(service=history.slots.idle)
    held = history.decided()
    assert (held.reason.code, history.slots.idle) == ("held.reverted", "green")
    history.commit(green="1.4.0")
    assert history.decided().reason.code == "held.soak"


def test_a_switch_waits_for_a_new_pin_of_its_slot() -> None:
    history = History()
    history.commit(green="1.1.0")
    history.now += SOAK
    *_, switch = history.run("1.2.0")
    assert isinstance(switch, Held)
    assert (switch.reason.code, switch.withdraws) == ("held.slot", True)


def test_history_that_was_cut_off_holds_the_switch() -> None:
    history = History()
    history.commit(green="1.1.0")
    slots = history.slots
    assert slots.selector is not None
    decision = blue_green.decide_switch(slots, slots.selector, Line((), complete=False), history.now, released=False)
    assert decision.reason.code == "held.history_bound"
