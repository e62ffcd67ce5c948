"""Promotions on whole repositories that people run: kustomize itself says that the target gets what the source has.

The trees are read where they lie. Their registries are not ours to ask: the images are pushed to a local one under the
same names, and the host before those names is all that is changed in the files.
"""

from __future__ import annotations

import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.commands.stages import environment
from tests.conftest import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

#: As the owners of such a tree would write it: everything that staging runs goes on to production.
CONFIG = """\
version: 1
environments:
  staging: {{overlays: ["apps/*/overlays/staging"]}}
  prod:
    overlays: ["apps/*/overlays/prod"]
    promote_from: staging
    pin: {pin}
    propose: {{labels: [release]}}
"""
VROOM, TODO = "Ama2352+vroom-gitops", "MicroTodoSuite+microservice-app-gitops"
SERVICES = {
    VROOM: {"dispatch", "frontend", "notification", "ride", "user"},
    TODO: {"auth-api", "frontend", "log-message-processor", "todos-api", "users-api"},
}


@pytest.mark.parametrize(
    ("tree", "pin", "command"),
    [
        (VROOM, "tag+digest", ("promote", "staging", "prod")),
        (TODO, "tag", ("update", "prod")),
    ],
    ids=[VROOM, TODO],
)
def test_production_renders_the_images_of_staging_and_nothing_else_changes(
    worldwide: World, corpus: Path, tmp_path: Path, tree: str, pin: str, command: tuple[str, ...]
) -> None:
    original = read(corpus / "trees" / f"{tree}.tar")

    def files(deploy: Deploy) -> dict[str, bytes]:
        found = {name: localised(deploy, name, data) for name, data in original.items()}
        return found | {"gitops-bot.yaml": CONFIG.format(pin=pin).encode()}

    deploy = worldwide.deploy(files)
    tested = {app: built(deploy, f"apps/{app}/overlays/staging") for app in SERVICES[tree]}
    done = deploy.ask(*command)
    assert (done.code, done.json["problems"]) == (0, [])
    before = deploy.files("main")
    (pull,) = deploy.pulls()
    assert pull["base"]["ref"] == "main"
    deploy.call("PUT", f"/pulls/{pull['number']}/merge", {"merge_method": "squash"})
    after = deploy.files("main")
    write(tmp_path / "before", before)
    write(tmp_path / "after", after)

    assert {name.split("/")[1] for name in after if after[name] != before[name]} == SERVICES[tree]
    assert all(name.endswith("/overlays/prod/kustomization.yaml") for name in after if after[name] != before[name])
    for app, digest in tested.items():
        source = images(rendered(tmp_path / "after" / "apps" / app / "overlays" / "staging"), deploy)
        target = images(rendered(tmp_path / "after" / "apps" / app / "overlays" / "prod"), deploy)
        assert len(source) == 1, app
        # What staging pins by its tag alone, production pins by tag and digest, unless it is told otherwise.
        by_tag_alone = pin != "tag" and not any("@" in each for each in source)
        assert target == ({f"{each}@{digest}" for each in source} if by_tag_alone else source), app
        old = rendered(tmp_path / "before" / "apps" / app / "overlays" / "prod").splitlines()
        new = rendered(tmp_path / "after" / "apps" / app / "overlays" / "prod").splitlines()
        assert len(old) == len(new)
        assert all("image:" in line for line, other in zip(old, new, strict=True) if line != other), app

    with deploy.watching() as seen:
        again = deploy.ask(*command)
    assert seen.nothing
    assert environment(again.json, "prod")["proposals"] == []


def read(archive: Path) -> dict[str, bytes]:
    """The files of a tree."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            data = tar.extractfile(member)
            if data is not None:
                found[member.name] = data.read()
    return found


def localised(deploy: Deploy, name: str, data: bytes) -> bytes:
    """The file with its images under the same names in the local registry."""
    if not name.endswith(("/staging/kustomization.yaml", "/prod/kustomization.yaml")):
        return data
    for entry in yaml.safe_load(data).get("images", []):
        local = deploy.image(entry["newName"].rpartition("/")[2])
        data = data.replace(f"newName: {entry['newName']}\n".encode(), f"newName: {local}\n".encode())
        if "digest" in entry:
            # The tree has the same digest everywhere: staging is one build ahead here.
            digest = deploy.push(local.rpartition("/")[2], "build", name.split("/")[3])
            data = data.replace(entry["digest"].encode(), digest.encode())
    return data


def built(deploy: Deploy, overlay: str) -> str:
    """See that the registry has what an overlay pins; gives the digest."""
    (entry,) = yaml.safe_load(deploy.files("main")[f"{overlay}/kustomization.yaml"])["images"]
    return entry.get("digest") or deploy.push(entry["newName"].rpartition("/")[2], entry["newTag"])


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put a tree on the disk, for kustomize."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def rendered(overlay: Path) -> str:
    """What kustomize makes of an overlay."""
    command = [program("kubectl"), "kustomize", str(overlay)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def images(text: str, deploy: Deploy) -> set[str]:
    """The references in manifests to images of the local registry."""

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("image"), str):
                yield node["image"]
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    return {each for each in walk(list(yaml.safe_load_all(text))) if each.startswith(deploy.image(""))}
