"""`report_issue`: one issue says what failed, what is held and what waits for review, and people are told once."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from queue import SimpleQueue
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github import forge
from tests.commands.running import running
from tests.commands.stages import Stages, path
from tests.counterparts import graphql, openapi
from tests.counterparts.world import BOT, PATIENCE, PERSON, ended, overlay, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.issues import Issue
    from tests.counterparts.world import Deploy, Watched, World

ON = "report_issue: true"
#: What staging has waits for a check, anything else follows a policy.
PRODUCTION = "promote_from: staging\nrequire: {checks: [e2e]}\npolicy: releases"


def start(world: World, production: str = PRODUCTION, more: str = ON, **how: Any) -> Stages:
    return Stages.start(world, production, more=more, **how)


def issues(deploy: Deploy) -> list[Issue]:
    return deploy.world.forge.gateway.issues[deploy.name.lower()].all


def the(deploy: Deploy) -> Issue:
    """The only issue."""
    (issue,) = issues(deploy)
    return issue


def said(deploy: Deploy) -> list[str]:
    """What people see of each comment."""
    return [visible(comment.body) for comment in the(deploy).comments]


def visible(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("<!--"))


def update(stages: Stages, *more: str, code: int = 0) -> list[str]:
    """What an update writes to issues."""
    with stages.deploy.watching() as seen:
        done = stages.deploy.bot("update", *more)
    assert done.code == code, (done.out, done.err)
    return written(seen)


def written(seen: Watched) -> list[str]:
    return [line for line in seen.writes if "/issues" in line]


def fail(stages: Stages, name: str = "gone") -> None:
    """An image is pinned that the registry does not have."""
    entry = overlay([(stages.deploy.image(name), "newTag: 1.0.0")])
    stages.deploy.remote.commit("main", {path(name, "production"): entry}, message="pin it")


def fail_once(stages: Stages, *names: str) -> None:
    """A run sees that: the text says so, and nobody is told yet."""
    for name in names or ("gone",):
        fail(stages, name)
    assert update(stages, code=1)[-1].startswith("PATCH /issues/")


def recover(stages: Stages) -> None:
    """The registry has it now."""
    stages.push("gone", "1.0.0")


def days_pass(issue: Issue) -> None:
    """Everything began long ago."""
    began = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z")
    issue.body = "\n".join(
        began.sub("2020-01-02T03:04Z", line) if line.startswith("<!--") else line for line in issue.body.split("\n")
    )


def test_it_says_what_failed_what_is_held_and_what_waits_for_review_with_the_way_on(worldwide: World) -> None:
    rules = {"production": PRODUCTION + "\npropose: {group: overlay}", "staging": "policy: releases"}
    stages = start(worldwide, **rules)
    deploy = stages.deploy
    released = stages.run("staging", "web", "1.1.0")
    deploy.world.forge.check_run(deploy.name, released, "e2e", "failure", url="https://ci.test/1")
    stages.push("web", "1.2.0")
    fail(stages)
    assert update(stages, code=1) == ["POST /issues 201", "POST /issues/1001/labels 200"]
    issue = the(deploy)
    assert (issue.user, issue.title, issue.comments) == (BOT, "gitops-bot: what waits", [])
    failed, held, review = re.split(r"^### .*$", visible(issue.body), flags=re.MULTILINE)[1:]
    assert re.findall("^### (.*)$", issue.body, re.MULTILINE) == ["Failed (1)", "Held (1)", "To review (1)"]
    assert f"- **production** `{deploy.image('gone')}`: " in failed
    assert f"`gitops-bot explain production {deploy.image('gone')}`" in failed
    assert "  - Next: " in failed
    assert f"- **production** `{deploy.image('web')}` `1.0.0` → `1.1.0`: released to staging by {released[:10]}" in held
    assert re.search(r"Since [0-9-]{10} [0-9:]{5} UTC\.\n", held)
    assert "check [`e2e`](https://ci.test/1): failure since " in held
    assert f"`gitops-bot promote staging production --beyond-checks --image {deploy.image('web')}`" in held
    pull = deploy.pull()
    created = f"{pull['created_at'][:10]} {pull['created_at'][11:16]}"
    assert f"- **staging** [#1]({pull['html_url']}): {pull['title']}. Since {created} UTC." in review
    assert issue.labels == ["gitops-bot"]
    # An unchanged cycle writes nothing, and asks once.
    before = issue.body
    with deploy.watching() as on:
        assert deploy.bot("update").code == 1
    assert (the(deploy).body, on.nothing) == (before, True)
    stages.configure(**rules)
    with deploy.watching() as off:
        assert deploy.bot("update").code == 1
    assert len(on.api) == len(off.api) + 1, (on.api, off.api)


def test_what_people_hold_is_listed(worldwide: World) -> None:
    freeze = 'holds: [{environment: production, until: 2200-01-01, why: "a fair"}]'
    stages = start(worldwide, "promote_from: staging", f"{ON}\n{freeze}")
    assert update(stages) == [], "nothing waits for the end of the freeze"
    stages.run("staging", "web", "1.1.0")
    update(stages)
    frozen = "### Frozen (1)\n\n- freeze: production until 2200-01-01 (a fair) by gitops-bot.yaml:10.\n"
    assert ("### Held (1)" in the(stages.deploy).body, frozen in the(stages.deploy).body) == (True, True)


def test_where_nothing_waits_none_is_opened_and_once_nothing_does_any_more_it_says_so(worldwide: World) -> None:
    stages = start(worldwide)
    assert update(stages) == []
    assert issues(stages.deploy) == []
    stages.run("staging", "web", "1.1.0")
    update(stages)
    stages.run("staging", "web", "1.0.0")
    assert update(stages) == ["PATCH /issues/1001 200"], "what was only held for a while is no recovery"
    issue = the(stages.deploy)
    assert visible(issue.body).splitlines()[-1].startswith("Nothing waits: ")
    assert (issue.closed_at, issue.comments) == (None, [])
    assert update(stages) == []


def test_what_starts_to_fail_and_what_recovers_is_one_comment_each_and_none_while_people_have_closed_it(
    worldwide: World,
) -> None:
    stages = start(worldwide)
    deploy = stages.deploy
    stages.run("staging", "web", "1.1.0")
    update(stages)
    fail_once(stages, "gone", "also")
    assert said(deploy) == []
    assert "### Failed (2)" in the(deploy).body
    both = ["POST /issues/1001/comments 201", "PATCH /issues/1001 200"]
    assert update(stages, code=1) == both
    (started,) = said(deploy)
    assert started.splitlines()[0] == "**Started to fail**"
    assert started.count("gitops-bot explain") == len(started.splitlines()) // 3 >= 1
    assert update(stages, code=1) == []

    days_pass(the(deploy))
    deploy.call("PATCH", "/issues/1001", {"state": "closed"})
    assert update(stages, code=1) == ["PATCH /issues/1001 200"], "the text is kept current"
    recover(stages)
    stages.push("also", "1.0.0")
    assert update(stages) == ["PATCH /issues/1001 200"]
    assert (len(said(deploy)), the(deploy).closed_at is not None) == (1, True)
    # Something new begins.
    fail_once(stages, "one", "two")
    assert update(stages, code=1) == ["PATCH /issues/1001 200", *both]
    assert said(deploy)[1].startswith("**Started to fail**")
    assert (the(deploy).closed_at, the(deploy).reason) == (None, "reopened")
    for name in ("one", "two"):
        stages.push(name, "1.0.0")
    assert update(stages) == both
    # What was held for long while it was closed is said now, too.
    stuck, _, recovered = said(deploy)[2].partition("**Recovered**\n")
    assert stuck.startswith(f"**Stuck for a day**\n- **production** `{deploy.image('web')}`")
    assert sorted(recovered.splitlines()) == sorted(
        f"- **production** `{deploy.image(name)}`" for name in ("one", "two")
    )
    assert update(stages) == []


@pytest.mark.parametrize("wanted", ["PATCH /issues/1001", "POST /issues/1001/labels"])
def test_a_run_that_dies_between_two_writes_loses_and_doubles_nothing(worldwide: World, wanted: str) -> None:
    stages = start(worldwide)
    deploy = stages.deploy
    is_open = wanted == "PATCH /issues/1001"
    if is_open:
        stages.run("staging", "web", "1.1.0")
        update(stages)
        fail_once(stages)
    else:
        fail(stages)
    pids: SimpleQueue[int] = SimpleQueue()

    def kill(request: Request, go: Callable[[], Answer]) -> Answer:
        if f"{request.method} {request.path.partition(deploy.name)[2]}" != wanted:
            return go()
        os.kill(pids.get(), signal.SIGKILL)
        return Answer(500)

    deploy.gate(kill)
    process = deploy.start("update")
    pids.put(process.pid)
    assert ended(process).code == -signal.SIGKILL
    deploy.gate(None)
    told = ["**Started to fail**"] * is_open
    assert [text.splitlines()[0] for text in said(deploy)] == told
    if not is_open:
        update(stages, code=1)
        assert "### Failed (1)" in the(deploy).body
    recover(stages)
    update(stages)
    assert [text.splitlines()[0] for text in said(deploy)] == [*told, "**Recovered**"]
    assert update(stages) == []


def test_a_comment_whose_answer_is_lost_is_there_once(worldwide: World) -> None:
    stages = start(worldwide)
    update(stages)
    stages.run("staging", "web", "1.1.0")
    update(stages)
    fail_once(stages)
    lost = iter([True])

    def losing(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        is_comment = request.method == "POST" and request.path.endswith("/comments")
        return Answer(502) if is_comment and next(lost, False) else answer

    stages.deploy.gate(losing)
    update(stages, code=1)
    assert len(said(stages.deploy)) == 1


def test_the_mark_of_somebody_else_is_none(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    update(stages)
    quoted = the(stages.deploy).body
    issues(stages.deploy).clear()
    stages.deploy.call("POST", "/issues", {"title": "theirs", "body": quoted, "labels": ["gitops-bot"]})
    assert update(stages)[0] == "POST /issues 201"
    theirs, own = issues(stages.deploy)
    assert (theirs.user, theirs.body, theirs.comments) == (PERSON, quoted, [])
    own.comments.clear()
    state = re.sub(r"state \[[0-9]+", "state [99", quoted.splitlines()[1])
    stages.deploy.call("POST", f"/issues/{own.number}/comments", {"body": f"{state}\n"})
    assert update(stages) == []


def test_a_copy_of_the_mark_below_other_text_is_none_and_of_several_the_newest_counts(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    update(stages)
    own = the(stages.deploy)
    # What another workflow opens has the same login: a copy of the text, and an older issue of the bot's own.
    copied, older = replace(own, body=f"Look at this:\n{own.body}", labels=["gitops-bot"]), replace(own, number=1002)
    own.number, issues(stages.deploy)[:] = 1003, [copied, older, own]
    before = (copied.body, older.body)
    fail_once(stages)
    assert update(stages, code=1) == ["POST /issues/1003/comments 201", "PATCH /issues/1003 200"]
    assert (copied.body, older.body) == before
    issues(stages.deploy)[:] = [copied]
    assert update(stages, code=1)[0] == "POST /issues 201"
    assert (copied.body, copied.closed_at) == (before[0], None)


@pytest.mark.parametrize("within", [False, True], ids=["in step", "one within the other"])
def test_two_runs_at_once_leave_one_open(worldwide: World, within: bool) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    both_looked, first_is_waiting, second_has_ended = Barrier(2, timeout=PATIENCE), Event(), Event()

    def meet(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.method == "POST" and request.path.endswith("/issues"):
            if not within:
                both_looked.wait()
            elif not first_is_waiting.is_set():
                first_is_waiting.set()
                assert second_has_ended.wait(PATIENCE)
        return go()

    stages.deploy.gate(meet)
    runs = [stages.deploy.start("update")]
    assert not within or first_is_waiting.wait(PATIENCE)
    runs.append(stages.deploy.start("update"))
    ends = [ended(runs[1]).code]
    second_has_ended.set()
    assert [*ends, ended(runs[0]).code] == [0, 0]
    stages.deploy.gate(None)
    assert [(issue.number, issue.reason) for issue in issues(stages.deploy)] == [(1001, "not_planned"), (1002, None)]
    assert update(stages) == []


HIDDEN = {"data": {"repository": None}, "errors": [{"type": "FORBIDDEN", "path": ["repository"], "message": "hidden"}]}
#: Which request is refused, how, and what the warning says.
REFUSED: list[tuple[str, Answer, list[str]]] = [
    ("POST", Answer.json(403, {"message": "by integration"}), ["not reported", "by integration", "issues: write"]),
    ("POST", Answer.json(410, {"message": "are disabled"}), ["not reported", "are disabled", "issues: write"]),
    ("GraphQL", Answer.json(200, HIDDEN), ["not reported", "hidden", "issues: write"]),
    ("GraphQL", Answer.json(404, {"message": "Not Found"}), ["this server has no GraphQL"]),
]


def test_what_is_not_allowed_is_a_warning_with_the_permission(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    for what, refusal, words in REFUSED:

        def gate(request: Request, go: Callable[[], Answer], what: str = what, refusal: Answer = refusal) -> Answer:
            is_post = request.method == "POST" and request.path.endswith("/issues")
            is_query = b"query Issues" in (request.body or b"")
            return refusal if (is_post if what == "POST" else is_query) else go()

        stages.deploy.gate(gate)
        done = stages.deploy.ask("update")
        assert (done.code, done.json["problems"], issues(stages.deploy)) == (0, [], [])
        assert all(word in done.err for word in words), (words, done.err)


def test_an_issue_that_was_moved_meanwhile_is_told_as_that(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    update(stages)
    fail(stages)
    stages.deploy.gate(lambda request, go: Answer(301) if "/issues/1001" in request.path else go())
    done = stages.deploy.bot("update")
    assert done.code == 1
    told = next(line for line in done.err.splitlines() if "what waits is not reported" in line)
    assert "GitHub says that it has moved: the issue was transferred, or the repository renamed" in told
    assert "the next run opens another" in told
    assert "issues: write" not in told


def test_without_a_token_it_is_a_warning(worldwide: World) -> None:
    stages = start(worldwide, "promote_from: staging\npropose: {as: commit}", staging="propose: {as: commit}")
    folder = stages.deploy.remote.path
    done = run("update", "--repository", str(folder), cwd=stages.deploy.folder)
    assert done.code == 0, done.err
    assert "what waits is not reported: there is no forge, or no token for it" in done.err


COMMANDS = [
    ("plan",),
    ("status",),
    ("update", "--dry-run"),
    ("update", "production"),
    ("set", "production", "web=1.0.0"),
]


def test_anything_but_a_full_run_leaves_it_alone(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    fail(stages)
    with stages.deploy.watching() as seen:
        for command in COMMANDS:
            stages.deploy.bot(*command)
    assert issues(stages.deploy) == []
    assert [line for line in seen.api if "/issues" in line] == []


def test_each_cycle_of_a_long_run_keeps_it(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    with running(stages.deploy, "--every", "1s") as cycles:
        cycles.until("cycle.ended")
        assert len(issues(stages.deploy)) == 1
        fail(stages)
        while not said(stages.deploy):
            cycles.until("cycle.ended")
    assert [text.splitlines()[0] for text in said(stages.deploy)] == ["**Started to fail**"]


def test_the_question_is_one_that_github_knows_and_so_are_the_answers_of_the_counterpart(worldwide: World) -> None:
    stages = start(worldwide)
    stages.run("staging", "web", "1.1.0")
    rest, asked = openapi.described(), graphql.described()
    breaches: list[str] = []

    def check(request: Request, go: Callable[[], Answer]) -> Answer:
        answer, sent = go(), json.loads(request.body) if request.body else None
        if b"query Issues" in (request.body or b""):
            breaches.extend(asked.breaches(sent["query"], sent["variables"], json.loads(answer.body)))
        elif "/issues" in request.path:
            target, headers = request.path.removeprefix("/api/v3"), {k.lower(): v for k, v in answer.headers.items()}
            found = rest.breaches(
                request.method, target, sent=sent, status=answer.status, body=answer.body, headers=headers
            )
            breaches.extend(f"{request.method} {target}: {each}" for each in found)
        return answer

    stages.deploy.gate(check)
    update(stages)
    fail_once(stages)
    update(stages, code=1)
    stages.deploy.call("PATCH", "/issues/1001", {"state": "closed"})
    fail_once(stages, "other")
    update(stages, code=1)
    assert len(said(stages.deploy)) == 2
    assert breaches == []
    assert asked.breaches(forge.ISSUES, {"owner": "acme", "name": "deploy", "label": "gitops-bot"}) == []
