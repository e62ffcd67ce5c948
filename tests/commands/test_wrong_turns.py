"""What people get wrong in their first hour is answered with the cause and the way out."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands.conftest import CONFIG, WEB
from tests.commands.stages import Stages
from tests.conftest import PROJECT
from tests.counterparts.registry import docker_registry
from tests.counterparts.token_server import encrypted
from tests.counterparts.world import TOKEN, overlay, run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done, World

#: Nothing listens there.
NOWHERE = "127.0.0.1:9"
MISSING = "TARGET is missing: where to promote to"


def told(done: Done) -> list[tuple[str, str]]:
    """What is wrong, and what to do."""
    return [(problem["message"], problem["next"]) for problem in done.json["problems"]]


def only(done: Done) -> tuple[str, str]:
    """The only thing that is wrong, and what to do."""
    (problem,) = told(done)
    return problem


def test_a_wrong_token_is_called_wrong(shop: Deploy) -> None:
    servers = {name: value for name, value in shop.env.items() if name != "GITHUB_TOKEN"}
    server = shop.world.git.address.removeprefix("http://")
    steps = f"create a fine-grained token for {shop.name} only, with `Contents` and `Pull requests`"
    for command, variable in (("plan", "GITHUB_TOKEN"), ("update", "GH_TOKEN")):
        done = shop.ask(command, env={**servers, variable: "ghp_wrong0123456789"})
        message, advice = only(done)
        assert done.code == 1
        assert message == f"{server} rejected {variable} for {shop.name}: wrong, expired or not covering it"
        assert advice.startswith(steps)
        assert not re.search("Username|ghp_wrong0123456789", done.out + done.err)


def test_no_token_where_one_is_needed_is_asked_for_without_the_words_of_git(shop: Deploy) -> None:
    done = shop.ask("plan", env={**shop.env, "GITHUB_TOKEN": ""})
    message, advice = only(done)
    assert message == f"{shop.remote.url} refused the login, or requires one"
    assert advice.startswith("Set GITHUB_TOKEN; for another server, set GITHUB_SERVER_URL to the server")


def test_a_folder_that_is_not_there_may_be_meant_as_a_name(tmp_path: Path) -> None:
    for command, written in (("update", "./acme/deploy"), ("doctor", "file:///nowhere/deploy")):
        done = run(command, "--repository", written, cwd=tmp_path, env={"GITHUB_TOKEN": TOKEN})
        said = " ".join((done.out + done.err).split())
        assert done.code == 2
        assert f"--repository {written}: there is no folder /" in said
        assert "next: for a repository on github.com, write OWNER/NAME" in said


def test_a_proxy_that_does_not_answer_is_named_for_git_and_for_the_api(tmp_path: Path) -> None:
    env, shown = {"https_proxy": f"http://ada:hunter2@{NOWHERE}"}, f"https_proxy=http://{NOWHERE}"
    done = run("doctor", "--repository", "acme/deploy", cwd=tmp_path, env={"GITHUB_TOKEN": TOKEN, **env})
    said = " ".join((done.out + done.err).split())
    assert f"https://github.com/acme/deploy.git cannot be reached through {shown}: fatal: unable to access" in said
    assert f"api.github.com cannot be reached through {shown}, or closed the connection early" in said
    assert said.count("next: Check the proxy, or name the host in NO_PROXY.") == 2
    assert "hunter2" not in said


def test_a_proxy_that_does_not_answer_is_named_for_a_registry_that_is_reached_by_it(worldwide: World) -> None:
    def files(_: Deploy) -> dict[str, bytes]:
        return {"gitops-bot.yaml": CONFIG, WEB: overlay([("registry.example/acme/web", "newTag: 1.0.0")])}

    deploy = worldwide.deploy(files)
    message, advice = only(deploy.ask("plan", env={**deploy.env, "HTTPS_PROXY": f"http://{NOWHERE}"}))
    assert f"registry.example cannot be reached through HTTPS_PROXY=http://{NOWHERE}: " in message
    assert "Check the proxy" in advice


def test_a_glob_that_matches_nothing_is_told_without_what_follows_from_it(worldwide: World) -> None:
    more = "holds:\n  - {environment: staging, image: web, until: 2999-12-24, why: fair}\n"
    stages = Stages.start(worldwide, "promote_from: staging\nimages: {web: {ignore: true}}", more=more)
    wrong = stages.deploy.files("main")["gitops-bot.yaml"].replace(b"apps/*/staging", b"apps/*/stagign")
    stages.deploy.remote.commit("main", {"gitops-bot.yaml": wrong})
    done = stages.deploy.ask("update")
    causes = [message for message, _ in told(done) if "staging" in message]
    assert causes == ["`apps/*/stagign` of environment staging matches no directory"]
    assert (done.code, told(done)[0][0]) == (1, causes[0])


def test_a_conflict_marker_is_called_one(shop: Deploy) -> None:
    end = "\r\n"
    conflict = ["images:", "<<<<<<< HEAD", "- name: web", "=======", "- name: api", ">>>>>>> other", ""]
    shop.remote.commit("main", {WEB: end.join(conflict).encode()})
    message, advice = only(shop.ask("plan"))
    assert message == "line 2 is a conflict marker"
    assert advice == "Choose one side, delete the lines with <<<<<<<, ======= and >>>>>>>, and commit."
    shop.remote.commit("main", {"gitops-bot.yaml": CONFIG.replace(b"\n", f"{end}<<<<<<< HEAD{end}".encode(), 1)})
    done = shop.ask("plan")
    assert (done.code, only(done)[0]) == (2, "line 2 is a conflict marker")
    (problem,) = done.json["problems"]
    assert (problem["file"], problem["line"]) == ("gitops-bot.yaml", 2)


def test_a_registry_with_tls_on_this_machine_is_told_from_one_without(worldwide: World, tmp_path: Path) -> None:
    encrypted(tmp_path, "localhost", "127.0.0.1")
    pem = tmp_path / "server.pem"
    with docker_registry(tmp_path / "registry", pem=pem) as registry:
        host = registry.host.replace("127.0.0.1", "localhost")
        image = f"{host}/acme/web"
        files = {"gitops-bot.yaml": CONFIG, WEB: overlay([(image, "newTag: 1.0.0")])}
        deploy = worldwide.deploy(lambda _: files)
        message, advice = only(deploy.ask("plan"))
        assert message == f"{image}: {host} speaks TLS, and was asked over plain HTTP"
        assert advice == f"Write `registries: {{{host}: {{plain_http: false}}}}` in gitops-bot.yaml."
        line = f"registries: {{'{host}': {{plain_http: false}}}}\n"
        deploy.remote.commit("main", {"gitops-bot.yaml": CONFIG + line.encode()})
        message, _ = only(deploy.ask("plan", env={**deploy.env, "SSL_CERT_FILE": str(pem)}))
        assert "answered 404 Not Found: it has no such repository" in message


def test_a_promotion_that_cannot_pair_is_told_with_globs_that_do(worldwide: World) -> None:
    def config(source: str, target: str) -> bytes:
        return (
            "version: 1\npolicies: {releases: {semver: '>=1'}}\nenvironments:\n"
            f"  staging: {{overlays: ['{source}'], policy: releases}}\n"
            f"  production: {{overlays: ['{target}'], promote_from: staging}}\n"
        ).encode()

    deploy = worldwide.deploy(lambda _: {"gitops-bot.yaml": config("apps/*/staging", "clusters/*/*")})
    done = deploy.ask("update")
    assert done.code == 2
    assert "write `apps/{app}/staging` and `clusters/{cluster}/{app}`" in only(done)[0]
    deploy.remote.commit("main", {"gitops-bot.yaml": config("apps/{app}/staging", "clusters/{cluster}/{app}")})
    assert not any("cannot be promoted" in message for message, _ in told(deploy.ask("plan")))


def test_a_checkout_without_an_origin_can_be_read_itself(tmp_path: Path, shop: Deploy) -> None:
    shop.remote.git("clone", "-q", str(shop.remote.path), str(tmp_path / "own"))
    shop.remote.git("-C", str(tmp_path / "own"), "remote", "remove", "origin")
    done = run("plan", "--output", "json", cwd=tmp_path / "own")
    message, advice = only(done)
    assert (done.code, message) == (2, f"the checkout {tmp_path / 'own'} has no remote called origin")
    assert advice == "give --repository OWNER/NAME; `--repository .` reads the commits of this checkout itself"
    own = CONFIG.replace(b"as: pull-request, labels: [release, bot]", b"as: commit")
    shop.remote.commit("main", {"gitops-bot.yaml": own})
    read = run("plan", "--repository", ".", "--output", "json", cwd=tmp_path / "own")
    assert (read.code, read.json["environments"][0]["unchanged"]) == (0, 2)


def test_missing_boto3_is_told_with_the_command_that_installs_it(worldwide: World, tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ImportError('not here')\n")
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web"
    deploy = worldwide.deploy(lambda _: {"gitops-bot.yaml": CONFIG, WEB: overlay([(image, "newTag: 1.0.0")])})
    login = {"AWS_ACCESS_KEY_ID": "AKIA0", "PYTHONPATH": f"{tmp_path}:{PROJECT}"}
    message, advice = only(deploy.ask("plan", env=deploy.env | login))
    assert (
        message
        == f"{image}: no login for {image[:-4]}: the library boto3, which gets logins from AWS, is not installed"
    )
    assert advice.startswith("Run `pip install 'gitops-bot[aws]'` ")


def test_an_old_python_says_which_one_is_needed(tmp_path: Path) -> None:
    script = "import runpy, sys; sys.version_info = (3, 9, 18); sys.version = '3.9.18 (main)'; "
    script += "runpy.run_module('gitops_bot', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: gitops-bot needs Python 3.11 or newer, and this is 3.9.18\n  next: ")


@rows("words message advice", {
    "swapped": ("explain web production", "there is no environment 'web'",
                "the environment comes first: `gitops-bot explain production web`"),
    "no target": ("promote staging", MISSING, "`gitops-bot promote staging production`"),
    "the last": ("promote production", f"{MISSING}; no environment has `promote_from: production`",
                 "name one of staging"),
    "neither": ("promote stagin", "there is no environment 'stagin'", "did you mean `staging`?"),
    "a colon": ("set production web:1.2.0", "'web:1.2.0' is not of the form IMAGE=PIN", "write `web=1.2.0`"),
})  # fmt: skip
def test_arguments_are_corrected_before_the_forge_or_a_registry_is_asked(
    worldwide: World, words: str, message: str, advice: str
) -> None:
    deploy = Stages.start(worldwide, "promote_from: staging").deploy
    with deploy.watching() as seen, worldwide.registry.counting() as asked:
        done = deploy.ask(*words.split())
    assert (done.code, only(done)) == (2, (message, advice))
    assert (seen.nothing, seen.api, asked) == (True, [], [])


@rows("path", {"another ending": "gitops-bot.yml", "a folder of the forge": ".github/gitops-bot.yaml"})
def test_a_configuration_in_another_place_is_told_instead_of_ignored(shop: Deploy, tmp_path: Path, path: str) -> None:
    here = tmp_path / "here"
    shop.remote.git("clone", "-q", str(shop.remote.path), str(here))
    (here / path).parent.mkdir(exist_ok=True)
    (here / "gitops-bot.yaml").rename(here / path)
    shop.remote.commit("main", {"gitops-bot.yaml": None, path: CONFIG})
    message = "it is not read: the configuration is called gitops-bot.yaml, and lies at the top of the repository"
    with shop.watching() as seen:
        for done in (
            *(run(command, "--output", "json", cwd=here) for command in ("check", "init")),
            *(shop.ask(command) for command in ("plan", "update", "status")),
        ):
            assert (done.code, only(done)) == (2, (message, f"run `git mv {path} gitops-bot.yaml`, and commit it"))
            assert done.json["problems"][0]["file"] == path
    assert (seen.nothing, seen.api, (here / "gitops-bot.yaml").exists()) == (True, [], False)
    shop.remote.commit("main", {"gitops-bot.yaml": CONFIG})
    assert shop.ask("plan").code == 0


def test_what_only_follows_from_a_file_that_cannot_be_read_is_left_out(worldwide: World) -> None:
    deploy = Stages.start(worldwide, "promote_from: staging").deploy
    deploy.remote.commit("main", {"apps/web/staging/kustomization.yaml": b"images:\n<<<<<<< HEAD\n- name: web\n"})
    commands = ("set staging web=1.1.0", "rollback staging", "rollback staging --image web")
    for words in (*commands, "promote staging production"):
        done = deploy.ask(*words.split())
        assert (done.code, only(done)[0]) == (1, "line 2 is a conflict marker"), words
    assert only(deploy.ask("explain", "staging", "web"))[0] == "line 2 is a conflict marker"
