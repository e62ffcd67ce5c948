"""Which directories Argo CD and Flux deploy, as the manifests in the same repository say.

Only what the file itself tells counts: paths of an Argo CD `Application`, those that an `ApplicationSet` makes of its
list, its `values` and of directories in Git, and the `path` of a Flux `Kustomization`. Any other part of a template
matches any text. A path may be of another repository; callers look for it in this one. A directory beside those of a
list, and one that Git's directories exclude, is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import noted
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.targets.yaml_values import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.targets.yaml_values import Placed

#: Only files that contain one of these are parsed.
MARKS: Final = (b"argoproj.io/", b"kustomize.toolkit.fluxcd.io/")
_KIND: Final = re.compile(
    r"(?:^[ \t-]*|[{,]\s*)[\"']?kind[\"']?\s*:\s*[\"']?(?:Application|ApplicationSet|Kustomization)\b", re.MULTILINE
)
#: Bytes of a file beyond which no person wrote it.
_LONGEST: Final = 256 * 1024
#: Bytes of all manifests that are parsed, at some 5 microseconds each.
_MOST_BYTES: Final = 2 * 1024 * 1024
#: Paths that one ApplicationSet may make, and all manifests together.
_MOST: Final = 1000
_MOST_PATHS: Final = 2000
_SEPARATOR: Final = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_PLACEHOLDER: Final = re.compile(r"\{\{[ \t]*\.?([A-Za-z0-9_.-]{0,100})[ \t]*\}\}")
_ANY: Final = re.compile(r"\{\{[^{}]{0,200}\}\}")
_STARS: Final = re.compile(r"\*+")
#: Generators that have all elements in the manifest, or are made of such.
_LISTED: Final = frozenset({"list", "matrix", "merge"})


@dataclass(frozen=True, slots=True)
class DeployedPath:
    """A directory, as a glob, and what deploys it: `Argo CD Application web`. `names` may tell the environment.

    `is_left`: that one means such directories, and deploys none but those that it names.
    """

    path: Glob
    by: str
    file: str
    names: tuple[str, ...]
    is_left: bool = False


class DeployedPaths:
    """What is deployed, in the order of the files, by the prefixes of the paths, so that few are compared."""

    def __init__(self, deployments: Iterable[DeployedPath] = ()) -> None:
        self._by_prefix: dict[str, list[tuple[int, DeployedPath]]] = {}
        for at, deployment in enumerate(deployments):
            self._by_prefix.setdefault(deployment.path.prefix, []).append((at, deployment))

    def of_directories(self, directories: Iterable[str]) -> list[DeployedPath]:
        """What deploys any of these directories, each once, in the order of the files."""
        return [deployment for deployment in self._matching(directories) if not deployment.is_left]

    def leaves_out(self, directory: str) -> bool:
        """Whether something that deploys directories like this one, or one above it, deploys none of them."""
        parts = directory.split("/")
        meaning = self._matching("/".join(parts[: end + 1]) for end in range(len(parts)))
        return any(deployment.is_left for deployment in meaning) and all(deployment.is_left for deployment in meaning)

    def _matching(self, directories: Iterable[str]) -> list[DeployedPath]:
        deployments: dict[int, DeployedPath] = {}
        for directory in directories:
            path = "" if directory == "." else f"{directory}/"
            for prefix in ("", *(path[: at + 1] for at, char in enumerate(path) if char == "/")):
                for at, deployment in self._by_prefix.get(prefix, ()):
                    if at not in deployments and deployment.path.match(path) is not None:
                        deployments[at] = deployment
        return [deployments[at] for at in sorted(deployments)]


def deployments(files: Iterable[tuple[str, bytes]], bugs: list[Problem]) -> tuple[DeployedPath, ...]:
    """What the manifests among these files deploy, in their order, up to a limit; `bugs` gets files that meet a bug."""
    return tuple(islice(_of_files(files, bugs), _MOST_PATHS))


def _of_files(files: Iterable[tuple[str, bytes]], bugs: list[Problem]) -> Iterator[DeployedPath]:
    left = _MOST_BYTES
    for file, data in files:
        if len(data) > _LONGEST or not any(mark in data for mark in MARKS):
            continue
        left -= len(data)
        if left < 0:
            return
        with noted(bugs, file):
            for text in _SEPARATOR.split(data.decode("utf-8", "replace")):
                if any(mark.decode() in text for mark in MARKS) and _KIND.search(text):
                    for manifest in documents(text) or ():
                        yield from of_manifest(manifest, file)


def of_manifest(manifest: Placed, file: str) -> Iterator[DeployedPath]:
    """What one resource deploys."""
    spec, name = manifest.at("spec"), manifest.at("metadata", "name").text
    names = (name, manifest.at("metadata", "namespace").text, file)
    match manifest.at("kind").text:
        case "Application":
            yield from _as_globs(_paths(spec), f"Argo CD Application {name}", file, (*names, *_target(spec)))
        case "ApplicationSet":
            template, by = spec.at("template", "spec"), f"Argo CD ApplicationSet {name}"
            yield from _of_set(spec, _paths(template), by, file, (*names, *_target(template)))
        case "Kustomization" if "fluxcd" in manifest.at("apiVersion").text:
            by, target = f"Flux Kustomization {name}", spec.at("targetNamespace").text
            yield from _as_globs([spec.at("path").text], by, file, (*names, target))


def _of_set(spec: Placed, paths: Sequence[str], by: str, file: str, names: tuple[str, ...]) -> Iterator[DeployedPath]:
    """What an ApplicationSet deploys, and the directories like these that it leaves out."""
    generators = spec.at("generators")
    elements, directories, excluded = _list_generators(generators)
    left = list(_fill(paths, elements, excluded)) if excluded else []
    yield from _as_globs(_fill(paths, elements, directories), by, file, names, left)
    if all(_LISTED & {key for key, _ in generator.entries} for generator in generators.items):
        left += _beside(paths, elements)
    yield from (replace(path, is_left=True) for path in _as_globs(left, by, file, names))


def _paths(spec: Placed) -> list[str]:
    """The paths of an Application's sources; a chart of a Helm repository has none here."""
    sources = (*spec.at("sources").items, spec.at("source"))
    return [source.at("path").text for source in sources if not source.has("chart")]


def _target(spec: Placed) -> tuple[str, str, str]:
    return spec.at("destination", "namespace").text, spec.at("destination", "name").text, spec.at("project").text


def _fill(
    paths: Iterable[str], elements: Sequence[Mapping[str, str]], directories: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """The paths that a template makes of what its generators list; anything else becomes `*`."""
    for path in paths:
        for directory, element in islice(product(directories or [{}], elements or [{}]), _MOST):
            known = {**element, **directory}
            yield _PLACEHOLDER.sub(lambda match, known=known: known.get(match[1], "*"), path)  # type: ignore[misc]


def _beside(paths: Iterable[str], elements: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The paths that other elements of the lists would make, below a directory that the template names."""
    for path in paths:
        names = _PLACEHOLDER.findall(path)
        if (
            names
            and "{" not in path.partition("/")[0]
            and elements
            and all(set(names) <= {*element} for element in elements)
        ):
            yield path


def _list_generators(generators: Placed) -> tuple[list[dict[str, str]], list[dict[str, str]], list[dict[str, str]]]:
    """The elements of every list generator, and what every Git generator says of directories, in a matrix too.

    That is those that it has, and those that it excludes.

    The names for a directory are Argo CD's, with and without Go templates. An element may override `values`; in a
    merge, there may be none.
    """
    elements: list[dict[str, str]] = []
    values: list[dict[str, str]] = []
    merged = False
    directories: list[dict[str, str]] = []
    excluded: list[dict[str, str]] = []
    waiting, looked = [*reversed(generators.items)], 0
    while waiting and (looked := looked + 1) < _MOST:
        generator = waiting.pop()
        elements += (
            {key: value.text for key, value in element.entries if value.is_text}
            for element in generator.at("list", "elements").items
            if element.pairs is not None
        )
        for directory in generator.at("git", "directories").items:
            path = directory.at("path").text
            if path:
                names = dict.fromkeys(("path", "path.path"), path) | {"path.basename": path.rpartition("/")[2]}
                (excluded if directory.at("exclude").text == "true" else directories).append(names)
        merged = merged or generator.has("merge")
        for _, settings in generator.entries:
            waiting += reversed(settings.at("generators").items)
            if own := {f"values.{key}": value.text for key, value in settings.at("values").entries if value.is_text}:
                values.append(own)
    if values:
        others = elements if elements and not merged else [{}, *elements]
        elements = [own | element for own, element in islice(product(values, others), _MOST)]
    return elements, directories, excluded


def _as_globs(
    paths: Iterable[str], by: str, file: str, names: tuple[str, ...], exclude: Sequence[str] = ()
) -> Iterator[DeployedPath]:
    for path in dict.fromkeys(paths):
        text = _as_text(path)
        if text in ("", ".", "*"):  # of which nothing follows for a directory
            continue
        try:
            yield DeployedPath(
                Glob.parse(text, tuple(map(_as_text, exclude))), by[:200], file, tuple(name for name in names if name)
            )
        except ValueError:
            continue


def _as_text(path: str) -> str:
    """A path as a glob: anything else in braces is of a template that only Argo CD can fill in."""
    return _STARS.sub("*", _ANY.sub("*", path.strip())).rstrip("/")
