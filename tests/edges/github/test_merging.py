"""Merging by itself: auto-merge, the queue, or at once; never past rules, and never without checks unless told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    CHECKED,
    HEAD,
    NO_GRAPHQL,
    Script,
    having,
    listed,
    opened,
    playing,
    pull,
    recorded,
    refusal,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.pull_request import PullRequest

ENABLE, ENQUEUE, MERGE, READ = "EnableAutoMerge", "Enqueue", "PUT /pulls/1/merge", "GET /pulls/1"
QUEUE = {"mergeQueue": {"id": "MQ_1"}}
RULED = [{"type": "MERGE_QUEUE"}, {"type": "REQUIRED_STATUS_CHECKS"}]
RULES: Mapping[str, Any] = {"ref": {"refUpdateRule": None, "rules": {"nodes": [{"type": "PULL_REQUEST"}]}}}


def enabled(state: str = "OPEN", *, queued: bool = False, auto: bool = True) -> Answer:
    found = {
        "state": state,
        "isInMergeQueue": queued,
        "autoMergeRequest": {"enabledAt": "2026-01-02T03:04:05Z"} if auto else None,
        "title": "as it is now",
        "body": "what a person wrote meanwhile",
    }
    return Answer.json(200, {"data": {"enablePullRequestAutoMerge": {"pullRequest": found}}})


def enqueued() -> Answer:
    return Answer.json(200, {"data": {"enqueuePullRequest": {"mergeQueueEntry": {"state": "QUEUED"}}}})


def merged() -> Answer:
    return Answer.json(200, recorded("PUT", "/pulls/{pull_number}/merge", 200))


def unprocessable(message: str, mutation: str = "enablePullRequestAutoMerge") -> Answer:
    return refusal("UNPROCESSABLE", message, [mutation])


def merging(script: Script, **changes: Any) -> PullRequest:
    """Find it, then let it merge; the requests of the finding are forgotten."""
    script.bot.forge.find([BRANCH], BASE)
    script.asked.clear()
    script.sent.clear()
    asked: dict[str, Any] = {"head": HEAD, "method": None, "without_checks": False, **changes}
    return script.bot.forge.merge_when_ready(1, **asked)


def state(found: PullRequest) -> tuple[str, bool, bool]:
    return found.state, found.auto_merge, found.queued


@pytest.mark.parametrize(
    ("base", "method", "sent"),
    [
        pytest.param({}, None, "SQUASH", id="the repository's own method"),
        pytest.param({}, "merge", "MERGE", id="the method of the configuration"),
        pytest.param({"viewerDefaultMergeMethod": "REBASE"}, None, "MERGE", id="an own method that is not allowed"),
        pytest.param(QUEUE, "rebase", None, id="a queue merges by its own method"),
    ],
)
def test_auto_merge_is_switched_on_by_one_request_at_this_very_head(
    base: Mapping[str, Any], method: Any, sent: str | None
) -> None:
    with playing({"Proposals": having(opened(), **CHECKED, **base), ENABLE: enabled()}) as script:
        found = merging(script, method=method)
        assert script.asked == [ENABLE]
        wanted = {"pullRequestId": "PR_kwDOA1", "expectedHeadOid": HEAD}
        assert script.sent == [{"input": {**wanted, "mergeMethod": sent} if sent else wanted}]
        assert script.warned == []
    assert state(found) == ("open", True, False)


@pytest.mark.parametrize("base", [{}, {**QUEUE, "autoMergeAllowed": False}], ids=["auto-merge", "queue"])
def test_what_may_merge_is_the_commit_that_was_asked_for_and_not_the_one_that_is_there(base: Mapping[str, Any]) -> None:
    plays = {"Proposals": having(opened(), **CHECKED, **base), ENABLE: enabled(), ENQUEUE: enqueued()}
    with playing(plays) as script:
        merging(script, head="a" * 40)
        assert script.sent[-1]["input"]["expectedHeadOid"] == "a" * 40


@pytest.mark.parametrize(
    "ref",
    [
        {"refUpdateRule": {"requiredStatusCheckContexts": ["ci"]}, "rules": {"nodes": []}},
        {"refUpdateRule": None, "rules": {"nodes": [{"type": "DELETION"}, {"type": "REQUIRED_STATUS_CHECKS"}]}},
        {"refUpdateRule": None, "rules": {"nodes": [{"type": "WORKFLOWS"}]}},
    ],
    ids=["branch protection", "a ruleset", "required workflows"],
)
def test_checks_are_required_by_protection_and_by_rulesets(ref: Mapping[str, Any]) -> None:
    with playing({"Proposals": having(opened(), ref=ref), ENABLE: enabled()}) as script:
        assert merging(script).auto_merge


@pytest.mark.parametrize(
    "ref",
    [
        None,
        {"refUpdateRule": None, "rules": None},
        {"refUpdateRule": None, "rules": {"nodes": []}},
        {"refUpdateRule": {"requiredStatusCheckContexts": None}, "rules": {"nodes": []}},
        {"refUpdateRule": {"requiredStatusCheckContexts": [None]}, "rules": {"nodes": [None]}},
        {"refUpdateRule": {"requiredStatusCheckContexts": []}, "rules": {"nodes": [{"type": "PULL_REQUEST"}]}},
        {"refUpdateRule": None, "rules": {"nodes": [{"type": "MERGE_QUEUE"}]}},
    ],
    ids=[
        "no branch",
        "nothing",
        "no rules",
        "no contexts",
        "contexts that are hidden",
        "reviews only",
        "a queue without checks",
    ],
)
def test_nothing_merges_by_itself_where_the_base_requires_no_checks(ref: Any) -> None:
    with playing({"Proposals": having(opened(), ref=ref)}) as script:
        assert state(merging(script)) == ("open", False, False)
        assert script.asked == []
        (warning,) = script.warned
    assert "pull request #1 will not merge by itself: its base branch main requires no checks" in warning
    assert "set `auto_merge: without-checks`" in warning


def test_rules_that_the_token_may_not_see_are_said_to_be_hidden() -> None:
    error = {"type": "FORBIDDEN", "path": ["repository", "ref", "rules"], "message": "Resource not accessible"}
    with playing({"Proposals": having(opened(), errors=[error])}) as script:
        merging(script)
        (warning,) = script.warned
    assert "requires no checks, as far as the token can see" in warning


@pytest.mark.parametrize(
    "words",
    [
        "Pull request Pull request is in clean status",
        "Pull request Pull request is in unstable status",
        "Pull request Protected branch rules not configured for this branch",
    ],
)
def test_what_is_ready_already_is_merged_at_once_and_at_this_very_head(words: str) -> None:
    plays = {"Proposals": having(opened(), **CHECKED), ENABLE: unprocessable(words), MERGE: merged()}
    with playing(plays) as script:
        assert state(merging(script)) == ("merged", False, False)
        assert script.asked == [ENABLE, MERGE]
        assert script.sent[-1] == {"sha": HEAD, "merge_method": "squash"}
        assert script.warned == []


def test_without_checks_and_without_rules_it_is_merged_at_once() -> None:
    with playing({"Proposals": having(opened()), MERGE: merged()}) as script:
        assert merging(script, without_checks=True).state == "merged"
        assert script.asked == [MERGE]


@pytest.mark.parametrize("base", [RULES, {"ref": None}, QUEUE], ids=["other rules", "rules that are hidden", "a queue"])
def test_without_checks_the_other_rules_are_waited_for(base: Mapping[str, Any]) -> None:
    """A merge by REST would get past them where the token's account may bypass them."""
    with playing({"Proposals": having(opened(), **base), ENABLE: enabled()}) as script:
        assert merging(script, without_checks=True).auto_merge
        assert script.asked == [ENABLE]


def test_without_checks_rules_that_the_token_may_not_see_are_waited_for() -> None:
    error = {"type": "FORBIDDEN", "path": ["repository", "ref", "rules"], "message": "Resource not accessible"}
    with playing({"Proposals": having(opened(), errors=[error]), ENABLE: enabled()}) as script:
        assert merging(script, without_checks=True).auto_merge
        assert script.asked == [ENABLE]


def test_a_queue_may_take_it_at_once() -> None:
    plays = {"Proposals": having(opened(), **CHECKED, **QUEUE), ENABLE: enabled(queued=True, auto=False)}
    with playing(plays) as script:
        assert state(merging(script)) == ("open", False, True)


@pytest.mark.parametrize(
    ("base", "plays", "asked"),
    [
        pytest.param({"autoMergeAllowed": False}, {ENQUEUE: enqueued()}, [ENQUEUE], id="without auto-merge"),
        pytest.param({}, {ENABLE: unprocessable("Pull request Pull request is in clean status"), ENQUEUE: enqueued()},
            [ENABLE, ENQUEUE], id="ready already"),
        pytest.param({"mergeQueue": None, "ref": {"refUpdateRule": None, "rules": {"nodes": RULED}}},
            {ENABLE: unprocessable("Pull request Pull request is in clean status"), ENQUEUE: enqueued()},
            [ENABLE, ENQUEUE], id="ready already, and only a rule tells of the queue"),
        pytest.param({"autoMergeAllowed": False},
            {ENQUEUE: unprocessable("Pull request is already in the queue", "enqueuePullRequest")}, [ENQUEUE],
            id="there already"),
    ],
)  # fmt: skip
def test_a_queue_is_entered(base: Mapping[str, Any], plays: Mapping[str, Any], asked: list[str]) -> None:
    with playing({"Proposals": having(opened(), **{**CHECKED, **QUEUE, **base}), **plays}) as script:
        assert state(merging(script)) == ("open", False, True)
        assert script.asked == asked
        assert script.sent[-1] == {"input": {"pullRequestId": "PR_kwDOA1", "expectedHeadOid": HEAD}}
        assert script.warned == []


def test_a_queue_that_does_not_take_it_yet_is_told() -> None:
    words = "Pull request Required workflow 'ci' is not satisfied"
    plays = {
        "Proposals": having(opened(), **CHECKED, **QUEUE, autoMergeAllowed=False),
        ENQUEUE: unprocessable(words, "enqueuePullRequest"),
    }
    with playing(plays) as script:
        assert state(merging(script)) == ("open", False, False)
        (warning,) = script.warned
    assert f"GitHub says: {words} -> it waits for the required workflow" in warning


@pytest.mark.parametrize("mergeable", ["clean", "unstable", "has_hooks"])
def test_without_auto_merge_the_run_that_finds_it_ready_merges_it(mergeable: str) -> None:
    plays = {
        "Proposals": having(opened(), **CHECKED, autoMergeAllowed=False),
        READ: Answer.json(200, pull(mergeable_state=mergeable)),
        MERGE: merged(),
    }
    with playing(plays) as script:
        assert merging(script).state == "merged"
        assert script.asked == [READ, MERGE]


@pytest.mark.parametrize("mergeable", ["blocked", "behind", "dirty", "unknown", "draft"])
def test_without_auto_merge_what_is_not_ready_is_never_merged(mergeable: str) -> None:
    """Not even tried: the token of an administrator would merge past the checks."""
    plays = {
        "Proposals": having(opened(), **CHECKED, autoMergeAllowed=False),
        READ: Answer.json(200, pull(mergeable_state=mergeable)),
    }
    with playing(plays) as script:
        assert merging(script).state == "open"
        (warning,) = script.warned
    assert "Settings > General > Pull Requests > Allow auto-merge" in warning


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(opened(isInMergeQueue=True), ("open", False, True), id="queued"),
        pytest.param(opened(autoMergeRequest={"enabledBy": {"login": "bot"}}), ("open", True, False), id="set already"),
    ],
)
def test_what_merges_by_itself_already_is_left_alone(found: Any, expected: tuple[str, bool, bool]) -> None:
    with playing({"Proposals": having(found, **CHECKED)}) as script:
        assert state(merging(script)) == expected
        assert (script.asked, script.warned) == ([], [])


def test_auto_merge_is_taken_back_by_one_request() -> None:
    found = having(opened(autoMergeRequest={"enabledBy": {"login": "bot"}}), **CHECKED)
    answer = Answer.json(200, {"data": {"disablePullRequestAutoMerge": {"clientMutationId": None}}})
    with playing({"Proposals": found, "DisableAutoMerge": answer}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        script.asked.clear()
        assert state(script.bot.forge.merge_by_hand(pull.number)) == ("open", False, False)
        assert (script.asked, script.sent[-1]) == (["DisableAutoMerge"], {"input": {"pullRequestId": pull.node}})
        assert script.warned == []


def test_auto_merge_that_cannot_be_taken_back_is_told() -> None:
    found = having(opened(autoMergeRequest={"enabledBy": {"login": "bot"}}), **CHECKED)
    refused = unprocessable("Can't disable auto-merge for this pull request.", "disablePullRequestAutoMerge")
    with playing({"Proposals": found, "DisableAutoMerge": refused}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert state(script.bot.forge.merge_by_hand(pull.number)) == ("open", True, False)
        assert script.warned == [
            (
                "auto-merge of pull request #1 stays on: GitHub says: Can't disable auto-merge for this pull request. "
                "-> disable it there, or close the pull request"
            )
        ]


def test_a_draft_does_not_merge_and_that_is_told() -> None:
    with playing({"Proposals": having(opened(isDraft=True), **CHECKED)}) as script:
        merging(script)
        assert script.asked == []
        assert "it is a draft -> mark it ready for review" in script.warned[0]


def test_a_method_that_the_repository_does_not_allow_is_told_with_those_that_it_does() -> None:
    with playing({"Proposals": having(opened(), **CHECKED)}) as script:
        assert state(merging(script, method="rebase")) == ("open", False, False)
        assert script.asked == []
        (warning,) = script.warned
    assert "the repository does not allow rebase merges -> set `merge_method:` merge or squash" in warning


def test_a_pull_request_that_github_has_not_thought_about_yet_is_asked_for_once_more() -> None:
    unknown = unprocessable("Pull request Pull request is in unknown status")
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: [unknown, enabled()]}) as script:
        assert merging(script).auto_merge
        assert (script.asked, script.bot.clock.slept) == ([ENABLE, ENABLE], [2])
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: unknown}) as script:
        assert not merging(script).auto_merge
        assert script.asked == [ENABLE, ENABLE]


@pytest.mark.parametrize(
    ("answer", "way_out"),
    [
        (unprocessable("Pull request Auto merge is not allowed for this repository"), "Allow auto-merge"),
        (unprocessable("Head sha didn't match expected head sha."), "somebody has pushed since"),
        (
            refusal("FORBIDDEN", "Resource not accessible by integration", ["enablePullRequestAutoMerge"]),
            "`contents: write`",
        ),
        (
            refusal(
                "FORBIDDEN",
                "bot does not have the correct permissions to execute `EnablePullRequestAutoMerge`",
                ["enablePullRequestAutoMerge"],
            ),
            "write access",
        ),
        (unprocessable("Something new"), "check the pull request"),
    ],
    ids=["not allowed", "head moved", "App", "account", "anything else"],
)
def test_auto_merge_that_is_refused_is_told_with_the_way_out(answer: Answer, way_out: str) -> None:
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: answer}) as script:
        assert state(merging(script)) == ("open", False, False)
        (warning,) = script.warned
    assert "pull request #1 will not merge by itself: GitHub says: " in warning
    assert way_out in warning.partition(" -> ")[2]


@pytest.mark.parametrize(
    ("status", "words", "way_out"),
    [
        (405, "Pull Request is not mergeable", "a conflict, a check or a review blocks it"),
        (405, "Base branch was modified. Review and try the merge again.", "the next run tries again"),
        (405, 'Required status check "ci" is expected.', "the required checks"),
        (405, "At least 1 approving review is required by reviewers with write access.", "approve it"),
        (405, "Squash merges are not allowed on this repository.", "`merge_method:`"),
        (405, "Repository rule violations found\n\nChanges must be made through the merge queue", "uses a merge queue"),
        (405, "Repository rule violations found\n\nCommits must have verified signatures.", "signed commits"),
        (409, "Head branch was modified. Review and try the merge again.", "somebody has pushed since"),
        (403, "Resource not accessible by integration", "`contents: write`"),
        (404, "Not Found", "check the pull request"),
        (422, "Validation Failed", "check the pull request"),
    ],
)
def test_a_merge_that_is_refused_is_told_and_stops_nothing(status: int, words: str, way_out: str) -> None:
    plays = {"Proposals": having(opened()), MERGE: said(status, words), READ: Answer.json(200, pull())}
    with playing(plays) as script:
        assert merging(script, without_checks=True).state == "open"
        (warning,) = script.warned
    assert " ".join(words.split()) in warning
    assert way_out in warning.partition(" -> ")[2]


def test_a_merge_whose_answer_was_lost_is_seen_to_have_happened() -> None:
    done = pull(state="closed", merged=True, merged_at="2026-01-02T03:04:05Z")
    plays = {
        "Proposals": having(opened()),
        MERGE: [said(502, "Server Error"), said(405, "Pull Request is not mergeable")],
        READ: Answer.json(200, done),
    }
    with playing(plays) as script:
        assert merging(script, without_checks=True).state == "merged"
        assert script.warned == []


@pytest.mark.parametrize(
    "limit",
    [
        said(403, "You have exceeded a secondary rate limit.", {"Retry-After": "3600"}),
        refusal("RATE_LIMITED", "API rate limit exceeded for user ID 1.", ["enablePullRequestAutoMerge"]),
    ],
    ids=["secondary", "primary"],
)
def test_a_rate_limit_is_no_warning(limit: Answer) -> None:
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: limit}) as script:
        with pytest.raises(ForgeError, match="rate limit"):
            merging(script)
        assert script.warned == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"enablePullRequestAutoMerge": None},
        {"enablePullRequestAutoMerge": {"pullRequest": None}},
        {"enablePullRequestAutoMerge": {"pullRequest": {"state": "GONE"}}},
        {"enablePullRequestAutoMerge": {"pullRequest": {"state": []}}},
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_an_error(data: Any) -> None:
    plays = {"Proposals": having(opened(), **CHECKED), ENABLE: Answer.json(200, {"data": data})}
    with (
        playing(plays, broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        merging(script)


def test_what_is_told_is_told_once() -> None:
    with playing({"Proposals": having(opened())}) as script:
        merging(script)
        merging(script)
        assert len(script.warned) == 1


# --- by REST, where the question in GraphQL is not known ----------------------------------------------------------


def by_rest(**plays: Any) -> dict[str, Any]:
    return {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, []),
        "GET ": Answer.json(200, {**recorded("GET", "", 200), "allow_auto_merge": True, **plays.pop("repository", {})}),
        "GET /branches/main": Answer.json(
            200, {**recorded("GET", "/branches/{branch}", 200), **plays.pop("branch", {})}
        ),
        "GET /rules/branches/main": plays.pop("rules", said(404, "Not Found")),
        **plays,
    }


PROTECTED = {"protected": True, "protection": {"required_status_checks": {"contexts": ["ci"]}}}


def test_by_rest_the_run_that_finds_it_ready_merges_it() -> None:
    """Auto-merge is not enabled: REST does not tell whether a person disabled it again."""
    plays = {
        **by_rest(branch=PROTECTED),
        READ: Answer.json(200, pull(mergeable_state="clean")),
        MERGE: merged(),
    }
    with playing(plays, broken=True) as script:
        assert merging(script, method="squash").state == "merged"
        assert script.asked[-2:] == [READ, MERGE]


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        pytest.param({"branch": {"protected": False, "protection": None}}, 0, id="nothing"),
        pytest.param(
            {"branch": {"protected": True, "protection": {"required_status_checks": None}}}, 0, id="no checks"
        ),
        pytest.param(
            {
                "branch": {
                    "protected": True,
                    "protection": {"required_status_checks": {"enforcement_level": "off", "contexts": ["ci"]}},
                }
            },
            0,
            id="checks that are switched off",
        ),
        pytest.param(
            {
                "branch": {"protected": False},
                "rules": Answer.json(200, [{"type": "required_status_checks"}, {"type": "deletion"}]),
            },
            1,
            id="a ruleset",
        ),
    ],
)
def test_by_rest_checks_are_required_by_protection_and_by_rulesets(changes: dict[str, Any], asked: int) -> None:
    branch = {"protection": None, **changes.pop("branch")}
    ready = {READ: Answer.json(200, pull(mergeable_state="clean")), MERGE: merged()}
    with playing({**by_rest(branch=branch, **changes), **ready}, broken=True) as script:
        assert (merging(script).state == "merged") is bool(asked)
        assert script.asked.count(MERGE) == asked


@pytest.mark.parametrize("broken", [{"branch": {"protection": 7}}, {"rules": Answer.json(200, [7])}], ids=str)
def test_by_rest_a_base_branch_that_is_none_is_an_error(broken: dict[str, Any]) -> None:
    with (
        playing(by_rest(**broken), broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        merging(script)
