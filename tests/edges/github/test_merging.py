"""Merging by itself: auto-merge, the queue, or at once; never past rules, and never without checks unless told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github import answers, failure
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    CHECKED,
    HEAD,
    NO_GRAPHQL,
    Script,
    base,
    having,
    listed,
    opened,
    playing,
    pull,
    recorded,
    refusal,
    said,
    unreadable,
)
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.pull_request import PullRequest

ENABLE, ENQUEUE, MERGE, READ = "EnableAutoMerge", "Enqueue", "PUT /pulls/1/merge", "GET /pulls/1"
QUEUE = {"mergeQueue": {"id": "MQ_1"}}
RULED = [{"type": "MERGE_QUEUE"}, {"type": "REQUIRED_STATUS_CHECKS"}]


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


@rows("base method sent", {
    "the repository's own method": ({}, None, "SQUASH"),
    "the method of the configuration": ({}, "merge", "MERGE"),
    "an own method that is not allowed": ({"viewerDefaultMergeMethod": "REBASE"}, None, "MERGE"),
    "a queue merges by its own method": (QUEUE, "rebase", None),
})  # fmt: skip
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


def ref(rule: Any = None, *rules: Any) -> dict[str, Any]:
    """A base branch, by the checks of its protection rule and the types of rules in its rulesets."""
    nodes = [each if each is None else {"type": each} for each in rules]
    return {
        "ref": {"refUpdateRule": rule and {"requiredStatusCheckContexts": rule["checks"]}, "rules": {"nodes": nodes}}
    }


#: Base branches, and whether they require checks, and have any rule.
BASES: dict[str, tuple[dict[str, Any], tuple[bool, bool]]] = {
    "branch protection": (ref({"checks": ["ci"]}), (True, True)),
    "a ruleset": (ref(None, "DELETION", "REQUIRED_STATUS_CHECKS"), (True, True)),
    "required workflows": (ref(None, "WORKFLOWS"), (True, True)),
    "no branch": ({"ref": None}, (False, True)),
    "no rulesets": ({"ref": {"refUpdateRule": None, "rules": None}}, (False, False)),
    "no rules": ({}, (False, False)),
    "no contexts": (ref({"checks": None}), (False, True)),
    "contexts that are hidden": (ref({"checks": [None]}, None), (False, True)),
    "reviews only": (ref({"checks": []}, "PULL_REQUEST"), (False, True)),
    "a queue without checks": (ref(None, "MERGE_QUEUE"), (False, True)),
}


@pytest.mark.parametrize(("changes", "expected"), BASES.values(), ids=BASES)
def test_checks_are_required_by_protection_and_by_rulesets(changes: Any, expected: tuple[bool, bool]) -> None:
    for hidden in (False, True):
        found = answers.base_of(base(**changes), hidden=hidden)
        assert (found.checks, found.rules, found.seen) == (expected[0], expected[1] or hidden, not hidden)


HIDDEN = {"type": "FORBIDDEN", "path": ["repository", "ref", "rules"], "message": "Resource not accessible"}
NO_CHECKS = "its base branch main requires no checks -> require status checks for main"
READY = "Pull request Pull request is in clean status"
#: What is not tried: base branch and pull request, the method, and what is told.
NOT_TRIED: dict[str, tuple[Any, dict[str, Any], Any, str]] = {
    "no checks": (opened(), {}, None, NO_CHECKS),
    "rules that are hidden": (opened(), {"errors": [HIDDEN]}, None, "no checks, as far as the token can see"),
    "a draft": (opened(isDraft=True), CHECKED, None, "it is a draft -> mark it ready for review"),
    "a method": (opened(), CHECKED, "rebase", "not allow rebase merges -> set `merge_method:` merge or squash"),
}


@pytest.mark.parametrize(("found", "base", "method", "told"), NOT_TRIED.values(), ids=NOT_TRIED)
def test_what_may_not_merge_by_itself_is_not_tried_and_told_once(found: Any, base: Any, method: Any, told: str) -> None:
    with playing({"Proposals": having(found, **base)}) as script:
        for _ in range(2):
            assert state(merging(script, method=method)) == ("open", False, False)
            assert script.asked == []
        (warning,) = script.warned
    assert "pull request #1 will not merge by itself: " in warning
    assert told in warning


@pytest.mark.parametrize("found", [opened(isInMergeQueue=True), opened(autoMergeRequest={"enabledBy": None})])
def test_what_merges_by_itself_already_is_left_alone(found: Any) -> None:
    with playing({"Proposals": having(found, **CHECKED)}) as script:
        pull = merging(script)
        assert (pull.queued or pull.auto_merge, script.asked, script.warned) == (True, [], [])


def test_what_is_ready_already_is_merged_at_once_and_at_this_very_head() -> None:
    plays = {"Proposals": having(opened(), **CHECKED), ENABLE: unprocessable(READY), MERGE: merged()}
    with playing(plays) as script:
        assert state(merging(script)) == ("merged", False, False)
        assert script.asked == [ENABLE, MERGE]
        assert script.sent[-1] == {"sha": HEAD, "merge_method": "squash"}
        assert script.warned == []


@pytest.mark.parametrize(
    ("words", "ready"),
    [
        ("Pull request Pull request is in unstable status", True),
        ("Pull request Protected branch rules not configured for this branch", True),
        ("Pull request Pull request is in dirty status", False),
    ],
)
def test_github_says_that_it_is_ready_already(words: str, ready: bool) -> None:
    assert failure.may_merge_now(words) is ready


@pytest.mark.parametrize(
    "base",
    [ref(None, "PULL_REQUEST"), QUEUE, {"errors": [HIDDEN]}],
    ids=["other rules", "a queue", "rules that are hidden"],
)
def test_without_checks_the_other_rules_are_waited_for(base: Mapping[str, Any]) -> None:
    """A merge by REST would get past them where the token's account may bypass them."""
    with playing({"Proposals": having(opened(), **base), ENABLE: enabled()}) as script:
        assert merging(script, without_checks=True).auto_merge
        assert script.asked == [ENABLE]


@rows("base plays asked", {
    "without auto-merge": ({"autoMergeAllowed": False}, {ENQUEUE: enqueued()}, [ENQUEUE]),
    "ready already": ({}, {ENABLE: unprocessable(READY), ENQUEUE: enqueued()}, [ENABLE, ENQUEUE]),
    "ready already, and only a rule tells of the queue": (
        {"mergeQueue": None, "ref": {"refUpdateRule": None, "rules": {"nodes": RULED}}},
        {ENABLE: unprocessable(READY), ENQUEUE: enqueued()}, [ENABLE, ENQUEUE],
    ),
    "there already": (
        {"autoMergeAllowed": False},
        {ENQUEUE: unprocessable("Pull request is already in the queue", "enqueuePullRequest")}, [ENQUEUE],
    ),
})  # fmt: skip
def test_a_queue_is_entered(base: Mapping[str, Any], plays: Mapping[str, Any], asked: list[str]) -> None:
    with playing({"Proposals": having(opened(), **{**CHECKED, **QUEUE, **base}), **plays}) as script:
        assert state(merging(script)) == ("open", False, True)
        assert script.asked == asked
        assert script.sent[-1] == {"input": {"pullRequestId": "PR_kwDOA1", "expectedHeadOid": HEAD}}
        assert script.warned == []


@pytest.mark.parametrize(
    ("mergeable", "asked"),
    [
        ("clean", [READ, MERGE]),
        ("unstable", [READ, MERGE]),
        ("blocked", [READ]),
        ("dirty", [READ]),
    ],
)
def test_without_auto_merge_the_run_that_finds_it_ready_merges_it(mergeable: str, asked: list[str]) -> None:
    """Not even tried: the token of an administrator would merge past the checks."""
    plays = {
        "Proposals": having(opened(), **CHECKED, autoMergeAllowed=False),
        READ: Answer.json(200, pull(mergeable_state=mergeable)),
        MERGE: merged(),
    }
    with playing(plays) as script:
        assert merging(script).state == ("merged" if MERGE in asked else "open")
        assert script.asked == asked
        advice = ["Settings > General > Pull Requests > Allow auto-merge" in warning for warning in script.warned]
    assert advice == ([] if MERGE in asked else [True])


@pytest.mark.parametrize("stays", [False, True])
def test_auto_merge_is_taken_back_by_one_request_or_that_is_told(stays: bool) -> None:
    answer = Answer.json(200, {"data": {"disablePullRequestAutoMerge": {"clientMutationId": None}}})
    refused = unprocessable("Can't disable auto-merge for this pull request.", "disablePullRequestAutoMerge")
    found = having(opened(autoMergeRequest={"enabledBy": {"login": "bot"}}), **CHECKED)
    with playing({"Proposals": found, "DisableAutoMerge": refused if stays else answer}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert state(script.bot.forge.merge_by_hand(pull.number)) == ("open", stays, False)
        assert (script.asked[1:], script.sent[-1]) == (["DisableAutoMerge"], {"input": {"pullRequestId": pull.node}})
        assert len(script.warned) == stays
        assert all("stays on: GitHub says: Can't disable" in warning for warning in script.warned)


@pytest.mark.parametrize("draft", [True, False])
@pytest.mark.parametrize("how", ["done", "refused", "done, its answer was lost"])
def test_it_becomes_a_draft_or_ready_by_one_request_or_that_is_told(draft: bool, how: str) -> None:
    conversions = {
        True: ("ConvertToDraft", "convertPullRequestToDraft"),
        False: ("MarkReady", "markPullRequestReadyForReview"),
    }
    (operation, mutation), is_done = conversions[draft], how != "refused"
    refused = unprocessable("Draft pull requests are not supported in this repository.", mutation)
    plays = {
        "Proposals": having(opened(isDraft=not draft), **CHECKED),
        operation: Answer.json(200, {"data": {mutation: {"clientMutationId": None}}}) if how == "done" else refused,
        READ: Answer.json(200, pull(draft=draft is is_done)),
    }
    with playing(plays) as script:
        (found,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert script.bot.forge.convert(found.number, draft=draft).draft is (draft is is_done)
        assert script.asked[1:] == [operation, *([] if how == "done" else [READ])]
        told = [text for text in script.warned if "GitHub says: Draft pull requests are not supported" in text]
        assert len(told) == len(script.warned) == (not is_done)


def test_a_pull_request_that_github_has_not_thought_about_yet_is_asked_for_once_more() -> None:
    unknown = unprocessable("Pull request Pull request is in unknown status")
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: [unknown, enabled()]}) as script:
        assert merging(script).auto_merge
        assert (script.asked, script.bot.clock.slept) == ([ENABLE, ENABLE], [2])
    with playing({"Proposals": having(opened(), **CHECKED), ENABLE: unknown}) as script:
        assert not merging(script).auto_merge
        assert script.asked == [ENABLE, ENABLE]


@pytest.mark.parametrize(
    ("base", "plays", "told"),
    [
        pytest.param(
            CHECKED,
            {ENABLE: refusal("FORBIDDEN", "Resource not accessible by integration", ["enablePullRequestAutoMerge"])},
            "Resource not accessible by integration -> give the job or the App `contents: write`",
            id="auto-merge",
        ),
        pytest.param(
            {**CHECKED, **QUEUE, "autoMergeAllowed": False},
            {ENQUEUE: unprocessable("Pull request Required workflow 'ci' is not satisfied", "enqueuePullRequest")},
            "'ci' is not satisfied -> it waits for the required workflow",
            id="the queue",
        ),
        *(
            pytest.param(
                {},
                {MERGE: said(status, "Rule violations\n\nApproving review"), READ: Answer.json(200, pull())},
                "Rule violations Approving review -> it waits for a review",
                id=f"a merge, {status}",
            )
            for status in (403, 404, 405, 409, 422)
        ),
    ],
)
def test_a_merge_that_is_refused_is_told_and_stops_nothing(base: Any, plays: Any, told: str) -> None:
    with playing({"Proposals": having(opened(), **base), **plays}) as script:
        assert state(merging(script, without_checks=not base)) == ("open", False, False)
        (warning,) = script.warned
    assert "pull request #1 will not merge by itself: GitHub says: " in warning
    assert told in warning


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        ("Pull request Auto merge is not allowed for this repository", "Allow auto-merge"),
        ("Head sha didn't match expected head sha.", "somebody has pushed since"),
        ("Head branch was modified. Review and try the merge again.", "somebody has pushed since"),
        ("Base branch was modified. Review and try the merge again.", "the next run tries again"),
        ("bot does not have the correct permissions to execute `EnablePullRequestAutoMerge`", "write access"),
        ("Pull Request is not mergeable", "a conflict, a check or a review blocks it"),
        ('Required status check "ci" is expected.', "the required checks"),
        ("Squash merges are not allowed on this repository.", "`merge_method:`"),
        ("Changes must be made through the merge queue", "uses a merge queue"),
        ("Commits must have verified signatures.", "signed commits"),
        ("Something new", "check the pull request"),
    ],
)
def test_githubs_reason_has_a_way_out(words: str, way_out: str) -> None:
    assert way_out in failure.merge_advice(words)


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
    "data",
    [{}, {"enablePullRequestAutoMerge": None}, {"enablePullRequestAutoMerge": {"pullRequest": {"state": "GONE"}}}],
    ids=str,
)
def test_an_answer_that_is_none_is_an_error(data: Any) -> None:
    plays = {"Proposals": having(opened(), **CHECKED), ENABLE: Answer.json(200, {"data": data})}
    with unreadable(plays) as script:
        merging(script)


# --- by REST, where the question in GraphQL is not known ----------------------------------------------------------


def by_rest(**plays: Any) -> dict[str, Any]:
    return {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, []),
        "GET ": Answer.json(200, {**recorded("GET", "", 200), "allow_auto_merge": True}),
        "GET /branches/main": Answer.json(200, recorded("GET", "/branches/{branch}", 200) | plays.pop("branch", {})),
        "GET /rules/branches/main": plays.pop("rules", said(404, "Not Found")),
        **plays,
    }


OFF = {"required_status_checks": {"enforcement_level": "off", "contexts": ["ci"]}}
PROTECTED = {"protected": True, "protection": {"required_status_checks": {"contexts": ["ci"]}}}


@rows("branch rules expected", {
    "nothing": ({"protected": False, "protection": None}, None, (False, False)),
    "checks that are switched off": ({"protected": True, "protection": OFF}, None, (False, True)),
    "checks": (PROTECTED, [], (True, True)),
    "a ruleset": ({"protected": False}, [{"type": "workflows"}], (True, True)),
    "another rule": ({"protected": False}, [{"type": "deletion"}], (False, True)),
})  # fmt: skip
def test_by_rest_it_is_the_same(branch: Any, rules: Any, expected: tuple[bool, bool]) -> None:
    found = answers.base_by_rest({}, branch, rules)
    assert (found.checks, found.rules, found.methods) == (*expected, ("merge", "squash", "rebase"))


def test_by_rest_the_run_that_finds_it_ready_merges_it() -> None:
    """Auto-merge is not enabled: REST does not tell whether a person disabled it again."""
    plays = by_rest(branch=PROTECTED, **{READ: Answer.json(200, pull(mergeable_state="clean")), MERGE: merged()})
    with playing(plays, broken=True) as script:
        assert merging(script, method="squash").state == "merged"
        assert script.asked[-2:] == [READ, MERGE]


@pytest.mark.parametrize("broken", [{"branch": {"protection": 7}}, {"rules": Answer.json(200, [7])}], ids=str)
def test_by_rest_a_base_branch_that_is_none_is_an_error(broken: dict[str, Any]) -> None:
    with unreadable(by_rest(**broken)) as script:
        merging(script)
