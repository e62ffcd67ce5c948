"""The manifests that `reads: 2` adds: JSON, and kinds of controllers. kubectl reads them before and after an edit."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.images.build import Manifest
from gitops_bot.images.kinds import NamedPolicy, Rules, Semver
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.decisions import Change
from gitops_bot.releases.layout.read import Overlay
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit
from tests.conftest import program
from tests.engine.polled import polled
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERS = "containers: [{name: web, image: 'a/web:v1'}]"
#: By kind: its group, and what it says; each has one image that nothing else pins.
KINDS = {
    "CronWorkflow": (
        "argoproj.io/v1alpha1",
        "{workflowSpec: {templates: [{name: t, container: {image: 'a/web:v1'}}]}}",
    ),
    "Configuration": ("serving.knative.dev/v1", f"{{template: {{spec: {{{CONTAINERS}}}}}}}"),
    "Task": ("tekton.dev/v1", "{steps: [{name: s, image: $(params.image)}, {name: t, image: 'a/web:v1'}]}"),
    "ClusterTask": ("tekton.dev/v1beta1", "{stepTemplate: {image: 'a/web:v1'}, steps: [{image: none}]}"),
    "TaskRun": ("tekton.dev/v1", "{taskSpec: {sidecars: [{name: s, image: 'a/web:v1'}]}}"),
    "Pipeline": ("tekton.dev/v1", "{finally: [{name: f, taskSpec: {steps: [{image: 'a/web:v1'}]}}]}"),
    "PipelineRun": ("tekton.dev/v1", "{pipelineSpec: {tasks: [{name: f, taskSpec: {steps: [{image: 'a/web:v1'}]}}]}}"),
    "Cluster": ("postgresql.cnpg.io/v1", "{instances: 3, imageName: 'a/web:v1'}"),
    "ImageCatalog": ("postgresql.cnpg.io/v1", "{images: [{major: 1, image: 'a/web:v1'}]}"),
    "ClusterImageCatalog": ("postgresql.cnpg.io/v1", "{images: [{major: 1, image: 'a/web:v1'}]}"),
    "DeploymentConfig": ("apps.openshift.io/v1", f"{{template: {{spec: {{{CONTAINERS}}}}}}}"),
    "Plan": ("upgrade.cattle.io/v1", "{version: v2, upgrade: {image: 'a/web:v1'}}"),
    "Dragonfly": ("dragonflydb.io/v1alpha1", "{image: 'a/web:v1', replicas: 3}"),
    "EMQX": ("apps.emqx.io/v2beta1", "{image: 'a/web:v1'}"),
    "EnvoyProxy": (
        "gateway.envoyproxy.io/v1alpha1",
        "{provider: {kubernetes: {envoyDeployment: {container: {image: 'a/web:v1'}}}}}",
    ),
    "MySQLCluster": ("moco.cybozu.com/v1beta2", f"{{podTemplate: {{spec: {{{CONTAINERS}}}}}}}"),
    "InferenceService": ("serving.kserve.io/v1beta1", "{predictor: {model: {image: 'a/web:v1'}}}"),
    "ServingRuntime": ("serving.kserve.io/v1alpha1", f"{{{CONTAINERS}}}"),
    "ClusterServingRuntime": ("serving.kserve.io/v1alpha1", f"{{{CONTAINERS}}}"),
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"a/b": "c"}},
    "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "a/web:v1"}]}}},
}
CATALOG = b"""\
apiVersion: postgresql.cnpg.io/v1
kind: ImageCatalog
metadata: {name: pg}
spec:
  images:
    - major: 16
      image: a/pg:16.3
    - {major: 17, image: "a/pg:17.2"}
"""


class Listed:
    """A registry that has these tags."""

    def tags(self, _: object) -> list[str]:
        return ["16.3", "16.4", "17.2", "17.10", "18.0", "160.0"]

    def digest(self, _: object, tag: str, *, will_read: bool = False) -> str:
        return f"sha256:{int(float(tag) * 100):064}"

    def manifest(self, _: object, found: str) -> Manifest:
        return Manifest("image")


def resource(kind: str) -> str:
    group, spec = KINDS[kind]
    return f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: x}} # ours\nspec: {spec}\n"


def by_kubectl(folder: Path, name: str, data: bytes) -> list[Any]:
    """The resources of a file, as kubectl reads it."""
    (folder / name).write_bytes(data)
    command = [program("kubectl"), "label", "--local", "-o", "json", "-f", str(folder / name), "seen=yes"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    decoder, found = json.JSONDecoder(), []
    while out := out.strip():
        value, end = decoder.raw_decode(out)
        found.append(value)
        out = out[end:]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_of_a_kind_is_an_entry_and_only_that_changes(kind: str) -> None:
    data = resource(kind).encode()
    assert targets.by_content("x.yaml", data, {}) is None or not targets.read(data, "x.yaml").entries
    target = targets.by_content("x.yaml", data, {}, 2)
    assert isinstance(target, ManifestsTarget)
    pins = target.read(data, "x.yaml")
    (entry,) = pins.entries
    assert (entry.name.startswith(f"{kind}/x"), str(entry.image), str(entry.pin)) == (True, "docker.io/a/web", "v1")
    assert edit(pins, [Assignment(entry.name, Pin("v1.1"))]) == data.replace(b"a/web:v1", b"a/web:v1.1")


def test_kubectl_sees_nothing_but_other_pins(tmp_path: Path) -> None:
    data = "---\n".join(map(resource, KINDS)).encode()
    pins = ManifestsTarget(reads=2).read(data, "x.yaml")
    after = edit(pins, [Assignment(entry.name, Pin("v1.1")) for entry in pins.entries])
    before = json.dumps(by_kubectl(tmp_path, "a.yaml", data))
    assert before.count("a/web:v1") == len(KINDS)
    assert json.dumps(by_kubectl(tmp_path, "b.yaml", after)) == before.replace("a/web:v1", "a/web:v1.1")


def test_kinds_of_other_groups_are_none_of_these() -> None:
    data = b"apiVersion: example.com/v1\nkind: Task\nmetadata: {name: a}\nspec: {steps: [{image: 'a:1'}]}\n"
    assert not ManifestsTarget(reads=2).read(data, "x.yaml").entries


@rows("text", {
    "indented": json.dumps(DEPLOYMENT, indent=2),
    "with tabs": json.dumps(DEPLOYMENT, indent="\t") + "\r\n",
    "on one line": json.dumps(DEPLOYMENT),
    "without blanks": json.dumps(DEPLOYMENT, separators=(",", ":")),
    "a list": json.dumps({"kind": "List", "apiVersion": "v1", "items": [DEPLOYMENT]}, indent=1),
})  # fmt: skip
def test_a_manifest_may_be_json(text: str, tmp_path: Path) -> None:
    assert targets.by_content("web.json", text.encode(), {}) is None
    target = targets.by_content("web.json", text.encode(), {}, 2)
    assert isinstance(target, ManifestsTarget)
    pins = target.read(text.encode(), "web.json")
    after = edit(pins, [Assignment("Deployment/web/web", Pin("v2", "sha256:" + "a" * 64))])
    assert after.decode() == text.replace("a/web:v1", f"a/web:v2@sha256:{'a' * 64}")
    assert json.loads(after) == json.loads(text.replace("a/web:v1", f"a/web:v2@sha256:{'a' * 64}"))
    assert "a/web:v2@" in json.dumps(by_kubectl(tmp_path, "a.json", after))


@rows("text", {
    "a package": '{"name": "web", "version": "1", "image": "a:1"}',
    "no resource": '{"kind": "x", "spec": {"image": "a:1"}}',
    "an array": '[{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "a:1"}]}}]',
})  # fmt: skip
def test_other_json_is_nothing_to_read(text: str) -> None:
    assert targets.by_content("web.json", text.encode(), {}, 2) is None


def test_an_image_of_a_catalog_stays_with_its_major_version() -> None:
    pins = ManifestsTarget(reads=2).read(CATALOG, "pg.yaml")
    assert [(entry.name, entry.major) for entry in pins.entries] == [
        ("ImageCatalog/pg/16", "16"), ("ImageCatalog/pg/17", "17"),
    ]  # fmt: skip
    rules = Rules(NamedPolicy(None, Semver("*"), "config"), pin="tag")
    overlay = Overlay.of("all", "pg", pins, lambda _: rules)
    made = polled(Listed(), overlay.entries)
    assert [change.after.tag for change in made if isinstance(change, Change)] == ["16.4", "17.10"]
    with pytest.raises(EditError, match=r"17\.0 is not of major version 16"):
        edit(pins, [Assignment("ImageCatalog/pg/16", Pin("17.0"))])
    assert edit(pins, [Assignment("ImageCatalog/pg/16", Pin("16.4"))]) == CATALOG.replace(b"16.3", b"16.4")
