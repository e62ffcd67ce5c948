"""The images in patches that stand in a kustomization: found, and edited alone."""

from __future__ import annotations

from gitops_bot import targets
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import KustomizationTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

OTHER = "sha256:" + "b" * 64
JSON = """\
patches:
- target: {kind: Deployment, name: web}
  patch: |-
    # ours
    - op: replace
      path: /spec/template/spec/containers/0/image
      value: %s # c
    - {op: remove, path: /image, value: 'a:1'}
"""
STRATEGIC = """\
%s
    kind: Deployment
    metadata: {name: web}
    spec: {template: {spec: {containers: [{name: app, image: '%s'}, {name: b}]}}}
"""
NAME = "Deployment/web/spec/template/spec/containers/0/image"


@rows("text name", {
    "JSON": (JSON, NAME),
    "JSON, the old key": (JSON.replace("patches:", "patchesJson6902:"), NAME),
    "strategic": (STRATEGIC.replace("%s\n", "patches:\r\n- patch: |\n", 1), "Deployment/web/app"),
    "strategic, the old key": (STRATEGIC.replace("%s\n", "patchesStrategicMerge:\n- other.yaml\n- |\n", 1),
        "Deployment/web/app"),
})  # fmt: skip
def test_an_edit_changes_the_pin_alone(text: str, name: str) -> None:
    before = (text % "ghcr.io/acme/web:v1").encode()
    pins = KustomizationTarget(reads=2).read(before, "kustomization.yaml")
    assert [(entry.name, entry.refusal) for entry in pins.entries] == [(name, None)]
    assert edit(pins, [Assignment(name, Pin("v2", OTHER))]) == (text % f"ghcr.io/acme/web:v2@{OTHER}").encode()
    assert [KustomizationTarget(reads=reads).count(before) for reads in (1, 2)] == [0, 1]


@rows("text why", {
    "quotes": ('patches: [{patch: "- op: add\\n  path: /image\\n  value: a:1\\n"}]', "in which no single value"),
    "an alias": ("patches:\n- &a\n  patch: |\n    - {op: add, path: /image, value: 'a:1'}\n- *a\n",
        "shared by an alias"),
})  # fmt: skip
def test_a_patch_that_cannot_be_edited_alone_is_refused(text: str, why: str) -> None:
    entries = KustomizationTarget(reads=2).read(text.encode(), "kustomization.yaml").entries
    assert entries
    assert all(entry.refusal is not None and why in entry.refusal.message for entry in entries)


def test_an_image_of_the_same_kustomization_decides_for_its_patches() -> None:
    data = "images: [{name: web, newTag: v2}]\n" + JSON % "web:v1"
    listed, patch = KustomizationTarget(reads=2).read(data.encode(), "a/kustomization.yaml").entries
    assert (listed.decided_by, patch.decided_by) == (None, "a/kustomization.yaml")


@rows("patch", {"a variable": ("'${IMAGE}:v1'",), "no pin": ("web",)})  # fmt: skip
def test_what_pins_nothing_is_no_entry(patch: str) -> None:
    assert not KustomizationTarget(reads=2).read((JSON % patch).encode(), "kustomization.yaml").entries


OPERATIONS = """\
# ours
- op: replace
  path: /spec/template/spec/containers/1/image
  value: ghcr.io/acme/web:v1 # c
- op: add
  path: /spec/template/spec/initContainers
  value:
  - name: init
    image: 'init:v1'
- {op: add, path: /spec/template/spec/containers/-, value: {image: "side:v1", name: side}}
- {op: remove, path: /image, value: 'a:1'}
- {op: add, path: /spec/image, value: web}
- {op: add, path: /data/value, value: {image: "b:1"}}
- {op: add, path: "/metadata/annotations/a", value: "c:1"}
"""
AS_JSON = """\
[\r
  {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "ghcr.io/acme/web:v1"},\r
  {"op": "add", "path": "/spec/template/spec/initContainers", "value": [{"name": "init", "image": "init:v1"}]},
  {"value": {"image": "side:v1", "name": "side"}, "path": "/spec/template/spec/containers/-", "op": "add"}
]"""
IN_OPERATIONS = {
    "spec/template/spec/containers/1/image": b"acme/web:v",
    "spec/template/spec/initContainers/init": b"init:v",
    "spec/template/spec/containers/-/side": b"side:v",
}


@rows("name text", {"YAML": ("patch.yaml", OPERATIONS), "JSON": ("patch.json", AS_JSON)})  # fmt: skip
def test_an_edit_of_a_patch_in_a_file_of_its_own_changes_the_pin_alone(name: str, text: str) -> None:
    before = text.encode()
    pins = targets.read(before, name, reads=2)
    assert {entry.name: entry.refusal for entry in pins.entries} == dict.fromkeys(IN_OPERATIONS)
    for entry, pin in IN_OPERATIONS.items():
        assert edit(pins, [Assignment(entry, Pin("v2"))]) == before.replace(pin + b"1", pin + b"2", 1)
    target = targets.of_resources(name, before, 2)
    assert target is not None
    assert (target.count(before), targets.of_resources(name, before, 1)) == (3, None)
