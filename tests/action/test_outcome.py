from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.action.outcome import PLAN_LIMIT, StepResult, errors, headlines, outputs, summary, to_annotate
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.decisions import Change, Held
from gitops_bot.report import document
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from tests.managed import alter, change_of, managed
from tests.proposals.sample import carried_out, kept

if TYPE_CHECKING:
    from gitops_bot.proposals.reconcile import ActionName

A, B = (f"sha256:{letter * 64}" for letter in "ab")
URL = "https://github.com/acme/deploy/pull/7"


def change(
    image: str = "ghcr.io/acme/web",
    tag: str | None = "1.1.0",
    *,
    new_name: str | None = None,
    carried: bool = False,
    why: str = "set",
) -> Change:
    entry = managed("live", "apps/web", "apps/web/kustomization.yaml", 3, "web", image)
    before, after, reason = Pin("1.0.0"), Pin(tag, A), Reason("set", why)
    return change_of(alter(entry, pin=before), after, "set", "forward", reason, new_name, carried=carried)


def outcome(
    *changes: Change,
    action: ActionName = "open",
    code: str = "chosen",
    url: str = URL,
    branch: str = "gitops-bot/live/all",
    held: tuple[Held, ...] = (),
    problems: tuple[Problem, ...] = (),
) -> StepResult:
    pull = PullRequest(7, url, "open", branch, "main", "c" * 40, "title", "body")
    reason = Reason(code, "because")
    proposed = carried_out(action, *changes, reason=reason, branch=branch, pull_request=pull, commit="c" * 40)
    environment = EnvironmentOutcome("live", (*held, *kept(2)), (proposed,))
    return Outcome((environment,), problems).of("acme/deploy", "main", "d" * 40)


def told(result: StepResult, *images: str, done: bool = True) -> dict[str, str]:
    plan = json.dumps(document.of("set", result, datetime.now(UTC)))
    return outputs(result, plan, images, written=True, done=done)


def test_a_pin_that_somebody_else_proposed_is_no_output_of_this_step() -> None:
    asked = outcome(change(carried=True), action="none", code="nothing_new")
    assert told(asked, "ghcr.io/acme/web=9.9.9", done=False)["digest"] == ""
    assert told(asked)["digest"] == A


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ("open", "true"),
        ("refresh", "true"),
        ("commit", "true"),
        ("close", "true"),
        ("leave", "false"),
        ("none", "false"),
    ],
)
def test_changed_says_whether_something_was_written(action: ActionName, changed: str) -> None:
    assert told(outcome(change(), action=action))["changed"] == changed


@pytest.mark.parametrize(
    ("asked", "images", "done", "expected"),
    [
        pytest.param(outcome(change()), (), True, f"ghcr.io/acme/web:1.1.0@{A}", id="what changes"),
        pytest.param(outcome(change(tag=None)), (), True, f"ghcr.io/acme/web@{A}", id="a digest alone"),
        pytest.param(outcome(change(new_name="quay.io/a/b")), (), True, f"quay.io/a/b:1.1.0@{A}", id="a new name"),
        pytest.param(outcome(change(), change()), (), True, f"ghcr.io/acme/web:1.1.0@{A}", id="twice in the overlays"),
        pytest.param(outcome(change()), ("web=1",), True, f"ghcr.io/acme/web:1.1.0@{A}", id="asked for by name"),
        pytest.param(
            outcome(change("docker.io/library/web")),
            ("docker.io/web=1",),
            True,
            f"docker.io/library/web:1.1.0@{A}",
            id="asked for by its repository, written otherwise",
        ),
        pytest.param(outcome(change()), (f"api=2@{B}",), True, f"api:2@{B}", id="carried; the one asked for was there"),
        pytest.param(outcome(change()), (f"api=2@{B}",), False, "", id="carried; the one asked for was not done"),
        pytest.param(outcome(), ("web=1",), True, "", id="there already, and no digest is known"),
        pytest.param(outcome(change(), action="leave"), ("web=1",), False, "", id="left alone"),
        pytest.param(outcome(change(), action="none", code="failed.forge"), ("web=1",), False, "", id="failed"),
    ],
)
def test_the_image_is_what_is_pinned(asked: StepResult, images: tuple[str, ...], done: bool, expected: str) -> None:
    found = told(asked, *images, done=done)
    assert found["image"] == expected
    assert found["digest"] == expected.partition("@")[2]


def test_a_closed_proposal_is_no_place_of_the_pins() -> None:
    found = told(outcome(action="close"))
    assert (found["pull-request-number"], found["branch"], found["commit"]) == ("", "", "")


@pytest.mark.parametrize(
    ("asked", "images", "number"),
    [
        pytest.param(outcome(change()), ("web=1",), "7", id="its own pin"),
        pytest.param(outcome(change(), change(carried=True)), ("web=1",), "7", id="its own beside others"),
        pytest.param(outcome(change(), action="none", code="nothing_new"), ("web=1",), "7", id="there before"),
        pytest.param(outcome(change(carried=True)), ("web=1",), "", id="pins of others alone"),
        pytest.param(outcome(change(carried=True)), (), "7", id="no image is named"),
        pytest.param(outcome(change(), action="leave", code="held.frozen"), ("web=1",), "", id="left alone"),
        pytest.param(outcome(change(), action="none", code="failed.forge"), ("web=1",), "", id="failed"),
        pytest.param(outcome(), ("web=1",), "", id="no pin"),
    ],
)
def test_a_step_that_names_images_returns_the_pull_requests_that_carry_their_pins(
    asked: StepResult, images: tuple[str, ...], number: str
) -> None:
    assert told(asked, *images)["pull-request-number"] == number


def test_a_plan_that_the_runner_would_not_keep_is_left_out() -> None:
    assert told(outcome(*[change(f"ghcr.io/acme/web{number}") for number in range(2000)]))["plan"] == ""
    assert 0 < len(told(outcome(change()))["plan"]) < PLAN_LIMIT


def test_texts_of_others_make_no_lines() -> None:
    asked = outcome(change("a\n::error::b\x1b[2J", why="x\ny"), branch="a\nb")
    for text in (
        *headlines(asked, written=True),
        *errors(asked),
        told(asked)["branch"],
        told(asked)["image"],
    ):
        assert "\n" not in text
        assert "\x1b" not in text


def test_what_was_named_and_not_done_is_annotated() -> None:
    held = Held(alter(change().entry, pin=Pin("2")), Pin("1"), Reason("held.downgrade", "older"))
    asked = outcome(change(), action="leave", held=(held,))
    wrong, undone = to_annotate(asked, named=True)
    assert (wrong, [(each.file, each.line) for each in undone]) == (
        [],
        [("apps/web/kustomization.yaml", 3), (None, None)],
    )
    assert undone[0].message.startswith("held ghcr.io/acme/web 2 -> 1: older (held.downgrade")
    assert undone[1].message == "gitops-bot/live/all is left alone: because"
    assert to_annotate(asked, named=False) == ([], [])


def test_a_summary_has_digests_in_full_and_the_way_to_the_pull_request() -> None:
    text = summary("gitops-bot set", outcome(change()), 10_000, written=True)
    assert "[#7](https://github.com/acme/deploy/pull/7)" in text
    assert f"| `ghcr.io/acme/web` | `1.0.0` | `1.1.0@{A}` | `apps/web/kustomization.yaml:3` |" in text
    assert f"```sh\ndocker pull ghcr.io/acme/web@{A}\n```" in text


@pytest.mark.parametrize("room", [0, 100, 3000, 5000, 100_000, 1024 * 1024])
def test_a_summary_keeps_to_its_room_and_stays_markdown(room: int) -> None:
    problems = tuple(Problem("failed.edit", f"{number}{'m' * 900}") for number in range(50))
    asked = outcome(*[change(f"ghcr.io/acme/web{number}") for number in range(5000)], problems=problems)
    text = summary("gitops-bot set", asked, room, written=True)
    assert len(text.encode()) <= room
    assert text.count("```") in (0, 2)
    assert room < 3000 or "more do not fit here" in text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/) [evil](https://y", "https://x/\ny", "https://x/<b>", "data:text/html,x"]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    asked = outcome(change(), url=url)
    text = summary("gitops-bot set", asked, 10_000, written=True)
    assert "](" not in text.replace("`" + " ".join(url.split()) + "`", "")


def test_names_that_a_shell_would_run_are_not_offered_to_one() -> None:
    asked = outcome(change("$(evil)/x"), change("`x`|y"))
    text = summary("gitops-bot set", asked, 10_000, written=True)
    assert "docker pull" not in text
    assert "| `` `x`\\|y `` |" in text
