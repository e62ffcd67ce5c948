"""The repositories that a tag leaves to other files: `image.repository` of a chart's `values.yaml`.

An environment often gives the tag alone, in `values-production.yaml` or in the resource of Argo CD or Flux that deploys
the chart. Helm lays these over the values of the chart, and over those that the resource names before them.
https://helm.sh/docs/chart_template_guide/values_files/
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.targets import document, nodes
from gitops_bot.targets.helm import source_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ruamel.yaml.nodes import Node

_NAMES: Final = ("values.yaml", "values.yml")
#: How many directories above a file of values its chart may be: `charts/web/env/production/values.yaml`.
_UP: Final = 2
_PIN: Final = re.compile(rb"\b(?:tag|digest|sha)\b")
#: What a resource has that deploys a chart of a repository.
_DEPLOYS: Final = re.compile(rb"\b(?:GitRepository|Bucket)\b|\bhelm[\"']?[ \t]*:")
#: `$values/apps/web.yaml`: a file of the source that is called so, which may be this repository.
_REF: Final = re.compile(r"\$[^/]+/")
#: Keys of which one says what is pinned.
_IMAGES: Final = frozenset({"repository", "image", "name"})
_PINS: Final = frozenset({"tag", "digest", "sha"})


def sources(root: Node) -> Iterator[tuple[str, Node, Sequence[str]]]:
    """The charts that a resource deploys, each by its path or name, where its values stand, and the files of values."""
    spec = nodes.value(root, "spec")
    match nodes.text(root, "kind"):
        case "HelmRelease":
            chart = nodes.text(nodes.at(spec, "chart", "spec"), "chart")
            yield source_name(spec), spec or root, _joined(chart, ())
        case "ApplicationSet":
            yield from _of_application(nodes.at(spec, "template", "spec"))
        case "Application":
            yield from _of_application(spec)


def _of_application(spec: Node | None) -> Iterator[tuple[str, Node, Sequence[str]]]:
    for source in (nodes.value(spec, "source"), *nodes.items(nodes.value(spec, "sources"))):
        helm = nodes.value(source, "helm")
        if source is not None and helm is not None:
            listed = nodes.items(nodes.value(helm, "valueFiles"))
            files = [str(item.value) for item in listed if isinstance(item, ScalarNode)]
            yield source_name(source), helm, _joined(nodes.text(source, "path"), files)


def _joined(path: str, files: Sequence[str]) -> list[str]:
    """The values of a chart at this path, and these files of values, as paths from the top of the repository."""
    own = [posixpath.join(path, name) for name in _NAMES] if path else []
    further = [_REF.sub("/", file, count=1) if file[:1] == "$" else posixpath.join(path, file) for file in files]
    return [posixpath.normpath(file).lstrip("/") for file in (*own, *further)]


def files_below(path: str, data: bytes, present: Collection[str], *, is_values: bool) -> dict[str, list[str]]:
    """The files whose values lie below those of a file that gives a tag alone, by the source; the last one wins.

    `present` are the paths of all files; `is_values`: the file has nothing but values.
    """
    near = _near(path, present) if is_values else []
    # Most files have no values below theirs, and composing all of them takes seconds.
    if not _PIN.search(data) or not (near or (not is_values and _DEPLOYS.search(data))):
        return {}
    try:
        roots = document.read(data, path).roots
    except EditError:
        return {}  # who reads it says why
    if not any(map(_gives_a_pin_alone, nodes.walk(roots))):
        return {}
    if is_values:
        return {"": near}
    found = {name: [file for file in files if file in present] for root in roots for name, _, files in sources(root)}
    return {name: files for name, files in found.items() if files}


def _near(path: str, present: Collection[str]) -> list[str]:
    """The nearest other file of values in the directory of one, or above."""
    directory = posixpath.dirname(path)
    for _ in range(_UP + 1):
        for name in _NAMES:
            if (file := posixpath.join(directory, name)) in present and file != path:
                return [file]
        directory = posixpath.dirname(directory)
    return []


def _gives_a_pin_alone(node: Node) -> bool:
    """Whether a node is a tag or a digest without a repository, a parameter of one, or a text that may have one."""
    if isinstance(node, ScalarNode):
        return "\n" in node.value and _PIN.search(str(node.value).encode()) is not None
    if not isinstance(node, MappingNode):
        return False
    keys = {str(key.value) for key, _ in node.value if isinstance(key, ScalarNode)}
    is_parameter = keys >= {"name", "value"} and nodes.text(node, "name").rpartition(".")[2] in _PINS
    return is_parameter or (not keys.isdisjoint(_PINS) and keys.isdisjoint(_IMAGES))
