"""What gates saw, in every output: which check, how it went, since when and by whom; what strangers wrote is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import body, evidence
from gitops_bot.releases.checks import Check, DeploymentState
from gitops_bot.releases.decisions import Held, Seen
from gitops_bot.report.explain import print_explanations
from gitops_bot.report.screen import Screen
from gitops_bot.report.status import markdown
from gitops_bot.results.explained import Explained, PolicySource
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Status
from tests.counterparts.gitops_statuses import ARGO_CD, FLUX
from tests.managed import alter
from tests.proposals.sample import B, carried_out, change, entry, worded
from tests.report import outputs
from tests.report.shown import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.proposals.proposal import ProposalText
    from gitops_bot.releases.checks import CheckState

AT = datetime(2026, 11, 24, 14, 2, 9, tzinfo=UTC)
URL = "https://argocd.acme.test/applications/web"


def seen(
    name: str = "e2e", state: CheckState = "success", by: str = "ci", url: str | None = URL, text: str = ""
) -> Seen:
    return Seen("checks", name, state, Check(name, state, AT, by, url, text))


SINCE = "since 2026-11-24 14:02 UTC"
DEPLOYED = DeploymentState("staging", "a" * 40, "success", AT, "cd", URL, "")
CD = "continuous-delivery/web-staging"


@pytest.mark.parametrize(
    ("item", "line"),
    [
        pytest.param(seen(CD, by="argocd[bot]"), f"check {CD}: success {SINCE}, by argocd[bot] {URL}", id="passed"),
        pytest.param(Seen("checks", CD, "pending"), f"check {CD}: not reported yet", id="nothing there"),
        pytest.param(seen(state="pending"), f"check e2e: pending {SINCE}, by ci {URL}", id="pending"),
        pytest.param(seen(state="failure", text="2 of 9 failed"),
            f"check e2e: failure since 2026-11-24 14:02 UTC, by ci: 2 of 9 failed {URL}",
            id="failed, with what it said"),
        pytest.param(replace(seen("trivy", url=None), gate="source_checks"),
            "check of the build trivy: success since 2026-11-24 14:02 UTC, by ci, on the commit that the image claims",
            id="of the build, which a label names"),
        pytest.param(Seen("deployment", "staging", "success", DEPLOYED),
            f"deployment to staging: success since 2026-11-24 14:02 UTC, by cd {URL}", id="a deployment"),
        pytest.param(Seen("checks", "e2e*", "success", Check("e2e (arm64)", "success", AT, "", None, "")),
            "check e2e (arm64): success since 2026-11-24 14:02 UTC", id="what a glob matched"),
    ],
)  # fmt: skip
def test_a_line_says_which_check_and_how_it_went_since_when(item: Seen, line: str) -> None:
    assert evidence.lines([item]) == [line]


@pytest.mark.parametrize("status", [*ARGO_CD.values(), *FLUX.values()], ids=lambda status: status.description[:40])
def test_what_argo_cd_and_flux_write_is_one_line(status: Any) -> None:
    state: CheckState = {"error": "failure"}.get(status.state, status.state)
    check = Check(status.context, state, AT, "argocd[bot]", status.target_url, status.description)
    (line,) = evidence.lines([Seen("checks", status.context, state, check)])
    assert line.startswith(f"check {status.context}: {state} since 2026-11-24 14:02 UTC")
    assert "\n" not in line
    assert ("degraded" in line or "failed" in line) == (state == "failure")


def test_what_a_reason_names_already_is_not_told_again() -> None:
    passed, failed, waiting = seen("lint"), seen("e2e", "failure"), seen("smoke", "pending")
    assert [line.split(":")[0] for line in evidence.lines([passed, failed, waiting], "lint passed, e2e failed")] == [
        "check lint",
        "check smoke",
    ]


def test_many_are_counted_and_equal_ones_are_told_once() -> None:
    many = [seen(f"shard {number}") for number in range(8)]
    assert evidence.lines([*many, *many])[-1] == "… and 3 more"
    assert len(evidence.lines([*many, *many])) == len(evidence.markdown(many)) == evidence.MOST + 1


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a.test/\u202ex", 'https://a.test/"x', "data:text/html,x", "ftp://a.test/x", ""],
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    item = seen(url=url)
    for name, show in OUTPUTS.items():
        assert not url or url not in show(item), name
    links = [link for link in Parsed(OUTPUTS["page"](item)).all("a") if link.get("rel")]
    assert links == []
    assert [link["rel"] for link in Parsed(OUTPUTS["page"](seen())).all("a") if link["href"] == URL] == [
        "noopener nofollow"
    ]


# --- all outputs -----------------------------------------------------------------------------------------------------


def decided(item: Seen) -> Outcome:
    """A change and a held entry that a gate looked at."""
    held = Held(entry("api"), Pin("v2", B), Reason("held.soak", "waits"), seen=(item,))
    proposed = carried_out("open", alter(change(), seen=(item,)), branch="gitops-bot/staging/all")
    return Outcome((EnvironmentOutcome("staging", (held,), (proposed,)),))


def explained(item: Seen) -> Explained:
    policy = PolicySource(None, "promotion", "config", "promoted from dev")
    return Explained(policy, Pin("v1"), "held", Reason("held.soak", "waits"), entry=entry(), seen=(item,))


def explain(item: Seen) -> str:
    out = StringIO()
    print_explanations(outputs.HEAD, (explained(item),), Screen(out, 100))
    return out.getvalue()


def status(item: Seen) -> Status:
    reason = Reason("held.soak", "waits")
    own = EntryStatus(entry(), "docker.io/library/web", AT, state="held", reason=reason, seen=(item,))
    return Status(AT, (EnvironmentStatus("staging", None, None, (own,)),), sees_pull_requests=True)


def written(item: Seen, *, pull_request: bool) -> ProposalText:
    held = Held(entry("api"), None, Reason("held.soak", "waits"), seen=(item,))
    return worded(alter(change(), seen=(item,)), held, source="policy", pull_request=pull_request)


MARKDOWN: dict[str, Callable[[Seen], str]] = {
    "body": lambda item: written(item, pull_request=True).body,
    "summary of the Action": lambda item: outputs.summary(decided(item)),
    "status as Markdown": lambda item: markdown(status(item)),
}
OUTPUTS: dict[str, Callable[[Seen], str]] = {
    **MARKDOWN,
    "plan, piped": lambda item: outputs.text(decided(item)),
    "plan on a terminal": lambda item: outputs.text(decided(item), 60),
    "explain": explain,
    "status, piped": lambda item: outputs.text(status(item)),
    "status on a terminal": lambda item: outputs.text(status(item), 60),
    "commit message": lambda item: written(item, pull_request=False).message,
    "page": lambda item: outputs.as_page(status(item)),
    "plan as JSON": lambda item: outputs.as_json("update", decided(item)),
    "explain as JSON": lambda item: outputs.as_json("explain", (explained(item),)),
    "status as JSON": lambda item: outputs.as_json("status", status(item)),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_names_the_check_its_result_and_its_link(output: str) -> None:
    words = outputs.words(OUTPUTS[output](seen(CD, "failure", "argocd[bot]", text="has degraded")))
    assert CD in words
    assert "2026-11-24 14:02 UTC" in words or "2026-11-24T14:02:09Z" in words
    assert "has degraded" in words
    if output != "commit message":  # its addresses are broken, so that they close and link nothing
        assert URL in words


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_strangers_call_a_check_is_shown_and_never_obeyed(output: str) -> None:
    outputs.check_harmless(lambda text: OUTPUTS[output](seen(text, "failure", text, text=f"::error::{text}")))


def test_in_markdown_and_on_the_page_it_makes_no_element_and_no_row() -> None:
    def output(show: Callable[[Seen], str]) -> Callable[[str], str]:
        return lambda text: show(seen(text, "failure", text, text=text))

    outputs.check_no_elements(output(OUTPUTS["page"]), {name: output(show) for name, show in MARKDOWN.items()})


def test_a_changed_time_is_no_reason_to_write_a_description_again() -> None:
    first, later = (written(seen(name), pull_request=True).body for name in ("e2e", "e2e again"))
    assert first != later
    assert body.plan_mark(first) == body.plan_mark(later)
    # A commit for a pull request does not say it, so that it is the same commit in every cycle.
    assert "e2e" not in written(seen(), pull_request=True).message
