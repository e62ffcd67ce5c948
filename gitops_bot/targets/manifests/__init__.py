"""Plain manifests of Kubernetes: the images of containers and volumes, and where some controllers have theirs.

They may be JSON, which is YAML too, and patches of kustomize, from `reads` 2 on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets import nodes
from gitops_bot.targets.yaml_pins import ENTRY_LIMIT, Slot, YamlTarget, number, pins_image, reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pin_file import Place

#: A manifest has these two at the beginning of a line, and something with an image.
_KIND, _VERSION = (
    re.compile(rb"^(?:- )?[{]?[\"']?%b[\"']?[ \t]*:" % key, re.MULTILINE) for key in (b"kind", b"apiVersion")
)
_IMAGE: Final = re.compile(
    rb"(?:^[ \t-]*|[{,][ \t]*)[\"']?(?:image|reference)[\"']?[ \t]*:[ \t]*[^ \t\r\n#]", re.MULTILINE
)
#: The same of what is JSON or stands in braces, and everywhere from `reads` 2 on.
_KIND_IN_BRACES, _VERSION_IN_BRACES = (
    re.compile(rb"(?:^|[{,])\s*\"?%b\"?[ \t]*:" % key, re.MULTILINE) for key in (b"kind", b"apiVersion")
)
_BRACE: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*\{")
_MORE_IMAGES: Final = re.compile(
    rb"(?:^[ \t-]*|[{,][ \t]*)[\"']?(?:image|imageName|reference)[\"']?[ \t]*:[ \t]*[^ \t\r\n#]", re.MULTILINE
)
#: What has an image in the specification of a pod.
_CONTAINERS: Final = (".containers[].image", ".initContainers[].image", ".ephemeralContainers[].image")
_IN_A_POD: Final = (*_CONTAINERS, ".volumes[].image.reference")
_TEMPLATE: Final = tuple(f".spec.template.spec{path}" for path in _IN_A_POD)
#: The paths to images from the top of a resource, by its kind; `[]` is every item of a list. A Rollout is of Argo
#: Rollouts, a Workflow of Argo Workflows, such a Service of Knative.
_PATHS: Final[Mapping[str, Sequence[str]]] = {
    "Pod": tuple(f".spec{path}" for path in _IN_A_POD),
    "PodTemplate": tuple(f".template.spec{path}" for path in _IN_A_POD),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "Rollout", "Service", "StatefulSet"),
        _TEMPLATE,
    ),
    "CronJob": tuple(f".spec.jobTemplate{path}" for path in _TEMPLATE),
    **dict.fromkeys(
        ("ClusterWorkflowTemplate", "Workflow", "WorkflowTemplate"),
        (
            ".spec.templates[].container.image",
            ".spec.templates[].script.image",
            ".spec.templates[].initContainers[].image",
            ".spec.templates[].sidecars[].image",
            ".spec.templates[].containerSet.containers[].image",
        ),
    ),
}
_OF_ARGO: Final = _PATHS["Workflow"]
#: What a JSON patch (RFC 6902) has, in any order.
_OPERATION: Final = re.compile(rb"(?:^[ \t-]*|[{,]\s*)[\"']?op[\"']?[ \t]*:[ \t]*[\"']?(?:add|replace)\b", re.MULTILINE)
_POINTER: Final = re.compile(rb"(?:^[ \t-]*|[{,]\s*)[\"']?path[\"']?[ \t]*:[ \t]*[\"']?/", re.MULTILINE)
#: Paths to a container, or to a list of them.
_TO_CONTAINERS: Final = re.compile(r"/(?:containers|initContainers|ephemeralContainers)(?:/(?:-|[0-9]+))?\Z")
_STEPS: Final = (".steps[].image", ".stepTemplate.image", ".sidecars[].image")


def _below(ways: Iterable[str], paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{way}{path}" for way in ways for path in paths)


#: Further kinds by their group, from `reads` 2 on. Of these, what no literal pins is no entry: `$(params.image)`.
_MORE_PATHS: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    # https://argo-workflows.readthedocs.io/en/latest/fields/#cronworkflowspec
    ("argoproj.io", "CronWorkflow"): tuple(path.replace(".spec.", ".spec.workflowSpec.", 1) for path in _OF_ARGO),
    # https://knative.dev/docs/serving/reference/serving-api/#serving.knative.dev/v1.Configuration
    ("serving.knative.dev", "Configuration"): _TEMPLATE,
    # https://tekton.dev/docs/pipelines/pipeline-api/: Task, ClusterTask, TaskRun, Pipeline, PipelineRun
    ("tekton.dev", "Task"): _below([".spec"], _STEPS),
    ("tekton.dev", "ClusterTask"): _below([".spec"], _STEPS),
    ("tekton.dev", "TaskRun"): _below([".spec.taskSpec"], _STEPS),
    ("tekton.dev", "Pipeline"): _below([".spec.tasks[].taskSpec", ".spec.finally[].taskSpec"], _STEPS),
    ("tekton.dev", "PipelineRun"): _below(
        [".spec.pipelineSpec.tasks[].taskSpec", ".spec.pipelineSpec.finally[].taskSpec"], _STEPS
    ),
    # https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/#clusterspec
    ("postgresql.cnpg.io", "Cluster"): (".spec.imageName",),
    # https://cloudnative-pg.io/documentation/current/image_catalog/
    ("postgresql.cnpg.io", "ImageCatalog"): (".spec.images[].image",),
    ("postgresql.cnpg.io", "ClusterImageCatalog"): (".spec.images[].image",),
    # https://github.com/rancher/system-upgrade-controller/blob/master/doc/plan.md
    ("upgrade.cattle.io", "Plan"): (".spec.upgrade.image", ".spec.prepare.image"),
    # https://www.dragonflydb.io/docs/managing-dragonfly/operator/dragonfly-configuration
    ("dragonflydb.io", "Dragonfly"): (".spec.image",),
    # https://docs.emqx.com/en/emqx-operator/latest/reference/v2beta1-reference.html
    ("apps.emqx.io", "EMQX"): (".spec.image",),
    # https://gateway.envoyproxy.io/docs/api/extension_types/#kubernetescontainerspec
    ("gateway.envoyproxy.io", "EnvoyProxy"): _below(
        [".spec.provider.kubernetes.envoyDeployment", ".spec.provider.kubernetes.envoyDaemonSet"], [".container.image"]
    ),
    # https://cybozu-go.github.io/moco/crd_mysqlcluster_v1beta2.html
    ("moco.cybozu.com", "MySQLCluster"): _below([".spec.podTemplate.spec"], _CONTAINERS),
    # https://docs.openshift.com/container-platform/latest/rest_api/workloads_apis/deploymentconfig-apps-openshift-io-v1.html
    ("apps.openshift.io", "DeploymentConfig"): _TEMPLATE,
    # https://kserve.github.io/website/latest/reference/api/#serving.kserve.io/v1beta1.InferenceServiceSpec
    ("serving.kserve.io", "InferenceService"): _below(
        [".spec.predictor", ".spec.transformer", ".spec.explainer"], [*_CONTAINERS, ".model.image"]
    ),
    # https://kserve.github.io/website/latest/reference/api/#serving.kserve.io/v1alpha1.ServingRuntimeSpec
    ("serving.kserve.io", "ServingRuntime"): _below([".spec"], _CONTAINERS),
    ("serving.kserve.io", "ClusterServingRuntime"): _below([".spec"], _CONTAINERS),
}
#: Annotations of what is made anew when it changes.
_REPLACED: Final = ("argocd.argoproj.io/hook", "helm.sh/hook", "kustomize.toolkit.fluxcd.io/force")


@dataclass(frozen=True, slots=True)
class ManifestsTarget(YamlTarget):
    """A file with manifests; see `Target`. `kinds` are paths to images in custom resources, by their kinds."""

    NOUN: ClassVar = "manifest"
    POSSIBLE_NAMES: ClassVar = re.compile(r".*\.ya?ml", re.DOTALL)  # any YAML file, but most are something else
    MORE_NAMES: ClassVar = re.compile(r".*\.json", re.DOTALL)
    CUT: ClassVar = True
    PINNED_AGAIN_BY: ClassVar = "`images:`"

    kinds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: The images that kustomizations pin for the file, each with the path of the kustomization.
    above: tuple[tuple[str, str], ...] = ()

    def places(self, parsed: Document, target: str = "") -> Iterator[Place[Slot]]:
        """The images of all its resources; see `YamlTarget`. `target`: what its JSON patches are for."""
        above, found = dict(self.above), _places(parsed, dict(self.kinds), self.reads)
        if self.reads >= 2:
            patched = (place for root in parsed.roots for place in _of_patch(parsed, root, target))
            found = chain(found, number(parsed.file, patched))
        for place in found:
            by = above.get(place.entry.repository or "")
            yield place if by is None else place.with_entry(decided_by=by)

    def count(self, data: bytes) -> int:
        """How many lines look like images of a resource."""
        if self.reads >= 2 and _may_be_patch(data):
            return YamlTarget.count(self, data)
        image = _MORE_IMAGES if self.reads >= 2 else _IMAGE
        return len(image.findall(data)) if is_resource(data, in_braces=self.reads >= 2) else 0


def may_be_resource(data: bytes, reads: int) -> bool:
    """Whether a file looks like resources of Kubernetes, or patches of some."""
    return is_resource(data, in_braces=reads >= 2) or (reads >= 2 and _may_be_patch(data))


def is_resource(data: bytes, *, in_braces: bool = False) -> bool:
    """Whether a file looks like resources of Kubernetes; `in_braces`: it may be JSON, or written like it."""
    if in_braces and _BRACE.match(data):
        return bool(_KIND_IN_BRACES.search(data) and _VERSION_IN_BRACES.search(data))
    return bool(_KIND.search(data) and _VERSION.search(data))


def _may_be_patch(data: bytes) -> bool:
    """Whether a file may be a JSON patch: it is cheap to ask."""
    return b"image" in data and _OPERATION.search(data) is not None and _POINTER.search(data) is not None


def _places(parsed: Document, kinds: Mapping[str, Sequence[str]], reads: int) -> Iterator[Place[Slot]]:
    """The images of every resource, in the order of the file; `kinds` are further kinds and their paths."""
    by_value: dict[tuple[int, str], Place[Slot]] = {}
    for resource in _resources(parsed.roots):
        kind, name = nodes.text(resource, "kind"), nodes.text(nodes.value(resource, "metadata"), "name")
        paths, more = kinds.get(kind, _PATHS.get(kind, ())), False
        if not paths and reads >= 2:
            group = nodes.text(resource, "apiVersion").partition("/")[0]
            paths, more = _MORE_PATHS.get((group, kind), ()), True
        for path in paths:
            *way, key = path.removeprefix(".").replace("[]", ".[]").split(".")
            for mapping, label, twice in _at(resource, way, set()):
                slot = Slot(mapping, key)
                pair, refusal = slot.pair, None
                if pair is None or not isinstance(pair.value, ScalarNode) or len(by_value) > ENTRY_LIMIT:
                    continue
                if more and not pins_image(slot.text or ""):
                    continue
                if "://" in (slot.text or ""):  # what ko builds stands there as ko://
                    message = f"{key} is an address, not the name of an image"
                    refusal = parsed.problem(pair.value, message, "Pin the image that is built from it.")
                elif twice is not None:
                    message = f"{str(twice.value)[:100]} stands there twice"
                    refusal = parsed.problem(twice, message, "Keep one of them: programs disagree which one counts.")
                # Beside an image of a catalog stands its major version, which a catalog has once.
                major = nodes.text(mapping, "major") if kind.endswith("ImageCatalog") else ""
                place = reference(parsed, "/".join(filter(None, (kind, name, label or major))), slot, refusal=refusal)
                is_major = bool(major) and replace(place.entry, major=major).is_within(place.entry.pin.tag or "")
                stays = kind == "Job" and not _is_replaced(resource)
                by_value[id(mapping), key] = place.with_entry(major=major if is_major else None, runs_once=stays)
    places = sorted(by_value.values(), key=lambda place: (place.entry.line, place.entry.column))
    return number(parsed.file, places)


def _is_replaced(job: Node) -> bool:
    """Whether a Job goes away by itself, or is replaced where it changes: by Argo CD, Flux or Helm.

    Otherwise its template stays as it was made. https://kubernetes.io/docs/concepts/workloads/controllers/job/
    """
    metadata = nodes.value(job, "metadata")
    marks = nodes.pairs(nodes.value(metadata, "annotations"))
    options = nodes.text(nodes.value(metadata, "annotations"), "argocd.argoproj.io/sync-options")
    return (
        not marks.keys().isdisjoint(_REPLACED)
        or "Replace=true" in options
        or nodes.at(job, "spec", "ttlSecondsAfterFinished") is not None
        or nodes.value(metadata, "generateName") is not None
    )


def _resources(roots: Sequence[Node]) -> Iterator[MappingNode]:
    for root in roots:
        if isinstance(root, MappingNode):
            items = nodes.value(root, "items")
            if nodes.text(root, "kind").endswith("List") and isinstance(items, SequenceNode):
                yield from (item for item in items.value if isinstance(item, MappingNode))
            else:
                yield root


def _at(
    node: Node, way: Sequence[str], seen: set[tuple[int, int]], label: str = "", twice: ScalarNode | None = None
) -> Iterator[tuple[MappingNode, str, ScalarNode | None]]:
    """The mappings at the end of a path, each once, with the name of the nearest item of a list that has one.

    The last is a key on the way that its mapping has twice. Aliases may lead to one node a million times: `seen`.
    """
    if (id(node), len(way)) in seen:
        return
    seen.add((id(node), len(way)))
    if not way:
        if isinstance(node, MappingNode):
            yield node, label, twice
        return
    step, *rest = way
    if step == "[]":
        for item in nodes.items(node):
            yield from _at(item, rest, seen, nodes.text(item, "name") or label, twice)
    elif isinstance(node, MappingNode) and (pairs := [pair for pair in node.value if pair[0].value == step]):
        yield from _at(pairs[0][1], rest, seen, label, pairs[1][0] if len(pairs) > 1 else twice)


def _of_patch(parsed: Document, root: Node | None, target: str = "") -> Iterator[Place[Slot]]:
    """The images that operations of a JSON patch set, named by their `target` (`Deployment/web`) and path."""
    for operation in nodes.items(root):
        path = nodes.text(operation, "path")
        if not isinstance(operation, MappingNode) or nodes.text(operation, "op") not in ("add", "replace"):
            continue
        if path.endswith("/image"):
            values = [(Slot(operation, "value"), "")]
        else:
            value = nodes.value(operation, "value") if _TO_CONTAINERS.search(path) else None
            containers = [item for item in (value, *nodes.items(value)) if isinstance(item, MappingNode)]
            values = [(Slot(container, "image"), nodes.text(container, "name")) for container in containers]
        for slot, name in values:
            if slot.text is not None and pins_image(slot.text):
                yield reference(parsed, "/".join(filter(None, (f"{target}{path}".strip("/"), name))), slot)
