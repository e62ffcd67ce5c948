"""Release info: a ConfigMap whose values follow the pin, by update, set, promote and rollback, and who may edit it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import environment
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done, World

CONFIG = """\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
    release_info: release-info.yaml
    propose: %s
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
    %s
"""
PRODUCTION = (
    "release_info: {file: release-info.yaml, image: %s, overlays: [apps/web/*], keys: {build-number: com.acme.build}}"
)
OCI = "org.opencontainers.image."


def labels(tag: str) -> dict[str, str]:
    return {
        f"{OCI}version": tag,
        f"{OCI}revision": f"{tag.replace('.', '')}0e5",
        f"{OCI}created": f"2026-11-02T10:{tag[2]}0:00.25+01:00",
        "com.acme.build": f"#{tag[2]}7 of main",
    }


def staging_info(tag: str, end: str = "\n") -> bytes:
    """What a person wrote for that version."""
    quote = "" if tag.startswith("new") else '"'
    sha = f"{tag.replace('.', '')}0e5"
    lines = [
        "# for the about page",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata: {name: release-info, labels: {version: v1}}",
        "data:",
        f"  version: '{tag}'   # shown",
        "",
        "  team:   platform",
        f"  git-sha:  {quote}{sha}{quote} # short",
        f'  "build-date": "2026-11-02T09:{tag[2]}0:00Z"',
        "  build-number: '1'",
    ]
    return end.join(lines).encode()  # without a final line break


def production_info(tag: str) -> bytes:
    values = f"version: {tag}, build-number: '#{tag[2]}7 of main', tier: gold"
    return f"kind: ConfigMap\napiVersion: v1\ndata: {{{values}}}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Shop:
    """`web` and `api` at 1.0.0 in staging and production; only `web` has release info in production."""

    deploy: Deploy

    @classmethod
    def start(cls, world: World, *, propose: str = "{}", files: Mapping[str, bytes | None] | None = None) -> Shop:
        def first(deploy: Deploy) -> dict[str, bytes]:
            shop = cls(deploy)
            every: dict[str, bytes | None] = {
                "gitops-bot.yaml": (CONFIG % (propose, PRODUCTION % deploy.image("web"))).encode(),
                "apps/web/staging/kustomization.yaml": shop.kustomization("web", "1.0.0"),
                "apps/web/staging/release-info.yaml": staging_info("1.0.0", "\r\n"),
                "apps/web/production/kustomization.yaml": shop.kustomization("web", "1.0.0", "api"),
                "apps/web/production/release-info.yaml": production_info("1.0.0"),
                "apps/api/production/kustomization.yaml": shop.kustomization("api", "1.0.0"),
                **(files or {}),
            }
            return {path: data for path, data in every.items() if data is not None}

        return cls(world.deploy(first))

    def push(self, name: str, tag: str, said: Mapping[str, str] | None = None) -> str:
        said = labels(tag) if said is None else said
        return self.deploy.world.registry.push_image(f"{self.deploy.name}/{name}", tag, labels=said)

    def kustomization(self, *names_and_tag: str) -> bytes:
        first, tag, *more = names_and_tag
        entries = [
            f"- name: {self.deploy.image(name)}\n  newTag: {tag}\n  digest: {self.push(name, tag)}\n"
            for name in (first, *more)
        ]
        return ("images:\n" + "".join(entries)).encode()

    def update(self, *more: str) -> Any:
        done = self.deploy.ask("update", *more)
        assert done.code == 0, done.err
        return done.json

    def merge(self) -> None:
        self.deploy.call("PUT", f"/pulls/{self.deploy.pull()['number']}/merge", {"merge_method": "squash"})

    def changed(self, head: str) -> dict[str, bytes]:
        """The files that a branch changes."""
        before, after = self.deploy.files("main"), self.deploy.files(head)
        return {path: after[path] for path in after if before[path] != after[path]}

    def trailers(self, head: str) -> list[Any]:
        lines = self.deploy.message(head).splitlines()
        return [json.loads(line.partition(": ")[2]) for line in lines if line.startswith("Gitops-Bot-Change: ")]


def reasons(document: Any) -> list[tuple[str, str]]:
    """Why each entry changes, and what of its file stays."""
    changes = [change for proposal in environment(document, "staging")["proposals"] for change in proposal["changes"]]
    return [(change["reason"]["text"], change["reason"]["data"].get("release_info_left", "")) for change in changes]


STAGING, PROMOTED, ROLLBACK = "gitops-bot/staging/all", "gitops-bot/production/all", "gitops-bot/staging/rollback-all"
INFO, WEB = "apps/web/staging/release-info.yaml", "apps/web/staging/kustomization.yaml"


def test_the_values_go_the_whole_way_with_the_pin_and_back(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    deploy = shop.deploy
    first = deploy.files("main")
    new = {name: shop.kustomization(name, "1.1.0") for name in ("web", "api")}
    with deploy.world.registry.counting() as asked:
        document = shop.update("staging")
    assert shop.changed(STAGING) == {WEB: new["web"], INFO: staging_info("1.1.0", "\r\n")}
    ((text, left),) = reasons(document)
    told = "gets version, git-sha and build-date and keeps build-number (no label is configured for it)"
    assert text.endswith(f"; release-info.yaml {told}")
    assert left == "build-number"
    body = deploy.pull()["body"]
    assert told in body
    assert "**staging**: 1 pin and 3 values of release info changed, nothing else." in body
    assert len([line for line in asked if "/blobs/" in line]) == len({line for line in asked if "/blobs/" in line})
    (said,) = shop.trailers(STAGING)
    assert said["info"] == {
        "file": INFO,
        "from": {"version": "1.0.0", "git-sha": "1000e5", "build-date": "2026-11-02T09:00:00Z"},
        "to": {"version": "1.1.0", "git-sha": "1100e5", "build-date": "2026-11-02T09:10:00Z"},
    }
    with deploy.watching() as seen:
        shop.update("staging")
    assert seen.nothing
    shop.merge()

    # What was tested goes on: not what the registry has by now.
    shop.push("web", "1.2.0")
    assert deploy.bot("promote", "staging", "production", "--image", deploy.image("web")).code == 0
    info = "apps/web/production/release-info.yaml"
    assert shop.changed(PROMOTED)[info] == production_info("1.1.0")
    shop.merge()

    with deploy.world.registry.counting() as asked:
        assert deploy.bot("rollback", "staging", "--offline", "--dry-run").code == 0
    assert asked == []
    assert deploy.bot("rollback", "staging").code == 0
    assert shop.changed(ROLLBACK) == {path: first[path] for path in (WEB, INFO)}
    shop.merge()
    releases = deploy.ask("history", "staging").json["releases"]
    assert [(release["kind"], release["config"]) for release in releases[:2]] == [("rollback", []), ("update", [])]
    assert deploy.ask("history", "production").json["releases"][0]["config"] == []


def test_commits_straight_to_the_branch_have_the_values_too_as_far_as_the_image_has_labels(worldwide: World) -> None:
    shop = Shop.start(worldwide, propose="{as: commit}")
    shop.push("web", "1.1.0")
    shop.update("staging")
    assert shop.deploy.files("main")[INFO] == staging_info("1.1.0", "\r\n")
    assert "info" in shop.trailers("main")[0]
    shop.push("web", "1.2.0", {f"{OCI}created": "1970-01-01T00:00:00Z"})  # what reproducible builds claim
    ((text, left),) = reasons(shop.update("staging"))
    assert f"keeps version (the image has no usable {OCI}version), git-sha" in text
    assert left == "version, git-sha, build-date, build-number"
    assert shop.deploy.files("main")[INFO] == staging_info("1.1.0", "\r\n")
    assert "info" not in shop.trailers("main")[0]


def test_two_pipelines_that_set_keep_the_values_of_each_other(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    deploy = shop.deploy
    api = {
        "apps/api/staging/kustomization.yaml": shop.kustomization("api", "1.0.0"),
        "apps/api/staging/release-info.yaml": b"kind: ConfigMap\ndata: {version: 1.0.0}\n",
    }
    deploy.remote.commit("main", api)
    for name in ("web", "api"):
        digest = shop.push(name, "1.1.0")
        assert deploy.bot("set", "staging", f"{deploy.image(name)}=1.1.0@{digest}").code == 0
    after = shop.changed(STAGING)
    assert after[INFO] == staging_info("1.1.0", "\r\n")
    assert after["apps/api/staging/release-info.yaml"] == b"kind: ConfigMap\ndata: {version: 1.1.0}\n"


def test_a_hostile_label_leaves_the_key_and_is_told(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    hostile = {f"{OCI}version": "1.1.0\n  admin: true", f"{OCI}revision": "${PASSWORD}", f"{OCI}created": "now"}
    shop.push("web", "1.1.0", hostile)
    ((text, left),) = reasons(shop.update("staging"))
    assert "PASSWORD" not in text + shop.deploy.message(STAGING)
    assert left == "version, git-sha, build-date, build-number"
    assert list(shop.changed(STAGING)) == [WEB]


def test_what_a_person_writes_into_the_file_makes_the_branch_theirs(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    shop.push("web", "1.1.0")
    shop.update("staging")
    mine = shop.deploy.files(STAGING)[INFO].replace(b"1.1.0", b"1.1.0 (ours)")
    shop.deploy.remote.commit(STAGING, {INFO: mine})
    shop.push("web", "1.2.0")
    (proposal,) = environment(shop.update("staging"), "staging")["proposals"]
    assert proposal["action"] == "leave"
    assert shop.deploy.files(STAGING)[INFO] == mine


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        pytest.param(None, f"{INFO} is missing", None, id="missing"),
        pytest.param(b"kind: ConfigMap\ndata:\n  version: &v a\n  b: *v\n", "shared by an alias", 3, id="an alias"),
    ],
)
def test_a_file_that_cannot_be_kept_in_step_fails_the_entry_and_the_check(
    worldwide: World, tmp_path: Path, data: bytes | None, message: str, line: int | None
) -> None:
    shop = Shop.start(worldwide, files={INFO: data})
    shop.push("web", "1.1.0")
    done = shop.deploy.ask("plan", "staging")
    (failed,) = environment(done.json, "staging")["failed"]
    assert message in failed["problem"]["message"]
    assert (done.code, failed["problem"]["line"], environment(done.json, "staging")["proposals"]) == (1, line, [])
    (entry,) = shop.deploy.ask("explain", "staging", shop.deploy.image("web")).json["entries"]
    assert [gate["gate"] for gate in entry["gates"] if not gate["passed"]] == ["release info"]
    assert _checked(shop, tmp_path).json["problems"] == [failed["problem"]]


def test_of_several_images_one_has_to_be_named(worldwide: World, tmp_path: Path) -> None:
    shop = Shop.start(worldwide)
    shop.deploy.remote.commit("main", {WEB: shop.kustomization("web", "1.0.0", "api")})
    shop.push("web", "1.1.0")
    done = shop.deploy.ask("plan", "staging")
    (failed,) = environment(done.json, "staging")["failed"]
    assert failed["problem"]["next"] == (
        f"name one: `release_info: {{file: release-info.yaml, image: {shop.deploy.image('web')}}}`"
    )
    assert _checked(shop, tmp_path).json["problems"] == [failed["problem"]]


def test_every_image_of_an_overlay_may_have_a_file_of_its_own(worldwide: World, tmp_path: Path) -> None:
    shop = Shop.start(worldwide)
    config = shop.deploy.files("main")["gitops-bot.yaml"].decode()
    names = [shop.deploy.image(name) for name in ("web", "api")]
    infos = [f"{{file: {name.rpartition('/')[2]}-info.yaml, image: {name}}}" for name in names]
    before, after = config.split("release_info: {")[0], config.partition("}}\n")[2]
    written = {"apps/web/production/web-info.yaml", "apps/web/production/api-info.yaml"}
    files = dict.fromkeys(written, production_info("1.0.0"))
    before = before.replace("    release_info: release-info.yaml\n", "")
    both = f"{before}release_info: [{', '.join(infos)}]\n{after}"
    shop.deploy.remote.commit("main", {"gitops-bot.yaml": both.encode(), **files})
    (problem,) = _checked(shop, tmp_path / "before").json["problems"]
    assert problem["message"].startswith("apps/api/production/api-info.yaml is missing")
    shop.deploy.remote.commit("main", {"apps/api/production/kustomization.yaml": None})
    assert _checked(shop, tmp_path / "after").code == 0
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.deploy.remote.commit("main", {WEB: shop.kustomization("web", "1.1.0", "api")})
    shop.update("production")
    assert shop.changed(PROMOTED).keys() == {"apps/web/production/kustomization.yaml", *written}
    assert {line["info"]["file"] for line in shop.trailers(PROMOTED)} == written
    shop.merge()
    newest = shop.deploy.ask("history", "production", "--limit", "1").json["releases"][0]
    assert (newest["kind"], len(newest["changes"]), newest["config"]) == ("promotion", 2, [])


def test_a_proposal_stays_as_it_is_while_its_file_cannot_be_edited(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    shop.push("web", "1.1.0")
    shop.update("staging")
    shop.deploy.remote.commit("main", {INFO: b"kind: Secret\n"})
    with shop.deploy.watching() as seen:
        done = shop.deploy.ask("update", "staging")
    (proposal,) = environment(done.json, "staging")["proposals"]
    assert (done.code, proposal["action"], seen.nothing) == (1, "leave", True)
    assert (
        proposal["reason"]["text"] == f"{INFO} cannot be edited in its present state: its proposal waits until it can"
    )


def test_a_rollback_does_not_wait_for_the_file(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    deploy = shop.deploy
    shop.push("web", "1.1.0")
    shop.update("staging")
    shop.merge()
    deploy.remote.commit("main", {INFO: b"kind: Secret\n"})
    done = deploy.ask("rollback", "staging")
    assert done.code == 0
    ((text, _),) = reasons(done.json)
    assert "release-info.yaml stays as it is: the file is not a ConfigMap" in text
    assert list(shop.changed(ROLLBACK)) == [WEB]


def test_the_registry_has_to_answer_for_what_it_says(worldwide: World) -> None:
    shop = Shop.start(worldwide)
    missing = f"sha256:{'0' * 64}"
    done = shop.deploy.ask("set", "staging", f"{shop.deploy.image('web')}=1.1.0@{missing}")
    (failed,) = environment(done.json, "staging")["failed"]
    assert (done.code, failed["problem"]["code"]) == (1, "failed.registry")


def _checked(shop: Shop, folder: Path) -> Done:
    for path, data in shop.deploy.files("main").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return run("check", "--output", "json", cwd=folder)
