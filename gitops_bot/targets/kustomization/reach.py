"""The files that kustomize reads for a kustomization, by every key that names one, as far as a repository has them."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document
from gitops_bot.targets.kustomization import FILE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    Read = Callable[[Collection[str]], Mapping[str, bytes]]

#: Why a reference is not followed: it leads to another server, out of the repository, to nothing that is there, or to
#: a symbolic link or submodule; or the file is none that can be read, so that what it refers to is not known.
Why = Literal["remote", "outside", "absent", "link", "unreadable"]
#: Files that are followed; the largest of the repositories that people publish have some hundred for an environment.
FILE_LIMIT: Final = 20_000

REGULAR = ("100644", "100755")
_FOREIGN = ("120000", "160000")
_RESOURCES = ("resources", "bases", "components")
_PLUGINS = ("generators", "transformers", "validators")
_FILES = ("crds", "configurations", "patchesstrategicmerge")
_PATHS = ("patches", "patchesjson6902", "replacements")
_CHARTS = ("helmcharts", "helmchartinflationgenerator")
_SOURCES = ("configmapgenerator", "secretgenerator")
#: `https://...`, `git::...`, `git@host:...`, `github.com/...`.
_REMOTE = re.compile(r"git@|[a-z0-9+.-]{1,253}(?:://|::|\.[a-z]{2,20}[:/])", re.IGNORECASE)

#: Bytes of a file whose references are remembered.
_SMALL = 16 * 1024
_TOO_MANY = Problem(
    "failed.edit",
    f"the environment builds upon more than {FILE_LIMIT:,} files",
    "name fewer overlays in one environment",
)
Kind = Literal["file", "resource", "plugin", "chart"]


class Unfollowed(NamedTuple):
    """A reference that is not followed: where it stands, what it says, and why."""

    file: str
    line: int
    reference: str
    why: Why


class Reached(NamedTuple):
    """The paths of files, and what could not be followed."""

    files: frozenset[str]
    unfollowed: tuple[Unfollowed, ...]


class Reference(NamedTuple):
    """What a kustomization refers to: a path as it is written, and its line."""

    text: str
    line: int
    kind: Kind
    #: Where a chart comes from that is not there.
    instead: str = ""


def reach(directories: Iterable[str], tree: Mapping[str, str], read: Read) -> Reached:
    """The files of the kustomizations in these directories (`.` is the top), and all that they refer to.

    `tree` are the paths that there are, with git's modes; `read` gives the bytes of files.

    Raises:
        EditError: they are more than 20,000.
    """
    reading = _Reading(tree, sorted(tree))
    for directory in directories:
        reading.enter("" if directory == "." else directory)
    while reading.waiting:
        batch, reading.waiting = reading.waiting, []
        data = read([file for file, _, _ in batch])
        for file, base, kind in batch:
            reading.follow(file, base, data.get(file, b""), kind)
    return Reached(frozenset(reading.files), tuple(sorted(set(reading.unfollowed))))


@dataclass(slots=True)
class _Reading:
    tree: Mapping[str, str]
    paths: Sequence[str]
    files: set[str] = field(default_factory=set)
    unfollowed: list[Unfollowed] = field(default_factory=list)
    #: Files to read next: each with the directory that its paths are relative to.
    waiting: list[tuple[str, str, Kind]] = field(default_factory=list)
    _entered: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, directory: str) -> bool:
        """Follow the kustomization of a directory; whether there is one."""
        names = [posixpath.join(directory, name) for name in FILE_NAMES]
        found = [path for path in names if self.tree.get(path) in REGULAR]
        for path in found:
            self._wait(path, directory, "resource")
        return bool(found)

    def follow(self, file: str, base: str, data: bytes, kind: Kind) -> None:
        """What a kustomization, or the configuration of a plug-in, refers to."""
        match references(data, plugin=kind == "plugin"):
            case Problem() as problem:
                self.unfollowed.append(Unfollowed(file, problem.line or 1, problem.message, "unreadable"))
            case found:
                for reference in found:
                    self._take(file, base, reference)

    def _take(self, file: str, base: str, reference: Reference) -> None:
        path = posixpath.normpath(posixpath.join(base, reference.text))
        if path == ".." or path.startswith(("../", "/")):
            return self._leave(file, reference, "outside")
        path = "" if path == "." else path
        if self.tree.get(path) in REGULAR:
            self._add(path)
            if reference.kind == "plugin":
                self._wait(path, base, "plugin")
            return None
        if reference.kind == "chart" and (below := self._below(path)):
            return self._add(*below)
        if reference.kind in ("resource", "plugin") and self.enter(path):
            return None
        return self._leave(file, reference, "link" if self._is_behind_link(path) else "absent")

    def _leave(self, file: str, reference: Reference, why: Why) -> None:
        text = reference.instead or reference.text
        why = "remote" if _REMOTE.match(text) else why
        self.unfollowed.append(Unfollowed(file, reference.line, text[:500], why))

    def _wait(self, file: str, base: str, kind: Kind) -> None:
        if (file, base) not in self._entered:
            self._entered.add((file, base))
            self._add(file)
            self.waiting.append((file, base, kind))

    def _add(self, *paths: str) -> None:
        self.files.update(paths)
        if len(self.files) > FILE_LIMIT:
            raise EditError(_TOO_MANY)

    def _below(self, directory: str) -> list[str]:
        return [path for path in below(directory, self.paths) if self.tree[path] in REGULAR]

    def _is_behind_link(self, path: str) -> bool:
        parts = path.split("/")
        return any(self.tree.get("/".join(parts[:end])) in _FOREIGN for end in range(1, len(parts) + 1))


def references(data: bytes, *, plugin: bool = False) -> tuple[Reference, ...] | Problem:
    """What a kustomization, or the configuration of a plug-in, refers to; the problem where it cannot be read."""
    return (_remembered if len(data) <= _SMALL else _references)(data, plugin=plugin)


def _references(data: bytes, *, plugin: bool) -> tuple[Reference, ...] | Problem:
    try:
        roots = document.read(data, "", several=plugin).roots
    except EditError as error:
        return error.problem
    return tuple(found for root in roots for found in (_of_plugin(root) if plugin else _of_kustomization(root)))


#: From one release to the next, most files stay.
_remembered = lru_cache(maxsize=2048)(_references)


def bounded(reached: Reached) -> Reached:
    """The same, unless it is too much."""
    if len(reached.files) > FILE_LIMIT:
        raise EditError(_TOO_MANY)
    return reached


def below(directory: str, paths: Sequence[str]) -> Sequence[str]:
    """Of sorted paths those below a directory (empty or `.` is the top)."""
    if directory in ("", "."):
        return paths
    return paths[bisect_left(paths, f"{directory}/") : bisect_left(paths, f"{directory}0")]


def _of_kustomization(root: Node) -> Iterator[Reference]:
    top = _fields(root)
    for key in _RESOURCES:
        yield from _texts(top.get(key), "resource")
    for key in _FILES:
        yield from (found for found in _texts(top.get(key)) if not _is_inline(found.text))
    for item in _all_items(top, _PATHS):
        yield from _text(_fields(item).get("path"))
    yield from _text(_fields(top.get("openapi")).get("path"))
    for item in _all_items(top, _SOURCES):
        yield from _sources(_fields(item))
    for item in _all_items(top, _PLUGINS):
        is_inline = isinstance(item, ScalarNode) and "\n" in item.value
        yield from _inline(item) if is_inline else _text(item, "plugin")
    for item in _all_items(top, _CHARTS):
        yield from _chart(_fields(item), _fields(top.get("helmglobals")).get("charthome"))


def _of_plugin(root: Node) -> Iterator[Reference]:
    """What the configuration of one of kustomize's own plug-ins refers to; others are programs that nobody follows."""
    top = _fields(root)
    if _value(top.get("apiversion")) != "builtin":
        return
    yield from _text(top.get("path"))
    yield from _texts(top.get("paths"))
    yield from _sources(top)
    for item in _items(top.get("replacements")):
        yield from _text(_fields(item).get("path"))
    if _value(top.get("kind")) == "HelmChartInflationGenerator":
        yield from _chart(top, None)


def _inline(item: Node) -> Iterator[Reference]:
    try:
        roots = document.compose(item.value, "", several=True).roots
    except EditError:
        return
    for root in roots:
        for reference in _of_plugin(root):
            yield reference._replace(line=item.start_mark.line + 1)


def _sources(fields: Mapping[str, Node]) -> Iterator[Reference]:
    """What the keys and values of a ConfigMap or Secret are read from."""
    for source in _texts(fields.get("files")):
        yield source._replace(text=source.text.partition("=")[2] or source.text)
    yield from _texts(fields.get("envs"))
    yield from _text(fields.get("env"))


def _chart(fields: Mapping[str, Node], home: Node | None) -> Iterator[Reference]:
    """The values of a chart, and the chart itself where the repository has it; else Helm gets it from `repo`."""
    yield from _text(fields.get("valuesfile"))
    yield from _text(fields.get("values"))
    yield from _texts(fields.get("additionalvaluesfiles"))
    folder = _value(fields.get("charthome") or home) or "charts"
    repo = _value(fields.get("repo") or fields.get("chartrepo"))
    version = _value(fields.get("version") or fields.get("chartversion"))
    for name in _text(fields.get("name") or fields.get("chartname"), "chart"):
        path = f"{name.text}-{version}/{name.text}" if repo and version else name.text
        yield name._replace(text=f"{folder}/{path}", instead=repo)


def _value(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _fields(node: Node | None) -> Mapping[str, Node]:
    """By their keys, of which kustomize does not compare the case."""
    if not isinstance(node, MappingNode):
        return {}
    return {key.value.casefold(): value for key, value in node.value if isinstance(key, ScalarNode)}


def _items(node: Node | None) -> Sequence[Node]:
    return node.value if isinstance(node, SequenceNode) else ()


def _all_items(top: Mapping[str, Node], keys: Iterable[str]) -> Iterator[Node]:
    return (item for key in keys for item in _items(top.get(key)))


def _texts(node: Node | None, kind: Kind = "file") -> Iterator[Reference]:
    for item in _items(node):
        yield from _text(item, kind)


def _text(node: Node | None, kind: Kind = "file") -> Iterator[Reference]:
    if isinstance(node, ScalarNode) and node.value and "\0" not in node.value:
        yield Reference(node.value, node.start_mark.line + 1, kind)


def _is_inline(text: str) -> bool:
    return "\n" in text or "{" in text or ": " in text
