"""The bot as a GitHub App: its tokens are narrow and replaced in time, and its key is nowhere to be seen."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB
from tests.commands.scene import configure
from tests.counterparts.app import PERMISSIONS, Registered, key_pair, registered
from tests.counterparts.world import basic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done

BRANCH = "gitops-bot/production/all"


_READ = {"metadata": "read", "contents": "read", "pull_requests": "read"}


@pytest.fixture
def app(shop: Deploy) -> Iterator[Registered]:
    """The App, installed on the shop's repository alone."""
    app, apps = registered(shop.world.forge), shop.world.forge.apps
    apps.tokens.clear()  # those of other modules' tests, on the same server
    app.install(shop.name)
    yield app
    apps.lifetime, apps.uses, apps.end_after = 3600, 0, None


def clean(done: Done, app: Registered) -> Done:
    """A command that shows nothing of the key, and no token."""
    shown = done.out + done.err
    key = key_pair()[0]
    assert not [line for line in key.splitlines()[1:-1] if line in shown]
    assert "PRIVATE KEY-----" not in shown
    assert not [token for token in app.forge.apps.tokens if token in shown]
    return done


def test_an_app_proposes_by_a_token_for_this_repository_alone_and_reads_by_one_that_only_reads(
    shop: Deploy, app: Registered
) -> None:
    shop.push("web", "1.1.0")
    done = clean(shop.ask("update", "-vv", env=app.env), app)
    assert done.code == 0, done.out + done.err
    assert shop.pull()["user"]["login"] == "acme-bot[bot]"
    assert b"newTag: 1.1.0" in shop.files(BRANCH)[WEB]
    written = ((shop.name,), {"metadata": "read", **PERMISSIONS})
    assert app.issued == [written]
    for command in (("plan",), ("update", "--dry-run"), ("status",)):
        assert clean(shop.ask(*command, env=app.env), app).code == 0
    assert app.issued == [written, *[((shop.name,), _READ)] * 3]


def test_neither_key_nor_token_is_in_an_argument_or_a_file_or_the_key_anywhere_but_here(
    shop: Deploy, app: Registered, tmp_path: Path
) -> None:
    spy, scratch, cache, git = tmp_path / "spy", tmp_path / "scratch", tmp_path / "cache", shutil.which("git")
    for folder in (spy, scratch):
        folder.mkdir()
    # Each git writes down its arguments, its environment, and every file that is there. GitPython asks for the version
    # when it is imported, with all that the process has.
    (spy / "git").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >>{spy}/arguments\n[ "$1" = version ] || env >>{spy}/environment\n'
        f'{git} "$@"; ended=$?\nfind {scratch} -type f -exec cat {{}} + >>{spy}/files 2>/dev/null\nexit $ended\n'
    )
    (spy / "git").chmod(0o755)
    shop.push("web", "1.1.0")
    env = app.env | {"TMPDIR": str(scratch), "PATH": f"{spy}:{os.environ['PATH']}"}
    assert clean(shop.ask("update", "--cache", str(cache), env=env), app).code == 0
    written = {name: (spy / name).read_bytes() for name in ("arguments", "environment", "files")}
    kept = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file())
    assert b"\npush\n" in written["arguments"]
    (token,) = app.forge.apps.tokens
    for secret in (token, basic("x-access-token", token)):
        assert secret.encode() not in written["arguments"] + written["files"] + kept
    assert basic("x-access-token", token).encode() in written["environment"], "so git has it"
    for line in key_pair()[0].splitlines():
        assert line.encode() not in b"".join(written.values()) + kept


def test_a_token_may_end_between_two_requests_of_a_run_and_nothing_is_lost(shop: Deploy, app: Registered) -> None:
    """Those of one push among them. Each run refreshes the pull request of the one before."""
    apps, left = shop.world.forge.apps, 1
    for version in range(1, 40):
        tag = f"1.{version}.0"
        digest = shop.push("web", tag, f"build {version}")
        # Its first use is the one by which the bot tries it.
        apps.tokens.clear()
        apps.uses, apps.end_after = 0, left
        done = clean(shop.ask("update", env=app.env), app)
        assert (done.code, done.err) == (0, ""), (left, done.out)
        assert f"newTag: {tag}" in shop.files(BRANCH)[WEB].decode()
        assert digest in shop.files(BRANCH)[WEB].decode()
        assert tag in shop.pull()["body"]
        if apps.end_after is not None:
            break  # the run had no more requests
        left += 2
    assert left > 8, "nothing was disturbed"
    assert any("git-receive-pack" in target for method, target, status in shop.world.forge.seen if status == 401)


def test_an_explicit_token_wins_and_the_log_says_so(shop: Deploy, app: Registered) -> None:
    done = clean(shop.ask("plan", env=app.env | shop.env), app)
    assert done.code == 0
    assert "app.unused" in done.err
    assert "unset GITHUB_TOKEN to use the GitHub App of GITHUB_APP_ID" in done.err
    assert app.issued == []


def test_settings_that_cannot_be_used_are_a_usage_error_without_the_key(shop: Deploy, app: Registered) -> None:
    done = clean(shop.bot("plan", env=app.env | {"GITHUB_APP_PRIVATE_KEY": key_pair()[0][:900]}), app)
    assert done.code == 2
    assert "GITHUB_APP_PRIVATE_KEY has no RSA private key" in done.err + done.out


def test_no_configuration_sends_the_key_to_a_registry(shop: Deploy, app: Registered) -> None:
    login = b"registries: {ghcr.io: {username: bot, password_env: GITHUB_APP_PRIVATE_KEY}}\n"
    shop.remote.commit("main", {"gitops-bot.yaml": shop.files("main")["gitops-bot.yaml"] + login})
    done = clean(shop.ask("plan", env=app.env), app)
    assert done.code == 2
    assert "GITHUB_APP_PRIVATE_KEY belongs to the GitHub App and is not sent to ghcr.io" in done.out


def test_doctor_says_who_the_app_is_and_what_it_may_do(shop: Deploy, app: Registered) -> None:
    done = clean(shop.ask("doctor", env=app.env), app)
    found = {each["name"]: (each["verdict"], each["text"]) for each in done.json["checks"]}
    assert found["token"] == ("good", "GITHUB_APP_ID holds the id of the GitHub App acme-bot, which is installed here")
    assert found["pull-requests"] == ("good", "the GitHub App may open pull requests")
    assert (done.code, found["push"][0]) == (0, "good")


@pytest.mark.parametrize(
    ("given", "check", "message", "advice"),
    [
        pytest.param("another key", "repository",
            "does not accept GITHUB_APP_ID with the key of GITHUB_APP_PRIVATE_KEY",
            "GitHub Apps", id="the key of another App"),
        pytest.param("acme/elsewhere", "repository", "the GitHub App acme-bot is not installed on",
            "/github-apps/acme-bot/installations/new", id="not installed"),
        pytest.param({"contents": "read", "pull_requests": "write"}, "repository",
            "has too few permissions here: it lacks `Contents: write`", "accept them on the page of its installation",
            id="cannot push"),
        pytest.param({"contents": "write", "pull_requests": "read"}, "pull-requests",
            "has too few permissions here: it lacks `Pull requests: write`",
            "accept them on the page of its installation", id="cannot propose"),
    ],
)  # fmt: skip
def test_doctor_says_once_what_is_wrong_with_the_app(
    shop: Deploy, app: Registered, given: str | dict[str, str], check: str, message: str, advice: str
) -> None:
    env = app.env
    if isinstance(given, dict):
        app.install(shop.name, permissions=given)
    elif given == "another key":
        env |= {"GITHUB_APP_PRIVATE_KEY": key_pair("other")[0]}
    else:
        app.install(given)
    done = clean(shop.ask("doctor", env=env), app)
    assert done.code == 1
    (found,) = (each for each in done.json["checks"] if each["verdict"] == "wrong")
    assert (found["name"], message in found["text"], advice in found["next"]) == (check, True, True), found


def test_contents_alone_are_enough_to_commit_to_the_branch(shop: Deploy, app: Registered) -> None:
    app.install(shop.name, permissions={"contents": "write"})
    configure(shop, "{as: commit}")
    shop.push("web", "1.1.0")
    for command in (("plan",), ("update",), ("status",)):
        done = clean(shop.ask(*command, env=app.env), app)
        assert done.code == 0, done.out + done.err
    assert b"newTag: 1.1.0" in shop.files("main")[WEB]
    assert {name for _, permissions in app.issued for name in permissions} == {"metadata", "contents"}
