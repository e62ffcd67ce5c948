"""Globs of overlays: which directories of a repository they mean, and what their wildcards stood for.

A glob is a path from the top of the repository. `*` is any text within one part of it and `?` one character; `**` is
any number of parts, none included; `{name}` is one part, or some of it, remembered by that name, at most one in a part.
There are no character classes and no `..`. A part that begins with a dot is matched only where the dot is written. `./`
before and `/` behind count for nothing, and `.` is the top itself. A glob may mean files that hold pins instead of
directories with such files: its last part then has the ending of one, as in `charts/*/values-production.yaml`.

The time is bounded by the length of the glob times that of the path: each wildcard takes the shortest text after which
the next literal follows, and is never tried again (an atomic group). Nothing is lost by that, since what comes later
can only gain from an earlier start; the last one in a part, and the last `**`, are held by the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from gitops_bot.targets import is_file, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_LIMIT = 500
_NAME = r"\{[A-Za-z_][A-Za-z0-9_]{0,59}\}"
_FOREIGN = re.compile(r"[{}\[\]\\\x00-\x1f\x7f]|\*\*")
_PATH_LIMIT = 4096
#: Control characters, and the surrogates that stand for bytes that are not UTF-8.
_NOT_IN_PATH = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
#: `.git` as case-insensitive file systems and Windows' short names spell it, with the dots and blanks that they ignore.
_DOT_GIT = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?\Z", re.IGNORECASE)
_WILD = re.compile(rf"{_NAME}|[*?]")
#: What stands for a text of any length.
_ANY = re.compile(rf"({_NAME}|\*)")
_PART = r"(?!\.)[^/]+/"


@dataclass(frozen=True, slots=True)
class Glob:
    """One glob. `of_files`: it means files that hold pins, not directories with such files.

    `file` is the one file that stands for its directory, such as `kustomization.yaml`, where the glob names it.
    """

    text: str
    of_files: bool
    file: str | None
    #: What every directory that matches, or holds a file that matches, begins with.
    prefix: str
    #: What the wildcards are called: the name in braces, else their number from 1.
    names: tuple[str, ...]
    _parts: tuple[str, ...]
    _matches: re.Pattern[str]
    #: What it does not mean although it matches.
    exclude: tuple[Glob, ...] = ()

    @classmethod
    @lru_cache(maxsize=16_384)  # as many as a configuration may well have: reading one takes longer than its use
    def parse(cls, text: str, exclude: tuple[str, ...] = ()) -> Glob:
        """Read a glob that means nothing of what the globs `exclude` mean.

        Raises:
            ValueError: not of the grammar above; the message says why.
        """
        if not 0 < len(text) <= _LIMIT:
            raise ValueError(f"a glob has 1 to {_LIMIT} characters, not {len(text)}")
        if text.startswith("/"):
            raise ValueError(f"the glob {text!r} starts with `/`: write it relative to the repository root")
        rest = text
        while rest.startswith("./"):
            rest = rest[2:]
        parts = rest.removesuffix("/").split("/") if rest not in ("", ".") else []
        for part in parts:
            if part in ("", ".", ".."):
                raise ValueError(f"the glob {text!r} has an empty part, `.` or `..`")
            plain, named = re.subn(_NAME, "_", part)
            if part != "**" and (named > 1 or _FOREIGN.search(plain)):
                rule = "`*`, `?` and at most one `{name}` in it, or `**`"
                raise ValueError(f"the glob {text!r}: {part!r} is not a valid part of a path ({rule})")
        target = target_of(parts[-1]) if parts else None
        file = parts.pop() if target is not None and target.ALONE else None
        names: list[str] = []
        for part in parts:
            wildcards = _WILD.findall(part) if part != "**" else ["**"]
            names += [
                wild.strip("{}") if wild[0] == "{" else str(len(names) + at) for at, wild in enumerate(wildcards, 1)
            ]
        if len(set(names)) < len(names):
            raise ValueError(f"the glob {text!r} uses a name in braces twice")
        matches = re.compile(_expression(parts))
        of_files = bool(file is None and parts and is_file(parts[-1]))
        folders = parts[:-1] if of_files else parts
        prefix = "".join(f"{part}/" for part in takewhile(lambda part: not _WILD.search(part), folders))
        return cls(text, of_files, file, prefix, tuple(names), tuple(folders), matches, tuple(map(cls.parse, exclude)))

    def match(self, path: str) -> Mapping[str, str] | None:
        """What each wildcard stood for; None where a directory (`apps/web/`, the top is empty) or file is not meant."""
        is_file = bool(path) and not path.endswith("/")
        match = self._matches.match(f"{path}/" if is_file else path) if is_file == self.of_files else None
        if match is None or self._excludes(path):
            return None
        return dict(zip(self.names, (text.removesuffix("/") for text in match.groups()), strict=True))

    def means(self, directory: str, file: str) -> bool:
        """Whether it means the overlay in this directory (`.` is the top), whose pins are in `file`."""
        if self.of_files:
            return self.match(file) is not None
        if self.file is not None and not file.endswith(f"/{self.file}") and file != self.file:
            return False
        return self.match("" if directory == "." else f"{directory}/") is not None and not self._excludes(file)

    def _excludes(self, path: str) -> bool:
        directory, slash, _ = path.rpartition("/")
        return any(glob.match(path if glob.of_files else directory + slash) is not None for glob in self.exclude)

    def on_the_way(self, *, wild: bool) -> Iterator[re.Pattern[str]]:
        """What matches the directories that lead to those meant, and those; `wild` says whether by wildcards too."""
        for count, part in enumerate(self._parts, 1):
            if wild or not _WILD.search(part):
                yield re.compile(_expression(self._parts[:count]))


def any_means(globs: Sequence[str], directory: str, file: str) -> bool:
    """Whether one of these globs means the overlay in this directory, whose pins are in `file`; without any, all do."""
    return not globs or any(Glob.parse(text).means(directory, file) for text in globs)


def is_path(path: str) -> bool:
    """Whether a path stays inside a repository, outside its `.git`, and fits on one line.

    What git would refuse is no path, by the rules of `verify_path` of its index.
    """
    return (
        0 < len(path.encode("utf-8", "surrogatepass")) <= _PATH_LIMIT
        and _NOT_IN_PATH.search(path) is None
        and not any(part in ("", ".", "..") or _DOT_GIT.match(part) for part in path.split("/"))
    )


def is_plain(path: str, *, of_files: bool = False) -> bool:
    """Whether a path of a directory or of a file, taken as a glob, means itself and nothing else."""
    try:
        glob = Glob.parse(path)
    except ValueError:
        return False
    if of_files:
        return glob.of_files and not glob.names
    return glob.prefix == f"{path}/" and not glob.of_files


def one_part_open(path: str) -> list[tuple[str, ...]]:
    """The parts of a path, with `*` for each of them in turn."""
    parts = tuple(path.split("/"))
    return [(*parts[:at], "*", *parts[at + 1 :]) for at in range(len(parts))]


def _expression(parts: Iterable[str]) -> str:
    """The expression for a path whose every part ends in `/`."""
    runs: list[str] = [""]
    for part in parts:
        if part == "**":
            runs.append("")
        else:
            runs[-1] += _segment(part)
    first, *middle = runs
    if not middle:
        return rf"{first}\Z"
    *middle, last = middle
    return first + "".join(f"(?>((?:{_PART})*?){run})" for run in middle) + rf"((?:{_PART})*){last}\Z"


def _segment(part: str) -> str:
    first, *rest = _ANY.split(part)
    expression = (r"(?!\.)" if part[0] in "*?{" else "") + _run(first)
    pairs = list(zip(("[^/]*" if wild == "*" else "[^/]+" for wild in rest[::2]), map(_run, rest[1::2]), strict=True))
    for text, run in pairs[:-1]:
        expression += f"(?>({text}?){run})"
    for text, run in pairs[-1:]:
        expression += f"({text}){run}"
    return f"{expression}/"


def _run(text: str) -> str:
    return "".join("([^/])" if char == "?" else re.escape(char) for char in text)
