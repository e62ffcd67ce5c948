"""A user's regular expression over the tags of a repository, searched for, not anchored. It cannot hang: RE2 runs it in
time linear in the text, and is the dialect that Flux's users know.

What its named groups match is the key of the tag, from left to right; without one the whole tag is, as in Flux without
`extract`. A tag whose first named group matches nothing has no key; another one that matches nothing is empty.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The keys of tags, a list for each part of them.
Columns = tuple[list[str], ...]

_LIMIT: Final = 512
_MOST_GROUPS: Final = 5
#: Instructions of the compiled program. Where RE2 has to fall back from its automaton, time is text times program.
_PROGRAM_LIMIT: Final = 512

_CHARACTER = r"(?:[A-Za-z0-9_-]|\\[.d-]|\[(?:[A-Za-z0-9_.](?:-[A-Za-z0-9])?)+-?\])"
_STEP = rf"(?:{_CHARACTER}(?:\{{(?:0|[1-9][0-9]?)\}})?)"
# Anchored at the start, no branches, at most one open repeat and little after it: whatever engine runs it looks at a
# character a dozen times at most. The named group, itself not repeated, is unwrapped before.
_SIMPLE = re.compile(rf"\^(?:(?>{_STEP}*)(?:(?<![\^}}])[*+?](?>{_CHARACTER}{{0,12}}))?)\$?")
_NAMED = re.compile(r"\(\?P?<[A-Za-z0-9_]+>([^()]*)\)(?![*+?{])")
_NAME = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_EVERYTHING = frozenset(("", ".*", "^.*", ".*$", "^.*$", ".+", "^.+", ".+$", "^.+$"))


def check(expression: str) -> None:
    """Validate an expression before it is used. Raises ValueError, which says what to do, if it is not of RE2, too
    large, or names too many groups or one twice.
    """
    if len(expression) > _LIMIT:
        raise ValueError(f"a pattern has at most {_LIMIT} characters, not {len(expression)}")
    if not expression.isprintable():
        raise ValueError(f"the pattern {expression!r} contains characters that a tag cannot contain")
    compiled = _compiled(expression)
    if compiled.programsize > _PROGRAM_LIMIT:
        raise ValueError(
            f"the pattern {expression!r} is too large ({compiled.programsize} steps, at most {_PROGRAM_LIMIT}): "
            "use smaller counts in {braces}"
        )
    names = _NAME.findall(expression)
    if len(set(names)) < len(names):  # of groups with one name the library knows only the first
        raise ValueError(f"the pattern {expression!r} has a name for two groups: give each its own")
    if len(compiled.groupindex) > _MOST_GROUPS:
        raise ValueError(
            f"the pattern {expression!r} names {len(compiled.groupindex)} groups, and the limit is {_MOST_GROUPS}: "
            "name those that order the tags, and write the others as (?:...)"
        )


def extract(expression: str, tag: str) -> tuple[str, ...] | None:
    """The key of one tag; None if the expression does not match, or matches without its first named group."""
    matched, columns = _by_tag(expression, (tag,))
    return tuple(column[0] for column in columns) if matched else None


def scan(expression: str, tags: Sequence[str]) -> tuple[list[str], Columns]:
    """The tags that have a key, and their keys, a list for each part of the key. Tags follow the OCI grammar."""
    if expression in _EVERYTHING:
        matched = list(tags)
        return matched, (matched,)
    by_line = _by_line(expression)
    if by_line is None:
        return _by_tag(expression, tags)
    keys: list[str] = by_line.findall("\n".join(tags)) if tags else []
    if "" not in keys:
        return list(tags), (keys,)
    return [tag for tag, key in zip(tags, keys, strict=True) if key], ([key for key in keys if key],)


def matches(expression: str, data: bytes) -> Iterator[dict[str, tuple[int, int]]]:
    """Each match in a text, not in a tag: where its named groups stand, those that take part and are not empty."""
    compiled = _compiled(expression)
    for match in compiled.finditer(data):
        spans = {_name(name): match.span(number) for name, number in compiled.groupindex.items()}
        yield {name: (start, end) for name, (start, end) in spans.items() if 0 <= start < end}


def names(expression: str) -> frozenset[str]:
    """What its groups are called."""
    return frozenset(_name(name) for name in _compiled(expression).groupindex)


def _name(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def without(expression: str, tags: Sequence[str]) -> list[str]:
    """The tags that the expression does not match, in the given order."""
    by_line = _by_line(_NAMED.sub(r"\1", expression))
    if by_line is None:
        search = _compiled(expression).search
        return [tag for tag in tags if search(tag.encode()) is None]
    return [tag for tag, key in zip(tags, by_line.findall("\n".join(tags)), strict=True) if not key] if tags else []


def _by_tag(expression: str, tags: Sequence[str]) -> tuple[list[str], Columns]:
    compiled = _compiled(expression)
    # Bytes: tags are ASCII, and for str the library translates every offset.
    search, groups = compiled.search, sorted(compiled.groupindex.values())
    group, others = (groups[0], groups[1:]) if groups else (None, [])
    matched: list[str] = []
    keys: list[str] = []
    further: list[list[str]] = [[] for _ in others]
    for tag in tags:
        match = search(tag.encode())
        if match is None:
            continue
        start, end = (0, len(tag)) if group is None else match.span(group)
        if start < end:
            matched.append(tag)
            keys.append(tag[start:end])
            for number, column in zip(others, further, strict=True) if others else ():
                start, end = match.span(number)  # of equal numbers where the group takes no part
                column.append(tag[start:end])
    return matched, (keys, *further)


@functools.lru_cache(maxsize=64)
def _by_line(expression: str) -> re.Pattern[str] | None:
    """The same expression for Python's own engine, to scan all tags at once; None unless it is clearly safe. Every line
    yields its key, or nothing by the second branch. Five to ten times as fast as one call for each tag.
    """
    if not _SIMPLE.fullmatch(_NAMED.sub(r"\1", expression, count=1)):
        return None
    body = _NAMED.sub(r"(\1)", expression, count=1).removeprefix("^")
    line = body.removesuffix("$") + ("" if body.endswith("$") else ".*")
    return re.compile(rf"^(?:{line if '(' in line else f'({line})'}$|.*)", re.ASCII | re.MULTILINE)


@functools.lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:  # re2 has no types
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to standard error
    try:
        return re2.compile(expression.encode(), options)
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        hint = "; RE2 has no look-around and no back-references" if "perl operator" in why or "escape" in why else ""
        raise ValueError(f"the pattern {expression!r} is not a valid RE2 expression: {why}{hint}") from None
