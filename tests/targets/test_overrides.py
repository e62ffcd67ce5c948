"""A kustomization that pins an image of a manifest decides in its place, wherever it stands."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitops_bot.targets import TARGETS, overriding_files, with_overrides
from gitops_bot.targets.manifests import ManifestsTarget
from tests.conftest import program
from tests.targets.built import DEPLOYMENT, put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = DEPLOYMENT.replace("image: web", 'image: "acme/web:1.0.0"')
PINNED = "images: [{name: acme/web, newTag: 2.0.0}]\n"
FILE = "apps/web/files/web.yaml"
#: The kustomizations, those that somebody builds, and the one that decides.
CASES = [
    pytest.param({"apps/web/files": "resources: [web.yaml]\n" + PINNED}, "apps/web/files", id="beside it"),
    pytest.param({"apps/web": "resources: [files/web.yaml]\n" + PINNED}, "apps/web", id="further up"),
    pytest.param(
        {"apps/web/files": "resources: [web.yaml]\n", "prod": "resources: [../apps/web/files/]\n" + PINNED},
        "prod",
        id="in another directory, by a base",
    ),
    pytest.param(
        {
            "apps/web": "resources: [files/web.yaml]\ncomponents: [../pins]\n",
            "apps/pins": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" + PINNED,
        },
        "apps/pins",
        id="by a component",
    ),
    pytest.param(
        {
            "apps/web": "resources: [files/web.yaml]\n",
            "eu": "resources: [../apps/web]\n" + PINNED,
            "us": "resources: [../apps/web]\n" + PINNED,
        },
        "eu",
        id="everywhere",
    ),
    pytest.param(
        {
            "apps/web": "resources: [files/web.yaml]\n",
            "eu": "resources: [../apps/web]\n" + PINNED,
            "us": "resources: [../apps/web]\n",
        },
        None,
        id="only in one of two clusters",
    ),
    pytest.param({"apps/web": "resources: [files/web.yaml]\nimages: [{name: acme/web, newName: x/web}]\n"}, None,
                 id="another name, and no pin"),
    pytest.param({"apps/web": "resources: [files/web.yaml]\n", "api": PINNED}, None, id="of something else"),
    pytest.param({"apps/web": "resources: [files/web.yaml, ../api]\n", "apps/api": "resources: [../web]\n"}, None,
                 id="in a circle"),
]  # fmt: skip


def by(kustomized: Mapping[str, str]) -> str | None:
    """The file that decides for the image of the manifest."""
    files = {f"{directory}/kustomization.yaml": text.encode() for directory, text in kustomized.items()}
    target = with_overrides({FILE: ManifestsTarget()}, files)[FILE]
    (entry,) = target.read(MANIFEST.encode(), FILE).entries
    return entry.decided_by


@pytest.mark.parametrize(("kustomized", "deciding"), CASES)
def test_a_kustomization_that_pins_the_image_decides_wherever_it_stands(
    kustomized: Mapping[str, str], deciding: str | None
) -> None:
    assert by(kustomized) == (f"{deciding}/kustomization.yaml" if deciding is not None else None)


@pytest.mark.parametrize(("kustomized", "deciding"), CASES[:-1])
def test_kubectl_renders_the_pin_of_the_kustomization_that_decides(
    kustomized: Mapping[str, str], deciding: str | None, tmp_path: Path
) -> None:
    put(tmp_path, {FILE: MANIFEST, **{f"{at}/kustomization.yaml": text for at, text in kustomized.items()}})
    roots = {at for at, text in kustomized.items() if "Component" not in text and at != "api"}
    used = {path for path in roots for other in roots - {path} if path.rpartition("/")[2] in kustomized[other]}
    pins = []
    for root in roots - used:
        command = [program("kubectl"), "kustomize", str(tmp_path / root)]
        pins.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.count("acme/web:2.0.0"))
    assert all(pins) is (deciding is not None)


def test_kustomizations_are_read_only_for_files_below_one() -> None:
    tree = dict.fromkeys(("apps/web/kustomization.yaml", "prod/kustomization.yaml", FILE, "jobs/job.yaml"), "100644")
    manifests = ManifestsTarget()
    every = ["apps/web/kustomization.yaml", "prod/kustomization.yaml"]
    assert overriding_files({FILE: manifests}, tree) == every
    assert overriding_files({"jobs/job.yaml": manifests}, tree) == []
    assert overriding_files({"apps/web/kustomization.yaml": TARGETS[0]}, tree) == []
