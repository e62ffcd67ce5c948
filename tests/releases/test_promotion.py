from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images import kinds
from gitops_bot.images.kinds import NamedPolicy, PinShape, Rules
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose, promotion
from gitops_bot.releases.choice.promotion import Artifact, ByHand, Offer
from gitops_bot.releases.decisions import Change, Decision, Held, Kept
from gitops_bot.releases.history.trail import Run
from tests.managed import alter, managed
from tests.releases.past import START, WEB, A, B, C, commit, step
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGING = managed(
    "staging", "apps/web/overlays/staging", "apps/web/overlays/staging/kustomization.yaml", 2, "web", "r.test/x/w"
)
NOW = START + timedelta(hours=51)
NONE = timedelta(0)
V1, V2, V3 = Pin("1.0.0", A), Pin("1.1.0", B), Pin("1.2.0", C)


def rules(shape: PinShape = "tag+digest", policy: kinds.Policy | None = None, *, ignore: bool = False) -> Rules:
    return Rules(NamedPolicy("p", policy, "config") if policy else None, shape, ignore=ignore)


def running(pin: Pin, policy: kinds.Policy | None = None, at: int | None = 1, overlay: str = "s") -> Run:
    entry = alter(STAGING, overlay=overlay, rules=rules(policy=policy))
    return Run(entry, pin, step(at, {}) if at is not None else None, number=12)


def offer(source: Run, artifact: Artifact | None = None, wait: timedelta = NONE) -> Offer:
    return Offer(source, artifact, wait)


def promoted(
    present: Pin,
    artifact: Artifact,
    applies: Rules | None = None,
    source: Run | None = None,
    against: Sequence[Reason | None] = (),
    by_hand: ByHand | None = None,
    policy: NamedPolicy | None = None,
) -> Decision:
    entry = alter(WEB, pin=present, rules=applies or rules())
    offered = offer(source or running(artifact.pin), artifact)
    found: Decision = promotion.promote(entry, offered, artifact, NOW)
    reasons_against = (
        promotion.downgrade(entry, offered),
        promotion.moved(entry, offered),
        promotion.absent(entry, offered),
        choose.outside(policy, entry, artifact.pin.tag) if policy is not None else None,
        *against,
    )
    for reason in reasons_against:
        found = promotion.hold_for(found, offered, reason, by_hand, NOW)
    return found


@rows("present source applies release_tag expected", {
    "equal": (V1, V1, rules(), False, "current"),
    "equal but for what is not pinned here": (Pin("1"), Pin("1", A), rules("tag"), False, "current"),
    "the digest alone is pinned here": (Pin(None, A), V1, rules("digest"), False, "current"),
    "the version tag of the same bytes": (V1, Pin("sha-abc1234", A), rules(), True, "current"),
    "ignored": (V1, V2, rules(ignore=True), False, "ignored"),
    "the source pins nothing": (V1, Pin(), rules(), False, "nothing_new"),
    "the same tag, other bytes": (V1, Pin("1.0.0", B), rules(), False, None),
    "a digest less, which is to be resolved": (V1, Pin("1.0.0"), rules(), False, None),
    "equal, but no version tag yet": (Pin("sha-a", A), Pin("sha-a", A), rules(), True, None),
    "a version tag of other bytes": (V1, Pin("sha-b", B), rules(), True, None),
})  # fmt: skip
def test_what_needs_no_registry(
    present: Pin, source: Pin, applies: Rules, release_tag: bool, expected: str | None
) -> None:
    found = promotion.settle(alter(WEB, pin=present, rules=applies), [running(source)], release_tag=release_tag)
    assert (found.reason.code if found else None) == expected


def test_a_tag_never_stands_beside_bytes_that_it_did_not_name() -> None:
    found = promotion.untagged(alter(WEB, pin=V1), running(Pin(None, B)))
    assert found is not None
    assert found.code == "held.no_release_tag"


def test_a_digest_is_never_lost() -> None:
    found = promotion.no_room(alter(WEB, pin=V1, rules=alter(rules("tag"), no_room=True)), running(V2))
    assert found is not None
    assert found.code == "held.no_digest"
    assert promotion.no_room(alter(WEB, pin=V1), running(V2)) is None


def test_what_the_source_holds_is_held_here_with_its_reason_as_long_as_there() -> None:
    found = promotion.held_in_source(offer(running(V2)), Reason("held.hold", "it leaks", {"why": "it leaks"}, NOW))
    text, data = "1.1.0 is held in staging itself: it leaks", {"why": "it leaks", "source": "staging"}
    assert found == Reason("held.hold", text, data, NOW)


def test_all_that_holds_a_pin_is_told_and_what_lasts_longest_first() -> None:
    against = [promotion.unsoaked(offer(running(V1), wait=timedelta(hours=3)), START + timedelta(hours=2), "")]
    found = promoted(V2, Artifact(V1, False), against=against)
    assert isinstance(found, Held)
    assert [reason.code for reason in found.reasons] == ["held.downgrade", "held.absent_in_target", "held.soak"]
    assert found.candidate == V1
    assert isinstance(promoted(V2, Artifact(V2, True), against=against), Kept), (
        "what is already pinned waits for nothing"
    )


RELEASES = NamedPolicy("releases", kinds.Semver(">=1.0.0"), "config")
CANDIDATE = Pin("1.1.0-rc.1", B)
OUTSIDE = "1.1.0-rc.1 does not match policy `releases` of web in production"
SOAKING = "soaks in staging for 3h, since 2026-08-01 11:00 UTC: open on Sat 2026-08-01 14:00 UTC"


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        pytest.param(
            ByHand(),
            {"held.policy": f"{OUTSIDE}; `--beyond-policy` promotes it anyway",
             "held.soak": f"{SOAKING}; `--now` promotes it anyway"},
            id="neither",
        ),
        pytest.param(
            ByHand(beyond_policy=True), {"held.soak": f"{SOAKING}; `--now` promotes it anyway"}, id="beyond the policy"
        ),
        pytest.param(
            ByHand(now=True), {"held.policy": f"{OUTSIDE}; `--beyond-policy` promotes it anyway"}, id="at once"
        ),
        pytest.param(ByHand(beyond_policy=True, now=True), {}, id="both"),
    ],
)  # fmt: skip
def test_a_person_who_promotes_says_what_to_go_beyond(by_hand: ByHand, expected: dict[str, str]) -> None:
    against = [promotion.unsoaked(offer(running(CANDIDATE), wait=timedelta(hours=3)), START + timedelta(hours=2), "")]
    found = promoted(V1, Artifact(CANDIDATE, True), against=against, by_hand=by_hand, policy=RELEASES)
    if isinstance(found, Held):
        assert {reason.code: reason.text for reason in found.reasons} == expected
    else:
        assert isinstance(found, Change)
        assert found.reason.data["beyond"] == "held.policy, held.soak"
        told = f"{OUTSIDE}, promoted anyway (`--beyond-policy`); {SOAKING}, promoted anyway (`--now`); staging has run"
        assert found.reason.text.startswith(told)
    assert isinstance(found, Held) is bool(expected)


@pytest.mark.parametrize(("tag", "held"), [("1.1.0", False), ("1.1.0-rc.1", True)])
def test_the_policy_judges_the_tag_that_is_written(tag: str, held: bool) -> None:
    found = promoted(V1, Artifact(Pin(tag, B), True, renamed=True), by_hand=ByHand(), policy=RELEASES)
    assert isinstance(found, Held) is held


@pytest.mark.parametrize("by_hand", [ByHand(), ByHand(beyond_policy=True, now=True)])
def test_a_step_back_has_no_option_to_promote_it_anyway(by_hand: ByHand) -> None:
    found = promoted(V2, Artifact(V1, False), by_hand=by_hand)
    assert isinstance(found, Held)
    assert "promotes it anyway" not in found.reason.text


@rows("present artifact applies direction after", {
    "tag and digest of the source": (V1, Artifact(V2, True), rules(), "forward", V2),
    "the source's digest": (V1, Artifact(Pin("1.0.0", B), True), rules(), "moved", Pin("1.0.0", B)),
    "a digest for the tag": (Pin("1.0.0"), Artifact(V1, True), rules(), "adopted", V1),
    "half a pin, not none": (Pin(None, A), Artifact(Pin("2"), True), rules("digest"), "forward", Pin("2")),
    "a tag alone": (V1, Artifact(V2, True), rules("tag"), "forward", Pin("1.1.0")),
    "a digest alone": (Pin(None, A), Artifact(V2, True), rules("digest"), "moved", Pin(None, B)),
    "in step with the tag that is there": (V1, Artifact(V2, True), rules("digest"), "forward", V2),
})  # fmt: skip
def test_an_entry_gets_what_the_source_runs(
    present: Pin, artifact: Artifact, applies: Rules, direction: str, after: Pin
) -> None:
    found = promoted(present, artifact, applies)
    assert isinstance(found, Change)
    assert (found.entry.key, found.before, found.after, found.source, found.direction, found.new_name) == (
        WEB.key,
        present,
        after,
        "promotion",
        direction,
        None,
    )
    assert found.reason.code == "promoted"


@rows("present artifact applies source code", {
    "an older version": (V2, Artifact(V1, True), rules(), None, "held.downgrade"),
    "by the target's policy": (
        Pin("2", A), Artifact(Pin("1", B), True), rules(policy=kinds.Semver("*")), None, "held.downgrade",
    ),
    "by the source's policy, where the target has none": (
        Pin("main-2", A), Artifact(Pin("main-1", B), True), rules(),
        running(Pin("main-1", B), kinds.Pattern(r"^main-(\d+)$", order="alphabetical")), "held.downgrade",
    ),
    "not in the target": (V1, Artifact(V2, False), rules(), None, "held.absent_in_target"),
    "resolved to what is there": (V2, Artifact(V2, True, "resolved"), rules(), None, "current"),
    "a digest beside the tag": (V1, Artifact(V1, True, renamed=True), rules("tag"), None, "current"),
})  # fmt: skip
def test_an_entry_stays(present: Pin, artifact: Artifact, applies: Rules, source: Run | None, code: str) -> None:
    found = promoted(present, artifact, applies, source)
    assert isinstance(found, Held | Kept)
    assert found.reason.code == code


@rows("present pin", {
    "the same tag is no older one": (Pin("main-1", A), Pin("main-1", B)),
    "nothing to compare here": (Pin(None, A), Pin("main-1", B)),
})  # fmt: skip
def test_the_sources_order_holds_only_what_it_knows_to_be_older(present: Pin, pin: Pin) -> None:
    source = running(pin, kinds.Pattern(r"^main-(\d+)$", order="alphabetical"))
    assert isinstance(promoted(present, Artifact(pin, True), rules(), source), Change)


def test_the_targets_own_order_beats_the_sources() -> None:
    """By letters sha-b comes before sha-c; what the target says of versions counts."""
    source = running(V2, kinds.Pattern(r"^.*(?P<key>[ab])$", order="alphabetical"))
    assert isinstance(promoted(V1, Artifact(V2, True), rules(policy=kinds.Semver("*")), source), Change)


@pytest.mark.parametrize(
    ("artifact", "applies", "source", "text", "data"),
    [
        pytest.param(Artifact(V2, True), rules(), running(V2),
            "staging has run 1.1.0 for 2 days, since 2026-08-01 11:00 UTC, as release 12 (0000000000)",
            {"source": "staging", "release": commit(1), "since": "2026-08-01T11:00:00Z"}, id="copied"),
        pytest.param(Artifact(V2, True), rules(), running(V2, at=None), "staging runs 1.1.0",
            {"source": "staging", "release": None, "since": None}, id="older than what is known"),
        pytest.param(
            Artifact(V2, True),
            rules(),
            alter(running(V2), left=step(4, {}), ahead=2),
            "staging ran 1.1.0 for 3 hours, from 2026-08-01 11:00 UTC, as release 12 (0000000000); "
            "staging is 2 releases ahead of 1.1.0, which soaked long enough",
            {"source": "staging", "release": commit(1), "since": "2026-08-01T11:00:00Z", "ahead": 2},
            id="the newest that ran for long enough",
        ),
        pytest.param(Artifact(V2, True, renamed=True), rules(), running(Pin("sha-1", B), at=None),
            "staging runs sha-1; the same bytes are tagged 1.1.0",
            {"source": "staging", "release": None, "since": None}, id="by its version tag"),
        pytest.param(
            Artifact(V2, True, "rebuilt", revision="f" * 40),
            rules(),
            running(Pin("sha-1", C), at=None),
            "rebuilt, not the bytes that were tested: 1.1.0 was built again from revision ffffffffffff; "
            "staging runs sha-1",
            {"source": "staging", "release": None, "since": None, "rebuilt": 1, "revision": "f" * 40},
            id="rebuilt, said first",
        ),
        pytest.param(
            Artifact(V2, True),
            rules("tag"),
            running(V2, at=None),
            "staging runs 1.1.0; `pin: tag` leaves out sha256:bbbbbbbbbbbb, so if the tag moves, other bytes are "
            "deployed",
            {"source": "staging", "release": None, "since": None},
            id="a digest is not lost in silence",
        ),
    ],
)  # fmt: skip
def test_reviewers_are_told_what_ships_and_how_it_was_tested(
    artifact: Artifact, applies: Rules, source: Run, text: str, data: dict[str, str | int | None]
) -> None:
    found = promoted(V1, artifact, applies, source)
    assert isinstance(found, Change)
    assert found.reason == Reason("promoted", text, data)


def test_a_pin_of_before_that_is_held_says_how_far_the_source_is_ahead() -> None:
    found = promoted(V1, Artifact(V2, False), source=alter(running(V2), left=step(4, {}), ahead=1))
    assert isinstance(found, Held)
    assert found.reason.text.endswith("; staging is 1 release ahead of 1.1.0, which soaked long enough")


@rows("revision said", {
    "of the digest": (None, f"points to the digest that staging runs (sha-1@{B})"),
    "of the revision": ("f" * 40, f"points to an image of revision ffffffffffff (sha-1@{B})"),
})  # fmt: skip
def test_without_a_version_tag_nothing_is_promoted(revision: str | None, said: str) -> None:
    found = promotion.no_release_tag(alter(WEB, pin=V1), running(Pin("sha-1", B)), revision)
    assert (found.reason.code, found.candidate) == ("held.no_release_tag", Pin("sha-1", B))
    assert said in found.reason.text


def test_several_overlays_of_the_source_speak_with_one_voice_by_the_last_that_changed() -> None:
    found = promotion.common_run(alter(WEB, pin=V1), [running(V2, at=3), running(V2, at=7), running(V2, at=5)])
    assert isinstance(found, Run)
    assert found.arrived is not None
    assert found.arrived.commit == commit(7)
    unknown = promotion.common_run(alter(WEB, pin=V1), [running(V2, at=3), running(V2, at=None)])
    assert isinstance(unknown, Run)
    assert unknown.arrived is None


@pytest.mark.parametrize(
    ("overlays", "text"),
    [
        ("eu us", "staging runs several different pins, and all of them ran no other: 1.1.0 in eu, 1.2.0 in us"),
        ("eu eu",
            ("staging pins docker.io/library/web differently: 1.1.0 of web ({0}:2), 1.2.0 of web ({0}:2); pin the "
             "same, or give this entry the name of the one that it stands for, or a `policy` of its own")),
    ],
    ids=["in several overlays", "in one overlay"],
)  # fmt: skip
def test_a_source_with_several_pins_promotes_nothing(overlays: str, text: str) -> None:
    runs = [running(pin, overlay=overlay) for pin, overlay in zip((V2, V3), overlays.split(), strict=True)]
    found = promotion.common_run(alter(WEB, pin=V1), runs)
    assert isinstance(found, Held)
    assert found.reason == Reason("held.unordered", text.format(STAGING.file), {"source": "staging"})


@pytest.mark.parametrize(("count", "end"), [(5, "1.0.0 in 4"), (7, "1.0.0 in 4 and 2 more")])
def test_of_many_overlays_the_first_are_named(count: int, end: str) -> None:
    several = [running(V2 if at == 0 else V1, overlay=str(at)) for at in range(count)]
    found = promotion.common_run(alter(WEB, pin=V1), several)
    assert isinstance(found, Held)
    assert found.reason.text.endswith(end)
