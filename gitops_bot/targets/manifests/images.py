"""Where the resources of Kubernetes, and of some controllers, have their images.

A path leads from the top of a resource: `.spec.template.spec` is a key in a key, `[]` means every item of a list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets import nodes, refusals
from gitops_bot.targets.yaml_pins import Place, Slot, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document

#: What has an image in the specification of a pod.
_IN_A_POD: Final = (
    ".containers[].image",
    ".initContainers[].image",
    ".ephemeralContainers[].image",
    ".volumes[].image.reference",
)
_TEMPLATE: Final = tuple(f".spec.template.spec{path}" for path in _IN_A_POD)
#: The paths to images, by kind. A Rollout is of Argo Rollouts, a Workflow of Argo Workflows, such a Service of Knative.
PATHS: Final[Mapping[str, Sequence[str]]] = {
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


def places(document: Document, kinds: Mapping[str, Sequence[str]]) -> Iterator[Place]:
    """The images of every resource, in the order of the file; `kinds` are further kinds and their paths."""
    shared = refusals.shared(document.roots)
    found: list[Place] = []
    for resource in _resources(document.roots):
        kind, name = nodes.text(resource, "kind"), nodes.text(nodes.value(resource, "metadata"), "name")
        for path in kinds.get(kind, PATHS.get(kind, ())):
            *way, key = _steps(path)
            for mapping, label in _at(resource, way):
                if (pair := Slot(mapping, key).pair) is not None and isinstance(pair.value, ScalarNode):
                    entry = "/".join(part for part in (kind, name, label) if part)
                    found.append(reference(document, entry, Slot(mapping, key), shared=shared))
    found.sort(key=lambda place: (place.entry.line, place.entry.column))
    counts: Counter[str] = Counter()
    for place in found:
        counts[place.entry.name] += 1
        number = counts[place.entry.name]
        yield place if number == 1 else replace(place, entry=replace(place.entry, name=f"{place.entry.name}#{number}"))


def _resources(roots: Sequence[Node]) -> Iterator[MappingNode]:
    for root in roots:
        if isinstance(root, MappingNode):
            items = nodes.value(root, "items")
            if nodes.text(root, "kind").endswith("List") and isinstance(items, SequenceNode):
                yield from (item for item in items.value if isinstance(item, MappingNode))
            else:
                yield root


def _at(node: Node, way: Sequence[str], label: str = "") -> Iterator[tuple[MappingNode, str]]:
    """The mappings at the end of a path, each with the name of the nearest item of a list that has one."""
    if not way:
        if isinstance(node, MappingNode):
            yield node, label
        return
    step, *rest = way
    if step == "[]":
        for item in node.value if isinstance(node, SequenceNode) else ():
            yield from _at(item, rest, nodes.text(item, "name") or label)
    elif (value := nodes.value(node, step)) is not None:
        yield from _at(value, rest, label)


def _steps(path: str) -> list[str]:
    return path.removeprefix(".").replace("[]", ".[]").split(".")
