"""A bug of our own costs the one item that meets it: the rest is done, the command exits with 3, and `run` goes on."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.proposals import naming
from tests.commands import contract
from tests.commands.conftest import API, CONFIG, WEB, pinned
from tests.commands.offline import checkout
from tests.commands.running import running
from tests.commands.scene import tags
from tests.conftest import PROJECT
from tests.counterparts.world import PATIENCE, TOKEN, Deploy, overlay, start
from tests.tables import rows

if TYPE_CHECKING:
    import subprocess

    from tests.counterparts.world import World

#: Lets a function raise what nobody expects wherever its arguments hold a word, with a secret in it.
RAISING = f"""\
import importlib

def raise_in(word, module, path, place=slice(None)):
    holder = importlib.import_module(module)
    *way, name = path.split(".")
    for step in way:
        holder = getattr(holder, step)
    real = getattr(holder, name)
    def broken(*args, **kwargs):
        if word in repr(args[place]) + repr(kwargs):
            raise KeyError("{TOKEN}")
        return real(*args, **kwargs)
    setattr(holder, name, broken)

"""
MESSAGE = "this is a bug in gitops-bot, please report it (KeyError)"
BY_OVERLAY = CONFIG.replace(b"as: pull-request", b"as: pull-request, group: overlay")


def broken(folder: Path, *where: tuple[Any, ...]) -> dict[str, str]:
    """The environment of a bot with bugs: each a word, a module, a function there, and which argument has the word."""
    lines = "".join(f"raise_in{each!r}\n" for each in where)
    # In a folder of its own: Python would take it for a compiled one of the same size and second.
    folder = Path(tempfile.mkdtemp(dir=folder))
    (folder / "sitecustomize.py").write_text(RAISING + lines)
    return {"PYTHONPATH": f"{folder}:{PROJECT}"}


def shop_of(world: World, *names: str) -> Deploy:
    """These applications, each with a newer version, and a pull request of its own for each overlay."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in names:
            deploy.push(name, "1.0.0")
            deploy.push(name, "1.1.0")
        return {"gitops-bot.yaml": BY_OVERLAY} | {
            f"apps/{name}/production/kustomization.yaml": overlay([(deploy.image(name), "newTag: 1.0.0")])
            for name in names
        }

    return world.deploy(files)


@pytest.fixture
def newer(worldwide: World) -> Deploy:
    return shop_of(worldwide, "web", "api")


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


#: For each application, where the bug is that it meets.
IN_UPDATE: dict[str, tuple[Any, ...]] = {
    # An answer of a registry, the choice of a tag, a gate.
    "zulu": ("gitops_bot.edges.registry.registry", "Registry.tags"),
    "yankee": ("gitops_bot.engine.candidates.poll", "choice.advance"),
    "xray": ("gitops_bot.engine.gates", "stepped_back.check", 0),
    # Its directory is matched, its files are listed, and looked at; a file is read.
    "whisky": ("gitops_bot.releases.layout.overlays", "_Tree._meant", 1),
    "victor": ("gitops_bot.releases.layout.overlays", "_Tree.targets_of", 1),
    "uniform": ("gitops_bot.releases.layout.overlays", "_Tree._usable", 1),
    "tango": ("gitops_bot.targets.kustomization", "KustomizationTarget.parse"),
    # The text of a proposal, a push, a pull request.
    "sierra": ("gitops_bot.engine.describe", "content.write", 1),
    "romeo": ("gitops_bot.edges.git.repository", "Repository.publish"),
    "quebec": ("gitops_bot.edges.github.forge", "GitHub.open"),
}
BRANCHES = {name: naming.branch("production", f"apps/{name}/production") for name in ("web", *IN_UPDATE)}
OVERLAYS = {"whisky", "victor", "uniform"}


def test_each_bug_costs_the_item_that_meets_it_and_update_proposes_everything_else(
    worldwide: World, tmp_path: Path
) -> None:
    deploy = shop_of(worldwide, *BRANCHES)
    env = broken(tmp_path, *((name, *where) for name, where in IN_UPDATE.items()))
    document, bugs = asked(deploy, env, "update")
    assert len(bugs) == len(IN_UPDATE)
    abouts = {"zulu": "/zulu: ", "tango": "apps/tango/production/kustomization.yaml: "}
    for about in (*abouts.values(), *(BRANCHES[name] for name in ("sierra", "romeo", "quebec"))):
        assert [about in bug["message"] for bug in bugs].count(True) == 1, about
    assert {f"apps/{name}/production" for name in OVERLAYS} <= {bug["file"] for bug in bugs}
    (environment,) = document["environments"]
    failed = {item["entry"]["overlay"] for item in environment["failed"] if item["entry"]}
    assert {f"apps/{name}/production" for name in ("zulu", "yankee", "xray")} <= failed
    assert [pull["head"]["ref"] for pull in deploy.pulls()] == [BRANCHES["web"]]
    assert tags(deploy, BRANCHES["web"])["web/web"] == "1.1.0"

    assert deploy.bot("update").code == 0
    assert {pull["head"]["ref"] for pull in deploy.pulls()} == {*BRANCHES.values()}
    # What is proposed already stays as it is, whatever meets a bug.
    for name in BRANCHES:
        deploy.push(name, "1.2.0")
    overlays = broken(tmp_path, *((name, *IN_UPDATE[name]) for name in OVERLAYS))
    _, bugs = asked(deploy, overlays, "status")
    assert {f"apps/{name}/production" for name in OVERLAYS} <= {bug["file"] for bug in bugs}
    env = broken(tmp_path, *((name, *where) for name, where in IN_UPDATE.items() if name != "tango"))
    asked(deploy, env, "update")
    as_it_was = {*IN_UPDATE} - {"tango", "quebec"}
    found = {name: tags(deploy, branch)[f"{name}/{name}"] for name, branch in BRANCHES.items()}
    assert found == {name: "1.1.0" if name in as_it_was else "1.2.0" for name in BRANCHES}
    assert {pull["head"]["ref"] for pull in deploy.pulls()} == {*BRANCHES.values()}


def test_one_that_meets_a_whole_environment_leaves_the_others(newer: Deploy, tmp_path: Path) -> None:
    more = b'  zulu: {overlays: ["apps/*/zulu"], policy: releases}\n'
    files = {"apps/web/zulu/kustomization.yaml": newer.files("main")[WEB], "gitops-bot.yaml": BY_OVERLAY + more}
    newer.remote.commit("main", files)
    env = broken(tmp_path, ("zulu", "gitops_bot.engine.read", "find_unmatched", 0))
    document, _ = asked(newer, env, "plan", "--exit-code")
    proposed = {each["name"]: len(each["proposals"]) for each in document["environments"]}
    assert (proposed["production"], proposed.get("zulu", 0)) == (2, 0)


IN_OTHERS = {
    "set": (("set", "production", "api=1.1.0"), ("gitops_bot.engine.candidates.assign", "_assign", 1)),
    "audit": (("audit", "--keep-list"), ("gitops_bot.edges.registry.registry", "Registry.digest")),
    "audit of a decision": (("audit",), ("gitops_bot.commands.audit", "unless_absent")),
    "history": (("history", "production"), ("gitops_bot.commands.history", "merges_of")),
    "explain": (("explain", "production", "api"), ("gitops_bot.commands.explain", "source_of")),
    "doctor": (("doctor",), ("gitops_bot.edges.registry.registry", "Registry.served")),
}


def test_every_command_tells_it(newer: Deploy, tmp_path: Path) -> None:
    for words, where in IN_OTHERS.values():
        args = tuple(word.replace("api", newer.image("api")) for word in words)
        _, bugs = asked(newer, broken(tmp_path, ("api", *where)), *args)
        assert len(bugs) == 1, words


def test_status_and_explain_tell_what_is_known_of_the_others(newer: Deploy, tmp_path: Path) -> None:
    document, (bug,) = asked(newer, broken(tmp_path, ("api", "gitops_bot.commands.status", "_entry", 2)), "status")
    assert (bug["file"], bug["line"]) == (API, 7)
    (environment,) = document["environments"]
    known = [(entry["entry"]["file"], entry["since"] is None) for entry in environment["entries"]]
    assert known == [(API, True), (WEB, False)]
    newer.remote.commit("main", {API: newer.files("main")[WEB]}, message="web in both overlays")
    env = broken(tmp_path, ("api", "gitops_bot.commands.explain", "source_of"))
    document, bugs = asked(newer, env, "explain", "production", newer.image("web"))
    assert ([entry["entry"]["file"] for entry in document["entries"]], len(bugs)) == ([WEB], 1)


def test_check_looks_at_the_other_files(tmp_path: Path) -> None:
    wrong = "images: [{name: web, newTag: a b}]\n"
    here = checkout(tmp_path / "checkout", {"gitops-bot.yaml": BY_OVERLAY.decode(), API: "images: []\n", WEB: wrong})
    env = broken(tmp_path, ("api", "gitops_bot.targets.kustomization", "KustomizationTarget.parse"))
    code, out, _ = told(start("check", "--output", "json", cwd=here, env=env))
    problems = [(problem["code"], problem["file"]) for problem in json.loads(out)["problems"]]
    assert (code, problems) == (3, [("failed.bug", API), ("failed.edit", WEB)])


def test_run_writes_everything_else_and_tells_it_once(newer: Deploy, tmp_path: Path) -> None:
    env = newer.env | broken(tmp_path, ("api", "gitops_bot.edges.registry.registry", "Registry.tags"))
    with running(newer, env=env) as process:
        first = process.until("cycle.ended")
        assert (first["result"], first["written"]) == ("partial", 1)
        process.until("cycle.ended")
        (failed,) = process.named("entry.failed")
    assert failed["code"] == "failed.bug"
    assert "sitecustomize.py" in failed["traceback"]


def test_too_little_memory_is_told_as_such(newer: Deploy, tmp_path: Path) -> None:
    env = broken(tmp_path, ("api", "gitops_bot.edges.registry.registry", "Registry.tags"))
    file = Path(env["PYTHONPATH"].partition(":")[0], "sitecustomize.py")
    file.write_text(file.read_text().replace("KeyError", "MemoryError"))
    code, out, _ = told(newer.start("plan", "--output", "json", env={**newer.env, **env}))
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["code"]) == (1, "failed.usage")
    assert "out of memory" in problem["message"]


def test_history_lists_the_other_releases(newer: Deploy, tmp_path: Path) -> None:
    ids = [
        newer.remote.commit(
            "main", {path: pinned(newer.files("main")[path], (f"newTag: {old}", f"newTag: {new}"))}, message=new
        )
        for path, old, new in ((WEB, "1.0.0", "1.1.0"), (API, "1.0.0", "1.1.0"), (WEB, "1.1.0", "1.2.0"))
    ]
    env = broken(tmp_path, ("api", "gitops_bot.releases.history.changes", "_only_pins", 1))
    for arguments in ((), ("--image", newer.image("web"))):
        document, bugs = asked(newer, env, "history", "production", *arguments)
        assert [release["commit"] for release in document["releases"]] == [ids[2], ids[0]]
        assert [f"release {number} (" in bug["message"] for number, bug in zip((3, 1), bugs, strict=True)] == [True] * 2


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: NAME, annotations: {argocd-image-updater.argoproj.io/image-list: ghcr.io/acme/NAME}}
spec: {source: {path: NAME/production}}
"""
#: Where `init` meets a bug, and that of the settings of other tools.
INIT_BUGS = (
    ("zulu", "gitops_bot.targets.kustomization", "KustomizationTarget.parse"),
    ("yankee", "gitops_bot.releases.layout.overlays", "_Tree._meant", 1),
    ("xray", "gitops_bot.releases.layout.deployed", "of_manifest", 1),
    ("staging", "gitops_bot.commands.init", "_environment", 1),
)
FROM_BUGS = (
    ("whisky", "gitops_bot.migration.rules", "documents", 1),
    ("victor", "gitops_bot.commands.migrate", "flux.read"),
)


@rows("bugs arguments", {
    "init": (INIT_BUGS, ()),
    "--from": (FROM_BUGS, ("--from", "argocd-image-updater", "--from", "flux")),
})  # fmt: skip
def test_init_describes_everything_else(tmp_path: Path, bugs: Any, arguments: tuple[str, ...]) -> None:
    names = ("web", "zulu", "yankee", "xray", "whisky", "victor")
    files = {
        f"{name}/{environment}/kustomization.yaml": f"images:\n- {{name: ghcr.io/acme/{name}, newTag: 1.0.0}}\n"
        for name in names
        for environment in ("production", "staging")
    }
    files |= {f"argocd/{name}.yaml": APPLICATION.replace("NAME", name) for name in names}
    files |= {"flux/f.yaml": "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: victor}\n"}
    here = checkout(tmp_path / "checkout", files)
    command = ("init", "--offline", "--output", "json", *arguments)
    code, out, events = told(start(*command, cwd=here, env=broken(tmp_path, *bugs)))
    document = json.loads(out)
    contract.check(document, code)
    assert (code, {problem["code"] for problem in document["problems"]}) == (3, {"failed.bug"})
    assert len(document["problems"]) >= len(bugs)
    assert [event["event"] for event in events if "traceback" in event] == ["bug"] * len(document["problems"])
    assert "web/production" in (here / "gitops-bot.yaml").read_text()
