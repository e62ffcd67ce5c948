"""Services that run `set` in one minute lose nothing. Real processes, all started before any is waited for."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import API, WEB
from tests.counterparts.world import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy, Done, World

#: How often, and how many services at once: each of them tries again until it is the first to write.
ROUNDS, AT_ONCE = (20, 10) if os.environ.get("GITOPS_BOT_LONG") == "1" else (1, 4)
FILE = "apps/all/production/kustomization.yaml"
BRANCH = "gitops-bot/production/all"
SERVICES = tuple(f"service-{number}" for number in range(AT_ONCE))


def shared(world: World, how: str) -> Deploy:
    """All services in one file of one environment."""
    config = f"""\
version: 1
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releases
    propose: {{as: {how}}}
"""
    entries = "".join(f"- name: {name}\n  newName: {{host}}/{name}\n  newTag: 1.0.0\n" for name in SERVICES)

    def files(deploy: Deploy) -> dict[str, bytes]:
        host = f"{deploy.world.registry.host}/{deploy.name}"
        return {"gitops-bot.yaml": config.encode(), FILE: b"images:\n" + entries.replace("{host}", host).encode()}

    return world.deploy(files)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def together(deploy: Deploy, commands: Sequence[Sequence[str]]) -> list[Done]:
    """Run all of these at once."""
    processes = [deploy.start(*command, "--output", "json") for command in commands]
    done = [ended(process) for process in processes]
    for one in done:
        assert (one.code, one.json["problems"]) == (0, []), one.out + one.err
    return done


def setting(numbers: range) -> list[list[str]]:
    return [["set", "production", f"{SERVICES[number]}=1.1.{number}@{digest(number)}"] for number in numbers]


def expected(before: bytes, numbers: range) -> bytes:
    """The file with these services set, and no other byte changed."""
    for number in numbers:
        entry = before[before.index(f"name: {SERVICES[number]}\n".encode()) :].split(b"- name")[0]
        after = entry.replace(b"newTag: 1.0.0\n", f"newTag: 1.1.{number}\n  digest: {digest(number)}\n".encode())
        before = before.replace(entry, after)
    return before


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_sets_at_once_become_one_pull_request_with_all_changes(worldwide: World, _round: int) -> None:
    deploy = shared(worldwide, "pull-request")
    base = deploy.branches["main"]
    together(deploy, setting(range(AT_ONCE)))

    assert deploy.branches.keys() == {"main", BRANCH}
    assert deploy.branches["main"] == base
    assert deploy.parents(BRANCH) == [base]
    assert deploy.files(BRANCH)[FILE] == expected(deploy.files("main")[FILE], range(AT_ONCE))
    lines = [line for line in deploy.message(BRANCH).splitlines() if line.startswith("Gitops-Bot-Change: ")]
    assert {json.loads(line.partition(": ")[2])["name"] for line in lines} == set(SERVICES)
    # A slower one may have written its text last; what it lacks, any later run mends.
    again = deploy.ask("set", "production", f"{SERVICES[0]}=1.1.0@{digest(0)}")
    assert (again.code, again.json["environments"][0]["proposals"][0]["commit"]) in [
        (0, None),
        (0, deploy.branches[BRANCH]),
    ]
    (pull,) = deploy.pulls("all")
    assert (pull["title"], pull["head"]["sha"]) == (
        f"chore(production): update {AT_ONCE} images",
        deploy.branches[BRANCH],
    )
    assert all(digest(number) in pull["body"] for number in range(AT_ONCE))


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_sets_at_once_all_come_to_the_branch_as_commits(worldwide: World, _round: int) -> None:
    deploy = shared(worldwide, "commit")
    before = deploy.files("main")
    done = together(deploy, setting(range(AT_ONCE)))

    assert deploy.branches.keys() == {"main"}
    assert deploy.files("main") == before | {FILE: expected(before[FILE], range(AT_ONCE))}
    made = [proposal["commit"] for one in done for proposal in one.json["environments"][0]["proposals"]]
    assert len(made) == AT_ONCE
    assert set(deploy.remote.log("main", "%H")[:-1]) == set(made)


@pytest.mark.parametrize(("how", "reads"), [("merged", 1), ("closed", 2)])
def test_a_pull_request_that_ends_behind_the_runs_back_is_followed_by_another(
    shop: Deploy, how: str, reads: int
) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{digest(1)}")
    left = [reads]

    def behind_its_back(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        left[0] -= request.path.endswith("/graphql")
        if not left[0]:
            # The run has just read that #1 is open, and will push on its branch.
            shop.gate(None)
            if how == "merged":
                shop.call("PUT", "/pulls/1/merge", {"merge_method": "squash"})
            else:
                shop.call("PATCH", "/pulls/1", {"state": "closed"})
        return answer

    decided = shop.pull()["body"]
    shop.gate(behind_its_back)
    done = shop.ask("set", "production", f"{shop.image('api')}=1.2.0@{digest(2)}")
    held = [item["reason"]["code"] for item in done.json["environments"][0]["held"]]
    # What came too late was pushed already, and is taken away again.
    assert held == (["held.declined"] if (how, reads) == ("closed", 2) else [])
    (proposal,) = done.json["environments"][0]["proposals"]
    assert (proposal["action"], proposal["pull_request"]["number"], proposal["pull_request"]["state"]) == (
        "open",
        2,
        "open",
    )
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert digest(2).encode() in shop.files(BRANCH)[API]
    # What was merged is on the base, what was closed is declined: in both cases the new one has the new pin alone.
    assert shop.files(BRANCH)[WEB] == shop.files("main")[WEB]
    assert shop.pull()["title"] == "chore(production): api 1.2.0"
    assert (shop.call("GET", "/pulls/1")["body"], shop.call("GET", "/pulls/1")["title"]) == (
        decided,
        "chore(production): web 1.1.0",
    )


def test_what_is_merged_behind_the_runs_back_is_not_proposed_again(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    assert shop.bot("update").code == 0
    # The base branch has moved, so that the proposal would be made anew on it.
    shop.remote.commit("main", {"README.md": b"Read me.\n"})
    (pull,) = shop.pulls()
    merged: list[int] = []

    def gate(_: Request, go: Callable[[], Answer]) -> Answer:
        # The run has read the base branch, and asks for its pull requests now.
        if not merged:
            merged.append(pull["number"])
            shop.call("PUT", f"/pulls/{pull['number']}/merge", {"merge_method": "merge"})
        return go()

    shop.gate(gate)
    done = shop.ask("update")
    assert (done.code, done.json["environments"][0]["proposals"]) == (0, [])
    assert [(each["number"], each["merged_at"] is not None) for each in shop.pulls("all")] == [(pull["number"], True)]
    assert b"newTag: 1.1.0" in shop.files("main")[WEB]


@pytest.mark.parametrize("branch_stays", [True, False])
def test_what_another_run_opened_and_merged_before_this_one_could_is_no_failure(
    shop: Deploy, branch_stays: bool
) -> None:
    shop.push("web", "1.1.0")

    def merged_meanwhile(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.method == "POST" and request.path.endswith("/pulls"):
            shop.remote.git("update-ref", "refs/heads/main", shop.branches[BRANCH])
            if not branch_stays:
                shop.remote.git("update-ref", "-d", f"refs/heads/{BRANCH}")
        return go()

    shop.gate(merged_meanwhile)
    done = shop.ask("update")
    (environment,) = done.json["environments"]
    assert (done.code, done.json["problems"], environment["failed"]) == (0, [], [])
    assert (environment["proposals"], shop.pulls("all")) == ([], [])
    assert b"newTag: 1.1.0" in shop.files("main")[WEB]
