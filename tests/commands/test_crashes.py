"""A run that is killed at any instant is carried on by the next one: Git and the pull requests are the only state."""

from __future__ import annotations

import os
import select
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import WEB, pinned
from tests.commands.killed import GONE, kill_at
from tests.counterparts.world import PATIENCE, ended, overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def assert_whole(shop: Deploy, tag: str, digest: str, number: int = 1) -> None:
    """One pull request, with one commit on the base, that says and does the same."""
    base = shop.files("main")
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    old = next(line.split()[1] for line in base[WEB].decode().splitlines() if line.strip().startswith("digest:"))
    assert shop.files(BRANCH) == base | {WEB: pinned(base[WEB], ("newTag: 1.0.0\n", f"newTag: {tag}\n"), (old, digest))}
    (pull,) = shop.pulls("all")
    assert (pull["number"], pull["state"], pull["title"]) == (number, "open", f"chore(production): web {tag}")
    assert digest in pull["body"]
    assert {label["name"] for label in pull["labels"]} == {"release", "bot"}
    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.nothing


def test_a_run_that_dies_while_it_opens_is_carried_on(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    kill_at(shop, "POST /pulls", done=True)
    pushed = shop.branches[BRANCH]
    assert shop.bot("update").code == 0
    # What it had pushed is used as it is.
    assert shop.branches[BRANCH] == pushed
    assert_whole(shop, "1.1.0", digest)


def test_a_run_that_dies_while_it_pushes_is_carried_on(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    # The server kills the bot when the branch is written, before git has its answer. The hook waits for the number.
    os.mkfifo(shop.folder / "pid")
    shop.remote.hook("post-receive", f"read pid <{shop.folder}/pid; kill -9 $pid")
    number = os.open(shop.folder / "pid", os.O_RDWR)
    process = shop.start("update")
    os.write(number, b"%d\n" % process.pid)
    assert ended(process).code == -signal.SIGKILL
    os.close(number)
    (shop.remote.path / "hooks" / "post-receive").unlink()
    assert shop.pulls("all") == []
    assert shop.bot("update").code == 0
    assert_whole(shop, "1.1.0", digest)


def test_a_run_that_dies_after_git_has_begun_to_push_sends_nothing(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    # Git goes on when the bot is killed, and says how it ended.
    told, git = shop.folder / "told", shutil.which("git")
    os.mkfifo(told)
    answer = os.open(told, os.O_RDWR)
    (shop.folder / "bin").mkdir()
    wrapper = shop.folder / "bin" / "git"
    wrapper.write_text(f'#!/bin/sh\n{git} "$@"\nended=$?\n[ "$1" != push ] || echo $ended >{told}\nexit $ended\n')
    wrapper.chmod(0o755)
    path = {"PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
    asked = list[str]()

    def kill(request: Request, go: Callable[[], Answer]) -> Answer:
        asked.append(request.path)
        if len(asked) == 2:  # the last look
            os.kill(process.pid, signal.SIGKILL)
            return GONE
        return go()

    shop.gate(kill)
    process = shop.start("update", env=shop.env | path)
    assert select.select([answer], [], [], PATIENCE)[0]
    assert os.read(answer, 100) != b"0\n"
    os.close(answer)
    assert ended(process).code == -signal.SIGKILL
    assert set(asked) == {"/api/graphql"}
    assert shop.branches.keys() == {"main"}
    shop.gate(None)
    assert shop.bot("update").code == 0
    assert_whole(shop, "1.1.0", digest)


#: Each write of a closing; before the third, the branch was deleted, which closes the pull request.
CLOSINGS = {"POST /comments": True, "PATCH /pulls/1": True, "GET /pulls/1": False}


@pytest.mark.parametrize(("wanted", "done"), CLOSINGS.items(), ids=CLOSINGS)
def test_a_run_that_dies_while_it_closes_leaves_nothing_closed_without_a_comment(
    shop: Deploy, wanted: str, done: bool
) -> None:
    digest = shop.push("web", "1.1.0")
    assert shop.bot("update").code == 0
    web, old = shop.files("main")[WEB], shop.push("web", "1.0.0")
    by_hand = pinned(web, ("newTag: 1.0.0\n", "newTag: 1.1.0\n"), (old, digest))
    shop.remote.commit("main", {WEB: by_hand}, message="by hand")
    kill_at(shop, wanted, done=done)
    assert (BRANCH in shop.branches) is done
    (comment,) = shop.call("GET", "/issues/1/comments")
    assert "Closing: the base branch already pins 1.1.0 for " in comment["body"]
    assert shop.bot("update").code == 0
    assert [each["id"] for each in shop.call("GET", "/issues/1/comments")] == [comment["id"]]
    assert shop.call("GET", "/pulls/1")["state"] == "closed"
    assert "Closed by gitops-bot: the base branch already pins 1.1.0 for " in shop.call("GET", "/pulls/1")["body"]
    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.nothing


def test_commits_in_between_that_the_api_did_not_tell_are_told_by_the_next_run(shop: Deploy) -> None:
    shop.remote.commit("main", {"README.md": b"One.\n"}, message="fix: the fair")
    old, new = shop.remote.log("main", "%H")[1::-1]
    source = f"{shop.world.forge.api_url.partition('/api')[0]}/{shop.name}"
    for tag, revision in (("1.0.1", old), ("1.1.0", new)):
        labels = {"org.opencontainers.image.source": source, "org.opencontainers.image.revision": revision}
        digest = shop.world.registry.push_image(f"{shop.name}/web", tag, labels=labels)
        if tag == "1.0.1":
            entry = overlay([(shop.image("web"), f"newTag: 1.0.1; digest: {digest}")])
            shop.remote.commit("main", {WEB: entry}, message="pin it")
    limit = Answer.json(429, {"message": "slow down"}, {"Retry-After": "3600"})
    shop.gate(lambda request, go: limit if "/compare/" in request.path else go())
    assert shop.bot("update").code == 0
    assert "fix: the fair" not in shop.pull()["body"]
    shop.gate(None)
    assert "#1 has the commit, but still lacks details" in shop.bot("plan").out
    assert shop.bot("update").code == 0
    assert "fix: the fair" in shop.pull()["body"]
    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.nothing


def test_an_api_that_refuses_leaves_the_branch_for_the_next_run(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    said = "GitHub Actions is not permitted to create or approve pull requests."
    refusal = Answer.json(403, {"message": said, "documentation_url": "https://docs.github.com/rest"})
    shop.gate(lambda request, go: refusal if request.path.endswith("/pulls") else go())
    done = shop.ask("update")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.auth"
    assert said in problem["message"]
    assert "Settings > Actions > General > Workflow permissions" in problem["next"]
    # What was done is not hidden: the branch exists without a pull request.
    (found,) = done.json["environments"][0]["proposals"]
    assert (found["commit"], found["pull_request"]) == (shop.branches[BRANCH], None)

    shop.gate(None)
    assert shop.bot("update").code == 0
    assert_whole(shop, "1.1.0", digest)
