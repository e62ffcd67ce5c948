"""The step of a workflow: the scripts of action.yml as the runner runs them, from a clean installation, in a workspace
where modules lie in wait to be imported.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import contract
from tests.commands.conftest import CONFIG, WEB, pinned
from tests.conftest import program
from tests.counterparts.registry import PASSWORD, USER, docker_registry
from tests.counterparts.runner import Runner
from tests.counterparts.world import TOKEN
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.counterparts.runner import Ran
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
A, B = (f"sha256:{letter * 64}" for letter in "ab")
#: Names that the step's Python would find if it looked into the workspace.
WAITING = ("gitops_bot", "click", "json", "pip", "sitecustomize", "usercustomize", "venv", "ensurepip")
#: Only what a runner does by itself; anything else came from somebody's text.
ORDINARY = {"group", "endgroup", "stop-commands", "error", "warning", "notice"}


pytestmark = pytest.mark.xdist_group("runner")  # the Action installs itself once, in one process


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner.start(tmp_path_factory.mktemp("runner"))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    folder, ran = tmp_path / "workspace", tmp_path / "ran"
    folder.mkdir()
    for name in WAITING:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    yield folder
    assert not ran.exists(), "a module of the workspace was imported"


def use(
    runner: Runner,
    deploy: Deploy,
    workspace: Path,
    given: Mapping[str, str],
    *,
    event_name: str = "push",
    event: object = None,
    env: Mapping[str, str] | None = None,
    **github: str,
) -> Ran:
    """Run the action in a workflow of the repository of the manifests, unless `github` says otherwise."""
    about = {
        "api_url": deploy.env["GITHUB_API_URL"],
        "event_name": event_name,
        "repository": deploy.name,
        "server_url": deploy.env["GITHUB_SERVER_URL"],
        "token": TOKEN,
    }
    ran = runner.use(given, workspace, github=about | github, event=event, env=env)
    assert {command.name for command in ran.commands} <= ORDINARY
    assert TOKEN not in ran.log + ran.summary + "".join(ran.outputs.values())
    if ran.outputs["plan"]:
        contract.check(ran.plan, ran.code)
    return ran


def pushed(deploy: Deploy, digest: str, **more: str) -> dict[str, str]:
    """The inputs of the step after `docker push` of web 1.1.0."""
    return {"environment": "production", "image": deploy.image("web"), "tag": "1.1.0", "digest": digest} | more


def test_the_first_push_opens_a_pull_request_and_the_second_changes_nothing(
    runner: Runner, shop: Deploy, workspace: Path
) -> None:
    base = shop.files("main")
    was = re.findall(rb"sha256:\w+", base[WEB])[0].decode()
    ran = use(runner, shop, workspace, pushed(shop, A))
    assert (ran.code, ran.said) == (0, [])
    pull = shop.pull()
    image = f"{shop.image('web')}:1.1.0@{A}"
    plan = ran.outputs.pop("plan")
    assert ran.outputs == {
        "changed": "true",
        "pull-request-number": str(pull["number"]),
        "pull-request-url": pull["html_url"],
        "branch": BRANCH,
        "commit": shop.branches[BRANCH],
        "image": image,
        "digest": A,
        "summary": f"production: opened #{pull['number']}: web 1.1.0",
    }
    assert '"schema":"gitops-bot/set/1"' in plan
    assert shop.files(BRANCH) == base | {WEB: pinned(base[WEB], (": 1.0.0\n", ": 1.1.0\n"), (was, A))}
    assert f"[#{pull['number']}]({pull['html_url']})" in ran.summary
    assert f"| `web` | `1.0.0@{was[:19]}` → `1.1.0@{A[:19]}` | opened | [#1](" in ran.summary
    assert f": `1.0.0@{was}` → `1.1.0@{A}`, commit `{shop.branches[BRANCH]}`" in ran.summary
    assert f"```sh\ndocker pull {shop.image('web')}@{A}\n```\n" in ran.summary
    assert [command.data for command in ran.commands if command.name == "group"] == ["gitops-bot set"]

    with shop.watching() as seen:
        again = use(runner, shop, workspace, pushed(shop, A))
    assert (again.code, seen.nothing) == (0, True)
    assert (
        again.outputs.items()
        >= {
            "changed": "false",
            "pull-request-number": str(pull["number"]),
            "commit": "",
            "image": image,
            "digest": A,
        }.items()
    )

    # Merged, the pin is on the base branch, and there is no pull request to name.
    shop.call("PUT", f"/pulls/{pull['number']}/merge", {})
    merged = use(runner, shop, workspace, pushed(shop, A))
    there = {"changed": "false", "pull-request-number": "", "branch": "main", "image": image, "digest": A}
    assert merged.outputs.items() >= there.items()
    assert merged.outputs["summary"] == "production: already pinned: web 1.1.0"


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(runner: Runner, shop: Deploy, workspace: Path) -> None:
    with shop.watching() as seen:
        ran = use(runner, shop, workspace, pushed(shop, A, **{"dry-run": "true"}))
    assert (ran.code, seen.nothing, shop.pulls()) == (0, True, [])
    assert ran.outputs.items() >= {"changed": "true", "pull-request-number": "", "commit": "", "digest": A}.items()
    assert "| would open a pull request |" in ran.summary
    assert ran.summary.startswith("### gitops-bot set production: 1 to change\n")
    assert ran.outputs["summary"] == "production: would open a pull request: web 1.1.0"


@rows("name text code", {
    "a digest that is cut": ("digest", A[:-1], 2),
    "a command": ("tag", "::set-output name=digest::x", 2),
})  # fmt: skip
def test_what_is_no_pin_writes_nothing_and_is_never_obeyed(
    runner: Runner, shop: Deploy, workspace: Path, name: str, text: str, code: int
) -> None:
    with shop.watching() as seen:
        ran = use(runner, shop, workspace, pushed(shop, A) | {name: text})
    assert (ran.code, seen.nothing) == (code, True)
    assert name in " ".join(ran.said) or name == "image"
    assert ran.outputs["changed"] == "false"
    assert (ran.outputs["image"], ran.outputs["digest"]) == ("", "")
    assert ran.summary.startswith("### failed: gitops-bot")


def test_words_of_others_are_never_obeyed(runner: Runner, shop: Deploy, workspace: Path) -> None:
    evil = "::set-output name=digest::evil ##[add-path]/evil"
    image = shop.image("web")
    shop.remote.commit(
        "main",
        {
            # One that has ended is told on standard error, one that holds in the log, the summary and an annotation.
            "gitops-bot.yaml": CONFIG
            + f"holds:\n- {{environment: production, image: {image}, until: 2999-01-01, why: '{evil}'}}\n".encode()
            + b"- {environment: production, until: 2001-01-01, why: '##[set-env name=PATH]/evil'}\n",
        },
    )
    ran = use(runner, shop, workspace, pushed(shop, A))
    assert (ran.code, shop.pulls()) == (1, [])
    (error,) = ran.annotations()
    assert (error.properties["file"], evil in error.data) == (WEB, True)
    assert [line for line in ran.log.splitlines() if "the hold on production ended" in line and "/evil" in line]
    assert "set-output" in ran.summary


def test_without_permission_the_way_out_is_said(runner: Runner, shop: Deploy, workspace: Path) -> None:
    fork = {"pull_request": {"head": {"repo": {"full_name": "eve/deploy"}}, "base": {"repo": {"full_name": "acme/x"}}}}
    before = shop.branches
    ran = use(
        runner, shop, workspace, pushed(shop, A), event_name="pull_request", event=fork, token="ghs_reads_nothing"
    )
    assert (ran.code, shop.branches, shop.pulls()) == (1, before, [])
    assert ran.said
    assert [command.data for command in ran.annotations("notice")] == [
        "this run is for a pull request from a fork: GitHub gives it no secrets and a read-only token"
    ]
    assert "ghs_reads_nothing" not in ran.log + ran.summary

    refused = use(runner, shop, workspace, pushed(shop, A), token="")
    assert refused.code == 2
    assert refused.said[0].startswith("token is empty\n")


def test_a_registry_gets_the_login_of_the_step_and_nobody_else_sees_it(
    runner: Runner, worldwide: World, workspace: Path, tmp_path: Path
) -> None:
    with docker_registry(tmp_path / "registry", password=True) as private:
        digest = private.push("acme/web", "1.1.0")
        image = f"{private.host}/acme/web"
        deploy = worldwide.deploy(
            lambda _: {"gitops-bot.yaml": CONFIG, WEB: f"images:\n- name: {image}\n  newTag: 1.0.0\n".encode()}
        )
        asked = {"environment": "production", "image": image, "tag": "1.1.0"}
        login = {"registry": private.host, "registry-username": USER, "registry-password": PASSWORD}
        ran = use(runner, deploy, workspace, asked | login)
        wrong = use(runner, deploy, workspace, asked | login | {"registry-password": "wrong horse"})
    assert (ran.code, ran.outputs["digest"]) == (0, digest)
    assert wrong.code == 1
    assert "wrong horse" not in wrong.log + wrong.summary
    secrets = (PASSWORD.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode()), TOKEN.encode())
    shown = (ran.log + ran.summary + "".join(ran.outputs.values())).encode()
    written = b"".join(file.read_bytes() for file in left_behind(runner, workspace))
    assert not [secret for secret in secrets if secret in shown + written]


def left_behind(runner: Runner, workspace: Path) -> Iterator[Path]:
    """The files of a job, but for the installation."""
    for top in (runner.folder / "temp", runner.folder / "home", runner.folder / "files", workspace):
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if Path(folder, name) != runner.folder / "temp" / "gitops-bot"]
            yield from (Path(folder, name) for name in files)


def checkout(deploy: Deploy, workspace: Path, *, persisted: str | None) -> None:
    """What actions/checkout leaves: a clone, with the token in its configuration or in a file that this includes."""
    git = ("git", "-C", str(workspace))
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "remote", "add", "origin", deploy.remote.url.removesuffix(".git")], check=True)
    key = f"http.{deploy.env['GITHUB_SERVER_URL']}/.extraheader"
    header = f"AUTHORIZATION: basic {base64.b64encode(b'x-access-token:ghs_of_the_checkout').decode()}"
    if persisted == "in the configuration":
        subprocess.run([*git, "config", key, header], check=True)
    elif persisted == "in a file that it includes":
        file = workspace.parent / "credentials.config"
        subprocess.run(["git", "config", "--file", str(file), key, header], check=True)
        subprocess.run([*git, "config", f"includeIf.gitdir:{workspace}/.git.path", str(file)], check=True)


@pytest.mark.parametrize("persisted", ["in the configuration", "in a file that it includes", None])
def test_a_checkout_that_another_user_owns_neither_leaks_nor_breaks(
    runner: Runner, shop: Deploy, workspace: Path, persisted: str | None
) -> None:
    checkout(shop, workspace, persisted=persisted)
    (workspace / "deploy.yaml").write_bytes(CONFIG.replace(b"production:", b"live:"))
    if os.geteuid() == 0:  # as in a job's container
        for folder, _, files in os.walk(workspace):
            for path in (folder, *(f"{folder}/{name}" for name in files)):
                os.chown(path, 12345, 12345)
    before = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    ran = use(runner, shop, workspace, pushed(shop, A, environment="live", config="deploy.yaml"))
    assert (ran.code, ran.said) == (0, [])
    assert shop.pull()["head"]["ref"] == "gitops-bot/live/all"
    assert {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()} == before
    assert "ghs_of_the_checkout" not in ran.log
    assert base64.b64encode(b"x-access-token:ghs_of_the_checkout").decode() not in ran.log


def test_a_checkout_of_a_stranger_says_nothing_where_secrets_are(runner: Runner, shop: Deploy, workspace: Path) -> None:
    checkout(shop, workspace, persisted=None)
    (workspace / "gitops-bot.yaml").write_bytes(CONFIG.replace(b"production:", b"stolen:"))
    ran = use(runner, shop, workspace, pushed(shop, A), event_name="pull_request_target")
    assert (ran.code, shop.pull()["head"]["ref"]) == (0, BRANCH)
    refused = use(runner, shop, workspace, pushed(shop, A, config="gitops-bot.yaml"), event_name="pull_request_target")
    assert refused.code == 2
    assert "config names a file in the workspace" in refused.said[0]


def manifests(workspace: Path, kustomization: bytes) -> None:
    """A checkout of manifests with one overlay."""
    (workspace / "gitops-bot.yaml").write_bytes(CONFIG)
    file = workspace / "apps" / "a,b" / "production" / "kustomization.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(kustomization)


def test_check_puts_what_is_wrong_on_its_line(runner: Runner, shop: Deploy, workspace: Path) -> None:
    manifests(workspace, b"images:\n- name: web\n  newTag: 1.0.0\n- name: api\n  newTag: 1.10\n")
    # No token is needed to look at a checkout; what is found lies in the repository that the workflow runs for.
    ran = use(runner, shop, workspace, {"command": "check"}, token="")
    assert ran.code == 1
    (error,) = ran.annotations()
    assert (error.properties["file"], error.properties["line"]) == ("apps/a,b/production/kustomization.yaml", "5")
    assert ran.outputs["changed"] == "false"


def test_check_without_a_checkout_is_no_green_that_means_nothing(runner: Runner, shop: Deploy, workspace: Path) -> None:
    ran = use(runner, shop, workspace, {"command": "check"}, token="")
    assert ran.code == 2
    (error,) = ran.annotations()
    assert "this folder is not in a Git repository and has no gitops-bot.yaml" in error.data
    assert "put actions/checkout before this step" in error.data


def test_another_version_of_the_bot_comes_from_the_repository_of_the_action(
    runner: Runner, shop: Deploy, workspace: Path, tmp_path: Path
) -> None:
    origin = tmp_path / "server" / "acme" / "gitops-bot"
    origin.mkdir(parents=True)
    git = ("git", "-C", str(origin), "-c", "user.name=A", "-c", "user.email=a@example.test")
    subprocess.run(["cp", "-r", f"{runner.action}/.", str(origin)], check=True)
    (origin / "gitops_bot" / "__init__.py").write_text('__version__ = "7.7.7"\nprint("version seven")\n')
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x"), ("tag", "v7.7.7")):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    manifests(workspace, b"images:\n- name: web\n  newTag: 1.0.0\n")

    def check(version: str, repository: str = "acme/gitops-bot") -> Ran:
        where = {"server_url": (tmp_path / "server").as_uri(), "action_repository": repository, "token": ""}
        return use(runner, shop, workspace, {"command": "check", "version": version}, **where)

    for version in ("v7.7.7", commit):
        ran = check(version)
        assert (ran.code, "version seven" in ran.log) == (0, True)
    for version, repository, why in (
        ("v7.7.8", "acme/gitops-bot", "this version was not found in the action's repository"),
        ("--upload-pack=x", "acme/gitops-bot", "version must be a release such as v1.2.3, or a commit of 40"),
        ("v1.2.3\n::add-path::x", "acme/gitops-bot", "version must be a release such as v1.2.3, or a commit of 40"),
        ("v7.7.7", "", "version needs an action that is used by its repository, not by a path"),
    ):
        ran = check(version, repository)
        assert (ran.code, ran.said[0].startswith(why)) == (2, True)


def test_without_a_python_the_way_out_is_said(shop: Deploy, workspace: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, at in (("cksum", "cksum"), ("cmp", "cmp"), ("python3", "false")):
        (tools / name).symlink_to(program(at))
    ran = use(Runner.start(tmp_path / "other"), shop, workspace, pushed(shop, A), env={"PATH": str(tools)})
    assert ran.code == 2
    assert ran.said == ["gitops-bot needs Python 3.11 or newer: put actions/setup-python before this step"]
