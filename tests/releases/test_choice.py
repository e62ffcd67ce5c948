from __future__ import annotations

import pytest

from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, OnMove, PinShape, Rules
from gitops_bot.images.policy import Chosen
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.decisions import Change, Held, Kept
from tests.managed import alter, managed
from tests.tables import rows

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
WEB = managed("staging", "apps/web", "apps/web/kustomization.yaml", 3, "web", "docker.io/library/web")
SEMVER = kinds.Semver(">=1")
MAIN = kinds.Follow("main")
SHA = "sha-706798e"


def rules(
    policy: kinds.Policy | None = SEMVER, *, pin: PinShape = "tag+digest", on_move: OnMove | None = None
) -> Rules:
    return Rules(NamedPolicy("releases", policy, "config") if policy else None, pin, on_move)


def told(decision: object) -> tuple[object, ...]:
    """What a decision comes to: what is written and in which direction, or why nothing is."""
    match decision:
        case Change(entry=entry, before=before, after=after, source="policy", direction=direction, new_name=None):
            assert entry.key == WEB.key
            assert before != after
            return (direction, after)
        case Held(entry=entry, candidate=candidate, reason=reason):
            assert entry.key == WEB.key
            return (reason.code, candidate)
        case Kept(entry=entry, reason=reason):
            assert entry.key == WEB.key
            return (reason.code, entry.pin)
        case _:
            raise AssertionError(decision)


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (["linux/arm64"], "has lost linux/arm64 of v1.4.1"),
        ([f"linux/{number}" for number in range(12)], "linux/8, linux/9 and 2 more of v1.4.1"),
    ],
)
def test_the_platforms_that_an_image_has_lost_are_named(missing: list[str], text: str) -> None:
    reason = choice.incomplete("ghcr.io/acme/web", Pin("v1.4.1"), missing)
    assert reason.code == "held.platforms"
    assert reason.text.endswith(text)
    assert reason.data == {"platforms": ", ".join(missing)}


def test_an_image_that_does_not_say_what_it_is_built_for_is_held() -> None:
    reason = choice.unbuilt("ghcr.io/acme/web", Pin("v1.4.1"), (), ["linux/arm64"], None)
    text = "v1.4.1 of ghcr.io/acme/web does not say what it is built for, and `platforms` asks for linux/arm64"
    assert reason == Reason("held.platforms", text, {"platforms": "linux/arm64"})


@rows("shape present expected", {
    "both over both": ("tag+digest", Pin("1.0.0", A), Pin("1.1.0", B)),
    "a tag over both leaves no stale digest": ("tag", Pin("1.0.0", A), Pin("1.1.0")),
    "a digest over a digest": ("digest", Pin(None, A), Pin(None, B)),
    "a digest over both leaves no stale tag": ("digest", Pin("1.0.0", A), Pin("1.1.0", B)),
})  # fmt: skip
def test_a_pin_is_written_in_the_shape_that_is_asked_for(shape: PinShape, present: Pin, expected: Pin) -> None:
    assert choice.shaped(shape, present, "1.1.0", B) == expected


CHOSEN = Chosen("1.1.0", Reason("chosen", "1.1.0 is the highest of 2 tags"))
ADOPTED = Chosen("1.1.0", Reason("adopted", "latest has no order"))


@rows("applies present chosen digest expected", {
    "both": (rules(), Pin("1.0.0", A), CHOSEN, B, ("forward", Pin("1.1.0", B))),
    "a digest": (rules(pin="digest"), Pin(None, A), CHOSEN, B, ("forward", Pin(None, B))),
    "a first version": (rules(), Pin("latest", A), ADOPTED, B, ("adopted", Pin("1.1.0", B))),
    "noop: a digest": (rules(pin="digest"), Pin(None, B), CHOSEN, B, ("current", Pin(None, B))),
})  # fmt: skip
def test_an_entry_advances_to_what_its_policy_chose(
    applies: Rules, present: Pin, chosen: Chosen, digest: str | None, expected: tuple[object, ...]
) -> None:
    decision = choice.advance(alter(WEB, pin=present, rules=applies), chosen, digest)
    assert told(decision) == expected
    assert decision.reason.text == chosen.reason.text


@rows("applies present expected", {
    # The digest that `main` names is B.
    "along with it": (rules(MAIN), Pin("main", A), ("moved", Pin("main", B))),
    "from a digest, its tag is added": (rules(MAIN), Pin(None, A), ("moved", Pin("main", B))),
    "by digest alone": (rules(MAIN, pin="digest"), Pin(None, A), ("moved", Pin(None, B))),
    "by name alone from now on": (rules(MAIN, pin="tag"), Pin("main", A), ("moved", Pin("main"))),
    "to it, from another tag": (rules(MAIN), Pin("1.0.0", A), ("adopted", Pin("main", B))),
    "its digest is added": (rules(MAIN), Pin("main"), ("adopted", Pin("main", B))),
    "no digest is left behind": (rules(MAIN, pin="tag"), Pin("1.0.0", A), ("adopted", Pin("main"))),
    "a gate may hold it": (rules(MAIN, on_move="hold"), Pin("main", A), ("moved", Pin("main", B))),
    "hold is no start": (rules(MAIN, on_move="hold"), Pin("1.0.0", A), ("adopted", Pin("main", B))),
    # noop
    "noop: both": (rules(MAIN), Pin("main", B), ("current", Pin("main", B))),
    "noop: a digest": (rules(MAIN), Pin(None, B), ("current", Pin(None, B))),
    "noop: not moved": (rules(MAIN, pin="tag"), Pin("main", B), ("current", Pin("main", B))),
    "noop: by name": (rules(MAIN, pin="tag"), Pin("main"), ("current", Pin("main"))),
})  # fmt: skip
def test_one_tag_is_followed(applies: Rules, present: Pin, expected: tuple[object, ...]) -> None:
    assert told(choice.follow(alter(WEB, pin=present, rules=applies), "main", B)) == expected


MOVES = [
    # tag, policy, on_move, whether a move is followed
    pytest.param("1.0.0", SEMVER, None, False, id="a full version"),
    pytest.param(SHA, kinds.Pattern("^sha-", order="alphabetical"), None, False, id="a commit"),
    pytest.param("1.27", SEMVER, None, True, id="two numbers"),
    pytest.param("latest", SEMVER, None, True, id="latest"),
    pytest.param("main", None, None, True, id="a branch without a policy"),
    pytest.param("1.0.0", kinds.Follow("1.0.0"), None, True, id="a full version that is followed"),
    pytest.param("1.0.0", SEMVER, "follow", True, id="a full version, asked to follow"),
    pytest.param("latest", SEMVER, "hold", False, id="latest, asked to hold"),
    pytest.param("main", MAIN, "hold", False, id="a followed tag, asked to hold"),
]


@pytest.mark.parametrize(("tag", "policy", "on_move", "follows"), MOVES)
def test_a_tag_that_was_moved_is_followed_or_held(
    tag: str, policy: kinds.Policy | None, on_move: OnMove | None, follows: bool
) -> None:
    entry = alter(WEB, pin=Pin(tag, A), rules=rules(policy, on_move=on_move))
    assert choice.follows_moves(entry.rules, tag) is follows
    assert told(choice.stay(entry, B)) == ("moved", Pin(tag, B))
    assert told(choice.stay(entry, A)) == ("current", Pin(tag, A))
    assert choice.moves(entry.pin, Pin(tag, B))
    assert (choice.moved(entry, Pin(tag, B)) is None) is follows


def test_a_hold_says_what_moved_and_the_ways_out() -> None:
    reason = choice.moved(alter(WEB, pin=Pin("1.0.0", A), rules=rules()), Pin("1.0.0", B))
    assert reason is not None
    assert reason.code == "held.moved"
    assert reason.text == (
        "1.0.0 was moved in the registry: the pinned digest is sha256:aaaaaaaaaaaa, it now points to "
        "sha256:bbbbbbbbbbbb; "
        "publish a new tag, or set `on_move: follow`"
    )
    assert reason.data == {"pinned": A, "now": B}


@rows("present after", {
    "nothing changes": (Pin("1.0.0", A), Pin("1.0.0", A)),
    "another tag": (Pin("1.0.0", A), Pin("1.1.0", B)),
    "a digest is added": (Pin("1.0.0"), Pin("1.0.0", B)),
    "a digest is removed": (Pin("1.0.0", A), Pin("1.0.0")),
})  # fmt: skip
def test_nothing_else_is_a_moved_tag(present: Pin, after: Pin) -> None:
    assert not choice.moves(present, after)


@rows("policy present after back", {
    "a lower version": (SEMVER, Pin("1.1.0"), Pin("1.0.0"), True),
    "a lower version with the same bytes": (SEMVER, Pin("1.1.0", A), Pin("1.0.0", A), True),
    "by number": (kinds.Pattern("^b-(?P<n>[0-9]+)$", order="numerical"), Pin("b-10"), Pin("b-9"), True),
    "by letter": (kinds.Pattern("^v", order="alphabetical"), Pin("vb"), Pin("va"), True),
    "full versions without a policy": (None, Pin("1.1.0"), Pin("1.0.0"), True),
    "noop: higher": (SEMVER, Pin("1.0.0"), Pin("1.1.0"), False),
    "noop: equal": (SEMVER, Pin("1.0.0"), Pin("v1.0.0"), False),
    "noop: the same tag": (SEMVER, Pin("1.0.0", A), Pin("1.0.0", B), False),
    "noop: the present one has no order": (SEMVER, Pin("latest"), Pin("1.0.0"), False),
    "noop: the other one has no order": (SEMVER, Pin("1.0.0"), Pin("latest"), False),
    "noop: to a digest": (SEMVER, Pin("1.0.0", A), Pin(None, B), False),
    "noop: a policy without an order": (MAIN, Pin("1.1.0"), Pin("1.0.0"), False),
    "noop: no full versions without a policy": (None, Pin("1.1"), Pin("1.0"), False),
})  # fmt: skip
def test_a_step_back_is_seen_where_the_order_tells(
    policy: kinds.Policy | None, present: Pin, after: Pin, back: bool
) -> None:
    reason = choice.downgrade(policy, present, after)
    assert (reason is not None) is back
    if reason is not None:
        assert reason.code == "held.downgrade"
        assert reason.text == f"{after.tag} is older than {present.tag}, and downgrades are never automatic"
        assert reason.data == {"present": present.tag, "asked": after.tag}


@rows("before after policy expected", {
    "higher": (Pin("1.0.0"), Pin("1.1.0"), SEMVER, "forward"),
    "lower": (Pin("1.1.0"), Pin("1.0.0"), SEMVER, "backward"),
    "lower, without a policy": (Pin("1.1.0"), Pin("1.0.0"), None, "backward"),
    "without an order": (Pin("1.0.0"), Pin("fix"), SEMVER, "forward"),
    "the same tag": (Pin("1.0.0", A), Pin("1.0.0", B), SEMVER, "moved"),
    "a digest is added": (Pin("1.0.0"), Pin("1.0.0", B), SEMVER, "adopted"),
    "nothing was pinned": (Pin(), Pin("1.0.0", B), SEMVER, "adopted"),
    "from a digest to a tag": (Pin(None, A), Pin("1.0.0", B), SEMVER, "forward"),
    "from a tag to a digest": (Pin("1.0.0", A), Pin(None, B), SEMVER, "forward"),
})  # fmt: skip
def test_the_direction_of_what_was_asked_for(
    before: Pin, after: Pin, policy: kinds.Policy | None, expected: str
) -> None:
    assert choice.direction(before, after, policy) == expected
