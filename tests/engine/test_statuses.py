"""When the commit status on a pull request is written, and which pins it was looked at for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.request import Poll, Request
from gitops_bot.engine.update import update
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.images.build import Build
from gitops_bot.proposals.gate_status import NO_PINS, OPEN, UNSEEN
from gitops_bot.proposals.pull_request import GateStatus, Head
from tests.engine.situations import (
    ONE,
    REVISION,
    THREE,
    TWO,
    alone,
    assigned,
    chain,
    deleted,
    described,
    reported,
    runs,
    started,
    updated,
)
from tests.engine.told import BRANCH, PROMOTED, Told
from tests.engine.world import Shop, fits, overlay, path
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.errors import FailureCode
    from tests.engine.situations import Event

GATED = chain(production=", require: {checks: [e2e]}, propose: {status: true}")
SOURCE = alone(
    "policy: releases, propose: {status: true}, "
    "require: {source_checks: {images: {r.test/web: acme/web}, checks: [e2e]}}"
)


def opened(text: str, *events: Event) -> tuple[Shop, Told]:
    """Production is open for 1.1.0, and this happens."""
    shop = started(text)
    shop.forge = told = Told(shop=shop)
    for event in events:
        event(shop)
    updated("production")(shop)
    return shop, told


def approved(shop: Shop) -> None:
    assert isinstance(shop.forge, Told)
    shop.forge.change(approved=True)


CHOSEN = (
    deleted("1.2.0"), described(b=Build(revision=REVISION), c=Build(revision=REVISION)),
    reported(0, "e2e", "success", repository="acme/web"),
)  # fmt: skip
NEWER = (runs("staging", THREE, 5), reported(3, "e2e", "success"))
RED = "web 1.1.0: check e2e: failure since 2026-11-25 12:00 UTC, by ci"
OF_BUILD = "web 1.1.0: check of the build e2e: failure since 2026-11-25 12:00 UTC, by ci, on the commit that ..."


@rows("text before after state said", {
    "nothing happened": (GATED, PROMOTED, (), "success", OPEN.text),
    "approved, and its check runs again": (
        GATED, PROMOTED, (approved, reported(2, "e2e", "pending")), "pending", "web 1.1.0 waits for e2e",
    ),
    "approved, and its check failed": (GATED, PROMOTED, (approved, reported(2, "e2e", "failure")), "failure", RED),
    "approved, and a newer one passes": (GATED, PROMOTED, (approved, *NEWER), "success", OPEN.text),
    "approved, and a newer one passes, but its own check failed": (
        GATED, PROMOTED, (approved, *NEWER, reported(2, "e2e", "failure")), "failure", RED,
    ),
    "a newer one failed": (
        GATED, PROMOTED, (runs("staging", THREE, 5), reported(3, "e2e", "failure")), "success", OPEN.text,
    ),
    "approved, and it failed in an earlier wave": (
        chain(staging=", require_after: [e2e]", production=", propose: {status: true}"), PROMOTED,
        (approved, reported(2, "e2e", "failure")), "failure", RED,
    ),
    "approved, and a newer one soaks": (
        chain(production=", soak: 4d, require: {checks: [e2e]}, propose: {status: true}"), PROMOTED,
        (approved, runs("staging", THREE, 3)), "success", OPEN.text,
    ),
    "no check holds anything there, and a newer one goes": (
        chain(production=", propose: {status: true}"), PROMOTED, (approved, *NEWER), "success", OPEN.text,
    ),
    "its build failed, and it is approved": (
        SOURCE, CHOSEN, (approved, reported(0, "e2e", "failure", repository="acme/web")), "failure", OF_BUILD,
    ),
    "its build failed, it is approved, and a newer one is there": (
        SOURCE, CHOSEN, (approved, lambda shop: shop.push("1.2.0", "sha256:" + "c" * 64),
            reported(0, "e2e", "failure", repository="acme/web")), "failure", OF_BUILD,
    ),
})  # fmt: skip
def test_the_status_tells_of_the_pin_in_the_pull_request(
    text: str, before: Sequence[Event], after: Sequence[Event], state: str, said: str
) -> None:
    shop, told = opened(text, *before)
    (pull,) = told.pulls[BRANCH]
    assert told.written == [(pull.head, OPEN)]
    for event in after:
        event(shop)
    for _ in range(2):
        shop.update(None, "production")
        assert told.written[-1][0] == pull.head
        assert (told.written[-1][1].state, fits(told.written[-1][1].text, said)) == (state, True), told.written
    assert len(told.written) == 1 + (state != "success")  # what is there already is not written again


def test_a_request_for_one_image_keeps_what_is_known_of_the_others() -> None:
    def also_api(shop: Shop) -> None:
        shop.push("1.0.0", str(ONE.digest), "r.test/api")
        shop.push("1.1.0", str(TWO.digest), "r.test/api")
        shop.write({path("production", "api"): overlay({"r.test/api": ONE})}, days=20)

    def sets_api(known: GateStatus | None) -> GateStatus:
        shop, told = opened(GATED, also_api, runs("staging", TWO, 10), reported(3, "e2e", "success"))
        told.change(gates=known)
        updated("production", assigned(TWO, "r.test/api"))(shop)
        assert told.written[-1][0] == told.pulls[BRANCH][0].head != told.written[0][0]
        return told.written[-1][1]

    red = GateStatus("failure", "web 1.1.0: check e2e: failure")
    assert (sets_api(red), sets_api(OPEN), sets_api(None)) == (red, OPEN, UNSEEN)


def test_a_plan_and_an_environment_without_the_setting_write_nothing() -> None:
    _, told = opened(GATED.replace(", propose: {status: true}", ""), *PROMOTED)
    assert told.written == []
    shop = started(GATED, *PROMOTED)
    shop.forge = told = Told(shop=shop)
    shop.update(None, "production", dry_run=True)
    assert told.written == []


def test_one_environment_that_wants_it_everywhere_gets_it_on_all_pull_requests() -> None:
    text = chain(staging=", propose: {status: all}")
    shop, told = opened(text, *PROMOTED)
    shop.update()  # opens one for dev, too
    (pull,), (first,) = told.pulls[BRANCH], told.pulls["gitops-bot/dev/all"]
    told.others = (
        Head("1" * 40, "topic", None), Head("2" * 40, None, NO_PINS), Head(pull.head, "a-copy", pull.gates),
        Head("3" * 40, "gitops-bot/gone/all", None), Head("4" * 40, None, GateStatus("failure", "by others")),
    )  # fmt: skip
    shop.update()
    assert told.written == [(pull.head, OPEN), (first.head, OPEN), ("1" * 40, NO_PINS), ("4" * 40, NO_PINS)]


@rows("code", {"the token may not": "failed.auth", "the forge is down": "failed.forge"})
def test_where_a_status_cannot_be_written_no_other_is_tried_and_the_rest_is_done(
    code: FailureCode,
) -> None:
    shop = started(chain(production=", propose: {status: all}"), *PROMOTED)
    shop.forge = told = Told(shop=shop)
    problem = Problem(code, "it cannot be written", "do this")
    told.refusal, told.others = ForgeError(problem), (Head("1" * 40, "topic", None),)
    outcome = update(shop.world, shop.facts().snapshot, Request(Poll()))
    assert [*outcome.body.problems] == [problem]
    assert told.pulls[BRANCH][0].state == "open"
    assert len(told.written) == 1
