"""Every command on the pages below docs/ is run, in its order and in one shell, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import PROJECT, program
from tests.counterparts.world import TOKEN
from tests.examples.place import COMMIT, Place, path
from tests.pages.markdown import Command, blocks, commands

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import World

DOCS = PROJECT / "docs"
PAGES = ("ci.md", "command-line.md", "container.md", "kubernetes.md")


def read(place: Place, name: str, env: Mapping[str, str], folder: Path, stdin: str = "") -> dict[str, str]:
    """Run a page in one bash; gives what each command printed. All of them succeed and print what the page shows."""
    page = commands(place.led((DOCS / name).read_text(encoding="utf-8")))
    lines = ["exec 3>codes"]
    for at, command in enumerate(page):
        lines += [f"exec 1>'{folder}/{at}.out'", command.text, "echo $? >&3"]
    done = place.shell(["bash", "--noprofile", "--norc", "-c"], "\n".join(lines), env, folder, stdin)
    codes = (folder / "codes").read_text().split()
    printed = {each.text: (folder / f"{at}.out").read_text(encoding="utf-8") for at, each in enumerate(page)}
    failed = [each.text for each, code in zip(page, codes, strict=True) if code != "0"]
    assert failed == [], done.err
    for each in page:
        if each.shown:
            assert printed[each.text].splitlines() == list(each.shown)
    assert TOKEN not in "".join(printed.values()) + done.err
    return printed


def test_the_command_line(place: Place, tmp_path: Path) -> None:
    program("jq")
    # Something to promote, something to go back to, and a checkout to stand in.
    web, api = place.push("web", "v1.1.0"), place.push("api", "v1.0.1")
    assert place.deploy.bot("set", "staging", f"{place.deploy.image('web')}=v1.1.0@{web}").code == 0
    before = place.deploy.remote.show("main", path("api", "production")).decode()
    after = re.sub(r"sha256:\w+", api, before.replace("v1.0.0", "v1.0.1"))
    place.deploy.remote.commit("main", {path("api", "production"): after.encode()})
    here = tmp_path / "here"
    subprocess.run(["git", "clone", "--quiet", place.deploy.remote.file_url, str(here)], check=True)
    subprocess.run(["git", "-C", str(here), "remote", "set-url", "origin", place.deploy.remote.url], check=True)

    printed = read(place, "command-line.md", place.forge, here, f"{TOKEN}\n")
    assert place.pin("web", "production", "gitops-bot/production/all") == ("v1.1.0", web)
    assert (here / "images.txt").read_text() == f"{place.deploy.image('web')}@{web}\n"
    assert (here / "links.txt").read_text() == f"{place.deploy.pull()['html_url']}\n"
    assert b"newTag: v1.0.1" in (here / path("api", "staging")).read_bytes()
    assert "production is up to date\n" in printed.values()
    dry = [text for command, text in printed.items() if "--dry-run" in command]
    assert ["would open" in text or "would refresh" in text for text in dry] == [True, True]


def test_the_container(place: Place, tmp_path: Path) -> None:
    read(place, "container.md", place.deploy.env, tmp_path)


def test_kubernetes(place: Place, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("t0ken\n")
    (tmp_path / "config.json").write_text('{"auths": {}}')
    (block,) = blocks((DOCS / "kubernetes.md").read_text(encoding="utf-8"), "yaml")
    base = os.path.relpath(PROJECT, tmp_path)
    kustomization = re.sub(r"https://github.com/acme/gitops-bot/(/\S+)\?ref=\S+", rf"{base}\1", block)
    (tmp_path / "kustomization.yaml").write_text(kustomization)
    kubectl = program("kubectl")
    # There is no cluster: what would be sent to one is printed.
    place.program(
        "kubectl",
        f'case $1 in create) exec {kubectl} "$@" --dry-run=client --output=yaml ;; '
        f'apply) exec {kubectl} kustomize "$3" ;; *) exit 64 ;; esac',
    )
    printed = read(place, "kubernetes.md", place.deploy.env, tmp_path)
    made = [each for command, text in printed.items() if "kubectl" in command for each in yaml.safe_load_all(text)]
    secrets = {each["metadata"]["name"]: set(each["data"]) for each in made if each["kind"] == "Secret"}
    assert secrets == {"gitops-bot": {"GITHUB_TOKEN"}, "gitops-bot-registries": {".dockerconfigjson"}}
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in made} == {"gitops-bot"}
    mounted = yaml.safe_dump_all(each for each in made if each["kind"] == "Deployment")
    assert all(f"ame: {name}\n" in mounted for name in secrets)


def test_pipelines(worldwide: World, tmp_path: Path) -> None:
    place = Place.make(worldwide, "examples/gitlab/deploy/gitops-bot.yaml", database=True)
    digest = place.push("web", f"sha-{COMMIT}")
    own = {"IMAGE": place.deploy.image("web"), "COMMIT": COMMIT, "DIGEST": digest}
    gitlab = {"CI_SERVER_URL": place.deploy.world.git.address, "DEPLOY_TOKEN": TOKEN}
    with place.deploy.watching() as seen:
        read(place, "ci.md", place.deploy.env | own | gitlab, tmp_path)
    assert seen.api == []
    assert place.pin("web", "production") == place.pin("web", "staging") == (f"sha-{COMMIT}", digest)


def test_the_stage_of_gocd(place: Place, tmp_path: Path) -> None:
    (block,) = (
        block for block in blocks((DOCS / "ci.md").read_text(encoding="utf-8"), "yaml") if "pipelines:" in block
    )
    (stage,) = (
        stage["pin"] for stage in yaml.safe_load(place.led(block))["pipelines"]["web"]["stages"] if "pin" in stage
    )
    task = stage["tasks"][-1]["exec"]
    digest = place.push("web", f"sha-{COMMIT}")
    (tmp_path / "digest.txt").write_text(f"{digest}\n")
    *command, script = task["command"], *task["arguments"]
    done = place.shell(command, script, place.deploy.env | {"GO_REVISION": COMMIT}, tmp_path)
    assert done.code == 0, done.err
    assert place.pin("web", "staging") == (f"sha-{COMMIT}", digest)


def test_an_upgrade_and_what_is_left_to_remove(place: Place, tmp_path: Path) -> None:
    here = tmp_path / "here"
    subprocess.run(["git", "clone", "--quiet", place.deploy.remote.file_url, str(here)], check=True)
    pin = f"{place.deploy.image('web')}=v1.1.0@{place.push('web', 'v1.1.0')}"
    assert place.deploy.bot("set", "production", pin).code == 0
    printed = read(place, "upgrade.md", place.deploy.env, here)
    (heads,) = (text for command, text in printed.items() if command.startswith("git ls-remote"))
    assert heads.split()[1:] == ["refs/heads/gitops-bot/production/all"]


def test_a_pull_request_is_refused_before_anything_is_written_where_there_is_no_github(
    place: Place, tmp_path: Path
) -> None:
    before = place.deploy.branches
    script = f"gitops-bot set production '{place.deploy.image('web')}=v1.1.0@sha256:{'a' * 64}' --repository "
    env = {"GITHUB_SERVER_URL": place.deploy.world.git.address, "GITHUB_TOKEN": TOKEN}
    done = place.shell(["sh", "-c"], script + place.deploy.remote.url, env, tmp_path)
    assert done.code == 1
    assert place.deploy.branches == before


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short_and_found_from_the_readme(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 85
    assert f"docs/{name}" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_what_stands_on_a_page_is_told_from_what_it_prints() -> None:
    page = "x\n```console\n$ a -b    # c\n$ d\none\ntwo\n```\n```yaml\n$ e\n```\n```sh\nf\ng\n```\n"
    assert commands(page) == [Command("a -b    # c"), Command("d", ("one", "two")), Command("f\ng\n")]
