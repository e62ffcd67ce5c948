"""The GitHub edge over real HTTP: against the embedded server, recorded answers, and another emulator."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.errors import ForgeError, UsageError
from gitops_bot.proposals.pull_request import RateLimit
from tests.counterparts import graphql, openapi
from tests.counterparts.forge import BOT_TOKEN, FILES, PERSON, REPOSITORY, Site, serving
from tests.counterparts.myworld import emulating
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    CHECKED,
    HEAD,
    NO_GRAPHQL,
    Bot,
    having,
    listed,
    opened,
    playing,
    pull,
    recorded,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitops_bot.proposals.pull_request import PullRequest

CREATE, EDIT = "POST /pulls", "PATCH /pulls/1"
TEXTS: Mapping[str, Any] = {"branch": BRANCH, "base": BASE, "title": "web v2", "body": "what", "draft": False}


def created(**changes: Any) -> Answer:
    return Answer.json(201, pull(**changes))


def edited(**changes: Any) -> Answer:
    return Answer.json(200, pull(**changes))


# --- what it costs ------------------------------------------------------------------------------------------------


def test_a_new_proposal_with_everything_costs_eight_requests() -> None:
    label = {**recorded("POST", "/issues/{issue_number}/labels", 200)[0], "name": "release"}
    assigned = recorded("POST", "/issues/{issue_number}/assignees", 201)
    bob = {**assigned["user"], "login": "bob"}
    auto = {"state": "OPEN", "isInMergeQueue": False, "autoMergeRequest": {"enabledAt": "2026-01-02T03:04:05Z"}}
    auto |= {"title": "web v2", "body": "unfinished"}
    plays = {
        "Proposals": having(**CHECKED),
        "GET //rate_limit": Answer.json(200, recorded("GET", "//rate_limit", 200)),
        CREATE: created(body="unfinished"),
        "POST /issues/1/labels": Answer.json(200, [label]),
        "POST /issues/1/assignees": Answer.json(201, {**assigned, "assignees": [bob]}),
        "POST /pulls/1/requested_reviewers": Answer.json(
            201, recorded("POST", "/pulls/{pull_number}/requested_reviewers", 201)
        ),
        "EnableAutoMerge": Answer.json(200, {"data": {"enablePullRequestAutoMerge": {"pullRequest": auto}}}),
        EDIT: edited(),
    }
    with playing(plays) as script:
        forge = script.bot.forge
        assert forge.find([BRANCH], BASE) == {BRANCH: ()}
        assert forge.rate_limit() is not None
        made = forge.open(**{**TEXTS, "body": "unfinished"})
        forge.label(made.number, ["release"])
        forge.assign(made.number, ["bob"])
        forge.ask_for_review(made.number, ["alice"], ["platform"])
        merging = forge.merge_when_ready(made.number, head=made.head, method=None, without_checks=False)
        done = forge.refresh(made.number, title="web v2", body="what")
        assert len(script.asked) == len(plays) == 8
        assert script.warned == []
    assert merging.auto_merge
    assert (done.number, done.body, done.head, done.node) == (1, "what", HEAD, "PR_kwDOA1")


def test_an_unchanged_proposal_costs_one_request_and_no_write() -> None:
    with playing({"Proposals": having(opened(labels={"nodes": [{"name": "Release"}]}))}) as script:
        (found,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert script.bot.forge.refresh(1, title=" web v2 ", body="what\r\n") == found
        script.bot.forge.label(1, ["release"])
        assert script.asked == ["Proposals"]


def test_by_rest_an_unchanged_proposal_costs_two_reads() -> None:
    plays = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, []),
    }
    with playing(plays) as script:
        script.bot.forge.find([BRANCH], BASE)  # the run's first question finds out that there is no GraphQL
        script.asked.clear()
        (found,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert script.bot.forge.refresh(1, title="web v2", body="what") == found
        assert script.asked == ["GET /pulls", "GET /pulls/1/reviews"]


# --- what the rate limit has left ---------------------------------------------------------------------------------

RESET = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)


def limited(remaining: object = 42, reset: object = int(RESET.timestamp()), resource: str = "core") -> dict[str, str]:
    return {
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
        "X-RateLimit-Resource": resource,
    }


def test_what_is_left_is_known_from_the_last_answer() -> None:
    answers = [Answer.json(201, pull(), limited(43)), Answer.json(201, pull(), limited(42))]
    with playing({CREATE: answers}) as script:
        for _ in answers:
            script.bot.forge.open(**TEXTS)
        assert script.bot.forge.rate_limit() == RateLimit(42, RESET)
        assert script.asked == [CREATE, CREATE]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param(limited(resource="search"), id="another limit"),
        pytest.param(limited(remaining="many"), id="no number"),
        pytest.param(limited(reset="9" * 11), id="no moment"),
    ],
)
def test_what_no_answer_has_told_is_asked_for(headers: Mapping[str, str]) -> None:
    document = recorded("GET", "//rate_limit", 200)
    core = {**document["resources"]["core"], "remaining": 7, "reset": int(RESET.timestamp())}
    rates = {**document, "resources": {**document["resources"], "core": core}}
    plays = {CREATE: Answer.json(201, pull(), headers), "GET //rate_limit": Answer.json(200, rates)}
    with playing(plays) as script:
        script.bot.forge.open(**TEXTS)
        assert script.bot.forge.rate_limit() == RateLimit(7, RESET)
        assert script.asked == [CREATE, "GET //rate_limit"]


def test_points_of_graphql_are_no_requests() -> None:
    """Its limit is another one, even where an answer does not say so."""
    plain = {name: value for name, value in limited(1).items() if "Resource" not in name}
    plays = {"Proposals": having(headers=plain), "GET //rate_limit": said(404, "Rate limiting is not enabled.")}
    with playing(plays) as script:
        script.bot.forge.find([BRANCH], BASE)
        assert script.bot.forge.rate_limit() is None


@pytest.mark.parametrize(
    "answer",
    [said(404, "Rate limiting is not enabled."), Answer.json(200, {}), Answer.json(200, {"resources": {"core": 7}})],
    ids=["none", "empty", "no numbers"],
)
def test_a_server_without_a_limit_has_none(answer: Answer) -> None:
    with playing({"GET //rate_limit": answer}) as script:
        assert script.bot.forge.rate_limit() is None


def test_a_limit_that_cannot_be_read_is_an_error() -> None:
    with playing({"GET //rate_limit": said(401, "Bad credentials")}) as script, pytest.raises(ForgeError):
        script.bot.forge.rate_limit()


# --- open ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("draft", "sent"), [(False, {}), (True, {"draft": True})])
def test_a_pull_request_is_opened(draft: bool, sent: Mapping[str, Any]) -> None:
    with playing({CREATE: created(draft=draft)}) as script:
        made = script.bot.forge.open(**{**TEXTS, "draft": draft})
        assert script.sent == [{"title": "web v2", "body": "what", "head": BRANCH, "base": BASE, **sent}]
    assert (made.number, made.state, made.draft) == (1, "open", draft)


def test_a_repository_without_drafts_gets_it_as_ready_and_that_is_told() -> None:
    refusal = said(422, "Draft pull requests are not supported in this repository.")
    with playing({CREATE: [refusal, created()]}) as script:
        assert script.bot.forge.open(**{**TEXTS, "draft": True}).number == 1
        assert ["draft" in each for each in script.sent] == [True, False]
        (warning,) = script.warned
    assert "acme/deploy does not support drafts" in warning
    assert "remove `draft:`" in warning


def test_a_refusal_of_drafts_to_what_is_none_is_not_tried_again() -> None:
    refusal = said(422, "Draft pull requests are not supported in this repository.")
    with playing({CREATE: refusal}) as script, pytest.raises(ForgeError, match="Draft pull requests"):
        script.bot.forge.open(**TEXTS)
    assert script.asked == [CREATE]


EXISTS: Mapping[str, Any] = {
    "errors": [
        {"resource": "PullRequest", "code": "custom", "message": f"A pull request already exists for acme:{BRANCH}."}
    ]
}


def test_a_branch_that_has_a_pull_request_gets_no_second_one() -> None:
    plays = {
        CREATE: said(422, "Validation Failed", **EXISTS),
        "GET /pulls": Answer.json(200, [listed(title="web v1")]),
        EDIT: edited(),
    }
    with playing(plays) as script:
        assert script.bot.forge.open(**TEXTS).number == 1
        assert script.asked == [CREATE, "GET /pulls", EDIT]
        assert script.sent[-1] == {"title": "web v2"}
        (_, target, _) = script.server.seen[1]
    assert "head=acme%3Agitops-bot%2Fproduction%2Fall&" in target


def test_opening_what_is_there_already_writes_nothing_but_the_attempt() -> None:
    plays = {CREATE: said(422, "Validation Failed", **EXISTS), "GET /pulls": Answer.json(200, [listed()])}
    with playing(plays) as script:
        script.bot.forge.open(**TEXTS)
        assert script.asked == [CREATE, "GET /pulls"]


def test_actions_that_may_not_open_pull_requests_are_told_the_way_out() -> None:
    words = "GitHub Actions is not permitted to create or approve pull requests."
    with playing({CREATE: said(403, words)}) as script, pytest.raises(ForgeError, match="Workflow permissions"):
        script.bot.forge.open(**TEXTS)


# --- refresh ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "body", "sent"),
    [
        pytest.param("web v3", "what", {"title": "web v3"}, id="the title"),
        pytest.param("web v2", "more", {"body": "more"}, id="the body"),
        pytest.param("a", "b", {"title": "a", "body": "b"}, id="both"),
    ],
)
def test_a_refresh_writes_only_what_differs(title: str, body: str, sent: Mapping[str, str]) -> None:
    with playing({"Proposals": having(opened()), EDIT: edited(title=title, body=body)}) as script:
        script.bot.forge.find([BRANCH], BASE)
        found = script.bot.forge.refresh(1, title=title, body=body)
        assert script.sent[1:] == [sent]
    assert (found.title, found.body) == (title, body)


def test_what_rest_does_not_tell_of_a_pull_request_stays_known() -> None:
    comment = {"databaseId": 7, "body": "<!-- gitops-bot:x -->", "viewerDidAuthor": True}
    before = opened(reviewDecision="APPROVED", isInMergeQueue=True, comments={"nodes": [comment]})
    with playing({"Proposals": having(before), EDIT: edited(title="new")}) as script:
        (found,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        again = script.bot.forge.refresh(1, title="new", body="what")
    assert (again.approved, again.queued, again.comments) == (True, True, found.comments)


def test_a_refresh_in_another_run_reads_the_pull_request_first() -> None:
    with playing({"GET /pulls/1": edited(), EDIT: edited(title="new")}) as script:
        assert script.bot.forge.refresh(1, title="new", body="what").title == "new"
        assert script.asked == ["GET /pulls/1", EDIT]


def test_a_pull_request_that_has_ended_meanwhile_is_seen_to_have() -> None:
    ended = edited(title="new", state="closed", merged_at="2026-01-02T03:04:05Z")
    with playing({"Proposals": having(opened()), EDIT: ended}) as script:
        script.bot.forge.find([BRANCH], BASE)
        assert script.bot.forge.refresh(1, title="new", body="what").state == "merged"


def test_a_title_and_a_body_that_are_too_long_are_cut_to_what_github_takes() -> None:
    cut = {"title": "x" * 255 + "…", "body": "y" * 65_536}
    with playing({CREATE: created(**cut)}) as script:
        script.bot.forge.open(**{**TEXTS, "title": "x" * 300, "body": "y" * 70_000})
        assert script.sent == [{**cut, "head": BRANCH, "base": BASE}]
        script.bot.forge.refresh(1, title="x" * 300, body="y" * 70_000)
        assert script.asked == [CREATE]


# --- by REST, only our own branch ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "found"),
    [
        pytest.param({"repo": {"full_name": "Acme/Deploy"}}, 1, id="ours, in other letters"),
        pytest.param({"repo": {"full_name": "mallory/deploy"}}, 0, id="a fork's branch of the same name"),
        pytest.param({"repo": {"full_name": "acme/deploy-fork"}}, 0, id="a fork of the same owner"),
        pytest.param({"repo": None}, 0, id="a fork that was deleted"),
        pytest.param({"ref": "gitops-bot/production/all2"}, 0, id="another branch: the filter was ignored"),
    ],
)
def test_only_our_own_branch_is_found_whatever_github_lists(where: Mapping[str, Any], found: int) -> None:
    whole = listed(state="closed")
    repo = where.get("repo", whole["head"]["repo"])
    changed = {**whole["head"], **where, "repo": repo and {**whole["head"]["repo"], **repo}}
    plays = {"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, [{**whole, "head": changed}])}
    with playing(plays, broken=True) as script:
        assert len(script.bot.forge.find([BRANCH], BASE)[BRANCH]) == found


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"number": "1"}, id="a number that is none"),
        pytest.param({"number": True}, id="a number that is a truth"),
        pytest.param({"html_url": "javascript:alert(1)"}, id="an address that is none"),
        pytest.param({"html_url": "https://x/\x1b[2J"}, id="an address with an escape sequence"),
        pytest.param({"state": "queued"}, id="a state that is not known"),
        pytest.param({"labels": None}, id="no labels"),
        pytest.param({"labels": ["x"]}, id="labels without a name"),
        pytest.param({"title": None}, id="no title"),
        pytest.param({"created_at": "yesterday"}, id="a moment that is none"),
        pytest.param({"node_id": 7}, id="another name that is none"),
    ],
)
def test_an_answer_that_is_not_as_github_describes_it_is_refused(changes: Mapping[str, Any]) -> None:
    plays = {"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, [{**listed(), **changes}])}
    with playing(plays, broken=True) as script, pytest.raises(ForgeError, match="did not answer the way GitHub does"):
        script.bot.forge.find([BRANCH], BASE)


def test_a_list_that_is_none_is_refused() -> None:
    plays = {"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, {})}
    with playing(plays, broken=True) as script, pytest.raises(ForgeError, match="did not answer the way GitHub does"):
        script.bot.forge.find([BRANCH], BASE)


# --- where no token may go, and what is none ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://github.example.com/api/v3", "anyone in between could read the token"),
        ("http://127.0.0.1.example.com", "anyone in between could read the token"),
        ("http://10.0.0.1", "anyone in between could read the token"),
        ("ftp://github.com", "is not an API URL"),
        ("https://user:secret@github.com", "is not an API URL"),
        ("https://github.com/?x=1", "is not an API URL"),
        ("https://", "is not an API URL"),
        ("https://[", "is not an API URL"),
        ("https://host:port", "is not an API URL"),
        ("api.github.com", "is not an API URL"),
    ],
)
def test_an_address_to_which_no_token_may_go_is_refused(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        Bot(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("token", ["", "ghs_x\n", "ghs_x y", "ghs_\r\nX: y", "ghs_é"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(UsageError) as error:
        Bot("https://api.github.com", token)
    assert "the GitHub token is empty or has invalid characters" in str(error.value)
    assert "ghs_" not in str(error.value)


@pytest.mark.parametrize(
    "repository", ["", "acme", "acme/deploy/x", "acme/..", "acme/.", "/deploy", "acme/de ploy", "-/x"]
)
def test_a_repository_that_is_none_is_refused(repository: str) -> None:
    with pytest.raises(UsageError, match="is not a repository on GitHub"):
        Bot("https://api.github.com", repository=repository)


def test_pygithub_is_imported_with_the_first_request_only() -> None:
    program = (
        "import sys; from gitops_bot.edges.github.forge import GitHub; from gitops_bot.edges.clock import Clock\n"
        "GitHub('a/b', 'x', clock=Clock(), warn=print)\n"
        "print([name for name in ('github', 'requests') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"


# --- against the embedded server ----------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge") as running:
        running.commit(BRANCH, {"README.md": b"# 2\n"})
        yield running


@pytest.fixture
def bot(site: Site) -> Bot:
    return Bot(site.forge.api_url, BOT_TOKEN)


def made(bot: Bot, **changes: Any) -> PullRequest:
    return bot.forge.open(**{**TEXTS, **changes})


def found_by(bot: Bot, branch: str = BRANCH) -> list[PullRequest]:
    return list(bot.forge.find([branch], BASE)[branch])


def test_a_life_is_seen_by_the_next_run(site: Site, bot: Bot) -> None:
    assert found_by(bot) == []
    opened_ = made(bot, draft=True)
    bot.forge.label(1, ["release", "bot"])
    bot.forge.assign(1, [PERSON])
    bot.forge.comment(1, "<!-- gitops-bot:x -->\nhello")
    (seen,) = found_by(Bot(site.forge.api_url, BOT_TOKEN))
    assert (seen.number, seen.state, seen.head, seen.draft) == (1, "open", site.bare.branches()[BRANCH], True)
    assert (seen.node, seen.created_at) == (opened_.node, opened_.created_at)
    assert seen.labels == ("release", "bot")
    assert [comment.body for comment in seen.comments] == ["<!-- gitops-bot:x -->\nhello"]
    shown = site.call("GET", "/pulls/1").json
    assert (shown["title"], shown["body"], shown["user"]["login"]) == ("web v2", "what", "gitops-bot[bot]")
    assert [each["login"] for each in shown["assignees"]] == [PERSON]
    bot.forge.unlabel(1, "bot")
    again = Bot(site.forge.api_url, BOT_TOKEN)
    (seen,) = found_by(again)
    assert seen.labels == ("release",)
    again.forge.comment(1, "<!-- gitops-bot:x -->\nanother word", edits=seen.comments[0].id)
    assert [each["body"] for each in site.call("GET", "/issues/1/comments").json] == [
        "<!-- gitops-bot:x -->\nanother word"
    ]


def test_closing_is_one_request_with_the_text_and_none_once_that_is_so(site: Site, bot: Bot) -> None:
    made(bot)
    for written in (["PATCH /pulls/1"], []):
        before = len(site.forge.seen)
        done = bot.forge.close(1, body="what\n<!-- closed by gitops-bot -->")
        assert (done.state, done.body) == ("closed", "what\n<!-- closed by gitops-bot -->")
        seen = list(site.forge.seen)[before:]
        assert [f"{method} {target.rpartition('/deploy')[2]}" for method, target, _ in seen] == written


def test_open_ones_come_first_and_then_the_newest_closed_ones(site: Site, bot: Bot) -> None:
    for _ in range(7):
        bot.forge.close(made(bot).number, body="x")
    site.call("PATCH", "/pulls/2", {"state": "open"})
    assert [(pull.number, pull.state) for pull in found_by(bot)] == [
        (2, "open"),
        *((number, "closed") for number in (7, 6, 5, 4, 3, 1)),
    ]
    assert found_by(bot, "gitops-bot/staging/all") == []


def test_a_merged_pull_request_is_merged_and_not_closed(site: Site, bot: Bot) -> None:
    made(bot)
    site.call("PUT", "/pulls/1/merge", {})
    assert [pull.state for pull in found_by(bot)] == ["merged"]


def test_one_that_is_open_into_another_base_is_found_unless_there_is_one_into_this(site: Site, bot: Bot) -> None:
    site.commit("release", {"README.md": b"# release\n"})
    made(bot)
    assert [(pull.number, pull.retargeted) for pull in found_by(bot)] == [(1, False)]
    site.call("PATCH", "/pulls/1", {"base": "release"})
    assert [(pull.number, pull.base, pull.retargeted) for pull in found_by(bot)] == [(1, "release", True)]
    made(bot)
    assert [(pull.number, pull.retargeted) for pull in found_by(bot)] == [(2, False)]
    site.call("PATCH", "/pulls/1", {"state": "closed"})
    assert [pull.number for pull in found_by(bot)] == [2]


def test_a_creation_whose_answer_was_lost_is_not_made_twice(site: Site) -> None:
    lost = iter([True])

    def losing(request: Request) -> Answer:
        reply = site.ask(request.method, _target(request), request.body or None, token=BOT_TOKEN)
        if request.method == "POST" and next(lost, False):
            return Answer(502)
        return Answer(reply.status, reply.body)

    with Server(losing) as server:
        assert made(Bot(f"{server.url}/api/v3")).number == 1
        assert [(method, status) for method, _, status in server.seen] == [("POST", 502), ("POST", 422), ("GET", 200)]
    assert len(site.call("GET", "/pulls?state=all").json) == 1


def test_eight_that_open_at_once_make_one_pull_request(site: Site) -> None:
    bots = [Bot(site.forge.api_url, BOT_TOKEN) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pulls = list(pool.map(made, bots))
    assert {pull.number for pull in pulls} == {1}
    assert len(site.call("GET", "/pulls?state=all").json) == 1


def test_a_pull_request_without_new_commits_is_refused_in_words(site: Site, bot: Bot) -> None:
    site.bare.move("same", site.bare.branches()["main"], expected=None)
    with pytest.raises(ForgeError) as error:
        made(bot, branch="same")
    problem = error.value.problem
    assert problem.code == "failed.forge"
    assert problem.message.startswith("acme/deploy: the branch has no commits that its base lacks")
    assert "No commits between main and same" in problem.message
    assert problem.next == "run again: the base has moved since"


def test_the_token_is_in_nothing_that_can_be_printed(site: Site) -> None:
    wrong = Bot(site.forge.api_url, "ghs_wrong0123456789")
    with pytest.raises(ForgeError) as error:
        found_by(wrong)
    assert error.value.problem.code == "failed.auth"
    told = f"{error.value} {error.value!r} {wrong.forge!r} {error.value.__cause__!r} {error.value.__context__!r}"
    assert "ghs_wrong0123456789" not in told


def test_every_request_and_answer_is_as_github_describes_it(site: Site) -> None:
    """A whole life; the server between the edge and the forge holds each of both against the descriptions."""
    rest, questions, found = openapi.described(), graphql.described(), list[str]()

    def checking(request: Request) -> Answer:
        reply = site.ask(request.method, _target(request), request.body or None, token=BOT_TOKEN)
        sent: Any = json.loads(request.body) if request.body else None
        if request.path.endswith("/graphql"):
            found.extend(questions.breaches(sent["query"], sent["variables"], reply.json))
        else:
            target = _target(request).removeprefix("/api/v3")
            found.extend(
                rest.breaches(
                    request.method, target, sent=sent, status=reply.status, body=reply.body, headers=reply.headers
                )
            )
        return Answer(reply.status, reply.body, {"Content-Type": reply.headers.get("content-type", "")})

    site.forge.protect(REPOSITORY, checks=["ci"])
    site.forge.settings(REPOSITORY, allow_auto_merge=True)
    with Server(checking) as server:
        api = f"{server.url}/api/v3"
        bot = Bot(api, BOT_TOKEN)
        assert found_by(bot) == []
        first = made(bot)
        bot.forge.label(1, ["release"])
        bot.forge.assign(1, [PERSON])
        bot.forge.ask_for_review(1, [PERSON], [])
        bot.forge.comment(1, "<!-- gitops-bot:x -->")
        assert bot.forge.merge_when_ready(1, head=first.head, method="squash", without_checks=False).auto_merge
        (seen,) = found_by(Bot(api, BOT_TOKEN))
        assert (seen.auto_merge, seen.approved, len(seen.comments)) == (True, False, 1)
        bot.forge.comment(1, "<!-- gitops-bot:x -->\nmore", edits=seen.comments[0].id)
        made(Bot(api, BOT_TOKEN), title="again")
        Bot(api, BOT_TOKEN).forge.refresh(1, title="new", body="new")
        bot.forge.unlabel(1, "release")
        site.forge.report(REPOSITORY, first.head, "ci")
        (seen,) = found_by(Bot(api, BOT_TOKEN))
        assert seen.state == "merged"
    assert found == []
    assert bot.warnings == []


def _target(request: Request) -> str:
    return f"{request.path}?{urlencode(request.query)}"


@pytest.mark.parametrize(
    ("rules", "without_checks", "expected"),
    [
        pytest.param({}, False, ("open", False, False), id="nothing is required"),
        pytest.param({}, True, ("merged", False, False), id="nothing is required, and that is allowed"),
        pytest.param({"checks": ["ci"]}, False, ("open", True, False), id="a check"),
        pytest.param({"checks": ["ci"], "by_ruleset": True}, False, ("open", True, False), id="a check by a ruleset"),
        pytest.param({"approvals": 1}, False, ("open", False, False), id="reviews only"),
        pytest.param({"approvals": 1}, True, ("open", True, False), id="reviews only, and that is allowed"),
        pytest.param({"checks": ["ci"], "merge_queue": "squash"}, False, ("open", True, False), id="a queue"),
    ],
)
def test_a_pull_request_merges_by_the_way_of_its_base_branch(
    site: Site, bot: Bot, rules: Mapping[str, Any], without_checks: bool, expected: tuple[str, bool, bool]
) -> None:
    site.forge.settings(REPOSITORY, allow_auto_merge=True)
    if rules:
        site.forge.protect(REPOSITORY, **rules)
    head = made(bot).head
    done = bot.forge.merge_when_ready(1, head=head, method=None, without_checks=without_checks)
    assert (done.state, done.auto_merge, done.queued) == expected
    (seen,) = found_by(Bot(site.forge.api_url, BOT_TOKEN))
    assert (seen.state, seen.auto_merge, seen.queued) == expected
    assert (len(bot.warnings) == 1) is (expected == ("open", False, False))


def test_the_same_life_on_another_emulator(tmp_path: Path) -> None:
    with emulating(tmp_path, FILES, {BRANCH: {"README.md": b"# 2\n"}}, user="alice") as emulator:
        bot = Bot(emulator.api_url, emulator.token)
        assert found_by(bot) == []
        first = made(bot)
        bot.forge.label(first.number, ["release"])
        assert (first.state, first.branch) == ("open", BRANCH)
        again = Bot(emulator.api_url, emulator.token)
        assert made(again, title="again").number == first.number
        (seen,) = found_by(Bot(emulator.api_url, emulator.token))
        assert (seen.title, seen.labels) == ("again", ("release",))
        assert again.forge.close(first.number, body="closed").state == "closed"
        assert [each.state for each in found_by(bot)] == ["closed"]
        with pytest.raises(ForgeError, match="does not accept the token"):
            found_by(Bot(emulator.api_url, "gho_wrong"))
