"""`gitops-bot history ENV --show RELEASE --export DIR`: a past release, whole, and the digest of its content."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING, Any

from tests.conftest import PROJECT, program, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done, World

EXAMPLE = PROJECT / "manifests-example"
CONFIG = b"""\
version: 1
environments:
  staging: {overlays: ["apps/*/overlays/staging"]}
  production: {overlays: ["apps/*/overlays/production"]}
"""
DIGEST = f"sha256:{'a' * 64}"


def rendered(folder: Path) -> str:
    done = subprocess.run([program("kubectl"), "kustomize", folder], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def overlay(tag: str, more: str = "") -> bytes:
    return f"resources: [../../base]\nimages: [{{name: web, newTag: {tag}, digest: {DIGEST}}}]\n{more}".encode()


def deploy(worldwide: World, files: Mapping[str, bytes]) -> Deploy:
    base = {"apps/web/base/kustomization.yaml": b"resources: [map.yaml]\n", "apps/web/base/map.yaml": b"a: b\n"}
    base["apps/web/overlays/staging/kustomization.yaml"] = overlay("0.9.0")
    return worldwide.deploy(lambda _: {"gitops-bot.yaml": CONFIG, **base, **files})


def shown(deploy: Deploy, environment: str, release: str, *more: str) -> Any:
    done = deploy.ask("history", environment, "--show", release, *more)
    assert done.code == 0, done.json["problems"]
    return done.json


def digest(deploy: Deploy, environment: str, release: str = "1") -> str:
    found: str = shown(deploy, environment, release)["content"]["digest"]
    return found


def test_every_release_of_the_example_renders_as_it_did(worldwide: World, tmp_path: Path) -> None:
    files = {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in EXAMPLE.rglob("*") if path.is_file()}
    made = worldwide.deploy(lambda _: files)

    def change(path: str, before: bytes, after: bytes) -> None:
        assert before in files[path]
        files[path] = files[path].replace(before, after)
        made.remote.commit("main", {path: files[path]})

    production, base = "apps/api/overlays/production", "apps/api/base"
    change(f"{base}/service.yaml", b"port: ", b"port:  ")
    change(f"{production}/kustomization.yaml", b"newTag: ", b"newTag:  ")
    change(f"{production}/config.properties", b"\n", b"\nadded=1\n")
    change(f"{base}/deployment.yaml", b"containers:", b"terminationGracePeriodSeconds: 7\n      containers:")
    change(f"{production}/scale.yaml", b"replicas: ", b"replicas: 1")
    releases = made.ask("history", "production").json["releases"]
    assert len(releases) == 4
    for release in releases:
        folder = tmp_path / str(release["number"])
        document = shown(made, "production", release["commit"], "--export", str(folder))
        assert (document["exported"], document["content"]["not_reproducible"]) == (str(folder), [])
        then = tmp_path / "then" / release["commit"]
        unpack(made.remote.git("archive", release["commit"]), then)
        overlays = sorted(document["content"]["overlays"])
        assert overlays == [f"apps/{app}/overlays/production" for app in ("api", "web")]
        for place in overlays:
            assert rendered(folder / place) == rendered(then / place)
        assert written(folder).items() <= made.files(release["commit"]).items()


def test_bytes_and_modes_are_those_of_the_commit(worldwide: World, tmp_path: Path) -> None:
    text = overlay("1.0.0", "configMapGenerator: [{name: a, files: [run.sh, binary, long]}]\n")
    place = "apps/web/overlays/production"
    made = deploy(worldwide, {f"{place}/kustomization.yaml": text})
    more = {
        f"{place}/run.sh": b"#!/bin/sh\r\n",
        f"{place}/binary": bytes(range(256)),
        f"{place}/long": b"x" * (3 << 20),
    }
    made.remote.commit("main", {**more, ".gitattributes": b"* text=auto eol=lf"}, modes={f"{place}/run.sh": "100755"})
    folder = tmp_path / "made" / "export"
    document = shown(made, "production", "2", "--export", str(folder))
    assert {file["path"] for file in document["content"]["files"]} == set(written(folder))
    assert written(folder) == {path: data for path, data in made.files("main").items() if path in written(folder)}
    assert set(more) < set(written(folder))
    modes = {path.name: path.stat().st_mode & 0o111 != 0 for path in (folder / place).iterdir()}
    assert modes == {"kustomization.yaml": False, "run.sh": True, "binary": False, "long": False}
    assert [path.name for path in folder.parent.iterdir()] == ["export"]


def test_what_cannot_be_reproduced_is_named(worldwide: World, tmp_path: Path) -> None:
    text = overlay("1.0.0").replace(
        b"[../../base]", b"[../../base, 'https://example.test/\\u202Ea', ../../../../../up]"
    )
    made = deploy(worldwide, {"apps/web/overlays/production/kustomization.yaml": text})
    found = shown(made, "production", "1", "--export", str(tmp_path / "out"))["content"]["not_reproducible"]
    assert [(item["line"], item["why"]) for item in found] == [(1, "outside"), (1, "remote")]
    told = made.bot("history", "production", "--show", "1")
    assert told.code == 0
    assert "not reproducible: ../../../../../up (outside the repository)" in told.out
    assert "\u202e" not in told.out


def test_only_a_new_or_empty_folder_is_written(worldwide: World, tmp_path: Path) -> None:
    made = deploy(worldwide, {"apps/web/overlays/production/kustomization.yaml": overlay("1.0.0")})
    place = tmp_path / "place"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    place.symlink_to(tmp_path / "full")
    before = written(tmp_path)
    done = made.bot("history", "production", "--show", "1", "--export", str(place))
    assert done.code == 2
    assert "name a folder that does not exist, or an empty one" in done.err
    assert written(tmp_path) == before


def test_a_link_leads_nowhere(worldwide: World, tmp_path: Path) -> None:
    text = overlay("1.0.0").replace(b"[../../base]", b"[link/passwd, file.yaml]")
    made = deploy(worldwide, {"apps/web/overlays/production/kustomization.yaml": text})
    place = "apps/web/overlays/production"
    links = {f"{place}/link": b"/etc", f"{place}/file.yaml": b"../../../../../../etc/passwd"}
    made.remote.commit("main", links, modes=dict.fromkeys(links, "120000"))
    document = shown(made, "production", "2", "--export", str(tmp_path / "out"))
    assert [item["why"] for item in document["content"]["not_reproducible"]] == ["link", "link"]
    assert list(written(tmp_path / "out")) == [f"{place}/kustomization.yaml"]


def test_other_overlays_are_their_directory(worldwide: World, tmp_path: Path) -> None:
    pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - image: web:1.0.0\n"
    config = b"version: 1\nenvironments: {production: {overlays: [plain/production]}}\n"
    files = {"gitops-bot.yaml": config, "plain/production/pod.yaml": pod, "plain/production/sub/more.txt": b"x"}
    made = worldwide.deploy(lambda _: {**files, "plain/elsewhere.yaml": pod})
    shown(made, "production", "1", "--export", str(tmp_path / "out"))
    assert written(tmp_path / "out") == {path: data for path, data in files.items() if path.startswith("plain/")}


def test_the_digest_is_that_of_names_and_blobs(worldwide: World) -> None:
    made = deploy(worldwide, {"apps/web/overlays/production/kustomization.yaml": overlay("1.0.0")})
    content = shown(made, "production", "1")["content"]
    blobs = {path: made.remote.git("rev-parse", f"main:{path}").decode().strip() for path in made.files("main")}
    names = {
        "/web/kustomization.yaml": "apps/web/overlays/production/kustomization.yaml",
        "apps/web/base/kustomization.yaml": "apps/web/base/kustomization.yaml",
        "apps/web/base/map.yaml": "apps/web/base/map.yaml",
    }
    lines = "".join(f"{name}\0{blobs[path]}\n" for name, path in sorted(names.items()))
    assert content["digest"] == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert {file["name"]: file["path"] for file in content["files"]} == names


def test_what_is_built_of_the_same_has_the_same_digest(worldwide: World) -> None:
    paths = {name: f"apps/web/overlays/{name}/kustomization.yaml" for name in ("staging", "production")}
    made = deploy(worldwide, {path: overlay("1.0.0") for path in paths.values()})
    first = digest(made, "staging")
    assert digest(made, "production") == first
    made.remote.commit("main", {paths["staging"]: overlay("1.1.0")})
    assert digest(made, "staging", "2") != first
    made.remote.commit("main", {paths["staging"]: overlay("1.0.0")})
    assert digest(made, "staging", "3") == first
    made.remote.commit("main", {paths["production"]: overlay("1.0.0"), "apps/web/base/map.yaml": b"a: c\n"})
    made.remote.commit("main", {paths["production"]: overlay("1.0.0", "# the base is another one\n")})
    made.remote.commit("main", {paths["production"]: overlay("1.0.0")})
    assert digest(made, "production", "3") != first


def test_all_digests_can_be_worked_out(worldwide: World) -> None:
    path = "apps/web/overlays/production/kustomization.yaml"
    made = deploy(worldwide, {path: overlay("1.0.0")})
    for tag in ("1.1.0", "1.0.0"):
        made.remote.commit("main", {path: overlay(tag)})
    plain: Done = made.ask("history", "production")
    assert {release["content_digest"] for release in plain.json["releases"]} == {None}
    done = made.ask("history", "production", "--verify")
    third, second, first = (release["content_digest"] for release in done.json["releases"])
    assert third == first != second
    assert first == digest(made, "production")
    assert first in made.bot("history", "production", "--verify").out
