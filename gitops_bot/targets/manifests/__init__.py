"""Plain manifests of Kubernetes: the images of containers and volumes, and where some controllers have theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets import nodes
from gitops_bot.targets.yaml_pins import ENTRY_LIMIT, Slot, YamlTarget, number, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


@dataclass(frozen=True, slots=True)
class ManifestsTarget(YamlTarget):
    """A file with manifests; see `Target`. `kinds` are paths to images in custom resources, by their kinds."""

    NOUN: ClassVar = "manifest"
    POSSIBLE_NAMES: ClassVar = re.compile(r".*\.ya?ml", re.DOTALL)  # any YAML file, but most are something else
    CUT: ClassVar = True
    PINNED_AGAIN_BY: ClassVar = "`images:`"

    kinds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: The images that kustomizations pin for the file, each with the path of the kustomization.
    above: tuple[tuple[str, str], ...] = ()

    def places(self, parsed: Document) -> Iterator[Place[Slot]]:
        """The images of all its resources; see `YamlTarget`."""
        above = dict(self.above)
        for place in _places(parsed, dict(self.kinds)):
            by = above.get(place.entry.repository or "")
            yield place if by is None else place.with_entry(decided_by=by)

    def count(self, data: bytes) -> int:
        """How many lines look like images of a resource."""
        return len(_IMAGE.findall(data)) if is_resource(data) else 0


def is_resource(data: bytes) -> bool:
    """Whether a file looks like resources of Kubernetes."""
    return bool(_KIND.search(data) and _VERSION.search(data))


def _places(parsed: Document, kinds: Mapping[str, Sequence[str]]) -> Iterator[Place[Slot]]:
    """The images of every resource, in the order of the file; `kinds` are further kinds and their paths."""
    by_value: dict[tuple[int, str], Place[Slot]] = {}
    for resource in _resources(parsed.roots):
        kind, name = nodes.text(resource, "kind"), nodes.text(nodes.value(resource, "metadata"), "name")
        for path in kinds.get(kind, _PATHS.get(kind, ())):
            *way, key = path.removeprefix(".").replace("[]", ".[]").split(".")
            for mapping, label, twice in _at(resource, way, set()):
                slot = Slot(mapping, key)
                pair, refusal = slot.pair, None
                if pair is None or not isinstance(pair.value, ScalarNode) or len(by_value) > ENTRY_LIMIT:
                    continue
                if "://" in (slot.text or ""):  # what ko builds stands there as ko://
                    message = f"{key} is an address, not the name of an image"
                    refusal = parsed.problem(pair.value, message, "Pin the image that is built from it.")
                elif twice is not None:
                    message = f"{str(twice.value)[:100]} stands there twice"
                    refusal = parsed.problem(twice, message, "Keep one of them: programs disagree which one counts.")
                entry = "/".join(part for part in (kind, name, label) if part)
                by_value[id(mapping), key] = reference(parsed, entry, slot, refusal=refusal)
    places = sorted(by_value.values(), key=lambda place: (place.entry.line, place.entry.column))
    return number(parsed.file, places)


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
