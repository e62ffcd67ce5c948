from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reference import Pin
from gitops_bot.releases.history.trail import DEPTH, arrival, enough, runs, stays
from tests.releases.past import FILE, OVERLAY, WEB, A, B, Files, images, line, web
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.history.line import Line, Step


def told(known: Line) -> list[tuple[int | None, Pin]]:
    return [(int(stay.arrived.commit, 16) if stay.arrived else None, stay.pin) for stay in stays(known, WEB)]


ONE, TWO = Pin("1", A), Pin("2", B)
RENAMED = b"images:\n  - name: %s\n    newName: ghcr.io/acme/web\n    newTag: '%s'\n"


def tagged(tag: str, digest: str | None = None) -> Files:
    return {FILE: images(web=Pin(tag, digest))}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(web(ONE, TWO, ONE), [(1, ONE), (2, TWO), (3, ONE)], id="each pin with the commit that brought it"),
        pytest.param(web("1", ONE, TWO), [(1, ONE), (3, TWO)], id="a digest that comes later is no other pin"),
        pytest.param(web(ONE, "1", Pin("1", B)), [(1, ONE), (3, Pin("1", B))], id="a digest that went is remembered"),
        pytest.param(web("1", Pin(None, A)), [(1, Pin("1")), (2, Pin(None, A))], id="a tag and a digest are two"),
        pytest.param(web(ONE, TWO, complete=False), [(None, ONE), (2, TWO)], id="what stood before the cut"),
        pytest.param(line(tagged("1"), {FILE: b"images: &x [\n"}, tagged("2")), [(1, Pin("1")), (3, Pin("2"))],
            id="unreadable"),
        pytest.param(line(tagged("1"), {FILE: b"images:\n  - {name: web, newTag: 9}\n  - {name: web}\n"}, tagged("2")),
            [(1, Pin("1")), (3, Pin("2"))], id="an entry that is refused"),
        pytest.param(line(tagged("1"), {f"{OVERLAY}/kustomization.yml": images(web="1"), FILE: None},
            {f"{OVERLAY}/x.yaml": b"x"}), [(1, Pin("1"))], id="another name for the file, and a commit beside it"),
    ],
)  # fmt: skip
def test_the_pins_of_an_entry_one_after_the_other(known: Line, expected: list[tuple[int | None, Pin]]) -> None:
    assert told(known) == expected


@rows("known expected", {
    "from one commit to another": (web(ONE, TWO, ONE), [(3, None, ONE), (2, 3, TWO), (1, 2, ONE)]),
    "a commit that changes nothing": (web(ONE, ONE, TWO), [(3, None, TWO), (1, 3, ONE)]),
    "a digest counts itself": (web("1", ONE, TWO), [(3, None, TWO), (2, 3, ONE), (1, 2, Pin("1"))]),
    "the bytes stay": (web(ONE, Pin("1.0", A), TWO), [(3, None, TWO), (1, 3, Pin("1.0", A))]),
    "what stood before the cut": (web(ONE, TWO, complete=False), [(2, None, TWO), (None, 2, ONE)]),
    "unreadable in between, where anything may have stood": (
        line(tagged("1"), {FILE: b"images: &x [\n"}, tagged("1")), [(3, None, Pin("1")), (1, 2, Pin("1"))],
    ),
})  # fmt: skip
def test_how_long_an_entry_certainly_had_each_pin(
    known: Line, expected: list[tuple[int | None, int | None, Pin]]
) -> None:
    def number(step: Step | None) -> int | None:
        return int(step.commit, 16) if step is not None else None

    assert [(number(run.arrived), number(run.left), run.pin) for run in runs(known, WEB)] == expected


@rows("before after followed", {
    "the same repository": (RENAMED % (b"old", b"1"), RENAMED % (b"web", b"2"), True),
    "the other one is still there": (
        RENAMED % (b"old", b"1"), RENAMED % (b"web", b"2") + (RENAMED % (b"old", b"1"))[8:], False,
    ),
    "two could be meant": (
        RENAMED % (b"old", b"1") + (RENAMED % (b"older", b"0"))[8:], RENAMED % (b"web", b"2"), False,
    ),
    "another repository": (images(other="1"), RENAMED % (b"web", b"2"), False),
    "no repository at all": (b"images:\n  - {name: A/, newTag: 1}\n", images(web="2"), False),
})  # fmt: skip
def test_an_entry_is_followed_to_the_name_that_it_had(before: bytes, after: bytes, followed: bool) -> None:
    expected = [(1, Pin("1")), (2, Pin("2"))] if followed else [(2, Pin("2"))]
    assert told(line({FILE: before}, {FILE: after})) == expected


@rows("known pin expected", {
    "the last time that it came": (web(ONE, TWO, ONE), ONE, 3),
    "added again": (web(TWO, None, TWO), TWO, 3),
    "the digest came later, and the bytes with it": (web("2", TWO), TWO, 2),
    "the same bytes by another tag": (web(Pin("sha-1", B), TWO), TWO, 1),
    "a comment had it": (line({FILE: images(web=ONE) + f"# next: {B}\n".encode()}, {FILE: images(web=TWO)}), TWO, 2),
    "what changes beside it is no arrival": (
        line({FILE: images(web=TWO)}, {FILE: images(web=TWO) + b"# x\n"}, {f"{OVERLAY}/x": b""}), TWO, 1,
    ),
    "spelt with a backslash": (
        line({FILE: b'images: [{name: web, newTag: "\\x32"}]\n'}, {FILE: images(web=TWO, a="1")}), Pin("2"), 1,
    ),
    "older than what is known": (web(TWO, TWO, complete=False), TWO, None),
    "in doubt later": (line({FILE: b"x: ["}, {FILE: images(web=TWO)}), TWO, 2),
})  # fmt: skip
def test_when_the_present_pin_came(known: Line, pin: Pin, expected: int | None) -> None:
    found = arrival(known, WEB, pin)
    assert (int(found.commit, 16) if found else None) == expected


def test_two_hundred_commits_of_the_overlay_are_enough() -> None:
    touching = [{f"{OVERLAY}/x": str(at).encode()} for at in range(DEPTH + 1)]
    elsewhere = [{"apps/api/x": str(at).encode()} for at in range(DEPTH + 1)]
    assert enough(line(*touching, complete=False), OVERLAY)
    assert not enough(line(*touching[:-1], complete=False), OVERLAY)
    assert not enough(line(*elsewhere, complete=False), OVERLAY)
    assert enough(line(*touching[:2], complete=True), OVERLAY)


def test_what_is_older_than_two_hundred_commits_of_the_overlay_counts_for_nothing() -> None:
    later: list[Files] = [{f"{OVERLAY}/x": str(at).encode()} for at in range(DEPTH - 1)]
    assert told(line(tagged("1"), tagged("2"), *later)) == [(None, Pin("1")), (2, Pin("2"))]
    assert told(line(tagged("1"), tagged("2"), *later, {f"{OVERLAY}/x": b"last"})) == []
