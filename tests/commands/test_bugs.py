"""A bug of our own costs the one item that meets it: the rest is done, the command exits with 3, and `run` goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.proposals import naming
from tests.commands import contract
from tests.commands.conftest import API, CONFIG, WEB, pinned
from tests.commands.running import running
from tests.commands.scene import tags
from tests.conftest import PROJECT
from tests.counterparts.world import PATIENCE, TOKEN, Deploy, overlay, start

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.counterparts.world import World

#: Lets a function raise what nobody expects wherever its arguments name the application `api`, with a secret in it.
RAISING = f"""\
import importlib

def raise_in(module, path, place=slice(None)):
    holder = importlib.import_module(module)
    *way, name = path.split(".")
    for step in way:
        holder = getattr(holder, step)
    real = getattr(holder, name)
    def broken(*args, **kwargs):
        if "api" in repr(args[place]) + repr(kwargs):
            raise KeyError("{TOKEN}")
        return real(*args, **kwargs)
    setattr(holder, name, broken)

"""
MESSAGE = "this is a bug in gitops-bot, please report it (KeyError)"
BY_OVERLAY = CONFIG.replace(b"as: pull-request", b"as: pull-request, group: overlay")
WEB_BRANCH, API_BRANCH = (naming.branch("production", f"apps/{name}/production") for name in ("web", "api"))


def broken(folder: Path, *where: tuple[Any, ...]) -> dict[str, str]:
    """The environment of a bot with a bug in functions: each a module, its name there, and which argument tells."""
    lines = "".join(f"raise_in{each!r}\n" for each in where)
    (folder / "sitecustomize.py").write_text(RAISING + lines)
    return {"PYTHONPATH": f"{folder}:{PROJECT}"}


@pytest.fixture
def newer(worldwide: World) -> Deploy:
    """`web` and `api`, each with a newer version, and a pull request of its own for each overlay."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in ("web", "api"):
            deploy.push(name, "1.0.0")
            deploy.push(name, "1.1.0")
        own = {path: overlay([(deploy.image(name), "newTag: 1.0.0")]) for name, path in (("web", WEB), ("api", API))}
        return {"gitops-bot.yaml": BY_OVERLAY, **own}

    return worldwide.deploy(files)


def told(process: subprocess.Popen[str]) -> tuple[int, str, list[Any]]:
    """The exit code, what was printed, and the events of the log."""
    out, err = process.communicate(timeout=PATIENCE)
    assert TOKEN not in out + err
    return process.returncode, out, [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def asked(deploy: Deploy, env: dict[str, str], *args: str) -> tuple[Any, list[Any]]:
    """The document of a command that meets a bug, and the problems that are one; it exits with 3."""
    code, out, events = told(deploy.start(*args, "--output", "json", env={**deploy.env, **env}))
    document = json.loads(out)
    contract.check(document, code)
    assert (code, document["complete"]) == (3, False)
    bugs = [problem for problem in document["problems"] if problem["code"] == "failed.bug"]
    assert [event["message"] for event in events if event["event"] == "bug"] == [bug["message"] for bug in bugs]
    assert all("sitecustomize.py" in event["traceback"] for event in events if event["event"] == "bug")
    assert all(MESSAGE in bug["message"] for bug in bugs)
    return document, bugs


#: Where the bug is, and what the problem names.
IN_UPDATE = {
    "an answer of a registry": (("gitops_bot.edges.registry.registry", "Registry.tags"), "/api: "),
    "the choice of a tag": (("gitops_bot.engine.candidates.poll", "choice.advance"), MESSAGE),
    "a gate": (("gitops_bot.engine.gates", "stepped_back.check", 0), MESSAGE),
    "a file": (("gitops_bot.targets.kustomization", "KustomizationTarget.parse"), f"{API}: "),
    "the text of a proposal": (("gitops_bot.engine.describe", "content.write", slice(0)), API_BRANCH),
    "a push": (("gitops_bot.edges.git.repository", "Repository.publish"), API_BRANCH),
    "a pull request": (("gitops_bot.edges.github.forge", "GitHub.open"), API_BRANCH),
}


@pytest.mark.parametrize(("where", "about"), IN_UPDATE.values(), ids=IN_UPDATE)
def test_update_proposes_everything_else(newer: Deploy, tmp_path: Path, where: tuple[Any, ...], about: str) -> None:
    _, (bug,) = asked(newer, broken(tmp_path, where), "update")
    assert about in bug["message"]
    assert tags(newer, WEB_BRANCH)["web/web"] == "1.1.0"
    assert [pull["head"]["ref"] for pull in newer.pulls()] == [WEB_BRANCH]
    assert newer.bot("update").code == 0
    assert {pull["head"]["ref"] for pull in newer.pulls()} == {WEB_BRANCH, API_BRANCH}


def test_one_that_meets_a_whole_environment_leaves_the_others(newer: Deploy, tmp_path: Path) -> None:
    config = BY_OVERLAY + b'  api: {overlays: ["apps/*/api"], policy: releases}\n'
    more = {"apps/web/api/kustomization.yaml": newer.files("main")[WEB], "gitops-bot.yaml": config}
    newer.remote.commit("main", more, message="an environment called api")
    for where in (("gitops_bot.engine.read", "find_unmatched"), ("gitops_bot.engine.update", "_context")):
        asked(newer, broken(tmp_path, where), "plan", "--exit-code")
    assert "apps-web-production" in newer.bot("update", env={**newer.env, **broken(tmp_path)}).out


IN_OTHERS = {
    "set": (("set", "production", "api=1.1.0"), ("gitops_bot.engine.candidates.assign", "_assign", 1)),
    "audit": (("audit", "--keep-list"), ("gitops_bot.edges.registry.registry", "Registry.digest")),
    "audit of a decision": (("audit",), ("gitops_bot.commands.audit", "unless_absent")),
    "history": (("history", "production"), ("gitops_bot.commands.history", "merges_of")),
    "explain": (("explain", "production", "api"), ("gitops_bot.commands.explain", "source_of")),
    "doctor": (("doctor",), ("gitops_bot.edges.registry.registry", "Registry.served")),
}


@pytest.mark.parametrize(("args", "where"), IN_OTHERS.values(), ids=IN_OTHERS)
def test_every_command_tells_it(newer: Deploy, tmp_path: Path, args: tuple[str, ...], where: tuple[Any, ...]) -> None:
    args = tuple(arg.replace("api", newer.image("api")) for arg in args)
    _, bugs = asked(newer, broken(tmp_path, where), *args)
    assert len(bugs) == 1


def test_status_tells_what_is_known_of_the_others(newer: Deploy, tmp_path: Path) -> None:
    document, (bug,) = asked(newer, broken(tmp_path, ("gitops_bot.commands.status", "_entry", 2)), "status")
    assert (bug["file"], bug["line"]) == (API, 7)
    ((first, second),) = (environment["entries"] for environment in document["environments"])
    assert [(entry["entry"]["file"], entry["since"] is None) for entry in (first, second)] == [
        (API, True),
        (WEB, False),
    ]


def test_explain_explains_the_other_entries_of_an_image(newer: Deploy, tmp_path: Path) -> None:
    newer.remote.commit("main", {API: newer.files("main")[WEB]}, message="web in both overlays")
    env = broken(tmp_path, ("gitops_bot.commands.explain", "source_of"))
    document, bugs = asked(newer, env, "explain", "production", newer.image("web"))
    assert len(bugs) == 1
    assert [entry["entry"]["file"] for entry in document["entries"]] == [WEB]


def test_check_looks_at_the_other_files(newer: Deploy, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for path, data in {**newer.files("main"), WEB: overlay([("web", "newTag: a b")])}.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_bytes(data)
    env = broken(tmp_path, ("gitops_bot.targets.kustomization", "KustomizationTarget.parse"))
    code, out, _ = told(start("check", "--output", "json", cwd=checkout, env=env))
    assert code == 3
    assert [(problem["code"], problem["file"]) for problem in json.loads(out)["problems"]] == [
        ("failed.bug", API),
        ("failed.edit", WEB),
    ]


def test_run_writes_everything_else_and_tells_it_once(newer: Deploy, tmp_path: Path) -> None:
    env = newer.env | broken(tmp_path, ("gitops_bot.edges.registry.registry", "Registry.tags"))
    with running(newer, env=env) as process:
        first = process.until("cycle.ended")
        assert (first["result"], first["written"]) == ("partial", 1)
        process.until("cycle.ended")
        (failed,) = process.named("entry.failed")
    assert failed["code"] == "failed.bug"
    assert "sitecustomize.py" in failed["traceback"]


def test_too_little_memory_is_told_as_such(newer: Deploy, tmp_path: Path) -> None:
    env = broken(tmp_path, ("gitops_bot.edges.registry.registry", "Registry.tags"))
    file = tmp_path / "sitecustomize.py"
    file.write_text(file.read_text().replace("KeyError", "MemoryError"))
    code, out, _ = told(newer.start("plan", "--output", "json", env={**newer.env, **env}))
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["code"]) == (1, "failed.usage")
    assert "out of memory" in problem["message"]


#: Where a bug is met that costs an overlay, and which argument names it.
OVERLAY_BUGS = {
    "its directory is matched": ("gitops_bot.releases.layout.overlays", "_Tree._meant", 1),
    "its files are listed": ("gitops_bot.releases.layout.overlays", "_Tree.targets_of", 1),
    "its files are looked at": ("gitops_bot.releases.layout.overlays", "_Tree._usable", 1),
}


@pytest.mark.parametrize("where", OVERLAY_BUGS.values(), ids=OVERLAY_BUGS)
def test_an_overlay_that_cannot_be_selected_keeps_its_proposal_and_stops_no_other(
    newer: Deploy, tmp_path: Path, where: tuple[Any, ...]
) -> None:
    newer.bot("update")
    newer.push("web", "1.2.0")
    for command in ("plan", "status", "update"):
        _, (bug,) = asked(newer, broken(tmp_path, where), command)
        assert bug["file"] == API.rpartition("/")[0]
    assert (tags(newer, WEB_BRANCH)["web/web"], tags(newer, API_BRANCH)["api/api"]) == ("1.2.0", "1.1.0")
    assert {pull["head"]["ref"] for pull in newer.pulls()} == {WEB_BRANCH, API_BRANCH}


@pytest.mark.parametrize("arguments", [(), ("--image", "web")], ids=["all", "of an image"])
def test_history_lists_the_other_releases(newer: Deploy, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ids = [
        newer.remote.commit(
            "main", {path: pinned(newer.files("main")[path], (f"newTag: {old}", f"newTag: {new}"))}, message=new
        )
        for path, old, new in ((WEB, "1.0.0", "1.1.0"), (API, "1.0.0", "1.1.0"), (WEB, "1.1.0", "1.2.0"))
    ]
    arguments = tuple(newer.image("web") if argument == "web" else argument for argument in arguments)
    env = broken(tmp_path, ("gitops_bot.releases.history.changes", "_only_pins", 1))
    document, bugs = asked(newer, env, "history", "production", *arguments)
    assert [release["commit"] for release in document["releases"]] == [ids[2], ids[0]]
    assert [f"release {number} (" in bug["message"] for number, bug in zip((3, 1), bugs, strict=True)] == [True, True]


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: NAME, annotations: {argocd-image-updater.argoproj.io/image-list: ghcr.io/acme/NAME}}
spec: {source: {path: NAME/production}}
"""
#: Where `init` meets a bug, and whether that is asked for the settings of another tool.
INIT_BUGS = {
    "a file with pins": (("gitops_bot.targets.kustomization", "KustomizationTarget.parse"), ()),
    "an overlay": (("gitops_bot.releases.layout.overlays", "_Tree._meant", 1), ()),
    "an environment": (("gitops_bot.commands.init", "_environment", 1), ()),
    "a manifest": (("gitops_bot.releases.layout.deployed", "of_manifest", 1), ()),
    "a manifest of a tool": (("gitops_bot.migration.rules", "documents", 1), ("--from", "argocd-image-updater")),
    "one tool": (("gitops_bot.commands.migrate", "flux.read"), ("--from", "argocd-image-updater", "--from", "flux")),
}


@pytest.mark.parametrize(("where", "arguments"), INIT_BUGS.values(), ids=INIT_BUGS)
def test_init_describes_everything_else(tmp_path: Path, where: tuple[Any, ...], arguments: tuple[str, ...]) -> None:
    files = {
        f"{name}/{environment}/kustomization.yaml": f"images:\n- {{name: ghcr.io/acme/{name}, newTag: 1.0.0}}\n"
        for name in ("api", "web")
        for environment in ("production", "staging")
    }
    files |= {f"argocd/{name}.yaml": APPLICATION.replace("NAME", name) for name in ("api", "web")}
    files |= {"flux/api.yaml": "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: api}\n"}
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (checkout / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    for path, text in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text)
    env = broken(tmp_path, where)
    if where[1] == "_environment":  # it has no environment called api
        file = tmp_path / "sitecustomize.py"
        file.write_text(file.read_text().replace('"api" in', '"staging" in'))
    command = ("init", "--offline", "--output", "json", *arguments)
    code, out, events = told(start(*command, cwd=checkout, env=env))
    document = json.loads(out)
    contract.check(document, code)
    assert (code, {problem["code"] for problem in document["problems"]}) == (3, {"failed.bug"})
    assert [event["event"] for event in events if "traceback" in event] == ["bug"] * len(document["problems"])
    assert "/production" in (checkout / "gitops-bot.yaml").read_text()
