"""Releases of Helm values, the whole way: which bytes of which files each command writes, and what it leaves alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["charts/*/values-staging.yaml"]
    policy: releases
  production:
    overlays: ["charts/*/values-production.yaml", argo/production]
    promote_from: staging
    policy: releases
    targets:
      - kind: helm
        files: ["values-*.yaml"]
        overlays: ["charts/db/values-*.yaml"]
        images: {db: {repository: .db.repo, tag: /db/version, digest: .db.digest}}
"""
STAGING, PRODUCTION, DB, APPLICATION = (
    "charts/web/values-staging.yaml",
    "charts/web/values-production.yaml",
    "charts/db/values-production.yaml",
    "argo/production/side.yaml",
)


def values(image: str, digest: str) -> bytes:
    return f"""\
# ours
web:
  image:   # of the chart
    repository: "{image}"
    tag: '1.0.0'   # stays behind
    digest: {digest}

sub: {{image: {{repository: {image}, tag: ""}}}}  # appVersion
""".encode()


@pytest.fixture
def shop(worldwide: World) -> Deploy:
    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in ("web", "db", "side"):
            deploy.push(name, "1.0.0")
        web = values(deploy.image("web"), deploy.push("web", "1.0.0"))
        return {
            "gitops-bot.yaml": CONFIG,
            "charts/web/Chart.yaml": b"name: web\n",
            "charts/web/values.yaml": web,
            STAGING: web,
            PRODUCTION: web,
            DB: f"db:\r\n  repo: {deploy.image('db')}\r\n  version: 1.0.0 # c".encode(),
            APPLICATION: f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: side}}
spec:
  source:
    helm:
      values: |-
          image:
            repository: {deploy.image("side")}  # inside
            tag: 1.0.0
""".encode(),
        }

    return worldwide.deploy(files)


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def merge(shop: Deploy) -> None:
    shop.call("PUT", f"/pulls/{shop.pull()['number']}/merge", {})


def test_plan_and_update_write_the_newer_pins(shop: Deploy) -> None:
    web, db = shop.push("web", "1.10.0"), shop.push("db", "1.1.0")
    shop.push("side", "1.2.0")
    before = shop.files("main")
    planned = {one["name"]: one["proposals"][0]["changes"] for one in shop.ask("plan").json["environments"]}
    assert {(change["entry"]["file"], change["entry"]["name"]) for change in planned["production"]} == {
        (DB, "db"),
        (APPLICATION, "image"),
    }
    assert shop.bot("update").code == 0
    staging, production = shop.files("gitops-bot/staging/all"), shop.files("gitops-bot/production/all")
    assert changed(before, staging) == {STAGING}
    old = values(shop.image("web"), shop.push("web", "1.0.0"))
    new = values(shop.image("web"), web).replace(b"'1.0.0'", b"'1.10.0'")
    assert (before[STAGING], staging[STAGING]) == (old, new)
    assert changed(before, production) == {DB, APPLICATION}
    assert production[DB] == before[DB].replace(b"1.0.0 # c", f"1.1.0 # c\r\n  digest: {db}".encode())
    assert production[APPLICATION] == before[APPLICATION].replace(b"tag: 1.0.0", b"tag: 1.2.0")


def test_set_promote_and_rollback_take_the_same_way(shop: Deploy) -> None:
    first = shop.files("main")
    digest = shop.push("web", "1.1.0")
    assert shop.bot("set", "staging", f"web.image=1.1.0@{digest}").code == 0
    merge(shop)
    assert changed(first, shop.files("main")) == {STAGING}
    assert shop.bot("promote", "staging", "production").code == 0
    merge(shop)
    promoted = shop.files("main")
    assert changed(first, promoted) == {STAGING, PRODUCTION}
    assert promoted[PRODUCTION] == promoted[STAGING] != first[STAGING]
    assert shop.bot("rollback", "production").code == 0
    merge(shop)
    assert changed(first, shop.files("main")) == {STAGING}


def test_explain_and_check_know_the_entries(shop: Deploy, tmp_path: Path) -> None:
    shop.push("web", "1.1.0")
    done = shop.bot("explain", "staging", "web.image")
    assert done.code == 0, done.err
    assert f"{STAGING}:5" in done.out
    on_disk(shop, tmp_path)
    done = run("check", "--output", "json", cwd=tmp_path)
    assert (done.code, done.json["files"], done.json["problems"]) == (0, 4, [])


def test_without_a_configuration_the_names_of_files_tell_environments(shop: Deploy, tmp_path: Path) -> None:
    on_disk(shop, tmp_path)
    (tmp_path / "gitops-bot.yaml").unlink()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = run("init", "--dry-run", "--offline", cwd=tmp_path)
    assert done.code == 0, done.err
    written = yaml.safe_load(done.out)["environments"]
    assert "charts/web/values-staging.yaml" in written["staging"]["overlays"]
    assert {"charts/web/values-production.yaml", "argo/production"} <= set(written["production"]["overlays"])


def test_edit_finds_an_entry_by_name_and_by_repository(shop: Deploy, tmp_path: Path) -> None:
    on_disk(shop, tmp_path)
    before = (tmp_path / APPLICATION).read_bytes()
    assert run("edit", APPLICATION, f"{shop.image('side')}=1.1.0", cwd=tmp_path).code == 0
    assert (tmp_path / APPLICATION).read_bytes() == before.replace(b"tag: 1.0.0", b"tag: 1.1.0")
    assert run("edit", "charts/web", "web.image=1.1.0", cwd=tmp_path).code == 0
    edited = (tmp_path / "charts/web/values.yaml").read_bytes()
    assert b"tag: '1.1.0'   # stays behind\n    digest: \"\"\n" in edited


def on_disk(shop: Deploy, folder: Path) -> None:
    for path, data in shop.files("main").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
