"""Tags whose repository stands in other values: in those of the chart, or in those that a resource names."""

from __future__ import annotations

import pytest

from gitops_bot import targets
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

BASE = (
    "image: {registry: ghcr.io, repository: acme/web, tag: latest}\nworker: {image: {repository: quay.io/acme/job}}\n"
)
CHART = {"charts/web/values.yaml": BASE}
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    path: charts/web
    helm:
      %s
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: flux-system}}}
  values: {image: {tag: v1}}
"""


def images(path: str, text: str, others: dict[str, str], reads: int = 2) -> dict[str, str]:
    """The entries of a file in a repository that has these others too: their names and repositories."""
    files = {path: text.encode(), **{name: data.encode() for name, data in others.items()}}
    target = HelmTarget(reads=reads)
    below = targets.files_below({path: target}, files, {path: files[path]})
    known = targets.with_values_below({path: target}, {path: files[path], **{name: files[name] for name in below}})
    return {entry.name: str(entry.image) for entry in known[path].read(files[path], path).entries}


@rows("path text others expected", {
    "beside it": ("charts/web/values-prod.yaml", "image: {tag: v1}", CHART, {"image": "ghcr.io/acme/web"}),
    "deeper": ("charts/web/values-prod.yaml", "worker: {image: {tag: v1}}", CHART,
        {"worker.image": "quay.io/acme/job"}),
    "a digest": ("charts/web/values-prod.yaml", f"image: {{digest: 'sha256:{'a' * 64}'}}", CHART,
        {"image": "ghcr.io/acme/web"}),
    "a folder up": ("charts/web/prod/values.yaml", "image: {tag: v1}", CHART, {"image": "ghcr.io/acme/web"}),
    "two folders up": ("charts/web/env/prod/values.yaml", "image: {tag: v1}", CHART, {"image": "ghcr.io/acme/web"}),
    "three folders up": ("charts/web/a/b/prod/values.yaml", "image: {tag: v1}", CHART, {}),
    "the nearest": ("charts/web/env/values-prod.yaml", "image: {tag: v1}",
        {**CHART, "charts/web/env/values.yaml": "image: {repository: b}"}, {"image": "docker.io/library/b"}),
    "its own repository": ("charts/web/values-prod.yaml", "a: {tag: v1}\nimage: {repository: x/y, tag: v1}", CHART,
        {"image": "ghcr.io/x/y"}),
    "its own registry": ("charts/web/values-prod.yaml", "image: {registry: quay.io, tag: v1}", CHART,
        {"image": "quay.io/acme/web"}),
    "another key": ("charts/web/values-prod.yaml", "images: {tag: v1}", CHART, {}),
    "a template": ("charts/web/values-prod.yaml", "image: {tag: v1}",
        {"charts/web/values.yaml": "image: {repository: '{{ .x }}'}"}, {}),
    "a file that is broken": ("charts/web/values-prod.yaml", "image: {tag: v1}",
        {"charts/web/values.yaml": "image: {repository: ["}, {}),
    "the values of an Application": ("a.yaml", APPLICATION % "valuesObject: {image: {tag: v1}}", CHART,
        {"image": "ghcr.io/acme/web"}),
    "its text": ("a.yaml", APPLICATION % "values: |\n        image:\n          tag: v1", CHART,
        {"image": "ghcr.io/acme/web"}),
    "its parameters": ("a.yaml", APPLICATION % "parameters: [{name: image.tag, value: v1}]", CHART,
        {"image": "ghcr.io/acme/web"}),
    "its files": ("a.yaml", APPLICATION % "valueFiles: [../common.yaml]\n      valuesObject: {side: {tag: v1}}",
        {**CHART, "charts/common.yaml": "side: {repository: a/b}"}, {"side": "docker.io/a/b"}),
    "files of a source by its name": ("a.yaml",
        APPLICATION % "valueFiles: [$values/v/web.yaml]\n      valuesObject: {side: {tag: v1}}",
        {**CHART, "v/web.yaml": "side: {repository: a/b}"}, {"side": "docker.io/a/b"}),
    "a chart of Flux": ("a.yaml", RELEASE, CHART, {"image": "ghcr.io/acme/web"}),
    "a chart that is elsewhere": ("a.yaml", RELEASE, {}, {}),
})  # fmt: skip
def test_a_tag_belongs_to_the_repository_below_it(
    path: str, text: str, others: dict[str, str], expected: dict[str, str]
) -> None:
    assert images(path, text, others) == expected
    assert images(path, text, others, reads=1) == images(path, text, {}, reads=1)


def test_an_edit_changes_the_tag_of_the_environment_alone() -> None:
    before = "# ours\nimage:\n  tag: 'v1' # c\r\nother: 1"
    path = "charts/web/values-prod.yaml"
    files = {path: before.encode(), "charts/web/values.yaml": BASE.encode()}
    target = targets.with_values_below({path: HelmTarget(reads=2)}, files)[path]
    assert edit(target.read(files[path], path), [Assignment("image", Pin("v2"))]) == before.replace("v1", "v2").encode()


SOURCE = "kustomize:\n  images:\n  - ghcr.io/acme/web=quay.io/acme/web:v1\n  - redis:7 # c\n"
PARAMETERS = """\
# written by Argo CD Image Updater
helm:
  parameters:
  - name: image.name
    value: ghcr.io/acme/web
    forcestring: true
  - name: image.tag
    value: v1
    forcestring: true
  - {name: proxy.image.repository, value: envoy}
  - {name: proxy.image.tag, value: v1}
  - {name: replicas, value: "2"}
"""


@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-web.yaml"])
def test_what_argo_cd_lays_over_an_application_has_entries(name: str) -> None:
    path = f"apps/web/{name}"
    assert images(path, SOURCE, {}) == {"ghcr.io/acme/web": "quay.io/acme/web", "redis": "docker.io/library/redis"}
    assert images(path, PARAMETERS, {}) == {"image": "ghcr.io/acme/web", "proxy.image": "docker.io/library/envoy"}
    values = {"apps/web/values.yaml": "side: {repository: a/b}"}
    alone = "helm: {parameters: [{name: side.tag, value: v1}]}"
    assert images(path, alone, values) == {"side": "docker.io/a/b"}
    for text, image, old in ((SOURCE, "redis", b"redis:7"), (PARAMETERS, "image", b"value: v1\n    force")):
        pins = targets.read(text.encode(), path, reads=2)
        after = edit(pins, [Assignment(image, Pin("v2"))])
        assert after == text.encode().replace(old, old.replace(b":7", b":v2").replace(b" v1", b" v2"), 1)
        assert HelmTarget(reads=2).count(text.encode()) > 0
        assert not HelmTarget().count(SOURCE.encode())


@pytest.mark.parametrize(
    "text", ["kustomize: {images: [a]}\nmore: 1\n", "helm:\n  image: 1\n", "helm:\n  parameters: 1\n"]
)
def test_other_values_are_no_source_of_argo_cd(text: str) -> None:
    assert images("values.yaml", text, {}) == {}
