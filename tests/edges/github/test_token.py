"""What GitHub tells of a token, and what it leaves open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitops_bot.edges.github.inspection import Role, Token

CLASSIC = Token("classic", frozenset({"repo"}))
PUBLIC = Token("classic", frozenset({"public_repo"}))
FINE, APP = Token("fine-grained"), Token("app")
HERE = Role(private=True, may_push=True)
READS, OPEN = replace(HERE, may_push=False), replace(HERE, private=False)


@pytest.mark.parametrize(
    ("text", "scopes", "words"),
    [
        ("ghs_1", None, "the token of a GitHub App or a workflow"),
        ("github_pat_1", None, "a fine-grained personal access token"),
        ("gho_1", (), "the token of an OAuth app or of a person's login with no scopes"),
        ("0123456789abcdef" * 3, ("repo",), "a classic personal access token with the scope repo"),
        ("ghp_1", ("workflow", "repo"), "a classic personal access token with the scopes repo, workflow"),
        ("glpat-1", None, "a token"),
        (None, None, "a token"),
    ],
)
def test_a_token_is_told_by_its_kind(text: str | None, scopes: tuple[str, ...] | None, words: str) -> None:
    assert str(Token.read(text, None if scopes is None else frozenset(scopes), in_workflow=False)) == words


@pytest.mark.parametrize(
    ("token", "role", "verdict", "words"),
    [
        pytest.param(CLASSIC, HERE, "yes", "may open pull requests", id="classic with a role"),
        pytest.param(PUBLIC, OPEN, "yes", "may open", id="public"),
        pytest.param(PUBLIC, HERE, "no", "the scope public_repo", id="private"),
        pytest.param(Token("classic", frozenset()), OPEN, "no", "has no scopes", id="no scopes"),
        pytest.param(CLASSIC, READS, "no", "can read this repository, but not write", id="classic without a role"),
        pytest.param(FINE, HERE, "unknown", "shows only when it does", id="fine-grained tells nothing"),
        pytest.param(APP, READS, "unknown", "shows only when it does", id="of an App GitHub says no role"),
        pytest.param(CLASSIC, replace(HERE, archived=True), "no", "is archived", id="archived"),
    ],
)
def test_whether_pull_requests_can_be_opened(token: Token, role: Role, verdict: str, words: str) -> None:
    found = token.may_propose(role)
    assert found.verdict == verdict
    assert words in found.text
    assert (found.advice == "") == (verdict == "yes")


def test_a_workflow_is_told_where_actions_are_allowed_to_propose() -> None:
    workflow = replace(APP, in_workflow=True)
    assert "Settings > Actions > General" in workflow.may_propose(READS).advice
    assert "Settings > Actions" not in replace(FINE, in_workflow=True).may_propose(HERE).advice


@pytest.mark.parametrize(
    ("token", "role", "verdict", "advice"),
    [
        pytest.param(CLASSIC, HERE, "yes", "", id="classic with a role"),
        pytest.param(Token("classic", frozenset({"repo_deployment"})), HERE, "yes", "", id="a scope for this alone"),
        pytest.param(PUBLIC, OPEN, "no", "the scope `repo` or `repo_deployment`", id="public"),
        pytest.param(CLASSIC, READS, "no", "the role `Write`", id="classic without a role"),
        pytest.param(FINE, HERE, "unknown", "`Deployments` with read and write access", id="fine-grained"),
        pytest.param(APP, READS, "unknown", "`Deployments` with read and write access", id="app"),
        pytest.param(
            replace(APP, in_workflow=True), READS, "unknown", "`permissions: {deployments: write}`", id="workflow"
        ),
        pytest.param(FINE, replace(HERE, archived=True), "no", "unarchive it", id="archived"),
    ],
)
def test_whether_deployments_can_be_written(token: Token, role: Role, verdict: str, advice: str) -> None:
    found = token.may_deploy(role)
    assert found.verdict == verdict
    assert advice in found.advice
    assert (found.advice == "") == (verdict == "yes")


@pytest.mark.parametrize(
    ("token", "role", "verdict", "advice"),
    [
        pytest.param(APP, HERE, "unknown", "`Artifact metadata` with read and write access of the", id="app"),
        pytest.param(CLASSIC, HERE, "unknown", "`Artifact metadata`", id="classic"),
        pytest.param(
            replace(APP, in_workflow=True), HERE, "unknown", "`permissions: {artifact-metadata: write}`", id="workflow"
        ),
        pytest.param(FINE, replace(HERE, of_person=True), "no", "remove `artifact_metadata`", id="of a person"),
    ],
)
def test_whether_artifacts_can_be_recorded(token: Token, role: Role, verdict: str, advice: str) -> None:
    found = token.may_record(role)
    assert (found.verdict, advice in found.advice) == (verdict, True)
