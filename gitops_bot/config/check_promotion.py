"""Checks `promote_from` across environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import meant
from gitops_bot.config.places import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config.places import Document

#: How many environments of a circle are listed.
_MOST_NAMED = 10


def check(document: Document, environments: Iterable[str]) -> None:
    """Add a problem for each unknown source, and for each key that needs another one."""
    names = dict.fromkeys(environments)
    sources: dict[str, str] = {}
    for name in names:
        source = _source(document, name, names)
        if source is not None:
            sources[name] = source
        _keys(document, name)
    for circle in _circles(sources):
        _tell_circle(document, circle)


def _source(document: Document, name: str, names: Mapping[str, None]) -> str | None:
    """The environment in `promote_from`, if it is a different one."""
    path = ("environments", name, "promote_from")
    source = document.at(path)
    if not isinstance(source, Scalar) or source.kind not in ("text", "number"):
        return None  # told by its form, where it is there
    if source == name:
        advice = "set the environment that runs a pin first, or remove `promote_from`"
        document.tell(document.value(path), f"{quoted(name)} cannot be promoted from itself", advice)
        return None
    if source not in names:
        others = (each for each in names if each != name)
        advice = meant(document, source, "environments", others) or "write it under `environments`"
        document.tell(document.value(path), f"there is no environment {quoted(source)}", advice)
        return None
    return str(source)


def _keys(document: Document, name: str) -> None:
    """`match` and `tag` are valid without `promote_from`: the `promote` command uses them too."""
    path = ("environments", name)
    soak = document.at((*path, "soak"))
    if soak is not None and document.at((*path, "promote_from")) is None:
        message = "`soak` is how long another environment runs a pin first, but there is no `promote_from` to say which"
        document.tell(document.key((*path, "soak")), message, "set `promote_from`, or remove `soak`")
    if document.at((*path, "match")) == "revision" and document.at((*path, "tag")) != "release":
        message = "`match: revision` looks for the version tag of the same revision, so it needs `tag: release`"
        document.tell(document.value((*path, "match")), message, "set `tag: release` too, or remove `match`")


def _circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Circles: environments that each promote from the next, and the last from the first. Visits each once."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in sources:
        way: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in way:
            way[name] = None
            name = sources.get(name)
        if name in way:
            names = list(way)
            found.append(names[names.index(name) :])
        done |= way.keys()
    return found


def _tell_circle(document: Document, circle: Sequence[str]) -> None:
    """Report it at each of its places: any of them may be the wrong one."""
    for at, name in enumerate(circle):
        named = [quoted(circle[(at + step) % len(circle)]) for step in range(min(len(circle), _MOST_NAMED))]
        last = quoted(name) if len(circle) <= _MOST_NAMED else "..."
        message = f"promotions go in a circle: {' from '.join([*named, last])}"
        place = document.value(("environments", name, "promote_from"))
        advice = "remove `promote_from` from the environment that gets new pins first"
        document.tell(place, message, advice)
