"""What a kustomization is built from: every file that kubectl reads for it, and none beside."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import reach
from gitops_bot.targets.kustomization import references
from tests.conftest import program
from tests.targets.built import DEPLOYMENT, put

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\ndata: {{a: b}}\n"
OVERLAY = """\
Resources: [../../base/, extra.yaml, "../../single"]
components: [../../component]
patches:
- path: patches/by-path.yaml
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec: {paused: true}
patchesStrategicMerge:
- merge.yaml
- |-
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, labels: {inline: "yes"}}
patchesJson6902:
- target: {group: apps, version: v1, kind: Deployment, name: web}
  path: json.yaml
configMapGenerator:
- name: files
  files: [application.properties, renamed=other.properties]
  envs: [one.env]
- name: old
  env: two.env
- name: literals
  literals: [a=b]
secretGenerator:
- name: secret
  files: [password.txt]
generators:
- generator.yaml
- |-
  apiVersion: builtin
  kind: ConfigMapGenerator
  metadata: {name: inline}
  files: [inline.properties]
transformers: [transformers/, transformer.yaml]
replacements:
- path: replacement.yaml
configurations: [configuration.yaml]
crds: [crd.json]
openapi: {path: openapi.json}
images: [{name: web, newTag: 1.0.0}]
"""
FILES = {
    "apps/web/overlay/kustomization.yaml": OVERLAY,
    "apps/web/overlay/extra.yaml": MAP.format("extra"),
    "apps/web/overlay/patches/by-path.yaml": DEPLOYMENT.replace("spec:\n", "spec:\n  replicas: 3\n"),
    "apps/web/overlay/merge.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {m: n}}\n",
    "apps/web/overlay/json.yaml": '[{"op": "add", "path": "/metadata/annotations", "value": {"json": "patched"}}]',
    "apps/web/overlay/application.properties": "a=1\n",
    "apps/web/overlay/other.properties": "b=2\n",
    "apps/web/overlay/one.env": "C=3\n",
    "apps/web/overlay/two.env": "D=4\n",
    "apps/web/overlay/password.txt": "hunter2\n",
    "apps/web/overlay/inline.properties": "e=5\n",
    "apps/web/overlay/generated.properties": "f=6\n",
    "apps/web/overlay/generator.yaml": (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: generated}\nfiles: [generated.properties]\n"
    ),
    "apps/web/overlay/transformers/kustomization.yaml": "resources: [labels.yaml]\n",
    "apps/web/overlay/transformers/labels.yaml": (
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: labels}\n"
        "labels: {by: transformer}\nfieldSpecs: [{path: metadata/labels, create: true}]\n"
    ),
    "apps/web/overlay/transformer.yaml": (
        "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: of-transformer.yaml\n"
    ),
    "apps/web/overlay/of-transformer.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {t: u}}\n"
    ),
    "apps/web/overlay/replacement.yaml": (
        "source: {kind: ConfigMap, name: extra, fieldPath: data.a}\n"
        "targets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.copied], options: {create: true}}]\n"
    ),
    "apps/web/overlay/configuration.yaml": "namePrefix: []\n",
    "apps/web/overlay/crd.json": "{}",
    "apps/web/overlay/openapi.json": '{"definitions": {}}',
    "apps/base/kustomization.yml": (
        "resources: [deployment.yaml]\nconfigMapGenerator: [{name: base, files: [base.txt]}]\n"
    ),
    "apps/base/deployment.yaml": DEPLOYMENT,
    "apps/base/base.txt": "base\n",
    "apps/single/Kustomization": "resources:\n- map.yaml\n",
    "apps/single/map.yaml": MAP.format("single"),
    "apps/component/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n"
    ),
    "apps/component/c.yaml": MAP.format("component"),
}
UNUSED = {
    "apps/web/overlay/README.md": "nobody builds it",
    "apps/web/other/kustomization.yaml": "resources: [../../base]\n",
    "apps/base/unused.yaml": MAP.format("unused"),
    "gitops-bot.yaml": "version: 1\n",
}


def rendered(folder: Path) -> str:
    command = [program("kubectl"), "kustomize", str(folder / "apps/web/overlay")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def found(
    files: Mapping[str, str], *directories: str, modes: Mapping[str, str] | None = None
) -> tuple[frozenset[str], list[tuple[str, int, str, str]]]:
    def read(paths: Collection[str]) -> dict[str, bytes]:
        return {path: files[path].encode() for path in paths}

    tree = dict.fromkeys(files, "100644") | dict(modes or {})
    result = reach(directories, tree, read, lambda path: "foreign" in path)
    return result.files, [tuple(item) for item in result.unfollowed]


def test_what_kubectl_reads_is_reached_and_nothing_else(tmp_path: Path) -> None:
    files, unfollowed = found(FILES | UNUSED, "apps/web/overlay")
    assert (files, unfollowed) == (frozenset(FILES), [])
    whole = put(tmp_path / "whole", FILES | UNUSED)
    part = put(tmp_path / "part", {path: text for path, text in FILES.items() if path in files})
    assert rendered(part) == rendered(whole)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("resources: [https://example.test/a.yaml]", "remote"),
        ("resources: ['github.com/acme/base//deploy?ref=v1']", "remote"),
        ("resources: ['git@github.com:acme/base.git']", "remote"),
        ("components: ['git::https://example.test/x']", "remote"),
        ("resources: [../../outside]", "outside"),
        ("resources: [../a/../../etc/passwd]", "outside"),
        ("resources: [/etc/passwd]", "outside"),
        ("configMapGenerator: [{name: a, files: [key=../../x]}]", "outside"),
        ("resources: [gone.yaml]", "absent"),
        ("patches: [{path: gone.yaml}]", "absent"),
        ("resources: [link.yaml]", "link"),
        ("resources: [linked/a.yaml]", "link"),
        ("resources: [module]", "link"),
        ("helmCharts: [{name: redis, repo: 'https://charts.example.test', version: 1.0.0}]", "remote"),
        ("helmCharts: [{name: redis}]", "absent"),
        ("resources: [", "unreadable"),
    ],
)
def test_what_is_not_in_the_commit_is_named(line: str, why: str) -> None:
    modes = {"web/link.yaml": "120000", "web/linked": "120000", "web/module": "160000"}
    files, unfollowed = found({"web/kustomization.yaml": f"# first\n{line}\n"}, "web", modes=modes)
    assert files == {"web/kustomization.yaml"}
    ((file, number, _, reason),) = unfollowed
    assert (file, number, reason) == ("web/kustomization.yaml", number, why)
    assert number == 2 or why == "unreadable"


def test_a_chart_of_the_repository_is_reached_with_its_values() -> None:
    text = (
        "helmGlobals: {chartHome: ../charts}\n"
        "helmCharts: [{name: web, valuesFile: values.yaml, additionalValuesFiles: [more.yaml]}]\n"
    )
    files = dict.fromkeys(("charts/web/Chart.yaml", "charts/web/templates/a.yaml", "charts/api/Chart.yaml"), "")
    files |= {"app/kustomization.yaml": text, "app/values.yaml": "", "app/more.yaml": ""}
    assert found(files, "app") == (frozenset(files) - {"charts/api/Chart.yaml"}, [])


def test_any_other_overlay_is_its_directory_without_what_is_foreign() -> None:
    files = dict.fromkeys(("chart/values.yaml", "chart/templates/a.yaml", "chart/foreign.yaml", "charts/x.yaml"), "")
    modes = {"chart/link": "120000"}
    expected = frozenset({"chart/values.yaml", "chart/templates/a.yaml"})
    assert found(files, "chart", modes=modes) == (expected, [("chart/link", 1, "chart/link", "link")])


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "FILE_LIMIT", 2)
    with pytest.raises(EditError, match="more than"):
        found(FILES, "apps/web/overlay")
    with pytest.raises(EditError, match="more than"):
        found(dict.fromkeys(("a/1", "a/2", "a/3"), ""), "a")
