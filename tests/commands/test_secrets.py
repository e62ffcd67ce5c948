"""Tokens and passwords are nowhere but in memory, in the environment, and in the one header they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.commands.conftest import CONFIG, WEB
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.registry import PASSWORD, USER, docker_registry
from tests.counterparts.world import TOKEN, basic, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

#: Every form in which a token could be written down.
FORMS = (TOKEN, basic("x-access-token", TOKEN), PASSWORD, basic(USER, PASSWORD))


def assert_clean(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    for form in FORMS:
        assert form.encode() not in data


def command_lines() -> bytes:
    """The command line of every process of this machine; one that has just ended is left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((folder / "cmdline").read_bytes())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return b"\n".join(found)


def files_below(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder, as far as it is still there."""
    found = {}
    for path in folder.rglob("*"):
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                found[path] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


def spying_git(folder: Path) -> Path:
    """A `git` that writes down how it was called, and which command lines were there, before it does its work."""
    real = shutil.which("git")
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{folder}/argv\n"
        f'cat /proc/[0-9]*/cmdline >>{folder}/all 2>/dev/null\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    return folder


def test_a_whole_update_leaves_no_secret_anywhere(worldwide: World, tmp_path: Path) -> None:
    scratch, spy = tmp_path / "scratch", spying_git(tmp_path / "spy")
    scratch.mkdir()
    samples: list[bytes] = []
    kept: list[dict[Path, bytes]] = []

    def sampling(request: Request, go: Callable[[], Answer]) -> Answer:
        samples.append(command_lines())
        kept.append(files_below(scratch))
        assert request.headers["authorization"] in (f"Bearer {TOKEN}", f"token {TOKEN}")
        return go()

    with docker_registry(tmp_path / "registry", password=True) as private:
        login = f"registries: {{'{private.host}': {{username: {USER}, password_env: THE_PASSWORD}}}}\n"
        deploy = worldwide.deploy(
            lambda _: {
                "gitops-bot.yaml": CONFIG + login.encode(),
                WEB: f"images:\n- name: {private.host}/acme/web\n  newTag: 1.0.0\n".encode(),
            }
        )
        private.push_all("acme/web", ("1.0.0", "1.1.0"))
        deploy.gate(sampling)
        env = deploy.env | {"THE_PASSWORD": PASSWORD, "TMPDIR": str(scratch), "PATH": f"{spy}:{os.environ['PATH']}"}
        done = deploy.bot("update", "-v", "--log-format", "text", "--cache", str(tmp_path / "cache"), env=env)
    assert (done.code, deploy.pull()["number"]) == (0, 1), done.out + done.err

    assert len(samples) == 6  # it looked, looked again, opened, labelled, read again, finished the text
    argv = (spy / "argv").read_text()
    assert {"fetch", "push"} <= set(argv.split())
    for text in (done.out, done.err, argv, (spy / "all").read_bytes(), *samples):
        assert_clean(text)
    assert {"git.command", "http.request", "command.ended"} <= set(re.findall(r"\b[a-z]+\.[a-z]+\b", done.err))
    # The copy of the repository is in the cache, where it stays; the scratch folder is gone.
    assert any(path.name == "config" for path in files_below(tmp_path / "cache"))
    for files in (*kept, files_below(tmp_path / "cache"), files_below(deploy.folder), files_below(deploy.remote.path)):
        for data in files.values():
            assert_clean(data)
    assert list(scratch.iterdir()) == []
    # On the wire it was in headers only.
    assert_clean((deploy.world.git.folder / "access.log").read_bytes())
    assert_clean(repr(list(deploy.world.forge.seen)))
    assert_clean((private.folder / "log").read_bytes())
    assert_clean(deploy.pull()["body"] + deploy.message("gitops-bot/production/all"))


def test_failures_that_repeat_the_token_do_not_show_it(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.gate(lambda request, go: Answer.json(403, {"message": f"no, {TOKEN} may not"}))
    api = shop.ask("update", "--log-format", "json")
    assert api.code == 1
    assert "no, ***" in api.json["problems"][0]["message"]

    shop.gate(None)
    shop.remote.refuse(f"no, {TOKEN} ({basic('x-access-token', TOKEN)}) may not")
    push = shop.ask("update", "--log-format", "text")
    assert push.code == 1
    assert "no, ***" in push.json["problems"][0]["message"]
    for done in (api, push):
        assert_clean(done.out + done.err)


def test_a_login_in_an_address_is_used_and_not_shown(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    address = shop.remote.url.replace("http://", f"http://x-access-token:{TOKEN}@")
    server = {name: text for name, text in shop.env.items() if name != "GITHUB_TOKEN"}
    good = run("plan", "--repository", address, "--output", "json", cwd=shop.folder, env=server)
    assert (good.code, good.json["repository"]) == (0, shop.name)
    bad = run("plan", "--repository", f"{address}-missing", "--output", "json", cwd=shop.folder, env=server)
    assert bad.code == 1
    ftp = run(
        "plan", "--repository", address.replace("http", "ftp", 1), "--output", "json", cwd=shop.folder, env=server
    )
    assert ftp.code == 2
    for done in (good, bad, ftp):
        assert_clean(done.out + done.err)


def test_the_token_goes_to_no_registry_and_a_password_to_no_other_host(worldwide: World) -> None:
    tags = answer("200 OK", b'{"tags": ["1.0.0"]}', "Content-Type: application/json")
    challenge = answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="here"')
    with (
        broken_server([tags]) as stranger,
        broken_server(
            [
                challenge,
                answer("307 Temporary Redirect", b"", f"Location: http://{stranger.host}/v2/acme/web/tags/list"),
            ]
        ) as redirecting,
    ):
        login = f"registries: {{'{redirecting.host}': {{username: {USER}, password_env: THE_PASSWORD}}}}\n"
        deploy = worldwide.deploy(
            lambda _: {
                "gitops-bot.yaml": CONFIG + login.encode(),
                WEB: b"images:\n"
                + b"".join(
                    f"- name: {server.host}/acme/web\n  newTag: 1.0.0\n".encode() for server in (stranger, redirecting)
                ),
            }
        )
        done = deploy.ask("plan", env=deploy.env | {"THE_PASSWORD": PASSWORD})
    assert_clean(done.out + done.err)
    assert basic(USER, PASSWORD) in redirecting.heads[1]
    assert TOKEN not in "".join(redirecting.heads)
    assert stranger.heads
    for head in stranger.heads:
        assert "authorization" not in head.lower()


def test_a_registry_that_repeats_what_it_was_shown_is_not_repeated(worldwide: World, tmp_path: Path) -> None:
    """From each source of passwords; and one that is in the file, for a registry that nobody asks."""
    logins = {"env": "env secret one", "file": "file secret two", "helper": "helper secret three"}
    unused = "secret that nobody asks for"

    def echo(head: str) -> bytes:
        if "authorization" not in head.lower():
            return answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="here"')
        shown = next(line for line in head.splitlines() if line.lower().startswith("authorization"))
        words = " ".join([shown, shown.split()[-1], *logins.values(), unused, f"http://{USER}:pw@x.invalid"])
        return answer("403 Forbidden", json.dumps({"errors": [{"code": "DENIED", "message": words}]}).encode())

    with broken_server([echo]) as env, broken_server([echo]) as file, broken_server([echo]) as helper:
        auths = {file.host: logins["file"], "unused.invalid": unused}
        (tmp_path / "config.json").write_text(
            json.dumps(
                {
                    "auths": {host: {"auth": basic(USER, password)} for host, password in auths.items()},
                    "credHelpers": {helper.host: "fake"},
                }
            )
        )
        program = tmp_path / "docker-credential-fake"
        program.write_text(f"#!/bin/sh\necho '{json.dumps({'Username': USER, 'Secret': logins['helper']})}'\n")
        program.chmod(0o755)
        login = f"registries: {{'{env.host}': {{username: {USER}, password_env: THE_PASSWORD}}}}\n"
        hosts = (env.host, file.host, helper.host)
        deploy = worldwide.deploy(
            lambda _: {
                "gitops-bot.yaml": CONFIG + login.encode(),
                WEB: b"images:\n" + b"".join(f"- name: {host}/a/b\n  newTag: 1.0.0\n".encode() for host in hosts),
            }
        )
        more = {
            "THE_PASSWORD": logins["env"],
            "DOCKER_CONFIG": str(tmp_path),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        }
        done = deploy.ask("plan", "-v", env=deploy.env | more)
        text = deploy.bot("plan", "-v", "--log-format", "text", env=deploy.env | more)
    for server, password in zip((env, file, helper), logins.values(), strict=True):
        assert any(basic(USER, password) in head for head in server.heads)
    (environment,) = done.json["environments"]
    messages = [failed["problem"]["message"] for failed in environment["failed"]]
    assert len(messages) == 3
    assert all("403 Forbidden" in message and "***" in message for message in messages)
    for shown in (done, text):
        for password in (*logins.values(), unused):
            for form in (password, basic(USER, password), "pw@"):
                assert form not in shown.out + shown.err


def test_git_and_its_hooks_get_what_they_need_and_no_password_of_others(shop: Deploy, tmp_path: Path) -> None:
    """A push to a folder runs its hooks with the environment that git got."""
    seen = tmp_path / "environment"
    shop.remote.hook("pre-receive", f"env > {seen}")
    config = CONFIG.replace(b"{as: pull-request, labels: [release, bot]}", b"{as: commit}")
    login = "registries: {registry.test: {username: bot, password_env: REGISTRY_TOKEN}}\n"
    shop.remote.commit("main", {"gitops-bot.yaml": config + login.encode()})
    shop.push("web", "1.1.0")
    secrets = {
        "REGISTRY_TOKEN": "registry-secret-1",
        "GITHUB_TOKEN": "forge-secret-2",
        "GITOPS_BOT_REGISTRY": "other.test",
        "GITOPS_BOT_REGISTRY_PASSWORD": "other-secret-3",
        "AWS_SECRET_ACCESS_KEY": "cloud-secret-4",
        "DATABASE_URL": "postgres://me:database-secret-5@db.test",
    }
    needed = {"SSH_AUTH_SOCK": "/run/agent", "https_proxy": "http://proxy.test:3128", "SSL_CERT_DIR": "/certificates"}
    helper = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": "!f() { echo password=${MY_PASSWORD}; }; f",
        "MY_PASSWORD": "mine-6",
    }
    done = run("update", "--repository", str(shop.remote.path), cwd=tmp_path, env={**secrets, **needed, **helper})
    assert done.code == 0, done.err
    environment = seen.read_text()
    assert not [value for value in secrets.values() if value in environment]
    assert not [name for name in secrets if f"{name}=" in environment]
    assert not [line for line in (f"{name}={value}" for name, value in needed.items()) if line not in environment]
    assert "MY_PASSWORD=mine-6" in environment, "the user's own helper names it"
