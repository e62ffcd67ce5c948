"""What a configuration, a link or a folder may not make the bot do; every refusal comes before anything is sent."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands.conftest import CONFIG, WEB
from tests.conftest import PROJECT
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.world import TOKEN, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, World


def checkout(folder: Path, files: Mapping[str, bytes], origin: str | None = None) -> Path:
    """A checkout with these files, as a person has it."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    if origin is not None:
        subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", origin], check=True)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_a_configuration_may_not_name_a_folder(shop: Deploy, tmp_path: Path) -> None:
    here = checkout(tmp_path / "here", {}, shop.remote.url)
    for repository in ("../deploy", "file:///srv/deploy.git"):
        text = f"repository: {repository}\n".encode() + CONFIG
        shop.remote.commit("main", {"gitops-bot.yaml": text})
        (here / "gitops-bot.yaml").write_bytes(text)
        for arguments in (["--config", "gitops-bot.yaml"], []):  # named by hand, and on the branch
            done = run("update", *arguments, "--output", "json", cwd=here, env=shop.env)
            assert done.code == 2
            (problem,) = done.json["problems"]
            assert problem["file"] == "gitops-bot.yaml"
            assert "OWNER/NAME" in f"{problem['message']} {problem['next']}"


def test_the_forges_token_is_not_sent_to_a_registry_that_a_configuration_names(worldwide: World) -> None:
    with broken_server([answer("200 OK", b'{"tags": []}', "Content-Type: application/json")]) as server:
        login = f"registries: {{'{server.host}': {{username: bot, password_env: GITHUB_TOKEN, plain_http: true}}}}\n"
        deploy = worldwide.deploy(
            lambda _: {
                "gitops-bot.yaml": CONFIG + login.encode(),
                WEB: f"images:\n- name: {server.host}/acme/web\n  newTag: 1.0.0\n".encode(),
            }
        )
        with deploy.watching() as seen:
            done = deploy.ask("update")
    assert seen.nothing
    assert (seen.api, server.heads) == ([], [])
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert f"GITHUB_TOKEN is the token of 127.0.0.1 and is not sent to {server.host}" in problem["message"]
    assert TOKEN not in done.out + done.err


def test_a_token_for_another_server_is_used_for_nothing_and_that_is_said(shop: Deploy) -> None:
    env = {"GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": "https://ghe.test"}
    address = f"{shop.world.forge.url}/{shop.name}.git"
    with shop.watching() as seen:
        done = run("plan", "--repository", address, "--output", "json", cwd=shop.folder, env=env)
    assert (done.code, seen.api) == (0, [])
    assert done.json["complete"] is False
    assert "token.unused" in done.err
    assert TOKEN not in done.out + done.err


def test_a_configuration_that_is_a_link_on_disk_is_an_error_of_check_and_steers_nothing_else(
    shop: Deploy, tmp_path: Path
) -> None:
    here = checkout(tmp_path / "here", {"real.yaml": CONFIG.replace(b"production:", b"live:")}, shop.remote.url)
    (here / "gitops-bot.yaml").symlink_to("real.yaml")
    done = run("check", "--output", "json", cwd=here, env=shop.env)
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert (problem["file"], problem["message"]) == ("gitops-bot.yaml", "gitops-bot.yaml is a symbolic link")
    assert problem["next"] == "commit the file itself instead"
    plan = run("plan", "--output", "json", cwd=here, env=shop.env)
    assert (plan.code, plan.json["environments"][0]["name"]) == (0, "production")


def test_a_configuration_that_is_a_link_on_the_branch_is_an_error_and_nothing_is_inferred(shop: Deploy) -> None:
    link = {"gitops-bot.yaml": b"real.yaml", "real.yaml": CONFIG}
    shop.remote.commit("main", {"gitops-bot.yaml": None})
    shop.remote.commit("main", link, modes={"gitops-bot.yaml": "120000"})
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert (done.code, seen.nothing) == (2, True)
    assert done.json["problems"][0]["message"] == "gitops-bot.yaml is a symbolic link"


def test_an_empty_repository_is_wrong_usage_and_not_the_checkout_around(shop: Deploy, tmp_path: Path) -> None:
    here = checkout(tmp_path / "here", {"gitops-bot.yaml": CONFIG}, shop.remote.url)
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = run("update", "--repository", "", "--output", "json", cwd=here, env=shop.env)
    assert done.code == 2
    assert done.json["problems"][0]["message"] == "'' is not a repository URL"
    assert (seen.nothing, seen.api) == (True, [])


def test_a_folder_that_was_deleted_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    words = f"cd gone; /bin/rmdir ../gone; exec {shlex.quote(sys.executable)} -m gitops_bot check"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(["/bin/sh", "-c", words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: this folder no longer exists\n  next: change to one that does\n" in done.stderr


def test_a_branch_that_does_not_exist_is_to_be_corrected_where_it_is_written(shop: Deploy) -> None:
    shop.remote.commit("main", {"gitops-bot.yaml": b"branch: mian\n" + CONFIG})
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert "the branch 'mian' does not exist" in problem["message"]
    assert "`branch:`" in problem["next"]
    assert "gitops-bot.yaml" in problem["next"]
