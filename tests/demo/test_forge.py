"""The embedded GitHub over HTTP: each answer is held against GitHub's description, and against another emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.counterparts.forge import (
    BOT,
    BOT_TOKEN,
    FILES,
    PERSON,
    PERSON_TOKEN,
    REPOSITORY,
    TOKENS,
    Reply,
    Site,
    git,
    serving,
)
from tests.counterparts.github import Forge
from tests.counterparts.myworld import emulating
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


#: Requests: (token, method, path, body, expected status).
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
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": f"acme:{FIX}", "base": "main"}, 422),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": "nowhere", "base": "main"}, 422),
    (BOT_TOKEN, "POST", "/pulls", {"title": "t", "head": FIX, "base": "nowhere"}, 422),
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
        reply = site.call(method, path, body, token=token)
        assert reply.status == status, (method, path, body, reply.body)
        if status == 401:  # every operation of GitHub has it, and its description lists it for none of these
            continue
        target = f"/repos/{REPOSITORY}{path}"
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
    (BOT_TOKEN, "DELETE", "/issues/1/assignees", {"assignees": [PERSON]}, 200),
    (BOT_TOKEN, "POST", "/issues/1/comments", {"body": "hello"}, 201),
    (BOT_TOKEN, "POST", "/pulls/1/requested_reviewers", {"reviewers": [PERSON], "team_reviewers": ["platform"]}, 201),
    (BOT_TOKEN, "DELETE", "/pulls/1/requested_reviewers", {"reviewers": [PERSON]}, 200),
    (BOT_TOKEN, "DELETE", "/pulls/1/requested_reviewers", {"reviewers": ["nobody"]}, 422),
    (BOT_TOKEN, "GET", f"/compare/main...acme:{FIX}", None, 200),
    (BOT_TOKEN, "GET", "/compare/main...nowhere", None, 404),
    (PERSON_TOKEN, "PUT", "/pulls/1/merge", {}, 405),
    (PERSON_TOKEN, "POST", "/pulls/1/reviews", {"event": "APPROVE"}, 200),
)
REVIEWED: Life = (
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
    rules = site.call("GET", "/rules/branches/main")
    kinds = {rule["type"] for rule in rules.json}
    assert ({"required_status_checks", "pull_request", "required_signatures", "merge_queue"} <= kinds) is by_ruleset
    assert site.call("GET", "/branches/main/protection").status == (404 if by_ruleset else 200)
    target = f"/repos/{REPOSITORY}/rules/branches/main"
    assert description.breaches("GET", target, status=200, body=rules.body, headers=rules.headers) == []
    for number in {rule["ruleset_id"] for rule in rules.json}:
        ruleset = site.call("GET", f"/rulesets/{number}")
        target = f"/repos/{REPOSITORY}/rulesets/{number}"
        assert description.breaches("GET", target, status=200, body=ruleset.body, headers=ruleset.headers) == []
        assert ruleset.json["current_user_can_bypass"] == "never"
        assert {rule["type"] for rule in ruleset.json["rules"]} == kinds
    assert site.call("GET", "/rulesets/1").status == 404
    site.forge.unprotect(REPOSITORY)
    assert site.call("GET", "/rules/branches/main").json == []
    assert site.call("GET", "/branches/main/protection").json["message"] == "Branch not protected"


def test_what_a_token_is_for_is_told_of_people_and_counts(site: Site, description: Checker) -> None:
    whole, app = (site.call("GET", "", token=token) for token in (PERSON_TOKEN, BOT_TOKEN))
    assert (whole.headers["x-oauth-scopes"], "x-oauth-scopes" in app.headers) == ("repo", False)
    assert (whole.json["permissions"]["push"], app.json["permissions"]["push"]) == (True, False)
    assert description.breaches("GET", f"/repos/{REPOSITORY}", status=200, body=whole.body, headers=whole.headers) == []
    site.forge.accounts.classic[PERSON_TOKEN] = ("read:org",)
    read = site.call("GET", "")
    assert (read.status, read.headers["x-oauth-scopes"]) == (200, "read:org")
    asked = {"title": "t", "head": FIX, "base": "main"}
    assert site.call("POST", "/pulls", asked).status == 404
    mutation = {"query": 'mutation { closePullRequest(input: {pullRequestId: "x"}) { clientMutationId } }'}
    assert site.ask("POST", "/api/graphql", mutation).json["errors"][0]["type"] == "INSUFFICIENT_SCOPES"
    site.forge.create("acme/hidden", FILES, private=True)
    assert site.ask("GET", "/api/v3/repos/acme/hidden").status == 404
    site.forge.accounts.classic[PERSON_TOKEN] = ("public_repo",)
    assert site.call("POST", "/pulls", asked).status == 422
    assert site.ask("GET", "/api/v3/repos/acme/hidden").status == 404


def test_the_limit_is_told_as_github_describes_it_and_asking_costs_nothing(site: Site, description: Checker) -> None:
    first, second = (site.ask("GET", "/api/v3/rate_limit") for _ in range(2))
    breaches = description.breaches("GET", "/rate_limit", status=200, body=first.body, headers=first.headers)
    assert breaches == []
    assert first.json["resources"]["core"]["remaining"] == second.json["resources"]["core"]["remaining"] == 5000
    site.call("GET", "/pulls")
    assert site.ask("GET", "/api/v3/rate_limit").json["rate"]["remaining"] == 4999


def test_every_answer_is_counted_and_named_as_github_does(site: Site) -> None:
    first, second = (site.call("GET", "/pulls") for _ in range(2))
    assert first.headers["x-github-request-id"] != second.headers["x-github-request-id"]
    assert int(first.headers["x-ratelimit-remaining"]) - 1 == int(second.headers["x-ratelimit-remaining"])
    assert second.headers["x-ratelimit-limit"] == "5000"
    assert site.call("GET", "/pulls", token=None).headers["x-ratelimit-limit"] == "60"


#: The same steps on both servers. What differs, and is right, stands beside it.
STEPS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/pulls", None),
    ("POST", "/pulls", {"title": "t", "head": "fix", "base": "main", "body": "b"}),
    ("POST", "/pulls", {"title": "t", "head": "fix", "base": "main", "body": "b"}),
    ("POST", "/pulls", {"title": "t", "head": "nowhere", "base": "main"}),
    ("POST", "/pulls", {"title": "t", "head": "fix", "base": "nowhere"}),
    ("GET", "/pulls?state=open&head=acme:fix&base=main", None),
    ("GET", "/pulls/1", None),
    ("GET", "/pulls/99", None),
    ("PATCH", "/pulls/1", {"title": "t2", "body": "b2"}),
    ("POST", "/issues/1/labels", {"labels": ["release"]}),
    ("POST", "/issues/1/comments", {"body": "hello"}),
    ("GET", "/issues/1/comments", None),
    ("PATCH", "/pulls/1", {"state": "closed"}),
    ("GET", "/pulls?state=closed", None),
    ("PATCH", "/pulls/1", {"state": "open"}),
    ("POST", "/pulls/1/reviews", {"event": "APPROVE"}),
    ("POST", "/pulls/1/reviews", {"event": "COMMENT", "body": "hm"}),
    ("GET", "/pulls/1/reviews", None),
    ("POST", "/pulls/1/requested_reviewers", {"reviewers": ["nobody"]}),
    ("POST", "/pulls", {"title": "t3", "head": "other", "base": "main", "body": "b"}),
    ("PUT", "/pulls/1/merge", {"merge_method": "squash"}),
    ("PUT", "/pulls/1/merge", {}),
    ("GET", "/pulls/1", None),
    ("PUT", "/pulls/2/merge", {}),
    ("DELETE", "/git/refs/heads/fix", None),
    ("DELETE", "/git/refs/heads/fix", None),
    ("DELETE", "/git/refs/heads/other", None),
    ("GET", "/pulls/2", None),
)
#: Fields whose values are each server's own, or that the emulator gets wrong.
OWN = {
    "sha", "commit_id", "merge_commit_sha", "id", "node_id", "url", "html_url", "href", "documentation_url", "color",
    "created_at", "updated_at", "closed_at", "merged_at", "submitted_at", "issue_url", "blob_url", "raw_url",
    "contents_url", "pull_request_url", "avatar_url",
    "maintainer_can_modify",  # GitHub: false for a branch of the same repository
    "author_association",  # the emulator calls everyone a member
    "mergeable", "mergeable_state",  # GitHub: null and unknown for what is closed
}  # fmt: skip
#: Fields that the emulator puts into lists, where GitHub's description has none of them.
NOT_IN_LISTS = {
    "merged", "mergeable", "mergeable_state", "merged_by", "comments", "review_comments", "maintainer_can_modify"
}  # fmt: skip


def leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON document with its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{where}.{name}")
    elif isinstance(value, list):
        yield f"{where}.length", len(value)
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{where}[{index}]")
    else:
        yield where, value


def compared(ours: Any, theirs: Any) -> Iterator[str]:
    """What the other emulator answers, and we do not or otherwise."""
    mine = dict(leaves(ours))
    for path, value in leaves(theirs):
        name = path.rpartition(".")[2]
        if path not in mine:
            if not (path.startswith("[") and name in NOT_IN_LISTS):
                yield f"{path} is missing"
        elif name not in OWN and mine[path] != value:
            yield f"{path} is {mine[path]!r}, not {value!r}"


def test_another_emulator_answers_the_same(site: Site, tmp_path: Path) -> None:
    branches = {"fix": {"README.md": b"# fixed\n"}, "other": {"other.txt": b"other\n"}}
    for branch, files in branches.items():
        site.commit(branch, files)
    found = []
    with emulating(tmp_path, FILES, branches, user=PERSON) as emulator:
        for method, path, body in STEPS:
            ours, theirs = site.call(method, path, body), emulator.call(method, path, body)
            step = f"{method} {path} {body}"
            if ours.status != theirs.status:
                found.append(f"{step}: {ours.status}, not {theirs.status}")
            elif theirs.body:
                found += [f"{step}: {each}" for each in compared(ours.json, theirs.json)]
    assert found == []


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


@pytest.mark.parametrize(
    "name", ["acme", "acme/", "/deploy", "../x", "acme/..", "acme/.", "acme/a b", "acme/x.git", "a/b/c"]
)
def test_a_repository_with_a_name_that_github_does_not_allow_is_not_made(tmp_path: Path, name: str) -> None:
    with Forge(tmp_path / "forge", tokens=TOKENS) as forge, pytest.raises(ValueError, match="cannot be the name"):
        forge.create(name, {})
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["forge"])


def test_names_are_found_in_any_case_and_taken_in_any_case(site: Site) -> None:
    assert site.forge.bare("Acme/DEPLOY").path == site.bare.path
    with pytest.raises(ValueError, match="cannot be the name"):
        site.forge.create("ACME/deploy", {})


def test_a_private_repository_is_not_there_for_who_has_no_token(tmp_path: Path) -> None:
    with serving(tmp_path, private=True) as site:
        assert site.call("GET", "", token=None).json["message"] == "Not Found"
        assert site.call("GET", "").status == 200
        assert page(site, f"/{REPOSITORY}/pulls") is None


def test_a_token_is_taken_in_each_way_that_github_takes_it(site: Site) -> None:
    for authorization in (f"token {BOT_TOKEN}", f"Bearer {BOT_TOKEN}", f"bearer {BOT_TOKEN}"):
        reply = site.call("POST", "/pulls", {}, token=None, headers={"Authorization": authorization})
        assert reply.status == 422
    assert site.call("GET", "/pulls", token="ghs_é".encode().decode("latin-1")).json["message"] == "Bad credentials"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/pulls", [], 400, "Body should be a JSON object"),
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
        ("PATCH", "/pulls/1", {"title": ""}, 422, "Validation Failed"),
        ("PATCH", "/pulls/1", {"title": "x" * 257}, 422, "Validation Failed"),
        ("PATCH", "/pulls/1", {"body": "x" * 65_537}, 422, "Validation Failed"),
        ("POST", "/issues/1/labels", {"labels": "release"}, 422, None),
        ("POST", "/issues/1/labels", {"labels": [{"nome": "x"}]}, 422, None),
        ("POST", "/issues/1/labels", {"labels": ["x" * 51]}, 422, "Validation Failed"),
        ("POST", "/issues/1/comments", {"body": " "}, 422, "Validation Failed"),
        ("POST", "/issues/1/comments", {"body": "x" * 65_537}, 422, "Validation Failed"),
        ("PATCH", "/issues/comments/7", {"body": "x"}, 404, "Not Found"),
        ("POST", "/pulls/1/reviews", {"event": "PRAISE"}, 422, "Unprocessable Entity"),
        ("POST", "/pulls/1/reviews", {"event": "REQUEST_CHANGES"}, 422, "Unprocessable Entity"),
        ("PUT", "/pulls/1/merge", {"merge_method": "octopus"}, 422, None),
        ("GET", "/collaborators", None, 404, "Not Found"),
        ("POST", "/issues/1/assignees", {"assignees": "alice"}, 422, None),
        ("GET", "/compare/main...--help", None, 404, "Not Found"),
        ("GET", "/pulls/1/../2", None, 404, "Not Found"),
    ],
)
def test_wrong_input_is_refused_in_githubs_words_and_changes_nothing(
    site: Site, method: str, path: str, body: Any, status: int, message: str | None
) -> None:
    site.proposed()
    before, heads = site.call("GET", "/pulls/1").json, site.bare.branches()
    reply = site.call(method, path, body)
    assert reply.status == status, reply.body
    assert message in (None, reply.json["message"])
    assert reply.json["documentation_url"].startswith("https://docs.github.com/")
    assert (site.call("GET", "/pulls/1").json, site.bare.branches()) == (before, heads)


@pytest.mark.parametrize("sent", [b"{", b"\xff", b"[" * 200_000], ids=["cut off", "no text", "without end"])
def test_a_body_that_is_no_json_is_refused(site: Site, sent: bytes) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection(site.forge.host, timeout=10)
    connection.request("POST", f"/api/v3/repos/{REPOSITORY}/pulls", sent, {"Authorization": f"Bearer {BOT_TOKEN}"})
    assert connection.getresponse().status == 400
    connection.close()


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


def test_a_pull_request_is_shown_as_a_diff_to_who_asks_for_one(site: Site) -> None:
    number = site.proposed()
    reply = site.call("GET", f"/pulls/{number}", headers={"Accept": "application/vnd.github.diff"})
    assert reply.headers["content-type"].startswith("application/vnd.github.diff")
    assert b"\n-  newTag: v1\n+  newTag: v2\n" in reply.body


def page(site: Site, path: str) -> str | None:
    from urllib.error import HTTPError

    try:
        with urlopen(site.forge.url + path) as answer:  # noqa: S310 - the address is our own server's
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            return str(answer.read().decode())
    except HTTPError as error:
        error.close()
        return None


def test_the_address_of_a_pull_request_opens_in_a_browser(site: Site) -> None:
    number = site.proposed(title="web <b>v2</b> & more")
    url = site.call("GET", f"/pulls/{number}").json["html_url"]
    shown = page(site, url.removeprefix(site.forge.url))
    assert shown is not None
    assert "<h1>web &lt;b&gt;v2&lt;/b&gt; &amp; more <small>#1</small></h1>" in shown
    assert ">+  newTag: v2<" in shown
    assert "<b>v2</b>" not in shown
    assert f"#{number} web" in (page(site, f"/{REPOSITORY}/pulls") or "")
    assert page(site, f"/{REPOSITORY}/pull/99") is None
    assert page(site, "/acme/other/pulls") is None


def test_a_push_moves_the_head_of_its_pull_request(site: Site, tmp_path: Path) -> None:
    number = site.proposed()
    folder = tmp_path / "work"
    folder.mkdir()
    assert git("clone", "-q", "-b", FIX, f"{site.forge.url}/{REPOSITORY}.git", ".", cwd=folder).returncode == 0
    (folder / "more.txt").write_text("more")
    git("add", "more.txt", cwd=folder)
    git("commit", "-q", "-m", "more", cwd=folder)
    pushed = git("push", "-q", "origin", "HEAD", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert pushed.returncode == 0, pushed.stderr
    pull = site.call("GET", f"/pulls/{number}").json
    assert pull["head"]["sha"] == git("rev-parse", "HEAD", cwd=folder).stdout.strip()
    assert (pull["commits"], pull["changed_files"]) == (2, 2)
    deleted = git("push", "-q", "origin", f":{FIX}", cwd=folder, token=BOT_TOKEN, server=site.forge.url)
    assert deleted.returncode == 0, deleted.stderr
    assert site.call("GET", f"/pulls/{number}").json["state"] == "closed"


def answers(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["message"]


def test_a_merge_is_in_the_bare_repository(site: Site) -> None:
    number = site.proposed()
    head = site.call("GET", f"/pulls/{number}").json["head"]["sha"]
    assert answers(site.call("PUT", f"/pulls/{number}/merge", {"sha": "0" * 40}))[0] == 409
    reply = site.call("PUT", f"/pulls/{number}/merge", {"sha": head})
    assert site.bare.branches()["main"] == reply.json["sha"]
    assert site.bare.git("cat-file", "blob", "main:apps/web/kustomization.yaml").endswith(b"newTag: v2\n")
    assert answers(site.call("PUT", f"/pulls/{number}/merge", {})) == (405, "Pull Request is not mergeable")


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
        assert answers(site.call(method, path, body)) == (403, "Repository was archived so is read-only.")
    assert site.bare.branches() == before
    assert site.call("GET", "/pulls/1").json["comments"] == 0
