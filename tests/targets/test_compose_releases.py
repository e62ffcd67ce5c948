"""A host with a compose file and a `.env` file as staging, and a kustomization as production: the whole way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.world import Deploy, World

CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: [hosts/staging]
    policy: releases
  production:
    overlays: [apps/production]
    promote_from: staging
"""
COMPOSE, ENV, PRODUCTION = "hosts/staging/compose.yaml", "hosts/staging/.env", "apps/production/kustomization.yaml"
APPS = ("api", "backend", "web")


def start(worldwide: World, *, tag_only: bool = False, reverse: bool = False) -> Deploy:
    """1.0.0 everywhere. `tag_only`: web has no room for a digest. `reverse`: staging gets its pins from production."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        digests = {app: deploy.push(app, "1.0.0") for app in APPS}
        tag = "${WEB_TAG}" if tag_only else "${WEB_TAG}@${WEB_DIGEST}"
        lines = [
            "# ours",
            "SECRET='x y'",
            f'export BACKEND_IMAGE="{deploy.image("backend")}:1.0.0@{digests["backend"]}" # stays',
            "WEB_TAG=1.0.0",
            *([] if tag_only else [f"WEB_DIGEST={digests['web']}"]),
        ]
        services = [
            "services:",
            f"  api:\n    image: '{deploy.image('api')}:1.0.0@{digests['api']}'  # stays",
            '  backend: {image: "${BACKEND_IMAGE}"}',
            f'  web: {{image: "{deploy.image("web")}:{tag}"}}',
        ]
        images = [f"- {{name: {deploy.image(app)}, newTag: 1.0.0, digest: {digests[app]}}}" for app in APPS]
        config = CONFIG
        if reverse:
            config = CONFIG.replace(b"    promote_from: staging", b"    policy: releases")
            config = config.replace(b"staging]\n    policy: releases", b"staging]\n    promote_from: production")
        return {
            "gitops-bot.yaml": config,
            COMPOSE: "\n".join(services).encode(),
            ENV: "\n".join(lines).encode(),
            PRODUCTION: "\n".join(["images:", *images, ""]).encode(),
        }

    return worldwide.deploy(files)


def merge(deploy: Deploy) -> None:
    deploy.call("PUT", f"/pulls/{deploy.pull()['number']}/merge", {})


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_only_the_pins_change_from_staging_to_production_and_back(worldwide: World) -> None:
    deploy = start(worldwide)
    first = deploy.files("main")
    old = {app: deploy.push(app, "1.0.0") for app in APPS}
    new = {app: deploy.push(app, "1.1.0") for app in APPS}

    def newer(path: str) -> bytes:
        data = first[path].replace(b"1.0.0", b"1.1.0")
        for app in APPS:
            data = data.replace(old[app].encode(), new[app].encode())
        return data

    planned = deploy.ask("plan", "staging").json["environments"][0]["proposals"]
    assert {(change["entry"]["file"], change["entry"]["name"]) for change in planned[0]["changes"]} == {
        (COMPOSE, "api"),
        (ENV, "BACKEND_IMAGE"),
        (ENV, "WEB_TAG"),
    }
    assert deploy.bot("update", "staging").code == 0
    after = deploy.files("gitops-bot/staging/all")
    assert (changed(first, after), after[COMPOSE], after[ENV]) == ({COMPOSE, ENV}, newer(COMPOSE), newer(ENV))
    merge(deploy)
    assert deploy.bot("promote", "staging", "production").code == 0
    merge(deploy)
    assert deploy.files("main")[PRODUCTION] == newer(PRODUCTION)
    assert deploy.bot("rollback", "staging").code == 0
    merge(deploy)
    back = deploy.files("main")
    assert (back[COMPOSE], back[ENV]) == (first[COMPOSE], first[ENV])
    kinds = [release["kind"] for release in deploy.ask("history", "staging").json["releases"]]
    assert kinds == ["rollback", "update", "manual"]


def held_web(deploy: Deploy) -> Any:
    document = deploy.ask("promote", "production", "staging").json
    (held,) = [held for held in document["environments"][0]["held"] if held["entry"]["name"] == "WEB_TAG"]
    return held["reason"]


def test_a_promotion_to_a_place_without_room_for_its_digest_never_writes_another_image(worldwide: World) -> None:
    """The digest would be lost. With `pin: tag`, the tag is written as long as it names what was tested."""
    deploy = start(worldwide, tag_only=True, reverse=True)
    digest = deploy.push("web", "1.1.0")
    assert deploy.bot("set", "production", f"{deploy.image('web')}=1.1.0@{digest}").code == 0
    merge(deploy)
    base = deploy.files("main")
    deploy.push("web", "1.1.0", "other bytes under the same tag")
    assert held_web(deploy)["code"] == "held.no_digest"
    config = base["gitops-bot.yaml"].replace(b"[hosts/staging]", b"[hosts/staging]\n    pin: tag")
    deploy.remote.commit("main", {"gitops-bot.yaml": config}, message="tags alone")
    assert held_web(deploy)["code"] == "held.absent_in_target"
    assert "gitops-bot/staging/all" not in deploy.branches
    deploy.push("web", "1.1.0")
    assert deploy.bot("promote", "production", "staging").code == 0
    after = deploy.files("gitops-bot/staging/all")
    assert after[ENV] == base[ENV].replace(b"WEB_TAG=1.0.0", b"WEB_TAG=1.1.0")
