"""How many processes of git, and requests to the git server, each command costs: starting git takes milliseconds."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

CONFIG = """\
version: 1
policies:
  releases: {semver: "*"}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
  production:
    overlays: ["apps/*/production"]
    match: digest
"""
#: The processes, and the requests over HTTP, of each step of the journey below.
COSTS = {
    "plan: nothing new": (3, 3),
    "update: nothing new": (3, 3),
    "plan: something new": (4, 3),
    "update: opens": (7, 7),
    "update: unchanged": (4, 3),
    "update: refreshes": (8, 7),
    "set": (8, 7),
    "explain": (4, 3),
    "status": (6, 5),
    "audit": (3, 3),
    "promote": (8, 9),
    "history": (5, 5),
    # The base is deeper by now than what is fetched at first.
    "update: commits": (8, 10),
    "rollback": (8, 9),
    "update: into a cache": (4, 3),
    "update: from a cache": (4, 2),
}


def deploy_files(deploy: Deploy) -> dict[str, bytes]:
    pin = f"newTag: 1.0.0; digest: {deploy.push('web', '1.0.0')}"
    return {
        "gitops-bot.yaml": CONFIG.encode(),
        **{
            f"apps/web/{name}/kustomization.yaml": overlay([(deploy.image("web"), pin)])
            for name in ("staging", "production")
        },
    }


def merge(deploy: Deploy) -> None:
    """Merge the open pull request, and delete its branch, as most people do."""
    pull = deploy.pull()
    deploy.call("PUT", f"/pulls/{pull['number']}/merge", {})
    deploy.call("DELETE", f"/git/refs/heads/{pull['head']['ref']}")


def test_each_command_starts_at_most_nine_processes_of_git(worldwide: World) -> None:
    deploy, costs = worldwide.deploy(deploy_files), dict[str, tuple[int, int]]()
    web = deploy.image("web")

    def run(step: str, *words: str) -> None:
        before = len(worldwide.git.requests())
        done = deploy.bot(*words, "--verbose", "--log-format", "json")
        assert done.code == 0, (step, done.out, done.err)
        costs[step] = (done.err.count('"git.command"'), len(worldwide.git.requests()) - before)

    run("plan: nothing new", "plan")
    run("update: nothing new", "update")
    deploy.push("web", "1.1.0")
    run("plan: something new", "plan")
    run("update: opens", "update", "staging")
    run("update: unchanged", "update", "staging")
    deploy.push("web", "1.2.0")
    run("update: refreshes", "update", "staging")
    deploy.push("web", "1.3.0")
    run("set", "set", "staging", f"{web}=1.3.0")
    run("explain", "explain", "staging", web)
    run("status", "status")
    run("audit", "audit")
    merge(deploy)
    run("promote", "promote", "staging", "production")
    merge(deploy)
    run("history", "history", "production")
    deploy.remote.commit(
        "main", {"gitops-bot.yaml": CONFIG.replace("releases\n", "releases\n    propose: {as: commit}\n", 1).encode()}
    )
    deploy.push("web", "1.4.0")
    run("update: commits", "update", "staging")
    run("rollback", "rollback", "production")
    cache = ("--cache", str(deploy.folder / "cache"))
    run("update: into a cache", "update", *cache)
    run("update: from a cache", "update", *cache)

    assert costs == COSTS
    assert max(processes for processes, _ in costs.values()) <= 9


def test_no_process_of_git_is_started_besides_those_that_are_logged(worldwide: World, tmp_path: Path) -> None:
    (tmp_path / "git").write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/started\nexec {shutil.which("git")} "$@"\n')
    (tmp_path / "git").chmod(0o755)
    deploy = worldwide.deploy(deploy_files)
    deploy.push("web", "1.1.0")

    done = deploy.bot("update", "--verbose", env=deploy.env | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    started = (tmp_path / "started").read_text().split()
    assert sorted(started) == sorted(re.findall(r'"git.command".*"verb": "(\S+)"', done.err)), done.err
    assert len(started) == COSTS["update: opens"][0]
