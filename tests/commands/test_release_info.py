"""Release info: a ConfigMap whose values follow the pin, by update, set, promote and rollback, and who may edit it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.commands.stages import environment
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

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
    def start(cls, world: World, *, propose: str = "{}") -> Shop:
        def first(deploy: Deploy) -> dict[str, bytes]:
            shop = cls(deploy)
            return {
                "gitops-bot.yaml": (CONFIG % (propose, PRODUCTION % deploy.image("web"))).encode(),
                "apps/web/staging/kustomization.yaml": shop.kustomization("web", "1.0.0"),
                "apps/web/staging/release-info.yaml": staging_info("1.0.0", "\r\n"),
                "apps/web/production/kustomization.yaml": shop.kustomization("web", "1.0.0", "api"),
                "apps/web/production/release-info.yaml": production_info("1.0.0"),
                "apps/api/production/kustomization.yaml": shop.kustomization("api", "1.0.0"),
            }

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
    # A hostile label leaves the key, and so does what reproducible builds claim.
    hostile = {f"{OCI}version": "1.1.0\n  admin: true", f"{OCI}revision": "${PASSWORD}"}
    shop.push("web", "1.2.0", hostile | {f"{OCI}created": "1970-01-01T00:00:00Z"})
    ((text, left),) = reasons(shop.update("staging"))
    assert f"keeps version (the image has no usable {OCI}version), git-sha" in text
    assert "PASSWORD" not in text + shop.deploy.message("main")
    assert left == "version, git-sha, build-date, build-number"
    assert shop.deploy.files("main")[INFO] == staging_info("1.1.0", "\r\n")
    assert "info" not in shop.trailers("main")[0]


def test_a_file_that_cannot_be_edited_fails_the_entry_and_the_check_and_what_is_open_stays(
    worldwide: World, tmp_path: Path
) -> None:
    shop = Shop.start(worldwide)
    shop.push("web", "1.1.0")
    shop.update("staging")
    shop.deploy.remote.commit("main", {INFO: b"kind: ConfigMap\ndata:\n  version: &v a\n  b: *v\n"})
    with shop.deploy.watching() as seen:
        done = shop.deploy.ask("update", "staging")
    (failed,) = environment(done.json, "staging")["failed"]
    assert ("shared by an alias" in failed["problem"]["message"], failed["problem"]["line"]) == (True, 3)
    (entry,) = shop.deploy.ask("explain", "staging", shop.deploy.image("web")).json["entries"]
    assert [gate["gate"] for gate in entry["gates"] if not gate["passed"]] == ["release info"]
    for path, data in shop.deploy.files("main").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert run("check", "--output", "json", cwd=tmp_path).json["problems"] == [failed["problem"]]
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
