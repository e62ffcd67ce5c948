"""What is decided about one entry, by what its registry answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images import kinds
from gitops_bot.images.build import Manifest
from gitops_bot.images.kinds import NamedPolicy, PinShape, Rules
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Change, Held, Kept, Managed
from gitops_bot.targets import kustomization
from tests.engine.polled import polled

if TYPE_CHECKING:
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.decisions import Decision

OLD, NEW, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
RELEASES = NamedPolicy("releases", kinds.Semver(">=1.0.0"), "config")


@dataclass(slots=True)
class Shelf:
    """A registry with one repository: its tags, and the digest that each one names."""

    named: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def tags(self, image: ImageName) -> tuple[str, ...]:
        return tuple(self.named)

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> str:
        self.asked.append(tag)
        if tag not in self.named:
            raise RegistryError(Problem("failed.registry", f"no {tag}"), status=404)
        return self.named[tag]

    def manifest(self, image: ImageName, digest: str) -> Manifest:
        return Manifest("image")


def decided(shelf: Any, pin: Pin, shape: PinShape = "tag+digest", applies: Rules | None = None) -> Decision:
    lines = [f"\n  newTag: {pin.tag}"] * bool(pin.tag) + [f"\n  digest: {pin.digest}"] * bool(pin.digest)
    (entry,) = kustomization.read(f"images:\n- name: example.com/web{''.join(lines)}\n".encode(), "k.yaml").entries
    place = Managed(entry, "web/k.yaml", "web", "production", applies or Rules(RELEASES, shape))
    return polled(shelf, [place])[0]


@pytest.mark.parametrize(
    ("pin", "shape", "after", "code", "text"),
    [
        pytest.param(Pin(None, OLD), "tag+digest", Pin("1.1.0", NEW), "chosen",
            "the pinned digest is 1.0.0; 1.1.0 is newer", id="a digest alone, of an older tag"),
        pytest.param(Pin(None, OLD), "digest", Pin(None, NEW), "chosen", "the pinned digest is 1.0.0; 1.1.0 is newer",
            id="a digest alone stays one"),
        pytest.param(Pin("gone", OLD), "tag+digest", Pin("1.1.0", NEW), "chosen",
            "the pinned digest is 1.0.0; 1.1.0 is newer", id="a tag that went, of the bytes of an older one"),
        pytest.param(Pin("gone", OLD), "tag", Pin("1.1.0"), "chosen", "the pinned digest is 1.0.0; 1.1.0 is newer",
            id="only tags are written"),
        pytest.param(Pin("gone", NEW), "tag+digest", Pin("1.1.0", NEW), "adopted",
            "the pinned digest is 1.1.0, the newest", id="a tag that went, of the newest bytes"),
    ],
)  # fmt: skip
def test_a_digest_is_placed_by_the_tag_that_names_it(
    pin: Pin, shape: PinShape, after: Pin, code: str, text: str
) -> None:
    decision = decided(Shelf({"1.0.0": OLD, "1.1.0": NEW}), pin, shape)
    assert isinstance(decision, Change)
    assert (decision.before, decision.after) == (pin, after)
    assert decision.direction == ("adopted" if code == "adopted" else "forward")
    assert (decision.reason.code, decision.reason.text) == (code, text)


@pytest.mark.parametrize("pin", [Pin("main", OLD), Pin(None, OLD)], ids=["a tag", "a digest alone"])
@pytest.mark.parametrize("shape", ["tag+digest", "tag", "digest"])
def test_a_followed_tag_that_moved_is_held_where_that_is_asked_for(pin: Pin, shape: PinShape) -> None:
    main = NamedPolicy("main", kinds.Follow("main"), "config")
    decision = decided(Shelf({"main": NEW}), pin, applies=Rules(main, shape, on_move="hold"))
    assert isinstance(decision, Held)
    assert (decision.reason.code, decision.candidate) == ("held.moved", Pin("main", NEW))
    assert isinstance(decided(Shelf({"main": NEW}), pin, applies=Rules(main, shape)), Change)
    assert isinstance(decided(Shelf({"main": OLD}), pin, applies=Rules(main, shape, on_move="hold")), Kept | Change)


def test_a_digest_alone_of_the_newest_tag_stays() -> None:
    decision = decided(Shelf({"1.0.0": OLD, "1.1.0": NEW}), Pin(None, NEW))
    assert isinstance(decision, Kept)
    assert (decision.reason.code, decision.reason.text) == ("current", "the pinned digest is 1.1.0, the newest")


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        pytest.param(Pin(None, OTHER), "held.unordered", id="a digest alone"),
        pytest.param(Pin("gone", OTHER), "held.vanished", id="a tag that went"),
    ],
)
def test_a_digest_that_no_tag_names_is_held(pin: Pin, code: str) -> None:
    shelf = Shelf({"1.0.0": OLD, "1.1.0": NEW})
    decision = decided(shelf, pin)
    assert isinstance(decision, Held)
    assert (decision.reason.code, decision.candidate) == (code, Pin("1.1.0"))
    assert shelf.asked == ["1.1.0", "1.0.0"]


def test_a_digest_is_looked_for_behind_the_thirty_newest_tags_only() -> None:
    shelf = Shelf({f"1.{number}.0": OLD if number == 9 else NEW for number in range(40)})
    assert isinstance(decided(shelf, Pin(None, OLD)), Held)
    assert shelf.asked == [f"1.{number}.0" for number in range(39, 9, -1)]
    shelf.named["1.10.0"] = OLD
    decision = decided(shelf, Pin(None, OLD))
    assert isinstance(decision, Change)
    assert decision.reason.text == "the pinned digest is 1.10.0; 1.39.0 is newer"


@pytest.mark.parametrize(
    "pin",
    [
        pytest.param(Pin("gone"), id="no digest to look for"),
        pytest.param(Pin("2.0.0", OLD), id="a tag whose place is known from its text"),
    ],
)
def test_no_tag_is_asked_for_its_digest_without_need(pin: Pin) -> None:
    shelf = Shelf({"1.0.0": OLD, "1.1.0": NEW})
    assert isinstance(decided(shelf, pin), Held)
    assert shelf.asked == []
