"""The images that resources of Argo CD and Flux give to kustomize: found, and edited alone."""

from __future__ import annotations

from gitops_bot import targets
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ARGO = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n"
SET = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
FLUX = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web}\nspec:\n"
RELEASE = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n"
SOURCE = "  source:\n    kustomize:\n      images:\n"


@rows("before name pin after", {
    "an image": (ARGO + SOURCE + "      - ghcr.io/acme/web:v1 # c\n      - other:v1\n", "ghcr.io/acme/web", Pin("v2"),
        ARGO + SOURCE + "      - ghcr.io/acme/web:v2 # c\n      - other:v1\n"),
    "a name, with a digest": (ARGO + SOURCE + f"        - 'web=ghcr.io/acme/web:v1@{DIGEST}'", "web", Pin("v2", OTHER),
        ARGO + SOURCE + f"        - 'web=ghcr.io/acme/web:v2@{OTHER}'"),
    "a new digest": (ARGO + SOURCE + "        - web=acme/web:v1\r\n", "web", Pin("v2", OTHER),
        ARGO + SOURCE + f"        - web=acme/web:v2@{OTHER}\r\n"),
    "several sources": (ARGO + "  sources: [{kustomize: {images: [a:1]}}, {kustomize: {images: ['b:1', c:1]}}]\n",
        "b", Pin("2"),
        ARGO + "  sources: [{kustomize: {images: [a:1]}}, {kustomize: {images: ['b:2', c:1]}}]\n"),
    "a template": (SET + '      source:\n        kustomize: {images: ["web=a/web:v1"]}\n', "web", Pin("v2"),
        SET + '      source:\n        kustomize: {images: ["web=a/web:v2"]}\n'),
    "Flux": (FLUX + "  # kustomize\n  images:\n  - name: web # c\n    newName: acme/web\n    newTag: 'v1'\n",
        "web", Pin("v2", OTHER),
        FLUX + "  # kustomize\n  images:\n  - name: web # c\n    newName: acme/web\n    newTag: 'v2'\n"
        f"    digest: {OTHER}\n"),
    "Flux, a digest": (FLUX + f"  images:\n  - name: web\n    newTag: v1\n    digest: {DIGEST}\n", "web", Pin("v2"),
        FLUX + "  images:\n  - name: web\n    newTag: v2\n"),
    "a release": (RELEASE + "  postRenderers:\n  - kustomize: {images: [{name: web, newTag: v1}]}\n", "web", Pin("v2"),
        RELEASE + "  postRenderers:\n  - kustomize: {images: [{name: web, newTag: v2}]}\n"),
})  # fmt: skip
def test_an_edit_changes_the_pin_alone(before: str, name: str, pin: Pin, after: str) -> None:
    pins = targets.read(before.encode(), "app.yaml", reads=2)
    assert edit(pins, [Assignment(name, pin)]) == after.encode()
    entries = targets.read(after.encode(), "app.yaml", reads=2).entries
    assert [entry.pin for entry in entries if entry.name == name] == [pin]
    assert not targets.read(before.encode(), "app.yaml").entries


@rows("data", {
    "no pin": ARGO + SOURCE + "      - web=acme/web\n      - acme/web\n",
    "templates": SET + "      source: {kustomize: {images: ['web=a:{{ .tag }}', 'web=*:v1', 'a:${TAG}']}}\n",
    "no text": ARGO + SOURCE + "      - {name: web, newTag: v1}\n",
    "no pin of Flux": FLUX + "  images: [{name: web, newName: acme/web}]\n",
    "a file of kustomize":
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{name: a, newTag: v1}]",
    "beside workloads": FLUX + "  images: [{name: a, newTag: v1}]\n---\nspec:\n  containers:\n  - image: a:1\n",
})  # fmt: skip
def test_what_pins_nothing_there_makes_no_values_file(data: str) -> None:
    assert HelmTarget(reads=2).count(data.encode()) == 0


@rows("data why", {
    "an alias": (ARGO + "  sources:\n  - kustomize: {images: &a [web:v1]}\n  - kustomize: {images: *a}\n",
        "shared by an alias"),
    "a tag": (ARGO + SOURCE + "      - !!str web:v1\n", "explicit YAML tag"),
    "two texts": (ARGO + SOURCE + "      - |-\n        web:v1\n", "a block of text"),
    "an alias of Flux": (FLUX + "  images: &a [{name: web, newTag: v1}]\n  other: *a\n", "an anchor"),
})  # fmt: skip
def test_what_cannot_be_edited_alone_is_refused(data: str, why: str) -> None:
    (entry,) = HelmTarget(reads=2).read(data.encode(), "app.yaml").entries
    assert entry.refusal is not None
    assert why in entry.refusal.message


def test_values_keep_their_names_beside_images_for_kustomize() -> None:
    data = ARGO + "  source: {helm: {valuesObject: {image: 'a:1'}}, kustomize: {images: ['a:1', 'b=a:1']}}\n"
    for reads, names in ((1, ["image"]), (2, ["image", "a", "b"])):
        assert [entry.name for entry in HelmTarget(reads=reads).read(data.encode(), "a.yaml").entries] == names
