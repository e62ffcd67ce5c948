"""The images of plain manifests: found in every kind of resource, and edited alone."""

from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import with_overrides
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

DIGEST = "sha256:" + "a" * 64
MANIFESTS = b"""\
# ours
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers:
        - {name: migrate, image: "ghcr.io/acme/web:1.0.0"}   # same image
      containers:
        - name: web
          image: ghcr.io/acme/web:1.0.0
      volumes:
        - {name: model, image: {reference: 'ghcr.io/acme/model@sha256:%(b)s'}}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: a, image: nginx}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: "localhost:5000/job:2"}]}}}}}
""".replace(b"%(b)s", b"b" * 64)


def test_every_image_is_an_entry() -> None:
    entries = ManifestsTarget().read(MANIFESTS, "all.yaml").entries
    assert [(entry.name, str(entry.image), str(entry.pin), entry.refusal) for entry in entries] == [
        ("Deployment/web/migrate", "ghcr.io/acme/web", "1.0.0", None),
        ("Deployment/web/web", "ghcr.io/acme/web", "1.0.0", None),
        ("Deployment/web/model", "ghcr.io/acme/model", f"@sha256:{'b' * 64}", None),
        ("Pod/one/a", "docker.io/library/nginx", "(none)", None),
        ("CronJob/nightly/job", "localhost:5000/job", "2", None),
    ]


def test_an_edit_changes_one_text_in_one_of_several_documents() -> None:
    pins = ManifestsTarget().read(MANIFESTS, "all.yaml")
    after = edit(
        pins, [Assignment("Deployment/web/migrate", Pin("1.1.0", DIGEST)), Assignment("CronJob/nightly/job", Pin("3"))]
    )
    expected = MANIFESTS.replace(
        b'image: "ghcr.io/acme/web:1.0.0"', b'image: "ghcr.io/acme/web:1.1.0@%b"' % DIGEST.encode()
    )
    assert after == expected.replace(b"localhost:5000/job:2", b"localhost:5000/job:3")


def test_custom_resources_have_the_paths_of_the_settings() -> None:
    data = b"kind: Kafka\nmetadata: {name: k}\nspec: {kafka: {image: quay.io/x/kafka:1}}\n"
    assert ManifestsTarget().read(data, "k.yaml").entries == ()
    (entry,) = ManifestsTarget((("Kafka", (".spec.kafka.image",)),)).read(data, "k.yaml").entries
    assert (entry.name, str(entry.image), str(entry.pin)) == ("Kafka/k", "quay.io/x/kafka", "1")


@rows("image reason", {
    "alias": ("image: &i nginx:1\n        copy: *i", "image is shared by an alias"),
    "placeholder": ("image: ${IMAGE}:1", "image holds a template placeholder"),
    "quote": ('image: gcr".io/x:1', "image is not an image"),
    "ko": ("image: ko://github.com/acme/web", "image is an address"),
})  # fmt: skip
def test_what_cannot_be_edited_without_a_doubt_is_refused(image: str, reason: str) -> None:
    data = f"kind: Pod\nmetadata: {{name: p}}\nspec:\n    containers:\n      - name: c\n        {image}\n".encode()
    pins = ManifestsTarget().read(data, "p.yaml")
    (entry,) = pins.entries
    assert entry.refusal is not None
    assert entry.refusal.message.startswith(reason)
    with pytest.raises(EditError):
        edit(pins, [Assignment(entry.name, Pin("2"))])


def test_a_tag_that_cannot_be_written_goes_only_with_a_new_one() -> None:
    data = b"kind: Pod\nspec:\n  containers:\n    - {name: c, image: 'x/y:v\"1'}\n"
    pins = ManifestsTarget().read(data, "p.yaml")
    with pytest.raises(EditError, match="image is not an image") as refused:
        edit(pins, [Assignment(pins.entries[0].name, Pin(None, DIGEST))])
    assert (refused.value.problem.line, refused.value.problem.column) == (4, 24)
    assert edit(pins, [Assignment(pins.entries[0].name, Pin("2", DIGEST))]) == data.replace(
        b'v"1', f"2@{DIGEST}".encode()
    )


def test_a_key_on_the_way_that_stands_there_twice_is_refused() -> None:
    data = b"kind: Pod\nspec: {containers: [{name: a, image: nginx}]}\nspec: {containers: [{name: b, image: nginx}]}\n"
    (entry,) = ManifestsTarget().read(data, "p.yaml").entries
    assert entry.refusal is not None
    assert (entry.refusal.message, entry.refusal.line) == ("spec stands there twice", 3)


def test_aliases_that_multiply_are_read_once() -> None:
    many = ", ".join(["*c"] * 5_000), ", ".join(["*t"] * 5_000)
    data = "x: &c {{name: a, image: nginx}}\ny: &t {{containerSet: {{containers: [{}]}}}}\nspec: {{templates: [{}]}}\n"
    (entry,) = ManifestsTarget().read(f"kind: Workflow\n{data.format(*many)}".encode(), "w.yaml").entries
    assert entry.refusal is not None
    assert entry.refusal.message == "image is shared by an alias"


def test_more_images_than_anyone_has_are_refused() -> None:
    data = b"kind: Pod\nspec:\n  containers:\n" + b"  - image: a\n" * 10_001
    with pytest.raises(EditError, match="more than 10,000 images"):
        ManifestsTarget().read(data, "p.yaml")


@rows("data count", {
    "manifests": (MANIFESTS, 5),
    "values": (b"kind: Deployment\nimage: nginx\n", 0),
})  # fmt: skip
def test_the_content_tells_a_manifest(data: bytes, count: int) -> None:
    assert ManifestsTarget().count(data) == count


def test_an_entry_of_the_kustomization_beside_it_wins() -> None:
    files = {"a/kustomization.yaml": b"images:\n- {name: ghcr.io/acme/web, newTag: 1.0.0}\n", "a/all.yaml": MANIFESTS}
    target = with_overrides({"a/all.yaml": ManifestsTarget()}, files)["a/all.yaml"]
    entries = target.read(MANIFESTS, "a/all.yaml").entries
    assert [(entry.name, entry.decided_by) for entry in entries][:3] == [
        ("Deployment/web/migrate", "a/kustomization.yaml"),
        ("Deployment/web/web", "a/kustomization.yaml"),
        ("Deployment/web/model", None),
    ]
