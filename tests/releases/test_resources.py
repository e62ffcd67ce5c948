"""Manifests and Helm releases that only their content tells: which of them pin something, and for whom it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.releases.layout import causes, resources
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTAINER = "spec: {template: {spec: {containers: [{name: c, image: %s}]}}}\n"
WEB = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n" + CONTAINER % "'web:1.0'"
RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\n"
    "spec: {values: {image: {repository: acme/web, tag: 1.0.0}}}\n"
)
CRD = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
BASE = {"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": WEB}
USES, COMPONENT = "resources: [../base]\n", "kind: Component\nimages: [{name: web, newTag: '2'}]\n"
AGAIN = USES + "images: [{name: web, newTag: '2'}]\n"
ENVIRONMENTS = {"dev": ["dev"], "prod": ["prod"]}


def find(files: Mapping[str, str]) -> dict[str, tuple[Sequence[str], Sequence[str], Sequence[str | None]]]:
    data = {path: text.encode() for path, text in files.items()}
    roots = causes.Roots(ENVIRONMENTS, lambda _: False)
    tree = dict.fromkeys(files, "100644")
    judge = causes.Judge(data, tree, lambda paths: {path: data[path] for path in paths if path in data}, roots)
    found = resources.find(judge, data.items(), 2)
    return {file.pin_file.file: (file.environments, file.built, file.causes) for file in found}


BOTH = ("dev", "prod")


@rows("files expected", {
    "one environment": ({**BASE, "dev/kustomization.yaml": USES}, {"base/web.yaml": (("dev",), ("dev",), (None,))}),
    "several": (
        {**BASE, "dev/kustomization.yaml": USES, "prod/kustomization.yaml": USES},
        {"base/web.yaml": (BOTH, BOTH, (None,))},
    ),
    "all but one pin it again": (
        {**BASE, "dev/kustomization.yaml": AGAIN, "prod/kustomization.yaml": USES},
        {"base/web.yaml": (("prod",), BOTH, (None,))},
    ),
    "all pin it again": ({**BASE, "dev/kustomization.yaml": AGAIN, "prod/kustomization.yaml": AGAIN}, {}),
    "its own kustomization pins it": (
        {**BASE, "base/kustomization.yaml": "resources: [web.yaml]\nimages: [{name: web, newTag: '2'}]\n",
         "dev/kustomization.yaml": USES},
        {},
    ),
    "what is between pins it again": (
        {**BASE, "mid/kustomization.yaml": AGAIN, "dev/kustomization.yaml": "resources: [../mid]\n"}, {},
    ),
    "a component of one environment pins it again": (
        {**BASE, "c/kustomization.yaml": COMPONENT, "dev/kustomization.yaml": USES + "components: [../c]\n",
         "prod/kustomization.yaml": USES},
        {"base/web.yaml": (("prod",), BOTH, (None,))},
    ),
    "below a plain directory of an environment": (
        {"dev/apps/web.yaml": WEB}, {"dev/apps/web.yaml": (("dev",), ("dev",), (None,))},
    ),
    "no environment is built from the base": (BASE, {}),
    "nothing but its content says anything": ({"apps/web.yaml": WEB}, {"apps/web.yaml": ((), (), (None,))}),
    "a Helm release of a base, which no `images:` change": (
        {"base/kustomization.yaml": "resources: [r.yaml]\n", "base/r.yaml": RELEASE,
         "dev/kustomization.yaml": USES + "images: [{name: acme/web, newTag: '2'}]\n"},
        {"base/r.yaml": (("dev",), ("dev",), (None,))},
    ),
    "an image without a tag": ({"apps/web.yaml": WEB.replace(":1.0", "")}, {}),
    "a template": ({"apps/web.yaml": WEB.replace("1.0", "{{ tag }}")}, {}),
    "somebody else's release": ({"apps/web.yaml": WEB + CRD}, {}),
    "a test": ({"tests/web.yaml": WEB}, {}),
    "no resource": ({"ci/web.yaml": "image: acme/web:1.0\n"}, {}),
    "no YAML": ({"apps/web.yaml": WEB + "}{"}, {}),
})  # fmt: skip
def test_a_pin_belongs_to_the_environments_in_which_it_takes_effect(
    files: Mapping[str, str], expected: Mapping[str, object]
) -> None:
    assert find(files) == expected
