from __future__ import annotations

import pytest

from gitops_bot.releases.layout.deployed import DeployedPaths, deployments

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web-prod, namespace: argocd}
spec:
  source: {repoURL: https://example.com/deploy, path: %s}
"""
SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: apps}
spec:
  generators: %s
  template: {spec: {source: {path: '%s'}}}
"""
FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps}
spec: {path: ./apps/production}
"""
GIT = "[{git: {directories: [{path: apps/*}, {path: apps/old, exclude: true}]}}]"
VALUES = "{clusters: {values: {root: apps/web, ring: ring-0}}}"
RINGS = "{list: {elements: [{values.ring: ring-1}]}}"
MATRIX = f"[{{matrix: {{generators: [{GIT[1:-1]}, {{list: {{elements: [{{env: qa}}]}}}}]}}}}]"


def found(text: str) -> list[tuple[str, str]]:
    every = deployments([("argocd/apps.yaml", text.encode())], [])
    return [(one.path.text, one.by) for one in every if not one.is_left]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (APPLICATION % "apps/web/prod", ["apps/web/prod"]),
        (APPLICATION % "./apps/web/prod/", ["./apps/web/prod"]),
        (APPLICATION.replace("source: {", "sources: [{").replace("%s}", "a}, {path: b}, {path: c, chart: x}]"),
            ["a", "b"]),
        (SET % (GIT, "{{path}}"), ["apps/*"]),
        (SET % (GIT, "{{path}}/overlays/prod"), ["apps/*/overlays/prod"]),
        (SET % (GIT, "{{ .path.path }}/overlays/prod"), ["apps/*/overlays/prod"]),
        (SET % (GIT, "clusters/{{.path.basename}}"), ["clusters/*"]),
        (SET % ("[{list: {elements: [{env: dev}, {env: prod}]}}]", "apps/{{env}}"), ["apps/dev", "apps/prod"]),
        (SET % ("[{clusters: {}}]", "apps/{{name}}/live"), ["apps/*/live"]),
        (SET % (f"[{{matrix: {{generators: [{GIT[1:-1]}, {{list: {{elements: [{{env: qa}}]}}}}]}}}}]",
            "{{path}}/{{env}}"), ["apps/*/qa"]),
        (SET % ("[{clusters: {values: {root: apps/web, ring: ring-0}}}]", "{{values.root}}/{{.values.ring}}"),
            ["apps/web/ring-0"]),
        (SET % (f"[{{merge: {{generators: [{VALUES}, {RINGS}]}}}}]", "{{values.root}}/{{values.ring}}"),
            ["apps/web/ring-0", "apps/web/ring-1"]),
        (SET % (f"[{{matrix: {{generators: [{VALUES}, {RINGS}]}}}}]", "{{values.root}}/{{values.ring}}"),
            ["apps/web/ring-1"]),
        (FLUX, ["./apps/production"]),
        (f"{APPLICATION % 'a'}---\n{FLUX}---\nkind: Service\n", ["a", "./apps/production"]),
        ("apiVersion: v1\nkind: List\nitems:\n- {kind: Service}\n- " + (APPLICATION % "a").rstrip().replace("\n",
            "\n  "), ["a"]),
    ],
)  # fmt: skip
def test_the_paths_that_argo_cd_and_flux_deploy_are_found(text: str, paths: list[str]) -> None:
    assert [path for path, _ in found(text)] == paths


@pytest.mark.parametrize(
    "text",
    [
        "", "argoproj.io/v1: [", APPLICATION % ".", APPLICATION % "../other", APPLICATION % "/etc",
        SET % (GIT.replace("apps/*", "a"), "{{a}}"), APPLICATION.replace("kind: Application", "kind: AppProject") % "a",
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nspec: {path: a}\n# argoproj.io/",
        f"# argoproj.io/\n{'[' * 5000}", f"# argoproj.io/\n{'- ' * 100_000}",
        "kind: &a Application\nspec: *b\n# argoproj.io/",
        "# argoproj.io/\na: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", "# argoproj.io/\n\x00\x01",
    ],
)  # fmt: skip
def test_what_is_no_deployment_is_none_and_no_error(text: str) -> None:
    assert not found(text)


def test_a_large_file_is_not_looked_into() -> None:
    assert not found(APPLICATION % "a" + "#" * 300_000)


def test_of_very_many_manifests_only_the_first_are_read() -> None:
    elements = ", ".join(f"{{app: a{at}}}" for at in range(900))
    text = SET % (f"[{{list: {{elements: [{elements}]}}}}]", "{{app}}")
    files = {f"{at}.yaml": text.replace("name: apps", f"name: n{at}").encode() for at in range(200)}
    assert {one.file for one in deployments(files.items(), [])} == {"0.yaml", "1.yaml", "2.yaml"}
    padded = {f"{at}.yaml": (APPLICATION % f"a{at}" + "#" * 250_000).encode() for at in range(20)}
    assert [one.path.text for one in deployments(padded.items(), [])] == [f"a{at}" for at in range(8)]


def test_directories_find_what_deploys_them_in_the_order_of_the_files() -> None:
    paths = ["apps/web", "*/web", "apps/*", "other", "apps/web/prod", "**/prod"]
    files = ((path, (APPLICATION % f"'{path}'").encode()) for path in paths)
    deployed = DeployedPaths(deployments(files, []))
    assert [one.file for one in deployed.of_directories(["apps/web"])] == ["apps/web", "*/web", "apps/*"]
    assert [one.file for one in deployed.of_directories(["x/prod", "apps/api"])] == ["apps/*", "**/prod"]
    assert deployed.of_directories(["."]) == []


LIST = "[{list: {elements: [{app: web, env: dev}, {app: api, env: dev}]}}]"


@pytest.mark.parametrize(
    ("text", "left", "kept"),
    [
        (SET % (LIST, "apps/{{app}}"), ["apps/old", "apps/old/base"], ["apps/web", "apps", "other", "."]),
        (SET % (LIST, "apps/{{.app}}/overlays/{{ .env }}"), ["apps/web/overlays/qa"],
            ["apps/web/overlays/dev", "apps/web/base", "apps/old"]),
        (SET % (GIT, "{{path}}"), ["apps/old", "apps/old/x"], ["apps/web", "x/old"]),
        (SET % (GIT, "{{path}}/prod"), ["apps/old/prod"], ["apps/web/prod", "apps/old"]),
        (SET % ("[{list: {elements: [{p: apps/web}]}}]", "{{p}}"), [], ["apps/old"]),
        (SET % (LIST, "apps/{{name}}"), [], ["apps/old"]),
        (SET % (LIST[:-1] + ", {clusters: {}}]", "apps/{{app}}"), [], ["apps/old"]),
        (f"{SET % (LIST, 'apps/{{app}}')}---\n{APPLICATION % 'apps/old'}", ["apps/new"], ["apps/old"]),
    ],
)  # fmt: skip
def test_a_directory_beside_those_that_are_named_is_left_out(text: str, left: list[str], kept: list[str]) -> None:
    deployed = DeployedPaths(deployments([("apps.yaml", text.encode())], []))
    assert [path for path in (*left, *kept) if deployed.leaves_out(path)] == left
