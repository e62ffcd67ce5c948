"""Releases of Helm values, the whole way: which bytes of which files each command writes, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
