"""A YAML text as plain values, with the line and column of each, and the problems found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitops_bot.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More problems are not reported: nobody fixes 200 before running it again.
MOST_PROBLEMS = 200

Kind = Literal["text", "number", "truth", "nothing", "broken"]


class Scalar(str):
    """The raw text of a scalar, and its YAML 1.2 type. `broken`: a problem was already reported for it."""

    __slots__ = ("kind",)
    kind: Kind

    @classmethod
    def of(cls, text: str, kind: Kind) -> Scalar:
        """A scalar of that kind."""
        scalar = cls(text)
        scalar.kind = kind
        return scalar


Tree = Scalar | list["Tree"] | dict[str, "Tree"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """The contents of a file, the place of each key and value, and the problems found so far."""

    file: str
    tree: Tree = field(default_factory=lambda: Scalar.of("", "nothing"))
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: Path, message: str, advice: str, *, at_key: bool = False) -> None:
        """Add a problem with the value at this path, or with its key."""
        self.report_at(self.key(path) if at_key else self.value(path), message, advice)

    def report_at(self, place: Place, message: str, advice: str) -> None:
        """Add a problem."""
        self.problems.append(problem(self.file, place, message, advice))

    def key(self, path: Path) -> Place:
        """The place of a key; for a list item, the item."""
        return self.keys.get(path) or self.value(path)

    def value(self, path: Path) -> Place:
        """The place of a value; for a missing one, the nearest key above it."""
        if path in self.values:
            return self.values[path]
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Place(1, 1)

    def at(self, path: Path) -> Tree | None:
        """The value at a path, or None."""
        node: Tree = self.tree
        for part in path:
            match node:
                case dict() if isinstance(part, str) and part in node:
                    node = node[part]
                case list() if isinstance(part, int) and part < len(node):
                    node = node[part]
                case _:
                    return None
        return node

    def below(self, path: tuple[str, ...]) -> Document:
        """The same document, moved to this path of an otherwise empty one."""
        tree = self.tree
        for key in reversed(path):
            tree = {key: tree}
        keys = {(*path, *inner): place for inner, place in self.keys.items()}
        values = {(*path, *inner): place for inner, place in self.values.items()}
        return Document(self.file, tree, keys, values, self.problems)

    def error(self) -> ConfigError:
        """Every problem once, in the order of the file."""
        ordered = sorted(dict.fromkeys(self.problems), key=lambda problem: (problem.line or 0, problem.column or 0))
        if len(ordered) > MOST_PROBLEMS:
            more = f"and at least {len(ordered) - MOST_PROBLEMS} more problems"
            ordered[MOST_PROBLEMS:] = [Problem("failed.config", more, "correct these first", self.file)]
        return ConfigError(*ordered)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document, at a path. It iterates over the keys if it is a mapping."""

    document: Document
    path: Path = ()

    @property
    def value(self) -> Tree | None:
        """The value, if there is one."""
        return self.document.at(self.path)

    @property
    def word(self) -> Scalar | None:
        """The value if it is text; other values are reported elsewhere."""
        value = self.value
        return value if isinstance(value, Scalar) and value.kind in ("text", "number") else None

    def __iter__(self) -> Iterator[str]:
        value = self.value
        return iter(value if isinstance(value, dict) else ())

    def __getitem__(self, key: str) -> Tree | None:
        return self.below(key).value

    def below(self, *keys: str | int) -> Section:
        """The section at these keys."""
        return Section(self.document, (*self.path, *keys))

    def values(self) -> list[Section]:
        """The values of a mapping."""
        return [self.below(key) for key in self]

    def items(self) -> list[Section]:
        """The items of a list."""
        value = self.value
        return [self.below(at) for at in range(len(value))] if isinstance(value, list) else []

    def report(self, message: str, advice: str, *, at_key: bool = True) -> None:
        """Add a problem with it, at its key or at its value."""
        self.document.report(self.path, message, advice, at_key=at_key)


def problem(file: str, place: Place, message: str, advice: str) -> Problem:
    """A problem of the configuration."""
    return Problem("failed.config", message, advice, file, place.line, place.column)
