"""The GitHub edge over real HTTP: against the embedded server, and against another emulator."""

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
from gitops_bot.edges.github import GitHub
from gitops_bot.errors import ForgeError, Problem, UsageError
from gitops_bot.proposals.pull_request import PullRequest
from tests.counterparts.forge import BOT_TOKEN, FILES, REPOSITORY, Site, serving
from tests.counterparts.myworld import emulating
from tests.counterparts.openapi import described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

BRANCH = "gitops-bot/production/all"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeClock:
    """Stands still; remembers how long it was asked to wait."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Bot:
    """The edge with everything that it tells the outside."""

    def __init__(self, api_url: str, token: str = BOT_TOKEN, repository: str = REPOSITORY) -> None:
        self.clock = FakeClock()
        self.warnings: list[Problem] = []
        self.forge = GitHub(repository, token, clock=self.clock, warn=self.warnings.append, api_url=api_url)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge") as running:
        running.commit(BRANCH, {"README.md": b"# 2\n"})
        yield running


@pytest.fixture
def bot(site: Site) -> Bot:
    return Bot(site.forge.api_url)


def asked(server: Server) -> list[tuple[str, str]]:
    """The methods and paths of every request so far, and forget them."""
    found = [
        (method, target.partition("?")[0].removeprefix(f"/api/v3/repos/{REPOSITORY}"))
        for method, target, _ in server.seen
    ]
    server.seen.clear()
    return found


def opened(bot: Bot, **changes: Any) -> PullRequest:
    wanted: dict[str, Any] = {"branch": BRANCH, "base": "main", "title": "web v2", "body": "what", "labels": ()}
    return bot.forge.open(**{**wanted, **changes})


def test_a_new_proposal_costs_one_read_and_two_writes(site: Site, bot: Bot) -> None:
    assert bot.forge.find([BRANCH], "main") == {BRANCH: ()}
    pull = opened(bot, labels=["release", "bot"])
    assert asked(site.forge) == [("GET", "/pulls"), ("POST", "/pulls"), ("POST", "/issues/1/labels")]
    head = site.bare.branches()[BRANCH]
    url = f"{site.forge.url}/acme/deploy/pull/1"
    assert pull == PullRequest(1, url, "open", BRANCH, "main", head, "web v2", "what", ("release", "bot"))
    shown = site.call("GET", "/pulls/1").json
    assert (shown["title"], shown["body"], shown["user"]["login"]) == ("web v2", "what", "gitops-bot[bot]")
    assert [label["name"] for label in shown["labels"]] == ["release", "bot"]


def test_an_unchanged_proposal_costs_one_read_and_no_write(site: Site, bot: Bot) -> None:
    opened(bot, labels=["release"])
    asked(site.forge)
    again = Bot(site.forge.api_url)
    (pull,) = again.forge.find([BRANCH], "main")[BRANCH]
    assert again.forge.refresh(pull.number, title="web v2", body="what", labels=["Release"]) == pull
    assert asked(site.forge) == [("GET", "/pulls")]


def test_a_branch_that_has_a_pull_request_gets_no_second_one(site: Site, bot: Bot) -> None:
    first = opened(bot)
    asked(site.forge)
    second = opened(Bot(site.forge.api_url), title="web v3", labels=["release"])
    assert second.number == first.number
    assert (second.title, second.labels) == ("web v3", ("release",))
    assert asked(site.forge) == [
        ("POST", "/pulls"),
        ("GET", "/pulls"),
        ("PATCH", "/pulls/1"),
        ("POST", "/issues/1/labels"),
    ]


def test_opening_what_is_there_already_writes_nothing_but_the_attempt(site: Site, bot: Bot) -> None:
    pull = opened(bot)
    asked(site.forge)
    assert opened(Bot(site.forge.api_url)) == pull
    assert asked(site.forge) == [("POST", "/pulls"), ("GET", "/pulls")]


def test_a_creation_whose_answer_was_lost_is_not_made_twice(site: Site) -> None:
    lost = iter([True])

    def losing(request: Request) -> Answer:
        query = urlencode(request.query)
        path = f"{request.path.removeprefix(f'/repos/{REPOSITORY}')}?{query}"
        reply = site.call(request.method, path, json.loads(request.body) if request.body else None, token=BOT_TOKEN)
        if request.method == "POST" and next(lost, False):
            return Answer(502)
        return Answer(reply.status, reply.body)

    with Server(losing) as server:
        assert opened(Bot(server.url)).number == 1
        assert [(method, status) for method, _, status in server.seen] == [("POST", 502), ("POST", 422), ("GET", 200)]
    assert len(site.call("GET", "/pulls?state=all").json) == 1


def test_eight_that_open_at_once_make_one_pull_request(site: Site) -> None:
    bots = [Bot(site.forge.api_url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pulls = list(pool.map(lambda bot: opened(bot, labels=["release"]), bots))
    assert {pull.number for pull in pulls} == {1}
    (pull,) = site.call("GET", "/pulls?state=all").json
    assert [label["name"] for label in pull["labels"]] == ["release"]


@pytest.mark.parametrize(
    ("title", "body", "labels", "sent"),
    [
        pytest.param("web v2", "what", (), [], id="nothing"),
        pytest.param(" web v2 ", "what\r\n", (), [], id="white space and line ends only"),
        pytest.param("web v3", "what", (), [{"title": "web v3"}], id="the title"),
        pytest.param("web v2", "more", (), [{"body": "more"}], id="the body"),
        pytest.param("a", "b", ("x",), [{"title": "a", "body": "b"}, {"labels": ["x"]}], id="everything"),
        pytest.param("web v2", "what", ("x", "x"), [{"labels": ["x"]}], id="a label, once"),
    ],
)
def test_a_refresh_writes_only_what_differs(
    title: str, body: str, labels: tuple[str, ...], sent: list[Mapping[str, Any]]
) -> None:
    bodies: list[Any] = []

    def answering(request: Request) -> Answer:
        if request.method != "GET":
            bodies.append(json.loads(request.body))
        return Answer.json(200, document() if "/pulls" in request.path else [])

    with Server(answering) as server:
        Bot(server.url).forge.refresh(1, title=title, body=body, labels=labels)
    assert bodies == sent


def test_a_refresh_in_another_run_reads_the_pull_request_first(site: Site, bot: Bot) -> None:
    opened(bot)
    asked(site.forge)
    assert Bot(site.forge.api_url).forge.refresh(1, title="new", body="what", labels=[]).title == "new"
    assert asked(site.forge) == [("GET", "/pulls/1"), ("PATCH", "/pulls/1")]


def test_closing_marks_the_body_then_says_why_and_then_closes(site: Site, bot: Bot) -> None:
    opened(bot)
    asked(site.forge)
    pull = bot.forge.close(1, body="what\n<!-- closed by gitops-bot -->", comment="nothing is left to propose")
    assert asked(site.forge) == [("PATCH", "/pulls/1"), ("POST", "/issues/1/comments"), ("PATCH", "/pulls/1")]
    assert (pull.state, pull.body) == ("closed", "what\n<!-- closed by gitops-bot -->")
    assert [each["body"] for each in site.call("GET", "/issues/1/comments").json] == ["nothing is left to propose"]


def test_open_ones_come_first_and_then_the_newest_closed_ones(site: Site, bot: Bot) -> None:
    for _ in range(7):
        bot.forge.close(opened(bot).number, body="x", comment="y")
    site.call("PATCH", "/pulls/2", {"state": "open"})
    found = bot.forge.find([BRANCH, "gitops-bot/staging/all"], "main")
    assert [(pull.number, pull.state) for pull in found[BRANCH]] == [
        (2, "open"),
        *((number, "closed") for number in (7, 6, 5, 4, 3, 1)),
    ]
    assert found["gitops-bot/staging/all"] == ()


def test_a_merged_pull_request_is_merged_and_not_closed(site: Site, bot: Bot) -> None:
    opened(bot)
    site.call("PUT", "/pulls/1/merge", {})
    assert [pull.state for pull in bot.forge.find([BRANCH], "main")[BRANCH]] == ["merged"]


def test_another_base_is_another_proposal(site: Site, bot: Bot) -> None:
    opened(bot)
    assert bot.forge.find([BRANCH], "release") == {BRANCH: ()}


def document(**changes: Any) -> dict[str, Any]:
    """A pull request as GitHub shows it, as far as the bot reads it."""
    return {
        "number": 1,
        "html_url": "https://github.com/acme/deploy/pull/1",
        "state": "open",
        "merged_at": None,
        "title": "web v2",
        "body": "what",
        "labels": [],
        "head": {"ref": BRANCH, "sha": "0" * 40, "label": f"acme:{BRANCH}", "repo": {"full_name": REPOSITORY}},
        "base": {"ref": "main"},
        **changes,
    }


def head(**changes: Any) -> dict[str, Any]:
    return document(head={**document()["head"], **changes})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(document(), 1, id="ours"),
        pytest.param(head(repo={"full_name": "Acme/Deploy"}), 1, id="ours, in other letters"),
        pytest.param(head(repo={"full_name": "mallory/deploy"}), 0, id="a fork's branch of the same name"),
        pytest.param(head(repo={"full_name": "acme/deploy-fork"}), 0, id="a fork of the same owner"),
        pytest.param(head(repo=None), 0, id="a fork that was deleted"),
        pytest.param(head(ref="gitops-bot/production/all2"), 0, id="another branch: the filter was ignored"),
        pytest.param(document(base={"ref": "release"}), 0, id="another base: the filter was ignored"),
    ],
)
def test_only_our_own_branch_is_found_whatever_github_lists(answer: Mapping[str, Any], found: int) -> None:
    with Server(lambda _: Answer.json(200, [answer])) as server:
        assert len(Bot(server.url).forge.find([BRANCH], "main")[BRANCH]) == found


def test_the_branch_is_asked_for_with_its_owner(site: Site, bot: Bot) -> None:
    bot.forge.find([BRANCH], "main")
    (_, target, _) = site.forge.seen[0]
    assert "head=acme%3Agitops-bot%2Fproduction%2Fall&" in target


def test_a_title_and_a_body_that_are_too_long_are_cut_to_what_github_takes(site: Site, bot: Bot) -> None:
    pull = opened(bot, title="x" * 300, body="y" * 70_000)
    assert (pull.title, len(pull.body)) == ("x" * 255 + "…", 65_536)
    asked(site.forge)
    assert bot.forge.refresh(1, title="x" * 300, body="y" * 70_000, labels=[]) == pull
    assert asked(site.forge) == []


def refusing(path: str, answer: Answer) -> Callable[[Request], Answer]:
    """Answer as GitHub does, but refuse what ends in `path`."""
    return lambda request: answer if request.path.endswith(path) else Answer.json(200, document())


@pytest.mark.parametrize("status", [403, 404, 410, 422])
def test_a_label_that_may_not_be_set_is_a_warning_and_the_proposal_goes_on(status: int) -> None:
    refusal = Answer.json(status, {"message": "Resource not accessible by integration"})
    with Server(refusing("/labels", refusal)) as server:
        bot = Bot(server.url)
        pull = opened(bot, labels=["release"])
    assert (pull.number, pull.labels) == (1, ())
    (warning,) = bot.warnings
    assert "pull request #1 goes on without the labels release" in warning.message
    assert warning.next == "give the token `pull-requests: write`, or take `labels:` away"


def test_a_rate_limit_at_the_label_is_no_warning(site: Site) -> None:
    refusal = Answer.json(429, {"message": "slow down"}, {"Retry-After": "3600"})
    with Server(refusing("/labels", refusal)) as server, pytest.raises(ForgeError, match="rate limit"):
        opened(Bot(server.url), labels=["release"])


def test_a_pull_request_without_new_commits_is_refused_in_words(site: Site, bot: Bot) -> None:
    site.bare.move("same", site.bare.branches()["main"], expected=None)
    with pytest.raises(ForgeError) as error:
        opened(bot, branch="same")
    problem = error.value.problem
    assert problem.code == "failed.forge"
    assert problem.message.startswith("acme/deploy: the branch has nothing that its base has not")
    assert "No commits between main and same" in problem.message
    assert problem.next == "run again: the base has moved meanwhile"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="an object in place of a list"),
        pytest.param([document(number="1")], id="a number that is none"),
        pytest.param([document(number=True)], id="a number that is a truth"),
        pytest.param([document(html_url="javascript:alert(1)")], id="an address that is none"),
        pytest.param([document(html_url="https://x/\x1b[2J")], id="an address with an escape sequence"),
        pytest.param([document(state="queued")], id="a state that is not known"),
        pytest.param([document(labels=None)], id="no labels"),
        pytest.param([document(labels=["x"])], id="labels without a name"),
        pytest.param([document(title=None)], id="no title"),
        pytest.param([head(sha="HEAD")], id="a commit that is none"),
    ],
)
def test_an_answer_that_is_not_as_github_describes_it_is_refused(answer: object) -> None:
    with Server(lambda _: Answer.json(200, answer)) as server, pytest.raises(ForgeError) as error:
        Bot(server.url).forge.find([BRANCH], "main")
    assert "did not answer as GitHub does" in error.value.problem.message


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://github.example.com/api/v3", "everyone on the way would see the token"),
        ("http://127.0.0.1.example.com", "everyone on the way would see the token"),
        ("http://10.0.0.1", "everyone on the way would see the token"),
        ("ftp://github.com", "is not the address of an API"),
        ("https://user:secret@github.com", "is not the address of an API"),
        ("https://github.com/?x=1", "is not the address of an API"),
        ("https://", "is not the address of an API"),
        ("https://[", "is not the address of an API"),
        ("https://host:port", "is not the address of an API"),
        ("api.github.com", "is not the address of an API"),
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
    assert "the token for GitHub is empty or has characters that no token has" in str(error.value)
    assert "ghs_" not in str(error.value)


@pytest.mark.parametrize(
    "repository", ["", "acme", "acme/deploy/x", "acme/..", "acme/.", "/deploy", "acme/de ploy", "-/x"]
)
def test_a_repository_that_is_none_is_refused(repository: str) -> None:
    with pytest.raises(UsageError, match="is not a repository on GitHub"):
        Bot("https://api.github.com", repository=repository)


def test_the_token_is_in_nothing_that_can_be_printed(site: Site, bot: Bot) -> None:
    wrong = Bot(site.forge.api_url, "ghs_wrong0123456789")
    with pytest.raises(ForgeError) as error:
        wrong.forge.find([BRANCH], "main")
    assert error.value.problem.code == "failed.auth"
    told = f"{error.value} {error.value!r} {wrong.forge!r} {error.value.__cause__!r} {error.value.__context__!r}"
    assert "ghs_wrong0123456789" not in told


def test_pygithub_is_imported_with_the_first_request_only() -> None:
    program = (
        "import sys; from gitops_bot.edges.github import GitHub; from gitops_bot.edges.clock import SystemClock\n"
        "GitHub('a/b', 'x', clock=SystemClock(), warn=print)\n"
        "print([name for name in ('github', 'requests') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"


def test_every_request_is_as_github_describes_it(site: Site) -> None:
    """A whole life through the edge; the server between it and the forge holds each request against the description."""
    description = described()
    found: list[str] = []

    def checking(request: Request) -> Answer:
        path = request.path.removeprefix("/api/v3")
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        reply = site.call(
            request.method,
            f"{path.removeprefix(f'/repos/{REPOSITORY}')}?{query}",
            json.loads(request.body) if request.body else None,
            token=BOT_TOKEN,
        )
        sent = json.loads(request.body) if request.body else None
        found.extend(
            description.breaches(
                request.method,
                f"{path}?{query}",
                sent=sent,
                status=reply.status,
                body=reply.body,
                headers=reply.headers,
            )
        )
        return Answer(reply.status, reply.body, {"Content-Type": reply.headers["content-type"]})

    with Server(checking) as server:
        bot = Bot(f"{server.url}/api/v3")
        bot.forge.find([BRANCH], "main")
        opened(bot, labels=["release"])
        opened(Bot(f"{server.url}/api/v3"), title="again")
        Bot(f"{server.url}/api/v3").forge.refresh(1, title="new", body="new", labels=["x"])
        bot.forge.close(1, body="closed", comment="why")
        assert len(server.seen) == 12
    assert found == []


def test_the_same_life_on_another_emulator(tmp_path: Path) -> None:
    with emulating(tmp_path, FILES, {BRANCH: {"README.md": b"# 2\n"}}, user="alice") as emulator:
        bot = Bot(emulator.api_url, emulator.token)
        assert bot.forge.find([BRANCH], "main") == {BRANCH: ()}
        pull = opened(bot, labels=["release"])
        assert (pull.state, pull.branch, pull.labels) == ("open", BRANCH, ("release",))
        again = Bot(emulator.api_url, emulator.token)
        assert opened(again, title="again").number == pull.number
        assert again.forge.find([BRANCH], "main")[BRANCH][0].title == "again"
        assert again.forge.close(pull.number, body="closed", comment="why").state == "closed"
        assert [each.state for each in bot.forge.find([BRANCH], "main")[BRANCH]] == ["closed"]
        with pytest.raises(ForgeError, match="does not accept the token"):
            Bot(emulator.api_url, "gho_wrong").forge.find([BRANCH], "main")
