"""What GitHub tells of a token, a repository and its rules, by its recorded answers, and what it leaves open."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer, Server
from gitops_bot.edges.facts import BranchRules, Rule
from gitops_bot.edges.github.api import Api
from gitops_bot.edges.github.inspection import Inspection, Role, Token
from gitops_bot.errors import ForgeError
from tests.counterparts.clock import StillClock
from tests.edges.github.scripted import NOW, REPOSITORY, playing, recorded, said, unreadable
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitops_bot.demo.http import Request


RESET = 1767325445
LIMITS = {"resources": {"core": {"limit": 5000, "remaining": 4987, "reset": RESET, "used": 13}}}


@contextmanager
def inspecting(
    plays: Mapping[str, Any], token: str | None = "ghs_1", play: Any = playing
) -> Iterator[tuple[Inspection, Any]]:
    with play(plays) as script:
        url = f"{script.server.url}/api/v3"
        yield Inspection(Api(REPOSITORY, token, clock=StillClock(NOW), api_url=url, timeout=5)), script


def server(headers: Mapping[str, str] | None = None, token: str | None = "ghs_1", status: int = 200) -> Any:
    named = {"Date": format_datetime(NOW, usegmt=True), **(headers or {})}
    answer = Answer.json(status, LIMITS if status == 200 else {"message": "Rate limiting is not enabled."}, named)
    with inspecting({"GET //rate_limit": answer}, token) as (inspection, script):
        found = inspection.server()
        assert script.asked == ["GET //rate_limit"]
    return found


def test_the_end_of_a_token_is_read_or_left_open() -> None:
    for text, expires in (("2026-12-01 10:00:00 +0200", 8), ("2026-12-01 10:00:00", 10), ("soon", None)):
        found = server({"github-authentication-token-expiration": text}).expires
        assert found == (expires and datetime(2026, 12, 1, expires, tzinfo=UTC)), text


def test_the_skew_is_how_far_the_server_is_ahead_where_it_says_so() -> None:
    for seconds in (-3600, 90):
        there = NOW + timedelta(seconds=seconds)
        assert server({"Date": format_datetime(there, usegmt=True)}).skew == timedelta(seconds=seconds)
    assert server({"Date": "yesterday"}).skew is None


def test_without_a_token_it_asks_as_anybody() -> None:
    shown: list[bool] = []

    def answer(request: Request) -> Answer:
        shown.append("authorization" in request.headers)
        return said(403, "log in first")

    with Server(answer) as server:
        inspection = Inspection(Api(None, None, clock=StillClock(NOW), api_url=server.url, timeout=5))
        with pytest.raises(ForgeError, match="log in first"):
            inspection.server()
    assert shown == [False]


def repository(**changes: Any) -> Any:
    role = {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}
    found = recorded("GET", "", 200, **{"full_name": REPOSITORY, "permissions": role, "language": None, **changes})
    return {name: value for name, value in found.items() if name not in ("source", "parent")}


def test_settings_are_read_and_those_not_told_are_left_open() -> None:
    told = repository(allow_auto_merge=True, allow_merge_commit=False, archived=True, default_branch="trunk")
    untold = {name: value for name, value in repository().items() if not name.startswith(("allow_", "permissions"))}
    with inspecting({"GET ": [Answer.json(200, told), Answer.json(200, untold)]}) as (inspection, _):
        first, second = inspection.repository(), inspection.repository()
    assert (first.auto_merge, first.methods) == (True, ("squash", "rebase"))
    assert first.default_branch == "trunk"
    assert (second.auto_merge, second.methods) == (None, None)
    assert (first.proposing.verdict, second.proposing.verdict) == ("no", "unknown")


def test_a_default_branch_that_cannot_be_shown_is_an_error() -> None:
    for branch in ("\x1b[31mred", "x" * 256, None):
        answer = Answer.json(200, repository(default_branch=branch))
        with inspecting({"GET ": answer}, play=unreadable) as (inspection, _):
            inspection.repository()


def test_headers_are_read_as_words() -> None:
    found = server({"X-OAuth-Scopes": "repo,\x07\x1b[2J, " + "x" * 100, "X-GitHub-Enterprise-Version": "<3.1>"})
    assert found.token.isprintable()
    assert "x" * 41 not in found.token
    assert found.name == "GitHub Enterprise Server 3.1"
    assert server(status=404).left is None


def branch(*, protected: bool = True, enabled: bool = True, contexts: tuple[str, ...] = ()) -> Answer:
    found = recorded("GET", "/branches/{branch}", 200, name="main", protected=protected)
    required = {"enforcement_level": "non_admins" if contexts else "off", "contexts": list(contexts), "checks": []}
    found["protection"] = {"enabled": enabled, "required_status_checks": required}
    return Answer.json(200, found)


SOURCE = {"ruleset_source_type": "Repository", "ruleset_source": REPOSITORY}
NO_RULES = Answer.json(200, [])


def ruled(number: int, kind: str, **parameters: Any) -> Any:
    return {"type": kind, **SOURCE, "ruleset_id": number, **({"parameters": parameters} if parameters else {})}


def ruleset(number: int, bypass: str | None) -> Answer:
    found = {"id": number, "name": "r", "source": REPOSITORY, "enforcement": "active"}
    return Answer.json(200, found | ({"current_user_can_bypass": bypass} if bypass else {}))


def test_rulesets_tell_what_they_ask_and_who_may_pass() -> None:
    listed = [
        ruled(1, "pull_request", required_approving_review_count=2),
        ruled(1, "required_signatures"),
        ruled(2, "required_status_checks", required_status_checks=[{"context": "ci"}, {"context": "lint"}]),
        ruled(3, "non_fast_forward"),
        ruled(4, "commit_message_pattern", operator="contains", pattern="x"),
    ]
    plays = {
        "GET /rules/branches/main": Answer.json(200, listed),
        "GET /rulesets/1": ruleset(1, "pull_requests_only"),
        "GET /rulesets/2": ruleset(2, None),
        "GET /rulesets/3": ruleset(3, "never"),
        "GET /branches/main": branch(protected=False, enabled=False),
    }
    with inspecting(plays, play=partial(playing, broken=True)) as (inspection, script):
        found = inspection.rules("main")
        assert sorted(script.asked) == sorted(plays)
    assert found == BranchRules(
        (
            Rule("pull-request", "pull-requests", approvals=2),
            Rule("signatures", "pull-requests"),
            Rule("checks", "unknown", checks=("ci", "lint")),
            Rule("force", "never"),
        )
    )


def protection(**parts: Any) -> Answer:
    found = recorded("GET", "/branches/{branch}/protection", 200)
    kept = {"url": found["url"], "enforce_admins": {**found["enforce_admins"], "enabled": False}}
    return Answer.json(200, {**kept, **parts})


def of_admin(*, admin: bool, enforced: bool, **parts: Any) -> tuple[Rule, ...]:
    url = "https://api.github.com/x"
    role = {"admin": admin, "push": True, "pull": True}
    plays = {
        "GET ": Answer.json(200, repository(permissions=role)),
        "GET /rules/branches/main": NO_RULES,
        "GET /branches/main": branch(),
        "GET /branches/main/protection": protection(enforce_admins={"url": url, "enabled": enforced}, **parts),
    }
    with inspecting(plays) as (inspection, _):
        inspection.repository()
        found = inspection.rules("main")
    assert not found.hidden
    return found.rules


def reviews(**more: Any) -> Any:
    told = {"dismiss_stale_reviews": False, "require_code_owner_reviews": False, "required_approving_review_count": 1}
    return {"required_pull_request_reviews": told | more}


@pytest.mark.parametrize(
    ("admin", "enforced", "bypass"),
    [(True, False, "always"), (True, True, "never"), (False, False, "never")],
    ids=["an administrator", "an administrator who is bound too", "a person"],
)
def test_a_protection_rule_does_not_bind_every_administrator(*, admin: bool, enforced: bool, bypass: str) -> None:
    (rule,) = of_admin(admin=admin, enforced=enforced, **reviews())
    assert (rule.kind, rule.bypass, rule.approvals) == ("pull-request", bypass, 1)


def test_a_protection_rule_tells_what_it_asks_but_not_who_is_on_its_list() -> None:
    user = recorded("GET", "/pulls/{pull_number}", 200)["user"]
    on = {"enabled": True, "url": "https://api.github.com/x"}
    some: dict[str, Any] = {"users": [], "teams": [], "apps": []}
    found = of_admin(
        admin=False, enforced=True, **reviews(bypass_pull_request_allowances=some | {"users": [user]}),
        required_signatures=on, required_linear_history={"enabled": True}, lock_branch={"enabled": True},
        restrictions=some | dict.fromkeys(("url", "users_url", "teams_url", "apps_url"), on["url"]),
    )  # fmt: skip
    assert [(rule.kind, rule.bypass) for rule in found] == [
        ("pull-request", "unknown"), ("update", "unknown"), ("update", "never"), ("signatures", "never"),
        ("linear", "never"),
    ]  # fmt: skip


@rows("contexts expected", {
    "nothing told": ((), ()),
    "checks told": (("ci",), (Rule("checks", "unknown", checks=("ci",)),)),
})  # fmt: skip
def test_a_protection_rule_that_may_not_be_read_is_known_to_be_there(
    contexts: tuple[str, ...], expected: tuple[Rule, ...]
) -> None:
    plays = {
        "GET /rules/branches/main": NO_RULES,
        "GET /branches/main": branch(contexts=contexts),
        "GET /branches/main/protection": said(403, "Resource not accessible by integration"),
    }
    with inspecting(plays) as (inspection, _):
        assert inspection.rules("main") == BranchRules(expected, hidden=True)


@pytest.mark.parametrize(
    "answer",
    [[{"kind": "x"}], [{"type": "pull_request", "parameters": 3}], "rules"],
    ids=["no type", "no parameters", "text"],
)
def test_an_answer_that_is_none_is_an_error(answer: Any) -> None:
    plays = {"GET /rules/branches/main": Answer.json(200, answer)}
    with inspecting(plays, play=unreadable) as (inspection, _):
        inspection.rules("main")


def tag_ruleset(number: int, include: list[str], bypass: str = "never", kind: str = "creation", **more: Any) -> Answer:
    names = {"include": [name if name == "~ALL" else f"refs/tags/{name}" for name in include], "exclude": []} | more
    found = {"id": number, "name": "r", "source": REPOSITORY, "enforcement": "active", "target": "tag"}
    found |= {"current_user_can_bypass": bypass, "conditions": {"ref_name": names}, "rules": [{"type": kind}]}
    return Answer.json(200, found)


@rows("ruleset bypasses", {
    "releases": (tag_ruleset(1, ["v*", "release/**/*"]), ["never"]),
    "releases, with a bypass": (tag_ruleset(1, ["release/*/*"], "always"), ["always"]),
    "of one environment": (tag_ruleset(1, ["release/production/*"]), ["unknown"]),
    "but for some": (tag_ruleset(1, ["~ALL"], exclude=["refs/tags/release/**/*"]), ["unknown"]),
    "whatever it means": (tag_ruleset(1, ["r*/[a-z]*/1"], "exempt"), ["always"]),
    "others": (tag_ruleset(1, ["v*", "*", "release/*", "rc/**/*"]), []),
    "another rule": (tag_ruleset(1, ["~ALL"], kind="deletion"), []),
})  # fmt: skip
def test_rulesets_of_tags_tell_whether_releases_may_have_one(ruleset: Answer, bypasses: list[str]) -> None:
    listed = [
        {"id": number, "name": "r", "source": REPOSITORY, "target": target, "enforcement": enforcement}
        for number, target, enforcement in ((1, "tag", "active"), (2, "tag", "disabled"), (3, "branch", "active"))
    ]
    plays = {"GET /rulesets": Answer.json(200, listed), "GET /rulesets/1": ruleset}
    with inspecting(plays) as (inspection, script):
        found = inspection.tag_rules()
        assert len(script.asked) == 2
    assert found == BranchRules(tuple(Rule("creation", bypass) for bypass in bypasses))


def test_rulesets_of_tags_that_cannot_be_read_are_hidden_and_none_are_none() -> None:
    listed = [{"id": 1, "name": "r", "source": REPOSITORY, "target": "tag", "enforcement": "active"}]
    plays = {"GET /rulesets": [Answer.json(200, listed), said(404, "Not Found")], "GET /rulesets/1": said(404, "x")}
    with inspecting(plays) as (inspection, _):
        assert inspection.tag_rules() == BranchRules(hidden=True)
        assert inspection.tag_rules() == BranchRules()


def test_deployments_are_asked_for_before_the_token_is_judged() -> None:
    refused = said(403, "Resource not accessible by integration")
    with inspecting({"GET /deployments": [NO_RULES, refused]}) as (inspection, _):
        assert inspection.deploying().verdict == "unknown"
        found = inspection.deploying()
    assert (found.verdict, found.text) == ("no", "the token may not read deployments")
    assert found.advice == "make sure that it has `Deployments` with read and write access"


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


@rows("token role verdict words", {
    "classic with a role": (CLASSIC, HERE, "yes", "may open pull requests"),
    "public": (PUBLIC, OPEN, "yes", "may open"),
    "private": (PUBLIC, HERE, "no", "the scope public_repo"),
    "no scopes": (Token("classic", frozenset()), OPEN, "no", "has no scopes"),
    "classic without a role": (CLASSIC, READS, "no", "can read this repository, but not write"),
    "fine-grained tells nothing": (FINE, HERE, "unknown", "shows only when it does"),
    "of an App GitHub says no role": (APP, READS, "unknown", "shows only when it does"),
    "archived": (CLASSIC, replace(HERE, archived=True), "no", "is archived"),
})  # fmt: skip
def test_whether_pull_requests_can_be_opened(token: Token, role: Role, verdict: str, words: str) -> None:
    found = token.may_propose(role)
    assert found.verdict == verdict
    assert words in found.text
    assert (found.advice == "") == (verdict == "yes")


def test_a_workflow_is_told_where_actions_are_allowed_to_propose() -> None:
    workflow = replace(APP, in_workflow=True)
    assert "Settings > Actions > General" in workflow.may_propose(READS).advice
    assert "Settings > Actions" not in replace(FINE, in_workflow=True).may_propose(HERE).advice


DEPLOYS, IN_WORKFLOW = Token("classic", frozenset({"repo_deployment"})), replace(APP, in_workflow=True)
WRITES = "with read and write access"
DEPLOY, REPORT = partial(Token.may_write, wanted="deployments"), partial(Token.may_write, wanted="statuses")


@rows("asked token role verdict advice", {
    "classic with a role": (DEPLOY, CLASSIC, HERE, "yes", ""),
    "a scope for this alone": (DEPLOY, DEPLOYS, HERE, "yes", ""),
    "public": (DEPLOY, PUBLIC, OPEN, "no", "the scope `repo` or `repo_deployment`"),
    "classic without a role": (DEPLOY, CLASSIC, READS, "no", "the role `Write`"),
    "fine-grained": (DEPLOY, FINE, HERE, "unknown", f"`Deployments` {WRITES}"),
    "app": (DEPLOY, APP, READS, "unknown", f"`Deployments` {WRITES}"),
    "workflow": (DEPLOY, IN_WORKFLOW, READS, "unknown", "`permissions: {deployments: write}`"),
    "archived": (DEPLOY, FINE, replace(HERE, archived=True), "no", "unarchive it"),
    "status": (REPORT, Token("classic", frozenset({"repo:status"})), HERE, "yes", ""),
    "status, public": (REPORT, PUBLIC, OPEN, "yes", ""),
    "status, private": (REPORT, PUBLIC, HERE, "no", "`repo` or `repo:status`"),
    "status, maybe private": (REPORT, PUBLIC, replace(HERE, private=None), "no", "`repo:status`"),
    "status, fine-grained": (REPORT, FINE, HERE, "unknown", f"`Commit statuses` {WRITES}"),
    "status, workflow": (REPORT, IN_WORKFLOW, READS, "unknown", "{statuses: write}"),
    "records, app": (Token.may_record, APP, HERE, "unknown", f"`Artifact metadata` {WRITES} of the"),
    "records, classic": (Token.may_record, CLASSIC, HERE, "unknown", "`Artifact metadata`"),
    "records, workflow": (Token.may_record, IN_WORKFLOW, HERE, "unknown", "`permissions: {artifact-metadata: write}`"),
    "records, of a person": (Token.may_record, FINE, replace(HERE, of_person=True), "no", "remove `artifact_metadata`"),
})  # fmt: skip
def test_whether_deployments_and_artifacts_can_be_written(
    asked: Callable[[Token, Role], Any], token: Token, role: Role, verdict: str, advice: str
) -> None:
    found = asked(token, role)
    assert found.verdict == verdict
    assert advice in found.advice
    assert (found.advice == "") == (verdict == "yes")
