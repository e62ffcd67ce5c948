"""What a new target costs: a folder, and a line in `TARGETS`. Here the line is added by the process that runs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import PROJECT, Done

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

BOT = """\
from gitops_bot import targets
from tests.targets import pin_list
targets.TARGETS = (*targets.TARGETS, pin_list.PinListTarget())
from gitops_bot.cli.main import main
raise SystemExit(main())
"""
CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
"""
STAGING, PRODUCTION, KUSTOMIZATION = (
    "apps/web/staging/pins.txt",
    "apps/web/production/pins.txt",
    "apps/web/staging/kustomization.yaml",
)


@pytest.fixture
def shop(worldwide: World) -> Deploy:
    """`web` in a list of pins, in staging beside a kustomization that pins `api`."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        web, api = deploy.push("web", "1.0.0"), deploy.push("api", "1.0.0")
        pins = f"# ours\r\n{deploy.image('web')}: 1.0.0@{web}  # stays"
        return {
            "gitops-bot.yaml": CONFIG,
            STAGING: pins.encode(),
            PRODUCTION: pins.encode(),
            KUSTOMIZATION: f"images:\n- {{name: {deploy.image('api')}, newTag: 1.0.0, digest: {api}}}\n".encode(),
            "pins/pins.txt": b"other: 1\nanother: 2\n",
        }

    return worldwide.deploy(files)


def bot(shop: Deploy, *args: str, folder: Path | None = None) -> Done:
    command, cwd = [sys.executable, "-c", BOT, *args], folder or shop.folder
    env = {**shop.env, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT), "HOME": str(shop.folder)}
    done = subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, encoding="utf-8")
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def on_disk(shop: Deploy, folder: Path) -> None:
    for path, data in shop.files("main").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def test_plan_and_update_write_its_files_beside_those_of_another_target(shop: Deploy) -> None:
    web, api = shop.push("web", "1.1.0"), shop.push("api", "1.1.0")
    before = shop.files("main")
    asked = ("--repository", shop.name, "--output", "json", "staging")
    planned = bot(shop, "plan", *asked).json["environments"][0]
    (change, other) = planned["proposals"][0]["changes"]
    assert {change["entry"]["file"], other["entry"]["file"]} == {STAGING, KUSTOMIZATION}

    assert bot(shop, "update", *asked).code == 0
    after = shop.files("gitops-bot/staging/all")
    assert after[STAGING] == f"# ours\r\n{shop.image('web')}: 1.1.0@{web}  # stays".encode()
    assert f"newTag: 1.1.0, digest: {api}".encode() in after[KUSTOMIZATION]
    assert {path for path in before if before[path] != after[path]} == {STAGING, KUSTOMIZATION}


def test_a_promotion_pairs_files_of_one_target(shop: Deploy) -> None:
    before = shop.files("main")
    digest = shop.push("web", "1.1.0")
    assert bot(shop, "set", "staging", f"{shop.image('web')}=1.1.0@{digest}", "--repository", shop.name).code == 0
    shop.call("PUT", f"/pulls/{shop.pull()['number']}/merge", {})
    assert bot(shop, "update", "--repository", shop.name, "production").code == 0
    after = shop.files("gitops-bot/production/all")
    assert after[PRODUCTION] == shop.files("main")[STAGING] != before[PRODUCTION]


def test_history_tells_its_pins(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    bot(shop, "set", "staging", f"{shop.image('web')}=1.1.0@{digest}", "--repository", shop.name)
    shop.call("PUT", f"/pulls/{shop.pull()['number']}/merge", {})
    done = bot(shop, "rollback", "staging", "--repository", shop.name, "--output", "json")
    assert done.code == 0, done.err
    (changed,) = done.json["environments"][0]["proposals"][0]["changes"]
    assert (changed["entry"]["file"], changed["from"]["tag"], changed["to"]["tag"]) == (STAGING, "1.1.0", "1.0.0")


def test_check_counts_its_entries_and_tells_its_mistakes(shop: Deploy, tmp_path: Path) -> None:
    on_disk(shop, tmp_path)
    (tmp_path / STAGING).write_text("web: latest\n")
    document = bot(shop, "check", "--output", "json", folder=tmp_path).json
    assert [(problem["message"], problem["file"]) for problem in document["problems"]] == [
        ("`latest` is no version", STAGING)
    ]
    assert (document["files"], document["entries"], document["coverage"]["no_environment"]) == (3, 3, 2)


def test_edit_finds_its_file_in_a_directory(shop: Deploy, tmp_path: Path) -> None:
    on_disk(shop, tmp_path)
    assert bot(shop, "edit", "pins", "other=2.0", folder=tmp_path).code == 0
    assert (tmp_path / "pins/pins.txt").read_bytes() == b"other: 2.0\nanother: 2\n"
