"""Every image reference of a repository: an entry, or outside by a cause, or not read, with what would make it one.

`targets/inventory.py` finds the references of a file by where one may stand. Those on the line of an entry are that
entry; this says what becomes of the others.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot import targets
from gitops_bot.errors import EditError, GitError, bugs_as
from gitops_bot.images.inference import is_placeholder
from gitops_bot.images.reference import split
from gitops_bot.releases.layout.glob import is_plain
from gitops_bot.releases.layout.overlays import REGULAR
from gitops_bot.targets.encryption import covering_mac
from gitops_bot.targets.inventory import MOST, may_have_references, references
from gitops_bot.targets.pin_file import NEWEST_READS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.releases.layout.causes import Cause, Judge
    from gitops_bot.targets import Target
    from gitops_bot.targets.inventory import Reference

#: Files that are searched, those that are read at a time, and references that are kept.
_MOST_FILES: Final = 20_000
_AT_A_TIME: Final = 2000
_MOST_REFERENCES: Final = 50_000
#: Manifests of somebody else's release: as long as this, with a definition of resources.
_LONG: Final = 1000
DEFINITION: Final = re.compile(rb"^kind:[ \t]*[\"']?CustomResourceDefinition\b", re.MULTILINE)
#: Lines above a pin that an expression may need to be the only one, and what may be a part of a digest.
_CONTEXT: Final = 8
_HEX: Final = "[0-9a-f]{64}"

#: Why a reference is no entry: no environment has the file; one has its directory, and reads other files there; no
#: reader knows the place; the file cannot be read.
Why = Literal["unclaimed", "beside", "unknown", "broken"]
UNREAD: Final[dict[Why, str]] = {
    "unclaimed": "no environment claims the file",
    "beside": "their environment reads other files of the directory, or none",
    "unknown": "no target knows the place",
    "broken": "the file cannot be read",
}


@dataclass(frozen=True, slots=True)
class Unread:
    """An image with a tag or a digest that is no entry."""

    file: str
    line: int
    image: str
    why: Why
    #: Composing thousands of files takes seconds, and a summary shows the remedies of a few.
    remedy_of: Callable[[], str] = field(compare=False, repr=False)

    @property
    def remedy(self) -> str:
        """What would make it an entry."""
        return self.remedy_of()


@dataclass(frozen=True, slots=True)
class Scan:
    """The references of files, by their paths, and whether all files were searched."""

    references: Mapping[str, tuple[Reference, ...]] = field(default_factory=dict)
    complete: bool = True
    #: Files that somebody else released, and those whose MAC covers clear text.
    vendored: frozenset[str] = frozenset()
    encrypted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rest:
    """The references that are no entries: how many a directory has outside by a cause, and those that are not read."""

    outside: Mapping[tuple[str, Cause], int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """What readers know: the lines of entries by their files, and the files of environments, `broken` ones among them.

    `skipped` are files that belong to environments which were not asked for. `owner` tells whose a path is, and
    `target` how a file is read. `reads` is that of the configuration.
    """

    lines: Mapping[str, Collection[int]]
    claimed: Collection[str]
    broken: Collection[str]
    skipped: Collection[str]
    owner: Callable[[str], tuple[str, str] | None]
    target: Callable[[str], Target | None]
    reads: int


def scan(tree: Mapping[str, str], read: Callable[[Sequence[str]], Mapping[str, bytes]]) -> Scan:
    """Search the files of a tree (path -> git mode), of a great many those nearest to the top."""
    paths = [path for path, mode in tree.items() if mode in REGULAR and may_have_references(path)]
    paths.sort(key=lambda path: (path.count("/"), path))
    complete, left = len(paths) <= _MOST_FILES, _MOST_REFERENCES
    found: dict[str, tuple[Reference, ...]] = {}
    vendored: set[str] = set()
    encrypted: set[str] = set()
    for at in range(0, min(len(paths), _MOST_FILES), _AT_A_TIME):
        try:
            batch = read(paths[at : at + _AT_A_TIME])
        except GitError:  # it is too much of what nobody needs
            return Scan(found, False, frozenset(vendored), frozenset(encrypted))
        for path, data in batch.items():
            own = references(data, path)
            complete = complete and len(own) < MOST
            if not own or left <= 0:
                complete = complete and not own
                continue
            found[path] = own
            left -= len(own)
            if data.count(b"\n") >= _LONG and DEFINITION.search(data):
                vendored.add(path)
            elif covering_mac(data, path) is not None:
                encrypted.add(path)
    return Scan(found, complete, frozenset(vendored), frozenset(encrypted))


def take(scanned: Scan, known: Known, judge: Judge, read: Callable[[Collection[str]], Mapping[str, bytes]]) -> Rest:
    """What becomes of the references that are no entries; `read` may leave files out."""
    outside: Counter[tuple[str, Cause]] = Counter()
    left: dict[str, list[Reference]] = {}
    for path, own in scanned.references.items():
        if path in known.skipped:
            continue
        lines = sorted(known.lines.get(path, ()))
        for reference in own:
            if reference.is_on(lines):
                continue
            cause = _cause(path, reference, scanned, known, judge)
            if cause is None:
                left.setdefault(path, []).append(reference)
            else:
                outside[posixpath.dirname(path) or ".", cause] += 1
    files = read(sorted(left)[:_AT_A_TIME]) if left else {}  # the others get a remedy in general words
    unread = [each for path in sorted(left) for each in _unread(path, left[path], files.get(path, b""), known)]
    return Rest(outside, tuple(unread), scanned.complete)


def _cause(path: str, reference: Reference, scanned: Scan, known: Known, judge: Judge) -> Cause | None:
    if path in scanned.encrypted:
        return "encrypted"
    name, tag, _ = split(reference.image)
    if is_placeholder(tag or ""):
        return "template"
    if path in known.claimed:
        return None
    if path in scanned.vendored:
        return "vendored"
    return judge.cause(path) or ("overridden" if reference.kind and judge.overrides_image(path, name) else None)


def _unread(path: str, own: Iterable[Reference], data: bytes, known: Known) -> Iterator[Unread]:
    owner = known.owner(path)
    name = owner[0] if owner is not None else None
    why: Why = "unknown" if path in known.claimed else "unclaimed" if owner is None else "beside"
    if path in known.broken:
        why = "broken"
    for reference in own:
        remedy = partial(_remedy, path, reference, data, name, why, known)
        yield Unread(path, reference.line, reference.image, why, remedy)


def _remedy(path: str, reference: Reference, data: bytes, owner: str | None, why: Why, known: Known) -> str:
    if why == "broken":
        return "correct the file: `gitops-bot check` says what is wrong with it"
    for reads in range(known.reads, NEWEST_READS + 1):
        switch = f"add `reads: {reads}`" if reads > known.reads else ""
        if why == "unknown":
            target = known.target(path)
            if switch and target is not None and reference.is_on(_lines(path, data, replace(target, reads=reads))):
                return switch
        elif is_plain(path, of_files=True) and reference.is_on(_lines(path, data, _by_name(path, data, reads))):
            listed = f"list {path} under `overlays`" + (f" of {owner}" if owner is not None else "")
            return f"{switch} and {listed}" if switch else listed
    return _pattern(path, reference, data, owner)


def _by_name(path: str, data: bytes, reads: int) -> Target | None:
    """What would read a file that `overlays` names."""
    name = posixpath.basename(path)
    try:
        with bugs_as(EditError, path):
            return targets.target_of(path, reads) or targets.by_content(name, data, {name: data}, reads)
    except EditError:
        return None


def _lines(path: str, data: bytes, target: Target | None) -> frozenset[int]:
    """The lines of the entries that a target finds in a file."""
    try:
        with bugs_as(EditError, path):
            return frozenset(entry.line for entry in target.read(data, path).entries) if target else frozenset()
    except EditError:
        return frozenset()


def _pattern(path: str, reference: Reference, data: bytes, owner: str | None) -> str:
    """The setting that finds a pin by the text in front of it."""
    name, _, _ = split(reference.image)
    image = {"repository": name, "pattern": expression} if (expression := _expression(reference, data)) else None
    files = [posixpath.basename(path)]
    if image is None:
        return f"read {path} by `targets: - kind: pattern`, with an expression for this image"
    patterns = {name.rpartition("/")[2]: image}
    target = {"kind": "pattern", "files": files, "patterns": patterns}
    if owner is not None:
        return f"add under `environments.{owner}.targets`: {json.dumps(target, ensure_ascii=False)}"
    place = path if is_plain(path, of_files=True) else posixpath.dirname(path) or "."
    settings = {"overlays": [place], "targets": [target]}
    return f"add under `environments`: NAME: {json.dumps(settings, ensure_ascii=False)}"


def _expression(reference: Reference, data: bytes) -> str | None:
    """An expression that matches this pin alone; None where the text in front of it is that of another one too."""
    lines = data.decode("utf-8-sig", "replace").splitlines(keepends=True)
    _, tag, digest = split(reference.image)
    for above in range(_CONTEXT):
        first = reference.line - 1 - above
        if first < 0:
            break
        text = "".join(lines[first : reference.last_line]).lstrip()
        start = len("".join(lines[first : reference.line - 1]).lstrip()) if above else 0
        places = []
        if tag:
            places.append((text.rfind(tag), tag, r"(?P<tag>[\w.-]+)"))
        if digest:
            bare = digest.removeprefix("sha256:")
            mark = digest if digest in text else bare
            prefix = "sha256:" if mark == digest else ""
            places.append((text.rfind(mark), mark, f"(?P<digest>{prefix}{_HEX})"))
        places.sort()
        if any(at < start for at, _, _ in places):
            return None
        expression, end = "", 0
        for at, mark, group in places:
            expression += _escaped(text[end:at]) + group
            end = at + len(mark)
        if data.count(text[: places[0][0]].encode()) == 1:
            return expression
    return None


def _escaped(text: str) -> str:
    """A text as an expression on one line, in which spaces may be more or fewer."""
    return re.sub(r"\n\s*|\s{2,}", r"\\s+", re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text))
