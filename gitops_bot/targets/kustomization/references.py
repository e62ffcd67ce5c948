"""What a kustomization refers to, by every key that names a file, a directory or a chart; and so all of an overlay."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ruamel.yaml.nodes import ScalarNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, nodes
from gitops_bot.targets.kustomization import FILE_NAMES, LISTS
from gitops_bot.targets.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

#: git's modes of files.
REGULAR: Final = ("100644", "100755")
_PLUGINS: Final = ("generators", "transformers", "validators")
_FILES: Final = ("crds", "configurations", "patchesstrategicmerge")
_PATHS: Final = ("patches", "patchesjson6902", "replacements")
_CHARTS: Final = ("helmcharts", "helmchartinflationgenerator")
_SOURCES: Final = ("configmapgenerator", "secretgenerator")
#: A patch that is written out where a path may stand.
_INLINE: Final = re.compile(r"\n|\{|: ")
Kind = Literal["file", "resource", "plugin", "chart"]
#: Files that are followed; the largest of the repositories that people publish have some hundred for an environment.
FILE_LIMIT: Final = 20_000
#: git's modes of symbolic links and submodules.
_FOREIGN: Final = ("120000", "160000")
#: `https://...`, `git::...`, `git@host:...`, `github.com/...`.
_REMOTE: Final = re.compile(r"git@|[a-z0-9+.-]{1,253}(?:://|::|\.[a-z]{2,20}[:/])", re.IGNORECASE)
#: Why a reference is not followed: it leads to another server, out of the repository, to nothing that is there, or to
#: a symbolic link or submodule; or the file is none that can be read, so that what it refers to is not known.
WhyUnfollowed = Literal["remote", "outside", "absent", "link", "unreadable"]


class Reference(NamedTuple):
    """What a kustomization refers to: a path as it is written, and its line."""

    text: str
    line: int
    kind: Kind
    #: Where a chart comes from that is not there.
    instead: str = ""


def inside(directory: str, text: str) -> str | None:
    """The path of the repository that a text in a file of this directory means; None for one that leads out of it."""
    path = posixpath.normpath(posixpath.join(directory, text))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return "" if path == "." else path


def references(data: bytes, *, plugin: bool = False) -> tuple[Reference, ...] | Problem:
    """What a kustomization, or the configuration of a plug-in, refers to; the problem where it cannot be read."""
    known = _REFERENCES.get(plugin, data)
    if known is None:
        of_root = _of_plugin if plugin else _of_kustomization
        try:
            roots = document.read(data, "", several=plugin).roots
            known = tuple(reference for root in roots for reference in of_root(root))
        except EditError as error:
            known = error.problem
        _REFERENCES.put(plugin, data, known)
    return known


#: From one release to the next, most files stay.
_REFERENCES: Final = Memo[tuple[Reference, ...] | Problem](8 << 20)


def _of_kustomization(root: Node) -> Iterator[Reference]:
    top = _fields(root)
    for key in LISTS:
        yield from _texts(top.get(key), "resource")
    for key in _FILES:
        yield from (path for path in _texts(top.get(key)) if not _INLINE.search(path.text))
    for item in _all_items(top, _PATHS):
        yield from _text(_fields(item).get("path"))
    yield from _text(_fields(top.get("openapi")).get("path"))
    for item in _all_items(top, _SOURCES):
        yield from _sources(_fields(item))
    for item in _all_items(top, _PLUGINS):
        if not isinstance(item, ScalarNode) or "\n" not in item.value:
            yield from _text(item, "plugin")
            continue
        try:
            inline = document.compose(item.value, "", several=True).roots
        except EditError:
            continue
        for reference in (reference for plugin in inline for reference in _of_plugin(plugin)):
            yield reference._replace(line=item.start_mark.line + 1)
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
    for item in nodes.items(top.get("replacements")):
        yield from _text(_fields(item).get("path"))
    if _value(top.get("kind")) == "HelmChartInflationGenerator":
        yield from _chart(top, None)


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
    return {key.casefold(): pair.value for key, pair in nodes.pairs(node).items()}


def _all_items(top: Mapping[str, Node], keys: Iterable[str]) -> Iterator[Node]:
    return (item for key in keys for item in nodes.items(top.get(key)))


def _texts(node: Node | None, kind: Kind = "file") -> Iterator[Reference]:
    for item in nodes.items(node):
        yield from _text(item, kind)


def _text(node: Node | None, kind: Kind = "file") -> Iterator[Reference]:
    if isinstance(node, ScalarNode) and node.value and "\0" not in node.value:
        yield Reference(node.value, node.start_mark.line + 1, kind)


class Unfollowed(NamedTuple):
    """A reference that is not followed: where it stands, what it says, and why."""

    file: str
    line: int
    reference: str
    why: WhyUnfollowed


class Reach(NamedTuple):
    """The paths of files, and what could not be followed."""

    files: frozenset[str]
    unfollowed: tuple[Unfollowed, ...]


def reach(
    directories: Collection[str],
    tree: Mapping[str, str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
    is_foreign: Callable[[str], bool],
) -> Reach:
    """The files of overlays in these directories (`.` is the top).

    A kustomization reaches what it refers to. Of any other directory these are all files below it that are not
    foreign. `tree` are the paths that there are, with git's modes; `read` gives the bytes of files.

    Raises:
        EditError: they are more than 20,000.
    """
    walk = _Walk(tree)
    others = [directory for directory in directories if not walk.enter("" if directory == "." else directory)]
    while walk.waiting:
        batch, walk.waiting = walk.waiting, []
        data = read([file for file, _, _ in batch])
        for file, base, kind in batch:
            walk.follow(file, base, data.get(file, b""), kind)
    links: set[Unfollowed] = set()
    for path in {path for directory in others for path in walk.below(directory) if not is_foreign(path)}:
        if tree[path] in REGULAR:
            walk.add(path)
        else:
            links.add(Unfollowed(path, 1, path, "link"))
    return Reach(frozenset(walk.files), (*sorted(set(walk.unfollowed)), *sorted(links)))


@dataclass(slots=True)
class _Walk:
    tree: Mapping[str, str]
    paths: Sequence[str] = ()
    files: set[str] = field(default_factory=set)
    unfollowed: list[Unfollowed] = field(default_factory=list)
    #: Files to read next: each with the directory that its paths are relative to.
    waiting: list[tuple[str, str, Kind]] = field(default_factory=list)
    _entered: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, directory: str) -> bool:
        """Follow the kustomization of a directory; whether there is one."""
        names = [posixpath.join(directory, name) for name in FILE_NAMES]
        present = [path for path in names if self.tree.get(path) in REGULAR]
        for path in present:
            self._wait(path, directory, "resource")
        return bool(present)

    def follow(self, file: str, base: str, data: bytes, kind: Kind) -> None:
        """What a kustomization, or the configuration of a plug-in, refers to."""
        match references(data, plugin=kind == "plugin"):
            case Problem() as problem:
                self.unfollowed.append(Unfollowed(file, problem.line or 1, problem.message, "unreadable"))
            case named:
                for reference in named:
                    if (why := self._take(base, reference)) is not None:
                        text = reference.instead or reference.text
                        why = "remote" if _REMOTE.match(text) else why
                        self.unfollowed.append(Unfollowed(file, reference.line, text[:500], why))

    def _take(self, base: str, reference: Reference) -> WhyUnfollowed | None:
        """Why a reference cannot be followed, None where it can."""
        path = inside(base, reference.text)
        if path is None:
            return "outside"
        if self.tree.get(path) in REGULAR:
            self.add(path)
            if reference.kind == "plugin":
                self._wait(path, base, "plugin")
            return None
        if reference.kind == "chart" and (chart := [file for file in self.below(path) if self.tree[file] in REGULAR]):
            self.add(*chart)
            return None
        if reference.kind in ("resource", "plugin") and self.enter(path):
            return None
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return "link" if any(self.tree.get(directory) in _FOREIGN for directory in above) else "absent"

    def _wait(self, file: str, base: str, kind: Kind) -> None:
        if (file, base) not in self._entered:
            self._entered.add((file, base))
            self.add(file)
            self.waiting.append((file, base, kind))

    def add(self, *paths: str) -> None:
        """Count these files in."""
        self.files.update(paths)
        if len(self.files) > FILE_LIMIT:
            message = f"the environment builds upon more than {FILE_LIMIT:,} files"
            raise EditError(Problem("failed.edit", message, "name fewer overlays in one environment"))

    def below(self, directory: str) -> Sequence[str]:
        """The paths below a directory (empty or `.` is the top)."""
        if not self.paths:  # few kustomizations refer to a whole directory
            self.paths = sorted(self.tree)
        if directory in ("", "."):
            return self.paths
        return self.paths[bisect_left(self.paths, f"{directory}/") : bisect_left(self.paths, f"{directory}0")]
