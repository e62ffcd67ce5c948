"""What a tool keeps current, in words of ours, and what of it has no counterpart."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.errors import EditError, Problem, bugs_as
from gitops_bot.images import expression, kinds
from gitops_bot.images.duration import parse as duration
from gitops_bot.targets.yaml_values import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitops_bot.images.kinds import OnMove, PinShape
    from gitops_bot.targets.yaml_values import Placed

#: So many tags are enough for anybody: what a tool without a filter admits.
EVERY_TAG: Final = ".*"
_NAMED: Final = re.compile(
    r"\\.|\[\^?\]?(?>(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*)\]|\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>|\((?!\?)"
)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A setting of another tool without a counterpart: where it stands, what it is, and what to do instead; `bug` where
    one of our own hides it.
    """

    file: str
    line: int
    what: str
    next: str = ""
    bug: Problem | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ImageRule:
    """How one image is kept current; `policy` as it is written in `gitops-bot.yaml`, None where there is none; `name`
    is what it may be called. `group` is the proposal of its changes: an empty text is one of its own, None is for tools
    that have no such thing.
    """

    policy: Mapping[str, Any] | None
    name: str = ""
    pin: PinShape | None = None
    platforms: tuple[str, ...] = ()
    on_move: OnMove | None = None
    ignore: bool = False
    group: str | None = None


#: Kept by the tool as it is: nothing is proposed.
IGNORED: Final = ImageRule(None, ignore=True)


@dataclass(frozen=True, slots=True)
class Tracked:
    """An image that a tool keeps current in a directory or a file of this repository.

    `entry`, or `within` a file and a line, finds it where more than its repository is known; `source` is where its rule
    stands. `hints` may tell the environment, the first is the name of what asks for it. `propose` is as
    `gitops-bot.yaml` has it, and so is `values`: where the image stands in values of Helm, if the tool says it.
    """

    place: str
    repository: str
    rule: ImageRule
    source: tuple[str, int]
    entry: str | None = None
    within: tuple[str, int] | None = None
    hints: tuple[str, ...] = ()
    propose: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """What was found of one tool. `seen` says whether it is used here at all."""

    seen: bool = False
    tracked: tuple[Tracked, ...] = ()
    gaps: tuple[Gap, ...] = ()
    branches: tuple[str, ...] = ()


def gap(place: Placed, what: str, advice: str = "") -> Gap:
    """What has no counterpart, where it stands."""
    return Gap(place.file, place.line, what, advice)


@contextmanager
def bugs_to(gaps: list[Gap], file: str, about: str = "") -> Iterator[None]:
    """A bug in the block becomes a gap of this file."""
    try:
        with bugs_as(EditError, about):
            yield
    except EditError as error:
        gaps.append(Gap(file, 1, error.problem.message, error.problem.next, error.problem))


def resources(files: Iterable[tuple[str, bytes]], gaps: list[Gap]) -> Iterator[Placed]:
    """The resources in these files; those that cannot be read are added to the gaps."""
    for file, data in files:
        parsed: Iterable[Placed] = ()
        with bugs_to(gaps, file):
            if (read := documents(data.decode("utf-8", "replace"), file)) is None:
                gaps.append(Gap(file, 1, "this file cannot be read as YAML", "move what it says by hand"))
            parsed = read or ()
        yield from parsed


def check(written: Mapping[str, Any]) -> None:
    """Validate a policy before it is written. Raises ValueError, saying why, if the configuration would refuse it."""
    exclude = written.get("exclude", ())
    match written:
        case {"digest": tag}:
            kinds.Follow(tag)
        case {"semver": versions}:
            kinds.Semver(versions, pattern=written.get("pattern"), exclude=exclude)
        case {"pattern": pattern, "order": "newest"}:
            kinds.Newest(pattern, exclude=exclude)
        case {"pattern": pattern, "order": order}:
            kinds.Pattern(pattern, order=order, exclude=exclude)
    if "minimum_age" in written:
        duration(written["minimum_age"])


def without_names(pattern: str) -> str:
    """The same expression with groups that have no name: a named one would be what is ordered."""
    return _NAMED.sub(lambda match: "(?:" if match[1] else match[0], pattern)


def with_key(pattern: str, group: str) -> str | None:
    """The same expression in which only this group, by its name or number, is what is ordered; None without it."""
    number = 0
    has_group = False

    def rename(match: re.Match[str]) -> str:
        nonlocal number, has_group
        if not match[1] and match[0] != "(":
            return match[0]
        number += 1
        if group in (match[1], str(number)):
            has_group = True
            return f"(?P<{match[1] or 'key'}>"
        return "(?:"

    changed = _NAMED.sub(rename, pattern)
    return changed if has_group else None


def of_glob(glob: str) -> str:
    """An expression for a glob of a shell: `*`, `?`, and classes; `!` does not negate, as in Go."""
    return "^" + "".join(_of_glob(glob)) + "$"


def _of_glob(glob: str) -> Iterator[str]:
    for part in re.finditer(r"\\([\s\S])|(\[\^?(?:\\.|[^\]\\])*\])|([\s\S])", glob):
        match part[3]:
            case None:
                yield part[2] or re.escape(part[1])
            case "*":
                yield ".*"
            case "?":
                yield "."
            case char:
                yield re.escape(char)


def compiles(pattern: str) -> str | None:
    """Why an expression cannot be used, None where it can."""
    try:
        expression.check(pattern)
    except ValueError as error:
        return str(error)
    return None


def as_name(text: str, fallback: str) -> str:
    """A name for a policy or an environment, like the text."""
    return _NO_NAME.sub("-", text).strip("-._")[:50] or fallback
