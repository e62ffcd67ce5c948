"""The embedded GitHub over HTTP: each answer is held against GitHub's description,
and what must not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.hub import Check
from tests.counterparts.forge import (
    BOT,
    BOT_TOKEN,
    FILES,
    PERSON,
    PERSON_TOKEN,
    REPOSITORY,
    TOKENS,
    Site,
    git,
    serving,
)
from tests.counterparts.github import Forge
from tests.counterparts.openapi import Checker, checker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIX = "gitops-bot/production/all"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge") as running:
        yield running


@pytest.fixture(scope="module")
def description() -> Checker:
    return checker()


#: Requests: (token, method, path below the repository (`//` begins one elsewhere), body, expected status).
Life = tuple[tuple[str | None, str, str, Any, int], ...]

#: The life of two pull requests.
LIFE: Life = (
    (None, "GET", "", None, 200),
    (BOT_TOKEN, "GET", "/branches/main", None, 200),
    (BOT_TOKEN, "GET", f"/branches/{FIX}", None, 200),
    (BOT_TOKEN, "GET", "/branches/nowhere", None, 404),
    (BOT_TOKEN, "GET", "/pulls", None, 200),
    (None, "POST", "/pulls", {"title": "t", "head": FIX, "base": "main"}, 401),
    ("ghs_wrong", "GET", "/pulls", None, 401),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": FIX, "base": "main", "body": "b", "draft": True}, 201),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": FIX, "base": "main"}, 422),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": "same", "base": "main"}, 422),
    (BOT_TOKEN, "POST", "/pulls", {"title": "second", "head": "second", "base": "main"}, 201),
    (
        BOT_TOKEN,
        "GET",
        f"/pulls?state=all&head=acme:{FIX}&base=main&sort=created&direction=desc&per_page=30",
        None,
        200,
    ),
    (BOT_TOKEN, "GET", "/pulls/1", None, 200),
    (BOT_TOKEN, "GET", "/pulls/99", None, 404),
    (BOT_TOKEN, "PATCH", "/pulls/1", {"title": "t2", "body": "b2"}, 200),
    (BOT_TOKEN, "PATCH", "/pulls/1", {"base": "nowhere"}, 422),
    (BOT_TOKEN, "POST", "/issues/1/labels", {"labels": ["release", "a/b c"]}, 200),
    (PERSON_TOKEN, "DELETE", "/issues/1/labels/a%2Fb%20c", None, 200),
    (PERSON_TOKEN, "DELETE", "/issues/1/labels/none", None, 404),
    (BOT_TOKEN, "POST", "/issues/1/comments", {"body": "hello"}, 201),
    (BOT_TOKEN, "GET", "/issues/1/comments", None, 200),
    (BOT_TOKEN, "POST", "/pulls/1/requested_reviewers", {"reviewers": [PERSON]}, 201),
    (BOT_TOKEN, "POST", "/pulls/1/requested_reviewers", {"reviewers": [BOT]}, 422),
    (BOT_TOKEN, "POST", "/pulls/1/requested_reviewers", {"team_reviewers": ["platform"]}, 422),
    (BOT_TOKEN, "GET", "/pulls/1", None, 200),
    (BOT_TOKEN, "POST", "/pulls/1/reviews", {"event": "APPROVE"}, 422),
    (PERSON_TOKEN, "POST", "/pulls/1/reviews", {"event": "APPROVE", "body": "fine"}, 200),
    (PERSON_TOKEN, "GET", "/pulls/1/reviews", None, 200),
    (PERSON_TOKEN, "PUT", "/pulls/1/merge", {}, 405),
    (PERSON_TOKEN, "PUT", "/pulls/2/merge", {"sha": "0" * 40}, 409),
    (PERSON_TOKEN, "PUT", "/pulls/2/merge", {"merge_method": "squash", "commit_title": "x"}, 200),
    (PERSON_TOKEN, "GET", "/pulls/2", None, 200),
    (PERSON_TOKEN, "PATCH", "/pulls/2", {"state": "open"}, 422),
    (PERSON_TOKEN, "PATCH", "/pulls/1", {"state": "closed"}, 200),
    (PERSON_TOKEN, "PATCH", "/pulls/1", {"state": "open"}, 200),
    (PERSON_TOKEN, "DELETE", f"/git/refs/heads/{FIX}", None, 204),
    (PERSON_TOKEN, "DELETE", f"/git/refs/heads/{FIX}", None, 422),
    (PERSON_TOKEN, "DELETE", "/git/refs/heads/main", None, 422),
    (PERSON_TOKEN, "GET", "/pulls?state=closed", None, 200),
    (PERSON_TOKEN, "PATCH", "/pulls/1", {"state": "open"}, 422),
)


def test_a_life_of_pull_requests_is_as_github_describes_it(site: Site, description: Checker) -> None:
    site.commit(FIX, {"README.md": b"# 2\n"})
    site.commit("second", {"b.txt": b"b\n", "README.md": None})
    site.bare.move("same", site.bare.branches()["main"], expected=None)
    assert lived(site, description, LIFE) == []


def lived(site: Site, description: Checker, life: Life) -> list[str]:
    """Send the requests, and return the answers' differences from GitHub's description."""
    breaches: list[str] = []
    for token, method, path, body, status in life:
        target = path[1:] if path.startswith("//") else f"/repos/{REPOSITORY}{path}"
        reply = site.ask(method, f"/api/v3{target}", body, token=token)
        assert reply.status == status, (method, path, body, reply.body)
        if status == 401:  # every operation of GitHub has it, and its description lists it for none of these
            continue
        found = description.breaches(method, target, sent=body, status=status, body=reply.body, headers=reply.headers)
        breaches += [f"{method} {path} {status}: {each}" for each in found]
    return breaches


UNPROTECTED: Life = (
    (PERSON_TOKEN, "GET", "/branches/main/protection", None, 404),
    (PERSON_TOKEN, "GET", "/branches/nowhere/protection", None, 404),
    (PERSON_TOKEN, "GET", "/rules/branches/main", None, 200),
)
PROTECTED: Life = (
    (PERSON_TOKEN, "GET", "/branches/main/protection", None, 200),
    (PERSON_TOKEN, "GET", "/branches/main", None, 200),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": FIX, "base": "main"}, 201),
    (BOT_TOKEN, "GET", "/pulls/1", None, 200),
    (BOT_TOKEN, "POST", "/issues/1/assignees", {"assignees": [PERSON, "nobody"]}, 201),
    (BOT_TOKEN, "POST", "/issues/1/comments", {"body": "hello"}, 201),
    (BOT_TOKEN, "POST", "/pulls/1/requested_reviewers", {"reviewers": [PERSON], "team_reviewers": ["platform"]}, 201),
    (BOT_TOKEN, "GET", f"/compare/main...acme:{FIX}", None, 200),
    (BOT_TOKEN, "GET", "/compare/main...nowhere", None, 404),
    (PERSON_TOKEN, "PUT", "/pulls/1/merge", {}, 405),
    (PERSON_TOKEN, "POST", "/pulls/1/reviews", {"event": "APPROVE"}, 200),
)
REVIEWED: Life = (
    (PERSON_TOKEN, "PUT", "/pulls/1/reviews/{review}/dismissals", {"message": " "}, 422),
    (PERSON_TOKEN, "PUT", "/pulls/1/reviews/{review}/dismissals", {"message": "not yet"}, 200),
    (PERSON_TOKEN, "PUT", "/pulls/1/reviews/{review}/dismissals", {"message": "not yet"}, 422),
    (PERSON_TOKEN, "PUT", "/pulls/1/reviews/7/dismissals", {"message": "not yet"}, 404),
)
WITHOUT_MERGE_COMMITS: Life = (
    (PERSON_TOKEN, "PUT", "/pulls/1/merge", {}, 405),
    (PERSON_TOKEN, "PUT", "/pulls/1/merge", {"merge_method": "squash"}, 200),
    (PERSON_TOKEN, "GET", "/pulls/1", None, 200),
)


def test_a_life_on_a_protected_branch_is_as_github_describes_it(site: Site, description: Checker) -> None:
    head = site.commit(FIX, {"README.md": b"# 2\n"})
    site.forge.team(REPOSITORY, "platform", [PERSON])
    assert lived(site, description, UNPROTECTED) == []
    site.forge.protect(REPOSITORY, checks=["ci"], approvals=1, dismiss_stale=True)
    site.forge.settings(REPOSITORY, allow_auto_merge=True, delete_branch_on_merge=True)
    assert lived(site, description, PROTECTED) == []
    (review,) = site.call("GET", "/pulls/1/reviews").json
    reviewed = tuple(
        (token, method, path.format(review=review["id"]), body, status)
        for token, method, path, body, status in REVIEWED
    )
    assert lived(site, description, reviewed) == []
    assert lived(site, description, ((BOT_TOKEN, "GET", f"/compare/main...{head}", None, 200),)) == []
    site.forge.unprotect(REPOSITORY)
    site.forge.settings(REPOSITORY, allow_merge_commit=False)
    assert lived(site, description, WITHOUT_MERGE_COMMITS) == []


@pytest.mark.parametrize("by_ruleset", [False, True])
def test_rules_are_shown_where_they_were_made(site: Site, description: Checker, by_ruleset: bool) -> None:
    site.forge.protect(
        REPOSITORY, checks=["ci"], approvals=1, signatures=True, merge_queue="squash", by_ruleset=by_ruleset
    )
    rules = site.call("GET", "/rules/branches/main").json
    kinds = {rule["type"] for rule in rules}
    assert ({"required_status_checks", "pull_request", "required_signatures", "merge_queue"} <= kinds) is by_ruleset
    numbers = {rule["ruleset_id"] for rule in rules}
    life: Life = (
        (PERSON_TOKEN, "GET", "/branches/main/protection", None, 404 if by_ruleset else 200),
        (PERSON_TOKEN, "GET", "/rules/branches/main", None, 200),
        (PERSON_TOKEN, "GET", "/rulesets/1", None, 404),
        *((PERSON_TOKEN, "GET", f"/rulesets/{number}", None, 200) for number in numbers),
    )
    assert lived(site, description, life) == []


ARTIFACT = {
    "name": "ghcr.io/acme/web",
    "digest": f"sha256:{'a' * 64}",
    "status": "deployed",
    "logical_environment": "staging",
    "deployment_name": "web",
    "return_records": False,
}


@pytest.mark.parametrize("state", ["failure", "in_progress"])
def test_checks_and_deployments_are_as_github_describes_them(site: Site, description: Checker, state: str) -> None:
    commit = site.bare.branches()["main"]
    site.forge.check_run(REPOSITORY, commit, "e2e", state, text="t", url="https://ci.test/1")
    own = {"ref": commit, "environment": "staging", "auto_merge": False, "required_contexts": [], "description": "d"}
    record = "//orgs/acme/artifacts/metadata/deployment-record"
    life: Life = (
        (BOT_TOKEN, "POST", f"/statuses/{commit}", {"state": "success", "context": "ci", "description": "d"}, 201),
        (BOT_TOKEN, "GET", f"/commits/{commit}/statuses?per_page=100&page=1", None, 200),
        (BOT_TOKEN, "GET", f"/commits/{commit}/check-runs?per_page=100&page=1", None, 200),
        (BOT_TOKEN, "POST", "/deployments", own, 201),
        (BOT_TOKEN, "POST", "/deployments", own | {"ref": "nowhere"}, 422),
        (BOT_TOKEN, "POST", "/deployments", own | {"auto_merge": True}, 409),
        (BOT_TOKEN, "POST", "/deployments", own | {"required_contexts": ["ci"]}, 409),
        (BOT_TOKEN, "GET", f"/deployments?sha={commit}&environment=staging", None, 200),
        (BOT_TOKEN, "POST", record, ARTIFACT, 200),
        (BOT_TOKEN, "POST", record, ARTIFACT | {"version": "1.0"}, 200),
    )
    assert lived(site, description, life) == []
    (made,) = site.call("GET", "/deployments?environment=staging").json
    statuses = f"/deployments/{made['id']}/statuses"
    life = (
        (BOT_TOKEN, "POST", statuses, {"state": "success", "description": "d"}, 201),
        (BOT_TOKEN, "POST", statuses, {"state": "success", "description": "x" * 141}, 422),
        (BOT_TOKEN, "GET", f"{statuses}?per_page=1", None, 200),
    )
    assert lived(site, description, life) == []
    assert [each["version"] for each in site.forge.gateway.artifacts["acme"]] == ["1.0"]


def test_a_status_that_github_does_not_take_is_refused(site: Site) -> None:
    commit, taken = site.bare.branches()["main"], {"state": "pending", "context": "ci"}
    refused: tuple[dict[str, str], ...] = (
        {"state": "red"}, {"description": "x" * 141}, {"context": "x" * 256}, {"target_url": "javascript:x"},
    )  # fmt: skip
    for fields in refused:
        assert site.call("POST", f"/statuses/{commit}", taken | fields).status == 422
    assert site.call("POST", f"/statuses/{'0' * 40}", taken).status == 422
    assert site.call("POST", f"/statuses/{commit}", taken, token=None).status == 401
    with site.forge.store.opened(site.forge._named(REPOSITORY), writes=True) as pulls:
        pulls.hub.checks[commit] = [Check("ci", "pending")] * 999
    for status in (201, 422):
        assert site.call("POST", f"/statuses/{commit}", taken).status == status
    assert site.call("POST", f"/statuses/{commit}", taken | {"context": "other"}).status == 201


def test_what_a_token_is_for_counts(site: Site) -> None:
    site.forge.create("acme/hidden", FILES, private=True)
    asked = {"title": "t", "head": FIX, "base": "main"}
    mutation = {"query": 'mutation { closePullRequest(input: {pullRequestId: "x"}) { clientMutationId } }'}
    for scope, status in (("read:org", 404), ("public_repo", 422)):
        site.forge.accounts.classic[PERSON_TOKEN] = (scope,)
        assert site.call("GET", "").headers["x-oauth-scopes"] == scope
        assert site.call("POST", "/pulls", asked).status == status
        assert site.ask("GET", "/api/v3/repos/acme/hidden").status == 404
    site.forge.accounts.classic[PERSON_TOKEN] = ("read:org",)
    assert site.ask("POST", "/api/graphql", mutation).json["errors"][0]["type"] == "INSUFFICIENT_SCOPES"


def test_the_forge_is_served_again_as_it_was_left(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        number = site.proposed()
        site.call("POST", f"/issues/{number}/labels", {"labels": ["hold"]})
        site.call("POST", f"/issues/{number}/comments", {"body": "wait"})
        site.call("POST", f"/pulls/{number}/reviews", {"event": "APPROVE"})
        port = site.forge.port
        paths = (f"/pulls/{number}", f"/issues/{number}/comments", f"/pulls/{number}/reviews")
        before = [site.call("GET", path).json for path in paths]
    with Forge(tmp_path, tokens=TOKENS, port=port) as forge:
        again = Site(forge, forge.bare(REPOSITORY))
        assert [again.call("GET", path).json for path in paths] == before
        assert again.call("POST", "/issues/1/comments", {"body": "on"}).json["id"] > before[1][0]["id"]


@pytest.mark.parametrize("name", ["acme", "/deploy", "../x", "acme/..", "acme/a b", "a/b/c", "ACME/deploy"])
def test_a_repository_whose_name_github_does_not_allow_or_has_already_is_not_made(proposed: Site, name: str) -> None:
    folder = proposed.bare.path.parent.parent
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError, match="cannot be the name"):
        proposed.forge.create(name, {})
    assert sorted(folder.rglob("*")) == before


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A forge with a pull request, which no test changes."""
    with serving(tmp_path_factory.mktemp("forge")) as running:
        running.proposed()
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/pulls", [], 400, "Body should be a JSON object"),
        ("POST", "/pulls", b"{", 400, None),
        ("POST", "/pulls", b"[" * 200_000, 400, None),
        (
            "POST",
            "/pulls",
            {"head": 1, "base": "main"},
            422,
            "Invalid request.\n\nFor 'properties/head', 1 is not a string.",
        ),
        ("POST", "/pulls", {}, 422, 'Invalid request.\n\n"head", "base" weren\'t supplied.'),
        ("POST", "/pulls", {"head": "x", "base": "main", "title": "", "draft": "yes"}, 422, None),
        ("PATCH", "/pulls/1", {"state": "merged"}, 422, "Validation Failed"),
        ("PATCH", "/pulls/1", {"title": "x" * 257}, 422, "Validation Failed"),
        ("PATCH", "/pulls/1", {"body": "x" * 65_537}, 422, "Validation Failed"),
        ("POST", "/issues/1/labels", {"labels": "release"}, 422, None),
        ("POST", "/issues/1/labels", {"labels": ["x" * 51]}, 422, "Validation Failed"),
        ("POST", "/issues/1/comments", {"body": " "}, 422, "Validation Failed"),
        ("PATCH", "/issues/comments/7", {"body": "x"}, 404, "Not Found"),
        ("POST", "/pulls/1/reviews", {"event": "PRAISE"}, 422, "Unprocessable Entity"),
        ("POST", "/pulls/1/reviews", {"event": "REQUEST_CHANGES"}, 422, "Unprocessable Entity"),
        ("PUT", "/pulls/1/merge", {"merge_method": "octopus"}, 422, None),
        ("GET", "/collaborators", None, 404, "Not Found"),
        ("GET", "/compare/main...--help", None, 404, "Not Found"),
        ("GET", "/pulls/1/../2", None, 404, "Not Found"),
    ],
)
def test_wrong_input_is_refused_in_githubs_words_and_changes_nothing(
    proposed: Site, method: str, path: str, body: Any, status: int, message: str | None
) -> None:
    before, heads = proposed.call("GET", "/pulls/1").json, proposed.bare.branches()
    reply = proposed.call(method, path, body)
    assert reply.status == status, reply.body
    assert message in (None, reply.json["message"])
    assert reply.json["documentation_url"].startswith("https://docs.github.com/")
    assert (proposed.call("GET", "/pulls/1").json, proposed.bare.branches()) == (before, heads)


@pytest.mark.parametrize("hub", [1, 10, 19])
def test_a_comment_on_a_pull_request_is_deleted_whatever_its_number(site: Site, hub: int) -> None:
    number = site.proposed()
    site.forge.store._hubs[REPOSITORY].id = hub
    comments = f"/issues/{number}/comments"
    said = [site.call("POST", comments, {"body": text}).json["id"] for text in ("one", "two")]
    assert site.call("DELETE", f"/issues/comments/{said[0]}").status == 204
    assert [comment["body"] for comment in site.call("GET", comments).json] == ["two"]


def test_lists_come_page_by_page_with_links(site: Site) -> None:
    for number in range(5):
        site.proposed(f"b{number}", tag=f"v{number + 2}")
    seen, path = [], "/pulls?state=all&per_page=2"
    while path:
        reply = site.call("GET", path)
        seen += [pull["number"] for pull in reply.json]
        links = dict(reversed(part.strip().split("; ", 1)) for part in reply.headers.get("link", "").split(",") if part)
        address = links.get('rel="next"', "").strip("<>")
        assert address in ("", f"{site.forge.api_url}/repos/{REPOSITORY}/pulls{address[address.find('?') :]}")
        path = address[address.find("/pulls") :] if address else ""
    assert seen == [5, 4, 3, 2, 1]
    assert len(site.call("GET", "/pulls?per_page=999").json) == 5
    assert [pull["number"] for pull in site.call("GET", "/pulls?sort=created&direction=asc").json] == [1, 2, 3, 4, 5]


def test_an_archived_repository_takes_no_push_and_no_write(site: Site, tmp_path: Path) -> None:
    site.proposed()
    site.forge.settings(REPOSITORY, archived=True)
    before = site.bare.branches()
    folder = tmp_path / "work"
    folder.mkdir()
    assert git("clone", "-q", f"{site.forge.url}/{REPOSITORY}.git", ".", cwd=folder).returncode == 0
    pushed = git("push", "-q", "origin", "HEAD:refs/heads/x", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert "403" in pushed.stderr
    for method, path, body in (
        ("POST", "/issues/1/comments", {"body": "x"}),
        ("POST", "/issues/1/labels", {"labels": ["x"]}),
        ("PUT", "/pulls/1/merge", {}),
    ):
        assert site.call(method, path, body).json["message"] == "Repository was archived so is read-only."
    assert site.bare.branches() == before
    assert site.call("GET", "/pulls/1").json["comments"] == 0
