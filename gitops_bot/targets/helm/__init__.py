"""Values of Helm charts: in files of their own, and in resources of Argo CD and Flux.

Images are found by their shape, or by the paths that a configuration gives. The shapes are a mapping with `repository`
beside `tag` or a digest, with or without `registry`, and a text at the key `image` that is a reference with a tag or a
digest. A tag that is empty is the chart's own choice, and no pin.

From `reads` 2 on there are also a mapping with `image` or `name` instead of `repository`, where its text has a registry
or a `/`; a text at a key that ends in `image`, such as `kanikoImage`; a tag whose repository stands in other values
(`chart_values.py`); the `valuesContent` of a HelmChart of K3s; the images that the resources give to kustomize; and
`.argocd-source.yaml`, which Argo CD lays over an Application.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Pin, split
from gitops_bot.targets import document, nodes
from gitops_bot.targets.helm import kustomize
from gitops_bot.targets.nodes import KeyAndValue
from gitops_bot.targets.pin_file import FileEntry, Place
from gitops_bot.targets.yaml_pins import Slot, YamlTarget, apart, has_placeholder, number, pins_image, reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Block, Document

#: What a chart has beside its values.
CHART: Final = "Chart.yaml"

#: A tag, a digest, and the repository of which they may be a part.
_TAG, _DIGEST, _REPOSITORY = (
    re.compile(rb"(?:^|[{, \t])[\"']?(?:%b)[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9/]" % key, re.MULTILINE)
    for key in (b"tag", b"digest|sha", b"repository")
)
#: A text with all of an image.
_IMAGE: Final = re.compile(
    rb"^[ \t-]*[\"']?image[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9][\w./:-]*[:@][\w]", re.MULTILINE | re.ASCII
)
_PARAMETER: Final = re.compile(rb"name[\"']?:[ \t]*[\"']?[\w.-]*(?:tag|image)[\"']?[ \t\r]*[,\n]", re.ASCII)
#: What resources have at the top, and what starts a list or stands in braces.
_RESOURCE: Final = re.compile(
    rb"\A(?:[ \t]*+(?:#[^\n]*+)?+\n)*+[ \t]*+[{\[-](?!--)|^[\"']?apiVersion[\"']?[ \t]*:", re.MULTILINE
)
#: The keys at the top of other files with images in one text: of compose, and of pipelines.
_OTHER: Final = re.compile(rb"^[\"']?(?:services|jobs|stages|steps|pipeline|runs|on)[\"']?[ \t]*:", re.MULTILINE)
#: The resources that hold values, at the beginning of a line.
_KIND: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|HelmRelease)\b", re.MULTILINE
)
#: A HelmChart of K3s, and what only workloads have: beside these, the file is one of manifests.
#: https://github.com/k3s-io/helm-controller/blob/master/pkg/apis/helm.cattle.io/v1/types.go
_OF_K3S: Final = re.compile(rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?HelmChart(?:Config)?\b", re.MULTILINE)
_WORKLOAD: Final = re.compile(rb"^[ \t-]*[\"']?containers[\"']?[ \t]*:", re.MULTILINE)
#: How the key of a text with all of an image ends.
_IMAGE_ENDS: Final = ("image", "Image")
#: Keys beside an image that is built, and not run, by what reads the file.
_BUILDS: Final = frozenset({"buildargs", "context", "dockerfile"})
#: Characters of all texts with values together: each of them is read with a bound of its own.
_TEXT_LIMIT: Final = 1 << 18
_PARAMETER_LIMIT: Final = 1_000
#: What a text has that pins an image.
_PINS: Final = re.compile(r"\b(?:image|tag|digest|sha)\b")
#: A digest without the name of its algorithm, as charts want it at the key `sha`.
_BARE: Final = re.compile(r"[0-9a-f]{64}")
#: What `sha` may be beside that, in full or short.
_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,40}")
#: Characters of a name.
_LONGEST: Final = 300
#: Where both are there, the first is the one that charts render.
_DIGESTS: Final = ("digest", "sha")


class Default(NamedTuple):
    """What other values say at some keys, for a `source` of a resource; for a file of values that is empty."""

    source: str
    keys: tuple[str, ...]
    registry: str
    repository: str


@dataclass(frozen=True, slots=True)
class HelmTarget(YamlTarget):
    """A file with values of Helm; see `Target`. `images` are the ones to look for, by their names."""

    NOUN: ClassVar = "values file"
    FILE_NAMES: ClassVar = ("values.yaml",)
    #: As in `values-production.yaml` and `web.values.yml`.
    NAMES: ClassVar = re.compile(
        r"(?:.*values|(?:.*[-_.])?values(?:[-_.].*)?)\.ya?ml", re.IGNORECASE | re.ASCII | re.DOTALL
    )
    POSSIBLE_NAMES: ClassVar = re.compile(r".*\.ya?ml", re.DOTALL)
    CUT: ClassVar = True

    images: tuple[tuple[str, ImagePaths], ...] = ()
    #: What the values below its own say.
    defaults: tuple[Default, ...] = ()

    def places(self, parsed: Document) -> Iterable[Place[Slot]]:
        """The images in its values, with the label of these where there are several; see `YamlTarget`."""
        trees = list(_trees(parsed, self.reads, self.defaults))
        pairs = [(tree.label, place) for tree in trees for place in tree.places(self.images, self.reads)]
        if self.reads >= 2 and not self.images:
            pairs += kustomize.places(parsed)
        labels = {label for label, _ in pairs}
        if len(labels) == 1:
            labels = set()
        elif self.reads >= 2:  # what `reads: 1` names without a label stays without one
            old = {tree.label for tree in _trees(parsed, 1) if tree.places(self.images, 1)}
            labels -= old if len(old) == 1 else set()
        named = (
            place.with_entry(name=f"{label}.{place.entry.name}") if label in labels else place for label, place in pairs
        )
        places = number(parsed.file, named)
        return sorted(places, key=lambda place: (place.entry.line, place.entry.column)) if self.reads >= 2 else places

    def count(self, data: bytes) -> int:
        """How many lines look like pins in values; of a file with images for kustomize, how many entries it has."""
        by_kustomize = self.reads >= 2 and kustomize.may_be_in(data) and not _WORKLOAD.search(data)
        if by_kustomize and (count := YamlTarget.count(self, data)):
            return count
        pinned = len(_TAG.findall(data)) or len(_DIGEST.findall(data))
        of_k3s = self.reads >= 2 and _OF_K3S.search(data) and not _WORKLOAD.search(data)
        if _KIND.search(data) or of_k3s:
            return pinned + len(_IMAGE.findall(data)) + len(_PARAMETER.findall(data))
        if _RESOURCE.search(data):
            return 0
        if not self.defaults and not _REPOSITORY.search(data):
            pinned = 0
        return pinned if pinned or _OTHER.search(data) else len(_IMAGE.findall(data))


def _trees(parsed: Document, reads: int, defaults: Sequence[Default] = ()) -> Iterator[Tree]:
    """The values that a file holds, in its order; an EditError where there is more of it than is read."""
    for root in parsed.roots:
        spec, label = nodes.value(root, "spec"), nodes.text(nodes.value(root, "metadata"), "name")
        if not nodes.text(root, "apiVersion") or not nodes.text(root, "kind"):
            if reads >= 2 and kustomize.is_source(root):
                yield from _application(parsed, [root], "", defaults)
            else:
                yield Tree(parsed, root, defaults=_of_source(defaults, ""))
            continue
        match nodes.text(root, "kind"):
            case "HelmRelease":
                yield Tree(parsed, nodes.value(spec, "values"), label, defaults=_of_source(defaults, source_name(spec)))
            case "Application":
                yield from _application(parsed, _sources(spec), label, defaults)
            case "ApplicationSet":
                yield from _application(parsed, _sources(nodes.at(spec, "template", "spec")), label, defaults)
            case "HelmChart" | "HelmChartConfig" if reads >= 2:
                if spec is not None and _PINS.search(nodes.text(spec, "valuesContent")):
                    yield _text(parsed, spec, label, "valuesContent")


def source_name(source: Node | None) -> str:
    """What tells a source from others: the path or the name of its chart."""
    chart = nodes.text(nodes.at(source, "chart", "spec"), "chart")
    return chart or nodes.text(source, "path") or nodes.text(source, "chart")


def _of_source(defaults: Iterable[Default], source: str) -> Mapping[tuple[str, ...], Default]:
    return {default.keys: default for default in defaults if default.source == source}


def _sources(spec: Node | None) -> Sequence[Node | None]:
    return [nodes.value(spec, "source"), *nodes.items(nodes.value(spec, "sources"))]


def _application(
    parsed: Document, sources: Sequence[Node | None], label: str, defaults: Sequence[Default]
) -> Iterator[Tree]:
    with_values = [(source, helm) for source in sources if (helm := nodes.value(source, "helm")) is not None]
    seen: set[int] = set()
    size = 0
    for source, helm in with_values:
        own, below = label, _of_source(defaults, source_name(source))
        if len(with_values) > 1:
            own = nodes.text(helm, "releaseName") or nodes.text(source, "chart") or nodes.text(source, "path") or label
        # What an alias leads to is refused, and looked at once.
        values, parameters = (
            node if node is not None and id(node) not in seen else None
            for node in (nodes.value(helm, "valuesObject"), nodes.value(helm, "parameters"))
        )
        seen |= {id(values), id(parameters)}
        yield Tree(parsed, values, own, _parameters(parsed, parameters), defaults=below)
        text = nodes.text(helm, "values")
        size += len(text)
        if _PINS.search(text):
            if size > _TEXT_LIMIT:
                message = f"the texts with values have more than {_TEXT_LIMIT:,} characters together"
                raise EditError(parsed.problem(helm, message, "Split the file."))
            yield replace(_text(parsed, helm, own), defaults=below)


def _parameters(parsed: Document, node: Node | None) -> Mapping[str, Slot]:
    items = nodes.items(node)
    if len(items) > _PARAMETER_LIMIT:
        message = f"there are more than {_PARAMETER_LIMIT:,} parameters"
        raise EditError(parsed.problem(items[0], message, "Write them as values."))
    pairs = [(nodes.text(item, "name"), Slot(item, "value")) for item in items if isinstance(item, MappingNode)]
    return {name: slot for name, slot in pairs if name and slot.pair is not None}


def _text(parsed: Document, helm: Node, label: str, name: str = "values") -> Tree:
    """The values that stand in a text; where no single one of them can be replaced, they are read and refused."""
    key, value = next((key, value) for key, value in helm.value if key.value == name)
    if id(value) in parsed.shared:
        advice = "Write it out where it is meant to change: an edit here would change every use of the alias."
        why = parsed.problem(value, f"{name} is shared by an alias", advice)
    else:
        try:
            block = document.read_block(parsed, KeyAndValue(key, value))
            return Tree(block.document, block.document.root, label, block=block)
        except EditError as error:
            why = error.problem
    try:
        inside = document.compose(str(value.value), parsed.file)
    except EditError:
        return Tree(parsed, None, label, refusal=why)
    return Tree(inside, inside.root, label, refusal=why if inside.root is not None else None)


@dataclass(frozen=True, slots=True)
class ImagePaths:
    """Where an image of a configuration stands; each path is a tuple of keys.

    All of it may stand in one text, at `image`. A `name` is not a path, but the repository.
    """

    image: tuple[str, ...] | None = None
    registry: tuple[str, ...] | None = None
    repository: tuple[str, ...] | None = None
    tag: tuple[str, ...] | None = None
    digest: tuple[str, ...] | None = None
    name: str | None = None


def path(text: str) -> tuple[str, ...]:
    """The keys of a path: dotted (`.web.image.tag`), or as RFC 6901 has it (`/web/image/tag`)."""
    if text.startswith("/"):
        return tuple(key.replace("~1", "/").replace("~0", "~") for key in text[1:].split("/"))
    return tuple(text.removeprefix(".").split("."))


class _Way(NamedTuple):
    """A node, and the keys that lead to it; `twice` is one of them that its mapping has more than once."""

    node: Node
    keys: tuple[str, ...] = ()
    twice: ScalarNode | None = None

    def name(self, *key: str) -> str:
        """The path to the node, or to one of its keys: as a name, and so not longer than people read."""
        return ".".join((*self.keys, *key))[:_LONGEST]

    def inside(self) -> Iterator[_Way]:
        """What the node holds."""
        if isinstance(self.node, MappingNode):
            counts = Counter(key.value for key, _ in self.node.value if isinstance(key, ScalarNode))
            for key, value in self.node.value:
                if isinstance(key, ScalarNode):
                    twice = key if counts[key.value] > 1 else self.twice
                    yield _Way(value, (*self.keys, str(key.value)[:_LONGEST]), twice)
        elif isinstance(self.node, SequenceNode):
            for at, item in enumerate(self.node.value):
                yield _Way(item, (*self.keys, str(at)), self.twice)


@dataclass(frozen=True, slots=True)
class Tree:
    """Values in a file, told from others in it by `label`; `parameters` are single values by their paths.

    `block` is the text that holds them, where they stand in one; `refusal` says why none of that text can be edited.
    """

    document: Document
    root: Node | None
    label: str = ""
    parameters: Mapping[str, Slot] = field(default_factory=dict)
    block: Block | None = None
    refusal: Problem | None = None
    #: What the values below these say, by the keys.
    defaults: Mapping[tuple[str, ...], Default] = field(default_factory=dict)

    def places(self, images: Sequence[tuple[str, ImagePaths]], reads: int = 1) -> Sequence[Place[Slot]]:
        """Those of these images, or of all that have one of the shapes, where none are given, in the file's order."""
        if self.refusal is not None and self.root is None:
            return [self._refuse(Place(_entry("values", "")), self.refusal)]
        if images:
            candidates: Iterable[Place[Slot] | None] = (self._by_paths(name, paths) for name, paths in images)
        else:
            candidates = (*self._by_shape(reads), *self._of_parameters(reads))
        places = [replace(place, block=self.block) for place in candidates if place is not None]
        if self.refusal is not None:
            return [self._refuse(place, self.refusal) for place in places]
        return sorted(places, key=lambda place: (place.entry.line, place.entry.column))

    @staticmethod
    def _refuse(place: Place[Slot], why: Problem) -> Place[Slot]:
        return place.with_entry(refusal=why, line=why.line or 1, column=why.column or 1)

    def _by_shape(self, reads: int) -> Iterator[Place[Slot]]:
        seen: set[int] = set()
        waiting: list[_Way] = [_Way(self.root)] if self.root is not None else []
        while waiting:
            way = waiting.pop()
            if id(way.node) in seen:
                continue
            if not isinstance(way.node, ScalarNode):
                seen.add(id(way.node))
            waiting += reversed(list(way.inside()))
            if not isinstance(way.node, MappingNode):
                continue
            # The image that the mapping is, and the one that stands in a text at its key `image`.
            keys = ["image"]
            if reads >= 2:
                own = dict.fromkeys(str(key.value) for key, _ in way.node.value if isinstance(key, ScalarNode))
                keys += [key for key in own if key.endswith(_IMAGE_ENDS) and key != "image"]
            slots = [Slot(way.node, key) for key in keys]
            candidates = [
                _image(self.document, way.node, way.name(), reads, self.defaults.get(way.keys)),
                *(
                    reference(self.document, way.name(slot.key), slot)
                    for slot in slots
                    if slot.says_something and _is_scalar(slot) and pins_image(slot.text or "")
                ),
            ]
            for place in filter(None, candidates):
                if way.twice is not None and place.entry.refusal is None:
                    message = f"{str(way.twice.value)[:100]} stands there twice"
                    advice = "Keep one of them: most programs take the last."
                    yield place.with_entry(refusal=self.document.problem(way.twice, message, advice))
                else:
                    yield place

    def _of_parameters(self, reads: int) -> Iterator[Place[Slot]]:
        """Images whose tag is a parameter: `image.tag`, with its repository in another one or in the values."""
        for name, slot in self.parameters.items():
            way, _, last = name.rpartition(".")
            if (last == "image" or (reads >= 2 and last.endswith(_IMAGE_ENDS))) and pins_image(slot.text or ""):
                yield reference(self.document, name, slot)
            elif last == "tag" and slot.says_something:
                keys = tuple(way.split(".")) if way else ()
                of_updater = reads >= 2 and {f"{way}.name", f"{way}.repository"} & self.parameters.keys() == {
                    f"{way}.name"
                }
                paths = ImagePaths(
                    registry=(*keys, "registry"), repository=(*keys, "name" if of_updater else "repository"),
                    tag=(*keys, "tag"), digest=(*keys, "digest"), name="",
                )  # fmt: skip
                if (place := self._by_paths(way or name, paths)) is not None:
                    yield place

    def _slot(self, keys: tuple[str, ...] | None) -> Slot | None:
        """The value at a path: of a parameter, else in the values, even where only its last key is missing."""
        if keys is None:
            return None
        if (slot := self.parameters.get(".".join(keys))) is not None:
            return slot
        node = self.root
        for key in keys[:-1]:
            if isinstance(node, SequenceNode):
                node = node.value[int(key)] if key.isdecimal() and int(key[:9]) < len(node.value) else None
            else:
                node = nodes.value(node, key)
        return Slot(node, keys[-1]) if isinstance(node, MappingNode) else None

    def _by_paths(self, name: str, paths: ImagePaths) -> Place[Slot] | None:
        image, tag, digest = self._slot(paths.image), self._slot(paths.tag), _digest(self._slot(paths.digest))
        if image is not None:
            return reference(self.document, name, image) if image.pair is not None else None
        if (tag is None or tag.pair is None) and (digest is None or not digest.says_something):
            return None
        registry, repository = _present(self._slot(paths.registry)), _present(self._slot(paths.repository))
        below = self.defaults.get(paths.tag[:-1]) if paths.name == "" and paths.tag is not None else None
        full = paths.name if repository is None and below is None else _full_name(registry, repository, below)
        if paths.name == "" and digest is not None and digest.pair is None:
            digest = None  # nobody asked for one
        place = Place(_entry(name, full or ""), registry=registry, repository=repository, tag=tag, digest=digest)
        return apart(self.document, place)


def _image(document: Document, node: MappingNode, name: str, reads: int, below: Default | None) -> Place[Slot] | None:
    """An image that a mapping holds in parts; `below`: what other values say of it."""
    keys = {str(key.value) for key, _ in node.value if isinstance(key, ScalarNode)}
    repository = _present(Slot(node, "repository")) if "repository" in keys else None
    if reads >= 2 and "repository" not in keys:
        repository = _repository_otherwise(node, keys)
    if repository is None and below is None:
        return None
    if repository is not None and ("://" in (text := repository.text or "") or "git@" in text):
        return None
    tag = Slot(node, "tag") if "tag" in keys else None
    digest = next((slot for key in _DIGESTS if key in keys and (slot := _digest(Slot(node, key))) is not None), None)
    pinned = any(slot is not None and slot.says_something for slot in (tag, digest))
    if not pinned or not all(_is_scalar(slot) for slot in (tag, digest)):
        return None
    if tag is not None and not tag.says_something and tag.text is not None and not _has_mark(tag):
        tag = None  # nothing says where its value would stand
    registry = _present(Slot(node, "registry")) if "registry" in keys else None
    first = next(slot for slot in (tag, digest) if slot is not None)
    entry = _entry(name or first.key, _full_name(registry, repository, below))
    return apart(document, Place(entry, registry=registry, repository=repository, tag=tag, digest=digest))


def _repository_otherwise(node: MappingNode, keys: Collection[str]) -> Slot | None:
    """The repository at `image` or `name`: with a registry or a `/`, for it may as well be the name of anything."""
    if any(key.lower().replace("_", "").replace("-", "") in _BUILDS for key in keys):
        return None
    slots = [slot for key in ("image", "name") if key in keys and (slot := _present(Slot(node, key))) is not None]
    has_registry = "registry" in keys and _present(Slot(node, "registry")) is not None
    texts = [(slot, slot.text or "") for slot in slots]
    return next(
        (
            slot
            for slot, text in texts
            if (has_registry or "/" in text.strip("/")) and split(text) == (text, None, None)
        ),
        None,
    )


def _entry(name: str, repository: str) -> FileEntry:
    return FileEntry(name, None, Pin(), 1, 1, None, repository)


def _present(slot: Slot | None) -> Slot | None:
    return slot if slot is not None and slot.says_something and _is_scalar(slot) else None


def _is_scalar(slot: Slot | None) -> bool:
    return slot is None or (pair := slot.pair) is None or isinstance(pair.value, ScalarNode)


def _has_mark(slot: Slot) -> bool:
    """Whether the value stands somewhere, if only as quotes."""
    pair = slot.pair
    return pair is not None and pair.value.start_mark.index < pair.value.end_mark.index


def _digest(slot: Slot | None) -> Slot | None:
    """Where a digest stands or may stand, bare or not; None where it is something else, such as a commit."""
    if slot is None or slot.pair is None:
        return slot
    if not _is_scalar(slot) or not _has_mark(slot):
        return None
    text = slot.text or "" if slot.says_something else ""
    if slot.key == "sha" and (_COMMIT.fullmatch(text) or has_placeholder(text, fits=False)):
        return None
    return slot._replace(bare=bool(_BARE.fullmatch(text)) or (slot.key.lower().endswith("sha") and ":" not in text))


def _full_name(registry: Slot | None, repository: Slot | None, below: Default | None = None) -> str:
    """The name of an image, of which other values may say what its own do not."""
    text = (repository.text if repository is not None else below.repository if below is not None else None) or ""
    host = (registry.text if registry is not None else below.registry if below is not None else None) or ""
    return f"{host.rstrip('/')}/{text}" if host else text


def repositories(data: bytes, file: str) -> dict[tuple[str, ...], tuple[str, str]]:
    """The registry and the repository of each image in a file of values, by its keys; raises as `read`."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    seen: set[int] = set()
    waiting = [_Way(root) for root in document.read(data, file).roots]
    while waiting:
        way = waiting.pop()
        if not isinstance(way.node, ScalarNode) and id(way.node) not in seen:
            seen.add(id(way.node))
            waiting += way.inside()
        if not isinstance(way.node, MappingNode):
            continue
        keys = {str(key.value) for key, _ in way.node.value if isinstance(key, ScalarNode)}
        slot = _present(Slot(way.node, "repository")) if "repository" in keys else _repository_otherwise(way.node, keys)
        text = (slot.text if slot is not None else None) or ""
        if text and "://" not in text and not has_placeholder(text, fits=False) and split(text) == (text, None, None):
            registry = _present(Slot(way.node, "registry")) if "registry" in keys else None
            found[way.keys] = ((registry.text if registry is not None else None) or "", text)
    return found
