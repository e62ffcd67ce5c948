"""What `docker build` would be given: the files of the project that .dockerignore leaves in."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from tests.container.dockerfile import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def make(project: Path, target: Path) -> None:
    """Copy what the build may see of `project` to `target`."""
    rules = [
        line
        for raw in (project / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if (line := raw.strip()) and not line.startswith("#")
    ]
    named = [path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts]
    for name in left(rules, (path.relative_to(project).as_posix() for path in named)):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project / name, place)


def left(rules: Sequence[str], names: Iterable[str]) -> list[str]:
    """The names that stay in: the last rule that matches a name, or a folder above it, decides."""
    patterns = [(not rule.startswith("!"), _pattern(rule.removeprefix("!"))) for rule in rules]
    return [name for name in names if not _excluded(name, patterns)]


def _excluded(name: str, patterns: Iterable[tuple[bool, re.Pattern[str]]]) -> bool:
    parts = name.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    decided = [excludes for excludes, pattern in patterns if any(map(pattern.fullmatch, above))]
    return bool(decided) and decided[-1]


def _pattern(rule: str) -> re.Pattern[str]:
    if re.search(r"[\[\]\\?]", rule):
        raise Unsupported(f".dockerignore: {rule}")
    pieces = re.split(r"(\*\*/|\*\*|\*)", rule.strip("/"))
    meant = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(meant.get(piece) or re.escape(piece) for piece in pieces))
