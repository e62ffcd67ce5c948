"""Where the repository and the configuration come from: the command line, the checkout one stands in, the branch."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import API, CONFIG, WEB
from tests.commands.offline import write
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done

STRAIGHT = CONFIG.replace(b"{as: pull-request, labels: [release, bot]}", b"{as: commit}")


def checkout(deploy: Deploy, folder: Path, origin: str) -> Path:
    """A checkout as a person has it: git's folder with an origin, and the files of the branch."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", origin], check=True)
    for path, data in deploy.files("main").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def news(done: Done) -> list[dict[str, str]]:
    """Of the log, what says that the configuration here is not the one that counts."""
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "configuration.differs"]


NOT_MAINS = "gitops-bot.yaml differs from the one on the branch main; the branch's is used"
TRY_YOURS = "`gitops-bot plan --config gitops-bot.yaml` plans with yours; push it to main to use it everywhere"


def test_in_a_checkout_the_origin_and_the_configuration_of_its_branch_count(shop: Deploy, tmp_path: Path) -> None:
    digest = shop.push("web", "1.1.0")
    here = checkout(shop, tmp_path / "here", shop.remote.url)
    same = run("plan", "--output", "json", cwd=here / "apps", env=shop.env)
    assert (same.code, same.json["repository"], same.err) == (0, shop.name, "")

    (here / WEB).write_text("no YAML: [")
    (here / "gitops-bot.yaml").write_bytes(CONFIG.replace(b">=1.0.0", b"<1.1"))
    plan = run("plan", "--output", "json", cwd=here, env=shop.env)
    assert plan.code == 0
    assert plan.json["environments"][0]["proposals"][0]["changes"][0]["to"]["digest"] == digest
    assert plan.err == f"note: {NOT_MAINS}\n  next: {TRY_YOURS}\n\n"
    text = run("plan", cwd=here / "apps", env=shop.env)
    assert text.out.startswith(
        f"note: ../{NOT_MAINS}\n  next: {TRY_YOURS.replace('gitops-bot.yaml', '../gitops-bot.yaml')}\n"
    )
    assert text.err == ""

    # What that advises.
    tried = run("plan", "--config", "gitops-bot.yaml", "--output", "json", cwd=here, env=shop.env)
    assert (tried.code, tried.json["environments"][0]["proposals"], tried.err) == (0, [], "")

    # Another place than the one stood in has a configuration of its own, also where it is named from here.
    elsewhere = run("plan", "--repository", shop.name, "--output", "json", cwd=tmp_path, env=shop.env)
    assert (elsewhere.code, elsewhere.err) == (0, "")
    named = run("plan", "--repository", shop.name, "--output", "json", cwd=here, env=shop.env)
    assert NOT_MAINS in named.err


def test_what_is_written_never_follows_a_file_that_is_not_pushed(shop: Deploy, tmp_path: Path) -> None:
    shop.push("web", "1.1.0")
    here = checkout(shop, tmp_path / "here", shop.remote.url)
    (here / "gitops-bot.yaml").write_bytes(b"branch: gone\n" + STRAIGHT.replace(b"apps/*", b"nowhere/*"))
    main = shop.branches["main"]
    for command in (["update"], ["set", "production", f"{shop.image('web')}=1.1.0"]):
        done = run(*command, "--output", "json", cwd=here, env=shop.env)
        assert (done.code, shop.branches["main"]) == (0, main)
        assert shop.pull()["head"]["ref"].startswith("gitops-bot/")
        (notice,) = news(done)
        assert (notice["level"], notice["message"], notice["next"]) == ("info", NOT_MAINS, TRY_YOURS)


def test_the_first_plan_with_a_file_that_is_not_pushed_says_how_to_try_it_and_how_to_use_it(
    shop: Deploy, tmp_path: Path
) -> None:
    shop.remote.commit("main", {"gitops-bot.yaml": None})
    here = checkout(shop, tmp_path / "here", shop.remote.url)
    (here / "gitops-bot.yaml").write_bytes(CONFIG)
    plan = run("plan", cwd=here, env=shop.env)
    assert plan.code == 0
    assert plan.out.splitlines()[:2] == [
        "note: gitops-bot.yaml is not on the branch main yet, so it is not used",
        f"  next: {TRY_YOURS}",
    ]
    with shop.watching() as seen:
        update = run("update", "--output", "json", cwd=here, env=shop.env)
    assert seen.nothing
    assert (update.code, news(update)) == (2, [])
    (problem,) = update.json["problems"]
    assert (problem["code"], problem["message"]) == (
        "failed.config",
        "there is no gitops-bot.yaml on the branch main",
    )
    assert "commit and push it there; `gitops-bot plan --config gitops-bot.yaml` tries one" in problem["next"]
    # Whoever names it means it, also for what is written.
    assert run("update", "--config", "gitops-bot.yaml", "--output", "json", cwd=here, env=shop.env).code == 0


def test_a_configuration_can_be_named_and_names_the_repository_itself(shop: Deploy, tmp_path: Path) -> None:
    shop.push("web", "1.1.0")
    named = tmp_path / "mine.yaml"
    named.write_bytes(f"repository: {shop.name}\n".encode() + CONFIG.replace(b"production:", b"live:"))
    done = run("plan", "--config", str(named), "--output", "json", cwd=tmp_path, env=shop.env)
    assert (done.code, done.err) == (0, "")
    assert done.json["repository"] == shop.name
    assert [environment["name"] for environment in done.json["environments"]] == ["live"]

    wrong = run("update", "--config", "nowhere.yaml", "--output", "json", cwd=tmp_path, env=shop.env)
    assert (wrong.code, wrong.json["problems"][0]["next"]) == (2, "correct --config")


def test_nothing_of_a_file_that_is_no_configuration_is_printed(shop: Deploy, tmp_path: Path) -> None:
    here = checkout(shop, tmp_path / "here", shop.remote.url)
    secret = "wJalrXUtnFEMI7MDENG"
    texts = (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n{secret}==\n-----END OPENSSH PRIVATE KEY-----\n",
        f"{secret}\n",
        f"- {secret}\n",
        f"{secret}: {secret}\n{secret}: {secret}\n",
        f'{{"auths": {{"ghcr.io": {{"auth": "{secret}"}}}}}}',
        f"key: !{secret}!x {secret}\n",
        f"key: *{secret}\n",
        f"key: {secret}\n  {secret}: [",
        f"\xff{secret}",
    )
    for text in texts:
        (here / "gitops-bot.yaml").write_bytes(text.encode("latin-1"))
        done = run("check", cwd=here)
        assert done.code == 2, text
        assert secret not in done.out + done.err, text
    (tmp_path / "key").write_text(texts[0])
    (here / "linked.yaml").symlink_to(tmp_path / "key")
    shop.remote.commit("main", {"gitops-bot.yaml": texts[0].encode()})
    for words in (["plan", "--config", "linked.yaml"], ["plan"], ["update", "--output", "json"]):
        done = run(*words, cwd=here, env=shop.env)
        assert done.code == 2, words
        assert secret not in done.out + done.err, words


@pytest.mark.parametrize("kind", ["device", "1 MiB"])
def test_what_is_no_file_of_at_most_a_mebibyte_is_no_configuration(tmp_path: Path, kind: str) -> None:
    named = tmp_path / "named"
    if kind == "device":
        named.symlink_to("/dev/zero")
    else:
        named.write_bytes(b"version: 1 #" + b"\xc3\xa9" * (1 << 19))
    done = run("check", "--config", "named", "--output", "json", cwd=tmp_path)
    why = "this is not a regular file" if kind == "device" else "the file is over 1 MiB"
    assert (done.code, why in done.json["problems"][0]["message"]) == (2, True)


def test_a_configuration_in_the_checkout_that_is_no_file_is_not_taken_as_absent(tmp_path: Path) -> None:
    write(tmp_path, {"production/kustomization.yaml": "images:\n- name: web\n  newTag: 1.0.0\n"})
    os.mkfifo(tmp_path / "gitops-bot.yaml")
    done = run("check", "--output", "json", cwd=tmp_path)
    assert done.code == 2
    assert [problem["message"] for problem in done.json["problems"]] == ["gitops-bot.yaml is not a regular file"]


def test_the_configuration_of_a_fork_does_not_lead_to_another_repository_in_silence(
    shop: Deploy, tmp_path: Path
) -> None:
    shop.push("web", "1.1.0")
    shop.remote.commit("main", {"gitops-bot.yaml": b"repository: acme/upstream\n" + CONFIG})
    here = checkout(shop, tmp_path / "here", shop.remote.url)
    with shop.watching() as seen:
        done = run("update", "--output", "json", cwd=here, env=shop.env)
    assert seen.nothing
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert (problem["code"], problem["file"]) == ("failed.config", "gitops-bot.yaml")
    assert problem["message"] == f"`repository: acme/upstream` is not the origin of this checkout, {shop.name}"
    assert problem["next"].endswith(f"`--repository acme/upstream` or `--repository {shop.name}`")
    assert run("plan", "--repository", shop.name, "--output", "json", cwd=here, env=shop.env).json["commit"]


def test_a_repository_is_named_by_its_address_too(shop: Deploy) -> None:
    done = run("plan", "--repository", shop.remote.url, "--output", "json", cwd=shop.folder, env=shop.env)
    assert (done.code, done.json["repository"], done.json["branch"]) == (0, shop.name, "main")
    assert done.json["commit"] == shop.branches["main"]


def test_a_path_has_no_repository_and_no_pull_requests(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        plan = run("plan", "--repository", str(shop.remote.path), "--output", "json", cwd=shop.folder, env=shop.env)
        update = run("update", "--repository", str(shop.remote.path), "--output", "json", cwd=shop.folder, env=shop.env)
    assert seen.nothing
    assert seen.api == []
    assert (plan.code, plan.json["repository"], plan.json["complete"]) == (0, None, True)
    assert plan.json["environments"][0]["proposals"][0]["action"] == "open"
    assert update.code == 2
    (problem,) = update.json["problems"]
    assert "production is proposed by pull requests" in problem["message"]
    assert "`propose: {as: commit}`" in problem["next"]

    shop.remote.commit("main", {"gitops-bot.yaml": STRAIGHT})
    done = run("update", "--repository", str(shop.remote.path), "--output", "json", cwd=shop.folder, env={})
    assert (done.code, done.json["repository"]) == (0, None)
    assert done.json["environments"][0]["proposals"][0]["commit"] == shop.branches["main"]
    assert b"1.1.0" in shop.files("main")[WEB]
    assert b"1.1.0" not in shop.files("main")[API]


def test_a_name_that_a_folder_has_too_is_of_the_server_and_where_it_fails_the_folder_is_named(
    shop: Deploy, tmp_path: Path
) -> None:
    arguments = ("plan", "--repository", "team/web", "--output", "json")
    alone = run(*arguments, cwd=tmp_path, env=shop.env)
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "web").symlink_to(shop.remote.path)
    beside = run(*arguments, cwd=tmp_path, env=shop.env)
    for done in (alone, beside):
        assert done.code == 1
        assert "/team/web.git" in done.out
    said = "For the folder team/web in this directory, give ./team/web."
    assert said not in alone.out
    assert said in beside.out
    assert run("plan", "--repository", "./team/web", "--output", "json", cwd=tmp_path, env=shop.env).code == 0


def test_the_configuration_may_choose_another_branch(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.remote.commit("next", {"README.md": b"next\n"}, parents=[shop.branches["main"]])
    shop.remote.commit("main", {"gitops-bot.yaml": b"branch: next\n" + STRAIGHT})
    main = shop.branches["main"]
    done = shop.ask("update")
    assert (done.code, done.json["branch"], done.json["commit"]) == (0, "next", shop.branches["next"])
    assert shop.branches["main"] == main
    assert b"1.1.0" in shop.files("next")[WEB]

    shop.remote.commit("main", {"gitops-bot.yaml": b"branch: gone\n" + STRAIGHT})
    gone = shop.ask("plan")
    assert gone.code == 1
    assert "the branch 'gone' does not exist" in gone.json["problems"][0]["message"]


def test_outside_of_any_repository_the_way_in_is_said(tmp_path: Path) -> None:
    done = run("plan", "--output", "json", cwd=tmp_path)
    assert done.code == 2
    assert done.json["problems"][0]["next"] == "change to a checkout of your manifests, or give --repository"
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    bare = run("plan", "--output", "json", cwd=tmp_path)
    assert bare.code == 2
    assert "has no remote called origin" in bare.json["problems"][0]["message"]


def test_the_other_name_of_the_token_counts_too_and_without_any_a_proposal_fails_with_the_way_out(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    public = {"GITHUB_SERVER_URL": shop.world.forge.url, "GITHUB_API_URL": shop.world.forge.api_url}
    with shop.watching() as seen:
        none = shop.ask("update", env=public)
    assert seen.nothing
    assert none.code == 1
    (problem,) = none.json["problems"]
    assert problem["code"] == "failed.auth"
    assert "set GITHUB_TOKEN (contents: write, pull-requests: write)" in problem["next"]

    other = {name.replace("GITHUB_TOKEN", "GH_TOKEN"): text for name, text in shop.env.items()}
    assert shop.bot("update", env=other).code == 0
    assert shop.pull()["number"] == 1


def test_where_head_names_no_branch_the_error_says_so_and_any_way_to_set_it_works(shop: Deploy, tmp_path: Path) -> None:
    shop.push("web", "1.1.0")
    config = b"branch: main\n" + CONFIG
    shop.remote.commit("main", {"gitops-bot.yaml": config})
    main = shop.branches["main"]
    shop.remote.commit("feature", {"README.md": b"feature\n"}, parents=[main])
    heads = {"ref: refs/heads/master": "'master', which does not exist", main: "no branch that exists"}
    for command, (head, what) in zip(("plan", "doctor"), heads.items(), strict=True):
        (shop.remote.path / "HEAD").write_text(head)
        told = shop.ask(command)
        assert told.code == 1
        assert f"{shop.remote.url} has no default branch: HEAD names {what}; it has feature, main" in told.out
        assert "Set `branch:` in the gitops-bot.yaml of your checkout and push it, or in the file of --conf" in told.out

    here = checkout(shop, tmp_path / "here", shop.remote.url)
    for command in ("plan", "doctor", "update"):
        done = run(command, "--output", "json", cwd=here, env=shop.env)
        assert done.code == 0, done.out
    assert (done.json["branch"], shop.pull()["base"]["ref"]) == ("main", "main")

    # A file that is not pushed does not decide where anything is written.
    (here / "gitops-bot.yaml").write_bytes(config.replace(b"main", b"feature", 1))
    assert run("update", cwd=here, env=shop.env).code == 1
    assert shop.files("feature").keys() == {*shop.files("main"), "README.md"}

    (tmp_path / "own.yaml").write_bytes(config)
    named = shop.ask("status", "--config", "own.yaml", cwd=tmp_path)
    assert (named.code, named.json["branch"]) == (0, "main")


def test_of_a_repository_without_any_branch_the_error_says_so(shop: Deploy) -> None:
    shop.remote.git("update-ref", "-d", "refs/heads/main")
    told = shop.ask("plan")
    assert told.code == 1
    (problem,) = told.json["problems"]
    assert problem["message"] == f"{shop.remote.url} is empty: it has no commit on any branch"
    assert problem["next"] == "Commit the manifests and push them, as in `git push -u origin main`."
