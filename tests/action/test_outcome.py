from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.action import outcome as told
from gitops_bot.action.outcome import PLAN_LIMIT, StepResult
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.checks import Check
from gitops_bot.releases.decisions import Change, Failed, Held, Kept, Seen
from gitops_bot.report import document
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from tests.managed import alter, change_of, managed
from tests.proposals.sample import carried_out, kept
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitops_bot.action.runner import Annotation, Level
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import Decision

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
    name = image.rpartition("/")[2]
    entry = managed("live", f"apps/{name}", f"apps/{name}/kustomization.yaml", 3, name, image)
    before, after, reason = Pin("1.0.0"), Pin(tag, A), Reason("set", why)
    return change_of(alter(entry, pin=before), after, "set", "forward", reason, new_name, carried=carried)


def held(change: Change, code: str = "held.downgrade") -> Held:
    return Held(change.entry, change.after, Reason(code, "older"))


def pinned(change: Change, pin: Pin, code: str = "nothing_new") -> Kept:
    return Kept(alter(change.entry, pin=pin), Reason(code, f"it is {code}"))


def outcome(
    *changes: Change,
    action: ActionName = "open",
    code: str = "chosen",
    url: str = URL,
    branch: str | None = "gitops-bot/live/all",
    decisions: Sequence[Decision] = (),
    problems: tuple[Problem, ...] = (),
    named: Collection[Change] = (),
) -> StepResult:
    pull = PullRequest(7, url, "open", branch, "main", "c" * 40, "title", "body") if branch else None
    reason = Reason(code, "because")
    commit = None if action in ("leave", "none") else "c" * 40
    proposed = carried_out(action, *changes, reason=reason, branch=branch, pull_request=pull, commit=commit)
    proposals = (proposed,) if changes or action in ("close", "leave") else ()
    keys = frozenset(item.entry.key for item in named)
    environment = EnvironmentOutcome("live", (*decisions, *kept(2)), proposals, named=keys)
    return Outcome((environment,), problems).of("acme/deploy", "main", "d" * 40)


def summary(result: StepResult, room: int = 100_000) -> str:
    rows = told.rows(result, written=True)
    return told.summary(told.title("gitops-bot set", result, rows, written=True), result, rows, room)


def headlines(result: StepResult, *, written: bool = True) -> list[str]:
    rows = told.rows(result, written=written)
    return told.headlines(told.title("gitops-bot set", result, rows, written=written), result, rows)


def outputs(result: StepResult) -> dict[str, str]:
    plan = json.dumps(document.of("set", result, datetime.now(UTC)))
    return told.outputs(result, told.rows(result, written=True), plan, headlines(result))


def annotated(result: StepResult, *, named: bool) -> list[tuple[Level, Annotation]]:
    return list(told.to_annotate(told.rows(result, written=True), named=named))


def table(text: str) -> list[str]:
    """The rows of a summary's table."""
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


WEB, API = change(), change("ghcr.io/acme/api")


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
    assert outputs(outcome(WEB, action=action))["changed"] == changed


WEB_IMAGE = f"ghcr.io/acme/web:1.1.0@{A}"
CARRIED = change(carried=True)


@rows("result image number", {
    "what changes": (outcome(WEB), WEB_IMAGE, "7"),
    "a digest alone": (outcome(change(tag=None)), f"ghcr.io/acme/web@{A}", "7"),
    "a new name": (outcome(change(new_name="quay.io/a/b")), f"quay.io/a/b:1.1.0@{A}", "7"),
    "twice in the overlays": (outcome(WEB, WEB), WEB_IMAGE, "7"),
    "by name": (outcome(WEB, named=[WEB]), WEB_IMAGE, "7"),
    "proposed before": (outcome(WEB, action="none", named=[WEB]), WEB_IMAGE, "7"),
    "beside others": (outcome(change("ghcr.io/acme/api", carried=True), WEB, named=[WEB]), WEB_IMAGE, "7"),
    "carried, and nothing is named": (outcome(CARRIED), WEB_IMAGE, "7"),
    "carried, and what was named was not done": (outcome(CARRIED, named=[WEB]), "", ""),
    "carried, and what was named is on the base branch": (
        outcome(CARRIED, decisions=[pinned(API, Pin("2", B))], named=[API]), f"ghcr.io/acme/api:2@{B}", "",
    ),
    "pinned by tag": (outcome(decisions=[pinned(WEB, Pin("2"))], named=[WEB]), "ghcr.io/acme/web:2", ""),
    "one is new and one is there": (
        outcome(API, decisions=[pinned(WEB, Pin("2", B))], named=[WEB, API]),
        f"ghcr.io/acme/api:1.1.0@{A}\nghcr.io/acme/web:2@{B}", "7",
    ),
    "one is held": (outcome(API, decisions=[held(WEB)], named=[WEB, API]), f"ghcr.io/acme/api:1.1.0@{A}", "7"),
    "current, and nobody asked": (outcome(decisions=[pinned(WEB, Pin("2", B))]), "", ""),
    "ignored": (outcome(decisions=[pinned(WEB, Pin("2", B), "ignored")], named=[WEB]), "", ""),
    "left to a person": (outcome(WEB, action="leave", code="person", named=[WEB]), "", ""),
    "stopped by a limit": (outcome(WEB, action="leave", code="held.limit"), "", ""),
    "failed": (outcome(WEB, action="none", code="failed.forge"), "", ""),
    "closed": (outcome(action="close"), "", ""),
})  # fmt: skip
def test_the_outputs_name_what_is_pinned_and_where(result: StepResult, image: str, number: str) -> None:
    found = outputs(result)
    assert (found["image"], found["pull-request-number"]) == (image, number)
    assert found["digest"].splitlines() == list(
        dict.fromkeys(line.partition("@")[2] for line in image.splitlines() if "@" in line)
    )
    assert (found["branch"] == "") == (image == "")


@rows("result branch", {
    "proposed": (outcome(WEB), "gitops-bot/live/all"),
    "committed": (outcome(WEB, action="commit", branch=None), "main"),
    "there before": (outcome(decisions=[pinned(WEB, Pin("1"))], named=[WEB]), "main"),
    "not committed yet": (outcome(WEB, action="leave", code="held.window", branch=None), ""),
})  # fmt: skip
def test_the_branch_is_where_the_pins_are(result: StepResult, branch: str) -> None:
    assert outputs(result)["branch"] == branch


def test_a_plan_that_the_runner_would_not_keep_is_left_out() -> None:
    assert outputs(outcome(*[change(f"ghcr.io/acme/web{number}") for number in range(2000)]))["plan"] == ""
    assert 0 < len(outputs(outcome(change()))["plan"]) < PLAN_LIMIT


def test_texts_of_others_make_no_lines() -> None:
    asked = outcome(change("a\n::error::b\x1b[2J", why="x\ny"), branch="a\nb")
    for text in (*headlines(asked), outputs(asked)["branch"], outputs(asked)["image"]):
        assert "\n" not in text
        assert "\x1b" not in text


PROBLEM = Problem("failed.registry", "ghcr.io/acme/web: no such tag", "push it", "k.yaml", 3, about="ghcr.io/acme/web")
FAILED = Failed(WEB.entry, PROBLEM)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(outcome(WEB), ["live: opened #7: web 1.1.0"], id="done"),
        pytest.param(outcome(WEB, action="none"), ["live: already proposed in #7: web 1.1.0"], id="done before"),
        pytest.param(outcome(), ["live: nothing to do"], id="nothing"),
        pytest.param(outcome(decisions=[held(WEB)]), ["live: held: web 1.1.0 (older)"], id="held, in a poll"),
        pytest.param(outcome(decisions=[held(WEB)], named=[WEB]),
            ["failed: gitops-bot set live: 1 held", "live: held: web 1.1.0 (older)"], id="held, although it was named"),
        pytest.param(outcome(decisions=[FAILED], named=[WEB]),
            ["failed: gitops-bot set live: 1 failed", "live: failed: web (no such tag)"], id="failed"),
        pytest.param(
            outcome(API, decisions=[FAILED], named=[WEB, API]),
            [
                "failed: gitops-bot set live: 1 failed, 1 changed",
                "live: failed: web (no such tag)",
                "live: opened #7: api 1.1.0",
            ],
            id="in part",
        ),
        pytest.param(outcome(action="close"), ["live: closed #7: because"], id="closed"),
        pytest.param(outcome(action="leave", code="person"), ["live: left alone: because"], id="a person's branch"),
        pytest.param(
            outcome(WEB, API, action="none", code="failed.forge", problems=(Problem("failed.forge", "because"),)),
            [
                "failed: gitops-bot set live: 2 failed",
                "live: not done: web 1.1.0, api 1.1.0 (because)",
                "failed: because",
            ],
            id="not written",
        ),
        pytest.param(Outcome(problems=(Problem("failed.usage", "no environment"),)).of(),
            ["failed: gitops-bot set", "failed: no environment"], id="not begun"),
        pytest.param(outcome(*[change(f"x/web{number}") for number in range(50)], action="leave", code="held.limit"),
            ["live: left alone: web0 1.1.0, web1 1.1.0, web2 1.1.0, web3 1.1.0, web4 1.1.0 and 45 more (because)"],
            id="many of one kind"),
    ],
)  # fmt: skip
def test_headlines_begin_with_what_failed(result: StepResult, expected: list[str]) -> None:
    assert headlines(result) == expected
    assert outputs(result)["summary"] == "\n".join(expected)
    assert summary(result).startswith("### failed: ") == expected[0].startswith("failed: ")


def test_what_was_named_and_not_done_is_annotated() -> None:
    asked = outcome(WEB, action="leave", decisions=[held(API)])
    level, first = annotated(asked, named=True)[0]
    assert (level, first.file, first.line) == ("error", "apps/web/kustomization.yaml", 3)
    assert first.message == f"left alone: ghcr.io/acme/web 1.0.0 -> 1.1.0@{A}: because"
    assert [item.message for _, item in annotated(asked, named=True)[1:]] == [
        f"held: ghcr.io/acme/api 1.0.0 -> 1.1.0@{A}: older"
    ]
    assert annotated(asked, named=False) == []
    failed = annotated(outcome(decisions=[FAILED, held(API)]), named=True)
    assert [(level, item.message) for level, item in failed] == [
        ("error", PROBLEM.message),
        ("warning", f"held: ghcr.io/acme/api 1.0.0 -> 1.1.0@{A}: older"),
    ]


def test_as_many_are_annotated_as_github_shows() -> None:
    many = [held(change(f"x/web{number}")) for number in range(50)]
    assert len(annotated(outcome(decisions=many), named=True)) == 10


def test_a_summary_is_one_table_with_what_needs_attention_on_top() -> None:
    other = change("ghcr.io/acme/other")
    unmanaged = [pinned(change(f"x/old{number}"), Pin("main"), "unmanaged") for number in range(3)]
    text = summary(outcome(API, decisions=[*unmanaged, held(other), FAILED]))
    assert text.startswith("### failed: gitops-bot set live: 1 failed, 1 held, 1 changed\n\n| image | from → to |")
    assert table(text) == [
        "| `web` | `1.0.0` | **failed**: no such tag |  |",
        f"| `other` | `1.0.0` → `1.1.0@{A[:19]}` | **held**: older |  |",
        f"| `api` | `1.0.0` → `1.1.0@{A[:19]}` | opened | [#7]({URL}) |",
        "| `old0` | `main` | not tracked, and 2 more: it is unmanaged |  |",
    ]
    assert "\n- web: push it\n" in text
    before, _, folded = text.partition("<details>")
    assert A not in before
    assert (
        f"- `ghcr.io/acme/api` in `apps/api/kustomization.yaml:3`: `1.0.0` → `1.1.0@{A}`, commit `{'c' * 40}`" in folded
    )
    # Nobody is told to pull what is not pinned.
    assert folded.count("docker pull") == 1
    assert f"```sh\ndocker pull ghcr.io/acme/api@{A}\n```" in folded


def test_a_failed_check_comes_first_and_what_is_only_frozen_is_no_row() -> None:
    check = Check("e2e", "failure", datetime(2026, 11, 24, tzinfo=UTC), "argocd[bot]", f"{URL}#e2e", "")
    failed = Seen("checks", "e2e", "failure", check)
    red = alter(held(API, "held.check"), seen=(failed,))
    calm = Held(WEB.entry, None, Reason("held.hold", "held until then", {"image": None}))
    asked = outcome(decisions=[FAILED, calm, red])
    text = summary(asked)
    assert text.startswith("### failed: gitops-bot set live: 1 with a failed check, 1 failed\n")
    assert [row.split(" | ")[0] for row in table(text)] == ["| `api`", "| `web`"]
    assert f"**check failed**: older<br>check [`e2e`]({URL}#e2e): failure since" in table(text)[0]
    named = outcome(decisions=[calm, red], named=[WEB, API])
    assert [item.message.partition(":")[0] for _, item in annotated(named, named=True)] == ["check failed", "held"]


@rows("result row", {
    "a label": (
        outcome(WEB, action="leave", code="held.label", decisions=[held(WEB, "held.label")]),
        f"**held**: older | [#7]({URL}) |",
    ),
    "a limit": (outcome(WEB, action="leave", code="held.limit", branch=None), "**left alone**: because |  |"),
    "a person": (outcome(WEB, action="leave", code="person"), f"**left alone**: because | [#7]({URL}) |"),
    "git": (outcome(WEB, action="none", code="failed.git"), f"**not done**: because | [#7]({URL}) |"),
})  # fmt: skip
def test_what_is_stopped_is_no_success_and_offers_no_pull(result: StepResult, row: str) -> None:
    text = summary(result)
    assert [line.endswith(row) for line in table(text)] == [True]
    assert "docker pull" not in text


def test_images_of_one_name_and_environments_are_told_apart() -> None:
    text = summary(outcome(WEB, change("quay.io/acme/web"), API))
    assert [line.split(" | ")[0] for line in table(text)] == ["| `ghcr.io/acme/web`", "| `quay.io/acme/web`", "| `api`"]
    two = tuple(EnvironmentOutcome(name, (held(WEB),)) for name in ("dev", "live"))
    text = summary(Outcome(two).of())
    assert [line.split(" | ")[0] for line in table(text)] == ["| `web`<br>dev", "| `web`<br>live"]


@pytest.mark.parametrize("room", [0, 100, 3000, 5000, 100_000, 1024 * 1024])
def test_a_summary_keeps_to_its_room_and_stays_markdown(room: int) -> None:
    problems = tuple(Problem("failed.edit", str(number) + "\N{EURO SIGN}" * 900) for number in range(50))
    changes = [change(f"ghcr.io/acme/web{number}") for number in range(5000)]
    for asked in (outcome(*changes, problems=problems), outcome(*changes)):
        text = summary(asked, room)
        assert len(text.encode()) <= room
        assert text.count("```") in (0, 2)
        assert text.count("<details>") == text.count("</details>")
        assert room < 3000 or " more: the log has all" in text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/) [evil](https://y", "https://x/\ny", "https://x/<b>", "data:text/html,x"]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    text = summary(outcome(change(), url=url))
    assert "](" not in text.replace("`" + " ".join(url.split()) + "`", "")


def test_names_that_a_shell_would_run_are_not_offered_to_one() -> None:
    text = summary(outcome(change("$(evil)/x"), change("`x`|y")))
    assert "docker pull" not in text
    assert "| `` `x`\\|y `` |" in text
