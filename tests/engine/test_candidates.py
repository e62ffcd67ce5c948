"""What an entry would become, by each kind of request, before any gate is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.engine.request import Pins, Poll, Promote, RollBack
from gitops_bot.errors import BotError
from gitops_bot.images.build import Build
from gitops_bot.images.reference import Assignment, Pin
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
    fails,
    is_a,
    no_token,
    pushed,
    reported,
    runs,
    started,
    updated,
    writes,
)
from tests.engine.world import (
    CHAIN,
    NOW,
    A,
    B,
    C,
    D,
    Shop,
    absent,
    fits,
    forge_is_down,
    line_of,
    overlay,
    path,
    refused,
    unknown_manifest,
)
from tests.engine.world import check as result
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.engine.situations import Event

GHOST = unknown_manifest()
DOWN = "failed failed.registry: it is down; wait"
newer = runs("staging", TWO, 20)


def candidates(shop: Shop, what: Any = None, environment: str = "production", **request: bool) -> list[str]:
    return [line_of(judged.candidate.decision) for judged in shop.judged(what, environment, **request)]


def check(found: Sequence[str], *expected: str) -> None:
    assert len(found) == len(expected), found
    for line, words in zip(found, expected, strict=True):
        assert fits(line, words), line


# --- poll -------------------------------------------------------------------------------------------------------------


def built(**days: float) -> Event:
    """The images of these minor versions were pushed so many days ago."""
    times = {f"1.{name[1:]}.0": NOW - timedelta(ago) for name, ago in days.items()}
    return lambda shop: shop.registry.pushed.update(times)


def charts(shop: Shop) -> None:
    """Forty newer tags are no images."""
    for minor in range(40):
        digest = f"sha256:{minor:064x}"
        shop.push(f"2.{minor}.0", digest)
        shop.registry.manifests[digest] = CHART


@rows("rules events expected", {
    "the highest": ("policy: releases", (), "forward 1.2.0 chosen: highest version of 3 that match policy `releases`"),
    "none is higher": (
        "policy: releases", (runs("production", Pin("9.0.0", D), 2),),
        "held 1.2.0 held.downgrade: 1.2.0 is lower than 9.0.0 ...",
    ),
    "the newest build": (
        "policy: {pattern: '.*', order: newest}", (built(v0=9, v1=5, v2=7),),
        "forward 1.1.0 chosen: newest build of 3 that match its pattern: built 2026-11-20, after 1.0.0 (built ...",
    ),
    "the highest that is old enough": (
        "policy: {semver: '*', minimum_age: 3d}", (built(v1=9, v2=1),),
        "forward 1.1.0 chosen: highest version that matches semver * and is at least 3d old (younger: 1.2.0)",
    ),
    "a digest alone, with nothing old enough": (
        "policy: {semver: '*', minimum_age: 3d}, pin: digest",
        (built(v0=9, v1=1, v2=1), runs("production", Pin(None, A), 2)), "held 1.2.0 held.age: ...",
    ),
    "a tag alone": ("policy: releases, pin: tag", (), "forward 1.2.0 chosen: ..."),
    "no digest for what is chosen": ("policy: releases", (fails("digest 1.2.0", refused()),), DOWN),
    "the pinned digest as well": (
        "policy: releases", (runs("production", Pin("1.2.0"), 2),), "kept current: highest version of 3 that match ...",
    ),
    "current": (
        "policy: releases", (runs("production", THREE, 2),),
        "kept current: 1.2.0 is the newest and still points to the same digest",
    ),
    "a tag to follow": (
        "policy: {digest: stable}", (pushed("stable", D),),
        "adopted stable adopted: stable is the tag to follow; it points to sha256:dddddddddddd",
    ),
    "a tag to follow that there is not": (
        "policy: {digest: stable}", (),
        "failed failed.config: r.test/web: there is no tag `stable`; Some of its tags: ...",
    ),
    "a followed tag that is gone": (
        "policy: {digest: stable}", (runs("production", Pin("stable", A), 3),),
        "held nothing held.vanished: the registry no longer has the tag stable: push it again, or follow another",
    ),
    "a followed tag, while the registry is down": (
        "policy: {digest: stable}", (runs("production", Pin("stable", A), 3), fails("digest", refused())), DOWN,
    ),
    "no policy": ("ignore: false", (), "kept unmanaged: production has no `policy`, and this image has none"),
    "ignored": ("policy: releases, ignore: true", (), "kept ignored: the configuration has `ignore: true`"),
    "the registry is down": ("policy: releases", (fails("tags", refused()),), DOWN),
    "no tag": (
        "policy: releases", (writes("production", "images: [{name: r.test/web, newTag: 'a b'}]"),),
        "failed failed.edit: 'a b' is not a tag; ...",
    ),
    "no image name": (
        "policy: releases", (writes("production", "images: [{name: web, newName: 'a b', newTag: '1'}]"),),
        "failed failed.edit: a b: not an image repository name; Correct `newName` ...",
    ),
    "what is no image is left out": (
        "policy: releases",
        (is_a(C, CHART),),
        (
            "forward 1.1.0 chosen: highest version of 2 that match policy `releases`; left out: 1.2.0 is no "
            "image, but ..."
        ),
    ),
    "a listed tag has no manifest": (
        "policy: releases", (fails("digest 1.2.0", GHOST),),
        (
            "forward 1.1.0 chosen: highest version of 2 that match policy `releases`; left out: 1.2.0 is listed, but "
            "the registry has no manifest of it"
        ),
    ),
    "all that is newer has no manifest": (
        "policy: releases", (fails("digest 1.1.0", GHOST), fails("digest 1.2.0", GHOST)),
        "kept current: ...; left out: 1.2.0 is listed, but the registry has no manifest of it, 1.1.0 is listed, ...",
    ),
    "a listed tag cannot be read": (
        "policy: releases", (fails("digest 1.2.0", absent("404")),), "failed failed.registry: 404; ...",
    ),
    "a listed tag while the registry is down": ("policy: releases", (fails("digest 1.2.0", refused()),), DOWN),
    "placed by its digest, behind a tag without a manifest": (
        "policy: releases", (runs("production", Pin("latest", B), 2), fails("digest 1.2.0", GHOST)),
        "adopted 1.1.0 adopted: the pinned digest is 1.1.0, the newest; left out: 1.2.0 is listed, ...",
    ),
    "a digest alone, behind a chart": (
        "policy: releases", (runs("production", Pin(None, B), 2), is_a(C, CHART)),
        "kept current: the pinned digest is 1.1.0, the newest; left out: 1.2.0 is no image, but ...",
    ),
    "thirty are no images": (
        "policy: releases", (charts,),
        "held 2.39.0 held.no_image: the best 30 tags that the policy admits name no images; ... and 27 more",
    ),
    "a chart stays a chart": (
        "policy: releases", (is_a(C, CHART), is_a(A, CHART)), "forward 1.2.0 chosen: highest version of 3 ...",
    ),
    "placed by its digest": (
        "policy: releases", (runs("production", Pin("latest", B), 2),),
        "forward 1.2.0 chosen: the pinned digest is 1.1.0; 1.2.0 is newer",
    ),
    "placed by its digest as the newest": (
        "policy: releases", (runs("production", Pin("latest", C), 2),),
        "adopted 1.2.0 adopted: the pinned digest is 1.2.0, the newest",
    ),
    "a digest alone, the newest": (
        "policy: releases", (runs("production", Pin(None, C), 2),),
        "kept current: the pinned digest is 1.2.0, the newest",
    ),
    "placed by its digest, which stays one": (
        "policy: releases, pin: digest", (runs("production", Pin(None, B), 2),),
        "forward sha256:cccccccccccc chosen: the pinned digest is 1.1.0; 1.2.0 is newer",
    ),
    "placed by its digest, where only tags are written": (
        "policy: releases, pin: tag", (runs("production", Pin("latest", B), 2),),
        "forward 1.2.0 chosen: the pinned digest is 1.1.0; 1.2.0 is newer",
    ),
    "placed by its digest, and what is newer is too young": (
        "policy: {semver: '*', minimum_age: 3d}", (built(v0=9, v1=9, v2=1), runs("production", Pin("latest", B), 2)),
        "held 1.2.0 held.age: ...",
    ),
    "placed nowhere": (
        "policy: releases", (runs("production", Pin("latest", D), 2),),
        "held 1.2.0 held.vanished: latest is no longer listed ...",
    ),
    "a digest alone, placed nowhere": (
        "policy: releases", (runs("production", Pin(None, D), 2),), "held 1.2.0 held.unordered: ...",
    ),
})  # fmt: skip
def test_a_poll_finds_the_best_tag_of_the_policy(rules: str, events: tuple[Event, ...], expected: str) -> None:
    check(candidates(started(alone(rules), *events)), expected)


def test_a_digest_is_looked_for_behind_the_thirty_newest_tags_only() -> None:
    shop = started(alone(), runs("production", Pin(None, D), 2))
    for minor in range(40):
        shop.push(f"2.{minor}.0", D if minor == 9 else C)
    check(candidates(shop), "held 2.39.0 held.unordered: ...")
    asked = [line.split()[2] for line in shop.registry.asked if line.startswith("digest")]
    assert asked == [f"2.{minor}.0" for minor in range(39, 9, -1)]
    shop.push("2.10.0", D)
    check(candidates(shop), "forward 2.39.0 chosen: the pinned digest is 2.10.0; 2.39.0 is newer")


def test_without_a_registry_a_poll_decides_what_nobody_has_to_ask_for() -> None:
    assert candidates(started(alone()), offline=True) == []
    check(candidates(started(alone("ignore: true")), offline=True), "kept ignored: ...")
    held = started(alone(holds="environments: [production]"))
    check(candidates(held, offline=True), "kept nothing_new: no registry was asked")
    assert held.registry.asked == []


API = "r.test/api"


def api_in(*environments: str) -> Event:
    return lambda shop: shop.write({path(name, "api"): overlay({API: ONE}) for name in environments}, days=3)


@rows("events production expected", {
    "an earlier wave has it": ((api_in("dev", "production"),), ", policy: releases",
        ("held nothing held.no_partner: dev has this image, and no entry of staging corresponds to this "
         "one, to be ..."),
    ),
    "the wave before has it elsewhere": (
        (api_in("production"), lambda shop: shop.write({path("staging", "jobs"): overlay({API: ONE})}, days=3)),
        ", policy: releases", "held nothing held.no_partner: staging has this image, and no entry of staging ...",
    ),
    "an earlier wave has it by another name": (
        (
            api_in("dev"),
            lambda shop: shop.write(
                {path("production", "api"): f"images: [{{name: {API}, newName: r.test/copy, newTag: 1.0.0}}]"},
                days=3,
            ),
        ),
        ", policy: releases", "held nothing held.no_partner: dev has this image ...",
    ),
    "only the same wave has it elsewhere": (
        (
            api_in("production"), pushed("1.0.0", A, API),
            lambda shop: shop.write({path("production", "jobs"): overlay({"r.test/x": ONE, API: ONE})}, days=3),
        ),
        ", policy: releases", "kept current: ...",
    ),
    "its own policy": (
        (api_in("dev", "production"), pushed("1.0.0", A, API)), f", images: {{{API}: {{policy: releases}}}}",
        "kept current: 1.0.0 is the newest and still points to the same digest",
    ),
    "no wave has it": ((api_in("production"), pushed("1.0.0", A, API)), ", policy: releases", "kept current: ..."),
    "a file of an earlier wave cannot be read": (
        (api_in("production"), lambda shop: shop.write({path("dev", "api"): "images: ["}, days=1)),
        ", policy: releases",
        ("held nothing held.no_partner: a file of dev cannot be read, and may have this image; correct "
         "that file first"),
    ),
    "the source has it": (
        (api_in("staging", "production"),), ", policy: releases", "kept current: staging runs the same pin",
    ),
})  # fmt: skip
def test_an_image_of_an_earlier_wave_is_not_polled(events: tuple[Event, ...], production: str, expected: str) -> None:
    found = shop_entries(started(chain(production=production), *events), Poll())
    check([found[API]], expected)


def shop_entries(shop: Shop, what: Any) -> dict[str, str]:
    judged = shop.judged(what, "production")
    return {item.decision.entry.name: line_of(item.decision) for item in judged if item.decision.entry is not None}


# --- promotion --------------------------------------------------------------------------------------------------------

REVISIONS = chain(production=", match: revision, tag: release")
MANY = (
    CHAIN.replace('"apps/*/staging"', '"apps/{app}/staging-{at}"')
    .replace("promote_from: dev", "policy: releases")
    .replace('"apps/*/production"', '"apps/{app}/production"')
)
AGO = "for 3 days, since 2026-11-22 12:00 UTC, as release 0202020202"
sha_1 = (pushed("sha-1", B), deleted("1.1.0"), runs("staging", Pin("sha-1", B), 3))
same_revision = described(b=Build(revision=REVISION), d=Build(revision=REVISION))


def in_two(eu: Pin, us: Pin, days: float = 9) -> Event:
    """Staging has two overlays."""
    files = {
        f"apps/web/staging-{at}/kustomization.yaml": overlay({"r.test/web": pin})
        for at, pin in (("eu", eu), ("us", us))
    }
    return lambda shop: shop.write({**files, path("staging"): None}, days=days)


@rows("text events expected", {
    "the same bytes": (CHAIN, (runs("staging", TWO, 3),), f"forward 1.1.0 promoted: staging has run 1.1.0 {AGO}"),
    "a tag without a digest": (CHAIN, (runs("staging", Pin("1.1.0"), 3),),
        (f"forward 1.1.0 promoted: staging has run 1.1.0 {AGO}; staging pins no digest, so this is what "
         "the tag points to now"),
    ),
    "the tag alone": (
        chain(production=", pin: tag"), (runs("staging", Pin("1.1.0"), 3),),
        f"forward 1.1.0 promoted: staging has run 1.1.0 {AGO}",
    ),
    "nothing": (
        CHAIN, (writes("staging", "images: [{name: r.test/web}]"),),
        "kept nothing_new: staging pins nothing for r.test/web",
    ),
    "a pin that cannot be edited": (
        CHAIN, (writes("staging", "images: [{name: r.test/web, newTag: 'a b'}]"),),
        "failed failed.edit: 'a b' is not a tag; ...",
    ),
    "its version tag": (
        chain(production=", tag: release"), (pushed("sha-1", B), runs("staging", Pin("sha-1", B), 3)),
        f"forward 1.1.0 promoted: staging has run sha-1 {AGO}; the same bytes are tagged 1.1.0",
    ),
    "its own tag, which is a version": (
        chain(production=", tag: release"), (runs("staging", TWO, 3),),
        f"forward 1.1.0 promoted: staging has run 1.1.0 {AGO}",
    ),
    "bytes without a version tag": (chain(production=", tag: release"), sha_1,
        ("held sha-1 held.no_release_tag: no version tag in r.test/web points to the digest that staging "
         "runs (sha-1@ ..."),
    ),
    "another build, where only the same bytes are wanted": (
        chain(production=", tag: release"), (*sha_1, pushed("2.0.0", D), same_revision),
        "held sha-1 held.no_release_tag: ...",
    ),
    "the very bytes, where another build is wanted": (
        REVISIONS, (pushed("sha-1", B), runs("staging", Pin("sha-1", B), 3), same_revision),
        f"forward 1.1.0 promoted: staging has run sha-1 {AGO}; the same bytes are tagged 1.1.0",
    ),
    "another build": (REVISIONS, (*sha_1, pushed("2.0.0", D), same_revision),
        ("forward 2.0.0 promoted: rebuilt, not the bytes that were tested: 2.0.0 was built again from "
         "revision ffffffffffff; ..."),
    ),
    "no other build": (REVISIONS,
        (*sha_1, pushed("2.0.0", D), described(b=Build(revision=REVISION), d=Build(revision="e" * 40))),
        ("held sha-1 held.no_release_tag: no version tag in r.test/web points to an image of revision "
         "ffffffffffff ..."),
    ),
    "the very bytes, by their revision": (
        REVISIONS, (pushed("sha-1", B), runs("staging", Pin("sha-1", B), 3), same_revision),
        f"forward 1.1.0 promoted: staging has run sha-1 {AGO}; the same bytes are tagged 1.1.0",
    ),
    "another build that is a chart": (
        REVISIONS, (*sha_1, pushed("2.0.0", D), same_revision, is_a(D, CHART)), "held sha-1 held.no_release_tag: ...",
    ),
    "a build that names no revision": (REVISIONS, (runs("staging", TWO, 3),),
        ("failed failed.registry: r.test/web: sha256:bbbbbbbbbbbb does not say which revision it was "
         "built from, and ..."),
    ),
    "two overlays that agree": (MANY, (in_two(TWO, TWO, 3),), f"forward 1.1.0 promoted: staging has run 1.1.0 {AGO}"),
    "two overlays that never agreed": (MANY, (in_two(TWO, THREE),),
        ("held nothing held.unordered: staging runs several different pins, and all of them ran no "
         "other: 1.1.0 in "
         "apps/web/staging-eu, 1.2.0 in apps/web/staging-us"),
    ),
    "what both ran, while one is ahead": (
        MANY, (in_two(TWO, TWO), in_two(TWO, THREE, 3)), "forward 1.1.0 promoted: staging has run 1.1.0 for 9 days ...",
    ),
    "what both ran is there, while one is ahead": (
        MANY, (in_two(ONE, ONE), in_two(ONE, THREE, 3)),
        "kept current: every overlay of staging ran this pin, and none that is newer; staging runs 1.2.0 in ...",
    ),
})  # fmt: skip
def test_a_promotion_offers_what_the_source_runs(text: str, events: tuple[Event, ...], expected: str) -> None:
    for what in (Poll(), BY_HAND):
        check(candidates(started(text, *events), what), expected)


def test_without_a_registry_what_the_source_runs_is_taken_to_be_there() -> None:
    shop = started(chain(), newer, deleted())
    check(candidates(shop, offline=True), "forward 1.1.0 promoted: ...")
    rebuilt = started(REVISIONS, newer)
    check(candidates(rebuilt, offline=True), "kept nothing_new: only the registry tells whether the images differ")
    assert shop.registry.asked == rebuilt.registry.asked == []


def test_a_promotion_by_hand_reports_what_one_side_lacks() -> None:
    shop = started(chain(), api_in("production"))
    shop.write({path("staging", "db"): overlay({"r.test/db": ONE})}, days=2)
    assert shop_entries(shop, BY_HAND) == {
        "r.test/web": "kept current: staging runs the same pin",
        API: "held nothing unmanaged: staging has no such entry to promote",
    }
    (decided_here,) = shop.plan(BY_HAND, "production").decided
    assert [(held.entry.name, held.reason.text) for held in decided_here.only_in_source] == [
        ("r.test/db", "production has no such entry")
    ]
    named = shop.plan(Promote("staging", ByHand(), (API,)), "production").decided[0]
    assert named.only_in_source == ()
    assert {key.name for key in named.named} == {API}


# --- set --------------------------------------------------------------------------------------------------------------


@rows("rules events what expected", {
    "the pin that is there": (
        "policy: releases", (), assigned(Pin("1.0.0")), f"kept nothing_new: 1.0.0@{A} is already pinned",
    ),
    "a digest alone": (
        "policy: releases", (), assigned(Pin(None, C)), f"moved 1.0.0 set: set to @{C} by hand or by a pipeline",
    ),
    "a digest alone, where a tag is proposed": (
        "policy: releases", (updated("production"),), assigned(Pin(None, D)), "forward 1.2.0 set: ...",
    ),
    "the pin that is there, where another is proposed": (
        "policy: releases", (updated("production"),), assigned(ONE), "moved 1.0.0 set: ...",
    ),
    "a tag that there is not": (
        "policy: releases", (), assigned(Pin("3.0.0")),
        "failed failed.registry: r.test/web: there is no tag `3.0.0`; Did you mean ...",
    ),
    "a short name": ("policy: releases", (), assigned(Pin("1.2.0"), "web"), "forward 1.2.0 set: ..."),
    "a digest for a short name": ("policy: releases", (), assigned(THREE, "web"), "forward 1.2.0 set: ..."),
    "a digest of another image for a short name": (
        "policy: releases",
        (),
        assigned(Pin("1.2.0", D), "web"),
        (
            "failed failed.registry: r.test/web: there is no digest sha256:dddddddddddd; `web` stands for "
            "this image: ..."
        ),
    ),
    "a digest for a short name, while the registry is down": (
        "policy: releases", (fails("exists", refused()),), assigned(THREE, "web"),
        "failed failed.registry: it is down; wait `web` stands for this image: ...",
    ),
    "an ignored entry by its name": (
        "policy: releases, ignore: true", (), assigned(Pin("1.2.0")), "forward 1.2.0 set: ...",
    ),
    "an ignored entry by a short name": (
        "policy: releases, ignore: true", (), assigned(Pin("1.2.0"), "web"), "kept ignored: ...",
    ),
    "another repository": (
        "policy: releases", (pushed("1.2.0", D, "r.test/other"),), assigned(Pin("1.2.0"), new_name="r.test/other"),
        "forward 1.2.0 set: ...",
    ),
    "the registry is down": ("policy: releases", (fails("digest", refused()),), assigned(Pin("1.2.0")), DOWN),
    "the same pin twice": (
        "policy: releases", (), Pins((Assignment("web", THREE), Assignment("r.test/web", THREE))),
        "forward 1.2.0 set: ...",
    ),
    "the registry is down for its list": (
        "policy: releases", (fails("tags", refused()),), assigned(Pin("3.0.0")), DOWN,
    ),
    "no image name": (
        "policy: releases", (writes("production", "images: [{name: web, newName: 'a b', newTag: '1'}]"),),
        assigned(Pin("1.2.0"), "web"), "failed failed.edit: a b: not an image repository name; ...",
    ),
})  # fmt: skip
def test_a_person_sets_a_pin(rules: str, events: tuple[Event, ...], what: Pins, expected: str) -> None:
    check(candidates(started(alone(rules), *events), what), expected)


@rows("rules pin expected", {
    "both": ("policy: releases", Pin("1.2.0"), THREE),
    "the tag alone": ("policy: releases, pin: tag", Pin("1.2.0"), Pin("1.2.0")),
    "the digest alone": ("policy: releases, pin: digest", Pin("1.2.0"), Pin(None, C)),
    "a digest that somebody asks for": ("policy: releases, pin: tag", THREE, THREE),
    "a digest that somebody asks for, alone": ("policy: releases, pin: digest", THREE, Pin(None, C)),
})  # fmt: skip
def test_a_person_sets_a_pin_in_the_shape_of_the_environment(rules: str, pin: Pin, expected: Pin) -> None:
    start = ONE if expected.tag is not None else Pin(None, A)
    shop = started(alone(rules), runs("production", start, 20))
    (judged,) = shop.judged(assigned(pin), "production")
    assert judged.decision.candidate == expected  # type: ignore[union-attr]


# --- rollback ---------------------------------------------------------------------------------------------------------

BACK = "back to release 1 (0101010101) of 2026-10-26 12:00 UTC, by Ann"


@rows("events what expected", {
    "the one before": ((newer,), RollBack(), f"backward 1.0.0 rolled_back: {BACK}"),
    "a release by its commit": (
        (newer, runs("staging", THREE, 9)), RollBack(to="01010101"), f"backward 1.0.0 rolled_back: {BACK}",
    ),
    "no such release": ((newer, runs("staging", THREE, 9)), RollBack(to="abcdef12"),
        ("failed failed.git: abcdef12 is not a release of staging: ... The newest are 3 (0303030303), 2 "
         "(0202020202) ..."),
    ),
    "nothing before": (
        (), RollBack(), "failed failed.git: nothing to roll back to: the present pins are the first, ...",
    ),
})  # fmt: skip
def test_a_rollback_goes_to_an_earlier_release(events: tuple[Event, ...], what: RollBack, expected: str) -> None:
    check(candidates(started(CHAIN, *events), what, "staging"), expected)


def test_a_rollback_says_why_and_passes_over_what_is_ignored() -> None:
    shop = started(CHAIN, newer)
    (judged,) = shop.judged(RollBack(because="it broke"), "staging")
    assert judged.decision.because == "it broke"  # type: ignore[union-attr]
    assert judged.decision.reason.data["because"] == "it broke"  # type: ignore[union-attr]
    ignored = started(chain(staging=", ignore: true"), newer)
    check(candidates(ignored, RollBack(), "staging"), "kept ignored: ...")
    assert ignored.plan(RollBack(), "staging").decided[0].named == frozenset()


# --- on_failure -------------------------------------------------------------------------------------------------------

ON_FAILURE = chain(staging=", on_failure: rollback, require_after: [e2e]")
failed = reported(2, "e2e", "failure")


def after_failure(shop: Shop, **request: bool) -> list[str]:
    """What is decided to roll back in staging because of a failure."""
    _, *after = shop.plan(Poll(), "staging", **request).decided
    return [line_of(item.decision) for each in after for item in each.judged]


def older_ago(days: float) -> Event:
    return runs("staging", TWO, days)


E2E_FAILED = "e2e failed on 2026-11-25 12:00 UTC, by ci (https://ci.test/e2e)"
NO_FAILURE = "kept nothing_new: none of its checks fails any more"


def configuration(days: float = 1) -> Event:
    return lambda shop: shop.write({path("staging").replace("kustomization", "patch"): "replicas: 3\n"}, days=days)


@rows("events expected", {
    "its check failed": ((older_ago(3), failed), [f"backward 1.0.0 rolled_back: {BACK}"]),
    "its check failed later": (
        (older_ago(3), writes("dev", "{}", 1), reported(3, "e2e", "failure")), ["backward 1.0.0 ..."],
    ),
    "its check succeeded": ((older_ago(3), reported(2, "e2e", "success")), [NO_FAILURE]),
    "its check is pending": ((older_ago(3), reported(2, "e2e", "pending")), [NO_FAILURE]),
    "another check failed": ((older_ago(3), reported(2, "unit", "failure")), [NO_FAILURE]),
    "watched to the last minute": ((older_ago(7), failed), [f"backward 1.0.0 rolled_back: {BACK}"]),
    "too long ago": ((older_ago(7.001), failed), []),
    "a change of configuration failed": (
        (older_ago(3), reported(2, "e2e", "success", days=2), configuration(), reported(3, "e2e", "failure")),
        [f"kept nothing_new: {E2E_FAILED}; seen red at 0303030303, with no pin that goes back by itself; ..."],
    ),
    "the image is gone": ((older_ago(3), failed, deleted("1.0.0")), ["held 1.0.0 held.vanished: ..."]),
    "nothing before": ((reported(1, "e2e", "failure"),), []),
    "a rollback failed": (
        (older_ago(3), runs("staging", ONE, 2), reported(3, "e2e", "failure")),
        [f"kept nothing_new: {E2E_FAILED}; seen red at 0303030303, with no pin that goes back by itself; ..."],
    ),
    "nobody can ask": ((older_ago(3), failed, no_token), []),
    "the forge is down": ((older_ago(3), forge_is_down), ["failed failed.forge: the forge is down; wait"]),
})  # fmt: skip
def test_a_release_whose_check_failed_is_rolled_back(events: tuple[Event, ...], expected: list[str]) -> None:
    check(after_failure(started(ON_FAILURE, *events)), *expected)


@rows("state source expected", {
    "it still fails": ("failure", "rollback", f"backward 1.0.0 rolled_back: {BACK}"),
    "it succeeded": ("success", "rollback", NO_FAILURE),
    "it runs again": ("pending", "policy", NO_FAILURE),
})  # fmt: skip
def test_a_proposed_rollback_stays_while_its_check_has_not_succeeded(state: str, source: str, expected: str) -> None:
    shop = started(ON_FAILURE, older_ago(3), failed, updated("staging"))
    reported(2, "e2e", state)(shop)
    check(after_failure(shop), expected)
    judged = shop.plan(Poll(), "staging").decided[1].judged[0]
    assert judged.decision.source == source  # type: ignore[union-attr]
    assert [seen.state for seen in judged.candidate.seen] == [state]


def test_a_release_that_failed_says_which_check() -> None:
    shop = started(ON_FAILURE, older_ago(3), failed)
    judged = shop.plan(Poll(), "staging").decided[1].judged[0]
    assert judged.decision.because == E2E_FAILED  # type: ignore[union-attr]
    assert after_failure(shop, offline=True) == []


BOTH = ON_FAILURE.replace("[e2e]", "[e2e, unit]")
EITHER = "which of them cannot be told: api and web changed since the last green release 0202020202"
UNTOLD = "seen red at 0202020202, and nobody can tell how it was before:"


def pair(web: Pin, api: Pin, days: float, e2e: str = "", unit: str = "success") -> Event:
    """Staging runs these since so many days ago; and what its two checks said of that commit."""

    def run(shop: Shop) -> None:
        shop.push("1.0.0", A, "r.test/api")
        number = shop.write({path("staging"): overlay({"r.test/web": web, "r.test/api": api})}, days=days)
        assert shop.forge is not None
        shop.forge.results[None, number] = (result("e2e", e2e), result("unit", unit)) if e2e else ()

    return run


@rows("events expected", {
    "the older one": (
        (pair(ONE, ONE, 6, "success"), pair(ONE, TWO, 3, "failure"), pair(TWO, TWO, 1, "failure")),
        (
            f"kept nothing_new: {E2E_FAILED}; seen red at 0303030303, and not by this pin",
            "backward 1.0.0 rolled_back: back to release 2 ...; seen red at 0303030303, which changed api",
        ),
    ),
    "nobody can tell which": (
        (pair(ONE, ONE, 6, "success"), pair(ONE, TWO, 3), pair(TWO, TWO, 1, "failure")),
        (
            f"backward 1.0.0 rolled_back: back to release 3 ...; {EITHER}",
            f"backward 1.0.0 rolled_back: back to release 2 ...; {EITHER}",
        ),
    ),
    "by another check": (
        (pair(ONE, ONE, 6, "success"), pair(ONE, TWO, 3, "failure"), pair(TWO, TWO, 1, "success", "failure")),
        ("backward 1.0.0 rolled_back: back to release 3 ...", "kept nothing_new: unit failed ...; ... not by this pin"),
    ),
    "red before this week": (
        (pair(ONE, TWO, 9, "failure"), configuration(8), pair(TWO, TWO, 1, "failure")),
        (f"kept nothing_new: {E2E_FAILED}; seen red at 0202020202, with no pin ...",),
    ),
    "while it is checked again": (
        (pair(ONE, ONE, 6, "success"), pair(ONE, TWO, 3, "failure"), pair(TWO, TWO, 1, "pending")),
        (NO_FAILURE, NO_FAILURE),
    ),
    "the check was skipped since": (
        (pair(ONE, ONE, 6, "success"), pair(ONE, TWO, 3, "failure"), pair(TWO, TWO, 1, "skipped")),
        ("kept nothing_new: ...", "backward 1.0.0 ..."),
    ),
})  # fmt: skip
def test_the_release_that_turned_its_overlay_red_goes_back(
    events: tuple[Event, ...], expected: tuple[str, ...]
) -> None:
    shop = started(BOTH, *events)
    check(after_failure(shop), *expected)
    assert shop.forge is not None
    assert len([asked for asked in shop.forge.asked if asked[0] == "checks"]) == 1


def test_where_nobody_can_tell_how_it_was_before_nothing_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = started(ON_FAILURE, older_ago(3), failed)
    shop.repository.is_shallow = True
    check(after_failure(shop), f"kept nothing_new: {E2E_FAILED}; {UNTOLD} fetch the full history (`fetch-depth: 0`)")
    shop.repository.is_shallow = False
    monkeypatch.setattr(required, "MOST_COMMITS", 1)
    check(after_failure(shop), f"kept nothing_new: {E2E_FAILED}; {UNTOLD} 1 of 2 commits looked at")


def test_what_goes_back_is_from_before_the_red_release_however_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = runs("production", TWO, 8), older_ago(3), runs("staging", THREE, 1)
    shop = started(ON_FAILURE.replace("promote_from: dev", 'policy: {semver: "*"}'), *later)
    reported(3, "e2e", "failure")(shop)
    reported(4, "e2e", "failure")(shop)
    monkeypatch.setattr(required, "MOST_COMMITS", 3)
    check(after_failure(shop), "backward 1.0.0 rolled_back: back to release 1 ...")


def test_files_of_one_directory_with_checks_of_their_own_are_told_apart() -> None:
    shop = Shop(
        'version: 1\nenvironments: {staging: {overlays: ["staging/values-{app}.yaml"], policy: {semver: "*"}, '
        'require_after: ["{app}"], on_failure: rollback}}\n'
    )
    for app, tag, days in (("web", "1.0.0", 20), ("api", "1.0.0", 19), ("api", "1.1.0", 3), ("web", "1.1.0", 2)):
        shop.push(tag, A if tag == "1.0.0" else B, f"r.test/{app}")
        shop.write({f"staging/values-{app}.yaml": f"image: {{repository: r.test/{app}, tag: {tag}}}\n"}, days=days)
    reported(4, "web", "failure")(shop)
    check(after_failure(shop), NO_FAILURE, "backward 1.0.0 rolled_back: back to release 0303030303 of ...")


def test_a_release_of_more_than_a_week_ago_costs_no_question() -> None:
    shop = started(ON_FAILURE, older_ago(7.001), failed)
    after_failure(shop)
    assert shop.forge is not None
    assert [asked for asked in shop.forge.asked if asked[0] == "checks"] == []


# --- what makes no sense ----------------------------------------------------------------------------------------------


@rows("what expected", {
    "set": (assigned(ONE, "nothing"), "nothing matches no entry of production, neither by name nor by repository"),
    "set twice": (
        Pins((Assignment("web", TWO), Assignment("r.test/web", THREE))),
        "web and r.test/web both match the entry 'r.test/web'",
    ),
    "promote": (Promote("staging", ByHand(), ("nothing",)), "nothing matches no entry of production"),
    "roll back": (RollBack(images=("nothing",)), "nothing matches no entry of production"),
})  # fmt: skip
def test_a_command_line_that_names_nothing_is_refused(what: Any, expected: str) -> None:
    with pytest.raises(BotError, match=expected) as refusal:
        started(CHAIN).judged(what, "production")
    assert refusal.value.problem.code == "failed.usage"


def test_a_name_that_means_nothing_fails_alone_where_another_means_something() -> None:
    shop = started(CHAIN, newer)
    asked: list[tuple[Any, set[str]]] = [
        (Pins((Assignment("nothing", ONE), Assignment("r.test/web", THREE))), {"r.test/web"}),
        (Promote("staging", ByHand(), ("nothing", "web")), {"r.test/web"}),
        (RollBack(images=("nothing", "web")), set()),  # it has nothing to go back to
    ]
    for what, expected in asked:
        lines = [line for _, line in decided(shop, what, "production")]
        assert any(line.startswith("failed failed.usage: nothing matches no entry") for line in lines), lines
        assert len(lines) > 1
        assert {key.name for key in shop.plan(what, "production").decided[0].named} == expected


INFO = "release_info: {file: info.yaml, keys: {version: com.acme.version}}"
SHOWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: info}\ndata: {version: one, team: x}\n"


@rows("file events expected", {
    "it says so": (
        SHOWN, (described(c=Build(labels={"com.acme.version": "two"})),),
        "forward 1.2.0 chosen: ...; info.yaml gets version",
    ),
    "it says nothing": (SHOWN, (), "forward 1.2.0 chosen: ...; info.yaml keeps version (the image has no ..."),
    "the registry does not say": (SHOWN, (fails(f"describe {C}", refused()),), DOWN),
    "the file cannot be edited": ("data: [", (), "failed failed.edit: ..."),
})  # fmt: skip
def test_what_describes_an_image_follows_its_pin(file: str, events: tuple[Event, ...], expected: str) -> None:
    shop = started(alone(f"policy: releases, {INFO}"), *events)
    shop.write({"apps/web/production/info.yaml": file}, days=1)
    ((_, line),) = decided(shop)
    check([line], expected)
