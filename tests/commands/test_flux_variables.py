"""`newName` with variables that Flux fills in after kustomize (`postBuild`): all but the name is kept current."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import CONFIG
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

FILE = "apps/web/production/kustomization.yaml"
STRAIGHT = CONFIG.replace(b"{as: pull-request, labels: [release, bot]}", b"{as: commit}")


def deploy_of(worldwide: World, new_name: str) -> tuple[Deploy, bytes]:
    """An entry with this `newName`, in which `IMAGE` stands for its image."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        name = new_name.replace("IMAGE", deploy.image("web"))
        text = f"images: # by hand\n- name: web\n  newName: {name} # Flux\n  newTag: 1.0.0 # now\n"
        return {"gitops-bot.yaml": STRAIGHT, FILE: text.encode()}

    deploy = worldwide.deploy(files)
    return deploy, deploy.files("main")[FILE]


@pytest.mark.parametrize("new_name", ['"${NAME:-IMAGE}"', "${REGISTRY}/acme/web"])
def test_edit_changes_the_tag_alone(worldwide: World, tmp_path: Path, new_name: str) -> None:
    _, text = deploy_of(worldwide, new_name)
    (tmp_path / "kustomization.yaml").write_bytes(text)
    done = run("edit", ".", "web=1.2.0", "--output", "json", cwd=tmp_path)
    assert done.code == 0, done.out
    assert (tmp_path / "kustomization.yaml").read_bytes() == text.replace(b"1.0.0", b"1.2.0")

    renamed = run("edit", ".", "web=ghcr.io/acme/other:1.3.0", "--output", "json", cwd=tmp_path)
    assert renamed.code == 1
    assert "has no place for a new name" in renamed.json["problems"][0]["message"]


def test_a_default_is_the_repository_that_is_asked(worldwide: World) -> None:
    deploy, text = deploy_of(worldwide, "${NAME:=IMAGE}")
    deploy.push("web", "1.0.0")
    digest = deploy.push("web", "1.1.0")
    done = deploy.ask("update")
    assert done.code == 0
    (change,) = done.json["environments"][0]["proposals"][0]["changes"]
    assert change["entry"]["image"] == deploy.image("web")
    pinned = text.replace(b"1.0.0 # now\n", b"1.1.0 # now\n  digest: " + digest.encode() + b"\n")
    assert deploy.files("main")[FILE] == pinned


def test_without_a_default_people_and_rollbacks_pin_and_a_poll_says_what_is_missing(worldwide: World) -> None:
    deploy, text = deploy_of(worldwide, "${NAME}")
    digest = deploy.push("web", "1.1.0")
    polled = deploy.ask("update")
    assert polled.code == 1
    (problem,) = polled.json["problems"]
    assert problem["message"] == "${NAME}: not an image repository name"
    assert "`${NAME:=repository}`" in problem["next"]

    assert deploy.ask("set", "production", f"web=1.1.0@{digest}").code == 0
    pinned = text.replace(b"1.0.0 # now\n", b"1.1.0 # now\n  digest: " + digest.encode() + b"\n")
    assert deploy.files("main")[FILE] == pinned
    assert deploy.ask("rollback", "production").code == 0
    assert deploy.files("main")[FILE] == text
