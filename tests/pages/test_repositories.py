"""Pages that show whole repositories: `check` accepts them as they stand, and tracks what the page says it does.

A block is a file if its first line is a comment with its path. Each section of a page is a repository of its own.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import PROJECT
from tests.counterparts.world import run
from tests.pages.markdown import files, sections

if TYPE_CHECKING:
    from pathlib import Path

#: The page, the section, and the entries that its repository tracks, with their images.
REPOSITORIES = (
    (
        "argocd-flux.md",
        "Argo CD: kustomize and an ApplicationSet",
        {"apps/web/overlays/production/kustomization.yaml": "ghcr.io/acme/web"},
    ),
    (
        "argocd-flux.md",
        "Argo CD: a Helm chart with values from Git",
        {"charts/web/values-production.yaml": "ghcr.io/acme/web"},
    ),
    (
        "argocd-flux.md",
        "Flux",
        {"apps/production/api.yaml": "ghcr.io/acme/api", "apps/production/kustomization.yaml": "ghcr.io/acme/web"},
    ),
    (
        "beside-renovate.md",
        "Both files",
        {"apps/web/overlays/production/kustomization.yaml": "ghcr.io/acme/web"},
    ),
)


def write(page: str, section: str, folder: Path) -> dict[str, str]:
    """Write the files of a section of a page."""
    found = files(sections((PROJECT / "docs" / page).read_text(encoding="utf-8"))[section])
    for name, text in found.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return found


@pytest.mark.parametrize(("page", "section", "tracked"), REPOSITORIES, ids=lambda value: str(value)[:40])
def test_the_repository_of_a_page_is_accepted_and_tracked(
    page: str, section: str, tracked: dict[str, str], tmp_path: Path
) -> None:
    shown = write(page, section, tmp_path)
    done = run("check", "--output", "json", cwd=tmp_path)
    document = json.loads(done.out)
    assert (done.code, document["problems"]) == (0, [])
    assert document["coverage"]["tracked"] == len(tracked)
    for file, image in tracked.items():
        digest = f"sha256:{'a' * 64}"
        edited = run("edit", file, f"{image}=v9.9.9@{digest}", "--output", "json", cwd=tmp_path)
        (change,) = json.loads(edited.out)["changes"]
        assert change["entry"]["image"] == image
        assert len((tmp_path / file).read_text().splitlines()) == len(shown[file].splitlines())
    for name, text in shown.items():
        assert not name.endswith(".yaml") or yaml.safe_load(text), name


def test_renovate_has_the_images_that_the_bot_ignores_and_no_other(tmp_path: Path) -> None:
    shown = write("beside-renovate.md", "Both files", tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    names = {
        entry["name"] for entry in yaml.safe_load(shown["apps/web/overlays/production/kustomization.yaml"])["images"]
    }
    coverage = json.loads(run("check", "--output", "json", cwd=tmp_path).out)["coverage"]
    assert (coverage["tracked"], coverage["ignored"]) == (1, len(names) - 1)
    (tmp_path / "gitops-bot.yaml").unlink()
    done = run("init", "--from", "renovate", "--dry-run", "--offline", cwd=tmp_path)
    renovate = yaml.safe_load(done.out)["environments"]["production"]["images"]
    assert {name for name in names if renovate[name].get("ignore")} == {"ghcr.io/acme/web"}
