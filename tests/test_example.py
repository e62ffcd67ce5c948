"""manifests-example/: what a reader copies, and what the demo runs on, must be true."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import PROJECT, program

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = PROJECT / "manifests-example"
ENVIRONMENTS = ("dev", "staging", "production")
OVERLAYS = sorted(path.parent for path in EXAMPLE.glob("apps/*/overlays/*/kustomization.yaml"))
REPOSITORY = "acme/deploy"


def inside(path: Path) -> str:
    return path.relative_to(EXAMPLE).as_posix()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def render(directory: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a directory, as Argo CD would apply it."""
    done = subprocess.run(
        [program("kubectl"), "kustomize", str(directory)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def containers(resource: dict[str, Any]) -> list[dict[str, Any]]:
    pod = resource.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def pinned(overlay: Path) -> dict[str, str]:
    """Entry name -> the reference that its pin must render to."""
    entries = load(overlay / "kustomization.yaml")["images"]
    return {
        entry["name"]: f"{entry.get('newName', entry['name'])}:{entry['newTag']}"
        + (f"@{entry['digest']}" if "digest" in entry else "")
        for entry in entries
    }


@pytest.mark.parametrize("overlay", OVERLAYS, ids=inside)
def test_an_overlay_renders_exactly_what_it_pins_in_its_namespace_with_what_it_refers_to(overlay: Path) -> None:
    resources = render(overlay)
    assert {item["image"] for resource in resources for item in containers(resource)} == {*pinned(overlay).values()}
    assert {resource["metadata"]["namespace"] for resource in resources} == {f"acme-{overlay.name}"}
    pods = [item["spec"]["template"] for item in resources if containers(item)]
    named = {
        source["configMapRef"]["name"]
        for resource in resources
        for container in containers(resource)
        for source in container.get("envFrom", [])
        if "configMapRef" in source
    }
    volumes = (volume for pod in pods for volume in pod["spec"].get("volumes", []))
    named |= {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    assert named == {item["metadata"]["name"] for item in resources if item["kind"] == "ConfigMap"}
    for service in (item for item in resources if item["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        assert sum(selector <= pod["metadata"]["labels"].items() for pod in pods) == 1, "a service selects one workload"


@pytest.mark.parametrize("base", sorted(EXAMPLE.glob("apps/*/base")), ids=inside)
def test_a_base_renders_and_pins_nothing(base: Path) -> None:
    images = {container["image"] for resource in render(base) for container in containers(resource)}
    assert images == {f"ghcr.io/acme/{base.parent.name}"}
    assert "images" not in load(base / "kustomization.yaml")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_and_the_bot_see_the_same_overlays(environment: str) -> None:
    configured = load(EXAMPLE / "gitops-bot.yaml")["environments"][environment]["overlays"]
    (generator,) = load(EXAMPLE / f"argocd/{environment}/applicationset.yaml")["spec"]["generators"]
    globs = [directory["path"] for directory in generator["git"]["directories"]]
    assert globs == configured
    # Both match one path segment per `*`, which fnmatch does here as no directory is nested deeper.
    matched = [inside(path) for path in OVERLAYS if any(fnmatchcase(inside(path), glob) for glob in globs)]
    assert matched == [inside(path) for path in OVERLAYS if path.name == environment]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_generated_application_is_allowed_by_its_project(environment: str) -> None:
    application = load(EXAMPLE / f"argocd/{environment}.yaml")
    assert (application["apiVersion"], application["kind"]) == ("argoproj.io/v1alpha1", "Application")
    brought = [load(path) for path in (EXAMPLE / application["spec"]["source"]["path"]).glob("*.yaml")]
    assert {each["kind"] for each in brought} == {"AppProject", "ApplicationSet"}
    assert {each["metadata"]["namespace"] for each in brought} == {"argocd"}
    project = load(EXAMPLE / f"argocd/{environment}/project.yaml")
    template = load(EXAMPLE / f"argocd/{environment}/applicationset.yaml")["spec"]["template"]["spec"]
    assert template["project"] == project["metadata"]["name"]
    assert template["source"]["repoURL"] in project["spec"]["sourceRepos"]
    assert template["destination"] in project["spec"]["destinations"]
    assert template["destination"]["namespace"] == f"acme-{environment}"


def test_everything_names_the_same_repository_and_branch() -> None:
    config = load(EXAMPLE / "gitops-bot.yaml")
    assert (config["repository"], config["branch"]) == (REPOSITORY, "main")
    named = [
        (key, value)
        for path in sorted(EXAMPLE.rglob("argocd/**/*.yaml"))
        for key, value in walk(load(path))
        if key in {"repoURL", "targetRevision", "revision"}
    ]
    # An address and a branch in each Application, each generator and each template.
    assert len(named) == 6 * len(ENVIRONMENTS)
    assert {value for key, value in named} == {f"https://github.com/{REPOSITORY}.git", "main"}


def walk(node: Any) -> list[tuple[str, Any]]:
    match node:
        case dict():
            return [pair for key, value in node.items() for pair in [(key, value), *walk(value)]]
        case list():
            return [pair for item in node for pair in walk(item)]
        case _:
            return []


def test_the_bot_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    repository = tmp_path / "deploy"
    shutil.copytree(EXAMPLE, repository)
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "gitops_bot", "check", "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=repository,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["problems"] == []
    assert (said["files"], said["entries"]) == (len(OVERLAYS), sum(len(pinned(overlay)) for overlay in OVERLAYS))
