"""Every gate: the situations that it holds, those that it lets pass, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.engine.gates import CARRIED, PINS, POLL, POLL_SOURCE, PROMOTE, ROLL_BACK
from gitops_bot.engine.request import Poll, Promote, Request, RollBack
from gitops_bot.images.build import Build, Child, Manifest
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import required
from gitops_bot.releases.choice.promotion import ByHand
from tests.engine.situations import (
    BY_HAND,
    CHART,
    ONE,
    REVISION,
    THREE,
    TWO,
    alone,
    assigned,
    chain,
    decided,
    deleted,
    described,
    expect,
    fails,
    is_a,
    no_token,
    pushed,
    reported,
    runs,
    shallow,
    started,
    too_large,
    updated,
    writes,
)
from tests.engine.world import A, B, C, D, Shop, commit_id, deployment, forge_is_down, overlay, path, refused
from tests.tables import rows

if TYPE_CHECKING:
    import pytest

    from tests.engine.situations import Event

PASSES = "forward 1.1.0 promoted: staging has run 1.1.0 for ..."
SOAK = "soaks in staging for 25d, since 2026-11-05 12:00 UTC: open on Mon 2026-11-30 12:00 UTC"
DOWNGRADE = "1.0.0 is older than 1.1.0, and downgrades are never automatic"
REVERTED = "went back from 1.1.0 in 0404040404 on 2026-11-20 by Ann (`--release-hold` allows it again)"
HOLD = "held until 2026-12-01 (a fair) by gitops-bot.yaml:7"
newer = runs("staging", TWO, 20)
came_and_went = (runs("dev", TWO, 20), runs("staging", TWO, 10), runs("dev", ONE, 5))
beyond = (pushed("2.0.0", D), runs("dev", Pin("2.0.0", D), 3))
at_1 = chain(production=', policy: {semver: "1.x"}')
long_soak = chain(production=", soak: 25d")
held_here = chain(holds="environments: [production]")

#: What happens, the request, the configuration: the gates that change the decision, and the decision.
PROMOTIONS: dict[str, tuple[tuple[Event, ...], Any, str, str, str]] = {
    "newer": ((newer,), Poll(), chain(), "", PASSES),
    "older": ((runs("staging", TWO, 25), runs("production", TWO, 25), runs("staging", ONE, 2)), Poll(), chain(),
        "no step back", f"held 1.0.0 held.downgrade: {DOWNGRADE}"),
    "older, by hand": ((runs("staging", TWO, 25), runs("production", TWO, 25), runs("staging", ONE, 2)), BY_HAND,
        chain(), "no step back", f"held 1.0.0 held.downgrade: {DOWNGRADE}"),
    "the source's tag was moved": ((writes("staging", overlay({"r.test/web": Pin("1.0.0")})), pushed("1.0.0", D)),
        Poll(), chain(), "source's tag not moved",
        "held 1.0.0 held.moved: 1.0.0 was moved in the registry: the pinned digest is sha256:aaaaaaaaaaaa, it now ...",
    ),
    "deleted": ((newer, deleted("1.1.0")), Poll(), chain(), "in the target's registry",
        f"held 1.1.0 held.absent_in_target: r.test/web does not have {B}, which staging runs; it was deleted: push ...",
    ),
    "not copied": (
        (
            writes("production", f"images: [{{name: r.test/web, newName: r.test/prod, newTag: 1.0.0, digest: '{A}'}}]"),
            newer,
        ),
        Poll(),
        chain(),
        "in the target's registry",
        (
            f"held 1.1.0 held.absent_in_target: r.test/prod does not have {B}, which staging runs from "
            "r.test/web; copy ..."
        ),
    ),
    "the tag alone names other bytes": ((newer, pushed("1.1.0", D), pushed("x", B)), Poll(),
        chain(production=", pin: tag"), "in the target's registry",
        f"held 1.1.0 held.absent_in_target: r.test/web does not have 1.1.0 for {B} ..."),
    "a tag that is gone": ((runs("staging", Pin("1.1.5"), 3),), Poll(), chain(production=", pin: tag"),
        "in the target's registry",
        "held 1.1.5 held.absent_in_target: r.test/web does not have 1.1.5, which staging runs; it was deleted ..."),
    "no tag": ((runs("staging", Pin(None, B), 3),), Poll(), chain(), "has a tag",
        "held sha256:bbbbbbbbbbbb held.no_release_tag: staging pins a digest without a tag, so the tag 1.0.0 would ...",
    ),
    "soaking": ((newer,), Poll(), long_soak, "soaked", f"held 1.1.0 held.soak: {SOAK}"),
    "soaking, by hand": ((newer,), BY_HAND, long_soak, "soaked",
        f"held 1.1.0 held.soak: {SOAK}; `--now` promotes it anyway"),
    "soaking, with --now": ((newer,), Promote("staging", ByHand(now=True)), long_soak, "soaked",
        f"forward 1.1.0 promoted: {SOAK}, promoted anyway (`--now`); staging has run 1.1.0 for 20 days ..."),
    "soaking, with another option": ((newer,), Promote("staging", ByHand(beyond_policy=True, beyond_checks=True)),
        long_soak, "soaked", f"held 1.1.0 held.soak: {SOAK}; `--now` promotes it anyway"),
    "soaked to the minute": ((newer,), Poll(), chain(production=", soak: 20d"), "", PASSES),
    "an earlier one soaked": ((newer, runs("staging", THREE, 1)), Poll(), chain(production=", soak: 7d"), "",
        "forward 1.1.0 promoted: staging ran 1.1.0 for 19 days, from 2026-11-05 12:00 UTC, as release 0202020202; ...",
    ),
    "soaking since nobody knows when": ((shallow,), Poll(), chain(production=", soak: 7d"), "soaked",
        "held 1.1.0 held.history_bound: it must run in staging for 7d first, and the known history does not show ..."),
    "held in the source": ((newer,), Poll(), chain(holds="environments: [staging], image: r.test/web"),
        "not held in the source", f"held 1.1.0 held.hold: 1.1.0 is held in staging itself: {HOLD}"),
    "its source is frozen": ((newer,), Poll(), chain(holds="environments: [staging]"), "", PASSES),
    "its source is frozen, an earlier one soaked": ((newer, runs("staging", THREE, 1)), Poll(),
        chain(production=", soak: 7d", holds="environments: all, except: [r.test/web]"), "",
        "forward 1.1.0 promoted: staging ran 1.1.0 for 19 days, from 2026-11-05 12:00 UTC, as release 0202020202; ...",
    ),
    "outside the policy": (beyond, Promote("dev", ByHand()), at_1, "admitted by the policy",
        "held 2.0.0 held.policy: 2.0.0 does not match semver 1.x of r.test/web in production; `--beyond-policy` ..."),
    "outside the policy, and meant": (beyond, Promote("dev", ByHand(beyond_policy=True)), at_1,
        "admitted by the policy",
        "forward 2.0.0 promoted: past staging, which runs 1.0.0; 2.0.0 does not match ... (`--beyond-policy`); dev ...",
    ),
    "outside the policy of the environment, from its own source": (
        (pushed("2.0.0", D), runs("staging", Pin("2.0.0", D), 3)), BY_HAND, at_1, "", "forward 2.0.0 promoted: ..."),
    "outside the policy of the image": ((pushed("2.0.0", D), runs("staging", Pin("2.0.0", D), 3)), BY_HAND,
        chain(production=', images: {r.test/web: {policy: {semver: "1.x"}}}'), "admitted by the policy",
        "held 2.0.0 held.policy: 2.0.0 does not match semver 1.x of r.test/web in production; `--beyond-policy` ..."),
    "ignored": ((newer,), BY_HAND, chain(production=", ignore: true"), "", "kept ignored: ... has `ignore: true`"),
    "ignored, and named": ((newer,), Promote("staging", ByHand(), ("r.test/web",)),
        chain(production=", ignore: true"), "not ignored",
        "held nothing ignored: the configuration has `ignore: true`"),
    "an earlier wave went back": (came_and_went, Poll(), chain(), "no wave went back from it",
        f"held 1.1.0 held.reverted: dev {REVERTED}"),
    "an earlier wave went back, and forward": ((*came_and_went, runs("dev", TWO, 2)), Poll(), chain(), "", PASSES),
    "an earlier wave went back, from something older": (
        (*came_and_went, runs("dev", THREE, 3), runs("staging", THREE, 2)), Poll(), chain(), "",
        "forward 1.2.0 promoted: ..."),
    "an earlier wave went back, and the source has a policy of its own": (came_and_went, Poll(),
        chain(staging=", images: {r.test/web: {policy: releases}}"), "", PASSES),
    "on hold": ((newer,), Poll(), held_here, "declared hold", f"held 1.1.0 held.hold: {HOLD}"),
    "on hold by its name": ((newer,), Poll(), chain(holds="environments: [production], image: r.test/web"),
        "declared hold", f"held 1.1.0 held.hold: {HOLD}"),
    "the hold ended": ((newer,), Poll(), held_here.replace("2026-12-01", "2026-11-01"), "", PASSES),
    "nothing to hold": ((), Poll(), held_here, "declared hold", f"held nothing held.hold: {HOLD}"),
    "on hold, and soaking": ((newer,), Poll(), chain(production=", soak: 25d", holds="environments: [production]"),
        "soaked, declared hold", f"held 1.1.0 held.hold: {HOLD}; also: {SOAK}"),
    "left by going back": ((newer, runs("production", TWO, 20), runs("production", ONE, 5)), Poll(), chain(),
        "left before",
        "held 1.1.0 held.reverted: rolled back to 1.0.0 in 0404040404 on 2026-11-20 by Ann (`--release-hold` ..."),
    "left long before what is known": ((shallow,), Poll(), chain(), "left before",
        "held 1.1.0 held.history_bound: too little history (0 of ..."),
}  # fmt: skip


@rows("events what text gates expected", PROMOTIONS)
def test_what_a_source_runs_is_held_for_a_reason(
    events: tuple[Event, ...], what: Any, text: str, gates: str, expected: str
) -> None:
    expect(decided(started(text, *events), what), (gates, expected))


@rows("text events", {
    "on hold": (held_here, (newer,)),
    "an earlier wave went back": (chain(), came_and_went),
    "left by going back": (chain(), (newer, runs("production", TWO, 20), runs("production", ONE, 5))),
})  # fmt: skip
def test_a_person_releases_what_is_on_hold(text: str, events: tuple[Event, ...]) -> None:
    for what in (Poll(), BY_HAND):
        expect(decided(started(text, *events), what, release_hold=True), ("", PASSES))


proposed = (newer, updated("production"))


@rows("events text expected", {
    "an earlier wave went back": (
        (*proposed, runs("dev", TWO, 15), runs("dev", ONE, 5)), chain(),
        f"withdrawn 1.1.0 held.reverted: dev {REVERTED}",
    ),
    "deleted": ((*proposed, deleted("1.1.0")), chain(), "withdrawn 1.1.0 held.absent_in_target: ..."),
    "no image": ((*proposed, is_a(B, CHART)), chain(), "withdrawn 1.1.0 held.no_image: ..."),
    "the source went back": ((*proposed, runs("staging", ONE, 2)), chain(), "kept current: staging runs the same pin"),
    "the source went below what is pinned": (
        (*proposed, pushed("0.9.0", D), runs("staging", Pin("0.9.0", D), 2)), chain(),
        "withdrawn 0.9.0 held.downgrade: ...",
    ),
    "the source went back, and that has to soak": (
        (*proposed, pushed("1.0.5", D), runs("staging", Pin("1.0.5", D), 2)), chain(production=", soak: 7d"),
        "withdrawn 1.0.5 held.soak: ...",
    ),
    "still soaking, and promoted by hand": (
        (newer, updated("production", Promote("staging", ByHand(now=True)))), long_soak, "held 1.1.0 held.soak: ...",
    ),
    "only something newer has to soak": (
        (*proposed, runs("staging", THREE, 2)), chain(production=", soak: 7d"), "forward 1.1.0 promoted: ...",
    ),
    "something newer is held": (
        (*proposed, runs("staging", THREE, 2), deleted("1.2.0")), chain(), "held 1.2.0 held.absent_in_target: ...",
    ),
    "something newer is held, and the source ran something older meanwhile": (
        (*proposed, runs("staging", THREE, 9), deleted("1.2.0"), runs("staging", ONE, 5), runs("staging", THREE, 2)),
        chain(), "withdrawn 1.2.0 held.absent_in_target: ...",
    ),
})  # fmt: skip
def test_what_is_proposed_is_withdrawn_once_nobody_vouches_for_it(
    events: tuple[Event, ...], text: str, expected: str
) -> None:
    ((_, line),) = decided(started(text, *events))
    expect([("", line)], ("", expected))


INDEX = Manifest("index", None, (Child(A, "image", "linux/amd64"), Child(D, "image", "linux/arm64")))
NESTED = Manifest("index", None, (Child(D, "image", "linux/amd64", nested=True),))
BOTH, ONLY = Build(platforms=("linux/amd64", "linux/arm64")), Build(platforms=("linux/amd64",))
lost, fewer = is_a(B, INDEX), described(a=BOTH, b=ONLY)


def on(names: str) -> str:
    return chain(production=f", platforms: [{names}]")


@rows("events text gates expected", {
    "a chart": (
        (is_a(B, CHART),), chain(), "platforms",
        "held 1.1.0 held.no_image: 1.1.0 of r.test/web is no image, but a Helm chart: push such things to a ...",
    ),
    "a chart, as what is pinned": ((is_a(B, CHART), is_a(A, CHART)), chain(), "", PASSES),
    "a chart, as what was pinned": (
        (is_a(B, CHART), is_a(A, CHART), deleted("1.0.0")), chain(), "platforms", "held 1.1.0 held.no_image: ...",
    ),
    "a part of the index is gone": (
        (lost,), chain(), "platforms",
        f"held 1.1.0 held.platforms: r.test/web has lost linux/arm64 of 1.1.0@{B}; push it again, and keep ...",
    ),
    "a part is gone that is wanted": (
        (lost,), on("linux/arm64"), "platforms", "held 1.1.0 held.platforms: r.test/web has lost linux/arm64 ...",
    ),
    "a part is gone that nobody wants": ((lost,), on("linux/amd64"), "", PASSES),
    "for less than what is pinned": (
        (fewer,),
        chain(),
        "platforms",
        (
            "held 1.1.0 held.platforms: 1.1.0 of r.test/web is not built for linux/arm64, and what is pinned "
            "(1.0.0) ..."
        ),
    ),
    "for less than what was pinned": ((fewer, is_a(A, Manifest("image")), deleted("1.0.0")), chain(), "", PASSES),
    "the registry fails about what is pinned": ((fewer, fails(f"exists {A}", refused())), chain(), "", PASSES),
    "for more than what is pinned": ((described(a=ONLY, b=BOTH),), chain(), "", PASSES),
    "for what is wanted": ((fewer,), on("linux/amd64"), "", PASSES),
    "not for what is wanted": (
        (fewer,), on("linux/s390x"), "platforms",
        "held 1.1.0 held.platforms: 1.1.0 of r.test/web is not built for linux/s390x, which `platforms` asks ...",
    ),
    "nobody knows what for": (
        (fewer, fails(f"describe {B}", refused())), chain(), "platforms",
        f"{PASSES}; which platforms it is built for is unknown, and what is pinned is for linux/amd64, linux/arm64",
    ),
    "nobody knows whether for what is wanted": (
        (fewer, fails(f"describe {B}", refused())), on("linux/amd64"), "platforms",
        "failed failed.registry: it is down; wait",
    ),
    "it does not say what it is for": (
        (described(a=BOTH, b=Build()),), on("linux/amd64"), "platforms",
        "held 1.1.0 held.platforms: 1.1.0 of r.test/web does not say what it is built for, and ...",
    ),
    "for what an index in its index is for": (
        (pushed("x", D), is_a(B, NESTED), is_a(A, INDEX), is_a(D, INDEX)), chain(), "", PASSES,
    ),
    "nobody knows what the pinned one is for": ((fewer, fails(f"describe {A}", refused())), chain(), "", PASSES),
    "the registry is down while it soaks": (
        (fails(f"exists {B}", refused()),), long_soak, "soaked", f"held 1.1.0 held.soak: {SOAK}",
    ),
    "the registry is down": (
        (fails(f"exists {B}", refused()),), chain(), "", "failed failed.registry: it is down; wait",
    ),
})  # fmt: skip
def test_what_cannot_be_pulled_on_each_platform_is_held(
    events: tuple[Event, ...], text: str, gates: str, expected: str
) -> None:
    expect(decided(started(text, newer, *events)), (gates, expected))


MOVED = "held 1.0.0 held.moved: 1.0.0 was moved in the registry: the pinned digest is sha256:aaaaaaaaaaaa, it now ..."
now_at_2 = runs("production", TWO, 2)
OLDER = "1.0.0 is older than 1.1.0, which is pinned; `--allow-downgrade` sets it anyway"


@rows("events what gates expected", {
    "newer": ((), assigned(Pin("1.2.0")), "", "forward 1.2.0 set: set to 1.2.0 by hand or by a pipeline"),
    "older": ((now_at_2,), assigned(Pin("1.0.0")), "no step back", f"held 1.0.0 held.downgrade: {OLDER}"),
    "older, by its digest": ((now_at_2,), assigned(ONE), "no step back", f"held 1.0.0 held.downgrade: {OLDER}"),
    "older, and meant": ((now_at_2,), assigned(Pin("1.0.0"), allow_downgrade=True), "", "backward 1.0.0 set: ..."),
    "older, of another repository": (
        (now_at_2, pushed("1.0.0", A, "r.test/other")), assigned(Pin("1.0.0"), new_name="r.test/other"), "",
        "backward 1.0.0 set: ...",
    ),
    "moved": ((pushed("1.0.0", D),), assigned(Pin("1.0.0")), "tag not moved", MOVED),
    "moved, by its digest": (
        (pushed("1.0.0", D),), assigned(Pin("1.0.0", D)), "", f"moved 1.0.0 set: set to 1.0.0@{D} ...",
    ),
    "moved, and meant": (
        (pushed("1.0.0", D),), assigned(Pin("1.0.0"), allow_downgrade=True), "", "moved 1.0.0 set: ...",
    ),
    "a chart": (
        (is_a(C, CHART),), assigned(Pin("1.2.0")), "platforms",
        "held 1.2.0 held.no_image: ...; with its digest (`1.2.0@sha256:...`) it is set anyway",
    ),
    "a chart, by its digest": ((is_a(C, CHART),), assigned(THREE), "", "forward 1.2.0 set: ..."),
    "a chart of another repository": (
        (pushed("1.2.0", D, "r.test/other"), is_a(D, CHART)), assigned(Pin("1.2.0"), new_name="r.test/other"),
        "platforms", "held 1.2.0 held.no_image: 1.2.0 of r.test/other is no image, but a Helm chart: ...",
    ),
})  # fmt: skip
def test_what_a_person_sets_is_no_step_back_unless_it_is_meant(
    events: tuple[Event, ...], what: Any, gates: str, expected: str
) -> None:
    expect(decided(started(alone(), *events), what), (gates, expected))


@rows("rules events gates expected", {
    "a newer version": ("policy: releases", (), "", "forward 1.2.0 chosen: highest version of 3 that match ..."),
    "moved": ("policy: releases", (deleted(), pushed("1.0.0", D)), "tag not moved", MOVED),
    "moved, which may": (
        "policy: releases, on_move: follow", (deleted(), pushed("1.0.0", D)), "",
        "moved 1.0.0 chosen: 1.0.0 was moved: it now points to sha256:dddddddddddd",
    ),
    "a followed tag moved": (
        "policy: {digest: stable}", (runs("production", Pin("stable", A), 3), pushed("stable", D)), "",
        "moved stable chosen: stable now points to sha256:dddddddddddd",
    ),
    "a followed tag moved, which may not": (
        "policy: {digest: stable}, on_move: hold", (runs("production", Pin("stable", A), 3), pushed("stable", D)),
        "tag not moved", MOVED.replace("1.0.0", "stable"),
    ),
})  # fmt: skip
def test_a_tag_that_moved_is_held_unless_it_may(
    rules: str, events: tuple[Event, ...], gates: str, expected: str
) -> None:
    expect(decided(started(alone(rules), *events)), (gates, expected))


BACK = "back to release 1 (0101010101) of 2026-10-26 12:00 UTC, by Ann"
TWO_PARTS = Manifest("index", None, (Child(B, "image", "linux/amd64"), Child(D, "image", "linux/arm64")))


@rows("events what gates expected", {
    "there": ((newer,), RollBack(), "", f"backward 1.0.0 rolled_back: {BACK}"),
    "gone": (
        (newer, deleted()), RollBack(), "in the registry",
        f"held 1.0.0 held.vanished: r.test/web no longer has 1.0.0@{A}; choose another release with `--to`",
    ),
    "its tag is gone": (
        (runs("staging", Pin("1.0.0"), 9), runs("staging", TWO, 8), deleted()), RollBack(), "in the registry",
        "held 1.0.0 held.vanished: r.test/web no longer has 1.0.0; choose another release with `--to`",
    ),
    "only its tag is asked for": (
        (runs("staging", Pin("1.0.0"), 9), runs("staging", TWO, 8)), RollBack(), "", "backward 1.0.0 rolled_back: ...",
    ),
    "a part is gone": (
        (newer, is_a(A, TWO_PARTS)), RollBack(), "in the registry",
        f"held 1.0.0 held.platforms: r.test/web has lost linux/arm64 of 1.0.0@{A}; choose another release ...",
    ),
    "nobody knows": (
        (newer, fails("manifest", refused())), RollBack(), "in the registry",
        "failed failed.registry: it is down; wait",
    ),
    "nobody is asked": (
        (newer, deleted()), Request(RollBack(), offline=True), "",
        f"backward 1.0.0 rolled_back: {BACK}; not looked up in the registry (--offline)",
    ),
    "left by going back": (
        (newer, runs("staging", ONE, 19)), RollBack(), "left before",
        "held 1.1.0 held.reverted: rolled back to 1.0.0 in 0303030303 on 2026-11-06 by Ann ...",
    ),
})  # fmt: skip
def test_a_rollback_goes_where_the_registry_has_the_image(
    events: tuple[Event, ...], what: Any, gates: str, expected: str
) -> None:
    expect(decided(started(chain(), *events), what, "staging"), (gates, expected))


# --- require ----------------------------------------------------------------------------------------------------------

E2E = "released to staging by 0202020202: e2e"
ADVICE = "; run it again, or release a fix"
FAILED = "failed on 2026-11-25 12:00 UTC, by ci (https://ci.test/e2e)"
WAITS = "; it goes on as soon as that has succeeded"
BUILT = "built from ffffffffff of acme/web, as the image claims: e2e"
NO_REVISION = "r.test/web does not say from which commit of acme/web it was built; label it with org.opencontainers ..."
e2e = chain(production=", require: {checks: [e2e]}")
source_e2e = chain(production=", require: {source_checks: {images: {r.test/web: acme/web}, checks: [e2e]}}")
live = chain(production=", require: {deployment: live}")
whole = source_e2e.replace("}}}", "}, deployment: live}}")
from_source = described(b=Build(revision=REVISION))


def deployed(state: str, number: int = 2) -> Event:
    def deploy(shop: Shop) -> None:
        assert shop.forge is not None
        shop.forge.deployed["live"] = (deployment(commit_id(number), state),)

    return deploy


@rows("text events what expected", {
    "nothing reported": (e2e, (), Poll(), f"held 1.1.0 held.check: {E2E} was not reported yet{WAITS}"),
    "succeeded on a later commit": (e2e, (reported(3, "e2e", "success"),), Poll(), PASSES),
    "succeeded while another pin ran": (
        e2e, (reported(1, "e2e", "success"),), Poll(), f"held 1.1.0 held.check: {E2E} was not reported yet{WAITS}",
    ),
    "failed": (e2e, (reported(2, "e2e", "failure"),), Poll(), f"held 1.1.0 held.check: {E2E} {FAILED}{ADVICE}"),
    "failed, then succeeded": (
        e2e, (reported(2, "e2e", "failure", days=1), reported(3, "e2e", "success")), Poll(), PASSES,
    ),
    "succeeded, then failed": (
        e2e, (reported(2, "e2e", "success", days=1), reported(3, "e2e", "failure")), Poll(),
        f"held 1.1.0 held.check: {E2E} {FAILED}{ADVICE}",
    ),
    "pending": (
        e2e, (reported(2, "e2e", "pending"),), Poll(),
        f"held 1.1.0 held.check: {E2E} has been pending since 2026-11-25 12:00 UTC, by ci (https://ci.test/e2e){WAITS}",
    ),
    "another succeeded": (
        e2e, (reported(2, "unit", "success"),), Poll(), f"held 1.1.0 held.check: {E2E} was not reported yet{WAITS}",
    ),
    "any of some names": (e2e.replace("e2e", "'e2e/*'"), (reported(2, "e2e/web", "success"),), Poll(), PASSES),
    "what the overlay captures": (
        e2e.replace("apps/*", "apps/{app}").replace("e2e", "'e2e/{app}'"), (reported(2, "e2e/web", "success"),), Poll(),
        PASSES,
    ),
    "made by somebody else": (
        e2e.replace("e2e", "{name: e2e, user: ann}"), (reported(2, "e2e", "success", by="eve"),), Poll(),
        f"held 1.1.0 held.check: {E2E} was reported as success by eve, which does not count; correct `app` ...",
    ),
    "skipped": (
        e2e, (reported(2, "e2e", "skipped"),), Poll(), f"held 1.1.0 held.check: {E2E} ended as skipped, not as ...",
    ),
    "made by them": (
        e2e.replace("e2e", "{name: e2e, user: ann}"), (reported(2, "e2e", "success", by="Ann"),), Poll(), PASSES,
    ),
    "failed, by hand": (
        e2e, (reported(2, "e2e", "failure"),), BY_HAND,
        f"held 1.1.0 held.check: {E2E} {FAILED}{ADVICE}; `--beyond-checks` promotes it anyway",
    ),
    "failed, and a person goes on": (
        e2e, (reported(2, "e2e", "failure"),), Promote("staging", ByHand(beyond_checks=True)),
        f"forward 1.1.0 promoted: {E2E} {FAILED}{ADVICE}, promoted anyway (`--beyond-checks`); staging has run ...",
    ),
    "without a token": (
        e2e, (no_token,), Poll(),
        "held 1.1.0 held.check: without a token for the forge, nobody knows whether what `require` asks for ...",
    ),
    "the forge is down": (e2e, (forge_is_down,), Poll(), "failed failed.forge: the forge is down; wait"),
    "deployed": (live, (deployed("success"),), Poll(), PASSES),
    "deployed by a later commit": (live, (deployed("success", 3),), Poll(), PASSES),
    "another pin was deployed": (
        live, (deployed("success", 1),), Poll(),
        "held 1.1.0 held.deployment: ...: the deployment to live was not reported yet; it goes on ...",
    ),
    "the deployment failed": (live, (deployed("failure"),), Poll(),
        ("held 1.1.0 held.deployment: ... the deployment to live failed on 2026-11-25 12:00 UTC, by cd; "
         "run it again, ..."),
    ),
    "its source succeeded": (
        source_e2e, (from_source, reported(0, "e2e", "success", repository="acme/web")), Poll(), PASSES,
    ),
    "its source failed": (
        source_e2e, (from_source, reported(0, "e2e", "failure", repository="acme/web")), Poll(),
        f"held 1.1.0 held.source_check: {BUILT} {FAILED}{ADVICE}",
    ),
    "its source reported nothing": (
        source_e2e, (from_source,), Poll(), f"held 1.1.0 held.source_check: {BUILT} was not reported yet{WAITS}",
    ),
    "it names no source": (source_e2e, (), Poll(), f"held 1.1.0 held.source_check: {NO_REVISION}"),
    "it names a branch": (
        source_e2e, (described(b=Build(revision="main")),), Poll(), f"held 1.1.0 held.source_check: {NO_REVISION}",
    ),
    "its source, for status": (
        source_e2e, (from_source,), Request(offline=True),
        "held 1.1.0 held.source_check: the checks of its source are not asked for here; `plan` asks for them",
    ),
    "another image has a source": (source_e2e.replace("{r.test/web:", "{r.test/api:"), (), Poll(), PASSES),
    "two of them": (whole,
        (from_source, reported(0, "e2e", "failure", repository="acme/web"), deployed("failure")), Poll(),
        (f"held 1.1.0 held.source_check: {BUILT} {FAILED}{ADVICE}; also: released to staging ... the "
         "deployment to ..."),
    ),
    "one of them": (
        whole, (from_source, reported(0, "e2e", "success", repository="acme/web"), deployed("failure")), Poll(),
        "held 1.1.0 held.deployment: released to staging by 0202020202: the deployment to live failed on ...",
    ),
})  # fmt: skip
def test_a_release_waits_for_what_it_requires(text: str, events: tuple[Event, ...], what: Any, expected: str) -> None:
    shop = started(text, runs("staging", TWO, 5))
    shop.write({"README.md": "x"}, days=4)
    for event in events:
        event(shop)
    stops = "" if "r.test/api" in text else "require"
    expect(decided(shop, what), (stops, expected))


red = ", require_after: [e2e], on_failure: rollback"
RED = f"{{}} 1.1.0 held.check: 1.1.0 failed `require_after` of {{}}: e2e {FAILED}{ADVICE}; `--release-hold` ..."
in_dev = chain().replace("dev: {", "dev: {require_after: [e2e], on_failure: rollback, ")
#: Dev ran it from the second commit to the fourth, and staging has run it since the third.
passed_on = (runs("dev", TWO, 20), runs("staging", TWO, 10), runs("dev", THREE, 5))


@rows(
    "text events what gates expected",
    {
        "in its source": (chain(staging=red), (reported(3, "e2e", "failure"),), Poll(), "earlier waves",
            RED.format("held", "staging")),
        "in an earlier wave, while that had it": (in_dev, (reported(3, "e2e", "failure"),), Poll(), "earlier waves",
            RED.format("held", "dev")),
        "in an earlier wave, once that had another": (in_dev, (reported(4, "e2e", "failure"),), Poll(), "", PASSES),
        "in an earlier wave, and in the source it succeeded": (
            in_dev.replace("promote_from: dev", f"promote_from: dev{red}"),
            (reported(2, "e2e", "failure"), reported(4, "e2e", "success")), Poll(), "earlier waves",
            RED.format("held", "dev"),
        ),
        "by hand": (in_dev, (reported(2, "e2e", "failure"),), Promote("staging", ByHand(beyond_checks=True)),
            "earlier waves", RED.format("held", "dev")),
        "lifted": (in_dev, (reported(2, "e2e", "failure"),), Request(release_hold=True), "", PASSES),
        "pending": (chain(staging=red), (reported(3, "e2e", "pending"),), Poll(), "", PASSES),
        "never reported": (chain(staging=red), (), Poll(), "", PASSES),
        "red, then green": (chain(staging=red), (reported(3, "e2e", "failure", days=2), reported(4, "e2e", "success")),
            Poll(), "", PASSES),
        "without a token": (in_dev, (no_token,), Poll(), "earlier waves",
            "held 1.1.0 held.check: without a token for the forge, nobody knows whether 1.1.0 failed ..."),
        "the forge is down": (in_dev, (forge_is_down,), Poll(), "earlier waves", "failed failed.forge: the forge ..."),
        "its file cannot be read": (in_dev, (writes("dev", "images: [{"),), Poll(), "earlier waves",
            "held 1.1.0 held.check: apps/web/dev/kustomization.yaml cannot be read, so nobody knows what was ..."),
        "its file cannot be read, and no check of it counts": (chain(staging=red), (writes("dev", "images: [{"),),
            Poll(), "", PASSES),
        "committed": (
            chain(staging=red, production=", propose: {as: commit}"), (reported(3, "e2e", "failure"),), Poll(),
            "earlier waves", RED.format("held", "staging")),
    },
)  # fmt: skip
def test_what_failed_after_its_release_in_an_earlier_wave_goes_no_further(
    text: str, events: tuple[Event, ...], what: Any, gates: str, expected: str
) -> None:
    expect(decided(started(text, *passed_on, *events), what), (gates, expected))


def test_a_tag_without_a_digest_is_known_in_an_earlier_wave_by_what_it_points_to() -> None:
    came = (runs("dev", Pin(None, B), 20), runs("staging", Pin("1.1.0"), 10), runs("dev", THREE, 5))
    shop = started(in_dev, *came, reported(2, "e2e", "failure"))
    expect(decided(shop), ("earlier waves", RED.format("held", "dev")))


def test_a_check_counts_however_many_commits_touched_the_overlay_since() -> None:
    shop = started(e2e, newer, reported(2, "e2e", "success"))
    for number in range(200):
        shop.write({"apps/web/staging/note.txt": f"{number}"}, days=1)
    shop.write({path("staging"): f"# A note.\n{overlay({'r.test/web': TWO})}"}, days=1)
    expect(decided(shop), ("require", PASSES))


def test_a_source_of_several_that_cannot_be_read_holds_what_waits_for_its_checks() -> None:
    for rule, gates in ((", require: {checks: [e2e]}", "earlier waves"), ("", "")):
        shop = started(chain(production=rule).replace('"apps/*/staging"', '"apps/*/staging", "us/*/staging"'))
        shop.write({"us/web/staging/kustomization.yaml": "images: [{"}, days=9)
        shop.run(TWO, "staging", days=5)
        reported(3, "e2e", "success")(shop)
        said = "held 1.1.0 held.check: us/web/staging/kustomization.yaml cannot be read, ..." if gates else PASSES
        expect(decided(shop), (gates, said))


def test_what_is_proposed_is_withdrawn_once_it_fails_in_an_earlier_wave_and_both_gates_ask_once() -> None:
    shop = started(
        in_dev.replace("promote_from: staging", "promote_from: staging, require: {checks: [ok]}"), *passed_on
    )
    reported(4, "ok", "success")(shop)
    updated("production")(shop)
    reported(2, "e2e", "failure")(shop)
    assert shop.forge is not None
    shop.forge.asked.clear()
    expect(decided(shop), ("earlier waves", RED.format("withdrawn", "dev")))
    assert [asked for asked in shop.forge.asked if asked[0] == "checks"] == [("checks", "here 3")]


PROVEN = (runs("staging", TWO, 10), runs("staging", THREE, 5))
now = Promote("staging", ByHand(now=True))
#: 1.1.0 was proposed while 1.2.0 had failed, which was deleted since.
proposed_and_gone = (
    reported(2, "e2e", "success"), reported(3, "e2e", "failure"), updated("production"), deleted("1.2.0"),
)  # fmt: skip
AHEAD = (
    "forward 1.1.0 promoted: staging ran 1.1.0 for 5 days, ...; staging is 1 release ahead of 1.1.0, which soaked ..."
)


@rows(
    "text events what gates expected",
    {
        "pending": (e2e, (reported(2, "e2e", "success"),), Poll(), "require",
            f"{AHEAD}; 1.2.0 waits: released to staging by 0303030303: e2e was not reported yet; it goes on ..."),
        "failed": (e2e, (reported(2, "e2e", "success"), reported(3, "e2e", "failure")), Poll(), "require",
            f"{AHEAD}; 1.2.0 waits: ..."),
        "failed after its release": (chain(staging=red), (reported(3, "e2e", "failure"),), Poll(), "",
            f"{AHEAD}; 1.2.0 waits: 1.2.0 failed `require_after` of staging: ..."),
        "the older one did not pass either": (e2e, (), Poll(), "require", "held 1.2.0 held.check: ..."),
        "the older one did not soak": (chain(production=", soak: 5d1h, require: {checks: [e2e]}"),
            (reported(2, "e2e", "success"),), Poll(), "soaked", "held 1.2.0 held.soak: ..."),
        "by hand": (e2e, (reported(2, "e2e", "success"),), BY_HAND, "require", "held 1.2.0 held.check: ..."),
        "the newest passed": (e2e, (reported(3, "e2e", "success"),), Poll(), "require", "forward 1.2.0 promoted: ..."),
        "it is proposed, and failed since": (
            e2e, (reported(2, "e2e", "success"), updated("production"), reported(2, "e2e", "failure")), Poll(),
            "require", "withdrawn 1.1.0 held.check: ...",
        ),
        "it is proposed, and failed since; the newest is gone": (
            e2e, (*proposed_and_gone, reported(2, "e2e", "failure")), Poll(), "require",
            "withdrawn 1.1.0 held.check: ...",
        ),
        "it is proposed, and failed in its source since; the newest is gone": (
            chain(staging=red), (*proposed_and_gone, reported(2, "e2e", "failure")), Poll(), "earlier waves",
            RED.format("withdrawn", "staging"),
        ),
        "the newest was promoted by hand before it soaked, and failed": (
            chain(production=", soak: 25d, require: {checks: [e2e]}"),
            (reported(3, "e2e", "success"), updated("production", now), reported(3, "e2e", "failure")), Poll(),
            "require", "withdrawn 1.2.0 held.check: ...",
        ),
        "it is proposed, and runs again; the newest is gone": (
            e2e, (*proposed_and_gone, reported(2, "e2e", "pending")), Poll(), "in the target's registry",
            "held 1.2.0 held.absent_in_target: ...",
        ),
    },
)  # fmt: skip
def test_while_the_newest_waits_for_checks_the_newest_that_passed_goes(
    text: str, events: tuple[Event, ...], what: Any, gates: str, expected: str
) -> None:
    expect(decided(started(text, *PROVEN, *events), what), (gates, expected))


def test_what_was_not_looked_at_of_an_earlier_wave_holds_and_withdraws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required, "MOST_COMMITS", 1)
    shop = started(in_dev, *passed_on, reported(2, "e2e", "failure"))
    said = (
        "held 1.1.0 held.check: nobody can tell whether 1.1.0 failed `require_after` of dev: e2e cannot be told: 1 of "
        "2 commits looked at; name its maker and its `workflow` (a status: `by: commit`), or go on with "
        "`promote --release-hold`; ..."
    )
    expect(decided(shop), ("earlier waves", said))
    assert decided(shop, Request(release_hold=True))[0][0] == ""
    reported(3, "e2e", "failure")(shop)
    expect(decided(shop), ("earlier waves", RED.format("held", "dev")))


@rows("event more", {
    "the clone was cut": (shallow, "fetch the full history (`fetch-depth: 0`)"),
    "a commit is too large": (too_large, "nothing before commit eeeeeeeeee, which changes too many files, can be read"),
})  # fmt: skip
def test_what_the_known_history_does_not_show_of_the_source_holds_and_what_helps_is_said(
    event: Event, more: str
) -> None:
    unshown = "the known history does not show"
    for text, gate, said in (
        (chain(staging=red), "earlier waves",
            f"held.history_bound: {unshown} whether 1.1.0 failed `require_after` of staging; {more} ..."),
        (chain(production=", soak: 7d"), "soaked",
            f"held.history_bound: it must run in staging for 7d first, and {unshown} when it started; {more}"),
        (e2e, "require",
            f"held.check: no known commit brought it to staging; {more}: e2e was not reported yet; ..."),
    ):  # fmt: skip
        shop = started(text, event)
        for number in range(200):  # of production, enough is known
            shop.write({"apps/web/production/note.txt": f"{number}"}, days=0)
        expect(decided(shop), (gate, f"held 1.1.0 {said}"))


def test_a_failed_check_withdraws_what_is_proposed_and_a_pending_one_does_not() -> None:
    shop = started(e2e, newer, reported(2, "e2e", "success", days=2), updated("production"))
    for state, outcome in (("pending", "held"), ("failure", "withdrawn")):
        reported(2, "e2e", state)(shop)
        expect(decided(shop), ("require", f"{outcome} 1.1.0 held.check: {E2E} ..."))
    reported(2, "e2e", "pending")(shop)
    shop.run(THREE, "staging", days=1)  # another pin than the one that is proposed
    reported(3, "e2e", "failure")(shop)
    expect(decided(shop), ("require", "held 1.2.0 held.check: ..."))


def test_checks_of_many_entries_are_asked_for_at_once() -> None:
    shop = started(whole.replace("deployment: live", "deployment: live, checks: [e2e]"), from_source)
    shop.run(TWO, "staging", days=5)
    decided(shop)
    assert shop.forge is not None
    assert [asked for asked in shop.forge.asked if asked[0] == "checks"] == [("checks", "here 1", "acme/web 1")]


def test_what_follows_a_policy_waits_for_the_checks_of_its_source() -> None:
    text = alone("policy: releases, require: {source_checks: {images: {r.test/web: acme/web}, checks: [e2e]}}")
    shop = started(text, described(c=Build(revision=REVISION)), reported(0, "e2e", "failure", repository="acme/web"))
    expect(decided(shop), ("require", f"held 1.2.0 held.source_check: {BUILT} {FAILED}{ADVICE}"))


# --- slots ------------------------------------------------------------------------------------------------------------

SLOTS = alone(
    "policy: releases, "
    "blue_green: {service: service.yaml, selector: version, slots: {blue: blue.yaml, green: green.yaml}, soak: 2d}"
)
LIVE = "is live (apps/web/production/service.yaml:4), and a live slot stays as it is: green gets new pins"
NEWEST = ("", "kept current: 1.2.0 is the newest and still points to the same digest")


def slots(live: str, blue: Pin, green: Pin, days: float) -> Event:
    """People let the Service select a slot, and the slots run these pins."""
    files = {
        "service": (
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web, version: {live}}}}}"
        )
    }
    for name, pin in (("blue", blue), ("green", green)):
        container = f"{{name: web, image: 'r.test/web:{pin.tag}@{pin.digest}'}}"
        spec = f"{{template: {{spec: {{containers: [{container}]}}}}}}"
        files[name] = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web-{name}}}\nspec: {spec}\n"
    return lambda shop: shop.write(
        {f"apps/web/production/{name}.yaml": text for name, text in files.items()}, days=days
    )


begun, filled = slots("blue", ONE, ONE, 30), slots("blue", ONE, THREE, 9)
taken_back = (begun, filled, slots("green", ONE, THREE, 5), slots("blue", ONE, THREE, 3))
switch_proposed = (begun, filled, updated("production"), pushed("1.3.0", D))
BLUE = ("slot", f"held 1.2.0 held.slot: blue {LIVE}")


@rows("events what expected", {
    "the idle slot gets a new pin": (
        (begun,), Poll(),
        (BLUE, ("", "forward 1.2.0 chosen: ..."), ("", "kept current: green has the pins of blue, which is live")),
    ),
    "it soaks": (
        (begun, slots("blue", ONE, THREE, 1)), Poll(),
        (BLUE, NEWEST, ("", "withdrawn green held.soak: soaks in green for 2d, since 2026-11-24 12:00 UTC: open ...")),
    ),
    "it has soaked": (
        (begun, filled),
        Poll(),
        (
            BLUE,
            NEWEST,
            ("", "forward green chosen: green has 1.2.0 since 2026-11-16 12:00 UTC (commit 0404040404); ..."),
        ),
    ),
    "it was taken back": (
        taken_back,
        Poll(),
        (
            BLUE,
            NEWEST,
            ("", "withdrawn green held.reverted: switched back to blue in 0606060606 on 2026-11-22 by Ann ..."),
        ),
    ),
    "a switch to it is proposed": (
        switch_proposed,
        Poll(),
        (
            ("slot", f"held 1.3.0 held.slot: blue {LIVE}"),
            ("slot", "held 1.3.0 held.slot: a proposal switches to green: merge or close it before green gets ..."),
            ("", "forward green chosen: ..."),
        ),
    ),
    "a person sets the live one": ((begun,), assigned(THREE, "Deployment/web-blue/web"), (BLUE,)),
    "a person sets either": ((begun,), assigned(THREE), (("", "forward 1.2.0 set: ..."),)),
    "a person switches": (
        (begun, filled), assigned(Pin("green"), "Service/web"),
        (("", "forward green set: switched to green by hand or by a pipeline"),),
    ),
    "a person switches to what is live": (
        (begun,), assigned(Pin("blue"), "Service/web"), (("", "kept nothing_new: blue is live already"),),
    ),
    "a person switches to no slot": (
        (begun,), assigned(Pin("red"), "Service/web"),
        (("", "failed failed.usage: Service/web selects a slot, and red is none; give Service/web=blue or ..."),),
    ),
    "a person switches to a slot that was taken back": (
        taken_back, assigned(Pin("green"), "Service/web"), (("left before", "held green held.reverted: ..."),),
    ),
})  # fmt: skip
def test_the_live_slot_stays_as_it_is(
    events: tuple[Event, ...], what: Any, expected: tuple[tuple[str, str], ...]
) -> None:
    shop = started(SLOTS)
    shop.write({"apps/web/production/kustomization.yaml": None}, days=30)
    for event in events:
        event(shop)
    expect(decided(shop, what), *expected)


def test_a_person_releases_a_slot_that_was_taken_back() -> None:
    shop = started(SLOTS)
    shop.write({"apps/web/production/kustomization.yaml": None}, days=30)
    for event in taken_back:
        event(shop)
    *_, (gates, line) = decided(shop, release_hold=True)
    expect([(gates, line)], ("", "forward green chosen: green has 1.2.0 since 2026-11-16 ..."))


# --- release info -----------------------------------------------------------------------------------------------------


def test_release_info_says_what_the_registry_says_of_the_image() -> None:
    for event, expected in (
        (described(c=Build()), "forward 1.2.0 chosen: ... info.yaml keeps version (the image has no usable ..."),
        (fails(f"describe {C}", refused()), "failed failed.registry: it is down; wait"),
    ):
        shop = started(alone("policy: releases, release_info: info.yaml"), event)
        shop.write({"apps/web/production/info.yaml": "kind: ConfigMap\ndata: {version: 1.0.0}\n"}, days=1)
        expect(decided(shop), ("release info", expected))


# --- all of them ------------------------------------------------------------------------------------------------------


def test_each_kind_of_request_has_its_gates_in_their_order() -> None:
    place = ["slot", "left before"]
    offered = ["no step back", "source's tag not moved", "in the target's registry"]
    held = ["not held in the source", "has a tag", "room for its digest", "soaked"]
    end = ["platforms", "declared hold", "require", "release info"]
    promoted = ["platforms", "declared hold", "earlier waves", "require", "release info"]
    assert {
        name: [gate.name for gate in gates]
        for name, gates in {
            "poll": POLL,
            "poll a source": POLL_SOURCE,
            "promote": PROMOTE,
            "set": PINS,
            "roll back": ROLL_BACK,
            "carried": CARRIED,
        }.items()
    } == {
        "poll": ["tag not moved", *place, *end],
        "poll a source": [*offered, *held, "no wave went back from it", *place, *promoted],
        "promote": [
            *offered,
            "admitted by the policy",
            *held,
            "not ignored",
            "no wave went back from it",
            *place,
            *promoted,
        ],
        "set": ["no step back", "tag not moved", *place, "platforms", "declared hold", "release info"],
        "roll back": ["in the registry", "not ignored", *place, "declared hold", "release info"],
        "carried": ["carried slot", "carried left before"],
    }
